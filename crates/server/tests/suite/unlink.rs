//! Removing addresses, and what a young address may not remove.

use axum::http::Method;
use serde_json::{Value, json};
use stile_core::policy::YOUNG_SECONDS;
use stile_server::delivery::{By, Letter};

use crate::authenticator::Authenticator;
use crate::world::{ENVIRONMENT, Page, Reply, World};

const ANN: &str = "ann@example.com";
const NEW: &str = "ann@new.example";
const BOB: &str = "bob@example.com";
const UNLINK: &str = "/verify/unlink";

async fn unlink(page: &Page, id: &str, token: &str) -> Reply {
    page.elevated(Method::POST, UNLINK, Some(json!({ "verifiedCredentialId": id })), token).await
}

/// A user with an old address and one that was just added by it.
async fn with_two(world: &World) -> Page {
    let page = world.signed_in(ANN).await;
    world.advance(1);
    let token = page.email_token(world, ANN, &["credential:link"]).await;
    let session = page.link(world, NEW, &token).await;
    world.deliver().await;
    page.holding(&session)
}

#[tokio::test]
async fn an_added_address_is_removed_with_what_it_opened() {
    let world = World::new().await;
    let page = with_two(&world).await;
    let stranger = world.signed_in(NEW).await;
    let both = world.signed_in(ANN).await;
    both.email_token(&world, NEW, &["vault:open"]).await;
    let held = page.email_token(&world, NEW, &["vault:open"]).await;
    let token = page.email_token(&world, ANN, &["credential:unlink"]).await;
    world.deliver().await;

    let session = unlink(&page, &page.address_id(NEW).await, &token).await.ok();
    assert_eq!(session["user"]["email"], ANN);
    assert_eq!(session["user"]["verifiedCredentials"].as_array().unwrap().len(), 1);
    assert!(session["minifiedJwt"].is_string() && session["jwt"].is_string());
    page.holding(&session).get("/users").await.ok();
    stranger.get("/users").await.refused(401, "session_ended");
    both.get("/users").await.ok();
    world.consume(&held, &page.user_id().await, "one").await.refused(403, "elevated_token_invalid");
    for to in [ANN, NEW] {
        assert_eq!(world.mails(to).await.len(), 1, "{to} is told");
    }
    assert!(world.audit().await.iter().any(|event| event == "email.unlinked"));
    // It is nobody's now: the next who signs in with it is another.
    world.deliver().await;
    assert_ne!(world.signed_in(NEW).await.user_id().await, page.user_id().await);
}

#[tokio::test]
async fn removing_needs_a_step_up_for_just_that() {
    let world = World::new().await;
    let page = with_two(&world).await;
    let id = page.address_id(NEW).await;
    page.post(UNLINK, json!({ "verifiedCredentialId": id })).await.refused(403, "elevated_token_required");
    let other = page.email_token(&world, ANN, &["credential:link", "credential:update"]).await;
    unlink(&page, &id, &other).await.refused(403, "elevated_token_invalid");
    let of_another_session =
        world.signed_in(ANN).await.email_token(&world, ANN, &["credential:unlink"]).await;
    unlink(&page, &id, &of_another_session).await.refused(403, "elevated_token_invalid");
    assert_eq!(page.address_id(NEW).await, id);
}

#[tokio::test]
async fn what_is_not_an_address_of_the_user_is_refused() {
    let world = World::new().await;
    let page = with_two(&world).await;
    let bob = world.signed_in(BOB).await;
    let (id, foreign) = (page.address_id(NEW).await, bob.address_id(BOB).await);
    let own = page.address_id(ANN).await;
    let token = page.email_token(&world, ANN, &["credential:unlink"]).await;
    let bodies = [
        json!({}),
        json!({ "verifiedCredentialId": "" }),
        json!({ "verifiedCredentialId": "x".repeat(60_000) }),
        json!({ "verifiedCredentialId": format!("{id}x") }),
        json!({ "verifiedCredentialId": foreign }),
        json!({ "verifiedCredentialId": id, "verifiedCrentialId": own }),
        json!({ "walletId": "5711e000-0000-4000-8000-000000000009" }),
        json!({ "verifiedCredentialId": id, "walletId": own }),
        json!({ "verifiedCredentialId": id, "primaryWalletId": own }),
    ];
    for body in bodies {
        let reply = page.elevated(Method::POST, UNLINK, Some(body), &token).await;
        reply.refused(422, "invalid_unlink_request");
    }
    for body in [json!({ "id": id }), json!("x"), json!({ "verifiedCredentialId": 1 })] {
        page.elevated(Method::POST, UNLINK, Some(body), &token).await.refused(400, "invalid_body");
    }
    assert_eq!(bob.address_id(BOB).await, foreign);
    // The contract's other spelling, and an id with a suffix.
    let body = json!({ "verifiedCrentialId": format!("{id}-zerodev") });
    page.elevated(Method::POST, UNLINK, Some(body), &token).await.ok();
}

