//! Attacks on enrolling, proving and signing in with passkeys.

use axum::http::Method;
use serde_json::{Value, json};
use stile_core::CredentialId;
use stile_core::origin::OriginPattern;
use stile_core::settings::{Enrollment, Settings, UserVerification};
use stile_keys::encoding::{base64url, unbase64url};
use stile_keys::random;
use stile_server::delivery::Content;
use stile_store::{Passkey, users};

use crate::authenticator::Authenticator;
use crate::world::{ENVIRONMENT, ORIGIN, OTHER_ENVIRONMENT, Page, Reply, World, settings};

const REGISTER: &str = "/users/passkeys/register";
const PROVE: &str = "/users/passkeys/authenticate";
const SIGN_IN: &str = "/users/passkeys/signin";

/// Changes the bytes of a base64url member of `response`.
fn tamper(body: &mut Value, member: &str, change: impl FnOnce(&mut Vec<u8>)) {
    let mut bytes = unbase64url(body["response"][member].as_str().unwrap()).unwrap();
    change(&mut bytes);
    body["response"][member] = base64url(&bytes).into();
}

/// Options with another challenge.
fn with_challenge(options: &Value, other: &Value) -> Value {
    let mut options = options.clone();
    options["challenge"] = other["challenge"].clone();
    options
}

async fn sign_in(page: &Page, authenticator: &mut Authenticator) -> Reply {
    let options = page.get(SIGN_IN).await.ok();
    page.post(SIGN_IN, authenticator.assert(&options, ORIGIN)).await
}

impl World {
    /// The records of the page's user, oldest first.
    async fn records(&self, page: &Page) -> Vec<Passkey> {
        let user = page.user_id().await.parse().unwrap();
        self.app.store.passkeys(page.environment, user).await.unwrap()
    }

    /// How many events of this name the audit log has.
    async fn events(&self, name: &str) -> usize {
        self.audit().await.iter().filter(|event| *event == name).count()
    }
}

fn with(change: impl FnOnce(&mut Settings)) -> Settings {
    let mut settings = settings();
    change(&mut settings);
    settings
}

fn preferring() -> Settings {
    with(|s| s.passkeys.user_verification = UserVerification::Preferred)
}

// Enrolling

#[tokio::test]
async fn a_challenge_enrols_in_its_own_session_for_its_own_purpose_within_its_time() {
    let world = World::new().await;
    let page = world.signed_in("ann@example.com").await;
    let mut authenticator = Authenticator::new();
    let own = page.get(REGISTER).await.ok();
    let other_session = world.signed_in("ann@example.com").await.get(REGISTER).await.ok();
    let other_user = world.signed_in("bob@example.com").await.get(REGISTER).await.ok();
    let to_prove = page.get(PROVE).await.ok();
    let to_sign_in = page.get(SIGN_IN).await.ok();
    let made_up = json!({ "challenge": base64url(&random::bytes::<40>()) });
    let short = json!({ "challenge": base64url(&random::bytes::<16>()) });
    for foreign in [other_session, other_user, to_prove, to_sign_in, made_up, short] {
        let body = authenticator.register(&with_challenge(&own, &foreign), ORIGIN);
        page.post(REGISTER, body).await.refused(422, "invalid_challenge");
    }
    assert_eq!(world.events("passkey.refused").await, 6);
    let body = authenticator.register(&own, ORIGIN);
    page.post(REGISTER, body).await.ok();
}

#[tokio::test]
async fn a_challenge_enrols_for_five_minutes() {
    // The sign-in stays recent enough for longer than that.
    let world = World::with(with(|s| s.recent_proof.first_factor_seconds = 3_600)).await;
    let page = world.signed_in("ann@example.com").await;
    let mut authenticator = Authenticator::new();
    let body = authenticator.register(&page.get(REGISTER).await.ok(), ORIGIN);
    world.advance(300);
    page.post(REGISTER, body).await.refused(422, "invalid_challenge");
    let body = authenticator.register(&page.get(REGISTER).await.ok(), ORIGIN);
    world.advance(240);
    page.post(REGISTER, body).await.ok();
}

#[tokio::test]
async fn a_challenge_enrols_once() {
    let world = World::new().await;
    let (page, mut first) = world.with_passkey("ann@example.com").await;
    let token = page.step_up(&mut first, &["credential:link"]).await;
    let options = page.get(REGISTER).await.ok();
    let body = Authenticator::new().register(&options, ORIGIN);
    page.elevated(Method::POST, REGISTER, Some(body), &token).await.ok();
    // Another key over the same challenge, so that only the challenge makes it a second use.
    let body = Authenticator::new().register(&options, ORIGIN);
    let again = page.elevated(Method::POST, REGISTER, Some(body), &token).await;
    again.refused(422, "invalid_challenge");
    assert_eq!(world.records(&page).await.len(), 2);
    assert_eq!(world.events("passkey.refused").await, 1, "a replay is written down");
}

