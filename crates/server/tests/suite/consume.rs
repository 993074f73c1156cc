//! Attacks on the endpoint at which an app's backend spends elevated tokens.

use std::sync::Arc;

use axum::http::Method;
use serde_json::{Value, json};
use stile_core::settings::{Enrollment, ScopeRule, TokenBehavior};
use stile_core::{ApiTokenId, EnvironmentId};
use stile_server::flows::environments;

use crate::authenticator::Authenticator;
use crate::world::{ENVIRONMENT, OTHER_ENVIRONMENT, Page, Reply, World, settings};

/// A call of the backend with any body and API token.
async fn call(world: &World, environment: EnvironmentId, bearer: Option<&str>, body: &Value) -> Reply {
    let backend = Page { bearer: bearer.map(str::to_owned), origin: None, ..world.page() };
    let path = format!("/api/v0/environments/{environment}/elevated-tokens/consume");
    backend.send(Method::POST, &path, Some(body.to_string()), &[]).await
}

/// What a repetition answers after this first answer.
fn replayed(first: &Value) -> Value {
    let mut answer = first.clone();
    answer["replayed"] = json!(true);
    answer
}

/// A body that is right, for a fresh user with a passkey.
async fn ready(world: &World) -> (Page, Authenticator, Value) {
    let (page, mut authenticator) = world.with_passkey("ann@example.com").await;
    let token = page.step_up(&mut authenticator, &["vault:open"]).await;
    let body =
        json!({ "token": token, "scope": "vault:open", "userId": page.user_id().await, "useId": "use-1" });
    (page, authenticator, body)
}

async fn api_token(world: &World, environment: EnvironmentId, scopes: &[String]) -> (ApiTokenId, String) {
    let app = &world.app;
    let made =
        environments::create_token(&app.store, &app.keys, world.now(), environment, "test", scopes).await;
    let (token, text) = made.unwrap();
    (token.id, text.to_string())
}

#[tokio::test]
async fn only_an_api_token_of_the_environment_with_the_scope_spends() {
    let world = World::new().await;
    let (page, _, body) = ready(&world).await;
    for bearer in [None, Some(""), Some("x"), page.bearer.as_deref(), body["token"].as_str()] {
        call(&world, ENVIRONMENT, bearer, &body).await.refused(401, "invalid_api_token");
    }
    let mut almost = world.api_token.clone();
    let last = if almost.pop() == Some('a') { 'b' } else { 'a' };
    almost.push(last);
    call(&world, ENVIRONMENT, Some(&almost), &body).await.refused(401, "invalid_api_token");
    let (_, without_scope) = api_token(&world, ENVIRONMENT, &[]).await;
    call(&world, ENVIRONMENT, Some(&without_scope), &body).await.refused(403, "api_token_forbidden");
    let (_, foreign) = api_token(&world, OTHER_ENVIRONMENT, &["elevatedTokens.consume".into()]).await;
    call(&world, ENVIRONMENT, Some(&foreign), &body).await.refused(403, "api_token_forbidden");
    call(&world, OTHER_ENVIRONMENT, Some(&world.api_token), &body).await.refused(403, "api_token_forbidden");
    let (id, revoked) = api_token(&world, ENVIRONMENT, &["elevatedTokens.consume".into()]).await;
    environments::revoke_token(&world.app.store, world.now(), ENVIRONMENT, id).await.unwrap();
    call(&world, ENVIRONMENT, Some(&revoked), &body).await.refused(401, "invalid_api_token");
    // And an API token is no session.
    let user = Page { bearer: Some(world.api_token.clone()), ..page };
    user.get("/users").await.refused(401, "unauthorized");
    // Nobody of them has used it up.
    call(&world, ENVIRONMENT, Some(&world.api_token), &body).await.ok();
    // The other environment's backend, with a token of this one.
    call(&world, OTHER_ENVIRONMENT, Some(&foreign), &body).await.refused(403, "elevated_token_invalid");
}

