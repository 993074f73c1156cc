//! One-time codes by e-mail.

use axum::http::Method;
use serde_json::{Value, json};
use stile_core::settings::{Enrollment, Rate};

use super::Tape;
use crate::authenticator::Authenticator;
use crate::codes::{another, answer, ask};
use crate::device::DeviceKey;
use crate::world::{OTHER_ENVIRONMENT, Page, World, settings};

const ANN: &str = "ann@example.com";
const BOB: &str = "bob@example.com";
const NEW: &str = "new@example.com";
const NOBODY: &str = "00000000-0000-4000-8000-000000000000";
const CREATE: &str = "/emailVerifications/create";
const RETRY: &str = "/emailVerifications/retry";
const SIGN_IN: &str = "/emailVerifications/signin";
const VERIFY: &str = "/emailVerifications/verify";

/// The right answer to a code for this address.
async fn right(world: &World, page: &Page, email: &str) -> Value {
    let id = ask(page, email).await;
    answer(&id, &world.code(email).await)
}

/// The answer with more members.
fn with(mut answer: Value, name: &str, value: Value) -> Value {
    answer[name] = value;
    answer
}

/// The same verification with a wrong code.
fn wrong(right: &Value) -> Value {
    let code = another(right["verificationToken"].as_str().unwrap());
    with(right.clone(), "verificationToken", code.into())
}

fn named(page: Page, name: &str, value: &str) -> Page {
    Page { headers: vec![(name.into(), value.into())], ..page }
}

#[tokio::test]
async fn create_email_verification() {
    let tape = Tape::of("createEmailVerification").await;
    let mut few = settings();
    few.limits.mails_per_address = Rate { requests: 3, seconds: 36_000 };
    let world = tape.world(few).await;
    let (page, ann) = (world.page(), world.signed_in(ANN).await);
    let to = |email: &str| json!({ "email": email });
    tape.case("for an address without an account", page.post(CREATE, to(" New@Example.com "))).await;
    tape.case("for an address with an account", page.post(CREATE, to(ANN))).await;
    tape.case("for one's own address", ann.post(CREATE, to(ANN))).await;
    tape.case("for a further address", ann.post(CREATE, to("further@example.com"))).await;
    tape.case("for an invalid address", page.post(CREATE, to("ann"))).await;
    tape.case("with a captcha", page.post(CREATE, json!({ "email": BOB, "captchaToken": "x" }))).await;
    let odd = named(page.clone(), "x-dyn-session-public-key", "x");
    tape.case("with an invalid session key", odd.post(CREATE, to(BOB))).await;
    let old = Page { bearer: Some("x".into()), ..page.clone() };
    tape.case("with an invalid bearer", old.post(CREATE, to(BOB))).await;
    let device = DeviceKey::new();
    let on_device = Page { headers: device.proof(&page).await, ..page.clone() };
    tape.case("with the proof of a device", on_device.post(CREATE, to("device@example.com"))).await;
    let half = named(page.clone(), "x-dynamic-device-nonce", "x");
    tape.case("with a part of a device proof", half.post(CREATE, to(BOB))).await;
    for _ in 0..3 {
        page.post(CREATE, to("often@example.com")).await;
    }
    tape.case("too often for an address", page.post(CREATE, to("often@example.com"))).await;
    let mut few = settings();
    few.limits.code = Rate { requests: 1, seconds: 36_000 };
    let page = tape.world(few).await.page();
    page.post(CREATE, to(ANN)).await.created();
    tape.case("too often from a place", page.post(CREATE, to(BOB))).await;
    tape.end();
}

