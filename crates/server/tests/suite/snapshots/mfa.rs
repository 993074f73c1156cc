//! Second factors: authenticator apps, recovery codes, and the step-up check.

use axum::http::Method;
use serde_json::{Value, json};
use stile_core::Format;
use stile_core::Strength;
use stile_core::settings::{Action, ActionRule, ApiVersion, Enrollment, MethodRule, ScopeRule};

use super::Tape;
use crate::authenticator::Authenticator;
use crate::totp_app::TotpApp;
use crate::world::{Page, World, settings};

const ANN: &str = "ann@example.com";
const BOB: &str = "bob@example.com";
const NOBODY: &str = "00000000-0000-4000-8000-000000000000";
const BEGIN: &str = "/users/mfa/register/totp";
const CODES: &str = "/users/mfa/recovery";

/// A user with an app and a passkey.
async fn with_both(world: &World, email: &str) -> (Page, TotpApp, Authenticator) {
    let (page, mut passkey) = world.with_passkey(email).await;
    let token = page.step_up(&mut passkey, &["credential:link"]).await;
    let app = TotpApp::scan(&page.elevated(Method::GET, BEGIN, None, &token).await.ok());
    page.totp(None, &app.code(world), &[]).await.ok();
    world.advance(30);
    (page, app, passkey)
}

fn token_of(session: &Value) -> &str {
    session["elevatedAccessToken"].as_str().unwrap()
}

#[tokio::test]
async fn get_mfa_methods() {
    let tape = Tape::of("getMfaMethods").await;
    let world = tape.plain().await;
    let (page, _, _) = with_both(&world, ANN).await;
    tape.case("an app and a passkey", page.get("/users/mfa/methods")).await;
    let bob = world.signed_in(BOB).await;
    tape.case("none", bob.get("/users/mfa/methods")).await;
    bob.begin_totp().await;
    tape.case("an unverified app", bob.get("/users/mfa/methods")).await;
    tape.case("an unverified app, shown", bob.get("/users/mfa/methods?verifiedOnly=false")).await;
    tape.case("with an invalid parameter", bob.get("/users/mfa/methods?verifiedOnly=x")).await;
    tape.end();
}

#[tokio::test]
async fn get_mfa_devices() {
    let tape = Tape::of("getMfaDevices").await;
    let world = tape.plain().await;
    let (page, _) = world.with_totp(ANN).await;
    tape.case("one", page.get("/users/mfa")).await;
    let bob = world.signed_in(BOB).await;
    tape.case("none", bob.get("/users/mfa")).await;
    bob.begin_totp().await;
    tape.case("an unverified one", bob.get("/users/mfa")).await;
    tape.end();
}

#[tokio::test]
async fn get_mfa_device() {
    let tape = Tape::of("getMfaDevice").await;
    let world = tape.plain().await;
    let (page, app) = world.with_totp(ANN).await;
    let bob = world.signed_in(BOB).await;
    let begun = bob.begin_totp().await;
    tape.case("one", page.get(&format!("/users/mfa/{}", app.id))).await;
    tape.case("an unverified one", bob.get(&format!("/users/mfa/{}", begun.id))).await;
    tape.case("another user's", bob.get(&format!("/users/mfa/{}", app.id))).await;
    tape.case("an invalid id", bob.get("/users/mfa/x")).await;
    tape.end();
}

