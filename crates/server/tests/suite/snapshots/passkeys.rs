//! Passkeys: enrolling, listing, naming, removing, proving and signing in.

use axum::http::Method;
use serde_json::{Value, json};
use stile_core::Format;
use stile_core::Strength;
use stile_core::settings::{Enrollment, MethodRule, ScopeRule};

use super::Tape;
use crate::authenticator::Authenticator;
use crate::device::DeviceKey;
use crate::world::{ORIGIN, Page, Reply, World, settings};

const ANN: &str = "ann@example.com";
const BOB: &str = "bob@example.com";
const NOBODY: &str = "00000000-0000-4000-8000-000000000000";
const REGISTER: &str = "/users/passkeys/register";
const AUTHENTICATE: &str = "/users/passkeys/authenticate";
const PROVE: &str = "/users/mfa/auth/passkey";
const SIGN_IN: &str = "/users/passkeys/signin";

async fn passkey_id(page: &Page) -> String {
    page.get("/users/passkeys").await.ok()["passkeys"][0]["id"].as_str().unwrap().to_owned()
}

#[tokio::test]
async fn get_passkey_registration_options() {
    let tape = Tape::of("getPasskeyRegistrationOptions").await;
    let world = tape.plain().await;
    let page = world.signed_in(ANN).await;
    tape.case("the first", page.get(REGISTER)).await;
    page.enrol(&mut Authenticator::new()).await.ok();
    tape.case("the second", page.get(REGISTER)).await;
    let mut none = settings();
    none.security.mfa.methods = vec![MethodRule { enabled: false, ..MethodRule::on(Format::Passkey) }];
    let page = tape.world(none).await.signed_in(ANN).await;
    tape.case("where passkeys are no factor", page.get(REGISTER)).await;
    tape.end();
}

#[tokio::test]
async fn register_passkey() {
    let tape = Tape::of("registerPasskey").await;
    let mut few = settings();
    few.passkeys.max_per_user = 3;
    let world = tape.world(few).await;
    let mut page = world.page();
    page.headers.push(("user-agent".into(), "Firefox".into()));
    let page = world.sign_in_on(page, ANN).await;
    let (mut first, mut second) = (Authenticator::new(), Authenticator::new());
    let options = page.get(REGISTER).await.ok();
    let elsewhere = first.register(&options, "https://evil.example");
    tape.case("for another origin", page.post(REGISTER, elsewhere)).await;
    let unknown = json!({ "challenge": "AAAA", "user": options["user"], "rp": options["rp"] });
    let unknown = first.register(&unknown, ORIGIN);
    tape.case("for an unknown challenge", page.post(REGISTER, unknown)).await;
    let mut wrong = Authenticator::new();
    wrong.user_verified = false;
    tape.case("without user verification", page.enrol(&mut wrong)).await;
    let mut wrong = Authenticator::new();
    wrong.rp_id = Some("evil.example".into());
    tape.case("for another relying party", page.enrol(&mut wrong)).await;
    let page = world.sign_in_on(Page { bearer: None, ..page }, ANN).await;
    let mut body = first.register(&page.get(REGISTER).await.ok(), ORIGIN);
    body["createMfaToken"] = json!({ "singleUse": true });
    tape.case("the first", page.post(REGISTER, body)).await;
    let token = page.step_up(&mut first, &["credential:link"]).await;
    let register = async |body: Value| page.elevated(Method::POST, REGISTER, Some(body), &token).await;
    let again = first.register(&page.get(REGISTER).await.ok(), ORIGIN);
    tape.case("one that is enrolled already", register(again)).await;
    (second.eligible, second.backed_up) = (true, true);
    let options = page.get(REGISTER).await.ok();
    tape.case("the second", register(second.register(&options, ORIGIN))).await;
    let third = Authenticator::new().register(&options, ORIGIN);
    tape.case("with a used challenge", register(third)).await;
    page.enrol_with(&mut Authenticator::new(), &token).await.ok();
    tape.case("one too many", page.enrol_with(&mut Authenticator::new(), &token)).await;
    world.advance(3_600);
    let page = world.signed_in(BOB).await;
    let late = Authenticator::new().register(&page.get(REGISTER).await.ok(), ORIGIN);
    world.advance(299);
    tape.case("late", page.post(REGISTER, late)).await;
    tape.end();
}

#[tokio::test]
async fn get_passkeys() {
    let tape = Tape::of("getPasskeys").await;
    let world = tape.plain().await;
    let page = world.signed_in(ANN).await;
    tape.case("none", page.get("/users/passkeys")).await;
    let mut synced = Authenticator::new();
    (synced.eligible, synced.backed_up) = (true, true);
    page.enrol(&mut synced).await.ok();
    page.put("/users/passkeys", json!({ "id": passkey_id(&page).await, "alias": "Phone" })).await.ok();
    let token = page.step_up(&mut synced, &["credential:link"]).await;
    page.enrol_with(&mut Authenticator::new(), &token).await.ok();
    tape.case("two", page.get("/users/passkeys")).await;
    tape.end();
}

