//! Sessions under attack: kept alive, carried off, fixed, used half-finished.

use std::convert::Infallible;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use axum::body::{Body, Bytes, HttpBody};
use axum::http::Method;
use http_body::Frame;
use serde_json::{Value, json};
use stile_core::settings::{Enrollment, Settings};
use stile_store::{Mutation, sessions};

use crate::access::operations;
use crate::authenticator::Authenticator;
use crate::device::DeviceKey;
use crate::world::{ENVIRONMENT, ORIGIN, OTHER_ENVIRONMENT, Page, World, settings};

const ANN: &str = "ann@example.com";

/// The page with the tokens of this answer.
fn holding(page: &Page, session: &Value) -> Page {
    Page { bearer: session["minifiedJwt"].as_str().map(str::to_owned), ..page.clone() }
}

async fn refresh(page: &Page) -> Value {
    page.post("/refresh", json!({})).await.ok()
}

fn claims(token: &Value) -> Value {
    let payload = token.as_str().unwrap().split('.').nth(1).unwrap();
    serde_json::from_slice(&stile_keys::encoding::unbase64url(payload).unwrap()).unwrap()
}

/// A page signed in with a device key.
async fn on_device(world: &World, device: &DeviceKey) -> Page {
    world.deliver().await;
    let page = world.page();
    let sent = page.post("/emailVerifications/create", json!({ "email": ANN })).await.created();
    let body =
        json!({ "verificationUUID": sent["verificationUUID"], "verificationToken": world.code(ANN).await });
    let headers = device.proof(&page).await;
    let session = Page { headers, ..page.clone() }.post("/emailVerifications/signin", body).await.ok();
    holding(&page, &session)
}

#[tokio::test]
async fn a_refresh_keeps_the_session_and_moves_its_idle_end() {
    let world = World::new().await;
    let mut page = world.signed_in(ANN).await;
    let sid = page.get("/users").await.ok()["sessionId"].clone();
    // A day without use ends a session; with a refresh every hour it goes on.
    for _ in 0..30 {
        world.advance(3_600);
        let session = refresh(&page).await;
        assert_eq!((&session["user"]["sessionId"], &claims(&session["jwt"])["sid"]), (&sid, &sid));
        page = holding(&page, &session);
    }
    page.get("/users").await.ok();
}

/// ASVS 7.3.1: the token would live on, the session does not.
#[tokio::test]
async fn a_session_ends_when_it_is_not_used() {
    let mut settings = settings();
    settings.security.session_idle_seconds = 900;
    let world = World::with(settings).await;
    let page = world.signed_in(ANN).await;
    let session = refresh(&page).await;
    assert!(session["expiresAt"].as_i64().unwrap() <= world.now().seconds() + 900);
    world.advance(840);
    page.get("/users").await.ok();
    // Reading is no use that prolongs.
    world.advance(60);
    for (method, path) in [(Method::GET, "/users"), (Method::GET, "/session"), (Method::POST, "/refresh")] {
        page.send(method, &page.sdk(path), None, &[]).await.refused(401, "unauthorized");
    }
}

/// NIST SP 800-63B-4 §2.2.3, ASVS 7.3.2: whatever happens in it, a session has an end.
#[tokio::test]
async fn no_refresh_and_no_step_up_carries_a_session_past_its_absolute_end() {
    let mut settings = settings();
    settings.security.session_absolute_seconds = 7_200;
    let world = World::with(settings).await;
    let (mut page, mut passkey) = world.with_passkey(ANN).await;
    let end = claims(&refresh(&page).await["minifiedJwt"])["refreshExp"].as_i64().unwrap();
    for _ in 0..3 {
        world.advance(1_800);
        page.step_up(&mut passkey, &["vault:open"]).await;
        let session = refresh(&page).await;
        assert_eq!(claims(&session["minifiedJwt"])["refreshExp"], end);
        assert!(session["expiresAt"].as_i64().unwrap() <= end);
        page = holding(&page, &session);
    }
    world.advance(1_800);
    page.post("/refresh", json!({})).await.refused(401, "unauthorized");
}

