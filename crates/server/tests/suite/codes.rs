//! Codes by e-mail under attack: guessed, replayed, carried elsewhere.

use axum::http::Method;
use serde_json::{Value, json};
use stile_core::settings::{Rate, ScopeRule};
use stile_core::{Facts, Format};
use stile_store::Mutation;

use crate::authenticator::Authenticator;
use crate::device::DeviceKey;
use crate::world::{ORIGIN, OTHER_ENVIRONMENT, Page, Reply, World, settings};

const ANN: &str = "ann@example.com";
const EVE: &str = "eve@example.com";

const CREATE: &str = "/emailVerifications/create";
const SIGN_IN: &str = "/emailVerifications/signin";
const VERIFY: &str = "/emailVerifications/verify";

const ENDED: (u16, &str) = (422, "invalid_email_verification");
const WRONG: (u16, &str) = (422, "wrong_email_verification_token");
const LOCKED: (u16, &str) = (422, "too_many_email_verification_attempts");

/// Asks for a code; the verification's id.
pub async fn ask(page: &Page, email: &str) -> String {
    let sent = page.post(CREATE, json!({ "email": email })).await.created();
    sent["verificationUUID"].as_str().unwrap().to_owned()
}

pub fn answer(id: &str, code: &str) -> Value {
    json!({ "verificationUUID": id, "verificationToken": code })
}

/// A code of the same form that is not this one.
pub fn another(code: &str) -> String {
    let last = if code.ends_with('7') { "8" } else { "7" };
    format!("{}{last}", &code[..code.len() - 1])
}

#[track_caller]
fn refused(reply: Reply, (status, code): (u16, &str)) {
    reply.refused(status, code);
}

/// Answers wrongly so often.
async fn guess(page: &Page, id: &str, right: &str, times: usize) {
    for _ in 0..times {
        refused(page.post(SIGN_IN, answer(id, &another(right))).await, WRONG);
    }
}

/// CVE-2024-7318: a code is good for ten minutes and not a second longer.
#[tokio::test]
async fn a_code_ends_after_ten_minutes() {
    let world = World::new().await;
    let page = world.page();
    let (early, late) = (ask(&page, ANN).await, ask(&page, EVE).await);
    let (code, late_code) = (world.code(ANN).await, world.code(EVE).await);
    world.advance(540);
    page.post(SIGN_IN, answer(&early, &code)).await.ok();
    world.advance(60);
    refused(page.post(SIGN_IN, answer(&late, &late_code)).await, ENDED);
    // Its address is not told to be unknown in any other way than this.
    refused(page.post(SIGN_IN, answer(&late, &another(&late_code))).await, ENDED);
}

/// CVE-2025-6014, CVE-2025-55000: a used code is used in every spelling.
#[tokio::test]
async fn a_code_works_once_in_whatever_spelling() {
    let world = World::new().await;
    let page = world.page();
    let id = ask(&page, ANN).await;
    let code = world.code(ANN).await;
    let spaced = format!(" {}-{} ", &code[..3], &code[3..]);
    page.post(SIGN_IN, answer(&id, &spaced)).await.ok();
    for again in [&code, &spaced, &code.replace('0', "o")] {
        refused(page.post(SIGN_IN, answer(&id, again)).await, ENDED);
    }
}

#[tokio::test]
async fn a_code_of_one_environment_is_none_in_another() {
    let world = World::new().await;
    let page = world.page();
    let id = ask(&page, ANN).await;
    let code = world.code(ANN).await;
    let elsewhere = Page { environment: OTHER_ENVIRONMENT, ..world.page() };
    refused(elsewhere.post(SIGN_IN, answer(&id, &code)).await, ENDED);
    page.post(SIGN_IN, answer(&id, &code)).await.ok();
}

/// CVE-2026-45337: a pending flow belongs to who began it.
#[tokio::test]
async fn a_code_is_answered_only_where_it_was_asked_for() {
    let world = World::new().await;
    let ann = world.signed_in(ANN).await;
    let eve = world.signed_in(EVE).await;
    world.deliver().await;
    let in_session = ask(&ann, ANN).await;
    let code = world.code(ANN).await;
    // Not to sign in, not in another user's session, not in another session of the same user.
    refused(world.page().post(SIGN_IN, answer(&in_session, &code)).await, ENDED);
    refused(eve.post(VERIFY, answer(&in_session, &code)).await, ENDED);
    world.deliver().await;
    let second = world.signed_in(ANN).await;
    refused(second.post(VERIFY, answer(&in_session, &code)).await, ENDED);
    ann.post(VERIFY, answer(&in_session, &code)).await.ok();

    world.deliver().await;
    let outside = ask(&world.page(), ANN).await;
    let code = world.code(ANN).await;
    refused(ann.post(VERIFY, answer(&outside, &code)).await, ENDED);
    world.page().post(SIGN_IN, answer(&outside, &code)).await.ok();
}

