//! A removed credential takes along what it opened and what it raised.

use axum::http::Method;
use serde_json::{Value, json};
use stile_core::settings::{Enrollment, Settings};

use crate::authenticator::Authenticator;
use crate::totp_app::TotpApp;
use crate::world::{ORIGIN, Page, World, settings};

const ANN: &str = "ann@example.com";
const NEW: &str = "ann@new.example";

/// An environment in which every sign-in needs the second factor.
fn strict() -> Settings {
    let mut settings = settings();
    settings.security.mfa.enabled = true;
    settings
}

async fn scope(page: &Page) -> Value {
    page.get("/users").await.ok()["scope"].clone()
}

impl Page {
    /// Finishes the sign-in of this page with the passkey.
    async fn raised(&self, passkey: &mut Authenticator) -> Page {
        let session = self.prove(passkey, &[]).await.ok();
        self.holding(&session)
    }

    async fn passkey_id(&self) -> String {
        self.get("/users/passkeys").await.ok()["passkeys"][0]["id"].as_str().unwrap().to_owned()
    }

    async fn delete_passkey(&self, id: &str, token: &str) {
        let body = Some(json!({ "passkeyId": id }));
        self.elevated(Method::DELETE, "/users/passkeys", body, token).await.no_content();
    }

    /// Signs in with the passkey alone.
    async fn by_passkey(&self, passkey: &mut Authenticator) -> Page {
        let options = self.get("/users/passkeys/signin").await.ok();
        let session = self.post("/users/passkeys/signin", passkey.assert(&options, ORIGIN)).await.ok();
        self.holding(&session)
    }
}

fn token(session: &Value) -> String {
    session["elevatedAccessToken"].as_str().unwrap().to_owned()
}

/// A user with a passkey and an authenticator app, on a page whose session was raised by the app.
async fn with_both(world: &World) -> (Page, Authenticator, TotpApp) {
    let (page, mut passkey) = world.with_passkey(ANN).await;
    let held = page.step_up(&mut passkey, &["credential:link"]).await;
    let begun = page.elevated(Method::GET, "/users/mfa/register/totp", None, &held).await.ok();
    let app = TotpApp::scan(&begun);
    page.totp(Some(&app.id), &app.code(world), &[]).await.ok();
    world.advance(30);
    let page = world.signed_in(ANN).await;
    let session = page.totp(None, &app.code(world), &[]).await.ok();
    world.advance(30);
    (page.holding(&session), passkey, app)
}

#[tokio::test]
async fn a_session_that_a_removed_passkey_raised_owes_a_factor_again() {
    let world = World::with(strict()).await;
    let (owner, mut passkey, app) = with_both(&world).await;
    let other = world.signed_in(ANN).await.raised(&mut passkey).await;
    let opened = world.page().by_passkey(&mut passkey).await;
    let untouched = world.signed_in(ANN).await;
    let session = untouched.totp(None, &app.code(&world), &[]).await.ok();
    let untouched = untouched.holding(&session);
    world.advance(30);
    assert_eq!(scope(&other).await, "user:basic");

    let id = owner.passkey_id().await;
    let held = token(&owner.totp(None, &app.code(&world), &["credential:unlink"]).await.ok());
    owner.delete_passkey(&id, &held).await;

    opened.get("/users").await.refused(401, "session_ended");
    assert_eq!(scope(&other).await, "requiresAdditionalAuth");
    other.put("/users", json!({ "alias": "x" })).await.refused(403, "additional_auth_required");
    for page in [&owner, &untouched] {
        assert_eq!(scope(page).await, "user:basic");
    }
    // What is left raises it again.
    world.advance(30);
    let session = other.totp(None, &app.code(&world), &[]).await.ok();
    assert_eq!(scope(&other.holding(&session)).await, "user:basic");
}

#[tokio::test]
async fn a_session_that_a_removed_app_raised_owes_a_factor_again() {
    let world = World::with(strict()).await;
    let (owner, mut passkey, app) = with_both(&world).await;
    let mine = world.signed_in(ANN).await.raised(&mut passkey).await;
    let held = mine.step_up(&mut passkey, &["credential:unlink"]).await;
    let path = format!("/users/mfa/{}", app.id);
    mine.elevated(Method::DELETE, &path, None, &held).await.no_content();
    assert_eq!(scope(&mine).await, "user:basic");
    assert_eq!(scope(&owner).await, "requiresAdditionalAuth");
}

/// A recovery forgets what was proved in other sessions, and does not lower them: the removal of the lost factor does.
#[tokio::test]
async fn a_raised_session_whose_proofs_were_forgotten_is_lowered_too() {
    let world = World::with(strict()).await;
    let (owner, mut passkey, app) = with_both(&world).await;
    let session = owner.totp(None, &app.code(&world), &[]).await.ok();
    let owner = owner.holding(&session);
    let codes = owner.recovery_codes().await;
    let thief = world.signed_in(ANN).await.raised(&mut passkey).await;
    owner.recover(&codes[0], &[]).await.ok();
    world.advance(30);
    let held = token(&owner.totp(None, &app.code(&world), &["credential:unlink"]).await.ok());
    owner.delete_passkey(&owner.passkey_id().await, &held).await;
    assert_eq!(scope(&thief).await, "requiresAdditionalAuth");
    assert_eq!(scope(&owner).await, "user:basic");
}