#[tokio::test]
async fn passkeys_are_removed_by_their_own_operation() {
    let world = World::new().await;
    let (page, mut passkey) = world.with_passkey(ANN).await;
    let id = page.get("/users/passkeys").await.ok()["passkeys"][0]["id"].clone();
    let token = page.step_up(&mut passkey, &["credential:unlink"]).await;
    unlink(&page, id.as_str().unwrap(), &token).await.refused(422, "invalid_unlink_request");
}

/// In every round one of two parallel removals leaves the other address.
#[tokio::test(flavor = "multi_thread")]
async fn the_last_way_in_is_never_removed() {
    let world = World::new().await;
    let page = world.signed_in(ANN).await;
    let token = page.email_token(&world, ANN, &["credential:unlink"]).await;
    let only = page.address_id(ANN).await;
    unlink(&page, &only, &token).await.refused(422, "cannot_delete_last_sign_in_verified_credential");

    let world = World::new().await;
    world.configure(json!({ "sdk": { "preventOrphanedAccounts": false } })).await;
    let page = with_two(&world).await;
    world.advance(YOUNG_SECONDS);
    let page = world.sign_in_on(page, ANN).await;
    let user = page.user_id().await.parse().unwrap();
    let token = page.email_token(&world, ANN, &["credential:unlink"]).await;
    let mut all = tokio::task::JoinSet::new();
    for id in [page.address_id(ANN).await, page.address_id(NEW).await] {
        let (page, token) = (page.clone(), token.clone());
        all.spawn(async move { unlink(&page, &id, &token).await.status.as_u16() });
    }
    let replies = all.join_all().await;
    assert_eq!(replies.iter().filter(|status| **status == 200).count(), 1, "{replies:?}");
    let account = world.app.store.account(ENVIRONMENT, user).await.unwrap().unwrap();
    assert_eq!(account.credentials.len(), 1);
}

/// When the main address goes, the oldest other one takes its place; the session that stood on the old one alone ends.
#[tokio::test]
async fn the_main_address_moves() {
    let world = World::new().await;
    let page = with_two(&world).await;
    world.advance(YOUNG_SECONDS);
    let page = world.sign_in_on(page, NEW).await;
    let token = page.email_token(&world, NEW, &["credential:unlink"]).await;
    let session = unlink(&page, &page.address_id(ANN).await, &token).await.ok();
    assert_eq!((&session["user"]["email"], &session["user"]["scope"]), (&json!(NEW), &json!("user:basic")));
    page.holding(&session).get("/users").await.ok();
}

/// A session that removes the address by which alone it was signed in has nothing left to stand on: its answer says that
/// it is over.
#[tokio::test]
async fn a_session_that_removes_its_own_ground_ends() {
    let world = World::new().await;
    with_two(&world).await;
    let page = world.signed_in(NEW).await;
    let token = page.email_token(&world, NEW, &["credential:unlink"]).await;
    let session = unlink(&page, &page.address_id(NEW).await, &token).await.ok();
    assert!(session["expiresAt"].as_i64().unwrap() <= world.now().seconds());
    page.get("/users").await.refused(401, "session_ended");
    assert_eq!(page.holding(&session).get("/users").await.status, 401);
}

/// The answer's tokens live no longer than the one that was sent: a stolen bearer does not prolong itself.
#[tokio::test]
async fn removing_prolongs_no_session() {
    let world = World::new().await;
    let page = with_two(&world).await;
    let before = page.get("/users").await.ok();
    let token = page.email_token(&world, ANN, &["credential:unlink"]).await;
    let sent = crate::elevated::claims(page.bearer.as_ref().unwrap())["exp"].as_i64().unwrap();
    world.advance(60);
    let session = unlink(&page, &page.address_id(NEW).await, &token).await.ok();
    assert!(session["expiresAt"].as_i64().unwrap() <= sent);
    assert_eq!(session["user"]["id"], before["id"]);
}

