//! Attacks by a session of the first factor alone, where a second factor is enrolled and signing in does not ask for it:
//! it changes neither factors, nor sessions, nor the profile.

use axum::http::Method;
use serde_json::{Value, json};
use stile_core::settings::UserVerification;

use crate::access::operations;
use crate::authenticator::Authenticator;
use crate::world::{ORIGIN, Page, Reply, World, settings};

const ANN: &str = "ann@example.com";

/// A request for every operation of the class, which succeeds from a session at the user's own level. Ending all other
/// sessions comes last.
async fn requests(owner: &Page) -> Vec<(Method, String, Option<Value>)> {
    let passkey = owner.get("/users/passkeys").await.ok()["passkeys"][0]["id"].clone();
    let passkey = passkey.as_str().unwrap();
    let session = owner.get("/users").await.ok()["sessionId"].clone();
    let mut requests: Vec<_> = operations()
        .into_iter()
        .filter(|op| op.access == "level")
        .map(|op| {
            let (place, body) = match op.id.as_str() {
                "renamePasskey" => (String::new(), Some(json!({ "id": passkey, "alias": "Mine" }))),
                "updateMfaDevice" => (passkey.to_owned(), None),
                "endSession" => (session.as_str().unwrap().to_owned(), None),
                "endOtherSessions" => (String::new(), None),
                other => panic!("{other} has no request here"),
            };
            let path = op.path.replace("{environmentId}", &owner.environment.to_string());
            let path = path.replace("{mfaDeviceId}", &place).replace("{sessionId}", &place);
            (op.id == "endOtherSessions", (op.method, path, body))
        })
        .collect();
    requests.sort_by_key(|(last, _)| *last);
    assert_eq!(requests.len(), 4);
    requests.into_iter().map(|(_, request)| request).collect()
}

async fn send(page: &Page, (method, path, body): &(Method, String, Option<Value>)) -> Reply {
    page.send(method.clone(), path, body.as_ref().map(Value::to_string), &[]).await
}