/// Kanidm's webauthn-rs release note: `badexample.com` matched `example.com`.
#[tokio::test]
async fn origins_that_only_look_like_ours_enrol_and_prove_nothing() {
    let ours = "https://app.example.com";
    let world = World::with(with(|s| {
        s.allowed_origins =
            vec![OriginPattern::parse(ours).unwrap(), OriginPattern::parse("https://*.example.com").unwrap()];
        s.passkeys.rp_id = Some("example.com".into());
    }))
    .await;
    let mut page = world.page();
    page.origin = Some(ours.into());
    let page = world.sign_in_on(page, "ann@example.com").await;
    let strange = [
        "https://badexample.com",
        "https://app.example.com.evil.com",
        "https://app.example.com@evil.com",
        "https://app-example.com",
        "https://xapp.example.com",
        "https://evil.example.com",
        "https://example.com",
        "https://app.example.com.",
        "https://app.example.com:8443",
        "http://app.example.com",
        "https://app.example.com/",
        "https://app.example.com/x",
        "https://аpp.example.com",
        "null",
        "",
        "app.example.com",
    ];
    let mut authenticator = Authenticator::new();
    for origin in strange {
        let body = authenticator.register(&page.get(REGISTER).await.ok(), origin);
        let reply = page.post(REGISTER, body).await;
        assert_eq!(reply.code(), "invalid_passkey_response", "{origin}");
    }
    let body = authenticator.register(&page.get(REGISTER).await.ok(), ours);
    page.post(REGISTER, body).await.ok();
    for origin in strange {
        let body = authenticator.assert(&page.get(PROVE).await.ok(), origin);
        let reply = page.post("/users/mfa/auth/passkey", body).await;
        assert_eq!(reply.code(), "invalid_passkey_response", "{origin}");
    }
    let body = authenticator.assert(&page.get(PROVE).await.ok(), ours);
    page.post("/users/mfa/auth/passkey", body).await.ok();
}

#[tokio::test]
async fn a_registration_for_another_party_ceremony_or_without_its_flags_is_refused() {
    let world = World::new().await;
    let page = world.signed_in("ann@example.com").await;
    let mut other_party = Authenticator::new();
    other_party.rp_id = Some("evil.com".into());
    let mut other_ceremony = Authenticator::new();
    other_ceremony.ceremony = Some("webauthn.get");
    // CVE-2026-8830: user verification is demanded here, not in the browser.
    let mut unverified = Authenticator::new();
    unverified.user_verified = false;
    for mut authenticator in [other_party, other_ceremony, unverified] {
        page.enrol(&mut authenticator).await.refused(422, "invalid_passkey_response");
    }
    assert_eq!(world.events("passkey.refused").await, 3);
    assert!(world.records(&page).await.is_empty());
}

/// Where authenticator data begins in the attestation object of the software authenticator.
const DATA: usize = 30;

#[tokio::test]
async fn a_damaged_registration_is_refused() {
    let world = World::new().await;
    let page = world.signed_in("ann@example.com").await;
    type Change = fn(&mut Vec<u8>);
    let changes: [(&str, Change); 10] = [
        ("empty", |b| b.clear()),
        ("one byte", |b| b.truncate(1)),
        ("without its last byte", |b| b.truncate(b.len() - 1)),
        ("half", |b| b.truncate(b.len() / 2)),
        ("a byte too many", |b| b.push(0)),
        ("user not present", |b| b[DATA + 32] &= !0x01),
        ("without attested data", |b| b[DATA + 32] &= !0x40),
        ("backed up but not eligible", |b| b[DATA + 32] |= 0x10),
        ("an algorithm that was not offered", |b| {
            let alg = b.windows(5).position(|w| w == [0xa5, 1, 2, 3, 0x26]).unwrap() + 4;
            b[alg] = 0x2e;
        }),
        ("a point that is not on the curve", |b| *b.last_mut().unwrap() ^= 1),
    ];
    for (what, change) in changes {
        let mut body = Authenticator::new().register(&page.get(REGISTER).await.ok(), ORIGIN);
        tamper(&mut body, "attestationObject", change);
        let reply = page.post(REGISTER, body).await;
        assert_eq!((reply.status.as_u16(), reply.code()), (422, "invalid_passkey_response"), "{what}");
    }
    // Every truncation, from the outside in.
    let whole = Authenticator::new().register(&page.get(REGISTER).await.ok(), ORIGIN);
    for keep in (0..200).step_by(7) {
        let mut body = whole.clone();
        tamper(&mut body, "attestationObject", |b| b.truncate(keep.min(b.len() - 1)));
        page.post(REGISTER, body).await.refused(422, "invalid_passkey_response");
    }
    let mut body = whole.clone();
    tamper(&mut body, "attestationObject", |b| b.resize(40_000, 0));
    page.post(REGISTER, body).await.refused(422, "invalid_passkey_response");
    let mut body = whole.clone();
    tamper(&mut body, "attestationObject", |b| b.resize(60_000, 0));
    page.post(REGISTER, body).await.refused(413, "body_too_large");
    let mut body = whole.clone();
    body["response"]["attestationObject"] = json!("not base64url!");
    page.post(REGISTER, body).await.refused(422, "invalid_passkey_response");
    let mut body = whole.clone();
    body["rawId"] = json!(base64url(&random::bytes::<32>()));
    page.post(REGISTER, body).await.refused(422, "invalid_passkey_response");
    // None of these used the challenge up.
    page.post(REGISTER, whole).await.ok();
}

#[tokio::test]
async fn a_passkey_is_enrolled_once_and_for_one_user() {
    let world = World::new().await;
    let (ann, mut authenticator) = world.with_passkey("ann@example.com").await;
    let token = ann.step_up(&mut authenticator, &["credential:link"]).await;
    let again = authenticator.register(&ann.get(REGISTER).await.ok(), ORIGIN);
    let reply = ann.elevated(Method::POST, REGISTER, Some(again), &token).await;
    reply.refused(422, "passkey_already_registered");

    // Another user with another key under the same credential id: the id stays the first user's.
    let bob = world.signed_in("bob@example.com").await;
    let mut thief = Authenticator::new();
    thief.id = authenticator.id.clone();
    bob.enrol(&mut thief).await.refused(422, "passkey_already_registered");
    assert!(world.records(&bob).await.is_empty());
    authenticator.user_handle =
        unbase64url(ann.get(REGISTER).await.ok()["user"]["id"].as_str().unwrap()).unwrap();
    let session = sign_in(&world.page(), &mut authenticator).await.ok();
    assert_eq!(session["user"]["id"], ann.user_id().await.as_str());
}

