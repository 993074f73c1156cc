//! Legacy MFA tokens: what they open, where, how often and for how long.

use axum::http::Method;
use serde_json::{Value, json};
use stile_core::Strength;
use stile_core::settings::{Action, ActionRule, ApiVersion, ScopeRule, Settings};

use crate::authenticator::Authenticator;
use crate::parallel::{successes, together};
use crate::totp_app::TotpApp;
use crate::world::{ORIGIN, Page, Reply, World, settings};

const ANN: &str = "ann@example.com";
const BOB: &str = "bob@example.com";

/// An environment of the old API version, with a rule on profile changes.
fn old() -> Settings {
    let mut settings = settings();
    settings.sdk.min_api_version = ApiVersion::V20260101;
    settings.security.mfa.actions.push(ActionRule {
        action: Action::UserUpdate,
        required: true,
        token_behavior: None,
        token_expiry_seconds: None,
    });
    settings
}

async fn proved(page: &Page, app: &TotpApp, world: &World, single_use: bool) -> Value {
    let body = json!({ "code": app.code(world), "createMfaToken": { "singleUse": single_use } });
    page.post("/users/mfa/auth/totp", body).await.ok()
}

async fn token(page: &Page, app: &TotpApp, world: &World, single_use: bool) -> String {
    proved(page, app, world, single_use).await["mfaToken"].as_str().unwrap().to_owned()
}

/// A protected action: a change of the profile, another one each time.
async fn rename(page: &Page, name: &str, headers: &[(&str, &str)]) -> Reply {
    let body = json!({ "alias": name }).to_string();
    page.send(Method::PUT, &page.sdk("/users"), Some(body), headers).await
}

#[tokio::test]
async fn a_single_use_token_opens_one_action_within_ten_minutes() {
    let world = World::with(old()).await;
    let (page, app) = world.with_totp(ANN).await;
    rename(&page, "a", &[]).await.refused(403, "elevated_token_required");
    rename(&page, "a", &[("x-mfa-auth-token", "")]).await.refused(403, "elevated_token_required");
    rename(&page, "a", &[("x-mfa-auth-token", "x")]).await.refused(403, "mfa_token_invalid");
    let held = token(&page, &app, &world, true).await;
    rename(&page, "a", &[("x-mfa-auth-token", &held)]).await.ok();
    rename(&page, "b", &[("x-mfa-auth-token", &held)]).await.refused(403, "mfa_token_invalid");
    world.advance(30);
    let held = token(&page, &app, &world, true).await;
    world.advance(601);
    rename(&page, "b", &[("x-mfa-auth-token", &held)]).await.refused(403, "mfa_token_invalid");
    assert!(!world.on_disk(held.as_bytes()));
}

#[tokio::test(flavor = "multi_thread")]
async fn two_hundred_uses_of_one_legacy_token_give_one_success() {
    let world = World::with(old()).await;
    let (page, app) = world.with_totp(ANN).await;
    let held = token(&page, &app, &world, true).await;
    let replies = together((0..200).map(|n| {
        let (page, held) = (page.clone(), held.clone());
        async move { rename(&page, &format!("name {n}"), &[("x-mfa-auth-token", &held)]).await }
    }))
    .await;
    assert_eq!(successes(&replies), 1);
    assert!(replies.iter().all(|r| r.status == 200 || r.code() == "mfa_token_invalid"));
}

#[tokio::test]
async fn a_token_for_several_uses_lives_an_hour() {
    let world = World::with(old()).await;
    let (page, app) = world.with_totp(ANN).await;
    let held = token(&page, &app, &world, false).await;
    for (n, seconds) in [(0, 0), (1, 1_800), (2, 1_798)] {
        world.advance(seconds);
        rename(&page, &format!("name {n}"), &[("x-mfa-auth-token", &held)]).await.ok();
    }
    world.advance(3);
    rename(&page, "late", &[("x-mfa-auth-token", &held)]).await.refused(403, "mfa_token_invalid");
}

/// A token is its session's: neither another user's nor another session of its own user's.
#[tokio::test]
async fn a_legacy_token_of_another_session_is_none() {
    let world = World::with(old()).await;
    let (ann, app) = world.with_totp(ANN).await;
    let (bob, _) = world.with_totp(BOB).await;
    let second = world.signed_in(ANN).await;
    let held = token(&ann, &app, &world, false).await;
    for page in [&bob, &second] {
        rename(page, "x", &[("x-mfa-auth-token", &held)]).await.refused(403, "mfa_token_invalid");
    }
    rename(&ann, "x", &[("x-mfa-auth-token", &held)]).await.ok();
}

/// What ends elevated tokens ends these: a recovery, and the removal of the factor that gave them.
#[tokio::test]
async fn a_legacy_token_dies_with_a_recovery_and_with_its_factor() {
    let world = World::with(old()).await;
    let (page, app) = world.with_totp(ANN).await;
    let codes = page.recovery_codes().await;
    let held = token(&page, &app, &world, false).await;
    let other = world.signed_in(ANN).await;
    other.recover(&codes[0], &[]).await.ok();
    rename(&page, "x", &[("x-mfa-auth-token", &held)]).await.refused(403, "mfa_token_invalid");
    // One that the recovery itself gives is good.
    let body = json!({ "code": codes[1], "createMfaToken": { "singleUse": true } });
    let held = page.post("/users/mfa/auth/recovery", body).await.ok()["mfaToken"].clone();
    rename(&page, "x", &[("x-mfa-auth-token", held.as_str().unwrap())]).await.ok();

    world.advance(30);
    let held = token(&page, &app, &world, false).await;
    let path = page.sdk(&format!("/users/mfa/{}", app.id));
    page.send(Method::DELETE, &path, None, &[("x-mfa-auth-token", &held)]).await.no_content();
    // Without a factor, and with another one.
    let delete = page.sdk("/users");
    let headers = [("x-mfa-auth-token", held.as_str())];
    page.send(Method::DELETE, &delete, None, &headers).await.refused(403, "mfa_token_invalid");
    page.email_step_up(&world, ANN, &[]).await.ok();
    let app = page.begin_totp().await;
    page.totp(None, &app.code(&world), &[]).await.ok();
    rename(&page, "y", &headers).await.refused(403, "mfa_token_invalid");
}