/// CVE-2026-37982: what was begun in one browser is not finished in another.
#[tokio::test]
async fn a_code_needs_the_session_key_that_asked_for_it() {
    let world = World::new().await;
    let (own, foreign) = (DeviceKey::new().public(), DeviceKey::new().public());
    let with =
        |key: &str| Page { headers: vec![("x-dyn-session-public-key".into(), key.into())], ..world.page() };
    let id = ask(&with(&own), ANN).await;
    let code = world.code(ANN).await;
    refused(with(&foreign).post(SIGN_IN, answer(&id, &code)).await, ENDED);
    refused(world.page().post(SIGN_IN, answer(&id, &code)).await, ENDED);
    with("02ff").post(SIGN_IN, answer(&id, &code)).await.refused(422, "invalid_session_public_key");
    // The body's key goes before the header's.
    let mut body = answer(&id, &code);
    body["sessionPublicKey"] = foreign.clone().into();
    refused(with(&own).post(SIGN_IN, body.clone()).await, ENDED);
    body["sessionPublicKey"] = own.to_uppercase().into();
    with(&foreign).post(SIGN_IN, body).await.ok();
}

#[tokio::test]
async fn an_id_that_is_none_is_an_unknown_verification() {
    let world = World::new().await;
    let page = world.page();
    let unknown = "00000000-0000-4000-8000-000000000000";
    for id in [
        "",
        "x",
        "' OR 1=1 --",
        "../../x",
        &"0".repeat(4_000),
        unknown,
        "{00000000-0000-4000-8000-0000000000}",
    ] {
        refused(page.post(SIGN_IN, answer(id, "123456")).await, ENDED);
    }
}

/// CVE-2025-64102, GHSA-7w99-5wm4-3g79: the sixth answer is not judged, not even a right one.
#[tokio::test]
async fn five_wrong_answers_end_a_code_and_the_next_code_works() {
    let world = World::new().await;
    let page = world.page();
    let id = ask(&page, ANN).await;
    let code = world.code(ANN).await;
    guess(&page, &id, &code, 5).await;
    refused(page.post(SIGN_IN, answer(&id, &code)).await, LOCKED);
    refused(page.post(SIGN_IN, answer(&id, &another(&code))).await, LOCKED);
    let next = ask(&page, ANN).await;
    page.post(SIGN_IN, answer(&next, &world.code(ANN).await)).await.ok();
}

/// The code of the nth mail to Ann.
async fn world_code(world: &World, n: usize) -> String {
    use stile_server::delivery::Content;
    match world.mails(ANN).await.into_iter().nth(n) {
        Some(Content::Code { code, .. }) => code,
        _ => panic!("no code"),
    }
}

#[tokio::test]
async fn asking_again_keeps_the_first_code_good() {
    let world = World::new().await;
    let page = world.page();
    let first = ask(&page, ANN).await;
    let body = json!({ "verificationUUID": first, "email": " ANN@example.com" });
    let again = page.post("/emailVerifications/retry", body).await.created();
    let second = again["verificationUUID"].as_str().unwrap();
    assert_eq!(again["email"], ANN);
    assert_ne!(first, second);
    let (old, new) = (world_code(&world, 0).await, world_code(&world, 1).await);
    if old != new {
        refused(page.post(SIGN_IN, answer(second, &old)).await, WRONG);
    }
    page.post(SIGN_IN, answer(&first, &old)).await.ok();
    page.post(SIGN_IN, answer(second, &new)).await.ok();
}

#[tokio::test]
async fn a_retry_names_a_verification_of_the_same_address_environment_and_session() {
    let world = World::new().await;
    let page = world.page();
    let ann = world.signed_in(ANN).await;
    let id = ask(&page, ANN).await;
    let elsewhere = Page { environment: OTHER_ENVIRONMENT, ..world.page() };
    for (page, id, email) in [
        (&page, id.as_str(), EVE),
        (&page, "x", ANN),
        (&page, "00000000-0000-4000-8000-000000000000", ANN),
        (&elsewhere, &id, ANN),
        (&ann, &id, ANN),
    ] {
        let body = json!({ "verificationUUID": id, "email": email });
        refused(page.post("/emailVerifications/retry", body).await, ENDED);
    }
    assert!(world.mails(EVE).await.is_empty());
}