#[tokio::test]
async fn retry_email_verification() {
    let tape = Tape::of("retryEmailVerification").await;
    let world = tape.plain().await;
    let (page, ann) = (world.page(), world.signed_in(ANN).await);
    let again = |id: &str, email: &str| json!({ "verificationUUID": id, "email": email });
    let id = ask(&page, ANN).await;
    tape.case("of a sign-in", page.post(RETRY, again(&id, ANN))).await;
    tape.case("for another address", page.post(RETRY, again(&id, BOB))).await;
    tape.case("for an invalid address", page.post(RETRY, again(&id, "x"))).await;
    tape.case("with an unknown verification", page.post(RETRY, again(NOBODY, ANN))).await;
    tape.case("with an invalid id", page.post(RETRY, again("x", ANN))).await;
    tape.case("of a sign-in in a session", ann.post(RETRY, again(&id, ANN))).await;
    let elsewhere = Page { environment: OTHER_ENVIRONMENT, ..page.clone() };
    tape.case("in another environment", elsewhere.post(RETRY, again(&id, ANN))).await;
    let token = ann.email_token(&world, ANN, &["credential:update"]).await;
    let sent = ann.elevated(Method::PUT, "/users", Some(json!({ "email": NEW })), &token).await.ok();
    let id = sent["emailVerification"]["verificationUUID"].as_str().unwrap();
    tape.case("of a change", ann.post(RETRY, again(id, NEW))).await;
    world.advance(600);
    tape.case("of a change that has expired", ann.post(RETRY, again(id, NEW))).await;
    tape.end();
}

#[tokio::test]
async fn sign_in_with_email() {
    let tape = Tape::of("signInWithEmail").await;
    let world = tape.plain().await;
    let page = world.page();
    let first = right(&world, &page, ANN).await;
    tape.case("of a new user", page.post(SIGN_IN, first.clone())).await;
    tape.case("with a used code", page.post(SIGN_IN, first)).await;
    let firefox = named(page.clone(), "user-agent", "Firefox");
    tape.case("of a known user", firefox.post(SIGN_IN, right(&world, &page, ANN).await)).await;
    let asking = with(right(&world, &page, ANN).await, "requestedScopes", json!(["vault:open"]));
    tape.case("with an unknown scope", async {
        page.post(SIGN_IN, with(asking.clone(), "requestedScopes", json!(["no:such"]))).await
    })
    .await;
    tape.case("with a scope", page.post(SIGN_IN, asking)).await;
    let linking = with(right(&world, &page, ANN).await, "allowNewMFALinking", json!(true));
    tape.case("with leave to enrol", page.post(SIGN_IN, linking)).await;
    let key = DeviceKey::new().public();
    let keyed = named(page.clone(), "x-dyn-session-public-key", &key);
    let body = right(&world, &keyed, ANN).await;
    tape.case("without the session key", page.post(SIGN_IN, body.clone())).await;
    let odd = with(body.clone(), "sessionPublicKey", json!("x"));
    tape.case("with an invalid session key", page.post(SIGN_IN, odd)).await;
    tape.case("with the session key", keyed.post(SIGN_IN, body)).await;
    let device = Page { headers: DeviceKey::new().proof(&page).await, ..page.clone() };
    tape.case("on a device", device.post(SIGN_IN, right(&world, &page, ANN).await)).await;
    tape.case("on a device, with a used nonce", async {
        device.post(SIGN_IN, right(&world, &page, ANN).await).await
    })
    .await;
    let mut forged = device.headers.clone();
    forged[2].1.replace_range(..2, "00");
    let forged = Page { headers: forged, ..page.clone() };
    tape.case("on a device with a forged proof", forged.post(SIGN_IN, right(&world, &page, ANN).await)).await;
    refused(&tape, &world, &page, SIGN_IN).await;
    let ann = world.signed_in(ANN).await;
    let of_session = right(&world, &ann, ANN).await;
    tape.case("with a code of a session", page.post(SIGN_IN, of_session)).await;
    let (page_of, mut passkey) = world.with_passkey(ANN).await;
    page_of.put("/users", json!({ "furtherEmailsSignIn": false })).await.ok();
    let token = page_of.step_up(&mut passkey, &["credential:link"]).await;
    page_of.link(&world, NEW, &token).await;
    let body = right(&world, &page, NEW).await;
    tape.case("with an address that may not sign in", page.post(SIGN_IN, body)).await;
    let weak = with(right(&world, &page, ANN).await, "requestedScopes", json!(["vault:open"]));
    tape.case("with a scope that needs a factor", page.post(SIGN_IN, weak)).await;

    let mut required = settings();
    required.security.mfa.enrollment = Enrollment::Signup;
    let world = tape.world(required).await;
    let page = world.page();
    tape.case("where a factor is demanded", page.post(SIGN_IN, right(&world, &page, ANN).await)).await;
    let asking = with(right(&world, &page, ANN).await, "requestedScopes", json!(["vault:open"]));
    tape.case("where a factor is demanded, with a scope", page.post(SIGN_IN, asking)).await;
    tape.end();
}