#[tokio::test]
async fn rename_passkey() {
    let tape = Tape::of("renamePasskey").await;
    let world = tape.plain().await;
    let (page, _) = world.with_passkey(ANN).await;
    let (bob, _) = world.with_passkey(BOB).await;
    let (id, foreign) = (passkey_id(&page).await, passkey_id(&bob).await);
    let rename = async |page: &Page, id: &str, alias: &str| {
        page.put("/users/passkeys", json!({ "id": id, "alias": alias })).await
    };
    tape.case("to a name", rename(&page, &id, " Phone ")).await;
    tape.case("to none", rename(&page, &id, "")).await;
    tape.case("to too long a name", rename(&page, &id, &"x".repeat(65))).await;
    tape.case("of another user", rename(&page, &foreign, "x")).await;
    tape.case("with an invalid id", rename(&page, "x", "x")).await;
    tape.case("of an address", rename(&page, &page.address_id(ANN).await, "x")).await;
    let weak = world.signed_in(ANN).await;
    tape.case("by the first factor alone", rename(&weak, &id, "x")).await;
    tape.end();
}

#[tokio::test]
async fn delete_passkey() {
    let tape = Tape::of("deletePasskey").await;
    let world = tape.plain().await;
    let (page, mut passkey) = world.with_passkey(ANN).await;
    let token = page.step_up(&mut passkey, &["credential:unlink"]).await;
    let delete = async |id: &str| {
        page.elevated(Method::DELETE, "/users/passkeys", Some(json!({ "passkeyId": id })), &token).await
    };
    tape.case("an unknown id", delete(NOBODY)).await;
    tape.case("an address", delete(&page.address_id(ANN).await)).await;
    let id = passkey_id(&page).await;
    tape.case("the only one", delete(&id)).await;
    tape.case("again", delete(&id)).await;
    tape.end();
}

async fn options(tape: &Tape, page: &Page, path: &str) {
    let with = |id: &str| format!("{path}?relatedOriginRpId={id}");
    tape.case("with the relying party", page.get(&with("localhost"))).await;
    tape.case("with another relying party", page.get(&with("evil.example"))).await;
}

#[tokio::test]
async fn get_passkey_authentication_options() {
    let tape = Tape::of("getPasskeyAuthenticationOptions").await;
    let world = tape.plain().await;
    let page = world.signed_in(ANN).await;
    tape.case("without a passkey", page.get(AUTHENTICATE)).await;
    let (page, _) = world.with_passkey(BOB).await;
    tape.case("with a passkey", page.get(AUTHENTICATE)).await;
    options(&tape, &page, AUTHENTICATE).await;
    tape.end();
}

#[tokio::test]
async fn get_passkey_sign_in_options() {
    let tape = Tape::of("getPasskeySignInOptions").await;
    let page = tape.plain().await.page();
    tape.case("asked", page.get(SIGN_IN)).await;
    options(&tape, &page, SIGN_IN).await;
    let mut off = settings();
    off.passkeys.sign_in = false;
    tape.case("where it is off", tape.world(off).await.page().get(SIGN_IN)).await;
    tape.end();
}

/// Answers with this passkey to options from there, with more members.
async fn answered(
    page: &Page,
    paths: [&str; 2],
    passkey: &mut Authenticator,
    more: &[(&str, Value)],
) -> Reply {
    let mut body = passkey.assert(&page.get(paths[0]).await.ok(), ORIGIN);
    for (name, value) in more {
        body[*name] = value.clone();
    }
    page.post(paths[1], body).await
}

/// What both operations refuse.
async fn refused(tape: &Tape, page: &Page, paths: [&str; 2], passkey: &mut Authenticator) {
    let body = passkey.assert(&page.get(paths[0]).await.ok(), ORIGIN);
    page.post(paths[1], body.clone()).await.ok();
    tape.case("an answer again, of a passkey that counts", page.post(paths[1], body)).await;
    tape.case("of nobody", answered(page, paths, &mut Authenticator::new(), &[])).await;
    let options = page.get(paths[0]).await.ok();
    let elsewhere = passkey.assert(&options, "https://evil.example");
    tape.case("for another origin", page.post(paths[1], elsewhere)).await;
    let mut forged = passkey.assert(&options, ORIGIN);
    forged["response"]["signature"] =
        Authenticator::new().assert(&options, ORIGIN)["response"]["signature"].clone();
    tape.case("with a signature of another key", page.post(paths[1], forged)).await;
    passkey.ceremony = Some("webauthn.create");
    tape.case("of another ceremony", answered(page, paths, passkey, &[])).await;
    passkey.ceremony = None;
    passkey.user_verified = false;
    tape.case("without user verification", answered(page, paths, passkey, &[])).await;
    passkey.user_verified = true;
    let counter = std::mem::replace(&mut passkey.counter, 1);
    tape.case("with a counter that went back", answered(page, paths, passkey, &[])).await;
    passkey.counter = counter;
    let unknown = [("requestedScopes", json!(["no:such"]))];
    tape.case("with an unknown scope", answered(page, paths, passkey, &unknown)).await;
}