#[tokio::test]
async fn many_tabs_refresh_at_once() {
    let world = World::new().await;
    let page = world.signed_in(ANN).await;
    let mut tabs = tokio::task::JoinSet::new();
    for _ in 0..50 {
        let page = page.clone();
        tabs.spawn(async move { refresh(&page).await["user"]["sessionId"].clone() });
    }
    let mut ids = tabs.join_all().await;
    ids.dedup();
    assert_eq!(ids.len(), 1);
}

/// RFC 9449 in spirit: a stolen bearer of a session that a device opened does not live on without the device.
#[tokio::test]
async fn a_session_of_a_device_refreshes_with_a_proof_by_its_key_alone() {
    let world = World::new().await;
    let (device, thief) = (DeviceKey::new(), DeviceKey::new());
    let page = on_device(&world, &device).await;
    let with = |headers| Page { headers, ..page.clone() };
    page.post("/refresh", json!({})).await.refused(401, "device_proof_required");
    let foreign = with(thief.proof(&page).await);
    foreign.post("/refresh", json!({})).await.refused(401, "device_proof_required");
    // The thief names the device's key and signs with another.
    let mut forged = thief.proof(&page).await;
    forged[1].1 = device.public();
    with(forged).post("/refresh", json!({})).await.refused(422, "invalid_device_proof");
    with(device.proof(&page).await).post("/refresh", json!({})).await.ok();
    assert!(world.audit().await.iter().any(|event| event == "session.refresh_refused"));
}

/// The other answers that carry tokens give none that outlives the one sent: else a profile change of nothing would
/// be a refresh without the device.
#[tokio::test]
async fn a_profile_change_is_no_refresh() {
    let world = World::new().await;
    let page = on_device(&world, &DeviceKey::new()).await;
    let end = claims(&json!(page.bearer))["exp"].clone();
    world.advance(3_600);
    for body in [json!({}), json!({ "alias": "Ann" })] {
        let session = page.put("/users", body).await.ok();
        assert_eq!(session["expiresAt"], end);
        assert_eq!(claims(&session["minifiedJwt"])["exp"], end);
        assert_eq!(claims(&session["jwt"])["exp"], end);
    }
}

/// GHSA-7w99-5wm4-3g79: a nonce is this server's, this environment's, and used once.
#[tokio::test]
async fn a_nonce_is_good_once_here_and_for_a_day() {
    let world = World::new().await;
    let device = DeviceKey::new();
    let page = on_device(&world, &device).await;
    let with = |headers| Page { headers, ..page.clone() };
    let proof = device.proof(&page).await;
    with(proof.clone()).post("/refresh", json!({})).await.ok();
    with(proof.clone()).post("/refresh", json!({})).await.refused(422, "invalid_nonce");
    // The same nonce in capitals, signed anew: another text, the same nonce.
    let nonce = proof[0].1.to_uppercase();
    with(device.headers(&nonce)).post("/refresh", json!({})).await.refused(422, "invalid_nonce");
    let elsewhere = Page { environment: OTHER_ENVIRONMENT, ..world.page() };
    let foreign = device.proof(&elsewhere).await;
    with(foreign).post("/refresh", json!({})).await.refused(422, "invalid_nonce");
    let fresh = device.proof(&page).await[0].1.clone();
    let flipped = if fresh.starts_with('0') { "1" } else { "0" };
    for forged in [
        format!("{flipped}{}", &fresh[1..]),
        fresh[..78].to_owned(),
        format!("{fresh}00"),
        "0".repeat(80),
        "nonce".into(),
    ] {
        with(device.headers(&forged)).post("/refresh", json!({})).await.refused(422, "invalid_nonce");
    }
    // SDKs keep nonces for 24 hours.
    let (kept, old) = (device.proof(&page).await, device.proof(&page).await);
    let mut page = page.clone();
    for _ in 0..24 {
        world.advance(3_600);
        let session =
            Page { headers: device.proof(&page).await, ..page.clone() }.post("/refresh", json!({})).await;
        page = holding(&page, &session.ok());
    }
    let with = |headers| Page { headers, ..page.clone() };
    with(kept).post("/refresh", json!({})).await.ok();
    world.advance(3_601);
    with(old).post("/refresh", json!({})).await.refused(422, "invalid_nonce");
}

