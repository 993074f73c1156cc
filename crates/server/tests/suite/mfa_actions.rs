//! What the environment's rules ask of whom: the effective rules of the settings, the rules of the step-up check, and
//! what a scope may demand beyond them.

use axum::http::Method;
use serde_json::{Value, json};
use stile_core::Strength;
use stile_core::settings::{Action, ActionRule, ApiVersion, Enrollment, ScopeRule, Settings};

use crate::authenticator::Authenticator;
use crate::elevated::claims;
use crate::totp_app::TotpApp;
use crate::world::{Page, Reply, World, settings};

const ANN: &str = "ann@example.com";

fn token(session: &Value) -> String {
    session["elevatedAccessToken"].as_str().unwrap().to_owned()
}

async fn check(page: &Page, scope: &str) -> Value {
    page.post("/stepUp/check", json!({ "scope": scope })).await.ok()
}

fn rule_on(action: Action) -> ActionRule {
    ActionRule { action, required: true, token_behavior: None, token_expiry_seconds: None }
}

async fn rename(page: &Page, name: &str, token: Option<&str>) -> Reply {
    let headers: Vec<_> = token.into_iter().map(|t| ("x-dyn-elevated-access-token", t)).collect();
    let body = json!({ "alias": name }).to_string();
    page.send(Method::PUT, &page.sdk("/users"), Some(body), &headers).await
}

/// What a protected action does.
#[derive(Clone, Copy, PartialEq, Debug)]
enum Protected {
    Open,
    AsksForMfa,
    AsksToEnrol,
}
use Protected::{AsksForMfa, AsksToEnrol, Open};

/// Which actions ask for a factor, or for enrolling one, as rules and enrolment are set.
#[tokio::test]
async fn the_effective_rules() {
    let table = [
        // enabled, enrollment, has a method → owes at sign-in, protected action afterwards
        (false, Enrollment::None, false, false, Open),
        (false, Enrollment::None, true, false, AsksForMfa),
        (false, Enrollment::Action, false, false, AsksToEnrol),
        (false, Enrollment::Action, true, false, AsksForMfa),
        (false, Enrollment::Signup, false, true, AsksForMfa),
        (true, Enrollment::Signup, false, true, AsksForMfa),
        (false, Enrollment::Signup, true, true, AsksForMfa),
        (true, Enrollment::None, true, true, AsksForMfa),
        (true, Enrollment::Action, true, true, AsksForMfa),
        (true, Enrollment::Signup, true, true, AsksForMfa),
        (true, Enrollment::None, false, false, Open),
        (true, Enrollment::Action, false, false, AsksToEnrol),
    ];
    for (enabled, enrollment, has_method, owes, action) in table {
        let row = format!("{enabled} {enrollment:?} {has_method}");
        let mut s = settings();
        s.security.mfa.enabled = enabled;
        s.security.mfa.enrollment = enrollment;
        s.security.mfa.actions.push(rule_on(Action::UserUpdate));
        let world = World::with(s).await;
        let mut app = None;
        if has_method {
            app = Some(world.with_totp(ANN).await.1);
        }
        let mut page = world.signed_in(ANN).await;
        let shown = page.get("/settings").await.ok();
        let mfa = &shown["security"]["mfa"];
        assert_eq!(
            (&mfa["enabled"], &mfa["required"]),
            (&json!(enabled), &json!(enrollment != Enrollment::None))
        );

        let scope = if owes { "requiresAdditionalAuth" } else { "user:basic" };
        assert_eq!(page.get("/users").await.ok()["scope"], scope, "{row}");
        assert_eq!(claims(page.bearer.as_ref().unwrap())["scope"], scope, "{row}");
        if owes {
            rename(&page, "early", None).await.refused(403, "additional_auth_required");
            let factor = match app.take() {
                Some(app) => app,
                None => page.begin_totp().await,
            };
            let session = page.totp(None, &factor.code(&world), &[]).await.ok();
            assert_eq!(session["user"]["scope"], "user:basic", "{row}");
            assert_eq!(claims(session["minifiedJwt"].as_str().unwrap())["scope"], "user:basic", "{row}");
            page = page.holding(&session);
            world.advance(30);
            app = Some(factor);
        }
        let asked = check(&page, "user:update").await;
        assert_eq!(asked["isRequired"], json!(action != Open), "{row}");
        let reason = match action {
            Open => "not_protected",
            AsksForMfa => "action_rule",
            AsksToEnrol => "enrolment_required",
        };
        assert_eq!(asked["reason"], reason, "{row}");
        match (action, app) {
            (Open, _) => {
                rename(&page, "open", None).await.ok();
                // The scopes that are protected always ask for the first factor again.
                assert_eq!(check(&page, "vault:open").await["credentials"][0]["format"], "email", "{row}");
            }
            (AsksForMfa, Some(app)) => {
                rename(&page, "bare", None).await.refused(403, "elevated_token_required");
                page.email_step_up(&world, ANN, &["user:update"]).await.refused(403, "mfa_required");
                let held = token(&page.totp(None, &app.code(&world), &["user:update"]).await.ok());
                rename(&page, "proved", Some(&held)).await.ok();
            }
            (AsksToEnrol, _) => {
                rename(&page, "bare", None).await.refused(403, "elevated_token_required");
                page.email_step_up(&world, ANN, &["user:update"])
                    .await
                    .refused(403, "mfa_enrolment_required");
                let app = page.begin_totp().await;
                let held = token(&page.totp(None, &app.code(&world), &["user:update"]).await.ok());
                rename(&page, "enrolled", Some(&held)).await.ok();
            }
            (AsksForMfa, None) => panic!("{row}: no app to answer with"),
        }
    }
}

