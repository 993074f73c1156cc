//! The main job, from the first code to the door that opens once.

use axum::http::Method;
use serde_json::json;

use crate::world::World;

#[tokio::test]
async fn sign_in_enrol_be_refused_step_up_and_be_let_through_once() {
    let world = World::new().await;
    let (page, mut authenticator) = world.with_passkey("ann@example.com").await;
    let check = page.post("/stepUp/check", json!({ "scope": "vault:open" })).await.ok();
    assert_eq!(check["isRequired"], true);
    assert_eq!(check["credentials"][0]["format"], "passkey");
    assert_eq!(check["defaultCredentialId"], check["credentials"][0]["id"]);

    let token = page.step_up(&mut authenticator, &["vault:open"]).await;
    let user = page.user_id().await;
    let mut spent = world.consume(&token, &user, "use-1").await.ok();
    assert_eq!(spent["userId"], user.as_str());
    assert_eq!(spent["singleUse"], true);
    // The same use is answered the same; another use of the same token is refused.
    spent["replayed"] = json!(true);
    assert_eq!(world.consume(&token, &user, "use-1").await.ok(), spent);
    world.consume(&token, &user, "use-2").await.refused(403, "elevated_token_used");
}

#[tokio::test]
async fn a_passkey_signs_in_and_its_owner_removes_it_with_a_step_up() {
    let world = World::new().await;
    let (page, mut authenticator) = world.with_passkey("ann@example.com").await;
    let fresh = world.page();
    let options = fresh.get("/users/passkeys/signin").await.ok();
    let session =
        fresh.post("/users/passkeys/signin", authenticator.assert(&options, crate::world::ORIGIN)).await.ok();
    assert_eq!(session["user"]["scope"], "user:basic");
    assert_eq!(session["user"]["id"], page.user_id().await.as_str());

    let passkeys = page.get("/users/passkeys").await.ok();
    let body = json!({ "passkeyId": passkeys["passkeys"][0]["id"] });
    let path = "/users/passkeys";
    page.send(Method::DELETE, &page.sdk(path), Some(body.to_string()), &[])
        .await
        .refused(403, "elevated_token_required");
    let token = page.step_up(&mut authenticator, &["credential:unlink"]).await;
    page.elevated(Method::DELETE, path, Some(body), &token).await.no_content();
    assert_eq!(page.get("/users/passkeys").await.ok()["count"], 0);
    let options = fresh.get("/users/passkeys/signin").await.ok();
    let again =
        fresh.post("/users/passkeys/signin", authenticator.assert(&options, crate::world::ORIGIN)).await;
    again.refused(422, "passkey_not_found");
}