/// A permit lives as long as the code that it was used up for: a retry does not carry it on.
#[tokio::test]
async fn a_retry_does_not_revive_the_permit_of_an_ended_change() {
    let world = World::new().await;
    let ann = world.signed_in(ANN).await;
    let token = email_token(&world, &ann, ANN, "credential:update").await;
    let sent = ann.elevated(Method::PUT, "/users", Some(json!({ "email": EVE })), &token).await.ok();
    let id = sent["emailVerification"]["verificationUUID"].as_str().unwrap();
    world.advance(601);
    let body = json!({ "verificationUUID": id, "email": EVE });
    refused(ann.post("/emailVerifications/retry", body).await, ENDED);
}

/// Asking again and again does not move the end of what was begun, and each code ends with it.
#[tokio::test]
async fn retries_do_not_move_the_end_of_a_begun_change() {
    let world = World::new().await;
    let ann = world.signed_in(ANN).await;
    let token = email_token(&world, &ann, ANN, "credential:update").await;
    let sent = ann.elevated(Method::PUT, "/users", Some(json!({ "email": EVE })), &token).await.ok();
    let mut id = sent["emailVerification"]["verificationUUID"].as_str().unwrap().to_owned();
    for _ in 0..2 {
        world.advance(290);
        world.deliver().await;
        let body = json!({ "verificationUUID": id, "email": EVE });
        let again = ann.post("/emailVerifications/retry", body).await.created();
        again["verificationUUID"].as_str().unwrap().clone_into(&mut id);
    }
    let code = world.code(EVE).await;
    world.advance(20);
    let body = json!({ "verificationUUID": id, "email": EVE });
    refused(ann.post("/emailVerifications/retry", body).await, ENDED);
    refused(ann.post(VERIFY, answer(&id, &code)).await, ENDED);
    assert_eq!(ann.get("/users").await.ok()["email"], ANN);
}

/// A begun change is judged as a token by the same proof would be: a rule on the age of proofs ends it, too.
#[tokio::test]
async fn a_begun_change_stands_on_a_proof_that_grows_old() {
    let mut settings = settings();
    settings.scopes.push(ScopeRule { max_age_seconds: Some(120), ..ScopeRule::new("credential:update") });
    let world = World::with(settings).await;
    let ann = world.signed_in(ANN).await;
    for (wait, passes) in [(121, false), (100, true)] {
        let token = email_token(&world, &ann, ANN, "credential:update").await;
        let sent = ann.elevated(Method::PUT, "/users", Some(json!({ "email": EVE })), &token).await.ok();
        let id = sent["emailVerification"]["verificationUUID"].as_str().unwrap().to_owned();
        let code = world.code(EVE).await;
        world.advance(wait);
        let reply = ann.post(VERIFY, answer(&id, &code)).await;
        if passes {
            reply.ok();
        } else {
            refused(reply, (403, "elevated_token_required"));
        }
    }
}

/// A recovery ends what was begun before it.
#[tokio::test]
async fn a_change_begun_before_a_recovery_is_not_completed_after() {
    let world = World::new().await;
    let (ann, app) = world.with_totp(ANN).await;
    let codes = ann.recovery_codes().await;
    let session = ann.totp(None, &app.code(&world), &["credential:update"]).await.ok();
    let token = session["elevatedAccessToken"].as_str().unwrap();
    let sent = ann.elevated(Method::PUT, "/users", Some(json!({ "email": EVE })), token).await.ok();
    let id = sent["emailVerification"]["verificationUUID"].as_str().unwrap().to_owned();
    let code = world.code(EVE).await;
    ann.recover(&codes[0], &[]).await.ok();
    refused(ann.post(VERIFY, answer(&id, &code)).await, (403, "mfa_required"));
    assert_eq!(ann.get("/users").await.ok()["email"], ANN);
}

/// An elevated token by an e-mail code.
async fn email_token(world: &World, page: &Page, email: &str, scope: &str) -> String {
    world.deliver().await;
    let id = ask(page, email).await;
    let mut body = answer(&id, &world.code(email).await);
    body["requestedScopes"] = json!([scope]);
    let session = page.post(VERIFY, body).await.ok();
    session["elevatedAccessToken"].as_str().unwrap().to_owned()
}