/// Which scopes ask for a step-up, and of whom, at both versions of the API.
#[tokio::test]
async fn the_rules_of_the_step_up_check() {
    for version in [ApiVersion::V20260101, ApiVersion::V20260401] {
        for ruled in [false, true] {
            let mut s = settings();
            s.sdk.min_api_version = version;
            if ruled {
                for action in [Action::WalletSign, Action::WalletReshare, Action::UserUpdate] {
                    s.security.mfa.actions.push(rule_on(action));
                }
            }
            let world = World::with(s).await;
            world
                .page()
                .post("/stepUp/check", json!({ "scope": "vault:open" }))
                .await
                .refused(401, "unauthorized");
            let plain = world.signed_in("plain@example.com").await;
            let (app_page, app) = world.with_totp(ANN).await;
            let (key_page, _) = world.with_passkey("key@example.com").await;
            let key = key_page.get("/users/passkeys").await.ok()["passkeys"][0]["id"].clone();
            for (page, format, default) in [
                (&plain, "email", None),
                (&app_page, "totp", Some(json!(app.id))),
                (&key_page, "passkey", Some(key)),
            ] {
                for scope in [
                    "credential:link",
                    "credential:unlink",
                    "credential:update",
                    "user:delete",
                    "wallet:export",
                    "vault:open",
                    "wallet:sign",
                    "wallet:delegate",
                    "user:update",
                ] {
                    let by_rule = ["wallet:sign", "wallet:delegate", "user:update"].contains(&scope);
                    let required = !by_rule || (ruled && format != "email");
                    let asked = check(page, scope).await;
                    let what = format!("{version:?} {ruled} {format} {scope}");
                    assert_eq!(asked["isRequired"], required, "{what}");
                    let offered = asked["credentials"].as_array().unwrap();
                    assert_eq!(offered.len(), usize::from(required), "{what}");
                    if required {
                        assert_eq!(offered[0]["format"], format, "{what}");
                        assert_eq!(asked["defaultCredentialId"], offered[0]["id"], "{what}");
                        assert!(default.as_ref().is_none_or(|id| *id == offered[0]["id"]), "{what}");
                        let strength = match format {
                            "email" => "reauthentication",
                            _ => "mfa",
                        };
                        assert_eq!(asked["satisfiedBy"]["strength"], strength, "{what}");
                    } else {
                        assert_eq!(asked["satisfiedBy"], Value::Null, "{what}");
                    }
                }
                page.post("/stepUp/check", json!({ "scope": "no:such" }))
                    .await
                    .refused(422, "invalid_scopes");
            }
        }
    }
}

fn demanding(rules: &[(&str, Strength)]) -> Settings {
    let mut settings = settings();
    settings.scopes.clear();
    for (scope, strength) in rules {
        settings.scopes.push(ScopeRule { strength: Some(*strength), ..ScopeRule::new(scope) });
    }
    settings
}

