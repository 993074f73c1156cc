//! Sessions, nonces, keys and settings.

use axum::http::Method;
use serde_json::json;
use stile_core::settings::Enrollment;

use super::Tape;
use crate::codes::{answer, ask};
use crate::device::DeviceKey;
use crate::world::{OTHER_ENVIRONMENT, Page, World, settings};

const ANN: &str = "ann@example.com";

/// A page signed in with a device key.
async fn on_device(world: &World, device: &DeviceKey) -> Page {
    let page = world.page();
    let body = answer(&ask(&page, ANN).await, &world.code(ANN).await);
    let headers = device.proof(&page).await;
    let session = Page { headers, ..page.clone() }.post("/emailVerifications/signin", body).await.ok();
    page.holding(&session)
}

/// Stored bytes, and that a client has them.
async fn stored(tape: Tape, path: &str) {
    let world = tape.plain().await;
    let page = world.page();
    let reply = tape.case("asked", page.get(path)).await;
    let headers = vec![("if-none-match".into(), reply.headers["etag"].to_str().unwrap().into())];
    tape.case("known", Page { headers, ..page.clone() }.get(path)).await;
    let headers = vec![("if-none-match".into(), "\"x\"".into())];
    tape.case("another known", Page { headers, ..page }.get(path)).await;
    tape.case("by no page", Page { origin: None, ..world.page() }.get(path)).await;
    tape.end();
}

#[tokio::test]
async fn get_jwks() {
    stored(Tape::of("getJwks").await, "/.well-known/jwks").await;
}

#[tokio::test]
async fn get_jwks_json() {
    stored(Tape::of("getJwksJson").await, "/.well-known/jwks.json").await;
}

#[tokio::test]
async fn get_settings() {
    let tape = Tape::of("getSettings").await;
    let mut all = settings();
    all.security.mfa.enabled = true;
    all.security.mfa.enrollment = Enrollment::Signup;
    all.general.support_email = Some("help@example.com".into());
    let world = tape.world(all).await;
    tape.case("with MFA", world.page().get("/settings?sdkVersion=1")).await;
    let page = Page { environment: OTHER_ENVIRONMENT, ..world.page() };
    tape.case("of another environment", page.get("/settings")).await;
    stored(tape, "/settings").await;
}

#[tokio::test]
async fn get_nonce() {
    let tape = Tape::of("getNonce").await;
    let world = tape.plain().await;
    tape.case("one", world.page().get("/nonce")).await;
    tape.case("one in a session", world.signed_in(ANN).await.get("/nonce")).await;
    tape.end();
}

#[tokio::test]
async fn get_nonces() {
    let tape = Tape::of("getNonces").await;
    let page = tape.plain().await.page();
    for query in ["", "?count=1", "?count=5", "?count=0", "?count=6", "?count=-1", "?count=x"] {
        tape.case(&format!("nonces{query}"), page.get(&format!("/nonces{query}"))).await;
    }
    tape.end();
}

#[tokio::test]
async fn check_session() {
    let tape = Tape::of("checkSession").await;
    let world = tape.plain().await;
    let page = world.signed_in(ANN).await;
    tape.case("alive", page.get("/session")).await;
    world.advance(7_200);
    tape.case("with an expired token", page.get("/session")).await;
    tape.end();
}