/// For seven days a young address confirms no removal and no change of an older credential, nor the end of the
/// account.
#[tokio::test]
async fn a_young_address_removes_nothing_that_is_older() {
    for (age, young) in [(YOUNG_SECONDS - 100, true), (YOUNG_SECONDS + 1, false)] {
        let world = World::new().await;
        let owner = with_two(&world).await;
        let old = owner.address_id(ANN).await;
        world.advance(age);
        let thief = world.signed_in(NEW).await;
        let scopes = ["credential:unlink", "credential:update", "user:delete"];
        let token = thief.email_token(&world, NEW, &scopes).await;
        let change = Some(json!({ "email": "eve@example.com" }));
        if young {
            unlink(&thief, &old, &token).await.refused(403, "address_too_new");
            thief.elevated(Method::PUT, "/users", change, &token).await.refused(403, "address_too_new");
            thief.elevated(Method::DELETE, "/users", None, &token).await.refused(403, "address_too_new");
            // By the older one it works, in the same session.
            let token = thief.email_token(&world, ANN, &["credential:unlink"]).await;
            unlink(&thief, &old, &token).await.ok();
        } else {
            thief.elevated(Method::PUT, "/users", change, &token).await.ok();
            unlink(&thief, &old, &token).await.ok();
        }
    }
}

/// What is younger than the proof may go by it, and so may the young address itself.
#[tokio::test]
async fn a_young_address_removes_what_is_younger() {
    let world = World::new().await;
    with_two(&world).await;
    let page = world.signed_in(NEW).await;
    world.advance(1);
    let link = page.email_token(&world, NEW, &["credential:link"]).await;
    page.link(&world, "third@example.com", &link).await;
    let token = page.email_token(&world, NEW, &["credential:unlink"]).await;
    unlink(&page, &page.address_id("third@example.com").await, &token).await.ok();
    unlink(&page, &page.address_id(NEW).await, &token).await.ok();
}

/// A factor that a young address enrolled is as young: else it would do in the address's place.
#[tokio::test]
async fn a_factor_that_a_young_address_enrolled_is_as_young() {
    let world = World::new().await;
    let owner = with_two(&world).await;
    let old = owner.address_id(ANN).await;
    let young = owner.address_id(NEW).await;
    let thief = world.signed_in(NEW).await;
    let mut passkey = Authenticator::new();
    thief.enrol(&mut passkey).await.ok();
    let scopes = ["credential:unlink", "credential:update", "user:delete"];
    let token = thief.step_up(&mut passkey, &scopes).await;
    unlink(&thief, &old, &token).await.refused(403, "address_too_new");
    // Not even when the address that enrolled it has gone.
    unlink(&thief, &young, &token).await.ok();
    let thief = world.signed_in(ANN).await;
    let token = thief.step_up(&mut passkey, &scopes).await;
    unlink(&thief, &old, &token).await.refused(403, "address_too_new");
    thief.elevated(Method::DELETE, "/users", None, &token).await.refused(403, "address_too_new");
}

/// A factor that the owner enrolled by the old address is held up by nothing.
#[tokio::test]
async fn a_factor_that_an_old_address_enrolled_removes_what_it_likes() {
    let world = World::new().await;
    with_two(&world).await;
    let page = world.signed_in(ANN).await;
    let mut passkey = Authenticator::new();
    page.enrol(&mut passkey).await.ok();
    for address in [NEW, ANN] {
        let token = page.step_up(&mut passkey, &["credential:unlink"]).await;
        unlink(&page, &page.address_id(address).await, &token).await.ok();
    }
}

/// Whoever replaces a passkey by another waits for nothing: no young address is behind either.
#[tokio::test]
async fn a_passkey_that_replaced_another_removes_what_it_likes() {
    let world = World::new().await;
    let page = world.signed_in(ANN).await;
    world.advance(1);
    let (mut first, mut second) = (Authenticator::new(), Authenticator::new());
    page.enrol(&mut first).await.ok();
    let old = page.get("/users/passkeys").await.ok()["passkeys"][0]["id"].clone();
    world.advance(8 * 86_400);
    let page = world.signed_in(ANN).await;
    let token = page.step_up(&mut first, &["credential:link"]).await;
    page.enrol_with(&mut second, &token).await.ok();
    let token = page.step_up(&mut second, &["credential:unlink"]).await;
    let body = json!({ "passkeyId": old });
    page.elevated(Method::DELETE, "/users/passkeys", Some(body), &token).await.no_content();
    let token = page.step_up(&mut second, &["user:delete"]).await;
    page.elevated(Method::DELETE, "/users", None, &token).await.no_content();
}