/// The profile, and the recovery codes marked as seen.
fn of_the_user() -> [(Value, &'static str); 3] {
    [
        (json!({ "alias": "Mallory" }), "elevated_token_required"),
        (json!({ "username": "mallory", "metadata": { "plan": "gold" } }), "elevated_token_required"),
        (json!({ "mfaBackupCodeAcknowledgement": "complete" }), "mfa_required"),
    ]
}

/// Nothing that this page tries happens.
async fn may_change_nothing(page: &Page, owner: &Page) {
    let seen = async || (owner.get("/users").await.ok(), owner.get("/users/passkeys").await.ok());
    let before = seen().await;
    for request in requests(owner).await {
        send(page, &request).await.refused(403, "mfa_required");
    }
    for (change, code) in of_the_user() {
        let reply = page.put("/users", change).await;
        if code == "elevated_token_required" {
            assert_eq!(reply.body["scope"], "user:update", "{}", reply.body);
        }
        reply.refused(403, code);
    }
    page.get("/users").await.ok();
    assert_eq!(seen().await, before);
    owner.get("/users/mfa/recovery").await.ok();
}

#[tokio::test]
async fn a_session_of_the_first_factor_alone_changes_no_factor_session_or_profile() {
    let world = World::new().await;
    let (owner, mut passkey) = world.with_passkey(ANN).await;
    let thief = world.signed_in(ANN).await;
    may_change_nothing(&thief, &owner).await;
    // A further proof of the mailbox is no second factor.
    thief.email_step_up(&world, ANN, &[]).await.ok();
    may_change_nothing(&thief, &owner).await;
    // A refresh proves nothing.
    let refreshed = thief.post("/refresh", json!({})).await.ok();
    may_change_nothing(&thief.holding(&refreshed), &owner).await;

    // With the factor proved, all of it is open, without a token.
    thief.prove(&mut passkey, &[]).await.ok();
    for (change, _) in of_the_user() {
        thief.put("/users", change).await.ok();
    }
    for request in requests(&owner).await {
        let reply = send(&thief, &request).await;
        assert!(reply.status.is_success(), "{request:?}: {}", reply.body);
    }
    owner.get("/users").await.refused(401, "session_ended");
}

/// What the refusal says leads to a proof that is then enough: the step-up check and the gate agree.
#[tokio::test]
async fn the_check_says_which_proof_the_profile_needs() {
    let world = World::new().await;
    let (owner, mut passkey) = world.with_passkey(ANN).await;
    let check = json!({ "scope": "user:update", "operation": "updateUser" });
    let asked = owner.post("/stepUp/check", check.clone()).await.ok();
    assert_eq!((&asked["isRequired"], &asked["reason"]), (&json!(false), &json!("not_protected")));

    let page = world.signed_in(ANN).await;
    let asked = page.post("/stepUp/check", check.clone()).await.ok();
    assert_eq!((&asked["isRequired"], &asked["reason"]), (&json!(true), &json!("below_own_level")));
    assert_eq!(asked["credentials"].as_array().unwrap().len(), 1);
    assert_eq!(asked["credentials"][0]["type"], "passkey");
    page.email_step_up(&world, ANN, &["user:update"]).await.refused(403, "mfa_required");
    let token = page.step_up(&mut passkey, &["user:update"]).await;
    page.elevated(Method::PUT, "/users", Some(json!({ "alias": "Ann" })), &token).await.ok();
    // The proof raised the session: no token is needed any more.
    assert_eq!(page.post("/stepUp/check", check).await.ok()["isRequired"], false);
    page.put("/users", json!({ "alias": "Anna" })).await.ok();
}

/// Without a second factor the first one is the user's own level.
#[tokio::test]
async fn without_a_second_factor_nothing_more_is_asked() {
    let mut lenient = settings();
    lenient.passkeys.user_verification = UserVerification::Preferred;
    let world = World::with(lenient).await;
    let (first, page) = (world.signed_in(ANN).await, world.signed_in(ANN).await);
    page.put("/users", json!({ "alias": "Ann" })).await.ok();
    let id = first.get("/users").await.ok()["sessionId"].clone();
    let path = page.sdk(&format!("/users/sessions/{}", id.as_str().unwrap()));
    page.send(Method::DELETE, &path, None, &[]).await.no_content();
    page.send(Method::DELETE, &page.sdk("/users/sessions"), None, &[]).await.ok();
    // A passkey that did not verify its user is no second factor either.
    let mut passkey = Authenticator::new();
    passkey.user_verified = false;
    page.enrol(&mut passkey).await.ok();
    let other = world.signed_in(ANN).await;
    other.put("/users", json!({ "alias": "Anna" })).await.ok();
}

/// A session that was there before the first factor was enrolled elsewhere is below the user's level from then on.
#[tokio::test]
async fn a_factor_that_is_enrolled_elsewhere_lowers_the_sessions_without_it() {
    let world = World::new().await;
    let before = world.signed_in(ANN).await;
    before.put("/users", json!({ "alias": "Ann" })).await.ok();
    let (owner, _passkey) = world.with_passkey(ANN).await;
    may_change_nothing(&before, &owner).await;
    // What the mailbox had permitted moments ago is judged by the factors of now.
    before.enrol(&mut Authenticator::new()).await.refused(403, "elevated_token_required");
}

/// A session that a factor raised falls back when that factor is removed, and a recovery lowers all other sessions.
#[tokio::test]
async fn the_level_goes_with_the_factor_and_with_a_recovery() {
    let world = World::new().await;
    let (owner, mut first) = world.with_passkey(ANN).await;
    let link = owner.step_up(&mut first, &["credential:link"]).await;
    let mut second = Authenticator::new();
    let body = second.register(&owner.get("/users/passkeys/register").await.ok(), ORIGIN);
    owner.elevated(Method::POST, "/users/passkeys/register", Some(body), &link).await.ok();
    let lent = world.signed_in(ANN).await;
    lent.prove(&mut second, &[]).await.ok();
    lent.put("/users", json!({ "alias": "Ann" })).await.ok();
    let unlink = owner.step_up(&mut first, &["credential:unlink"]).await;
    let passkeys = owner.get("/users/passkeys").await.ok();
    let gone = json!({ "passkeyId": passkeys["passkeys"][1]["id"] });
    owner.elevated(Method::DELETE, "/users/passkeys", Some(gone), &unlink).await.no_content();
    lent.put("/users", json!({ "alias": "x" })).await.refused(403, "elevated_token_required");

    let (owner, app) = world.with_totp("bob@example.com").await;
    let other = world.signed_in("bob@example.com").await;
    world.advance(30);
    other.totp(None, &app.code(&world), &[]).await.ok();
    other.put("/users", json!({ "alias": "Bob" })).await.ok();
    let codes = owner.recovery_codes().await;
    owner.recover(&codes[0], &[]).await.ok();
    other.put("/users", json!({ "alias": "x" })).await.refused(403, "elevated_token_required");
    // The code stood in for the factor where it was used.
    owner.put("/users", json!({ "alias": "Bobby" })).await.ok();
}

/// Signing oneself out is always allowed.
#[tokio::test]
async fn a_session_below_the_level_may_end_itself() {
    let world = World::new().await;
    let (owner, _passkey) = world.with_passkey(ANN).await;
    for by_id in [true, false] {
        let page = world.signed_in(ANN).await;
        if by_id {
            let id = page.get("/users").await.ok()["sessionId"].clone();
            let path = page.sdk(&format!("/users/sessions/{}", id.as_str().unwrap()));
            page.send(Method::DELETE, &path, None, &[]).await.no_content();
        } else {
            page.post("/revoke", json!({})).await.no_content();
        }
        page.get("/users").await.refused(401, "session_ended");
    }
    owner.get("/users").await.ok();
}

/// Proofs of many addresses push the second factor out of no session.
#[tokio::test]
async fn a_session_keeps_its_level_however_many_addresses_it_proves() {
    let world = World::new().await;
    let (page, mut passkey) = world.with_passkey(ANN).await;
    for n in 0..10 {
        world.deliver().await;
        let address = format!("ann{n}@example.com");
        let token = page.step_up(&mut passkey, &["credential:link"]).await;
        let sent = page.post("/emailVerifications/create", json!({ "email": address })).await.created();
        let body = json!({ "verificationUUID": sent["verificationUUID"],
                           "verificationToken": world.code(&address).await });
        page.elevated(Method::POST, "/emailVerifications/verify", Some(body), &token).await.ok();
    }
    for n in 0..10 {
        world.deliver().await;
        page.email_step_up(&world, &format!("ann{n}@example.com"), &[]).await.ok();
    }
    page.put("/users", json!({ "alias": "Ann" })).await.ok();
    page.get("/users/mfa/recovery").await.ok();
}

/// A factor is enrolled while requests of the first factor alone are under way: whatever happens after it, nothing is
/// changed by them.
#[tokio::test(flavor = "multi_thread")]
async fn a_change_that_a_new_factor_overtakes_is_judged_by_that_factor() {
    let world = World::new().await;
    for round in 0..30 {
        world.deliver().await;
        let email = format!("ann{round}@example.com");
        let (page, other) = (world.signed_in(&email).await, world.signed_in(&email).await);
        let mut passkey = Authenticator::new();
        let options = page.get("/users/passkeys/register").await.ok();
        let body = passkey.register(&options, ORIGIN);
        let enrolling = tokio::spawn({
            let page = page.clone();
            async move { page.post("/users/passkeys/register", body).await }
        });
        let ending = tokio::spawn({
            let (other, path) = (other.clone(), other.sdk("/users/sessions"));
            async move { other.send(Method::DELETE, &path, None, &[]).await }
        });
        let (enrolled, ended) = (enrolling.await.unwrap(), ending.await.unwrap());
        match (enrolled.status.as_u16(), ended.status.as_u16()) {
            // The sessions were ended before, and with them the enrolment.
            (401, 200) => page.get("/users").await.refused(401, "session_ended"),
            (200, 403) => ended.refused(403, "mfa_required"),
            both => panic!("round {round}: {both:?} {} {}", enrolled.body, ended.body),
        }
    }
}

/// Of two requests with a token each, one deletes the user, and one notice is sent.
#[tokio::test(flavor = "multi_thread")]
async fn a_user_is_deleted_once() {
    let world = World::new().await;
    let node = world.node().await;
    for round in 0..20 {
        world.deliver().await;
        let email = format!("ann{round}@example.com");
        let (page, mut passkey) = world.with_passkey(&email).await;
        let scope = ["user:delete"];
        let tokens = [page.step_up(&mut passkey, &scope).await, page.step_up(&mut passkey, &scope).await];
        let mut tries = tokio::task::JoinSet::new();
        for (router, token) in [world.router.clone(), node.clone()].into_iter().zip(tokens) {
            let page = Page { router, ..page.clone() };
            tries.spawn(async move { page.elevated(Method::DELETE, "/users", None, &token).await });
        }
        let (done, refused): (Vec<Reply>, Vec<Reply>) =
            tries.join_all().await.into_iter().partition(|reply| reply.status == 204);
        assert_eq!((done.len(), refused.len()), (1, 1), "round {round}");
        for reply in refused {
            reply.refused(401, "session_ended");
        }
        let notices = world.mails(&email).await.into_iter().filter(is_deletion).count();
        assert_eq!(notices, 1, "round {round}");
    }
}

fn is_deletion(content: &stile_server::delivery::Content) -> bool {
    matches!(content, stile_server::delivery::Content::UserDeleted { .. })
}

/// The mailbox may delete a user without a second factor. When one is enrolled at the same moment, the mailbox is no
/// longer enough: never are both the factor enrolled and the user deleted.
#[tokio::test(flavor = "multi_thread")]
async fn a_deletion_that_a_new_factor_overtakes_is_refused() {
    let world = World::new().await;
    for round in 0..40 {
        world.deliver().await;
        let email = format!("ann{round}@example.com");
        let (page, other) = (world.signed_in(&email).await, world.signed_in(&email).await);
        let session = other.email_step_up(&world, &email, &["user:delete"]).await.ok();
        let token = session["elevatedAccessToken"].as_str().unwrap().to_owned();
        let mut passkey = Authenticator::new();
        let options = page.get("/users/passkeys/register").await.ok();
        let body = passkey.register(&options, ORIGIN);
        let enrolling = tokio::spawn({
            let page = page.clone();
            async move { page.post("/users/passkeys/register", body).await }
        });
        let deleting =
            tokio::spawn(async move { other.elevated(Method::DELETE, "/users", None, &token).await });
        let (enrolled, deleted) = (enrolling.await.unwrap(), deleting.await.unwrap());
        match (enrolled.status.as_u16(), deleted.status.as_u16()) {
            (401, 204) => page.get("/users").await.refused(401, "session_ended"),
            (200, 403) => drop(page.get("/users").await.ok()),
            both => panic!("round {round}: {both:?} {} {}", enrolled.body, deleted.body),
        }
    }
}