/// A page with an old token in its storage must still be able to sign in.
#[tokio::test]
async fn a_bearer_that_is_no_longer_good_is_ignored_when_asking() {
    let world = World::new().await;
    let ann = world.signed_in(ANN).await;
    ann.post("/revoke", json!({})).await.no_content();
    let garbage = Page { bearer: Some("garbage".into()), ..world.page() };
    for page in [ann, garbage] {
        world.deliver().await;
        let id = ask(&page, ANN).await;
        page.post(SIGN_IN, answer(&id, &world.code(ANN).await)).await.ok();
    }
}

/// ASVS 6.3.8: nothing in an answer tells whether there is an account.
#[tokio::test]
async fn asking_for_a_code_does_not_tell_whether_there_is_an_account() {
    let world = World::new().await;
    world.signed_in(ANN).await;
    let page = world.page();
    let known = page.post(CREATE, json!({ "email": ANN })).await;
    let unknown = page.post(CREATE, json!({ "email": EVE })).await;
    let names = |reply: &Reply| {
        let mut names: Vec<String> = reply.headers.keys().map(ToString::to_string).collect();
        names.sort();
        names
    };
    assert_eq!(names(&known), names(&unknown));
    let (known, unknown) = (known.created(), unknown.created());
    assert_eq!((&known["email"], &unknown["email"]), (&json!(ANN), &json!(EVE)));
    assert_eq!(known.as_object().unwrap().len(), unknown.as_object().unwrap().len());
    // Wrong answers are the same for both.
    for (sent, email) in [(known, ANN), (unknown, EVE)] {
        let wrong = another(&world.code(email).await);
        let reply = page.post(SIGN_IN, answer(sent["verificationUUID"].as_str().unwrap(), &wrong)).await;
        refused(reply, WRONG);
    }
}

#[tokio::test]
async fn no_address_carries_headers_or_a_second_recipient() {
    let world = World::new().await;
    let page = world.page();
    for email in [
        "ann@example.com\r\nBcc: eve@example.com",
        "ann@example.com\nSubject: x",
        "ann@example.com%0d%0aBcc:eve@example.com",
        "ann@example.com, eve@example.com",
        "ann@example.com;eve@example.com",
        "<ann@example.com>",
        "Ann <ann@example.com>",
        "\"ann\\r\\n\"@example.com",
        "ann@example.com\0",
        "ann\u{2028}@example.com",
        "a@b@example.com",
        "ann\u{ff20}b@example.com",
        "ann@[127.0.0.1]",
        "ann@localhost",
        "",
        &format!("{}@example.com", "a".repeat(100_000 / 2)),
    ] {
        page.post(CREATE, json!({ "email": email })).await.refused(422, "invalid_email");
    }
    assert!(world.app.store.due_mail(world.now()).await.unwrap().is_empty());
}

/// GHSA-7rqj-j65f-68wh: an address is normalised before anything else looks at it.
#[tokio::test]
async fn spellings_of_one_address_are_one_account_and_one_counter() {
    let mut tight = settings();
    tight.limits.mails_per_address = Rate { requests: 3, seconds: 10_800 };
    let world = World::with(tight).await;
    let page = world.page();
    let id = ask(&page, "  Ann@EXAMPLE.com ").await;
    let first = page.post(SIGN_IN, answer(&id, &world.code(ANN).await)).await.ok();
    assert_eq!(first["user"]["newUser"], true);
    for spelling in ["ａｎｎ@example.com", "ANN@ｅxample。com"] {
        world.deliver().await;
        let id = ask(&page, spelling).await;
        let session = page.post(SIGN_IN, answer(&id, &world.code(ANN).await)).await.ok();
        assert_eq!(session["user"]["id"], first["user"]["id"], "{spelling}");
        assert_eq!(session["user"]["newUser"], false);
    }
    // Three were sent: a fourth spelling is no fourth mail.
    world.deliver().await;
    page.post(CREATE, json!({ "email": "ann@ex\u{ad}ample.com" })).await.refused(429, "too_many_requests");
    // A letter that only looks the same is another person's.
    let id = ask(&page, "аnn@example.com").await;
    let session = page.post(SIGN_IN, answer(&id, &world.code("аnn@example.com").await)).await.ok();
    assert_ne!(session["user"]["id"], first["user"]["id"]);
}