#[tokio::test]
async fn the_session_that_removes_stays_by_its_other_proofs_alone() {
    let world = World::with(strict()).await;
    let (both, mut passkey, app) = with_both(&world).await;
    let id = both.passkey_id().await;
    // Raised by the passkey alone, it removes that passkey.
    let alone = world.signed_in(ANN).await.raised(&mut passkey).await;
    let held = alone.step_up(&mut passkey, &["credential:unlink"]).await;
    alone.delete_passkey(&id, &held).await;
    assert_eq!(scope(&alone).await, "requiresAdditionalAuth");
    alone.post("/refresh", json!({})).await.ok();
    assert_eq!(scope(&alone).await, "requiresAdditionalAuth", "a refresh proves nothing");
    let session = alone.totp(None, &app.code(&world), &[]).await.ok();
    assert_eq!(session["user"]["scope"], "user:basic");
}

#[tokio::test]
async fn a_session_with_nothing_left_to_stand_on_ends() {
    let world = World::new().await;
    let (page, mut passkey) = world.with_passkey(ANN).await;
    let opened = world.page().by_passkey(&mut passkey).await;
    let held = opened.step_up(&mut passkey, &["credential:unlink"]).await;
    opened.delete_passkey(&page.passkey_id().await, &held).await;
    opened.get("/users").await.refused(401, "session_ended");
    // The e-mail code of the other one still stands.
    assert_eq!(scope(&page).await, "user:basic");
}

/// With the last factor gone, an environment that demands one has nothing to raise the session by.
#[tokio::test]
async fn without_any_factor_left_a_session_owes_the_enrolment() {
    let mut must = settings();
    must.security.mfa.enrollment = Enrollment::Signup;
    let world = World::with(must).await;
    let pending = world.signed_in(ANN).await;
    let mut passkey = Authenticator::new();
    let session = pending.enrol(&mut passkey).await.ok();
    let page = pending.holding(&session);
    let held = page.step_up(&mut passkey, &["credential:unlink"]).await;
    page.delete_passkey(&page.passkey_id().await, &held).await;
    assert_eq!(scope(&page).await, "requiresAdditionalAuth");
    page.enrol(&mut Authenticator::new()).await.ok();
}

/// The removal holds the user: a session that is raised at the same time is not missed.
#[tokio::test(flavor = "multi_thread")]
async fn sessions_that_are_raised_during_the_removal_are_lowered_or_end() {
    let world = World::with(strict()).await;
    let (owner, mut passkey, app) = with_both(&world).await;
    let id = owner.passkey_id().await;
    let mut pending = Vec::new();
    for _ in 0..6 {
        let page = world.signed_in(ANN).await;
        let options = page.get("/users/passkeys/authenticate").await.ok();
        let body = passkey.assert(&options, ORIGIN);
        pending.push((page, body));
        world.deliver().await;
    }
    let held = token(&owner.totp(None, &app.code(&world), &["credential:unlink"]).await.ok());
    let mut all = tokio::task::JoinSet::new();
    for (page, body) in pending.clone() {
        all.spawn(async move {
            let reply = page.post("/users/mfa/auth/passkey", body).await;
            let raised = (reply.status == 200).then(|| page.holding(&reply.body));
            raised.unwrap_or(page)
        });
    }
    let (remover, target) = (owner.clone(), id.clone());
    let removal = tokio::spawn(async move { remover.delete_passkey(&target, &held).await });
    let pages = all.join_all().await;
    removal.await.unwrap();
    for page in pages {
        let reply = page.get("/users").await;
        assert!(reply.status == 401 || reply.body["scope"] == "requiresAdditionalAuth", "{}", reply.body);
    }
    assert_eq!(scope(&owner).await, "user:basic");
}

/// The old address is a removed credential like any other; the session that changed it stands on the new one.
#[tokio::test]
async fn a_changed_address_takes_along_what_the_old_one_opened() {
    let world = World::new().await;
    let page = world.signed_in(ANN).await;
    let other = world.signed_in(ANN).await;
    let before = token(&page.email_step_up(&world, ANN, &["vault:open"]).await.ok());
    let held = token(&page.email_step_up(&world, ANN, &["credential:update"]).await.ok());
    let begun = page.elevated(Method::PUT, "/users", Some(json!({ "email": NEW })), &held).await.ok();
    let body = json!({
        "verificationUUID": begun["emailVerification"]["verificationUUID"],
        "verificationToken": world.code(NEW).await,
    });
    let session = page.post("/emailVerifications/verify", body).await.ok();
    let page = page.holding(&session);
    other.get("/users").await.refused(401, "session_ended");
    let user = page.get("/users").await.ok();
    assert_eq!((&user["email"], &user["scope"]), (&json!(NEW), &json!("user:basic")));
    world.consume(&before, &page.user_id().await, "one").await.refused(403, "elevated_token_invalid");
    // The session goes on by the new address.
    page.enrol(&mut Authenticator::new()).await.ok();
}
