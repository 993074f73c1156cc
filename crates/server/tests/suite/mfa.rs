//! Authenticator apps and recovery codes as their users meet them.

use axum::http::Method;
use serde_json::{Value, json};
use stile_core::settings::Enrollment;
use stile_server::delivery::Content;

use crate::world::{World, settings};

const ANN: &str = "ann@example.com";

#[tokio::test]
async fn an_app_is_enrolled_by_its_first_code_and_steps_up_after_that() {
    let world = World::new().await;
    let page = world.signed_in(ANN).await;
    let app = page.begin_totp().await;
    let devices = page.get("/users/mfa").await.ok();
    assert_eq!((&devices["count"], &devices["devices"][0]["verified"]), (&json!(1), &json!(false)));
    let methods = page.get("/users/mfa/methods?verifiedOnly=true").await.ok();
    assert_eq!((&methods["userHasVerifiedMfaMethods"], &methods["devices"]), (&json!(false), &json!([])));

    page.totp(Some(&app.id), &app.wrong(&world), &[]).await.refused(422, "mfa_invalid_code");
    let session = page.totp(Some(&app.id), &app.code(&world), &["vault:open"]).await.ok();
    assert!(session["elevatedAccessToken"].is_string());
    assert_eq!(session["user"]["mfaBackupCodeAcknowledgement"], "pending");
    let page = page.holding(&session);
    let device = page.get(&format!("/users/mfa/{}", app.id)).await.ok();
    assert_eq!(
        (&device["verified"], &device["default"], &device["type"]),
        (&json!(true), &json!(true), &json!("totp"))
    );

    let check = page.post("/stepUp/check", json!({ "scope": "vault:open" })).await.ok();
    assert_eq!(check["credentials"], json!([{ "id": app.id, "format": "totp", "type": "totp" }]));
    assert_eq!(check["defaultCredentialId"], json!(app.id));
    assert_eq!(check["satisfiedBy"], json!({ "strength": "mfa", "singleUse": true, "tokenSeconds": 300 }));

    // The code that verified the device is used up.
    page.totp(None, &app.code(&world), &["vault:open"]).await.refused(422, "mfa_invalid_code");
    world.advance(30);
    let session = page.totp(None, &app.code(&world), &["vault:open"]).await.ok();
    let token = session["elevatedAccessToken"].as_str().unwrap().to_owned();
    world.consume(&token, &page.user_id().await, "one").await.ok();
    let mails = world.mails(ANN).await;
    assert_eq!(mails.iter().filter(|m| matches!(m, Content::TotpAdded { .. })).count(), 1);
    let audit = world.audit().await;
    for event in ["totp.begun", "totp.refused", "totp.added", "mfa.wrong"] {
        assert!(audit.iter().any(|e| e == event), "{event}");
    }
}

#[tokio::test]
async fn codes_are_shown_until_acknowledged_used_once_and_die_with_the_last_factor() {
    let world = World::new().await;
    let (page, app) = world.with_totp(ANN).await;
    let codes = page.recovery_codes().await;
    assert_eq!(codes.len(), 10);
    assert_eq!(page.recovery_codes().await, codes, "the same until they are acknowledged");
    let session = page.put("/users", json!({ "mfaBackupCodeAcknowledgement": "complete" })).await.ok();
    assert_eq!(session["user"]["mfaBackupCodeAcknowledgement"], "complete");
    page.put("/users", json!({ "mfaBackupCodeAcknowledgement": "complete" })).await.ok();
    page.get("/users/mfa/recovery").await.refused(422, "recovery_codes_acknowledged");

    let session = page.recover(&codes[0].to_lowercase().replace('-', " "), &["vault:open"]).await.ok();
    assert!(session["elevatedAccessToken"].is_string());
    page.recover(&codes[0], &[]).await.refused(422, "mfa_invalid_code");
    assert_eq!(page.get("/users/mfa/methods").await.ok()["recoveryCodesLeft"], 9);
    for code in &codes[1..7] {
        page.recover(code, &[]).await.ok();
    }
    let lefts: Vec<u32> = world
        .mails(ANN)
        .await
        .iter()
        .filter_map(|m| if let Content::RecoveryCodeUsed { left, .. } = m { Some(*left) } else { None })
        .collect();
    assert_eq!(lefts, [9, 8, 7, 6, 5, 4, 3]);

    let session = page.totp(None, &app.code(&world), &["credential:unlink"]).await.ok();
    let fresh = page.post("/users/mfa/recovery", json!({})).await.ok();
    page.recover(&codes[8], &[]).await.refused(422, "mfa_invalid_code");
    let token = session["elevatedAccessToken"].as_str().unwrap();
    page.elevated(Method::DELETE, &format!("/users/mfa/{}", app.id), None, token).await.no_content();
    assert_eq!(page.get("/users").await.ok()["mfaBackupCodeAcknowledgement"], Value::Null);
    let left = fresh["recoveryCodes"][0].as_str().unwrap();
    page.recover(left, &[]).await.refused(422, "recovery_codes_not_available");
    assert_eq!(page.get("/users/mfa/methods").await.ok()["recoveryCodesLeft"], 0);
}