#[tokio::test]
async fn subaddresses_are_refused_where_a_setting_says_so() {
    let world = World::new().await;
    ask(&world.page(), "ann+x@example.com").await;
    let mut settings = settings();
    settings.sdk.block_email_subaddresses = true;
    let world = World::with(settings).await;
    for email in ["ann+x@example.com", "ann\u{ff0b}x@example.com", "+@example.com"] {
        world.page().post(CREATE, json!({ "email": email })).await.refused(422, "invalid_email");
    }
    ask(&world.page(), ANN).await;
    let ann = world.signed_in(ANN).await;
    let token = email_token(&world, &ann, ANN, "credential:update").await;
    let change = json!({ "email": "ann+x@example.com" });
    ann.elevated(Method::PUT, "/users", Some(change), &token).await.refused(422, "invalid_email");
}

/// Invariant 10. `code` below is what a thief of the file would need, `address` what a spammer would like.
#[tokio::test]
async fn neither_code_nor_address_lies_readable_in_the_database() {
    let world = World::new().await;
    let address = "zebedee.quux@example.org";
    let id = ask(&world.page(), address).await;
    let code = world.code(address).await;
    assert!(!world.on_disk(address.as_bytes()));
    assert!(!world.on_disk(b"zebedee"));
    assert!(
        !world.on_disk(code.as_bytes()),
        "six random digits may be there by chance, once in very many runs"
    );
    // The search finds what is there.
    assert!(world.on_disk(b"email_code.sent"));
    assert!(world.on_disk(id.as_bytes()), "the audit log names the verification");
}

#[tokio::test]
async fn an_unknown_scope_is_refused_before_anything_is_used_up() {
    let world = World::new().await;
    let ann = world.signed_in(ANN).await;
    world.deliver().await;
    for scopes in [
        json!(["nothing:known"]),
        json!(["vault:open", "x"]),
        json!(["console:mfa:reset"]),
        json!(["user:basic"]),
        json!(vec!["vault:open"; 200]),
    ] {
        world.deliver().await;
        for (page, path) in [(&ann, VERIFY), (&world.page(), SIGN_IN)] {
            let id = ask(page, ANN).await;
            let mut body = answer(&id, &world.code(ANN).await);
            body["requestedScopes"] = scopes.clone();
            page.post(path, body.clone()).await.refused(422, "invalid_scopes");
            body["requestedScopes"] = json!(["vault:open"]);
            page.post(path, body).await.ok();
        }
    }
}

#[tokio::test]
async fn a_code_steps_up_a_user_without_a_factor_for_the_scope_asked() {
    let world = World::new().await;
    let ann = world.signed_in(ANN).await;
    let token = email_token(&world, &ann, ANN, "vault:open").await;
    let user = ann.user_id().await;
    let spent = world.consume(&token, &user, "1").await.ok();
    assert_eq!(spent["amr"], json!(["otp"]));
    // Not for another scope, and not in another session of the same user.
    let token = email_token(&world, &ann, ANN, "vault:open").await;
    ann.elevated(Method::DELETE, "/users", None, &token).await.refused(403, "elevated_token_invalid");
    let token = email_token(&world, &ann, ANN, "user:delete").await;
    world.deliver().await;
    let second = world.signed_in(ANN).await;
    second.elevated(Method::DELETE, "/users", None, &token).await.refused(403, "elevated_token_invalid");
    ann.elevated(Method::DELETE, "/users", None, &token).await.no_content();
}