#[tokio::test]
async fn a_malformed_request_spends_nothing() {
    let world = World::new().await;
    let (page, _, body) = ready(&world).await;
    let long = "x".repeat(129);
    for (member, value, status, code) in [
        ("scope", json!("user:delete"), 422, "invalid_scopes"),
        ("scope", json!("credential:link"), 422, "invalid_scopes"),
        ("scope", json!("wallet:sign"), 422, "invalid_scopes"),
        ("scope", json!("vault:close"), 422, "invalid_scopes"),
        ("scope", json!("vault"), 422, "invalid_scopes"),
        ("scope", json!(""), 422, "invalid_scopes"),
        ("scope", json!(["vault:open"]), 400, "invalid_body"),
        ("useId", json!(""), 400, "invalid_body"),
        ("useId", json!(long), 400, "invalid_body"),
        ("useId", json!(1), 400, "invalid_body"),
        ("useId", json!(null), 400, "invalid_body"),
        ("userId", json!("x"), 400, "invalid_body"),
        ("userId", json!(null), 400, "invalid_body"),
        ("token", json!(null), 400, "invalid_body"),
        ("admin", json!(true), 400, "invalid_body"),
        ("token", json!(""), 403, "elevated_token_invalid"),
        ("token", json!("a.b.c"), 403, "elevated_token_invalid"),
        ("token", json!(page.bearer), 403, "elevated_token_invalid"),
        ("token", json!("x".repeat(20_000)), 403, "elevated_token_invalid"),
    ] {
        let mut wrong = body.clone();
        wrong[member] = value;
        call(&world, ENVIRONMENT, Some(&world.api_token), &wrong).await.refused(status, code);
    }
    for member in ["token", "scope", "userId", "useId"] {
        let mut wrong = body.clone();
        wrong.as_object_mut().unwrap().remove(member);
        call(&world, ENVIRONMENT, Some(&world.api_token), &wrong).await.refused(400, "invalid_body");
    }
    let mut longest = body.clone();
    longest["useId"] = json!("x".repeat(128));
    call(&world, ENVIRONMENT, Some(&world.api_token), &longest).await.ok();
}

/// CVE-2025-64175 (Gogs): what belonged to another account was accepted.
#[tokio::test]
async fn a_token_is_spent_for_its_own_user_alone() {
    let world = World::new().await;
    let (_, _, body) = ready(&world).await;
    let bob = world.signed_in("bob@example.com").await;
    let mut wrong = body.clone();
    wrong["userId"] = json!(bob.user_id().await);
    call(&world, ENVIRONMENT, Some(&world.api_token), &wrong).await.refused(403, "elevated_token_invalid");
    assert!(world.audit().await.iter().any(|event| event == "elevated_token.refused"));
    call(&world, ENVIRONMENT, Some(&world.api_token), &body).await.ok();
    assert!(world.audit().await.iter().any(|event| event == "elevated_token.consumed"));
}

/// The row of a use is in the commit that uses the token up: where that fails, there is neither.
#[tokio::test]
async fn a_use_is_written_down_when_it_happens_and_only_then() {
    let world = World::new().await;
    let (page, mut authenticator, body) = ready(&world).await;
    let spend = async |body: &Value| call(&world, ENVIRONMENT, Some(&world.api_token), body).await;
    let uses = async || {
        let rows = world.audit_rows().await.into_iter();
        rows.filter(|row| row.event == "elevated_token.consumed").collect::<Vec<_>>()
    };
    spend(&body).await.ok();
    let written = uses().await;
    assert_eq!((written.len(), &written[0].detail["replayed"]), (1, &json!(false)));
    assert!(written[0].source.actor.as_deref().is_some_and(|actor| actor.starts_with("api_token:")));
    let mut another = body.clone();
    another["useId"] = json!("use-2");
    spend(&another).await.refused(403, "elevated_token_used");
    assert_eq!(uses().await.len(), 1, "a refused use is no use");
    another["token"] = json!(page.step_up(&mut authenticator, &["vault:open"]).await);
    assert_eq!(spend(&another).await.ok()["replayed"], false, "and its id was not taken");
    assert_eq!(spend(&body).await.ok()["replayed"], true);
    let replays = uses().await.into_iter().map(|row| row.detail["replayed"] == true);
    assert_eq!(replays.collect::<Vec<_>>(), [true, false, false], "newest first");
}