#[tokio::test]
async fn part_of_a_device_proof_is_none() {
    let world = World::new().await;
    let device = DeviceKey::new();
    let page = on_device(&world, &device).await;
    for left_out in 0..3 {
        for empty in [false, true] {
            let mut headers = device.proof(&page).await;
            if empty {
                headers[left_out].1.clear();
            } else {
                headers.remove(left_out);
            }
            let page = Page { headers, ..page.clone() };
            page.post("/refresh", json!({})).await.refused(422, "invalid_device_proof");
        }
    }
    let mut malformed = Vec::new();
    for (at, text) in [(1, "02ff"), (1, "zz"), (2, "00"), (2, "zz")] {
        let mut headers = device.proof(&page).await;
        headers[at].1 = text.into();
        malformed.push(headers);
    }
    // CVE-2022-21449: r = s = 0 signs nothing.
    let mut headers = device.proof(&page).await;
    headers[2].1 = "0".repeat(128);
    malformed.push(headers);
    for headers in malformed {
        let page = Page { headers, ..page.clone() };
        page.post("/refresh", json!({})).await.refused(422, "invalid_device_proof");
    }
}

/// ASVS 7.4.1: signing out works when it is needed most.
#[tokio::test]
async fn signing_out_works_late_twice_and_without_a_user() {
    let world = World::new().await;
    let page = world.signed_in(ANN).await;
    world.advance(3 * 3_600);
    page.get("/users").await.refused(401, "unauthorized");
    for _ in 0..2 {
        page.send(Method::POST, &page.sdk("/revoke"), None, &[("x-dyn-logout-reason", "token-expired")])
            .await
            .no_content();
    }
    world.deliver().await;
    let (gone, mut passkey) = world.with_passkey("bob@example.com").await;
    let token = gone.step_up(&mut passkey, &["user:delete"]).await;
    gone.elevated(Method::DELETE, "/users", None, &token).await.no_content();
    gone.post("/revoke", json!({})).await.no_content();
    // Not with anything at all.
    world.page().post("/revoke", json!({})).await.refused(401, "unauthorized");
    Page { bearer: Some("x.y.z".into()), ..page.clone() }
        .post("/revoke", json!({}))
        .await
        .refused(401, "unauthorized");
    let elsewhere = Page { environment: OTHER_ENVIRONMENT, ..page };
    elsewhere.post("/revoke", json!({})).await.refused(401, "unauthorized");
}

#[tokio::test]
async fn signing_out_ends_one_session_and_no_other() {
    let world = World::new().await;
    let one = world.signed_in(ANN).await;
    world.deliver().await;
    let two = world.signed_in(ANN).await;
    one.post("/revoke", json!({})).await.no_content();
    one.get("/users").await.refused(401, "session_ended");
    two.get("/users").await.ok();
}

/// ASVS 7.4.1, 7.4.2: at the next request and at every operation.
#[tokio::test]
async fn an_ended_session_and_a_deleted_user_are_refused_everywhere() {
    let world = World::new().await;
    let revoked = world.signed_in(ANN).await;
    revoked.post("/revoke", json!({})).await.no_content();
    world.deliver().await;
    let (deleted, mut passkey) = world.with_passkey(ANN).await;
    let vault = deleted.step_up(&mut passkey, &["vault:open"]).await;
    let user = deleted.user_id().await;
    let token = deleted.step_up(&mut passkey, &["user:delete"]).await;
    deleted.elevated(Method::DELETE, "/users", None, &token).await.no_content();
    for page in [&revoked, &deleted] {
        let mut seen = 0;
        for op in operations().into_iter().filter(|op| op.path.contains("/sdk/")) {
            // Signing out of what has ended is no error.
            if op.access == "public" || op.id == "revokeSession" {
                continue;
            }
            let path = op.path.replace("{environmentId}", &page.environment.to_string());
            let body = op.body.map(|b| b.to_string());
            let reply = page.send(op.method, &path, body, &[]).await;
            assert_eq!((reply.status.as_u16(), reply.code()), (401, "session_ended"), "{}", op.id);
            seen += 1;
        }
        assert!(seen > 12, "{seen}");
    }
    world.consume(&vault, &user, "late").await.refused(403, "elevated_token_invalid");
}

