//! Attacks on enrolling and removing second factors.

use axum::http::Method;
use serde_json::{Value, json};
use stile_core::settings::{Enrollment, ScopeRule, Settings};

use crate::authenticator::Authenticator;
use crate::totp_app::TotpApp;
use crate::world::{ORIGIN, Page, World, settings};

const ANN: &str = "ann@example.com";
const BOB: &str = "bob@example.com";
const BEGIN: &str = "/users/mfa/register/totp";

fn several() -> Settings {
    let mut settings = settings();
    settings.security.mfa.max_totp_per_user = 3;
    settings
}

fn token(session: &Value) -> String {
    session["elevatedAccessToken"].as_str().unwrap().to_owned()
}

/// A device that a fresh token of this app permits.
async fn begun_beside(world: &World, page: &Page, app: &TotpApp) -> TotpApp {
    let session = page.totp(Some(&app.id), &app.code(world), &["credential:link"]).await.ok();
    TotpApp::scan(&page.elevated(Method::GET, BEGIN, None, &token(&session)).await.ok())
}

/// CVE-2023-3597 (Keycloak): what was begun when there was no factor is not finished beside one.
#[tokio::test]
async fn a_device_begun_before_the_owner_enrolled_is_not_verified_after() {
    let world = World::with(several()).await;
    let thief = world.signed_in(ANN).await;
    let begun = thief.begin_totp().await;
    let (owner, _) = world.with_totp(ANN).await;
    thief.totp(Some(&begun.id), &begun.code(&world), &[]).await.refused(403, "mfa_required");
    thief.totp(Some(&begun.id), &begun.code(&world), &["credential:link"]).await.refused(403, "mfa_required");
    assert_eq!(owner.get("/users/mfa").await.ok()["count"], 1);
    // The same with a passkey as the owner's factor, and with a passkey as the thief's.
    let world = World::with(several()).await;
    let thief = world.signed_in(ANN).await;
    let begun = thief.begin_totp().await;
    let options = thief.get("/users/passkeys/register").await.ok();
    world.with_passkey(ANN).await;
    thief.totp(Some(&begun.id), &begun.code(&world), &[]).await.refused(403, "mfa_required");
    let body = Authenticator::new().register(&options, ORIGIN);
    thief.post("/users/passkeys/register", body).await.refused(403, "elevated_token_required");
}

/// CVE-2023-3597 the other way round: a device that a factor permitted dies with that factor. A thief with the secret
/// of an app begins another; the owner removes the app; the other is worth nothing.
#[tokio::test]
async fn a_device_permitted_by_a_factor_that_was_removed_is_not_verified() {
    let world = World::with(several()).await;
    let (owner, mut passkey) = world.with_passkey(ANN).await;
    let link = owner.step_up(&mut passkey, &["credential:link"]).await;
    let stolen = TotpApp::scan(&owner.elevated(Method::GET, BEGIN, None, &link).await.ok());
    owner.totp(Some(&stolen.id), &stolen.code(&world), &[]).await.ok();
    world.advance(30);
    let thief = world.signed_in(ANN).await;
    let begun = begun_beside(&world, &thief, &stolen).await;
    let unlink = owner.step_up(&mut passkey, &["credential:unlink"]).await;
    owner.elevated(Method::DELETE, &format!("/users/mfa/{}", stolen.id), None, &unlink).await.no_content();
    thief.totp(Some(&begun.id), &begun.code(&world), &[]).await.refused(403, "mfa_required");
    assert_eq!(owner.get("/users/mfa").await.ok()["count"], 0);
}

/// A waiting device is judged as a token by the same proof would be: a rule on the age of proofs ends it, too.
#[tokio::test]
async fn a_device_stands_on_a_proof_that_grows_old() {
    let mut settings = several();
    settings.scopes.push(ScopeRule { max_age_seconds: Some(120), ..ScopeRule::new("credential:link") });
    let world = World::with(settings).await;
    let (page, app) = world.with_totp(ANN).await;
    let begun = begun_beside(&world, &page, &app).await;
    world.advance(121);
    page.totp(Some(&begun.id), &begun.code(&world), &[]).await.refused(403, "mfa_required");
    let begun = begun_beside(&world, &page, &app).await;
    world.advance(100);
    page.totp(Some(&begun.id), &begun.code(&world), &[]).await.ok();
}

