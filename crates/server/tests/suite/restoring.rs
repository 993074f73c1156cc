//! Attacks on a restore: whatever works once, and was used after the backup, is as new in it.

use axum::http::Method;
use serde_json::{Value, json};

use crate::device::DeviceKey;
use crate::world::{ORIGIN, Page, World};

const ANN: &str = "ann@example.com";
const BOB: &str = "bob@example.com";
const SIGN_IN: &str = "/users/passkeys/signin";

/// The page, talking to the restored server.
fn on(world: &World, page: &Page) -> Page {
    Page { router: world.router.clone(), ..page.clone() }
}

#[tokio::test]
async fn no_session_and_no_token_of_before_counts() {
    let world = World::new().await;
    let (page, mut authenticator) = world.with_passkey(ANN).await;
    let user = page.user_id().await;
    let token = page.step_up(&mut authenticator, &["vault:open"]).await;
    let unlink = page.step_up(&mut authenticator, &["credential:unlink"]).await;
    let backup = world.backup().await;
    world.consume(&token, &user, "once").await.ok();

    let restored = world.restored(backup).await;
    let again = on(&restored, &page);
    again.get("/users").await.refused(401, "session_ended");
    again.post("/refresh", json!({})).await.refused(401, "session_ended");
    for use_id in ["once", "twice"] {
        restored.consume(&token, &user, use_id).await.refused(403, "elevated_token_invalid");
    }
    // Nor in a session of the same user that was opened since.
    let fresh = restored.sign_in_on(again, ANN).await;
    let passkey = fresh.get("/users/passkeys").await.ok();
    let id = passkey["passkeys"][0]["id"].as_str().unwrap().to_owned();
    let body = Some(json!({ "passkeyId": id }));
    let reply = fresh.elevated(Method::DELETE, "/users/passkeys", body, &unlink).await;
    assert!(reply.status.is_client_error() && reply.code().contains("elevated"), "{reply:?}");
    restored.consume(&token, &user, "thrice").await.refused(403, "elevated_token_invalid");
    // What is given from now on works as ever.
    let token = fresh.step_up(&mut authenticator, &["vault:open"]).await;
    restored.consume(&token, &user, "new").await.ok();
    restored.consume(&token, &user, "other").await.refused(403, "elevated_token_used");
}

#[tokio::test]
async fn no_code_that_was_sent_before_counts() {
    let world = World::new().await;
    let page = world.page();
    let sent = page.post("/emailVerifications/create", json!({ "email": ANN })).await.created();
    let body =
        json!({ "verificationUUID": sent["verificationUUID"], "verificationToken": world.code(ANN).await });
    let backup = world.backup().await;
    page.post("/emailVerifications/signin", body.clone()).await.ok();

    let restored = world.restored(backup).await;
    let reply = on(&restored, &page).post("/emailVerifications/signin", body).await;
    assert!(reply.status.is_client_error(), "{reply:?}");
    assert!(restored.mails(ANN).await.is_empty(), "no mail of before goes out again");
    assert_eq!(restored.app.store.mail_count().await.unwrap(), 0);
    restored.signed_in(ANN).await;
}

#[tokio::test]
async fn no_code_of_an_app_counts_again() {
    let world = World::new().await;
    let (page, app) = world.with_totp(ANN).await;
    let backup = world.backup().await;
    let now = world.now().seconds();
    // The app's clock may be a step ahead.
    let used = [app.code_at(now), app.code_at(now + 30)];
    for code in &used {
        page.totp(None, code, &["vault:open"]).await.ok();
    }

    let restored = world.restored(backup).await;
    let page = restored.sign_in_on(on(&restored, &page), ANN).await;
    for code in &used {
        page.totp(None, code, &["vault:open"]).await.refused(422, "mfa_invalid_code");
    }
    restored.advance(60);
    page.totp(None, &app.code(&restored), &["vault:open"]).await.ok();
}

#[tokio::test]
async fn no_challenge_and_no_nonce_of_before_counts() {
    let world = World::new().await;
    let (page, mut authenticator) = world.with_passkey(ANN).await;
    let backup = world.backup().await;
    let options = page.get(SIGN_IN).await.ok();
    let answer = authenticator.assert(&options, ORIGIN);
    world.page().post(SIGN_IN, answer.clone()).await.ok();
    // Neither used nor in the backup: a challenge that nobody answered yet.
    let waiting = authenticator.assert(&page.get(SIGN_IN).await.ok(), ORIGIN);
    let device = DeviceKey::new();
    let used = device.proof(&page).await;

    let restored = world.restored(backup).await;
    let stranger = on(&restored, &world.page());
    for answer in [answer, waiting] {
        stranger.post(SIGN_IN, answer).await.refused(422, "invalid_challenge");
    }
    let fresh = restored.sign_in_on(stranger.clone(), BOB).await;
    let replay = Page { headers: used, ..fresh.clone() };
    replay.post("/refresh", json!({})).await.refused(422, "invalid_nonce");
    let answer = authenticator.assert(&stranger.get(SIGN_IN).await.ok(), ORIGIN);
    stranger.post(SIGN_IN, answer).await.ok();
}

#[tokio::test]
async fn no_enrolment_that_was_begun_before_is_finished() {
    let world = World::new().await;
    let page = world.signed_in(ANN).await;
    let app = page.begin_totp().await;
    let backup = world.backup().await;

    let restored = world.restored(backup).await;
    on(&restored, &page).totp(Some(&app.id), &app.code(&world), &[]).await.refused(401, "session_ended");
    let fresh = restored.sign_in_on(on(&restored, &page), ANN).await;
    fresh.totp(Some(&app.id), &app.code(&world), &[]).await.refused(422, "mfa_device_not_found");
    fresh.begin_totp().await;
}

/// What the command tells the operator: these come back.
#[tokio::test]
async fn what_was_taken_away_since_the_backup_is_there_again() {
    let world = World::new().await;
    let (page, _) = world.with_totp(ANN).await;
    let codes = page.recovery_codes().await;
    let backup = world.backup().await;
    page.recover(&codes[0], &[]).await.ok();

    let restored = world.restored(backup).await;
    let page = restored.sign_in_on(on(&restored, &page), ANN).await;
    let page = page.holding(&page.recover(&codes[0], &[]).await.ok());
    page.recover(&codes[0], &[]).await.refused(422, "mfa_invalid_code");
    let methods: Value = page.get("/users/mfa/methods").await.ok();
    assert_eq!(methods["recoveryCodesLeft"], 9);
}
