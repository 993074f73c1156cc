//! Access tokens under attack: forged, altered, of another kind, of another key.

use aws_lc_rs::hmac;
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair};
use serde_json::{Value, json};
use stile_keys::encoding::{base64url, unbase64url};
use stile_keys::jws::{Algorithm, SigningKey};
use stile_server::flows::environments;

use crate::world::{ENVIRONMENT, OTHER_ENVIRONMENT, Page, Reply, World};

const ANN: &str = "ann@example.com";

fn part(token: &str, n: usize) -> Value {
    serde_json::from_slice(&unbase64url(token.split('.').nth(n).unwrap()).unwrap()).unwrap()
}

fn unsigned(header: &Value, claims: &Value) -> String {
    format!("{}.{}", base64url(header.to_string().as_bytes()), base64url(claims.to_string().as_bytes()))
}

async fn with(page: &Page, token: &str) -> Reply {
    Page { bearer: Some(token.into()), ..page.clone() }.get("/users").await
}

async fn refused(page: &Page, token: &str, what: &str) {
    let reply = with(page, token).await;
    assert_eq!((reply.status.as_u16(), reply.code()), (401, "unauthorized"), "{what}");
}

/// RFC 8725 §2.1, §3.1; CVE-2026-25537, CVE-2020-26160.
#[tokio::test]
async fn no_token_is_taken_but_one_that_this_environment_signed() {
    let world = World::new().await;
    let page = world.signed_in(ANN).await;
    let token = page.bearer.clone().unwrap();
    let (header, claims) = (part(&token, 0), part(&token, 1));
    let jwks = page.get("/.well-known/jwks").await.ok();
    let kid = header["kid"].clone();

    for alg in ["none", "None", "NONE", ""] {
        let header = json!({ "alg": alg, "kid": kid, "typ": "at+jwt" });
        refused(&page, &format!("{}.", unsigned(&header, &claims)), alg).await;
        refused(&page, &unsigned(&header, &claims), alg).await;
    }
    // The public key as a shared secret, in each form that a confused library would take.
    let key = &jwks["keys"][0];
    let point = [
        &[4][..],
        &unbase64url(key["x"].as_str().unwrap()).unwrap(),
        &unbase64url(key["y"].as_str().unwrap()).unwrap(),
    ]
    .concat();
    for secret in [point.as_slice(), key.to_string().as_bytes(), kid.as_str().unwrap().as_bytes(), b""] {
        let text = unsigned(&json!({ "alg": "HS256", "kid": kid, "typ": "at+jwt" }), &claims);
        let tag = hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, secret), text.as_bytes());
        refused(&page, &format!("{text}.{}", base64url(tag.as_ref())), "HS256").await;
    }
    // A key of the attacker's: under its own name, under ours, and brought along in the header.
    let (own, _) = SigningKey::generate(Algorithm::Es256).unwrap();
    refused(&page, &own.sign("at+jwt", &claims).unwrap(), "unknown kid").await;
    let pair = EcdsaKeyPair::generate(&ECDSA_P256_SHA256_FIXED_SIGNING).unwrap();
    for header in [
        header.clone(),
        json!({ "alg": "ES256", "kid": kid, "typ": "at+jwt", "jwk": own.jwk() }),
        json!({ "alg": "ES256", "typ": "at+jwt", "jwk": own.jwk() }),
        json!({ "alg": "ES256", "kid": kid, "typ": "at+jwt", "jku": "https://evil.example/jwks" }),
        json!({ "alg": "ES256", "kid": "../../etc/passwd", "typ": "at+jwt" }),
    ] {
        let text = unsigned(&header, &claims);
        let signature = pair.sign(&SystemRandom::new(), text.as_bytes()).unwrap();
        refused(&page, &format!("{text}.{}", base64url(signature.as_ref())), &header.to_string()).await;
    }
    with(&page, &token).await.ok();
}

