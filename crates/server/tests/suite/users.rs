//! The user's own record under attack: overfilled, squatted on, left behind.

use axum::http::Method;
use serde_json::{Value, json};

use crate::authenticator::Authenticator;
use crate::world::{ENVIRONMENT, Page, World};
use stile_core::Format;

const ANN: &str = "ann@example.com";
const BOB: &str = "bob@example.com";

#[tokio::test]
async fn fields_that_are_not_the_users_to_set_are_refused() {
    let world = World::new().await;
    let page = world.signed_in(ANN).await;
    let before = page.get("/users").await.ok();
    for field in [
        "id",
        "version",
        "scope",
        "verifiedCredentials",
        "newUser",
        "firstVisit",
        "roles",
        "userId",
        "__proto__",
    ] {
        page.put("/users", json!({ field: "x" })).await.refused(400, "invalid_body");
    }
    for body in [json!({ "alias": 1 }), json!({ "metadata": [] }), json!({ "metadata": "x" }), json!("x")] {
        page.put("/users", body).await.refused(400, "invalid_body");
    }
    // A member twice: the last one must not slip past a check of the first.
    let path = page.sdk("/users");
    let twice = r#"{"alias":"a","alias":"b"}"#.to_owned();
    page.send(Method::PUT, &path, Some(twice), &[]).await.refused(400, "invalid_body");
    page.put("/users", json!({ "phoneNumber": "+1555" })).await.refused(422, "no_enabled_sms_provider");
    page.put("/users", json!({ "mfaBackupCodeAcknowledgement": "complete" }))
        .await
        .refused(422, "invalid_update");
    page.put("/users", json!({ "email": "nonsense" })).await.refused(422, "invalid_email");
    assert_eq!(page.get("/users").await.ok(), before);
}

#[tokio::test]
async fn fields_are_bounded_and_without_control_characters() {
    let world = World::new().await;
    let page = world.signed_in(ANN).await;
    for field in ["alias", "firstName", "lastName", "jobTitle", "tShirtSize", "team", "country"] {
        let longest = "é".repeat(200);
        let user = page.put("/users", json!({ field: format!("  {longest} ") })).await.ok();
        assert_eq!(user["user"][field], longest.as_str());
        for bad in
            ["x".repeat(201), "a\u{0}b".into(), "a\nb".into(), "a\u{1b}[31mb".into(), "a\u{85}b".into()]
        {
            page.put("/users", json!({ field: bad })).await.refused(422, "invalid_update");
        }
        let user = page.put("/users", json!({ field: " " })).await.ok();
        assert_eq!(user["user"].get(field), None, "{field}");
    }
    for bad in ["a b", "a\tb", "a\u{0}", &"x".repeat(65), "a\u{a0}b", "a\u{202e}b", "a\u{200b}b"] {
        page.put("/users", json!({ "username": bad })).await.refused(422, "invalid_username");
    }
}

#[tokio::test]
async fn metadata_is_bounded_in_size_and_depth() {
    let world = World::new().await;
    let page = world.signed_in(ANN).await;
    let sized = |n: usize| json!({ "metadata": { "k": "x".repeat(n) } });
    let user = page.put("/users", sized(4_096 - 8)).await.ok();
    assert_eq!(user["user"]["metadata"]["k"].as_str().unwrap().len(), 4_088);
    page.put("/users", sized(4_096 - 7)).await.refused(422, "invalid_update");
    let deep = format!("{{\"metadata\":{{\"k\":{}{}}}}}", "[".repeat(2_000), "]".repeat(2_000));
    let path = page.sdk("/users");
    page.send(Method::PUT, &path, Some(deep), &[]).await.refused(400, "invalid_body");
    page.put("/users", json!({ "metadata": {} })).await.ok();
}