fn two_factors() -> Settings {
    let mut settings = settings();
    settings.security.mfa.enabled = true;
    settings
}

/// Signs in by e-mail where a second factor is then owed.
async fn pending(world: &World) -> Page {
    world.deliver().await;
    let page = world.signed_in(ANN).await;
    let user = page.get("/users").await.ok();
    assert_eq!(user["scope"], "requiresAdditionalAuth");
    page
}

/// GHSA-xg6x-h9c9-2m83, CVE-2025-55070: a half-finished sign-in reaches nothing but what finishes it.
#[tokio::test]
async fn a_pending_session_reaches_its_own_class_and_no_other() {
    let world = World::with(two_factors()).await;
    let (_, _passkey) = world.with_passkey(ANN).await;
    let page = pending(&world).await;
    let (mut refused, mut reached) = (0, 0);
    for op in operations().into_iter().filter(|op| op.path.contains("/sdk/")) {
        // Ends the session itself.
        if op.id == "revokeSession" {
            continue;
        }
        let path = op.path.replace("{environmentId}", &page.environment.to_string());
        let reply = page.send(op.method, &path, op.body.map(|b| b.to_string()), &[]).await;
        let pending_code = reply.code() == "additional_auth_required";
        match op.access.as_str() {
            "session" | "level" => assert!(reply.status == 403 && pending_code, "{} {}", op.id, reply.body),
            // Enrolling is the one gated operation that a pending session may try, and with a factor at hand it
            // needs that factor first.
            "gated" if matches!(op.id.as_str(), "registerPasskey" | "registerTotpDevice") => {
                assert_eq!(reply.code(), "elevated_token_required");
            }
            "gated" => assert!(reply.status == 403 && pending_code, "{} {}", op.id, reply.body),
            _ => assert!(!pending_code, "{}", op.id),
        }
        if pending_code { refused += 1 } else { reached += 1 }
    }
    assert!(refused >= 6 && reached >= 10, "{refused} {reached}");
}

/// CVE-2024-28197: the id that was known before the second factor is worth nothing after it.
#[tokio::test]
async fn a_session_that_becomes_full_changes_its_id_and_the_old_one_dies() {
    let world = World::with(two_factors()).await;
    let (_, mut passkey) = world.with_passkey(ANN).await;
    let before = pending(&world).await;
    let old = before.get("/users").await.ok()["sessionId"].clone();
    // A refresh makes nothing full.
    assert_eq!(refresh(&before).await["user"]["scope"], "requiresAdditionalAuth");
    let options = before.get("/users/passkeys/authenticate").await.ok();
    let session = before.post("/users/mfa/auth/passkey", passkey.assert(&options, ORIGIN)).await.ok();
    assert_eq!(session["user"]["scope"], "user:basic");
    assert_ne!(session["user"]["sessionId"], old);
    let after = holding(&before, &session);
    after.post("/stepUp/check", json!({ "scope": "vault:open" })).await.ok();
    for (method, path) in [(Method::GET, "/users"), (Method::POST, "/refresh"), (Method::GET, "/session")] {
        before.send(method, &before.sdk(path), None, &[]).await.refused(401, "session_ended");
    }
}

/// The id that was replaced carries no challenge over.
#[tokio::test]
async fn a_challenge_of_the_pending_session_is_none_in_the_full_one() {
    let world = World::with(two_factors()).await;
    let (_, mut passkey) = world.with_passkey(ANN).await;
    let before = pending(&world).await;
    let (one, two) = (
        before.get("/users/passkeys/authenticate").await.ok(),
        before.get("/users/passkeys/authenticate").await.ok(),
    );
    let session = before.post("/users/mfa/auth/passkey", passkey.assert(&one, ORIGIN)).await.ok();
    let after = holding(&before, &session);
    let late = passkey.assert(&two, ORIGIN);
    after.post("/users/mfa/auth/passkey", late).await.refused(422, "invalid_challenge");
}

