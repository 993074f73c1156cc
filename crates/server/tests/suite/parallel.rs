//! What may be used once is used once, however many try at the same time.

use serde_json::json;
use tokio::task::JoinSet;

use crate::world::{ORIGIN, Reply, World};

pub async fn together(
    tries: impl Iterator<Item = impl Future<Output = Reply> + Send + 'static>,
) -> Vec<Reply> {
    let mut set = JoinSet::new();
    for one in tries {
        set.spawn(one);
    }
    set.join_all().await
}

pub fn successes(replies: &[Reply]) -> usize {
    replies.iter().filter(|r| r.status == 200).count()
}

#[tokio::test(flavor = "multi_thread")]
async fn two_hundred_uses_of_one_elevated_token_give_one_success() {
    let world = World::new().await;
    let (page, mut authenticator) = world.with_passkey("ann@example.com").await;
    let token = page.step_up(&mut authenticator, &["vault:open"]).await;
    let user = page.user_id().await;
    let world = std::sync::Arc::new(world);
    let replies = together((0..200).map(|n| {
        let (world, token, user) = (world.clone(), token.clone(), user.clone());
        async move { world.consume(&token, &user, &format!("use-{n}")).await }
    }))
    .await;
    assert_eq!(successes(&replies), 1);
    assert!(replies.iter().all(|r| r.status == 200 || r.code() == "elevated_token_used"));
}

#[tokio::test(flavor = "multi_thread")]
async fn two_hundred_uses_of_one_code_give_one_session() {
    let world = World::new().await;
    let page = world.page();
    let sent = page.post("/emailVerifications/create", json!({ "email": "ann@example.com" })).await.created();
    let code = world.code("ann@example.com").await;
    let replies = together((0..200).map(|_| {
        let page = page.clone();
        let body = json!({ "verificationUUID": sent["verificationUUID"], "verificationToken": code });
        async move { page.post("/emailVerifications/signin", body).await }
    }))
    .await;
    assert_eq!(successes(&replies), 1);
    assert!(replies.iter().all(|r| r.status == 200 || r.code() == "invalid_email_verification"));
}

#[tokio::test(flavor = "multi_thread")]
async fn two_hundred_uses_of_one_challenge_give_one_success() {
    let world = World::new().await;
    let (page, mut authenticator) = world.with_passkey("ann@example.com").await;
    let options = page.get("/users/passkeys/authenticate").await.ok();
    // Each answer is a fresh signature with a higher counter: only the challenge makes them one.
    let bodies: Vec<_> = (0..200).map(|_| authenticator.assert(&options, ORIGIN)).collect();
    let replies = together(bodies.into_iter().map(|body| {
        let page = page.clone();
        async move { page.post("/users/mfa/auth/passkey", body).await }
    }))
    .await;
    assert_eq!(successes(&replies), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn of_a_thousand_wrong_guesses_five_are_judged() {
    let world = World::new().await;
    let page = world.page();
    let sent = page.post("/emailVerifications/create", json!({ "email": "ann@example.com" })).await.created();
    let right = world.code("ann@example.com").await;
    let guesses = (0..1_000_000).map(|n| format!("{n:06}")).filter(|guess| *guess != right).take(1_000);
    let replies = together(guesses.map(|guess| {
        let page = page.clone();
        let body = json!({ "verificationUUID": sent["verificationUUID"], "verificationToken": guess });
        async move { page.post("/emailVerifications/signin", body).await }
    }))
    .await;
    let judged = replies.iter().filter(|r| r.code() == "wrong_email_verification_token").count();
    assert_eq!(judged, 5);
    // And the right one is worth nothing after them.
    let body = json!({ "verificationUUID": sent["verificationUUID"], "verificationToken": right });
    page.post("/emailVerifications/signin", body).await.refused(422, "too_many_email_verification_attempts");
}