#[tokio::test]
async fn refresh_auth() {
    let tape = Tape::of("refreshAuth").await;
    let world = tape.plain().await;
    let refresh = async |page: &Page, headers: Vec<(String, String)>| {
        Page { headers, ..page.clone() }.post("/refresh", json!({})).await
    };
    let page = world.signed_in(ANN).await;
    tape.case("alive", refresh(&page, vec![])).await;
    tape.case("again", refresh(&page, vec![])).await;
    let (device, other) = (DeviceKey::new(), DeviceKey::new());
    let bound = on_device(&world, &device).await;
    tape.case("bound to a device, without its proof", refresh(&bound, vec![])).await;
    let proof = device.proof(&page).await;
    tape.case("bound to a device, with its proof", refresh(&bound, proof.clone())).await;
    tape.case("with a used proof", refresh(&bound, proof)).await;
    tape.case("with the proof of another device", refresh(&bound, other.proof(&page).await)).await;
    tape.case("with an invalid nonce", refresh(&bound, device.headers("x"))).await;
    let half = device.proof(&page).await.into_iter().take(2).collect();
    tape.case("with a part of a proof", refresh(&bound, half)).await;
    let mut forged = device.proof(&page).await;
    forged[2].1 = other.sign(&forged[0].1);
    tape.case("with a forged proof", refresh(&bound, forged)).await;
    let late = device.proof(&page).await;
    world.advance(7_200);
    tape.case("with an expired token", refresh(&page, vec![])).await;
    world.advance(86_400);
    let bound = on_device(&world, &device).await;
    tape.case("with an expired proof", refresh(&bound, late)).await;
    tape.end();
}

#[tokio::test]
async fn revoke_session() {
    let tape = Tape::of("revokeSession").await;
    let world = tape.plain().await;
    let page = world.signed_in(ANN).await;
    let headers = vec![("x-dyn-logout-reason".into(), "user-intent".into())];
    let with_reason = Page { headers, ..world.signed_in(ANN).await };
    let late = world.signed_in(ANN).await;
    tape.case("alive", page.post("/revoke", json!({}))).await;
    tape.case("again", page.post("/revoke", json!({}))).await;
    tape.case("with a reason", with_reason.post("/revoke", json!({}))).await;
    world.advance(7_200);
    tape.case("with an expired token", late.post("/revoke", json!({}))).await;
    tape.end();
}

#[tokio::test]
async fn get_sessions() {
    let tape = Tape::of("getSessions").await;
    let world = tape.plain().await;
    let headers = vec![("user-agent".into(), "Firefox".into())];
    world.sign_in_on(Page { headers, ..world.page() }, ANN).await;
    let (page, _) = world.with_totp(ANN).await;
    tape.case("two", page.get("/users/sessions")).await;
    tape.end();
}

async fn end(page: &Page, id: &str) {
    page.send(Method::DELETE, &page.sdk(&format!("/users/sessions/{id}")), None, &[]).await;
}

async fn session_id(page: &Page) -> String {
    page.get("/users").await.ok()["sessionId"].as_str().unwrap().to_owned()
}

#[tokio::test]
async fn end_session() {
    let tape = Tape::of("endSession").await;
    let world = tape.plain().await;
    let (first, second) = (world.signed_in(ANN).await, world.signed_in(ANN).await);
    let bob = world.signed_in("bob@example.com").await;
    let (mine, other, foreign) =
        (session_id(&first).await, session_id(&second).await, session_id(&bob).await);
    tape.case("another's", end(&first, &foreign)).await;
    tape.case("an invalid id", end(&first, "x")).await;
    tape.case("the other one", end(&first, &other)).await;
    tape.case("the other one again", end(&first, &other)).await;
    tape.case("the own one", end(&first, &mine)).await;
    let (page, _) = world.with_passkey(ANN).await;
    let weak = world.signed_in(ANN).await;
    let (strong, mine) = (session_id(&page).await, session_id(&weak).await);
    tape.case("the other one, by the first factor alone", end(&weak, &strong)).await;
    tape.case("the own one, by the first factor alone", end(&weak, &mine)).await;
    tape.end();
}

#[tokio::test]
async fn end_other_sessions() {
    let tape = Tape::of("endOtherSessions").await;
    let world = tape.plain().await;
    let end = async |page: &Page| page.send(Method::DELETE, &page.sdk("/users/sessions"), None, &[]).await;
    let page = world.signed_in(ANN).await;
    tape.case("none", end(&page)).await;
    world.signed_in(ANN).await;
    world.signed_in(ANN).await;
    tape.case("two", end(&page)).await;
    world.with_passkey(ANN).await;
    tape.case("by the first factor alone", end(&page)).await;
    tape.end();
}
