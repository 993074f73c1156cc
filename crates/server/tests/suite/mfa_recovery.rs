//! Attacks on recovery codes, and what a recovery ends.

use axum::http::Method;
use serde_json::{Value, json};
use stile_core::settings::{Action, ActionRule, Settings};

use crate::parallel::{successes, together};
use crate::totp_app::TotpApp;
use crate::world::{Page, World, settings};

const ANN: &str = "ann@example.com";
const BOB: &str = "bob@example.com";
const CODES: &str = "/users/mfa/recovery";

fn token(session: &Value) -> String {
    session["elevatedAccessToken"].as_str().unwrap().to_owned()
}

async fn refused_codes(page: &Page, code: &str) {
    page.get(CODES).await.refused(403, code);
    page.post(CODES, json!({})).await.refused(403, code);
}

/// CVE-2025-64175 (Gogs): a code of another account was accepted.
#[tokio::test]
async fn a_recovery_code_is_its_users_alone() {
    let world = World::new().await;
    let (ann, _) = world.with_totp(ANN).await;
    let codes = ann.recovery_codes().await;
    let (bob, app) = world.with_totp(BOB).await;
    bob.recover(&codes[0], &[]).await.refused(422, "mfa_invalid_code");
    // A recovery code is no code of an app, nor the other way round.
    ann.totp(None, &codes[0], &[]).await.refused(422, "mfa_invalid_code");
    bob.recover(&app.code(&world), &[]).await.refused(422, "mfa_invalid_code");
    ann.recover(&codes[0], &[]).await.ok();
}

/// CVE-2022-36071 (SFTPGo): codes stand in for a factor. Without one there is nothing to stand in for.
#[tokio::test]
async fn recovery_codes_are_nothing_without_a_factor() {
    let world = World::new().await;
    let never = world.signed_in(BOB).await;
    never.get(CODES).await.refused(422, "recovery_codes_not_available");
    never.post(CODES, json!({})).await.refused(422, "recovery_codes_not_available");
    never.recover("0000-0000-0000-0000", &["vault:open"]).await.refused(422, "recovery_codes_not_available");
    never.begin_totp().await;
    never.get(CODES).await.refused(422, "recovery_codes_not_available");

    let (page, app) = world.with_totp(ANN).await;
    let codes = page.recovery_codes().await;
    let unlink = token(&page.totp(None, &app.code(&world), &["credential:unlink"]).await.ok());
    page.elevated(Method::DELETE, &format!("/users/mfa/{}", app.id), None, &unlink).await.no_content();
    page.recover(&codes[0], &["vault:open"]).await.refused(422, "recovery_codes_not_available");
    // Nor do they come back with the next factor.
    world.advance(30);
    let page = world.signed_in(ANN).await;
    let app = page.begin_totp().await;
    page.totp(None, &app.code(&world), &[]).await.ok();
    page.recover(&codes[0], &[]).await.refused(422, "mfa_invalid_code");
    assert_eq!(page.get("/users/mfa/methods").await.ok()["recoveryCodesLeft"], 10);
}

/// GHSA-hp74-gm6m-2qm5 (Pocket ID), ASVS 6.4.3: codes are read and made only on a factor proved in this very session
/// within ten minutes; neither the first factor nor a recovery code is one.
#[tokio::test]
async fn codes_are_read_and_made_on_a_fresh_factor_alone() {
    let mut strict = settings();
    strict.security.mfa.enabled = true;
    let world = World::with(strict).await;
    let (owner, app) = world.with_totp(ANN).await;
    let codes = owner.recovery_codes().await;
    let pending = world.signed_in(ANN).await;
    refused_codes(&pending, "additional_auth_required").await;
    pending.email_step_up(&world, ANN, &[]).await.refused(403, "additional_auth_required");
    refused_codes(&pending, "additional_auth_required").await;

    let recovered = pending.holding(&pending.recover(&codes[0], &["credential:unlink"]).await.ok());
    refused_codes(&recovered, "recent_mfa_required").await;
    // What the owner's session had proved before is over too.
    refused_codes(&owner, "recent_mfa_required").await;
    owner.totp(None, &app.code(&world), &[]).await.ok();
    refused_codes(&recovered, "recent_mfa_required").await;
    assert_eq!(owner.recovery_codes().await.len(), 9);
    world.advance(599);
    owner.get(CODES).await.ok();
    world.advance(2);
    refused_codes(&owner, "recent_mfa_required").await;
    owner.post("/refresh", json!({})).await.ok();
    refused_codes(&owner, "recent_mfa_required").await;
}

