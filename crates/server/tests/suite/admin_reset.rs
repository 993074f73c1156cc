//! Attacks on the operator's reset, and what it ends.

use axum::http::Method;
use serde_json::{Value, json};
use stile_core::EnvironmentId;
use stile_core::settings::ApiVersion;
use stile_server::delivery::Content;
use stile_server::flows::environments;

use crate::totp_app::TotpApp;
use crate::world::{ENVIRONMENT, OTHER_ENVIRONMENT, Page, Reply, World, settings};

const ANN: &str = "ann@example.com";
const BOB: &str = "bob@example.com";

/// An API token of this environment with these scopes.
pub async fn api_token(world: &World, environment: EnvironmentId, scopes: &[&str]) -> String {
    let scopes: Vec<_> = scopes.iter().map(|&scope| scope.to_owned()).collect();
    let (_, token) = environments::create_token(
        &world.app.store,
        &world.app.keys,
        world.now(),
        environment,
        "ops",
        &scopes,
    )
    .await
    .unwrap();
    token.to_string()
}

/// A call of an operator's backend.
pub async fn call(
    world: &World,
    method: Method,
    path: &str,
    bearer: Option<&str>,
    body: Option<Value>,
) -> Reply {
    let page = Page { bearer: bearer.map(str::to_owned), origin: None, ..world.page() };
    page.send(method, path, body.map(|b| b.to_string()), &[]).await
}

/// CVE-2026-64866 (New API), CVE-2021-3632: a reset needs an API token of this very environment with the scope for it.
#[tokio::test]
async fn only_an_api_token_with_the_scope_resets() {
    let world = World::new().await;
    let (page, app) = world.with_totp(ANN).await;
    let user = page.user_id().await;
    let right = api_token(&world, ENVIRONMENT, &["environment.users.write"]).await;
    let foreign = api_token(&world, OTHER_ENVIRONMENT, &["environment.users.write"]).await;
    let (delete, post) = (format!("/api/v0/users/{user}/mfa"), format!("/api/v0/users/{user}/mfa/reset"));
    for (method, path) in [(Method::DELETE, &delete), (Method::POST, &post)] {
        let refusals = [
            (None, 401, "invalid_api_token"),
            (Some("x"), 401, "invalid_api_token"),
            (page.bearer.as_deref(), 401, "invalid_api_token"),
            (Some(world.api_token.as_str()), 403, "api_token_forbidden"),
            (Some(foreign.as_str()), 404, "user_not_found"),
        ];
        for (bearer, status, code) in refusals {
            call(&world, method.clone(), path, bearer, None).await.refused(status, code);
        }
        for id in ["00000000-0000-0000-0000-000000000000", "x", "..", "%2e%2e"] {
            let path = path.replace(&user, id);
            let reply = call(&world, method.clone(), &path, Some(&right), None).await;
            assert!([404, 405].contains(&reply.status.as_u16()), "{path}: {}", reply.body);
        }
    }
    for body in [json!({ "reason": "x".repeat(201) }), json!({ "reason": "a\nb" }), json!({ "secret": "x" })]
    {
        call(&world, Method::POST, &post, Some(&right), Some(body)).await.refused(400, "invalid_body");
    }
    assert_eq!(page.get("/users/mfa").await.ok()["devices"][0]["id"], app.id);
    call(&world, Method::DELETE, &delete, Some(&right), None).await.no_content();
}