#[tokio::test]
async fn enrolling_at_sign_up_and_passing_at_each_sign_in() {
    let mut strict = settings();
    strict.security.mfa.enabled = true;
    strict.security.mfa.enrollment = Enrollment::Signup;
    let world = World::with(strict).await;
    let pending = world.signed_in(ANN).await;
    assert_eq!(pending.get("/users").await.ok()["scope"], "requiresAdditionalAuth");
    let app = pending.begin_totp().await;
    let session = pending.totp(None, &app.code(&world), &[]).await.ok();
    assert_eq!(session["user"]["scope"], "user:basic");
    pending.get("/users").await.refused(401, "session_ended");
    let codes = pending.holding(&session).recovery_codes().await;

    let again = world.signed_in(ANN).await;
    assert_eq!(again.get("/users").await.ok()["scope"], "requiresAdditionalAuth");
    again.get("/users/mfa/register/totp").await.refused(422, "max_mfa_devices_per_user");
    again.get("/users/passkeys").await.ok();
    world.advance(30);
    let session = again.totp(None, &app.code(&world), &["credential:link"]).await.ok();
    assert_eq!(session["user"]["scope"], "user:basic");
    assert!(session["elevatedAccessToken"].is_string());

    let third = world.signed_in(ANN).await;
    let session = third.recover(&codes[0], &["credential:unlink"]).await.ok();
    assert_eq!(session["user"]["scope"], "user:basic");
    let third = third.holding(&session);
    third.get("/users/mfa/recovery").await.refused(403, "recent_mfa_required");
    let token = session["elevatedAccessToken"].as_str().unwrap();
    third.elevated(Method::DELETE, &format!("/users/mfa/{}", app.id), None, token).await.no_content();
    // The address was proved moments ago: a new first factor can be enrolled at once.
    let app = third.begin_totp().await;
    third.totp(None, &app.code(&world), &[]).await.ok();
}

#[tokio::test]
async fn the_default_is_the_users_choice_and_else_the_newest() {
    let world = World::new().await;
    let (page, mut passkey) = world.with_passkey(ANN).await;
    let token = page.step_up(&mut passkey, &["credential:link"]).await;
    let begun = page.elevated(Method::GET, "/users/mfa/register/totp", None, &token).await.ok();
    let again = page.elevated(Method::GET, "/users/mfa/register/totp", None, &token).await.ok();
    assert_eq!(begun, again, "the same token gives the same device");
    let app = crate::totp_app::TotpApp::scan(&begun);
    page.totp(None, &app.code(&world), &[]).await.ok();
    let default = async || {
        page.post("/stepUp/check", json!({ "scope": "vault:open" })).await.ok()["defaultCredentialId"].clone()
    };
    assert_eq!(default().await, json!(app.id));
    let passkeys = page.get("/users/passkeys").await.ok();
    let id = passkeys["passkeys"][0]["id"].as_str().unwrap();
    page.send(Method::PUT, &page.sdk(&format!("/users/mfa/{id}")), None, &[]).await.no_content();
    assert_eq!(default().await, json!(id));
    assert_eq!(page.get("/users/mfa").await.ok()["devices"][0]["default"], false);
    page.put(&format!("/users/mfa/{}", app.id), json!({ "default": true, "alias": " Phone " }))
        .await
        .no_content();
    assert_eq!(default().await, json!(app.id));
    assert_eq!(page.get("/users/mfa").await.ok()["devices"][0]["alias"], "Phone");
    page.put(&format!("/users/mfa/{}", app.id), json!({ "default": false }))
        .await
        .refused(422, "invalid_update");
}

#[tokio::test]
async fn sessions_are_listed_and_ended() {
    let world = World::new().await;
    let mut first = world.page();
    first.headers.push(("user-agent".into(), "Firefox".into()));
    let first = world.sign_in_on(first, ANN).await;
    world.advance(60);
    let second = world.signed_in(ANN).await;
    let third = world.signed_in(ANN).await;
    let listed = third.get("/users/sessions").await.ok();
    assert_eq!(listed["count"], 3);
    let oldest = &listed["sessions"][2];
    assert_eq!((&oldest["userAgent"], &oldest["current"]), (&json!("Firefox"), &json!(false)));
    let path = format!("/users/sessions/{}", oldest["id"].as_str().unwrap());
    let end = |path: &str| (Method::DELETE, third.sdk(path));
    let (method, url) = end(&path);
    third.send(method, &url, None, &[]).await.no_content();
    first.get("/users").await.refused(401, "session_ended");
    let (method, url) = end(&path);
    third.send(method, &url, None, &[]).await.refused(404, "not_found");
    let (method, url) = end("/users/sessions");
    assert_eq!(third.send(method, &url, None, &[]).await.ok()["ended"], 1);
    second.get("/users").await.refused(401, "session_ended");
    third.get("/users").await.ok();
}