/// Each strength, of a user with each factor: what the check offers is what gives a token, and the token is accepted.
#[tokio::test]
async fn what_a_strength_demands_the_check_offers_and_the_gate_accepts() {
    use Strength::{Mfa, PhishingResistant, PhishingResistantVerified, Reauthentication};
    for demand in [Reauthentication, Mfa, PhishingResistant, PhishingResistantVerified] {
        let world = World::with(demanding(&[("vault:open", demand), ("user:update", demand)])).await;
        let plain = world.signed_in("plain@example.com").await;
        let (app_page, app) = world.with_totp(ANN).await;
        let (key_page, mut key) = world.with_passkey("key@example.com").await;
        for scope in ["vault:open", "user:update"] {
            let by_email = plain.email_step_up(&world, "plain@example.com", &[scope]).await;
            let by_app = app_page.totp(None, &app.code(&world), &[scope]).await;
            let by_key = key_page.prove(&mut key, &[scope]).await;
            world.advance(30);
            for (page, reply, strength) in [
                (&plain, by_email, Reauthentication),
                (&app_page, by_app, Mfa),
                (&key_page, by_key, PhishingResistantVerified),
            ] {
                let what = format!("{demand:?} {strength:?} {scope}");
                let asked = check(page, scope).await;
                assert_eq!(asked["isRequired"], true, "{what}");
                let offered = asked["credentials"].as_array().unwrap().len();
                assert_eq!(offered, usize::from(strength.meets(demand)), "{what}");
                if !strength.meets(demand) {
                    assert_eq!(asked["reason"], "enrolment_required", "{what}");
                    reply.refused(403, "mfa_enrolment_required");
                    continue;
                }
                let held = token(&reply.ok());
                assert_eq!(claims(&held)["acr"], strength.as_str(), "{what}");
                if scope == "user:update" {
                    rename(page, "bare", None).await.refused(403, "elevated_token_required");
                    rename(page, "proved", Some(&held)).await.ok();
                } else {
                    let spent = world.consume(&held, &page.user_id().await, &what).await.ok();
                    assert_eq!(spent["acr"], strength.as_str(), "{what}");
                }
            }
        }
    }
}

/// Who has both, and a rule that only one of them meets: the other is told so, and a recovery code meets no more than
/// it stands in for.
#[tokio::test]
async fn a_weaker_factor_is_refused_where_a_stronger_one_is_demanded() {
    let world = World::with(demanding(&[("vault:open", Strength::PhishingResistant)])).await;
    let (page, app, mut key) = with_both(&world).await;
    let asked = check(&page, "vault:open").await;
    assert_eq!(asked["satisfiedBy"]["strength"], "phishing_resistant_verified");
    assert_eq!(asked["credentials"].as_array().unwrap().len(), 1);
    page.totp(None, &app.code(&world), &["vault:open"]).await.refused(403, "stronger_factor_required");
    let codes = page.recovery_codes().await;
    page.recover(&codes[0], &["vault:open"]).await.refused(403, "stronger_factor_required");
    assert_eq!(page.get("/users/mfa/methods").await.ok()["recoveryCodesLeft"], 10, "no code is used up");
    // One scope of several refuses them all.
    page.totp(None, &app.code(&world), &["wallet:sign", "vault:open"])
        .await
        .refused(403, "stronger_factor_required");
    // The refused code was not looked at.
    page.totp(None, &app.code(&world), &["wallet:sign"]).await.ok();
    let held = page.step_up(&mut key, &["vault:open"]).await;
    world.consume(&held, &page.user_id().await, "one").await.ok();
}

async fn with_both(world: &World) -> (Page, TotpApp, Authenticator) {
    let (page, mut key) = world.with_passkey(ANN).await;
    let held = page.step_up(&mut key, &["credential:link"]).await;
    let begun = page.elevated(Method::GET, "/users/mfa/register/totp", None, &held).await.ok();
    let app = TotpApp::scan(&begun);
    page.totp(None, &app.code(world), &[]).await.ok();
    world.advance(30);
    (page, app, key)
}

/// A rule on enrolling itself must leave a way to what it demands, and no further.
#[tokio::test]
async fn a_rule_on_linking_leaves_a_way_to_the_factor_that_it_demands() {
    let world = World::with(demanding(&[("credential:link", Strength::PhishingResistantVerified)])).await;
    // Without any factor: the recent proof, or the address.
    let page = world.signed_in(ANN).await;
    assert_eq!(check(&page, "credential:link").await["credentials"][0]["format"], "email");
    let app = page.begin_totp().await;
    page.totp(None, &app.code(&world), &[]).await.ok();
    world.advance(30);
    // With an app alone: the app, and not the address any more.
    page.email_step_up(&world, ANN, &["credential:link"]).await.refused(403, "mfa_required");
    assert_eq!(check(&page, "credential:link").await["credentials"][0]["format"], "totp");
    let held = token(&page.totp(None, &app.code(&world), &["credential:link"]).await.ok());
    let mut key = Authenticator::new();
    let options = page.get("/users/passkeys/register").await.ok();
    let body = key.register(&options, crate::world::ORIGIN);
    page.elevated(Method::POST, "/users/passkeys/register", Some(body), &held).await.ok();
    // With a passkey the app is no longer enough, neither for a token nor with the one that it gave before.
    world.advance(30);
    page.totp(Some(&app.id), &app.code(&world), &["credential:link"])
        .await
        .refused(403, "stronger_factor_required");
    page.elevated(Method::GET, "/users/mfa/register/totp", None, &held)
        .await
        .refused(422, "max_mfa_devices_per_user");
    let body =
        Authenticator::new().register(&page.get("/users/passkeys/register").await.ok(), crate::world::ORIGIN);
    page.elevated(Method::POST, "/users/passkeys/register", Some(body), &held)
        .await
        .refused(403, "elevated_token_invalid");
    let asked = check(&page, "credential:link").await;
    assert_eq!(asked["credentials"].as_array().unwrap().len(), 1);
    assert_eq!(asked["satisfiedBy"]["strength"], "phishing_resistant_verified");
}

