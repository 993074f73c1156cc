//! Links that undo the addition of an address, under attack: opened by scanners, used twice, late, by others.

use axum::Router;
use axum::body::{Body, to_bytes};
use axum::extract::ConnectInfo;
use axum::http::{HeaderMap, Method, Request};
use serde_json::json;
use stile_core::policy::YOUNG_SECONDS;
use stile_core::{Format, Level, Proof, Session, SessionId, UserId};
use stile_keys::random;
use stile_server::delivery::Content;
use stile_store::{Mutation, sessions};
use tower::ServiceExt;

use crate::authenticator::Authenticator;
use crate::world::{ENVIRONMENT, Page, World};

const ANN: &str = "ann@example.com";
const NEW: &str = "ann@new.example";
const THIRD: &str = "ann@third.example";

/// Opens the link, or presses its button.
pub async fn browse(router: &Router, method: Method, link: &str) -> (u16, HeaderMap, String) {
    let token = link.split_once("?token=").map_or(link, |(_, token)| token);
    let (uri, body) = match method {
        Method::POST => ("/undo".to_owned(), Body::from(format!("token={token}"))),
        _ => (format!("/undo?token={token}"), Body::empty()),
    };
    let mut request = Request::builder()
        .method(method)
        .uri(uri)
        .header("content-type", "application/x-www-form-urlencoded")
        .body(body)
        .unwrap();
    request.extensions_mut().insert(ConnectInfo("203.0.113.9:5000".parse::<std::net::SocketAddr>().unwrap()));
    let (parts, body) = router.clone().oneshot(request).await.unwrap().into_parts();
    let bytes = to_bytes(body, 1 << 20).await.unwrap();
    (parts.status.as_u16(), parts.headers, String::from_utf8(bytes.to_vec()).unwrap())
}

/// The links in the notices to this address, oldest first.
async fn links(world: &World, to: &str) -> Vec<Option<String>> {
    let mails = world.mails(to).await;
    let added = mails.into_iter().filter_map(|mail| match mail {
        Content::EmailAdded { undo, .. } => Some(undo),
        _ => None,
    });
    added.collect()
}

/// A user to whose account an address was added; the link.
pub async fn with_added(world: &World) -> (Page, String) {
    let page = world.signed_in(ANN).await;
    world.advance(1);
    let token = page.email_token(world, ANN, &["credential:link"]).await;
    world.deliver().await;
    let session = page.link(world, NEW, &token).await;
    let link = links(world, ANN).await.remove(0).expect("a link to the older address");
    (page.holding(&session), link)
}

#[tokio::test]
async fn the_older_address_alone_gets_a_link_and_the_button_alone_undoes() {
    let world = World::new().await;
    let (page, link) = with_added(&world).await;
    assert!(link.starts_with("http://localhost:7845/undo?token="), "{link}");
    assert_eq!(links(&world, NEW).await, [None], "told, without a link");
    let stranger = world.signed_in(NEW).await;

    for method in [Method::GET, Method::HEAD, Method::GET] {
        let (status, headers, html) = browse(&world.router, method.clone(), &link).await;
        assert_eq!(status, 200);
        let policy = headers["content-security-policy"].to_str().unwrap();
        assert!(policy.starts_with("default-src 'none'; style-src 'nonce-"), "{policy}");
        assert!(policy.contains("form-action 'self'") && !policy.contains("script"), "{policy}");
        assert_eq!(headers["cache-control"], "no-store");
        assert_eq!(headers["referrer-policy"], "no-referrer");
        if method == Method::GET {
            assert!(html.contains("a•••@new.example") && html.contains("method=\"post\""), "{html}");
            assert!(!html.contains("<script") && !html.contains("src="));
        }
    }
    stranger.get("/users").await.ok();

    let (status, _, html) = browse(&world.router, Method::POST, &link).await;
    assert_eq!(status, 200, "{html}");
    stranger.get("/users").await.refused(401, "session_ended");
    let user = page.get("/users").await.ok();
    assert_eq!(user["verifiedCredentials"].as_array().unwrap().len(), 1);
    assert_eq!(user["email"], ANN);
    let rows = world.audit_rows().await;
    let undone = rows.iter().find(|row| row.event == "email.undone").unwrap();
    assert_eq!(undone.source.address.as_deref(), Some("203.0.113.9"));
    for to in [ANN, NEW] {
        let told = world.mails(to).await;
        assert!(told.iter().any(|mail| matches!(mail, Content::EmailUndone { .. })), "{to}");
    }
    // Once: and neither page nor button says more than that.
    for method in [Method::GET, Method::POST] {
        assert_eq!(browse(&world.router, method, &link).await.0, 404);
    }
}