#[tokio::test]
async fn update_mfa_device() {
    let tape = Tape::of("updateMfaDevice").await;
    let world = tape.plain().await;
    let (page, app, _) = with_both(&world, ANN).await;
    let passkeys = page.get("/users/passkeys").await.ok();
    let passkey = passkeys["passkeys"][0]["id"].as_str().unwrap();
    let update = async |page: &Page, id: &str, body: Value| page.put(&format!("/users/mfa/{id}"), body).await;
    let default = json!({ "default": true });
    let path = page.sdk(&format!("/users/mfa/{}", app.id));
    tape.case("to be the default, without a body", page.send(Method::PUT, &path, None, &[])).await;
    tape.case("a passkey to be the default", update(&page, passkey, default.clone())).await;
    tape.case("an app to be the default, with a name", async {
        update(&page, &app.id, json!({ "default": true, "alias": " Phone " })).await
    })
    .await;
    tape.case("an app to have no name", update(&page, &app.id, json!({ "alias": "" }))).await;
    tape.case("nothing", update(&page, &app.id, json!({}))).await;
    tape.case("a passkey to have a name", update(&page, passkey, json!({ "alias": "x" }))).await;
    tape.case("to be no default", update(&page, &app.id, json!({ "default": false }))).await;
    tape.case("too long a name", update(&page, &app.id, json!({ "alias": "x".repeat(65) }))).await;
    tape.case("an invalid id", update(&page, "x", default.clone())).await;
    tape.case("an unknown id", update(&page, NOBODY, default.clone())).await;
    let weak = world.signed_in(ANN).await;
    tape.case("by the first factor alone", update(&weak, &app.id, default)).await;
    tape.end();
}

#[tokio::test]
async fn delete_mfa_device() {
    let tape = Tape::of("deleteMfaDevice").await;
    let world = tape.plain().await;
    let (page, app) = world.with_totp(ANN).await;
    let session = page.totp(None, &app.code(&world), &["credential:unlink"]).await.ok();
    let token = token_of(&session);
    let delete =
        async |id: &str| page.elevated(Method::DELETE, &format!("/users/mfa/{id}"), None, token).await;
    tape.case("an unknown id", delete(NOBODY)).await;
    tape.case("an address", delete(&page.address_id(ANN).await)).await;
    tape.case("the only one", delete(&app.id)).await;
    tape.case("again", delete(&app.id)).await;

    let mut old = settings();
    old.sdk.min_api_version = ApiVersion::V20260101;
    let world = tape.world(old).await;
    let (page, app) = world.with_totp(ANN).await;
    let body = json!({ "code": app.code(&world), "createMfaToken": { "singleUse": true } });
    let token = page.post("/users/mfa/auth/totp", body).await.ok()["mfaToken"].clone();
    let delete = async |id: &str, token: &str| {
        let path = page.sdk(&format!("/users/mfa/{id}"));
        page.send(Method::DELETE, &path, None, &[("x-mfa-auth-token", token)]).await
    };
    tape.case("with an invalid legacy token", delete(&app.id, "x")).await;
    tape.case("an unknown id, with a legacy token", delete(NOBODY, token.as_str().unwrap())).await;
    tape.case("with a used legacy token", delete(&app.id, token.as_str().unwrap())).await;
    tape.end();
}

#[tokio::test]
async fn register_totp_device() {
    let tape = Tape::of("registerTotpDevice").await;
    let mut two = settings();
    two.security.mfa.max_totp_per_user = 2;
    let world = tape.world(two).await;
    let page = world.signed_in(ANN).await;
    tape.case("the first", page.get(BEGIN)).await;
    tape.case("the first again", page.get(BEGIN)).await;
    world.advance(300);
    tape.case("late", page.get(BEGIN)).await;
    let (page, app) = world.with_totp(BOB).await;
    let session = page.totp(None, &app.code(&world), &["credential:link"]).await.ok();
    let begin = async || page.elevated(Method::GET, BEGIN, None, token_of(&session)).await;
    tape.case("the second", begin()).await;
    tape.case("the second again", begin()).await;
    let second = TotpApp::scan(&begin().await.ok());
    page.totp(Some(&second.id), &second.code(&world), &[]).await.ok();
    tape.case("one too many", begin()).await;
    let mut none = settings();
    none.security.mfa.methods = vec![MethodRule { enabled: false, ..MethodRule::on(Format::Totp) }];
    let page = tape.world(none).await.signed_in(ANN).await;
    tape.case("where apps are not offered", page.get(BEGIN)).await;
    tape.end();
}