/// Devices do not survive a recovery, nor a reset by an operator: neither does what permitted them.
#[tokio::test]
async fn a_device_begun_before_a_recovery_is_not_verified_after() {
    let world = World::with(several()).await;
    let (owner, app) = world.with_totp(ANN).await;
    let codes = owner.recovery_codes().await;
    let thief = world.signed_in(ANN).await;
    let begun = begun_beside(&world, &thief, &app).await;
    owner.recover(&codes[0], &[]).await.ok();
    thief.totp(Some(&begun.id), &begun.code(&world), &[]).await.refused(403, "mfa_required");
    // Nor is it shown again for the token that it was begun with.
    world.advance(30);
    let begun = begun_beside(&world, &owner, &app).await;
    let session = owner.recover(&codes[1], &["credential:link"]).await.ok();
    let again = owner.elevated(Method::GET, BEGIN, None, &token(&session)).await.ok();
    assert_ne!(again["id"], begun.id);
}

/// CVE-2026-45337, GHSA-cq3f-vc6p-68fh (better-auth), CVE-2026-37982 (Keycloak): a pending enrolment is its session's.
#[tokio::test]
async fn a_device_begun_in_another_session_is_none() {
    let world = World::new().await;
    let first = world.signed_in(ANN).await;
    let second = world.signed_in(ANN).await;
    let bob = world.signed_in(BOB).await;
    let app = first.begin_totp().await;
    for page in [&second, &bob] {
        for id in [Some(app.id.as_str()), None] {
            page.totp(id, &app.code(&world), &[]).await.refused(422, "mfa_device_not_found");
        }
        assert_eq!(page.get("/users/mfa").await.ok()["count"], 0);
        page.get(&format!("/users/mfa/{}", app.id)).await.refused(404, "not_found");
    }
    first.totp(None, &app.code(&world), &[]).await.ok();
}

/// A device waits ten minutes, belongs to one session id, and its secret is shown once to a bearer.
#[tokio::test]
async fn a_device_waits_ten_minutes_and_no_bearer_is_shown_its_secret_again() {
    let world = World::new().await;
    let page = world.signed_in(ANN).await;
    let old = page.begin_totp().await;
    let new = page.begin_totp().await;
    assert_ne!(old.id, new.id);
    assert_ne!(old.code(&world), new.code(&world), "a new secret, unless one in a million");
    page.totp(Some(&old.id), &old.code(&world), &[]).await.refused(422, "mfa_device_not_found");
    world.advance(599);
    assert_eq!(page.get("/users/mfa").await.ok()["count"], 1);
    world.advance(2);
    page.totp(Some(&new.id), &new.code(&world), &[]).await.refused(422, "mfa_device_not_found");
    assert_eq!(page.get("/users/mfa").await.ok()["count"], 0);
    page.get(BEGIN).await.refused(403, "elevated_token_required");

    let token = token(&page.email_step_up(&world, ANN, &["credential:link"]).await.ok());
    world.advance(301);
    let begun = page.elevated(Method::GET, BEGIN, None, &token).await.ok();
    assert_eq!(page.elevated(Method::GET, BEGIN, None, &token).await.ok(), begun);
    page.get(BEGIN).await.refused(403, "elevated_token_required");
    // And another session nothing for the same token: it gets a secret of its own for its own recent proof.
    let other = world.signed_in(ANN).await;
    assert_ne!(other.elevated(Method::GET, BEGIN, None, &token).await.ok()["secret"], begun["secret"]);
    world.advance(300);
    other.elevated(Method::GET, BEGIN, None, &token).await.refused(403, "elevated_token_expired");
}