/// What both operations refuse.
async fn refused(tape: &Tape, world: &World, page: &Page, path: &str) {
    let body = right(world, page, BOB).await;
    tape.case("with a wrong code", page.post(path, wrong(&body))).await;
    for _ in 0..4 {
        page.post(path, wrong(&body)).await;
    }
    tape.case("after five wrong codes", page.post(path, body)).await;
    let late = right(world, page, "late@example.com").await;
    world.advance(600);
    tape.case("with an expired code", page.post(path, late)).await;
    tape.case("with an unknown verification", page.post(path, answer(NOBODY, "000000"))).await;
    tape.case("with an invalid id", page.post(path, answer("x", "000000"))).await;
}

#[tokio::test]
async fn verify_email() {
    let tape = Tape::of("verifyEmail").await;
    let world = tape.plain().await;
    let ann = world.signed_in(ANN).await;
    let scopes = |scopes: &[&str]| json!(scopes);
    let own = right(&world, &ann, ANN).await;
    let stepping = with(own.clone(), "requestedScopes", scopes(&["vault:open", "user:delete"]));
    let unknown = with(own.clone(), "requestedScopes", scopes(&["no:such"]));
    tape.case("with an unknown scope", ann.post(VERIFY, unknown)).await;
    tape.case("for scopes", ann.post(VERIFY, stepping.clone())).await;
    tape.case("with a used code", ann.post(VERIFY, stepping)).await;
    tape.case("for no scope", ann.post(VERIFY, right(&world, &ann, ANN).await)).await;
    let device = Page { headers: DeviceKey::new().proof(&ann).await, ..ann.clone() };
    tape.case("on a device", device.post(VERIFY, right(&world, &ann, ANN).await)).await;
    let of_other = right(&world, &world.signed_in(ANN).await, ANN).await;
    tape.case("with a code of another session", ann.post(VERIFY, of_other)).await;
    let outside = right(&world, &world.page(), ANN).await;
    tape.case("with a code of no session", ann.post(VERIFY, outside)).await;
    refused(&tape, &world, &ann, VERIFY).await;

    let further = right(&world, &ann, NEW).await;
    tape.case("of a further address without an elevated token", ann.post(VERIFY, further.clone())).await;
    let asking = with(further.clone(), "requestedScopes", scopes(&["vault:open"]));
    tape.case("of a further address for a scope", ann.post(VERIFY, asking)).await;
    let wrong_scope = ann.email_token(&world, ANN, &["user:delete"]).await;
    let verify = async |body: Value, token: &str| ann.elevated(Method::POST, VERIFY, Some(body), token).await;
    tape.case("of a further address with a token of another scope", verify(further.clone(), &wrong_scope))
        .await;
    let token = ann.email_token(&world, ANN, &["credential:link"]).await;
    tape.case("of a further address", verify(further, &token)).await;
    world.signed_in(BOB).await;
    let taken = right(&world, &ann, "bob@example.com").await;
    let token = ann.email_token(&world, ANN, &["credential:link"]).await;
    tape.case("of an address in use", verify(taken, &token)).await;

    let change = async |page: &Page, from: &str, to: &str| {
        let token = page.email_token(&world, from, &["credential:update"]).await;
        let sent = page.elevated(Method::PUT, "/users", Some(json!({ "email": to })), &token).await.ok();
        answer(sent["emailVerification"]["verificationUUID"].as_str().unwrap(), &world.code(to).await)
    };
    let begun = change(&ann, ANN, "changed@example.com").await;
    tape.case("of a changed address", ann.post(VERIFY, begun)).await;
    let carl = world.signed_in("carl@example.com").await;
    let begun = change(&carl, "carl@example.com", "carl@new.example").await;
    carl.enrol(&mut Authenticator::new()).await.ok();
    tape.case("of a changed address, after a factor came", carl.post(VERIFY, begun)).await;
    let own =
        with(right(&world, &carl, "carl@example.com").await, "requestedScopes", scopes(&["vault:open"]));
    tape.case("for a scope that needs a factor", carl.post(VERIFY, own)).await;

    let mut lax = settings();
    lax.recent_proof.link_seconds = 300;
    let world = tape.world(lax).await;
    let ann = world.signed_in(ANN).await;
    let further = right(&world, &ann, NEW).await;
    tape.case("of a further address by a recent proof", ann.post(VERIFY, further)).await;
    tape.end();
}