/// GHSA-hp74-gm6m-2qm5, CVE-2025-64103: an e-mail code does not stand in for the factor that a user has.
#[tokio::test]
async fn a_code_gives_no_token_to_a_user_with_a_factor_and_is_not_used_up() {
    let world = World::new().await;
    let (ann, mut passkey) = world.with_passkey(ANN).await;
    world.deliver().await;
    let id = ask(&ann, ANN).await;
    let code = world.code(ANN).await;
    let mut body = answer(&id, &code);
    body["requestedScopes"] = json!(["vault:open"]);
    ann.post(VERIFY, body).await.refused(403, "mfa_required");
    ann.post(VERIFY, answer(&id, &code)).await.ok();
    // At sign-in the same, and `allowNewMFALinking` is nothing for who has a factor.
    world.deliver().await;
    let page = world.page();
    let id = ask(&page, ANN).await;
    let mut body = answer(&id, &world.code(ANN).await);
    body["requestedScopes"] = json!(["credential:link"]);
    page.post(SIGN_IN, body.clone()).await.refused(403, "mfa_required");
    body["requestedScopes"] = json!([]);
    body["allowNewMFALinking"] = true.into();
    let session = page.post(SIGN_IN, body).await.ok();
    assert_eq!(session.get("elevatedAccessToken"), None);
    // A token that a code gave before there was a factor is worth nothing after.
    let bob = world.signed_in("bob@example.com").await;
    let token = email_token(&world, &bob, "bob@example.com", "user:delete").await;
    bob.enrol(&mut Authenticator::new()).await.ok();
    bob.elevated(Method::DELETE, "/users", None, &token).await.refused(403, "elevated_token_invalid");
    ann.step_up(&mut passkey, &["vault:open"]).await;
}

#[tokio::test]
async fn new_factor_linking_is_granted_at_sign_in_where_factors_are_optional() {
    let world = World::new().await;
    let mut page = world.page();
    let id = ask(&page, ANN).await;
    let mut body = answer(&id, &world.code(ANN).await);
    body["allowNewMFALinking"] = true.into();
    let session = page.post(SIGN_IN, body).await.ok();
    page.bearer = session["minifiedJwt"].as_str().map(str::to_owned);
    let token = session["elevatedAccessToken"].as_str().unwrap();
    // Past the time in which a fresh sign-in alone would do.
    world.advance(400);
    let mut passkey = Authenticator::new();
    let options = page.get("/users/passkeys/register").await.ok();
    let body = passkey.register(&options, ORIGIN);
    page.elevated(Method::POST, "/users/passkeys/register", Some(body), token).await.ok();
}

/// CVE-2024-45042 in reverse, and GHSA-xg6x-h9c9-2m83: a sign-in that is not finished yields no token for the app.
#[tokio::test]
async fn an_unfinished_sign_in_gets_no_token_but_for_enrolling() {
    let mut settings = settings();
    settings.security.mfa.enrollment = stile_core::settings::Enrollment::Signup;
    let world = World::with(settings).await;
    let mut page = world.page();
    let id = ask(&page, ANN).await;
    let mut body = answer(&id, &world.code(ANN).await);
    body["requestedScopes"] = json!(["vault:open", "credential:link"]);
    page.post(SIGN_IN, body.clone()).await.refused(403, "mfa_enrolment_required");
    body["allowNewMFALinking"] = true.into();
    body["requestedScopes"] = json!(["credential:link"]);
    let session = page.post(SIGN_IN, body).await.ok();
    assert_eq!(session["user"]["scope"], "requiresAdditionalAuth");
    assert!(session["elevatedAccessToken"].is_string());
    page.bearer = session["minifiedJwt"].as_str().map(str::to_owned);
    let mut passkey = Authenticator::new();
    let full = page.enrol(&mut passkey).await.ok();
    assert_eq!(full["user"]["scope"], "user:basic");
}

/// Only who has proved an address learns that it is in use; accounts are never joined by one (invariant 9).
#[tokio::test]
async fn an_address_of_another_user_cannot_be_taken() {
    let world = World::new().await;
    world.signed_in(EVE).await;
    let ann = world.signed_in(ANN).await;
    let link = email_token(&world, &ann, ANN, "credential:link").await;
    world.deliver().await;
    let id = ask(&ann, EVE).await;
    let code = world.code(EVE).await;
    let wrong = ann.elevated(Method::POST, VERIFY, Some(answer(&id, &another(&code))), &link).await;
    refused(wrong, WRONG);
    ann.elevated(Method::POST, VERIFY, Some(answer(&id, &code)), &link)
        .await
        .refused(422, "email_already_exists");
    // The same through a change.
    let update = email_token(&world, &ann, ANN, "credential:update").await;
    let sent = ann.elevated(Method::PUT, "/users", Some(json!({ "email": EVE })), &update).await.ok();
    let id = sent["emailVerification"]["verificationUUID"].as_str().unwrap();
    ann.post(VERIFY, answer(id, &world.code(EVE).await)).await.refused(422, "email_already_exists");
    assert_eq!(ann.get("/users").await.ok()["email"], ANN);
}

