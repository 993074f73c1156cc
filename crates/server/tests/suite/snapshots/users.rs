//! The signed-in user.

use axum::http::Method;
use serde_json::{Value, json};
use stile_core::settings::{Action, ActionRule, Settings};

use super::Tape;
use crate::world::{Page, World, settings};

const ANN: &str = "ann@example.com";
const BOB: &str = "bob@example.com";
const NEW: &str = "ann@new.example";

fn with_rule() -> Settings {
    let mut settings = settings();
    settings.security.mfa.enabled = true;
    settings.security.mfa.actions.push(ActionRule {
        action: Action::UserUpdate,
        required: true,
        token_behavior: None,
        token_expiry_seconds: None,
    });
    settings
}

/// A user with an old address and one that was just added by it.
async fn with_two(world: &World) -> Page {
    let page = world.signed_in(ANN).await;
    let token = page.email_token(world, ANN, &["credential:link"]).await;
    let session = page.link(world, NEW, &token).await;
    page.holding(&session)
}

#[tokio::test]
async fn get_user() {
    let tape = Tape::of("getUser").await;
    let world = tape.plain().await;
    let page = with_two(&world).await;
    tape.case("with two addresses", page.get("/users")).await;
    let (page, _) = world.with_totp(BOB).await;
    let body =
        json!({ "alias": "Bob", "username": "bob", "metadata": { "x": [1] }, "policiesConsent": true });
    page.put("/users", body).await.ok();
    tape.case("with a profile and an app", page.get("/users")).await;
    tape.end();
}

#[tokio::test]
async fn update_user() {
    let tape = Tape::of("updateUser").await;
    let world = tape.plain().await;
    let page = world.signed_in(ANN).await;
    let update = async |body: Value| page.put("/users", body).await;
    let profile = json!({
        "alias": " Ann ", "firstName": "A", "lastName": "B", "jobTitle": "C", "tShirtSize": "D", "team": "E",
        "country": "DE", "username": "ann", "policiesConsent": true, "metadata": { "x": { "y": 1 } },
    });
    tape.case("the profile", update(profile.clone())).await;
    tape.case("the same profile", update(profile)).await;
    tape.case("no alias any more", update(json!({ "alias": "" }))).await;
    tape.case("nothing", update(json!({}))).await;
    tape.case("the same address", update(json!({ "email": ANN }))).await;
    world.signed_in(BOB).await.put("/users", json!({ "username": "bob" })).await.ok();
    tape.case("a username in use", update(json!({ "username": "Bob" }))).await;
    tape.case("an invalid username", update(json!({ "username": "a b" }))).await;
    tape.case("too long an alias", update(json!({ "alias": "x".repeat(201) }))).await;
    tape.case("too large metadata", update(json!({ "metadata": { "x": "x".repeat(4_100) } }))).await;
    tape.case("a phone number", update(json!({ "phoneNumber": "1" }))).await;
    tape.case("an invalid address", update(json!({ "email": "x" }))).await;
    tape.case("acknowledged codes without any", async {
        update(json!({ "mfaBackupCodeAcknowledgement": "complete" })).await
    })
    .await;
    tape.case("how addresses count, without a factor", update(json!({ "furtherEmailsSignIn": false }))).await;
    tape.case("an address by an old sign-in", update(json!({ "email": NEW }))).await;
    let token = page.email_token(&world, ANN, &["credential:update"]).await;
    let change = json!({ "email": NEW, "team": "F" });
    tape.case("an address and the profile", page.elevated(Method::PUT, "/users", Some(change), &token)).await;

    let world = tape.world(with_rule()).await;
    let (page, mut passkey) = world.with_passkey(ANN).await;
    let update = async |body: Value| page.put("/users", body).await;
    tape.case("the profile under a rule", update(json!({ "alias": "x" }))).await;
    let token = page.step_up(&mut passkey, &["user:update"]).await;
    let body = Some(json!({ "alias": "x" }));
    tape.case("the profile under a rule, proved", page.elevated(Method::PUT, "/users", body, &token)).await;
    let both = json!({ "mfaBackupCodeAcknowledgement": "complete", "alias": "y" });
    tape.case("acknowledged codes with more", update(both)).await;
    let acknowledged = json!({ "mfaBackupCodeAcknowledgement": "complete" });
    tape.case("acknowledged codes", update(acknowledged.clone())).await;
    tape.case("acknowledged codes again", update(acknowledged)).await;
    let token = page.step_up(&mut passkey, &["user:update"]).await;
    let body = Some(json!({ "furtherEmailsSignIn": false }));
    tape.case("how addresses count", page.elevated(Method::PUT, "/users", body, &token)).await;
    world.advance(600);
    tape.case("how addresses count, late", update(json!({ "furtherEmailsSignIn": true }))).await;

    let world = tape.plain().await;
    with_two(&world).await;
    let young = world.signed_in(NEW).await;
    let token = young.email_token(&world, NEW, &["credential:update"]).await;
    let body = Some(json!({ "email": "eve@example.com" }));
    tape.case("an address by a young one", young.elevated(Method::PUT, "/users", body, &token)).await;
    tape.end();
}