#[tokio::test]
async fn authenticate_totp() {
    let tape = Tape::of("authenticateTotp").await;
    let mut strict = settings();
    let strength = Some(Strength::PhishingResistant);
    strict.scopes.push(ScopeRule { strength, ..ScopeRule::new("vault:burn") });
    let world = tape.world(strict).await;
    let page = world.signed_in(ANN).await;
    tape.case("without a device", page.totp(None, "000000", &[])).await;
    let app = page.begin_totp().await;
    tape.case("a wrong first code", page.totp(None, &app.wrong(&world), &[])).await;
    tape.case("the first code", page.totp(None, &app.code(&world), &["vault:open"])).await;
    tape.case("for scopes", page.totp(Some(&app.id), &app.code(&world), &["vault:open", "user:delete"]))
        .await;
    tape.case("the same code again", async {
        let code = app.code(&world);
        page.totp(None, &code, &[]).await.ok();
        page.totp(None, &code, &[]).await
    })
    .await;
    tape.case("with a legacy token", async {
        let body = json!({ "code": app.code(&world), "createMfaToken": { "singleUse": true } });
        page.post("/users/mfa/auth/totp", body).await
    })
    .await;
    tape.case("a wrong code", page.totp(None, &app.wrong(&world), &[])).await;
    tape.case("no code", page.totp(None, " ", &[])).await;
    tape.case("too long a code", page.totp(None, &"0".repeat(201), &[])).await;
    tape.case("with an unknown device", page.totp(Some(NOBODY), &app.code(&world), &[])).await;
    tape.case("with an invalid id", page.totp(Some("x"), &app.code(&world), &[])).await;
    tape.case("for an unknown scope", page.totp(None, &app.code(&world), &["no:such"])).await;
    tape.case("for a scope that needs another factor", page.totp(None, &app.code(&world), &["vault:burn"]))
        .await;
    let (bob, bobs, _) = with_both(&world, BOB).await;
    tape.case("for a scope that needs the other factor", bob.totp(None, &bobs.code(&world), &["vault:burn"]))
        .await;
    for _ in 0..3 {
        page.totp(None, &app.wrong(&world), &[]).await;
    }
    tape.case("the fifth wrong code", page.totp(None, &app.wrong(&world), &[])).await;
    page.totp(None, &app.wrong(&world), &[]).await;
    tape.case("during a lock", async {
        page.totp(None, &app.wrong(&world), &[]).await;
        page.totp(None, &app.wrong(&world), &[]).await
    })
    .await;

    let mut required = settings();
    required.security.mfa.enrollment = Enrollment::Signup;
    let world = tape.world(required).await;
    let pending = world.signed_in(ANN).await;
    let app = pending.begin_totp().await;
    tape.case("to enrol at sign-up", pending.totp(None, &app.code(&world), &[])).await;
    let pending = world.signed_in(ANN).await;
    tape.case("to finish a sign-in", pending.totp(None, &app.code(&world), &["vault:open"])).await;
    tape.end();
}

#[tokio::test]
async fn authenticate_recovery_code() {
    let tape = Tape::of("authenticateRecoveryCode").await;
    let mut enabled = settings();
    enabled.security.mfa.enabled = true;
    let world = tape.world(enabled).await;
    let (page, _) = world.with_totp(ANN).await;
    let codes = page.recovery_codes().await;
    let spelt = codes[0].to_lowercase().replace('-', " ");
    tape.case("for a scope", page.recover(&spelt, &["vault:open"])).await;
    tape.case("again", page.recover(&codes[0], &[])).await;
    tape.case("a wrong one", page.recover("0000-0000-0000-0000", &[])).await;
    tape.case("none", page.recover("", &[])).await;
    tape.case("for an unknown scope", page.recover(&codes[1], &["no:such"])).await;
    let legacy = json!({ "code": codes[1], "createMfaToken": { "singleUse": true } });
    tape.case("with a legacy token", page.post("/users/mfa/auth/recovery", legacy)).await;
    let pending = world.signed_in(ANN).await;
    tape.case("to finish a sign-in", pending.recover(&codes[2], &[])).await;
    let bob = world.signed_in(BOB).await;
    tape.case("without a factor", bob.recover(&codes[3], &[])).await;
    for _ in 0..4 {
        page.recover("0000-0000-0000-0000", &[]).await;
    }
    tape.case("the fifth wrong one", page.recover("0000-0000-0000-0000", &[])).await;
    tape.end();
}