#[tokio::test]
async fn a_link_lasts_seven_days() {
    let world = World::new().await;
    let (page, link) = with_added(&world).await;
    world.advance(YOUNG_SECONDS - 60);
    assert_eq!(browse(&world.router, Method::GET, &link).await.0, 200);
    world.advance(60);
    for method in [Method::GET, Method::POST] {
        assert_eq!(browse(&world.router, method, &link).await.0, 404);
    }
    let page = world.sign_in_on(page, ANN).await;
    assert_eq!(page.get("/users").await.ok()["verifiedCredentials"].as_array().unwrap().len(), 2);
}

/// Of any number of presses at once one undoes.
#[tokio::test(flavor = "multi_thread")]
async fn a_link_is_used_once() {
    let world = World::new().await;
    let (_, link) = with_added(&world).await;
    let mut presses = tokio::task::JoinSet::new();
    for _ in 0..8 {
        let (router, link) = (world.router.clone(), link.clone());
        presses.spawn(async move { browse(&router, Method::POST, &link).await.0 });
    }
    let statuses = presses.join_all().await;
    assert_eq!(statuses.iter().filter(|status| **status == 200).count(), 1, "{statuses:?}");
    assert_eq!(world.audit().await.iter().filter(|event| *event == "email.undone").count(), 1);
}

#[tokio::test]
async fn other_texts_are_no_links() {
    let world = World::new().await;
    let (page, link) = with_added(&world).await;
    let token = link.split_once("?token=").unwrap().1;
    let long = "x".repeat(4_000);
    let other = format!("{}{}", &token[..42], if token.ends_with('a') { 'b' } else { 'a' });
    for text in ["", "x", &token[1..], &other, &long, "%00", "%27%20OR%201%3D1"] {
        for method in [Method::GET, Method::POST] {
            let status = browse(&world.router, method, text).await.0;
            assert!(matches!(status, 404 | 413), "{status} {text:.60}");
        }
    }
    assert_eq!(page.get("/users").await.ok()["verifiedCredentials"].as_array().unwrap().len(), 2);
    assert!(!world.on_disk(token.as_bytes()), "the token is kept as a hash");
}

/// What was enrolled on the new address's proof goes with it, and what that let in.
#[tokio::test]
async fn what_the_new_address_enrolled_goes_with_it() {
    let world = World::new().await;
    let (owner, link) = with_added(&world).await;
    let thief = world.signed_in(NEW).await;
    let mut passkey = Authenticator::new();
    thief.enrol(&mut passkey).await.ok();
    let token = thief.step_up(&mut passkey, &["credential:link"]).await;
    thief.link(&world, THIRD, &token).await;
    let raised = world.signed_in(ANN).await;
    let elevated = raised.step_up(&mut passkey, &["vault:open"]).await;
    assert_eq!(browse(&world.router, Method::POST, &link).await.0, 200);

    let user = owner.get("/users").await.ok();
    assert_eq!(user["verifiedCredentials"].as_array().unwrap().len(), 1, "{user}");
    thief.get("/users").await.refused(401, "session_ended");
    let refused = world.consume(&elevated, &owner.user_id().await, "one").await;
    refused.refused(403, "elevated_token_invalid");
    let methods = owner.get("/users/mfa/methods").await.ok();
    assert_eq!(
        (&methods["userHasVerifiedMfaMethods"], &methods["recoveryCodesLeft"]),
        (&json!(false), &json!(0))
    );
}