/// CVE-2023-3597: with the first factor alone nobody enrols a second one beside the old.
#[tokio::test]
async fn a_pending_session_enrols_nothing_beside_an_existing_factor() {
    let world = World::with(two_factors()).await;
    let (_, _passkey) = world.with_passkey(ANN).await;
    let page = pending(&world).await;
    page.enrol(&mut Authenticator::new()).await.refused(403, "elevated_token_required");
    assert_eq!(page.get("/users/mfa/methods").await.ok()["passkeys"].as_array().unwrap().len(), 1);
}

/// Enrolment at sign-up: the first factor makes the session full, under a new id.
#[tokio::test]
async fn a_sign_up_is_finished_by_the_first_factor() {
    let mut settings = settings();
    settings.security.mfa.enrollment = Enrollment::Signup;
    let world = World::with(settings).await;
    let page = pending(&world).await;
    page.put("/users", json!({ "alias": "x" })).await.refused(403, "additional_auth_required");
    let session = page.enrol(&mut Authenticator::new()).await.ok();
    assert_eq!(session["user"]["scope"], "user:basic");
    page.get("/users").await.refused(401, "session_ended");
    holding(&page, &session).put("/users", json!({ "alias": "x" })).await.ok();
}

/// Of two tabs that finish the same sign-in, one does.
#[tokio::test(flavor = "multi_thread")]
async fn a_pending_session_is_replaced_once() {
    let world = World::with(two_factors()).await;
    let (_, mut passkey) = world.with_passkey(ANN).await;
    let page = pending(&world).await;
    let mut answers = Vec::new();
    for _ in 0..20 {
        let options = page.get("/users/passkeys/authenticate").await.ok();
        answers.push(passkey.assert(&options, ORIGIN));
    }
    let mut tabs = tokio::task::JoinSet::new();
    for body in answers {
        let page = page.clone();
        tabs.spawn(async move { page.post("/users/mfa/auth/passkey", body).await });
    }
    let full = tabs.join_all().await.into_iter().filter(|reply| reply.status == 200).count();
    assert_eq!(full, 1);
}

/// A body that comes when `first` is done.
struct After {
    first: Pin<Box<dyn Future<Output = ()> + Send>>,
    body: Option<Bytes>,
}

impl HttpBody for After {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        if self.body.is_none() {
            return Poll::Ready(None);
        }
        ready!(self.first.as_mut().poll(cx));
        Poll::Ready(self.body.take().map(|body| Ok(Frame::data(body))))
    }
}

/// Whoever holds a stolen session may send the head of a request and wait. When its owner ends the session before the body
/// comes, nothing is changed.
#[tokio::test]
async fn a_session_that_ends_while_a_body_is_on_its_way_changes_nothing() {
    for (method, path, scope) in [
        (Method::DELETE, "/users/passkeys", Some("credential:unlink")),
        (Method::PUT, "/users/passkeys", None),
        (Method::PUT, "/users", None),
    ] {
        let world = World::new().await;
        let (page, mut passkey) = world.with_passkey(ANN).await;
        let id = page.get("/users/passkeys").await.ok()["passkeys"][0]["id"].clone();
        let body = match (&method, path) {
            (&Method::DELETE, _) => json!({ "passkeyId": id }),
            (_, "/users") => json!({ "alias": "mallory" }),
            _ => json!({ "id": id, "alias": "mallory" }),
        };
        let token = page.step_up(&mut passkey, &["credential:unlink"]).await;
        let headers = scope.map(|_| ("x-dyn-elevated-access-token", token.as_str()));
        let session = page.get("/users").await.ok()["sessionId"].as_str().unwrap().parse().unwrap();
        let store = world.app.store.clone();
        let ended =
            async move { store.commit(Mutation::new([sessions::end(ENVIRONMENT, session)])).await.unwrap() };
        let late = After { first: Box::pin(ended), body: Some(body.to_string().into()) };
        let answer = page.send_body(method, &page.sdk(path), Body::new(late), headers.as_slice()).await;
        answer.refused(401, "session_ended");
        let owner = world.signed_in(ANN).await;
        assert_eq!(owner.get("/users").await.ok()["alias"], Value::Null, "{path}");
        assert_ne!(owner.get("/users/passkeys").await.ok()["passkeys"][0]["alias"], "mallory");
        assert_eq!(owner.get("/users/passkeys").await.ok()["passkeys"][0]["id"], id);
    }
}