#[tokio::test]
async fn get_recovery_codes() {
    let tape = Tape::of("getRecoveryCodes").await;
    let world = tape.plain().await;
    let bob = world.signed_in(BOB).await;
    tape.case("without a factor", bob.get(CODES)).await;
    let (page, _) = world.with_totp(ANN).await;
    tape.case("shown", page.get(CODES)).await;
    tape.case("shown again", page.get(CODES)).await;
    let weak = world.signed_in(ANN).await;
    tape.case("by the first factor alone", weak.get(CODES)).await;
    page.put("/users", json!({ "mfaBackupCodeAcknowledgement": "complete" })).await.ok();
    tape.case("acknowledged", page.get(CODES)).await;
    world.advance(600);
    tape.case("late", page.get(CODES)).await;
    tape.end();
}

#[tokio::test]
async fn create_recovery_codes() {
    let tape = Tape::of("createRecoveryCodes").await;
    let world = tape.plain().await;
    let create = async |page: &Page| page.post(CODES, json!({})).await;
    tape.case("without a factor", create(&world.signed_in(BOB).await)).await;
    let (page, _) = world.with_totp(ANN).await;
    tape.case("anew", create(&page)).await;
    tape.case("by the first factor alone", create(&world.signed_in(ANN).await)).await;
    world.advance(600);
    tape.case("late", create(&page)).await;
    let mut none = settings();
    none.security.mfa.methods.iter_mut().for_each(|rule| rule.allow_backup_codes = false);
    let world = tape.world(none).await;
    tape.case("where there are none", create(&world.with_passkey(ANN).await.0)).await;
    tape.end();
}

#[tokio::test]
async fn check_step_up() {
    let tape = Tape::of("checkStepUp").await;
    let mut ruled = settings();
    ruled.security.mfa.actions.push(ActionRule {
        action: Action::WalletSign,
        required: true,
        token_behavior: None,
        token_expiry_seconds: Some(60),
    });
    let (strength, max_age_seconds) = (Some(Strength::PhishingResistant), Some(120));
    ruled.scopes.push(ScopeRule { strength, max_age_seconds, ..ScopeRule::new("vault:burn") });
    let world = tape.world(ruled).await;
    let plain = world.signed_in(BOB).await;
    let (page, _, _) = with_both(&world, ANN).await;
    for (who, page) in [("nothing but an address", &plain), ("an app and a passkey", &page)] {
        for scope in ["vault:open", "vault:burn", "credential:link", "wallet:sign", "user:update", "no:such"]
        {
            let check = page.post("/stepUp/check", json!({ "scope": scope }));
            tape.case(&format!("with {who}: {scope}"), check).await;
        }
    }
    let fresh = world.signed_in("fresh@example.com").await;
    for (scope, operation) in [
        ("credential:link", "registerPasskey"),
        ("credential:link", "verifyEmail"),
        ("credential:link", "deleteUser"),
        ("credential:link", "noSuch"),
    ] {
        let check = fresh.post("/stepUp/check", json!({ "scope": scope, "operation": operation }));
        tape.case(&format!("{scope} for {operation}"), check).await;
    }
    tape.end();
}