/// invariant 4: the environment's version decides which evidence is accepted, and nothing that a client says of its own.
#[tokio::test]
async fn no_claim_of_a_client_makes_a_new_environment_take_a_legacy_token() {
    let mut new = old();
    new.sdk.min_api_version = ApiVersion::V20260401;
    let world = World::with(new).await;
    let (page, app) = world.with_totp(ANN).await;
    let held = token(&page, &app, &world, false).await;
    for (name, value) in [
        ("x-dyn-version", "ClientSDK/0.1.0"),
        ("x-dyn-version", "WalletKit/1.0.0"),
        ("x-dyn-api-version", "API/0.0.1"),
        ("x-dyn-api-version", "2026_01_01"),
    ] {
        let headers = [("x-mfa-auth-token", held.as_str()), (name, value)];
        rename(&page, "x", &headers).await.refused(403, "elevated_token_required");
        let body = json!({ "scope": "user:update" }).to_string();
        let path = page.sdk("/stepUp/check");
        let check = page.send(Method::POST, &path, Some(body), &[(name, value)]).await.ok();
        assert_eq!(check["isRequired"], true, "{name}: {value}");
    }
    // And an old environment asks for as much as a new one.
    let world = World::with(old()).await;
    let page = world.signed_in(BOB).await;
    for scope in ["credential:link", "credential:unlink", "user:delete", "wallet:export", "vault:open"] {
        let check = page.post("/stepUp/check", json!({ "scope": scope })).await.ok();
        assert_eq!(check["isRequired"], true, "{scope}");
    }
}

/// Either header is enough, and the elevated token is looked at first: a good one leaves the legacy token alone.
#[tokio::test]
async fn of_both_headers_either_is_enough() {
    let world = World::with(old()).await;
    let (page, app) = world.with_totp(ANN).await;
    let body = json!({ "code": app.code(&world), "createMfaToken": { "singleUse": true },
                       "requestedScopes": ["user:update"] });
    let session = page.post("/users/mfa/auth/totp", body).await.ok();
    let elevated = session["elevatedAccessToken"].as_str().unwrap();
    let legacy = session["mfaToken"].as_str().unwrap();
    let both = |elevated, legacy| [("x-dyn-elevated-access-token", elevated), ("x-mfa-auth-token", legacy)];
    rename(&page, "a", &both(elevated, legacy)).await.ok();
    rename(&page, "b", &both("x", legacy)).await.ok();
    rename(&page, "c", &both("x", legacy)).await.refused(403, "mfa_token_invalid");
    rename(&page, "c", &both(elevated, "x")).await.ok();
    rename(&page, "d", &both("x", "")).await.refused(403, "elevated_token_invalid");
}

/// Asking for a token fails nothing; a proof that is no second factor, or that leaves the session pending, gives none.
#[tokio::test]
async fn asking_for_a_legacy_token_never_fails_and_weak_proofs_give_none() {
    let mut weak = settings();
    weak.passkeys.user_verification = stile_core::settings::UserVerification::Preferred;
    let world = World::with(weak).await;
    let page = world.signed_in(ANN).await;
    let mut passkey = Authenticator::new();
    passkey.user_verified = false;
    let options = page.get("/users/passkeys/register").await.ok();
    let mut body = passkey.register(&options, ORIGIN);
    body["createMfaToken"] = json!({ "singleUse": false });
    let session = page.post("/users/passkeys/register", body).await.ok();
    assert_eq!(session["mfaToken"], Value::Null);
    let options = page.get("/users/passkeys/authenticate").await.ok();
    let mut body = passkey.assert(&options, ORIGIN);
    body["createMfaToken"] = json!({ "singleUse": true });
    let session = page.post("/users/mfa/auth/passkey", body).await.ok();
    assert_eq!(session["mfaToken"], Value::Null);

    // At the new version one is given, and opens nothing.
    let (page, app) = world.with_totp(BOB).await;
    assert!(proved(&page, &app, &world, true).await["mfaToken"].is_string());
}

/// The rules on a scope hold for legacy tokens: strength, age, and that a factor must be there at all.
#[tokio::test]
async fn a_legacy_token_satisfies_what_a_rule_demands_or_nothing() {
    let mut strong = old();
    let rule = |scope: &str| ScopeRule::new(scope);
    strong.scopes.push(ScopeRule { max_age_seconds: Some(60), ..rule("user:update") });
    strong
        .scopes
        .push(ScopeRule { strength: Some(Strength::PhishingResistant), ..rule("credential:unlink") });
    let world = World::with(strong).await;
    let (page, app) = world.with_totp(ANN).await;
    let held = token(&page, &app, &world, false).await;
    let headers = [("x-mfa-auth-token", held.as_str())];
    let path = page.sdk(&format!("/users/mfa/{}", app.id));
    page.send(Method::DELETE, &path, None, &headers).await.refused(403, "mfa_token_invalid");
    rename(&page, "young", &headers).await.ok();
    world.advance(61);
    rename(&page, "old", &headers).await.refused(403, "mfa_token_invalid");
    // An app's backend spends elevated tokens alone.
    world.consume(&held, &page.user_id().await, "one").await.refused(403, "elevated_token_invalid");
}