#[tokio::test]
async fn one_use_is_answered_the_same_until_the_token_expires() {
    let mut two = settings();
    two.scopes.push(ScopeRule::new("vault:look"));
    let world = World::with(two).await;
    let (page, mut authenticator) = world.with_passkey("ann@example.com").await;
    let token = page.step_up(&mut authenticator, &["vault:open", "vault:look"]).await;
    let body =
        json!({ "token": token, "scope": "vault:open", "userId": page.user_id().await, "useId": "use-1" });
    let spend = async |body: &Value| call(&world, ENVIRONMENT, Some(&world.api_token), body).await;
    let first = spend(&body).await.ok();
    assert_eq!(first["scope"], "vault:open");
    assert_eq!(first["amr"], json!(["hwk", "user", "mfa"]));
    assert_eq!(first["replayed"], false);
    world.advance(240);
    for _ in 0..2 {
        assert_eq!(spend(&body).await.ok(), replayed(&first));
    }
    for use_id in ["use-2", "use-1 ", "USE-1"] {
        let mut other = body.clone();
        other["useId"] = json!(use_id);
        for _ in 0..2 {
            spend(&other).await.refused(403, "elevated_token_used");
        }
    }
    let mut other = body.clone();
    other["scope"] = json!("vault:look");
    spend(&other).await.refused(409, "use_id_taken");
    world.advance(60);
    spend(&body).await.refused(403, "elevated_token_expired");
    // Sweeping the ledger does not make it new.
    world.advance(600);
    world.app.store.sweep(world.now()).await.unwrap();
    spend(&body).await.refused(403, "elevated_token_expired");
}

#[tokio::test]
async fn a_time_bound_token_is_spent_as_often_as_its_time_allows() {
    let mut bound = settings();
    bound.scopes = vec![ScopeRule {
        token_behavior: Some(TokenBehavior::TimeBound),
        token_expiry_seconds: Some(60),
        ..ScopeRule::new("vault:open")
    }];
    let world = World::with(bound).await;
    let (_, _, mut body) = ready(&world).await;
    for (use_id, replayed) in [("a", false), ("b", false), ("a", true), ("a", true), ("b", true)] {
        body["useId"] = json!(use_id);
        let spent = call(&world, ENVIRONMENT, Some(&world.api_token), &body).await.ok();
        assert_eq!((&spent["singleUse"], &spent["replayed"]), (&json!(false), &json!(replayed)), "{use_id}");
    }
    world.advance(60);
    call(&world, ENVIRONMENT, Some(&world.api_token), &body).await.refused(403, "elevated_token_expired");
}

/// Invariant 8: a token dies with its session, its user and its credential, for a repeated use too.
#[tokio::test]
async fn a_token_dies_with_what_it_stands_on() {
    // The session ends.
    for spent_before in [false, true] {
        let world = World::new().await;
        let spend = async |body: &Value| call(&world, ENVIRONMENT, Some(&world.api_token), body).await;
        let (page, _, body) = ready(&world).await;
        if spent_before {
            spend(&body).await.ok();
        }
        page.post("/revoke", json!({})).await.no_content();
        spend(&body).await.refused(403, "elevated_token_invalid");

        // The user is deleted.
        let world = World::new().await;
        let spend = async |body: &Value| call(&world, ENVIRONMENT, Some(&world.api_token), body).await;
        let (page, mut authenticator, body) = ready(&world).await;
        if spent_before {
            spend(&body).await.ok();
        }
        let token = page.step_up(&mut authenticator, &["user:delete"]).await;
        page.elevated(Method::DELETE, "/users", None, &token).await.no_content();
        spend(&body).await.refused(403, "elevated_token_invalid");

        // The credential is removed.
        let world = World::new().await;
        let spend = async |body: &Value| call(&world, ENVIRONMENT, Some(&world.api_token), body).await;
        let (page, mut authenticator, body) = ready(&world).await;
        if spent_before {
            spend(&body).await.ok();
        }
        let token = page.step_up(&mut authenticator, &["credential:unlink"]).await;
        let id = page.get("/users/passkeys").await.ok()["passkeys"][0]["id"].clone();
        let unlink = Some(json!({ "passkeyId": id }));
        page.elevated(Method::DELETE, "/users/passkeys", unlink, &token).await.no_content();
        spend(&body).await.refused(403, "elevated_token_invalid");

        // A stronger factor comes: what the e-mail code gave is too weak now.
        let world = World::new().await;
        let spend = async |body: &Value| call(&world, ENVIRONMENT, Some(&world.api_token), body).await;
        let page = world.signed_in("ann@example.com").await;
        let session = page.email_step_up(&world, "ann@example.com", &["vault:open"]).await.ok();
        let body = json!({ "token": session["elevatedAccessToken"], "scope": "vault:open",
                           "userId": page.user_id().await, "useId": "use-1" });
        if spent_before {
            spend(&body).await.ok();
        }
        page.enrol(&mut Authenticator::new()).await.ok();
        spend(&body).await.refused(403, "elevated_token_invalid");
    }
}