#[tokio::test]
async fn linking_an_address_needs_its_scope_and_tells_the_owner() {
    let world = World::new().await;
    let ann = world.signed_in(ANN).await;
    let update = email_token(&world, &ann, ANN, "credential:update").await;
    world.deliver().await;
    let id = ask(&ann, EVE).await;
    let body = answer(&id, &world.code(EVE).await);
    ann.post(VERIFY, body.clone()).await.refused(403, "elevated_token_required");
    ann.elevated(Method::POST, VERIFY, Some(body.clone()), &update)
        .await
        .refused(403, "elevated_token_invalid");
    let link = email_token(&world, &ann, ANN, "credential:link").await;
    world.deliver().await;
    let session = ann.elevated(Method::POST, VERIFY, Some(body), &link).await.ok();
    assert_eq!(session["user"]["verifiedCredentials"].as_array().unwrap().len(), 2);
    assert_eq!(world.mails(ANN).await.len(), 1, "a notice to the address that was there");
    let eve = world.signed_in(EVE).await;
    assert_eq!(eve.user_id().await, ann.user_id().await);
}

/// A foreign address answers for nothing, whatever code is proved.
#[tokio::test]
async fn a_foreign_address_is_no_step_up() {
    let world = World::new().await;
    let ann = world.signed_in(ANN).await;
    let id = ask(&ann, EVE).await;
    let mut body = answer(&id, &world.code(EVE).await);
    body["requestedScopes"] = json!(["credential:link"]);
    ann.post(VERIFY, body).await.refused(403, "credential_not_accepted");
    assert_eq!(ann.get("/users").await.ok()["verifiedCredentials"].as_array().unwrap().len(), 1);
}

/// CVE-2026-3429 in spirit: with a session alone nobody moves the account to another mailbox.
#[tokio::test]
async fn a_change_of_address_needs_its_scope_and_then_moves_the_account() {
    let world = World::new().await;
    let ann = world.signed_in(ANN).await;
    let user = ann.user_id().await;
    let change = json!({ "email": "new@example.com" });
    ann.put("/users", change.clone()).await.refused(403, "elevated_token_required");
    let link = email_token(&world, &ann, ANN, "credential:link").await;
    ann.elevated(Method::PUT, "/users", Some(change.clone()), &link)
        .await
        .refused(403, "elevated_token_invalid");
    assert!(world.mails("new@example.com").await.is_empty());
    let update = email_token(&world, &ann, ANN, "credential:update").await;
    let sent = ann.elevated(Method::PUT, "/users", Some(change), &update).await.ok();
    assert_eq!(sent["nextView"], "verify-email");
    assert_eq!(sent["user"]["email"], ANN, "nothing has changed yet");
    world.advance(1);
    let id = sent["emailVerification"]["verificationUUID"].as_str().unwrap();
    let done = ann.post(VERIFY, answer(id, &world.code("new@example.com").await)).await.ok();
    assert_eq!((&done["nextView"], &done["user"]["email"]), (&json!("done"), &json!("new@example.com")));
    // The old address opens an account of its own; the new one opens this.
    world.deliver().await;
    assert_ne!(world.signed_in(ANN).await.user_id().await, user);
    assert_eq!(world.signed_in("new@example.com").await.user_id().await, user);
    // The token that the old address gave died with it.
    ann.elevated(Method::PUT, "/users", Some(json!({ "email": "x@example.com" })), &update)
        .await
        .refused(403, "elevated_token_invalid");
}

/// Every address of a user gets every notice, so there is an end to them; a change still replaces one.
#[tokio::test]
async fn a_user_has_twenty_addresses_at_most() {
    let world = World::new().await;
    let ann = world.signed_in(ANN).await;
    let user: stile_core::UserId = ann.user_id().await.parse().unwrap();
    let now = world.now();
    let steps = (1..19).map(|n| {
        let address = format!("ann{n}@example.com");
        let id = stile_core::CredentialId::new(now, stile_keys::random::bytes());
        let facts = Facts::address(Format::Email, address.clone());
        let credential =
            stile_core::Credential { id, facts, sign_in: true, created_at: now, verified_at: now };
        stile_store::credentials::insert(crate::world::ENVIRONMENT, user, address.as_bytes(), &credential)
    });
    world.app.store.commit(Mutation::new(steps.collect::<Vec<_>>())).await.unwrap();
    for (address, fits) in [("twentieth@example.com", true), (EVE, false)] {
        let link = email_token(&world, &ann, ANN, "credential:link").await;
        let id = ask(&ann, address).await;
        let body = answer(&id, &world.code(address).await);
        let reply = ann.elevated(Method::POST, VERIFY, Some(body), &link).await;
        if fits {
            reply.ok();
        } else {
            reply.refused(422, "max_emails_per_user");
        }
    }
    let update = email_token(&world, &ann, ANN, "credential:update").await;
    let change = json!({ "email": EVE });
    let sent = ann.elevated(Method::PUT, "/users", Some(change), &update).await.ok();
    let id = sent["emailVerification"]["verificationUUID"].as_str().unwrap();
    ann.post(VERIFY, answer(id, &world.code(EVE).await)).await.ok();
}