#[tokio::test]
async fn a_user_holds_as_many_passkeys_as_allowed() {
    let world = World::with(with(|s| s.passkeys.max_per_user = 2)).await;
    let (page, mut first) = world.with_passkey("ann@example.com").await;
    let token = page.step_up(&mut first, &["credential:link"]).await;
    let enrol = async || {
        let body = Authenticator::new().register(&page.get(REGISTER).await.ok(), ORIGIN);
        page.elevated(Method::POST, REGISTER, Some(body), &token).await
    };
    enrol().await.ok();
    enrol().await.refused(422, "max_passkeys_per_user");
    assert_eq!(world.records(&page).await.len(), 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn parallel_enrolments_do_not_pass_the_limit() {
    let world = World::with(with(|s| s.passkeys.max_per_user = 3)).await;
    let (page, mut first) = world.with_passkey("ann@example.com").await;
    let token = page.step_up(&mut first, &["credential:link"]).await;
    let mut tries = tokio::task::JoinSet::new();
    for _ in 0..10 {
        let body = Authenticator::new().register(&page.get(REGISTER).await.ok(), ORIGIN);
        let (page, token) = (page.clone(), token.clone());
        tries.spawn(async move { page.elevated(Method::POST, REGISTER, Some(body), &token).await });
    }
    for reply in tries.join_all().await {
        assert!(
            reply.status == 200 || ["max_passkeys_per_user", "conflict"].contains(&reply.code()),
            "{}",
            reply.body
        );
    }
    assert!(world.records(&page).await.len() <= 3);
}

#[tokio::test]
async fn passkeys_that_are_switched_off_cannot_be_enrolled_and_still_protect_who_has_one() {
    let world = World::new().await;
    let (page, mut authenticator) = world.with_passkey("ann@example.com").await;
    for change in [
        json!({ "security": { "mfa": { "availableMethods": ["totp"] } } }),
        json!({ "security": { "mfa": {
            "availableMethods": ["passkey"], "methods": [{ "type": "passkey", "enabled": false }] } } }),
    ] {
        world.configure(change).await;
        let bob = world.signed_in("bob@example.com").await;
        bob.get(REGISTER).await.refused(422, "passkeys_not_configured");
        let mut own = Authenticator::new();
        let mut options = bob.get(PROVE).await.ok();
        options["user"] = json!({ "id": "AA" });
        options["rp"] = json!({ "id": "localhost" });
        let body = own.register(&options, ORIGIN);
        bob.post(REGISTER, body).await.refused(422, "passkeys_not_configured");
        // CVE-2025-64103: an enrolled factor is a required factor, whatever the settings say later.
        let code = page.email_step_up(&world, "ann@example.com", &["credential:unlink"]).await;
        code.refused(403, "mfa_required");
        page.step_up(&mut authenticator, &["credential:unlink"]).await;
    }
}

/// CVE-2021-3632 (Keycloak): anyone could register a key for a user who had none.
#[tokio::test]
async fn enrolling_needs_a_session() {
    let world = World::new().await;
    let page = world.signed_in("ann@example.com").await;
    let options = page.get(REGISTER).await.ok();
    let body = Authenticator::new().register(&options, ORIGIN);
    let stranger = world.page();
    stranger.get(REGISTER).await.refused(401, "unauthorized");
    stranger.post(REGISTER, body.clone()).await.refused(401, "unauthorized");
    // A proved address is not a session.
    let sent =
        stranger.post("/emailVerifications/create", json!({ "email": "ann@example.com" })).await.created();
    let mut body = body;
    body["verificationUUID"] = sent["verificationUUID"].clone();
    stranger.post(REGISTER, body).await.refused(401, "unauthorized");
    assert!(world.records(&page).await.is_empty());
}

/// CVE-2025-61928 (better-auth): a user id in the body was believed.
#[tokio::test]
async fn a_user_id_in_the_body_is_refused() {
    let world = World::new().await;
    let ann = world.signed_in("ann@example.com").await;
    let bob = world.signed_in("bob@example.com").await;
    let ann_id = ann.user_id().await;
    let mut authenticator = Authenticator::new();
    for member in ["userId", "user", "owner", "sessionId", "sid"] {
        let mut body = authenticator.register(&bob.get(REGISTER).await.ok(), ORIGIN);
        body[member] = json!(ann_id);
        bob.post(REGISTER, body).await.refused(400, "invalid_body");
    }
    // A user handle of another user in the authenticator changes nothing about whose the passkey is.
    let mut options = bob.get(REGISTER).await.ok();
    options["user"] = ann.get(REGISTER).await.ok()["user"].clone();
    bob.post(REGISTER, authenticator.register(&options, ORIGIN)).await.ok();
    assert!(world.records(&ann).await.is_empty());
    assert_eq!(world.records(&bob).await.len(), 1);
    // And at sign-in the two disagree.
    sign_in(&world.page(), &mut authenticator).await.refused(422, "invalid_passkey_response");
}

/// A bearer that was stolen is worth nothing for enrolling once the sign-in is five minutes old.
#[tokio::test]
async fn a_six_minute_old_session_cannot_enrol() {
    let world = World::new().await;
    let page = world.signed_in("ann@example.com").await;
    world.advance(240);
    let check = page
        .post("/stepUp/check", json!({ "scope": "credential:link", "operation": "registerPasskey" }))
        .await
        .ok();
    assert_eq!(check["isRequired"], false);
    world.advance(120);
    page.enrol(&mut Authenticator::new()).await.refused(403, "elevated_token_required");
    // Neither a refresh nor a passkey dialog makes it younger.
    page.post("/refresh", json!({})).await.ok();
    page.enrol(&mut Authenticator::new()).await.refused(403, "elevated_token_required");
    // The owner shows the address again, and may.
    page.email_step_up(&world, "ann@example.com", &[]).await.ok();
    page.enrol(&mut Authenticator::new()).await.ok();
}

#[tokio::test]
async fn where_recent_proofs_are_off_the_first_factor_needs_a_token_too() {
    let world = World::with(with(|s| s.recent_proof.first_factor_seconds = 0)).await;
    let page = world.signed_in("ann@example.com").await;
    page.enrol(&mut Authenticator::new()).await.refused(403, "elevated_token_required");
    let session = page.email_step_up(&world, "ann@example.com", &["credential:link"]).await.ok();
    let token = session["elevatedAccessToken"].as_str().unwrap().to_owned();
    let body = Authenticator::new().register(&page.get(REGISTER).await.ok(), ORIGIN);
    page.elevated(Method::POST, REGISTER, Some(body), &token).await.ok();
}

/// CVE-2023-3597 (Keycloak): a second factor could be enrolled beside the first without showing it.
#[tokio::test]
async fn a_second_factor_needs_the_first() {
    let world = World::new().await;
    let page = world.signed_in("ann@example.com").await;
    let by_mail = page.email_step_up(&world, "ann@example.com", &["credential:link"]).await.ok();
    let by_mail = by_mail["elevatedAccessToken"].as_str().unwrap().to_owned();
    let mut first = Authenticator::new();
    page.enrol(&mut first).await.ok();

    // Seconds after sign-in, with a proof by e-mail and one by the enrolment itself.
    page.enrol(&mut Authenticator::new()).await.refused(403, "elevated_token_required");
    // With the token that the e-mail code gave before there was a factor.
    let body = Authenticator::new().register(&page.get(REGISTER).await.ok(), ORIGIN);
    page.elevated(Method::POST, REGISTER, Some(body), &by_mail).await.refused(403, "elevated_token_invalid");
    // With a fresh code, in this session and at a new sign-in.
    page.email_step_up(&world, "ann@example.com", &["credential:link"]).await.refused(403, "mfa_required");
    page.email_step_up(&world, "ann@example.com", &[]).await.ok();
    page.enrol(&mut Authenticator::new()).await.refused(403, "elevated_token_required");
    let other = world.signed_in("ann@example.com").await;
    other.enrol(&mut Authenticator::new()).await.refused(403, "elevated_token_required");
    // At sign-in, the switch that gives users without a factor a token gives this one none.
    let sent = other.post("/emailVerifications/create", json!({ "email": "ann@example.com" })).await;
    drop(sent.created());
    let fresh = world.page();
    let sent =
        fresh.post("/emailVerifications/create", json!({ "email": "ann@example.com" })).await.created();
    let session = fresh
        .post(
            "/emailVerifications/signin",
            json!({ "verificationUUID": sent["verificationUUID"], "allowNewMFALinking": true,
                    "verificationToken": world.code("ann@example.com").await }),
        )
        .await
        .ok();
    assert!(session.get("elevatedAccessToken").is_none());

    let token = page.step_up(&mut first, &["credential:link"]).await;
    let body = Authenticator::new().register(&page.get(REGISTER).await.ok(), ORIGIN);
    page.elevated(Method::POST, REGISTER, Some(body), &token).await.ok();
    assert_eq!(world.records(&page).await.len(), 2);
}

/// CVE-2023-3597, the race: twenty first factors at once, over four fresh sessions of one user.
#[tokio::test(flavor = "multi_thread")]
async fn of_parallel_first_factors_one_is_enrolled() {
    let world = World::new().await;
    let mut tries = tokio::task::JoinSet::new();
    let mut pages = Vec::new();
    for _ in 0..4 {
        pages.push(world.signed_in("ann@example.com").await);
    }
    for n in 0..20 {
        let page = pages[n % 4].clone();
        let body = Authenticator::new().register(&page.get(REGISTER).await.ok(), ORIGIN);
        tries.spawn(async move { page.post(REGISTER, body).await });
    }
    let replies = tries.join_all().await;
    assert_eq!(replies.iter().filter(|r| r.status == 200).count(), 1);
    assert!(replies.iter().all(|r| r.status == 200 || r.code() == "elevated_token_required"));
    assert_eq!(world.records(&pages[0]).await.len(), 1);
}

#[tokio::test]
async fn quirks_of_clients_are_taken_and_nothing_more() {
    let world = World::new().await;
    for (n, spelling) in ["clientDataJson", "clientDataJSON"].into_iter().enumerate() {
        let page = world.signed_in(&format!("ann{n}@example.com")).await;
        let mut body = Authenticator::new().register(&page.get(REGISTER).await.ok(), ORIGIN);
        let client = body["response"]["clientDataJson"].take();
        body["response"].as_object_mut().unwrap().remove("clientDataJson");
        body["response"][spelling] = client;
        body["createMfaToken"] = json!({ "singleUse": true });
        body["response"]["publicKey"] = json!("MFkw");
        body["response"]["publicKeyAlgorithm"] = json!(-7);
        body["response"]["transports"] = json!(["internal", "internal", "hybrid", "carrier-pigeon", ""]);
        let session = page.post(REGISTER, body).await.ok();
        assert!(session["mfaToken"].is_string() && session.get("elevatedAccessToken").is_none());
        assert_eq!(world.records(&page).await[0].transports, ["hybrid", "internal"]);
    }
    let page = world.signed_in("ann@example.com").await;
    let whole = Authenticator::new().register(&page.get(REGISTER).await.ok(), ORIGIN);
    let changes: [fn(&mut Value); 5] = [
        |b| b["response"]["clientDataJSON"] = json!("AA"),
        |b| b["type"] = json!("private-key"),
        |b| b.as_object_mut().unwrap().retain(|name, _| name != "rawId"),
        |b| b["requestedScopes"] = json!(["credential:link"]),
        |b| b["response"]["signature"] = json!("AA"),
    ];
    for change in changes {
        let mut body = whole.clone();
        change(&mut body);
        page.post(REGISTER, body).await.refused(400, "invalid_body");
    }
}

#[tokio::test]
async fn enrolling_and_removing_tell_the_user_and_the_audit_log() {
    let world = World::new().await;
    let (page, mut authenticator) = world.with_passkey("ann@example.com").await;
    let mails = world.mails("ann@example.com").await;
    assert_eq!(mails.iter().filter(|m| matches!(m, Content::PasskeyAdded { .. })).count(), 1);
    assert_eq!(world.events("passkey.added").await, 1);
    let id = page.get("/users/passkeys").await.ok()["passkeys"][0]["id"].clone();
    let token = page.step_up(&mut authenticator, &["credential:unlink"]).await;
    let body = json!({ "passkeyId": id });
    page.elevated(Method::DELETE, "/users/passkeys", Some(body), &token).await.no_content();
    let mails = world.mails("ann@example.com").await;
    assert_eq!(mails.iter().filter(|m| matches!(m, Content::PasskeyRemoved { .. })).count(), 1);
    assert_eq!(world.events("passkey.removed").await, 1);
}

/// GHSA-xg6x-h9c9-2m83 (better-auth): a half-done sign-in was as good as a whole one.
#[tokio::test]
async fn a_session_that_must_enrol_may_enrol_and_gets_no_token_for_anything_else() {
    let world = World::with(with(|s| s.security.mfa.enrollment = Enrollment::Signup)).await;
    for scope in ["vault:open", "user:delete", "wallet:export", "credential:unlink", "credential:update"] {
        let page = world.page();
        let sent =
            page.post("/emailVerifications/create", json!({ "email": "ann@example.com" })).await.created();
        let code = world.code("ann@example.com").await;
        let body = json!({ "verificationUUID": sent["verificationUUID"], "verificationToken": code,
                           "requestedScopes": [scope] });
        page.post("/emailVerifications/signin", body).await.refused(403, "mfa_enrolment_required");
    }
    let page = world.signed_in("ann@example.com").await;
    assert_eq!(page.get("/users").await.ok()["scope"], "requiresAdditionalAuth");
    // It may ask what it would need, and asking gives nothing.
    assert_eq!(page.post("/stepUp/check", json!({ "scope": "vault:open" })).await.ok()["isRequired"], true);
    let mut authenticator = Authenticator::new();
    let session = page.enrol(&mut authenticator).await.ok();
    assert_eq!(session["user"]["scope"], "user:basic");
    // CVE-2024-28197 (Zitadel): the session that was half done is gone, and another has taken its place.
    page.get("/users").await.refused(401, "session_ended");
    let mut raised = page.clone();
    raised.bearer = session["minifiedJwt"].as_str().map(str::to_owned);
    raised.step_up(&mut authenticator, &["vault:open"]).await;
}

/// A passkey that does not verify its user finishes no sign-in, and cannot elevate the session that it leaves half done.
#[tokio::test]
async fn a_passkey_without_user_verification_does_not_finish_signing_up() {
    let world = World::with(with(|s| {
        s.security.mfa.enrollment = Enrollment::Signup;
        s.passkeys.user_verification = UserVerification::Preferred;
    }))
    .await;
    let page = world.signed_in("ann@example.com").await;
    let mut weak = Authenticator::new();
    weak.user_verified = false;
    let session = page.enrol(&mut weak).await.ok();
    assert_eq!(session["user"]["scope"], "requiresAdditionalAuth");
    page.prove(&mut weak, &["vault:open"]).await.refused(403, "mfa_enrolment_required");
    let options = page.get(SIGN_IN).await.ok();
    let mut body = weak.assert(&options, ORIGIN);
    body["requestedScopes"] = json!(["vault:open"]);
    page.post(SIGN_IN, body).await.refused(403, "mfa_enrolment_required");
}

#[tokio::test]
async fn a_session_that_owes_its_factor_is_elevated_by_the_proof_that_finishes_it() {
    let world = World::with(with(|s| s.security.mfa.enabled = true)).await;
    let (_, mut authenticator) = world.with_passkey("ann@example.com").await;
    let mut page = world.signed_in("ann@example.com").await;
    assert_eq!(page.get("/users").await.ok()["scope"], "requiresAdditionalAuth");
    let session = page.prove(&mut authenticator, &["vault:open"]).await.ok();
    page.bearer = session["minifiedJwt"].as_str().map(str::to_owned);
    let token = session["elevatedAccessToken"].as_str().unwrap();
    world.consume(token, &page.user_id().await, "use-1").await.ok();
}

/// A pending session of a user who has a factor enrols no other in its place.
#[tokio::test]
async fn a_session_that_owes_its_factor_cannot_enrol_another() {
    let world = World::with(with(|s| s.security.mfa.enabled = true)).await;
    let (ann, _) = world.with_passkey("ann@example.com").await;
    let page = world.signed_in("ann@example.com").await;
    page.enrol(&mut Authenticator::new()).await.refused(403, "elevated_token_required");
    let id = world.records(&ann).await[0].credential.to_string();
    let body = json!({ "passkeyId": id }).to_string();
    let reply = page.send(Method::DELETE, &page.sdk("/users/passkeys"), Some(body), &[]).await;
    reply.refused(403, "additional_auth_required");
}

// Proving and signing in

#[tokio::test]
async fn another_users_passkey_proves_nothing_in_my_session() {
    let world = World::new().await;
    let (ann, mut of_ann) = world.with_passkey("ann@example.com").await;
    let (bob, mut of_bob) = world.with_passkey("bob@example.com").await;
    let options = ann.get(PROVE).await.ok();
    let body = of_bob.assert(&options, ORIGIN);
    ann.post("/users/mfa/auth/passkey", body).await.refused(422, "passkey_not_found");
    // Bob's key under the id and handle of Ann's.
    of_bob.id = of_ann.id.clone();
    of_bob.user_handle = of_ann.user_handle.clone();
    of_bob.counter = 50;
    let body = of_bob.assert(&options, ORIGIN);
    ann.post("/users/mfa/auth/passkey", body).await.refused(422, "invalid_passkey_response");
    let reply = sign_in(&world.page(), &mut of_bob).await;
    reply.refused(422, "invalid_passkey_response");
    // Mine, over a challenge of another session of mine, of his, and of a sign-in.
    let own = ann.get(PROVE).await.ok();
    for foreign in [
        world.signed_in("ann@example.com").await.get(PROVE).await.ok(),
        bob.get(PROVE).await.ok(),
        ann.get(SIGN_IN).await.ok(),
        ann.get(REGISTER).await.ok(),
    ] {
        let body = of_ann.assert(&with_challenge(&own, &foreign), ORIGIN);
        ann.post("/users/mfa/auth/passkey", body).await.refused(422, "invalid_challenge");
        let body = of_ann.assert(&with_challenge(&own, &ann.get(PROVE).await.ok()), ORIGIN);
        world.page().post(SIGN_IN, body).await.refused(422, "invalid_challenge");
    }
    let body = of_ann.assert(&own, ORIGIN);
    ann.post("/users/mfa/auth/passkey", body).await.ok();
}

#[tokio::test]
async fn an_assertion_for_another_party_or_ceremony_or_without_its_flags_is_refused() {
    let world = World::new().await;
    let (page, mut authenticator) = world.with_passkey("ann@example.com").await;
    let before = world.records(&page).await;
    let changes: [fn(&mut Authenticator); 3] = [
        |a| a.rp_id = Some("evil.com".into()),
        |a| a.ceremony = Some("webauthn.create"),
        |a| a.user_verified = false,
    ];
    for change in changes {
        change(&mut authenticator);
        page.prove(&mut authenticator, &["vault:open"]).await.refused(422, "invalid_passkey_response");
        sign_in(&world.page(), &mut authenticator).await.refused(422, "invalid_passkey_response");
        authenticator.rp_id = None;
        authenticator.ceremony = None;
        authenticator.user_verified = true;
    }
    for (member, at) in [("authenticatorData", 32), ("authenticatorData", 36), ("signature", 20)] {
        let mut body = authenticator.assert(&page.get(PROVE).await.ok(), ORIGIN);
        tamper(&mut body, member, |b| b[at] ^= 0x02);
        page.post("/users/mfa/auth/passkey", body).await.refused(422, "invalid_passkey_response");
    }
    assert_eq!(world.events("passkey.refused").await, 9);
    assert_eq!(world.records(&page).await, before, "nothing of a refused answer is kept");
    page.prove(&mut authenticator, &[]).await.ok();
}

#[tokio::test]
async fn a_passkey_that_is_nobodys_is_refused_and_written_down() {
    let world = World::new().await;
    let mut unknown = Authenticator::new();
    sign_in(&world.page(), &mut unknown).await.refused(422, "passkey_not_found");
    assert_eq!(world.events("passkey.refused").await, 1);
}

#[tokio::test]
async fn a_counter_that_goes_back_is_refused_and_not_stored() {
    let world = World::new().await;
    let (page, mut authenticator) = world.with_passkey("ann@example.com").await;
    authenticator.counter = 10;
    page.prove(&mut authenticator, &[]).await.ok();
    assert_eq!(world.records(&page).await[0].sign_count, 11);
    for cloned in [10, 9, 0] {
        // The authenticator counts on before it signs.
        authenticator.counter = cloned;
        page.prove(&mut authenticator, &["vault:open"]).await.refused(422, "passkey_counter_regressed");
        authenticator.counter = cloned;
        sign_in(&world.page(), &mut authenticator).await.refused(422, "passkey_counter_regressed");
        assert_eq!(world.records(&page).await[0].sign_count, 11);
    }
    assert_eq!(world.events("passkey.refused").await, 6);
    authenticator.counter = 11;
    page.prove(&mut authenticator, &["vault:open"]).await.ok();
}

/// Answers that were signed one after another arrive at once: each is judged by the counter as it is then, and none is told
/// that the account changed.
#[tokio::test(flavor = "multi_thread")]
async fn answers_that_overtake_each_other_are_judged_by_the_counter_of_now() {
    let world = World::new().await;
    let (page, mut authenticator) = world.with_passkey("ann@example.com").await;
    for round in 1..=10 {
        authenticator.counter = round * 10;
        let mut tries = tokio::task::JoinSet::new();
        for nth in 0..3 {
            let fresh = world.page();
            let body = authenticator.assert(&fresh.get(SIGN_IN).await.ok(), ORIGIN);
            tries.spawn(async move { (nth, fresh.post(SIGN_IN, body).await) });
        }
        for (nth, reply) in tries.join_all().await {
            match reply.status {
                _ if reply.status == 200 => {}
                _ if nth < 2 => reply.refused(422, "passkey_counter_regressed"),
                _ => panic!("the newest passes: {reply:?}"),
            }
        }
        assert_eq!(world.records(&page).await[0].sign_count, round * 10 + 3);
    }
}

#[tokio::test]
async fn the_user_handle_of_a_sign_in_is_there_and_the_owners() {
    let world = World::new().await;
    let (ann, mut authenticator) = world.with_passkey("ann@example.com").await;
    let bob = world.signed_in("bob@example.com").await;
    let handle = |page: &Page| {
        let page = page.clone();
        async move { unbase64url(page.get(REGISTER).await.ok()["user"]["id"].as_str().unwrap()).unwrap() }
    };
    for wrong in [handle(&bob).await, Vec::new(), vec![0; 16], random::bytes::<64>().to_vec()] {
        authenticator.user_handle = wrong;
        sign_in(&world.page(), &mut authenticator).await.refused(422, "invalid_passkey_response");
    }
    for absent in [json!(null), json!("")] {
        let page = world.page();
        let mut body = authenticator.assert(&page.get(SIGN_IN).await.ok(), ORIGIN);
        body["response"]["userHandle"] = absent;
        page.post(SIGN_IN, body).await.refused(422, "invalid_passkey_response");
    }
    // In a session the handle may be left out, but not be another's.
    authenticator.user_handle = handle(&bob).await;
    ann.prove(&mut authenticator, &[]).await.refused(422, "invalid_passkey_response");
    let mut body = authenticator.assert(&ann.get(PROVE).await.ok(), ORIGIN);
    body["response"].as_object_mut().unwrap().remove("userHandle");
    ann.post("/users/mfa/auth/passkey", body).await.ok();
}

#[tokio::test]
async fn a_passkey_of_a_deleted_user_opens_nothing() {
    let world = World::new().await;
    let (page, mut authenticator) = world.with_passkey("ann@example.com").await;
    let options = page.get(SIGN_IN).await.ok();
    let token = page.step_up(&mut authenticator, &["user:delete"]).await;
    page.elevated(Method::DELETE, "/users", None, &token).await.no_content();
    let reply = world.page().post(SIGN_IN, authenticator.assert(&options, ORIGIN)).await;
    reply.refused(422, "passkey_not_found");
    page.get(PROVE).await.refused(401, "session_ended");
    // Whoever gets the address next is another user, without the passkey.
    let next = world.signed_in("ann@example.com").await;
    assert!(world.records(&next).await.is_empty());
    sign_in(&world.page(), &mut authenticator).await.refused(422, "passkey_not_found");
}

#[tokio::test]
async fn a_passkey_of_one_environment_is_none_in_another() {
    let world = World::new().await;
    let (page, mut authenticator) = world.with_passkey("ann@example.com").await;
    let mut elsewhere = world.page();
    elsewhere.environment = OTHER_ENVIRONMENT;
    sign_in(&elsewhere, &mut authenticator).await.refused(422, "passkey_not_found");
    // A challenge of the other environment, answered here.
    let options = elsewhere.get(SIGN_IN).await.ok();
    let reply = world.page().post(SIGN_IN, authenticator.assert(&options, ORIGIN)).await;
    reply.refused(422, "invalid_challenge");
    // The same authenticator may be enrolled there by somebody else; the two stay apart.
    let mut other = elsewhere.clone();
    other = world.sign_in_on(other, "bob@example.com").await;
    other.enrol(&mut authenticator).await.ok();
    assert_eq!(world.records(&page).await.len(), 1);
    let session = sign_in(&elsewhere, &mut authenticator).await.ok();
    assert_eq!(session["user"]["id"], other.user_id().await.as_str());
    sign_in(&world.page(), &mut authenticator).await.refused(422, "invalid_passkey_response");
}

#[tokio::test]
async fn a_whole_answer_sent_again_proves_nothing() {
    let world = World::new().await;
    let (page, mut authenticator) = world.with_passkey("ann@example.com").await;
    let mut body = authenticator.assert(&page.get(PROVE).await.ok(), ORIGIN);
    body["requestedScopes"] = json!(["vault:open"]);
    page.post("/users/mfa/auth/passkey", body.clone()).await.ok();
    let again = page.post("/users/mfa/auth/passkey", body.clone()).await;
    assert_eq!(again.status, 422, "{}", again.body);
    world
        .signed_in("ann@example.com")
        .await
        .post("/users/mfa/auth/passkey", body)
        .await
        .refused(422, "invalid_challenge");

    let fresh = world.page();
    let body = authenticator.assert(&fresh.get(SIGN_IN).await.ok(), ORIGIN);
    fresh.post(SIGN_IN, body.clone()).await.ok();
    assert_eq!(fresh.post(SIGN_IN, body).await.status, 422);
    assert_eq!(world.events("passkey.refused").await, 3);
}

/// Passkeys that are copied between devices have no counter: there the challenge alone tells a replay.
#[tokio::test]
async fn a_replay_is_refused_without_a_counter_too_and_is_written_down() {
    let world = World::new().await;
    let page = world.signed_in("ann@example.com").await;
    let mut authenticator = Authenticator::new();
    authenticator.counts = false;
    page.enrol(&mut authenticator).await.ok();
    let body = authenticator.assert(&page.get(PROVE).await.ok(), ORIGIN);
    page.post("/users/mfa/auth/passkey", body.clone()).await.ok();
    page.post("/users/mfa/auth/passkey", body).await.refused(422, "invalid_challenge");
    let body = authenticator.assert(&page.get(SIGN_IN).await.ok(), ORIGIN);
    page.post(SIGN_IN, body.clone()).await.ok();
    page.post(SIGN_IN, body).await.refused(422, "invalid_challenge");
    assert_eq!(world.events("passkey.refused").await, 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn parallel_sign_ins_with_one_answer_open_one_session() {
    let world = World::new().await;
    let (_, mut authenticator) = world.with_passkey("ann@example.com").await;
    let fresh = world.page();
    let body = authenticator.assert(&fresh.get(SIGN_IN).await.ok(), ORIGIN);
    let mut tries = tokio::task::JoinSet::new();
    for _ in 0..100 {
        let (page, body) = (fresh.clone(), body.clone());
        tries.spawn(async move { page.post(SIGN_IN, body).await });
    }
    let replies = tries.join_all().await;
    assert_eq!(replies.iter().filter(|r| r.status == 200).count(), 1);
    assert_eq!(world.events("session.opened").await, 2);
}

/// CVE-2026-8830 (Keycloak): what the browser was asked is no proof. Preferred means: no flag, no elevation.
#[tokio::test]
async fn where_verification_is_preferred_an_assertion_without_it_elevates_nobody_who_has_a_factor() {
    let world = World::with(preferring()).await;
    let (page, mut authenticator) = world.with_passkey("ann@example.com").await;
    authenticator.user_verified = false;
    page.prove(&mut authenticator, &["vault:open"]).await.refused(403, "mfa_required");
    page.prove(&mut authenticator, &[]).await.ok();
    let session = sign_in(&world.page(), &mut authenticator).await.ok();
    assert_eq!(session["user"]["scope"], "user:basic");
    let mut weak = world.page();
    weak.bearer = session["minifiedJwt"].as_str().map(str::to_owned);
    weak.prove(&mut authenticator, &["credential:unlink"]).await.refused(403, "mfa_required");
    weak.enrol(&mut Authenticator::new()).await.refused(403, "elevated_token_required");
    let options = weak.get(SIGN_IN).await.ok();
    let mut body = authenticator.assert(&options, ORIGIN);
    body["requestedScopes"] = json!(["vault:open"]);
    world.page().post(SIGN_IN, body).await.refused(403, "mfa_required");
    authenticator.user_verified = true;
    weak.step_up(&mut authenticator, &["credential:unlink"]).await;
}

#[tokio::test]
async fn where_each_sign_in_needs_a_factor_a_passkey_without_verification_is_none() {
    let world = World::with(with(|s| {
        s.security.mfa.enabled = true;
        s.passkeys.user_verification = UserVerification::Preferred;
    }))
    .await;
    let (_, mut authenticator) = world.with_passkey("ann@example.com").await;
    authenticator.user_verified = false;
    let session = sign_in(&world.page(), &mut authenticator).await.ok();
    assert_eq!(session["user"]["scope"], "requiresAdditionalAuth");
    authenticator.user_verified = true;
    let session = sign_in(&world.page(), &mut authenticator).await.ok();
    assert_eq!(session["user"]["scope"], "user:basic");
}

#[tokio::test]
async fn a_passkey_enrolled_without_verification_is_no_factor_beside_one_that_is() {
    let world = World::with(preferring()).await;
    let page = world.signed_in("ann@example.com").await;
    let mut weak = Authenticator::new();
    weak.user_verified = false;
    page.enrol(&mut weak).await.ok();
    let methods = page.get("/users/mfa/methods").await.ok();
    assert_eq!(methods["userHasVerifiedMfaMethods"], false);
    // While there is no factor it may answer, and what it gave dies with the first one.
    let token = page.step_up(&mut weak, &["credential:unlink"]).await;
    let mut strong = Authenticator::new();
    page.enrol(&mut strong).await.ok();
    let id = world.records(&page).await[1].credential.to_string();
    let reply =
        page.elevated(Method::DELETE, "/users/passkeys", Some(json!({ "passkeyId": id })), &token).await;
    reply.refused(403, "elevated_token_invalid");
    // Verifying the user later does not make it one: what it is was decided when it was enrolled.
    weak.user_verified = true;
    page.prove(&mut weak, &["credential:unlink"]).await.refused(403, "mfa_required");
    let check = page.post("/stepUp/check", json!({ "scope": "vault:open" })).await.ok();
    assert_eq!(check["credentials"].as_array().unwrap().len(), 1);
    assert_eq!(check["credentials"][0]["id"], id);
}

#[tokio::test]
async fn signing_in_can_be_switched_off_for_all_passkeys_and_for_one() {
    let world = World::new().await;
    let (page, mut authenticator) = world.with_passkey("ann@example.com").await;
    let fresh = world.page();
    let ready = authenticator.assert(&fresh.get(SIGN_IN).await.ok(), ORIGIN);
    world.configure(json!({ "passkeys": { "signIn": false } })).await;
    fresh.get(SIGN_IN).await.refused(422, "passkeys_not_configured");
    fresh.post(SIGN_IN, ready).await.refused(422, "passkeys_not_configured");
    page.step_up(&mut authenticator, &["vault:open"]).await;

    let world = World::with(with(|s| s.security.auth.allow_multiple_credentials_for_sign_in = false)).await;
    let (page, mut authenticator) = world.with_passkey("ann@example.com").await;
    sign_in(&world.page(), &mut authenticator).await.refused(422, "credential_not_enabled_for_sign_in");
    page.step_up(&mut authenticator, &["vault:open"]).await;
}

/// The record id names a passkey of the caller's, or none.
#[tokio::test]
async fn nobody_renames_or_removes_another_users_passkey() {
    let world = World::new().await;
    let (ann, _) = world.with_passkey("ann@example.com").await;
    let (bob, mut of_bob) = world.with_passkey("bob@example.com").await;
    let id = world.records(&ann).await[0].credential;
    let email = ann.get("/users").await.ok()["verifiedCredentials"][0]["id"].clone();
    let own_email = bob.get("/users").await.ok()["verifiedCredentials"][0]["id"].clone();
    for id in [
        json!(id.to_string()),
        email,
        own_email,
        json!(CredentialId::from_bytes([0; 16]).to_string()),
        json!("x"),
    ] {
        bob.put("/users/passkeys", json!({ "id": id, "alias": "mine" }))
            .await
            .refused(422, "passkey_not_found");
        let token = bob.step_up(&mut of_bob, &["credential:unlink"]).await;
        let reply =
            bob.elevated(Method::DELETE, "/users/passkeys", Some(json!({ "passkeyId": id })), &token).await;
        reply.refused(422, "passkey_not_found");
    }
    assert_eq!(world.records(&ann).await.len(), 1);
    // The store itself asks for the owner.
    let bob_id = bob.user_id().await.parse().unwrap();
    let step = stile_store::credentials::delete(ENVIRONMENT, bob_id, id);
    assert!(world.app.store.commit(stile_store::Mutation::new([step])).await.is_err());
    let step = users::delete(OTHER_ENVIRONMENT, bob_id);
    assert!(world.app.store.commit(stile_store::Mutation::new([step])).await.is_err());
}