/// The session goes idle before the token expires.
#[tokio::test]
async fn a_token_of_a_session_that_timed_out_is_worth_nothing() {
    let mut short = settings();
    short.security.session_absolute_seconds = 100;
    let world = World::with(short).await;
    let (_, _, body) = ready(&world).await;
    world.advance(100);
    call(&world, ENVIRONMENT, Some(&world.api_token), &body).await.refused(403, "elevated_token_invalid");
    let mut short = settings();
    short.security.session_idle_seconds = 60;
    let world = World::with(short).await;
    let (_, _, body) = ready(&world).await;
    world.advance(60);
    call(&world, ENVIRONMENT, Some(&world.api_token), &body).await.refused(403, "elevated_token_invalid");
}

/// GHSA-xg6x-h9c9-2m83: nothing of a session that still owes a factor is spent, whatever it may hold.
#[tokio::test]
async fn a_session_that_owes_a_factor_has_nothing_to_spend() {
    let mut signup = settings();
    signup.security.mfa.enrollment = Enrollment::Signup;
    let world = World::with(signup).await;
    let page = world.page();
    let sent = page.post("/emailVerifications/create", json!({ "email": "ann@example.com" })).await.created();
    let body = json!({ "verificationUUID": sent["verificationUUID"], "requestedScopes": ["vault:open"],
                       "verificationToken": world.code("ann@example.com").await });
    let reply = page.post("/emailVerifications/signin", body).await;
    assert!(reply.body.get("elevatedAccessToken").is_none());
    reply.refused(403, "mfa_enrolment_required");
}

#[tokio::test(flavor = "multi_thread")]
async fn two_hundred_repetitions_of_one_use_are_answered_the_same() {
    let world = Arc::new(World::new().await);
    let (_, _, body) = ready(&world).await;
    let mut tries = tokio::task::JoinSet::new();
    for _ in 0..200 {
        let (world, body) = (world.clone(), body.clone());
        tries.spawn(async move { call(&world, ENVIRONMENT, Some(&world.api_token), &body).await.ok() });
    }
    let answers = tries.join_all().await;
    let (first, repeated): (Vec<Value>, Vec<Value>) =
        answers.into_iter().partition(|answer| answer["replayed"] == false);
    assert_eq!((first.len(), repeated.len()), (1, 199));
    assert!(repeated.iter().all(|answer| *answer == replayed(&first[0])));
    let mut other = body;
    other["useId"] = json!("use-2");
    call(&world, ENVIRONMENT, Some(&world.api_token), &other).await.refused(403, "elevated_token_used");
}