/// With a linked address that cannot sign in, a change moves the one that can.
#[tokio::test]
async fn a_change_replaces_the_address_that_signs_in() {
    let mut settings = settings();
    settings.security.auth.allow_multiple_credentials_for_sign_in = false;
    let world = World::with(settings).await;
    let ann = world.signed_in(ANN).await;
    let user = ann.user_id().await;
    let link = email_token(&world, &ann, ANN, "credential:link").await;
    let id = ask(&ann, EVE).await;
    let body = answer(&id, &world.code(EVE).await);
    ann.elevated(Method::POST, VERIFY, Some(body), &link).await.ok();
    let page = world.page();
    world.deliver().await;
    let id = ask(&page, EVE).await;
    let reply = page.post(SIGN_IN, answer(&id, &world.code(EVE).await)).await;
    reply.refused(422, "credential_not_enabled_for_sign_in");
    let update = email_token(&world, &ann, ANN, "credential:update").await;
    let change = json!({ "email": "new@example.com" });
    let sent = ann.elevated(Method::PUT, "/users", Some(change), &update).await.ok();
    let id = sent["emailVerification"]["verificationUUID"].as_str().unwrap();
    let done = ann.post(VERIFY, answer(id, &world.code("new@example.com").await)).await.ok();
    assert_eq!(done["user"]["email"], "new@example.com");
    assert_eq!(world.signed_in("new@example.com").await.user_id().await, user);
}

/// CVE-2021-3632: no code, no account; and a device proof is good for one answer that is judged, a wrong one too.
#[tokio::test]
async fn a_wrong_answer_makes_no_user_and_uses_the_nonce_up() {
    let world = World::new().await;
    let page = world.page();
    let id = ask(&page, ANN).await;
    let code = world.code(ANN).await;
    let device = DeviceKey::new();
    let shown = Page { headers: device.proof(&page).await, ..page.clone() };
    refused(shown.post(SIGN_IN, answer(&id, &another(&code))).await, WRONG);
    assert_eq!(world.app.store.count_users(page.environment).await.unwrap(), 0);
    // A used nonce answers for nothing, right or wrong, and no try is spent on it.
    for code in [another(&code), code.clone()] {
        for _ in 0..5 {
            shown.post(SIGN_IN, answer(&id, &code)).await.refused(422, "invalid_nonce");
        }
    }
    let again = Page { headers: device.proof(&page).await, ..page };
    again.post(SIGN_IN, answer(&id, &code)).await.ok();
    // Used up now, in this operation and every other.
    let id = ask(&world.page(), EVE).await;
    again.post(SIGN_IN, answer(&id, &world.code(EVE).await)).await.refused(422, "invalid_nonce");
}

/// A mail names what its code is for, so that its reader notices when somebody else asked for it.
#[tokio::test]
async fn a_mail_says_what_its_code_is_for() {
    use stile_server::delivery::{Content, Purpose};
    let world = World::new().await;
    let ann = world.signed_in(ANN).await;
    let id = ask(&ann, ANN).await;
    let mut body = answer(&id, &world.code(ANN).await);
    body["requestedScopes"] = json!(["credential:update"]);
    let token = ann.post(VERIFY, body).await.ok()["elevatedAccessToken"].as_str().unwrap().to_owned();
    ask(&ann, EVE).await;
    ann.elevated(Method::PUT, "/users", Some(json!({ "email": EVE })), &token).await.ok();
    let mut purposes = Vec::new();
    for to in [ANN, EVE] {
        purposes.extend(world.mails(to).await.into_iter().filter_map(|content| match content {
            Content::Code { purpose, .. } => Some(purpose),
            _ => None,
        }));
    }
    assert_eq!(purposes, [Purpose::SignIn, Purpose::Confirm, Purpose::AddEmail, Purpose::ChangeEmail]);
}