/// Nor does a thief save what the address enrolled by removing a link of the chain or the address itself.
#[tokio::test]
async fn no_part_of_the_chain_saves_the_others() {
    for cut in ["the first passkey", "the address", "the address, after it added another"] {
        let world = World::new().await;
        let (owner, link) = with_added(&world).await;
        let thief = world.signed_in(NEW).await;
        let (mut first, mut second) = (Authenticator::new(), Authenticator::new());
        thief.enrol(&mut first).await.ok();
        let scopes = ["credential:link", "credential:unlink", "credential:update"];
        let token = thief.step_up(&mut first, &scopes[..1]).await;
        thief.enrol_with(&mut second, &token).await.ok();
        let token = thief.step_up(&mut second, &scopes[1..2]).await;
        match cut {
            "the first passkey" => {
                let passkeys = thief.get("/users/passkeys").await.ok();
                let ids = passkeys["passkeys"].as_array().unwrap().iter();
                let oldest = ids.min_by_key(|p| p["createdAt"].as_str().map(str::to_owned)).unwrap();
                let body = json!({ "passkeyId": oldest["id"] });
                thief.elevated(Method::DELETE, "/users/passkeys", Some(body), &token).await.no_content();
            }
            "the address" => {
                let body = json!({ "verifiedCredentialId": thief.address_id(NEW).await });
                thief.elevated(Method::POST, "/verify/unlink", Some(body), &token).await.ok();
            }
            _ => {
                let body = json!({ "verifiedCredentialId": thief.address_id(NEW).await });
                let link = thief.step_up(&mut second, &scopes[..1]).await;
                thief.link(&world, THIRD, &link).await;
                thief.elevated(Method::POST, "/verify/unlink", Some(body), &token).await.ok();
            }
        }
        assert_eq!(browse(&world.router, Method::POST, &link).await.0, 200, "{cut}");
        let user = owner.get("/users").await.ok();
        let left = user["verifiedCredentials"].as_array().unwrap();
        assert_eq!(left.len(), 1, "{cut}: {left:?}");
        assert_eq!(left[0]["email"], ANN, "{cut}");
    }
}

/// Nor when the chain leads over a second address, which the thief removes again.
#[tokio::test]
async fn an_address_in_the_middle_of_the_chain_saves_nothing() {
    let world = World::new().await;
    let (owner, undo) = with_added(&world).await;
    let thief = world.signed_in(NEW).await;
    let link = thief.email_token(&world, NEW, &["credential:link"]).await;
    thief.link(&world, THIRD, &link).await;
    world.deliver().await;
    let thief = world.signed_in(THIRD).await;
    let mut passkey = Authenticator::new();
    thief.enrol(&mut passkey).await.ok();
    let unlink = thief.step_up(&mut passkey, &["credential:unlink"]).await;
    let body = json!({ "verifiedCredentialId": thief.address_id(THIRD).await });
    thief.elevated(Method::POST, "/verify/unlink", Some(body), &unlink).await.ok();
    assert_eq!(browse(&world.router, Method::POST, &undo).await.0, 200);
    let user = owner.get("/users").await.ok();
    let left = user["verifiedCredentials"].as_array().unwrap();
    assert_eq!((left.len(), &left[0]["email"]), (1, &json!(ANN)), "{left:?}");
}

/// However many sessions the thief opened meanwhile.
#[tokio::test]
async fn a_link_undoes_in_few_steps_however_many_sessions_there_are() {
    let world = World::new().await;
    let (owner, undo) = with_added(&world).await;
    let user: UserId = owner.user_id().await.parse().unwrap();
    let credential = world.signed_in(NEW).await.address_id(NEW).await.parse().unwrap();
    let proof = Proof::code(Format::Email, credential, world.now());
    let sessions = (0..2_000).map(|_| {
        let session = Session {
            id: SessionId::new(world.now(), random::bytes()),
            level: Level::Full,
            created_at: world.now(),
            expires_at: world.now().plus_seconds(86_400),
            idle_expires_at: world.now().plus_seconds(86_400),
            sign_in_credential: credential,
            last_credential: credential,
            session_key: None,
            device_key: None,
            user_agent: String::new(),
            proofs: vec![proof],
        };
        sessions::insert(ENVIRONMENT, user, &session)
    });
    world.app.store.commit(Mutation::new(sessions)).await.unwrap();
    assert_eq!(browse(&world.router, Method::POST, &undo).await.0, 200);
    assert_eq!(world.app.store.sessions(ENVIRONMENT, user, world.now(), u32::MAX).await.unwrap().len(), 1);
}

/// A link ends with the address that it was mailed to: whoever still reads the mail of an address that was removed
/// undoes nothing.
#[tokio::test]
async fn a_link_ends_with_the_address_that_it_was_mailed_to() {
    let world = World::new().await;
    let page = world.signed_in(ANN).await;
    world.advance(1);
    let mut passkey = Authenticator::new();
    page.enrol(&mut passkey).await.ok();
    let token = page.step_up(&mut passkey, &["credential:link", "credential:unlink"]).await;
    world.deliver().await;
    page.link(&world, NEW, &token).await;
    let link = links(&world, ANN).await.remove(0).unwrap();
    let body = json!({ "verifiedCredentialId": page.address_id(ANN).await });
    page.elevated(Method::POST, "/verify/unlink", Some(body), &token).await.ok();
    for method in [Method::GET, Method::POST] {
        assert_eq!(browse(&world.router, method, &link).await.0, 404);
    }
}