/// One token is behind one use: what comes with the same use id and another token keeps its worth.
#[tokio::test]
async fn a_use_id_stands_for_one_token_and_scope_and_refuses_others_without_spending_them() {
    for behavior in [TokenBehavior::SingleUse, TokenBehavior::TimeBound] {
        let mut two = settings();
        two.scopes = ["vault:open", "vault:look"]
            .map(|scope| ScopeRule { token_behavior: Some(behavior), ..ScopeRule::new(scope) })
            .into();
        let world = World::with(two).await;
        let spend = async |body: &Value| call(&world, ENVIRONMENT, Some(&world.api_token), body).await;
        let (page, mut authenticator) = world.with_passkey("ann@example.com").await;
        let user = page.user_id().await;
        let mut bodies = Vec::new();
        for _ in 0..2 {
            let token = page.step_up(&mut authenticator, &["vault:open", "vault:look"]).await;
            bodies
                .push(json!({ "token": token, "scope": "vault:open", "userId": user, "useId": "order-17" }));
        }
        let first = spend(&bodies[0]).await.ok();
        for _ in 0..2 {
            spend(&bodies[1]).await.refused(409, "use_id_taken");
        }
        let mut another_scope = bodies[0].clone();
        another_scope["scope"] = json!("vault:look");
        spend(&another_scope).await.refused(409, "use_id_taken");
        // The use that was first still answers, and the refused token works under an id of its own.
        assert_eq!(spend(&bodies[0]).await.ok(), replayed(&first));
        bodies[1]["useId"] = json!("order-18");
        assert_eq!(spend(&bodies[1]).await.ok()["replayed"], false);

        // The id is remembered beyond the life of its token, for a day.
        world.advance(3_600);
        world.app.store.sweep(world.now()).await.unwrap();
        let page = world.signed_in("bob@example.com").await;
        let again = page.email_step_up(&world, "bob@example.com", &["vault:open"]).await.ok();
        let body = json!({ "token": again["elevatedAccessToken"], "scope": "vault:open",
                           "userId": page.user_id().await, "useId": "order-17" });
        spend(&body).await.refused(409, "use_id_taken");
    }
}

/// The other environment's backend knows nothing of this one's use ids.
#[tokio::test]
async fn use_ids_of_two_environments_do_not_meet() {
    let world = World::new().await;
    let (_, _, body) = ready(&world).await;
    call(&world, ENVIRONMENT, Some(&world.api_token), &body).await.ok();
    let stranger = Page { environment: OTHER_ENVIRONMENT, ..world.page() };
    let page = world.sign_in_on(stranger, "ann@example.com").await;
    let session = page.email_step_up(&world, "ann@example.com", &["vault:open"]).await.ok();
    let (_, other) = api_token(&world, OTHER_ENVIRONMENT, &["elevatedTokens.consume".into()]).await;
    let body = json!({ "token": session["elevatedAccessToken"], "scope": "vault:open",
                       "userId": page.user_id().await, "useId": "use-1" });
    assert_eq!(call(&world, OTHER_ENVIRONMENT, Some(&other), &body).await.ok()["replayed"], false);
}

/// Two tokens race for one use id on two nodes: one use happens, and the token that lost is unspent.
#[tokio::test(flavor = "multi_thread")]
async fn two_tokens_that_race_for_one_use_id_are_one_use() {
    let world = Arc::new(World::new().await);
    let (page, mut authenticator) = world.with_passkey("ann@example.com").await;
    let user = page.user_id().await;
    let nodes = [world.router.clone(), world.node().await];
    for round in 0..5 {
        let mut tokens = Vec::new();
        for _ in 0..2 {
            tokens.push(page.step_up(&mut authenticator, &["vault:open"]).await);
        }
        let mut tries = tokio::task::JoinSet::new();
        for n in 0..40 {
            let (world, node, user) = (world.clone(), nodes[n % 2].clone(), user.clone());
            let token = tokens[n / 2 % 2].clone();
            tries.spawn(async move {
                (n / 2 % 2, world.consume_on(&node, &token, &user, &format!("race-{round}")).await)
            });
        }
        let answers = tries.join_all().await;
        let first: Vec<usize> = answers
            .iter()
            .filter(|(_, reply)| reply.status == 200 && reply.body["replayed"] == false)
            .map(|(token, _)| *token)
            .collect();
        assert_eq!(first.len(), 1, "round {round}");
        let winner = first[0];
        for (token, reply) in answers {
            if token == winner {
                reply.ok();
            } else {
                reply.refused(409, "use_id_taken");
            }
        }
        let loser = &tokens[1 - winner];
        let own = world.consume(loser, &user, &format!("own-{round}")).await.ok();
        assert_eq!(own["replayed"], false, "round {round}: the loser was spent");
    }
}
