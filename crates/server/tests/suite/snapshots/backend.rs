//! What an app's own backend asks.

use axum::http::Method;
use serde_json::{Value, json};
use stile_core::settings::{ScopeRule, TokenBehavior};

use super::Tape;
use crate::admin_reset::{api_token, call};
use crate::world::{ENVIRONMENT, settings};

const ANN: &str = "ann@example.com";
const NOBODY: &str = "00000000-0000-4000-8000-000000000000";

#[tokio::test]
async fn consume_elevated_token() {
    let tape = Tape::of("consumeElevatedToken").await;
    let mut two = settings();
    let token_behavior = Some(TokenBehavior::TimeBound);
    two.scopes.push(ScopeRule { token_behavior, ..ScopeRule::new("vault:look") });
    let world = tape.world(two).await;
    let (page, mut passkey) = world.with_passkey(ANN).await;
    let user = page.user_id().await;
    let scopes = ["vault:open", "wallet:sign"];
    let token = page.step_up(&mut passkey, &scopes).await;
    tape.case("by a passkey", world.consume(&token, &user, "one")).await;
    tape.case("the same use again", world.consume(&token, &user, "one")).await;
    tape.case("another use", world.consume(&token, &user, "two")).await;
    let other = page.step_up(&mut passkey, &scopes).await;
    tape.case("the use of another token", world.consume(&other, &user, "one")).await;
    tape.case("for another user", world.consume(&other, NOBODY, "three")).await;
    tape.case("for an invalid user id", world.consume(&other, "x", "three")).await;
    tape.case("without a use id", world.consume(&other, &user, "")).await;
    tape.case("with too long a use id", world.consume(&other, &user, &"x".repeat(129))).await;
    tape.case("an invalid token", world.consume("x", &user, "three")).await;
    let access = page.bearer.clone().unwrap();
    tape.case("an access token", world.consume(&access, &user, "three")).await;
    let consume = async |token: &str, scope: &str| {
        let path = format!("/api/v0/environments/{ENVIRONMENT}/elevated-tokens/consume");
        let body = json!({ "token": token, "scope": scope, "userId": user, "useId": scope });
        call(&world, Method::POST, &path, Some(&world.api_token), Some(body)).await
    };
    tape.case("for a scope of Stile", consume(&other, "wallet:sign")).await;
    let other = page.step_up(&mut passkey, &scopes).await;
    tape.case("for a scope that the token lacks", consume(&other, "vault:look")).await;
    let many = page.step_up(&mut passkey, &["vault:look"]).await;
    tape.case("a time-bound token", consume(&many, "vault:look")).await;
    world.advance(600);
    tape.case("an expired token", world.consume(&other, &user, "three")).await;
    let token = page.step_up(&mut passkey, &scopes).await;
    page.post("/revoke", json!({})).await.no_content();
    tape.case("a token of an ended session", world.consume(&token, &user, "four")).await;
    let weak = world.signed_in("bob@example.com").await;
    let token = weak.email_token(&world, "bob@example.com", &["vault:open"]).await;
    let bob = weak.user_id().await;
    tape.case("by a code", world.consume(&token, &bob, "five")).await;
    tape.end();
}

/// A reset by either operation; the path has `{user}`.
async fn reset(tape: Tape, method: Method, path: &str, bodies: &[(&str, Value)]) {
    let world = tape.plain().await;
    let right = api_token(&world, ENVIRONMENT, &["environment.users.write"]).await;
    let reset = async |user: &str, body: Option<Value>| {
        call(&world, method.clone(), &path.replace("{user}", user), Some(&right), body).await
    };
    tape.case("of nobody", reset(NOBODY, None)).await;
    tape.case("with an invalid id", reset("x", None)).await;
    let (page, _) = world.with_totp(ANN).await;
    let user = page.user_id().await;
    tape.case("of a user with an app", reset(&user, None)).await;
    tape.case("again", reset(&user, None)).await;
    world.with_passkey(ANN).await;
    tape.case("of a user with a passkey", reset(&user, None)).await;
    for (name, body) in bodies {
        tape.case(name, reset(&user, Some(body.clone()))).await;
    }
    tape.end();
}

#[tokio::test]
async fn delete_user_mfa() {
    reset(Tape::of("deleteUserMfa").await, Method::DELETE, "/api/v0/users/{user}/mfa", &[]).await;
}

#[tokio::test]
async fn reset_user_mfa() {
    let reason = |text: &str| json!({ "reason": text });
    let bodies = [
        ("with a reason", reason("lost phone")),
        ("with a reason of two lines", reason("a\nb")),
        ("with too long a reason", reason(&"x".repeat(201))),
    ];
    reset(Tape::of("resetUserMfa").await, Method::POST, "/api/v0/users/{user}/mfa/reset", &bodies).await;
}