/// A token is judged by the rules of the moment in which it is used, not of the one in which it was given.
#[tokio::test]
async fn a_token_is_judged_by_the_rules_of_now() {
    let world = World::new().await;
    let (page, app) = world.with_totp(ANN).await;
    let user = page.user_id().await;
    let held = token(&page.totp(None, &app.code(&world), &["vault:open"]).await.ok());
    world.configure(json!({ "scopes": [{ "scope": "vault:open", "strength": "phishing_resistant" }] })).await;
    world.consume(&held, &user, "one").await.refused(403, "elevated_token_invalid");
    world.configure(json!({ "scopes": [{ "scope": "vault:open", "maxAgeSeconds": 30 }] })).await;
    world.advance(31);
    world.consume(&held, &user, "one").await.refused(403, "elevated_token_invalid");
    world.configure(json!({ "scopes": [] })).await;
    world.consume(&held, &user, "one").await.refused(422, "invalid_scopes");
    world.configure(json!({ "scopes": [{ "scope": "vault:open" }] })).await;
    world.consume(&held, &user, "one").await.ok();

    // An action that was open when it was looked at, and a rule that came since.
    rename(&page, "open", None).await.ok();
    let held = token(&page.totp(None, &app.code(&world), &["user:update"]).await.ok());
    let rule = json!([{ "action": "user.update", "required": true }]);
    world.configure(json!({ "security": { "mfa": { "actions": rule } } })).await;
    rename(&page, "bare", None).await.refused(403, "elevated_token_required");
    rename(&page, "held", Some(&held)).await.ok();
}

/// An age is measured from the proof, and no token outlives it.
#[tokio::test]
async fn a_token_lives_no_longer_than_its_proof_may_be_old() {
    let mut young = settings();
    young.scopes = vec![ScopeRule { max_age_seconds: Some(60), ..ScopeRule::new("vault:open") }];
    young.scopes.push(ScopeRule { max_age_seconds: Some(60), ..ScopeRule::new("credential:link") });
    let world = World::with(young).await;
    let plain = world.signed_in("bob@example.com").await;
    world.advance(61);
    plain.get("/users/mfa/register/totp").await.refused(403, "elevated_token_required");
    let (page, app) = world.with_totp(ANN).await;
    let user = page.user_id().await;
    let asked = check(&page, "vault:open").await;
    assert_eq!(
        asked["satisfiedBy"],
        json!({ "strength": "mfa", "maxAgeSeconds": 60, "singleUse": true, "tokenSeconds": 60 })
    );
    let held = token(&page.totp(None, &app.code(&world), &["vault:open", "wallet:sign"]).await.ok());
    world.advance(58);
    world.consume(&held, &user, "one").await.ok();
    let held = token(&page.totp(None, &app.code(&world), &["vault:open"]).await.ok());
    world.advance(61);
    world.consume(&held, &user, "two").await.refused(403, "elevated_token_expired");
}

/// A token that the first factor gave is worth nothing once there is a second one (CVE-2025-64103).
#[tokio::test]
async fn a_token_of_the_first_factor_dies_when_a_second_is_enrolled() {
    let world = World::new().await;
    let page = world.signed_in(ANN).await;
    let scopes = ["vault:open", "credential:unlink", "user:delete"];
    let held = token(&page.email_step_up(&world, ANN, &scopes).await.ok());
    let app = page.begin_totp().await;
    page.totp(None, &app.code(&world), &[]).await.ok();
    world.consume(&held, &page.user_id().await, "one").await.refused(403, "elevated_token_invalid");
    let path = format!("/users/mfa/{}", app.id);
    page.elevated(Method::DELETE, &path, None, &held).await.refused(403, "elevated_token_invalid");
    page.elevated(Method::DELETE, "/users", None, &held).await.refused(403, "elevated_token_invalid");
}