/// The step-up check offers what will do first.
#[tokio::test]
async fn the_check_offers_a_young_address_last() {
    let world = World::new().await;
    with_two(&world).await;
    let page = world.signed_in(NEW).await;
    let (old, young) = (page.address_id(ANN).await, page.address_id(NEW).await);
    let check = page.post("/stepUp/check", json!({ "scope": "credential:unlink" })).await.ok();
    let ids: Vec<&Value> = check["credentials"].as_array().unwrap().iter().map(|c| &c["id"]).collect();
    assert_eq!(ids, [&json!(old), &json!(young)]);
    assert_eq!(check["defaultCredentialId"], json!(old));
    let check = page.post("/stepUp/check", json!({ "scope": "vault:open" })).await.ok();
    assert_eq!(check["defaultCredentialId"], json!(young), "other scopes are not touched by this");
}

/// A recent proof by a young address is none for this either, where the environment accepts recent proofs.
#[tokio::test]
async fn a_recent_proof_by_a_young_address_does_not_stand_in() {
    let world = World::new().await;
    world.configure(json!({ "recentProof": { "unlinkSeconds": 300 } })).await;
    let owner = with_two(&world).await;
    let old = owner.address_id(ANN).await;
    let thief = world.signed_in(NEW).await;
    thief.post(UNLINK, json!({ "verifiedCredentialId": old })).await.refused(403, "address_too_new");
    let ann = world.signed_in(ANN).await;
    ann.post(UNLINK, json!({ "verifiedCredentialId": ann.address_id(NEW).await })).await.ok();
}

/// Notices name the session that did it.
#[tokio::test]
async fn a_notice_names_the_session() {
    let world = World::new().await;
    let mut page = world.page();
    page.headers.push(("user-agent".into(), "Firefox".into()));
    let page = world.sign_in_on(page, ANN).await;
    world.advance(60);
    world.deliver().await;
    page.enrol(&mut Authenticator::new()).await.ok();
    let due = world.app.store.due_mail(world.now()).await.unwrap();
    let letters: Vec<_> = due.iter().map(|slot| Letter::open(&world.app.keys, &slot.mail).unwrap()).collect();
    assert_eq!(letters.len(), 1);
    let By { browser, opened_at } = letters[0].by.as_ref().unwrap();
    assert_eq!(browser, "Firefox");
    assert!(world.now().seconds_since(*opened_at) >= 60, "when it was opened, not when it was used");
}

/// A user with a second factor decides that further addresses do not sign in.
#[tokio::test]
async fn further_addresses_do_not_sign_in_where_the_user_says_so() {
    let world = World::new().await;
    let plain = world.signed_in(BOB).await;
    plain.put("/users", json!({ "furtherEmailsSignIn": false })).await.refused(422, "invalid_update");

    let (page, mut passkey) = world.with_passkey(ANN).await;
    let said = page.put("/users", json!({ "furtherEmailsSignIn": false })).await.ok();
    assert_eq!(said["user"]["furtherEmailsSignIn"], false);
    let token = page.step_up(&mut passkey, &["credential:link"]).await;
    world.deliver().await;
    page.link(&world, NEW, &token).await;
    let sent = world.page().post("/emailVerifications/create", json!({ "email": NEW })).await.created();
    let body =
        json!({ "verificationUUID": sent["verificationUUID"], "verificationToken": world.code(NEW).await });
    let refused = world.page().post("/emailVerifications/signin", body).await;
    refused.refused(422, "credential_not_enabled_for_sign_in");
    // Only who has just proved a factor changes that: a session of the first factor alone does not.
    let weak = world.signed_in(ANN).await;
    weak.put("/users", json!({ "furtherEmailsSignIn": true })).await.refused(403, "recent_mfa_required");
    page.put("/users", json!({ "furtherEmailsSignIn": true })).await.ok();
    world.advance(601);
    page.put("/users", json!({ "furtherEmailsSignIn": false })).await.refused(403, "recent_mfa_required");
}