/// The fullest record that a user can make still signs in: tokens carry the profile and have a size that verifiers
/// refuse beyond.
#[tokio::test]
async fn a_full_record_still_fits_into_the_tokens() {
    let world = World::new().await;
    let (page, mut first) = world.with_passkey(ANN).await;
    let token = page.step_up(&mut first, &["credential:link"]).await;
    for _ in 1..20 {
        let options = page.get("/users/passkeys/register").await.ok();
        let body = Authenticator::new().register(&options, crate::world::ORIGIN);
        page.elevated(Method::POST, "/users/passkeys/register", Some(body), &token).await.ok();
    }
    for passkey in page.get("/users/passkeys").await.ok()["passkeys"].as_array().unwrap() {
        let name = "\u{1f600}".repeat(64);
        page.put("/users/passkeys", json!({ "id": passkey["id"], "alias": name })).await.ok();
    }
    let wide = "\u{1f600}".repeat(200);
    let body = json!({
        "alias": wide, "firstName": wide, "lastName": wide, "country": wide, "team": wide, "jobTitle": wide,
        "tShirtSize": wide, "username": "\u{10428}".repeat(64), "metadata": { "k": "x".repeat(4_000) },
    });
    page.put("/users", body).await.ok();
    page.post("/refresh", json!({})).await.ok();
}

/// CVE-2025-61928: identity comes from the session, never from a body.
#[tokio::test]
async fn a_body_names_no_other_user() {
    let world = World::new().await;
    let ann = world.signed_in(ANN).await;
    let bob = world.signed_in(BOB).await;
    let id = ann.user_id().await;
    bob.put("/users", json!({ "id": id, "alias": "x" })).await.refused(400, "invalid_body");
    bob.put("/users", json!({ "alias": "Bob" })).await.ok();
    assert_eq!(ann.get("/users").await.ok().get("alias"), None);
}

#[tokio::test]
async fn a_username_is_one_users_in_every_case() {
    let world = World::new().await;
    let ann = world.signed_in(ANN).await;
    let bob = world.signed_in(BOB).await;
    let user = ann.put("/users", json!({ "username": " Ann " })).await.ok();
    assert_eq!(user["user"]["username"], "ann");
    for taken in ["ann", "ANN", " Ann"] {
        bob.put("/users", json!({ "username": taken, "alias": "Bob" }))
            .await
            .refused(422, "username_already_exists");
        assert_eq!(check(&bob, "username", taken).await["available"], false);
    }
    for spelling in ["\u{ff21}nn", "\u{1d4d0}NN"] {
        bob.put("/users", json!({ "username": spelling })).await.refused(422, "username_already_exists");
    }
    assert_eq!(bob.get("/users").await.ok().get("alias"), None, "all of a change or nothing");
    assert_eq!(check(&ann, "username", "ann").await["available"], true, "the caller's own");
    assert_eq!(check(&bob, "username", "bob").await["available"], true);
    // Given up, it is free again; in another environment it always was.
    ann.put("/users", json!({ "username": "" })).await.ok();
    bob.put("/users", json!({ "username": "ann" })).await.ok();
}

async fn check(page: &Page, field: &str, value: &str) -> Value {
    let value = value.replace(' ', "%20");
    page.get(&format!("/users/check?filter%5Bfield%5D={field}&filter%5Bvalue%5D={value}")).await.ok()
}

/// Invariant 1 for names: of many who ask at once, one gets it.
#[tokio::test(flavor = "multi_thread")]
async fn a_username_that_many_ask_for_at_once_goes_to_one() {
    let world = World::new().await;
    let mut all = tokio::task::JoinSet::new();
    for n in 0..10 {
        let page = world.signed_in(&format!("u{n}@example.com")).await;
        world.deliver().await;
        all.spawn(async move { page.put("/users", json!({ "username": "prize" })).await });
    }
    let replies = all.join_all().await;
    assert_eq!(replies.iter().filter(|r| r.status == 200).count(), 1);
    assert!(replies.iter().all(|r| r.status == 200 || r.code() == "username_already_exists"));
}