#[tokio::test]
async fn an_altered_token_is_none() {
    let world = World::new().await;
    let page = world.signed_in(ANN).await;
    let token = page.bearer.clone().unwrap();
    let mut claims = part(&token, 1);
    claims["scope"] = "user:basic credential:link".into();
    let parts: Vec<&str> = token.split('.').collect();
    let swapped = format!("{}.{}.{}", parts[0], base64url(claims.to_string().as_bytes()), parts[2]);
    let mut signature = unbase64url(parts[2]).unwrap();
    signature[0] ^= 1;
    for (what, altered) in [
        ("claims", swapped),
        ("signature", format!("{}.{}.{}", parts[0], parts[1], base64url(&signature))),
        ("no signature", format!("{}.{}.", parts[0], parts[1])),
        ("half a signature", format!("{}.{}.{}", parts[0], parts[1], &parts[2][..43])),
        ("zeros", format!("{}.{}.{}", parts[0], parts[1], base64url(&[0; 64]))),
        ("four parts", format!("{token}.x")),
        ("padded", format!("{token}==")),
        ("cut", token[..token.len() - 1].to_owned()),
        ("huge", format!("{}.{}", "A".repeat(40_000), parts[2])),
        ("dots", ".".repeat(5_000)),
    ] {
        refused(&page, &altered, what).await;
    }
    for scheme in ["Basic", "DPoP", "Bearerx", ""] {
        let anonymous = Page { bearer: None, ..page.clone() };
        let value = format!("{scheme} {token}");
        let reply = anonymous
            .send(axum::http::Method::GET, &page.sdk("/users"), None, &[("authorization", &value)])
            .await;
        reply.refused(401, "unauthorized");
    }
}

/// Invariant 8, RFC 8725 §3.11: each kind has its own type, and none passes as another.
#[tokio::test]
async fn tokens_of_one_kind_are_none_of_another() {
    let world = World::new().await;
    let (page, mut passkey) = world.with_passkey(ANN).await;
    let session = page.post("/refresh", json!({})).await.ok();
    let identity = session["jwt"].as_str().unwrap();
    let access = session["minifiedJwt"].as_str().unwrap();
    let elevated = page.step_up(&mut passkey, &["user:delete"]).await;
    refused(&page, identity, "identity").await;
    refused(&page, &elevated, "elevated").await;
    refused(&page, &world.api_token, "API token").await;
    for token in [access, identity, world.api_token.as_str()] {
        let reply = page.elevated(axum::http::Method::DELETE, "/users", None, token).await;
        reply.refused(403, "elevated_token_invalid");
        let user = page.user_id().await;
        world.consume(token, &user, "1").await.refused(403, "elevated_token_invalid");
    }
    assert_eq!(part(access, 0)["typ"], "at+jwt");
    assert_eq!(part(identity, 0)["typ"], "id+jwt");
    assert_eq!(part(&elevated, 0)["typ"], "elevated+jwt");
}

/// CVE-2026-25537: a token that has ended, and one of another environment that was signed as well as ours.
#[tokio::test]
async fn an_expired_or_foreign_token_is_none() {
    let world = World::new().await;
    let page = world.signed_in(ANN).await;
    let elsewhere = Page { environment: OTHER_ENVIRONMENT, ..page.clone() };
    elsewhere.get("/users").await.refused(401, "unauthorized");
    world.advance(7_140);
    page.get("/users").await.ok();
    world.advance(60);
    page.get("/users").await.refused(401, "unauthorized");
}

/// The environment's own key, as somebody who stole it would hold it.
async fn stolen_key(world: &World) -> SigningKey {
    let row = world.app.store.signing_keys(ENVIRONMENT).await.unwrap().pop().unwrap();
    let context: [&[u8]; 3] = [b"signing-key", ENVIRONMENT.as_bytes(), row.kid.as_bytes()];
    let pkcs8 = world.app.keys.seal.open(&context, &row.sealed).unwrap();
    SigningKey::from_pkcs8(Algorithm::Es256, &pkcs8).unwrap()
}

