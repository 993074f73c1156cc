//! What may be used once is used once, however many try at the same time, on two nodes over one database.

use axum::http::Method;
use serde_json::json;
use stile_store::{Mutation, credentials};
use tokio::task::JoinSet;

use crate::authenticator::Authenticator;
use crate::world::{ENVIRONMENT, ORIGIN, Page, Reply, World};

pub async fn together(
    tries: impl Iterator<Item = impl Future<Output = Reply> + Send + 'static>,
) -> Vec<Reply> {
    let mut set = JoinSet::new();
    for one in tries {
        set.spawn(one);
    }
    set.join_all().await
}

/// The page on each of two nodes.
async fn on_two_nodes(world: &World, page: &Page) -> [Page; 2] {
    [page.clone(), Page { router: world.node().await, ..page.clone() }]
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
    let nodes = [world.router.clone(), world.node().await];
    let world = std::sync::Arc::new(world);
    let replies = together((0..200).map(|n| {
        let (world, node) = (world.clone(), nodes[n % 2].clone());
        let (token, user) = (token.clone(), user.clone());
        async move { world.consume_on(&node, &token, &user, &format!("use-{n}")).await }
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
    let nodes = on_two_nodes(&world, &page).await;
    let replies = together((0..200).map(|n| {
        let page = nodes[n % 2].clone();
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
    let nodes = on_two_nodes(&world, &page).await;
    let replies = together(bodies.into_iter().enumerate().map(|(n, body)| {
        let page = nodes[n % 2].clone();
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
    let nodes = on_two_nodes(&world, &page).await;
    let replies = together(guesses.enumerate().map(|(n, guess)| {
        let page = nodes[n % 2].clone();
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

/// Invariant 6: each removal alone would leave the other credential, and together they would leave none. Each comes with a
/// token of its own, of the very passkey that it removes: else the token would decide, and not the user's version.
#[tokio::test(flavor = "multi_thread")]
async fn of_two_last_credentials_that_are_removed_at_once_one_is_left() {
    let world = World::new().await;
    let second_node = world.node().await;
    for round in 0..100 {
        world.deliver().await;
        let (page, mut first) = world.with_passkey(&format!("ann{round}@example.com")).await;
        let link = page.step_up(&mut first, &["credential:link"]).await;
        let mut second = Authenticator::new();
        let body = second.register(&page.get("/users/passkeys/register").await.ok(), ORIGIN);
        page.elevated(Method::POST, "/users/passkeys/register", Some(body), &link).await.ok();
        let user = page.get("/users").await.ok();
        let (id, email) = (&user["id"], &user["verifiedCredentials"][0]);
        assert_eq!(email["format"], "email");
        let parse = |text: &serde_json::Value| text.as_str().unwrap().to_owned();
        let step = credentials::delete(
            ENVIRONMENT,
            parse(id).parse().unwrap(),
            parse(&email["id"]).parse().unwrap(),
        );
        world.app.store.commit(Mutation::new([step])).await.unwrap();

        let scope = ["credential:unlink"];
        let tokens = [page.step_up(&mut first, &scope).await, page.step_up(&mut second, &scope).await];
        let passkeys = page.get("/users/passkeys").await.ok();
        let nodes = [page.clone(), Page { router: second_node.clone(), ..page.clone() }];
        let removals = nodes.into_iter().zip(tokens).enumerate().map(|(n, (page, token))| {
            let body = json!({ "passkeyId": passkeys["passkeys"][n]["id"] });
            async move { page.elevated(Method::DELETE, "/users/passkeys", Some(body), &token).await }
        });
        let (removed, refused): (Vec<Reply>, Vec<Reply>) =
            together(removals).await.into_iter().partition(|reply| reply.status == 204);
        assert_eq!((removed.len(), refused.len()), (1, 1), "round {round}: {removed:?} {refused:?}");
        for reply in refused {
            reply.refused(422, "cannot_delete_last_sign_in_verified_credential");
        }
        assert_eq!(page.get("/users/passkeys").await.ok()["count"], 1, "round {round}");
    }
}