/// Two changes at once: both are kept.
#[tokio::test(flavor = "multi_thread")]
async fn changes_of_two_fields_at_once_are_both_kept() {
    let world = World::new().await;
    let page = world.signed_in(ANN).await;
    let (one, two) = (page.clone(), page.clone());
    let one = tokio::spawn(async move { one.put("/users", json!({ "alias": "A" })).await });
    let two = tokio::spawn(async move { two.put("/users", json!({ "team": "T" })).await });
    one.await.unwrap().ok();
    two.await.unwrap().ok();
    let user = page.get("/users").await.ok();
    assert_eq!((&user["alias"], &user["team"]), (&json!("A"), &json!("T")));
}

/// ASVS 6.3.8: whether an address or number has an account is nobody's business.
#[tokio::test]
async fn the_check_tells_of_usernames_alone() {
    let world = World::new().await;
    world.signed_in(BOB).await;
    let page = world.signed_in(ANN).await;
    for field in ["email", "phoneNumber", "id", "", "username%00", "USERNAME"] {
        let path = format!("/users/check?filter%5Bfield%5D={field}&filter%5Bvalue%5D=bob@example.com");
        page.get(&path).await.refused(400, "invalid_parameter");
    }
    page.get("/users/check").await.refused(400, "invalid_parameter");
    let anonymous = Page { bearer: None, ..page };
    anonymous
        .get("/users/check?filter%5Bfield%5D=username&filter%5Bvalue%5D=x")
        .await
        .refused(401, "unauthorized");
}

/// All that is the user's goes with the user; the next who signs in with the address is another.
#[tokio::test]
async fn a_deleted_user_leaves_nothing_to_sign_in_with() {
    let world = World::new().await;
    let (page, mut passkey) = world.with_passkey(ANN).await;
    page.put("/users", json!({ "username": "ann" })).await.ok();
    let id = page.user_id().await;
    page.send(Method::DELETE, &page.sdk("/users"), None, &[]).await.refused(403, "elevated_token_required");
    let fresh = world.page();
    let options = fresh.get("/users/passkeys/signin").await.ok();
    let token = page.step_up(&mut passkey, &["user:delete"]).await;
    world.deliver().await;
    page.elevated(Method::DELETE, "/users", None, &token).await.no_content();
    assert_eq!(world.mails(ANN).await.len(), 1, "a notice");

    let store = &world.app.store;
    let user = id.parse().unwrap();
    assert_eq!(store.count_users(ENVIRONMENT).await.unwrap(), 0);
    assert!(store.passkeys(ENVIRONMENT, user).await.unwrap().is_empty());
    assert!(store.passkey(ENVIRONMENT, &passkey.id).await.unwrap().is_none());
    assert!(store.account_by_identifier(ENVIRONMENT, Format::Email, ANN.as_bytes()).await.unwrap().is_none());
    assert!(store.account_by_identifier(ENVIRONMENT, Format::Passkey, &passkey.id).await.unwrap().is_none());
    assert!(!store.username_taken(ENVIRONMENT, "ann").await.unwrap());
    page.get("/users").await.refused(401, "session_ended");
    fresh
        .post("/users/passkeys/signin", passkey.assert(&options, crate::world::ORIGIN))
        .await
        .refused(422, "passkey_not_found");
    assert!(world.audit().await.iter().any(|event| event == "user.deleted"), "the audit log stays");
    world.deliver().await;
    assert_ne!(world.signed_in(ANN).await.user_id().await, id);
}

/// What the user asked for before is not answered after.
#[tokio::test]
async fn a_code_asked_for_in_a_deleted_users_session_is_none() {
    let world = World::new().await;
    let (page, mut passkey) = world.with_passkey(ANN).await;
    let sent = page.post("/emailVerifications/create", json!({ "email": BOB })).await.created();
    let body =
        json!({ "verificationUUID": sent["verificationUUID"], "verificationToken": world.code(BOB).await });
    let token = page.step_up(&mut passkey, &["user:delete"]).await;
    page.elevated(Method::DELETE, "/users", None, &token).await.no_content();
    page.post("/emailVerifications/verify", body.clone()).await.refused(401, "session_ended");
    world.page().post("/emailVerifications/signin", body).await.refused(422, "invalid_email_verification");
}