/// CVE-2023-3597 (Keycloak): a session that owes its factor enrols nothing beside it, by no road.
#[tokio::test]
async fn a_pending_session_enrols_no_app_beside_an_existing_factor() {
    let mut strict = several();
    strict.security.mfa.enabled = true;
    strict.recent_proof.link_seconds = 3_600;
    strict.recent_proof.first_factor_seconds = 3_600;
    let world = World::with(strict).await;
    let (_, app) = world.with_totp(ANN).await;
    let pending = world.signed_in(ANN).await;
    assert_eq!(pending.get("/users").await.ok()["scope"], "requiresAdditionalAuth");
    pending.get(BEGIN).await.refused(403, "elevated_token_required");
    pending.enrol(&mut Authenticator::new()).await.refused(403, "elevated_token_required");
    for scope in ["credential:link", "credential:unlink", "vault:open"] {
        pending.email_step_up(&world, ANN, &[scope]).await.refused(403, "additional_auth_required");
    }
    pending.get(BEGIN).await.refused(403, "elevated_token_required");
    // The right code finishes the sign-in, and only the session after that enrols.
    let session = pending.totp(None, &app.code(&world), &["credential:link"]).await.ok();
    let held = token(&session);
    pending.elevated(Method::GET, BEGIN, None, &held).await.refused(401, "session_ended");
    pending.holding(&session).elevated(Method::GET, BEGIN, None, &held).await.ok();
}

/// CVE-2026-3429 (Keycloak), CVE-2025-64103 (Zitadel): with the first factor alone no second one is removed, whether
/// the environment demands one at sign-in or not.
#[tokio::test]
async fn a_first_factor_removes_no_device() {
    for enabled in [false, true] {
        let mut settings = settings();
        settings.security.mfa.enabled = enabled;
        let world = World::with(settings).await;
        let (owner, app) = world.with_totp(ANN).await;
        let thief = world.signed_in(ANN).await;
        let path = thief.sdk(&format!("/users/mfa/{}", app.id));
        let code = if enabled { "additional_auth_required" } else { "elevated_token_required" };
        thief.send(Method::DELETE, &path, None, &[("x-mfa-auth-token", "")]).await.refused(403, code);
        let asked = thief.email_step_up(&world, ANN, &["credential:unlink"]).await;
        asked.refused(403, if enabled { code } else { "mfa_required" });
        if enabled {
            thief.put(&format!("/users/mfa/{}", app.id), json!({ "alias": "x" })).await.refused(403, code);
            thief.get("/users/sessions").await.refused(403, code);
        }
        assert_eq!(owner.get("/users/mfa").await.ok()["devices"][0]["verified"], true);
    }
}

/// CVE-2025-61928 (better-auth): whose device it is follows from the session.
#[tokio::test]
async fn nobody_touches_another_users_device() {
    let world = World::new().await;
    let (ann, app) = world.with_totp(ANN).await;
    let (bob, bobs) = world.with_totp(BOB).await;
    let unlink = token(&bob.totp(None, &bobs.code(&world), &["credential:unlink"]).await.ok());
    let path = format!("/users/mfa/{}", app.id);
    bob.elevated(Method::DELETE, &path, None, &unlink).await.refused(404, "not_found");
    bob.put(&path, json!({ "alias": "mine" })).await.refused(404, "not_found");
    bob.send(Method::PUT, &bob.sdk(&path), None, &[]).await.refused(404, "not_found");
    bob.get(&path).await.refused(404, "not_found");
    world.advance(30);
    // A right code of Ann's device is none of Bob's, and Bob's token is none of Ann's.
    bob.totp(Some(&app.id), &app.code(&world), &[]).await.refused(422, "mfa_device_not_found");
    bob.totp(None, &app.code(&world), &[]).await.refused(422, "mfa_invalid_code");
    ann.elevated(Method::DELETE, &path, None, &unlink).await.refused(403, "elevated_token_invalid");
    let user = ann.user_id().await;
    for member in ["userId", "owner", "deviceId"] {
        let body = json!({ "code": app.code(&world), member: user });
        bob.post("/users/mfa/auth/totp", body).await.refused(400, "invalid_body");
    }
    let device = ann.get(&path).await.ok();
    assert_eq!((&device["default"], &device["alias"]), (&json!(true), &Value::Null));
}