/// Where no factor is asked for at sign-in, a session of the first factor alone sees no codes either.
#[tokio::test]
async fn a_first_factor_sees_no_codes() {
    let world = World::new().await;
    world.with_totp(ANN).await;
    let thief = world.signed_in(ANN).await;
    refused_codes(&thief, "recent_mfa_required").await;
    thief.email_step_up(&world, ANN, &[]).await.ok();
    refused_codes(&thief, "recent_mfa_required").await;
}

/// Whoever needs a code has lost a factor, perhaps to somebody who is signed in: nothing that was proved before a
/// recovery counts after it, in no session: no token, no recent proof, no change of address under way.
#[tokio::test]
async fn a_recovery_ends_what_was_proved_before_it() {
    let mut lenient = settings();
    lenient.recent_proof.unlink_seconds = 3_600;
    lenient.recent_proof.link_seconds = 3_600;
    lenient.security.mfa.max_totp_per_user = 2;
    let world = World::with(lenient).await;
    let (owner, app) = world.with_totp(ANN).await;
    let codes = owner.recovery_codes().await;
    let thief = world.signed_in(ANN).await;
    let scopes = ["credential:update", "credential:link", "credential:unlink"];
    let stolen = token(&thief.totp(None, &app.code(&world), &scopes).await.ok());
    let change = json!({ "email": "thief@example.com" });
    let asked = thief.elevated(Method::PUT, "/users", Some(change), &stolen).await.ok();
    thief.get(CODES).await.ok();

    owner.recover(&codes[0], &[]).await.ok();
    refused_codes(&thief, "recent_mfa_required").await;
    let path = format!("/users/mfa/{}", app.id);
    thief.elevated(Method::DELETE, &path, None, &stolen).await.refused(403, "elevated_token_invalid");
    thief
        .elevated(Method::GET, "/users/mfa/register/totp", None, &stolen)
        .await
        .refused(403, "elevated_token_invalid");
    thief.send(Method::DELETE, &thief.sdk(&path), None, &[]).await.refused(403, "elevated_token_required");
    let id = asked["emailVerification"]["verificationUUID"].clone();
    let code = world.code("thief@example.com").await;
    let body = json!({ "verificationUUID": id, "verificationToken": code });
    thief.post("/emailVerifications/verify", body).await.refused(403, "mfa_required");
    let user = owner.get("/users").await.ok();
    assert_eq!(user["email"], ANN);
    // Proving the factor again is what brings a session back.
    world.advance(30);
    thief.totp(None, &app.code(&world), &[]).await.ok();
    thief.get(CODES).await.ok();
}

/// In the session that recovered, too, only the code counts of what second factors proved.
#[tokio::test]
async fn a_recovery_ends_the_tokens_and_proofs_of_its_own_session() {
    let world = World::new().await;
    let (page, app) = world.with_totp(ANN).await;
    let codes = page.recovery_codes().await;
    let before = token(&page.totp(None, &app.code(&world), &["vault:open"]).await.ok());
    let after = token(&page.recover(&codes[0], &["vault:open"]).await.ok());
    refused_codes(&page, "recent_mfa_required").await;
    let user = page.user_id().await;
    world.consume(&before, &user, "one").await.refused(403, "elevated_token_invalid");
    world.consume(&after, &user, "two").await.ok();
}

/// Twenty sets made at once: the ten codes of one set count, and no others.
#[tokio::test(flavor = "multi_thread")]
async fn parallel_sets_leave_one_that_counts() {
    let world = World::new().await;
    let (page, _) = world.with_totp(ANN).await;
    let replies = together((0..20).map(|_| {
        let page = page.clone();
        async move { page.post(CODES, json!({})).await }
    }))
    .await;
    assert!(successes(&replies) >= 1);
    for refused in replies.iter().filter(|r| r.status != 200) {
        // Three attempts each, and nobody waits for ever.
        assert_eq!(refused.code(), "conflict", "{}", refused.body);
    }
    assert_eq!(page.get("/users/mfa/methods").await.ok()["recoveryCodesLeft"], 10);
    let live = page.recovery_codes().await;
    assert!(replies.iter().any(|r| r.body["recoveryCodes"] == json!(live)));
    page.recover(&live[3], &[]).await.ok();
}