#[tokio::test]
async fn delete_user() {
    let tape = Tape::of("deleteUser").await;
    let world = tape.plain().await;
    let delete = async |page: &Page, token: &str| page.elevated(Method::DELETE, "/users", None, token).await;
    with_two(&world).await;
    let young = world.signed_in(NEW).await;
    let token = young.email_token(&world, NEW, &["user:delete"]).await;
    tape.case("by a young address", delete(&young, &token)).await;
    let page = world.signed_in(ANN).await;
    let token = page.email_token(&world, ANN, &["user:delete"]).await;
    tape.case("by an address", delete(&page, &token)).await;
    tape.case("again", delete(&page, &token)).await;
    let (page, mut passkey) = world.with_passkey(BOB).await;
    let token = page.step_up(&mut passkey, &["user:delete"]).await;
    tape.case("by a passkey", delete(&page, &token)).await;
    tape.end();
}

#[tokio::test]
async fn check_user_field() {
    let tape = Tape::of("checkUserField").await;
    let world = tape.plain().await;
    let page = world.signed_in(ANN).await;
    page.put("/users", json!({ "username": "ann" })).await.ok();
    world.signed_in(BOB).await.put("/users", json!({ "username": "bob" })).await.ok();
    for (name, query) in [
        ("free", "filter%5Bfield%5D=username&filter%5Bvalue%5D=carl"),
        ("in use", "filter%5Bfield%5D=username&filter%5Bvalue%5D=bob"),
        ("one's own", "field=username&value=Ann"),
        ("no username", "field=username&value=a%20b"),
        ("another field", "field=email&value=x"),
        ("no field", "value=x"),
    ] {
        tape.case(name, page.get(&format!("/users/check?{query}"))).await;
    }
    tape.end();
}

#[tokio::test]
async fn unlink_credential() {
    let tape = Tape::of("unlinkCredential").await;
    let world = tape.plain().await;
    let page = with_two(&world).await;
    let bob = world.signed_in(BOB).await;
    let foreign = bob.address_id(BOB).await;
    let (old, new) = (page.address_id(ANN).await, page.address_id(NEW).await);
    let unlink = async |page: &Page, body: Value, token: &str| {
        page.elevated(Method::POST, "/verify/unlink", Some(body), token).await
    };
    let named = |id: &str| json!({ "verifiedCredentialId": id });
    let young = world.signed_in(NEW).await;
    let token = young.email_token(&world, NEW, &["credential:unlink"]).await;
    tape.case("an older address by a young one", unlink(&young, named(&old), &token)).await;
    let token = page.email_token(&world, ANN, &["credential:unlink"]).await;
    tape.case("nothing", unlink(&page, json!({}), &token)).await;
    tape.case("an invalid id", unlink(&page, named("x"), &token)).await;
    tape.case("another user's", unlink(&page, named(&foreign), &token)).await;
    tape.case("a wallet", unlink(&page, json!({ "primaryWalletId": new }), &token)).await;
    let suffixed = json!({ "verifiedCrentialId": format!("{new}-zerodev") });
    tape.case("an address", unlink(&page, suffixed, &token)).await;
    tape.case("an address again", unlink(&page, named(&new), &token)).await;
    tape.case("the last address", unlink(&page, named(&old), &token)).await;
    let (page, mut passkey) = world.with_passkey(ANN).await;
    let id = page.get("/users/passkeys").await.ok()["passkeys"][0]["id"].clone();
    let token = page.step_up(&mut passkey, &["credential:unlink"]).await;
    tape.case("a passkey", unlink(&page, named(id.as_str().unwrap()), &token)).await;
    tape.case("the only address beside a passkey", unlink(&page, named(&old), &token)).await;
    tape.end();
}