/// Nothing of before outlives a reset: sessions, elevated and legacy tokens, codes, waiting devices, locks. And it
/// chooses nothing for the user (ASVS 6.4.6).
#[tokio::test]
async fn a_reset_ends_everything_and_chooses_nothing() {
    let mut old = settings();
    old.sdk.min_api_version = ApiVersion::V20260101;
    old.security.mfa.max_totp_per_user = 2;
    let world = World::with(old).await;
    let (page, app) = world.with_totp(ANN).await;
    let (bob, bobs) = world.with_totp(BOB).await;
    let user = page.user_id().await;
    let codes = page.recovery_codes().await;
    let body = json!({ "code": app.code(&world), "createMfaToken": { "singleUse": false },
                       "requestedScopes": ["credential:link"] });
    let session = page.post("/users/mfa/auth/totp", body).await.ok();
    let held = session["elevatedAccessToken"].as_str().unwrap().to_owned();
    let begun = page.elevated(Method::GET, "/users/mfa/register/totp", None, &held).await.ok();
    let waiting = TotpApp::scan(&begun);
    world.advance(30);
    let vault = page.totp(None, &app.code(&world), &["vault:open"]).await.ok();
    let vault = vault["elevatedAccessToken"].as_str().unwrap().to_owned();
    let other = world.signed_in(ANN).await;
    for _ in 0..5 {
        other.totp(None, &app.wrong(&world), &[]).await;
    }

    let right = api_token(&world, ENVIRONMENT, &["environment.users.write"]).await;
    let path = format!("/api/v0/users/{user}/mfa/reset");
    let body = json!({ "reason": "lost phone, ticket 7" });
    call(&world, Method::POST, &path, Some(&right), Some(body)).await.no_content();
    for page in [&page, &other] {
        page.get("/users").await.refused(401, "session_ended");
        page.totp(Some(&waiting.id), &waiting.code(&world), &[]).await.refused(401, "session_ended");
        page.post("/refresh", json!({})).await.refused(401, "session_ended");
    }
    world.consume(&vault, &user, "one").await.refused(403, "elevated_token_invalid");

    let page = world.signed_in(ANN).await;
    assert_eq!(page.user_id().await, user);
    let methods = page.get("/users/mfa/methods?verifiedOnly=false").await.ok();
    assert_eq!(methods["userHasVerifiedMfaMethods"], false);
    assert_eq!((&methods["devices"], &methods["recoveryCodesLeft"]), (&json!([]), &json!(0)));
    assert_eq!(page.get("/users").await.ok()["mfaBackupCodeAcknowledgement"], Value::Null);
    page.recover(&codes[0], &[]).await.refused(422, "recovery_codes_not_available");
    page.totp(None, &app.code(&world), &[]).await.refused(422, "mfa_device_not_found");
    let legacy = session["mfaToken"].as_str().unwrap();
    let headers = [("x-mfa-auth-token", legacy)];
    page.send(Method::DELETE, &page.sdk("/users"), None, &headers).await.refused(403, "mfa_token_invalid");
    // The lock is gone with the factors that it guarded.
    let fresh = page.begin_totp().await;
    page.totp(None, &fresh.code(&world), &[]).await.ok();
    page.recover(&codes[0], &[]).await.refused(422, "mfa_invalid_code");

    let mails = world.mails(ANN).await;
    assert_eq!(mails.iter().filter(|m| matches!(m, Content::MfaReset { .. })).count(), 1);
    let audit = world.audit_rows().await;
    let event = audit.iter().find(|row| row.event == "mfa.reset").unwrap();
    assert!(event.detail.to_string().contains("lost phone, ticket 7"));
    // Nobody else was touched.
    bob.totp(None, &bobs.code(&world), &[]).await.ok();
}

/// A reset takes passkeys too, and may be repeated: the address is the way in that stays.
#[tokio::test]
async fn a_reset_takes_passkeys_and_may_be_repeated() {
    let world = World::new().await;
    let (page, _) = world.with_passkey(ANN).await;
    let user = page.user_id().await;
    let right = api_token(&world, ENVIRONMENT, &["environment.users.write"]).await;
    let path = format!("/api/v0/users/{user}/mfa");
    call(&world, Method::DELETE, &path, Some(&right), None).await.no_content();
    let page = world.signed_in(ANN).await;
    assert_eq!(page.get("/users/passkeys").await.ok()["passkeys"], json!([]));
    call(&world, Method::DELETE, &path, Some(&right), None).await.no_content();
    page.get("/users").await.refused(401, "session_ended");
}

/// Sessions are listed and ended by their own user alone (CVE-2025-61928 in spirit).
#[tokio::test]
async fn sessions_of_others_are_neither_seen_nor_ended() {
    let world = World::new().await;
    let ann = world.signed_in(ANN).await;
    let bob = world.signed_in(BOB).await;
    let listed = ann.get("/users/sessions").await.ok();
    assert_eq!((&listed["count"], &listed["sessions"][0]["current"]), (&json!(1), &json!(true)));
    let id = listed["sessions"][0]["id"].as_str().unwrap();
    let path = bob.sdk(&format!("/users/sessions/{id}"));
    bob.send(Method::DELETE, &path, None, &[]).await.refused(404, "not_found");
    let path = bob.sdk("/users/sessions/x");
    bob.send(Method::DELETE, &path, None, &[]).await.refused(404, "not_found");
    assert_eq!(bob.send(Method::DELETE, &bob.sdk("/users/sessions"), None, &[]).await.ok()["ended"], 0);
    ann.get("/users").await.ok();
    let foreign = Page { environment: OTHER_ENVIRONMENT, ..bob.clone() };
    let path = foreign.sdk(&format!("/users/sessions/{id}"));
    foreign.send(Method::DELETE, &path, None, &[]).await.refused(401, "unauthorized");
    ann.get("/users").await.ok();
}