/// The acknowledgement is sent alone, no gate asks for it, and it changes nothing else.
#[tokio::test]
async fn the_acknowledgement_stands_alone_and_ungated() {
    let mut ruled = settings();
    let rule = ActionRule {
        action: Action::UserUpdate,
        required: true,
        token_behavior: None,
        token_expiry_seconds: None,
    };
    ruled.security.mfa.actions.push(rule);
    let world = World::with(ruled).await;
    let (page, _) = world.with_totp(ANN).await;
    let said = |state: &str| json!({ "mfaBackupCodeAcknowledgement": state });
    for field in
        [json!({ "alias": "x" }), json!({ "captchaToken": "x" }), json!({ "email": "x@example.com" })]
    {
        let mut body = said("complete");
        for (name, value) in field.as_object().unwrap() {
            body[name] = value.clone();
        }
        page.put("/users", body).await.refused(422, "invalid_update");
    }
    for state in ["pending", "", "Complete"] {
        page.put("/users", said(state)).await.refused(422, "invalid_update");
    }
    assert_eq!(page.get("/users").await.ok()["mfaBackupCodeAcknowledgement"], "pending");
    page.put("/users", json!({ "alias": "x" })).await.refused(403, "elevated_token_required");
    page.put("/users", said("complete")).await.ok();
    page.get(CODES).await.refused(422, "recovery_codes_acknowledged");
    let bob = world.signed_in(BOB).await;
    bob.put("/users", said("complete")).await.refused(422, "invalid_update");
}

/// ASVS 6.5.2, invariant 10: neither codes nor secrets lie readable in the database, before and after they are shown.
#[tokio::test]
async fn neither_codes_nor_secrets_lie_readable_in_the_database() {
    let world = World::new().await;
    let page = world.signed_in(ANN).await;
    let begun = page.get("/users/mfa/register/totp").await.ok();
    let app = TotpApp::scan(&begun);
    page.totp(None, &app.code(&world), &[]).await.ok();
    let codes = page.recovery_codes().await;
    for code in &codes {
        assert!(!world.on_disk(code.as_bytes()));
        assert!(!world.on_disk(code.replace('-', "").as_bytes()));
    }
    assert!(!world.on_disk(begun["secret"].as_str().unwrap().as_bytes()));
    assert!(world.on_disk(b"totp.added"), "the search finds what is there");
}

/// A set is shown for a day at most; then showing makes a new one, and the old one dies.
#[tokio::test]
async fn a_set_that_was_not_acknowledged_is_shown_for_a_day() {
    let world = World::with(long_sessions()).await;
    let (page, app) = world.with_totp(ANN).await;
    let codes = page.recovery_codes().await;
    world.advance(86_400);
    page.totp(None, &app.code(&world), &[]).await.ok();
    let fresh = page.recovery_codes().await;
    assert!(codes.iter().all(|code| !fresh.contains(code)));
    page.recover(&codes[0], &[]).await.refused(422, "mfa_invalid_code");
    page.recover(&fresh[0], &[]).await.ok();
}

fn long_sessions() -> Settings {
    let mut settings = settings();
    settings.security.session_idle_seconds = 30 * 86_400;
    settings.security.jwt_duration =
        stile_core::settings::Duration { amount: 30, unit: stile_core::settings::Unit::Days };
    settings
}

/// A recovery took what a session had proved, and the factor is removed after it: the session names it no more.
#[tokio::test]
async fn no_session_names_a_factor_that_is_gone() {
    let world = World::new().await;
    let (owner, app) = world.with_totp(ANN).await;
    let codes = owner.recovery_codes().await;
    let other = world.signed_in(ANN).await;
    let unlink = token(&other.recover(&codes[0], &["credential:unlink"]).await.ok());
    let named = |user: Value| user["lastVerifiedCredentialId"].as_str().unwrap().to_owned();
    assert_eq!(named(owner.get("/users").await.ok()), app.id);
    other.elevated(Method::DELETE, &format!("/users/mfa/{}", app.id), None, &unlink).await.no_content();
    assert_eq!(named(owner.get("/users").await.ok()), owner.address_id(ANN).await);
}