/// Even with the right key: claims that are missing or of another type are refused, and those of another environment,
/// server, page or time.
#[tokio::test]
async fn claims_are_checked_after_the_signature() {
    let world = World::new().await;
    let page = world.signed_in(ANN).await;
    let key = stolen_key(&world).await;
    let good = part(page.bearer.as_deref().unwrap(), 1);
    with(&page, &key.sign("at+jwt", &good).unwrap()).await.ok();
    for (name, value) in [
        ("exp", json!("9999999999")),
        ("exp", Value::Null),
        ("exp", json!(0)),
        ("exp", json!(1e300)),
        ("iat", json!(world.now().seconds() + 3_600)),
        ("aud", json!(["http://localhost:3000"])),
        ("aud", json!("https://evil.example")),
        ("aud", json!("")),
        ("iss", json!(format!("evil.example/{ENVIRONMENT}"))),
        ("iss", json!(format!("localhost:7845/{OTHER_ENVIRONMENT}"))),
        ("environment_id", json!(OTHER_ENVIRONMENT.to_string())),
        ("sub", json!("00000000-0000-4000-8000-000000000000")),
        ("sid", json!("x")),
        ("sid", json!(["x"])),
    ] {
        let mut claims = good.clone();
        claims[name] = value.clone();
        refused(&page, &key.sign("at+jwt", &claims).unwrap(), &format!("{name} {value}")).await;
        claims.as_object_mut().unwrap().remove(name);
        refused(&page, &key.sign("at+jwt", &claims).unwrap(), &format!("no {name}")).await;
    }
    // The scope of a token is for the app; here the session's own level decides.
    let mut claims = good;
    claims["scope"] = "everything".into();
    let user = with(&page, &key.sign("at+jwt", &claims).unwrap()).await.ok();
    assert_eq!(user["scope"], "user:basic");
}

async fn kids(page: &Page) -> Vec<String> {
    let jwks = page.get("/.well-known/jwks.json").await.ok();
    jwks["keys"].as_array().unwrap().iter().map(|key| key["kid"].as_str().unwrap().to_owned()).collect()
}

async fn signs(world: &World) -> String {
    world.deliver().await;
    let page = world.signed_in(ANN).await;
    part(page.bearer.as_deref().unwrap(), 0)["kid"].as_str().unwrap().to_owned()
}

/// ASVS 11.1.1: keys change without anybody being signed out, and the old one ends at its time.
#[tokio::test]
async fn a_rotated_key_is_published_before_it_signs_and_the_old_one_runs_out() {
    let world = World::new().await;
    let page = world.signed_in(ANN).await;
    let old = kids(&page).await.pop().unwrap();
    let stolen = stolen_key(&world).await;
    let app = &world.app;
    let (new, _) =
        environments::rotate(&app.store, &app.keys, world.now(), ENVIRONMENT, false).await.unwrap();
    page.get("/users").await.ok();
    let mut published = kids(&page).await;
    published.sort();
    let mut both = vec![old.clone(), new.clone()];
    both.sort();
    assert_eq!(published, both);
    assert_eq!(signs(&world).await, old);
    world.advance(3_600);
    assert_eq!(signs(&world).await, new);
    page.get("/users").await.ok();
    // Past the life of the last token that it signed, the old key is worth nothing: not to a thief either, and without
    // a restart or a sweep.
    world.advance(7_260);
    assert_eq!(kids(&page).await, [new.as_str()]);
    world.deliver().await;
    let fresh = world.signed_in(ANN).await;
    let claims = part(fresh.bearer.as_deref().unwrap(), 1);
    refused(&fresh, &stolen.sign("at+jwt", &claims).unwrap(), "a retired key").await;
    fresh.get("/users").await.ok();
}

#[tokio::test]
async fn a_key_that_is_replaced_at_once_is_refused_at_once() {
    let world = World::new().await;
    let (page, mut passkey) = world.with_passkey(ANN).await;
    let elevated = page.step_up(&mut passkey, &["vault:open"]).await;
    let user = page.user_id().await;
    let app = &world.app;
    let (new, _) = environments::rotate(&app.store, &app.keys, world.now(), ENVIRONMENT, true).await.unwrap();
    page.get("/users").await.refused(401, "unauthorized");
    world.consume(&elevated, &user, "1").await.refused(403, "elevated_token_invalid");
    assert_eq!(kids(&page).await, [new.as_str()]);
    assert_eq!(signs(&world).await, new);
}