/// CVE-2021-3632 (Keycloak): the first factor needs a session, and one that proved its user moments ago.
#[tokio::test]
async fn enrolling_an_app_needs_a_fresh_session() {
    let world = World::new().await;
    let nobody = world.page();
    nobody.get(BEGIN).await.refused(401, "unauthorized");
    nobody.totp(None, "123456", &[]).await.refused(401, "unauthorized");
    nobody.recover("0000-0000-0000-0000", &[]).await.refused(401, "unauthorized");
    let page = world.signed_in(ANN).await;
    world.advance(301);
    page.get(BEGIN).await.refused(403, "elevated_token_required");
    page.post("/refresh", json!({})).await.ok();
    page.get(BEGIN).await.refused(403, "elevated_token_required");
}

/// What an operator switches off between the beginning and the end of an enrolment is off.
#[tokio::test]
async fn a_method_that_was_switched_off_is_not_enrolled() {
    let world = World::new().await;
    let page = world.signed_in(ANN).await;
    let app = page.begin_totp().await;
    world.configure(json!({ "security": { "mfa": { "availableMethods": ["passkey"] } } })).await;
    page.totp(None, &app.code(&world), &[]).await.refused(422, "mfa_method_not_offered");
    page.get(BEGIN).await.refused(422, "mfa_method_not_offered");
    world.configure(json!({ "security": { "mfa": { "availableMethods": ["totp", "passkey"] } } })).await;
    page.totp(None, &app.code(&world), &[]).await.ok();
}

/// CVE-2025-64103 (Zitadel), CVE-2024-45042 (Ory Kratos): a factor that a user has is demanded of them, whatever is
/// switched off after they enrolled it.
#[tokio::test]
async fn an_enrolled_factor_counts_when_its_method_is_switched_off() {
    let mut strict = settings();
    strict.security.mfa.enabled = true;
    let world = World::with(strict).await;
    let (_, app) = world.with_totp(ANN).await;
    world.configure(json!({ "security": { "mfa": { "availableMethods": [], "methods": [] } } })).await;
    let page = world.signed_in(ANN).await;
    assert_eq!(page.get("/users").await.ok()["scope"], "requiresAdditionalAuth");
    page.email_step_up(&world, ANN, &["vault:open"]).await.refused(403, "additional_auth_required");
    page.totp(None, &app.code(&world), &["vault:open"]).await.ok();
}

/// GHSA-xg6x-h9c9-2m83 (better-auth): the sign-up that must enrol gets no further than enrolling.
#[tokio::test]
async fn a_sign_up_that_begins_an_app_is_pending_until_its_code() {
    let mut signup = settings();
    signup.security.mfa.enrollment = Enrollment::Signup;
    let world = World::with(signup).await;
    let page = world.signed_in(ANN).await;
    let app = page.begin_totp().await;
    for path in ["/users/mfa/recovery", "/users/sessions"] {
        page.get(path).await.refused(403, "additional_auth_required");
    }
    page.put("/users", json!({ "mfaBackupCodeAcknowledgement": "complete" }))
        .await
        .refused(403, "additional_auth_required");
    page.totp(None, &app.wrong(&world), &[]).await.refused(422, "mfa_invalid_code");
    assert_eq!(page.get("/users").await.ok()["scope"], "requiresAdditionalAuth");
    page.recover("0000-0000-0000-0000", &[]).await.refused(422, "recovery_codes_not_available");
    let session = page.totp(None, &app.code(&world), &[]).await.ok();
    assert_eq!(session["user"]["scope"], "user:basic");
}