/// Of a passkey that does not count: its answers could be replayed but for the challenge.
async fn replayed(tape: &Tape, world: &World, paths: [&str; 2]) {
    let mut passkey = Authenticator::new();
    passkey.counts = false;
    let page = world.signed_in("copied@example.com").await;
    page.enrol(&mut passkey).await.ok();
    let body = passkey.assert(&page.get(paths[0]).await.ok(), ORIGIN);
    page.post(paths[1], body.clone()).await.ok();
    tape.case("an answer again", page.post(paths[1], body)).await;
}

async fn expired(tape: &Tape, world: &World, page: &Page, paths: [&str; 2], passkey: &mut Authenticator) {
    let late = passkey.assert(&page.get(paths[0]).await.ok(), ORIGIN);
    world.advance(301);
    tape.case("late", page.post(paths[1], late)).await;
}

#[tokio::test]
async fn authenticate_passkey() {
    let tape = Tape::of("authenticatePasskey").await;
    let mut strict = settings();
    strict.scopes.push(ScopeRule {
        strength: Some(Strength::PhishingResistantVerified),
        ..ScopeRule::new("vault:burn")
    });
    let world = tape.world(strict).await;
    let paths = [AUTHENTICATE, PROVE];
    let (page, mut passkey) = world.with_passkey(ANN).await;
    let scopes = |scopes: &[&str]| [("requestedScopes", json!(scopes))];
    tape.case("for no scope", answered(&page, paths, &mut passkey, &[])).await;
    let two = scopes(&["vault:burn", "credential:link"]);
    tape.case("for scopes", answered(&page, paths, &mut passkey, &two)).await;
    let several = scopes(&["credential:link", "user:delete"]);
    tape.case("for scopes of a time-bound token", answered(&page, paths, &mut passkey, &several)).await;
    let legacy = [("createMfaToken", json!({ "singleUse": false }))];
    tape.case("for a legacy token", answered(&page, paths, &mut passkey, &legacy)).await;
    let bob = world.signed_in(BOB).await;
    tape.case("of another user", async {
        let body = passkey.assert(&page.get(AUTHENTICATE).await.ok(), ORIGIN);
        bob.post(PROVE, body).await
    })
    .await;
    let sign_in = passkey.assert(&page.get(SIGN_IN).await.ok(), ORIGIN);
    tape.case("with an answer for signing in", page.post(PROVE, sign_in)).await;
    refused(&tape, &page, paths, &mut passkey).await;
    replayed(&tape, &world, paths).await;
    expired(&tape, &world, &page, paths, &mut passkey).await;
    (passkey.eligible, passkey.backed_up) = (true, true);
    tape.case("of a passkey that became synced", answered(&page, paths, &mut passkey, &[])).await;
    (passkey.eligible, passkey.backed_up) = (false, false);
    tape.case("of a passkey that is no longer synced", answered(&page, paths, &mut passkey, &[])).await;

    let mut required = settings();
    required.security.mfa.enrollment = Enrollment::Signup;
    let world = tape.world(required).await;
    let mut passkey = Authenticator::new();
    world.signed_in(ANN).await.enrol(&mut passkey).await.ok();
    let pending = world.signed_in(ANN).await;
    tape.case("to finish a sign-in", answered(&pending, paths, &mut passkey, &scopes(&["vault:open"]))).await;
    tape.end();
}

#[tokio::test]
async fn sign_in_with_passkey() {
    let tape = Tape::of("signInWithPasskey").await;
    let mut enabled = settings();
    enabled.security.mfa.enabled = true;
    let world = tape.world(enabled).await;
    let paths = [SIGN_IN, SIGN_IN];
    let (enrolled, mut passkey) = world.with_passkey(ANN).await;
    let mut page = world.page();
    page.headers.push(("user-agent".into(), "Firefox".into()));
    tape.case("for no scope", answered(&page, paths, &mut passkey, &[])).await;
    let scope = [("requestedScopes", json!(["vault:open"]))];
    tape.case("for a scope", answered(&page, paths, &mut passkey, &scope)).await;
    let key = DeviceKey::new().public();
    let headers = vec![("x-dyn-session-public-key".into(), key)];
    let keyed = Page { headers, ..page.clone() };
    tape.case("with a session key", answered(&keyed, paths, &mut passkey, &[])).await;
    let device = Page { headers: DeviceKey::new().proof(&page).await, ..page.clone() };
    tape.case("on a device", answered(&device, paths, &mut passkey, &[])).await;
    tape.case("on a device, with a used nonce", answered(&device, paths, &mut passkey, &[])).await;
    let in_session = passkey.assert(&enrolled.get(AUTHENTICATE).await.ok(), ORIGIN);
    tape.case("with an answer for a session", page.post(SIGN_IN, in_session)).await;
    refused(&tape, &page, paths, &mut passkey).await;
    replayed(&tape, &world, paths).await;
    expired(&tape, &world, &page, paths, &mut passkey).await;
    let mut off = settings();
    off.passkeys.sign_in = false;
    let off = tape.world(off).await.page();
    let body = passkey.assert(&page.get(SIGN_IN).await.ok(), ORIGIN);
    tape.case("where it is off", off.post(SIGN_IN, body)).await;
    tape.end();
}
