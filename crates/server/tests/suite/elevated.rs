//! Elevated tokens: what they say, how long, and that others can check them.

use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_FIXED, ED25519, RSA_PKCS1_2048_8192_SHA256, RsaPublicKeyComponents, UnparsedPublicKey,
};
use axum::http::Method;
use serde_json::{Value, json};
use stile_core::settings::{Action, ActionRule, ScopeRule, Settings, TokenAlgorithm, TokenBehavior};
use stile_keys::encoding::unbase64url;

use crate::authenticator::Authenticator;
use crate::world::{ENVIRONMENT, ORIGIN, Page, World, settings};

fn part(token: &str, n: usize) -> Value {
    let parts: Vec<&str> = token.split('.').collect();
    assert_eq!(parts.len(), 3);
    serde_json::from_slice(&unbase64url(parts[n]).unwrap()).unwrap()
}

/// A token's claims, unverified.
pub fn claims(token: &str) -> Value {
    part(token, 1)
}

/// How long a token for these scopes lives and whether it is single-use.
async fn terms(settings: Settings, scopes: &[&str]) -> (bool, i64) {
    let world = World::with(settings).await;
    let (page, mut authenticator) = world.with_passkey("ann@example.com").await;
    let claims = claims(&page.step_up(&mut authenticator, scopes).await);
    let seconds = claims["exp"].as_i64().unwrap() - claims["iat"].as_i64().unwrap();
    (claims["singleUse"].as_bool().unwrap(), seconds)
}

#[tokio::test]
async fn a_token_says_whose_it_is_for_what_and_how_it_was_earned() {
    let world = World::new().await;
    let (page, mut authenticator) = world.with_passkey("ann@example.com").await;
    let session = page.prove(&mut authenticator, &["vault:open", "credential:link"]).await.ok();
    let token = session["elevatedAccessToken"].as_str().unwrap();
    let header = part(token, 0);
    assert_eq!(header["typ"], "elevated+jwt");
    assert_eq!(header["alg"], "ES256");
    let claims = claims(token);
    assert_eq!(claims["kid"], header["kid"]);
    assert_eq!(claims["iss"], format!("localhost:7845/{ENVIRONMENT}"));
    assert_eq!(claims["aud"], ORIGIN);
    assert_eq!(claims["environment_id"], ENVIRONMENT.to_string());
    assert_eq!(claims["sub"], session["user"]["id"]);
    assert_eq!(claims["sid"], session["user"]["sessionId"]);
    assert_eq!(claims["scope"], "credential:link vault:open");
    assert_eq!(claims["singleUse"], true);
    assert_eq!(claims["amr"], json!(["hwk", "user", "mfa"]));
    let passkeys = page.get("/users/passkeys").await.ok();
    assert_eq!(claims["credential_id"], passkeys["passkeys"][0]["id"]);
    let now = world.now().seconds();
    for time in ["iat", "auth_time"] {
        assert!((0..=2).contains(&(now - claims[time].as_i64().unwrap())), "{time}");
    }
    assert_eq!(claims["exp"].as_i64().unwrap() - claims["iat"].as_i64().unwrap(), 300);
    assert!(claims["jti"].as_str().unwrap().len() >= 22, "at least 128 bits");
    let members: Vec<&String> = claims.as_object().unwrap().keys().collect();
    assert_eq!(claims["acr"], "phishing_resistant_verified");
    assert_eq!(members.len(), 16, "nothing else, least of all personal data: {members:?}");

    let other = self::claims(&page.step_up(&mut authenticator, &["vault:open"]).await);
    assert_ne!(other["jti"], claims["jti"]);
    let mut server_side = page.clone();
    server_side.origin = None;
    let options = server_side.get("/users/passkeys/authenticate").await.ok();
    let mut body = authenticator.assert(&options, ORIGIN);
    body["requestedScopes"] = json!(["vault:open"]);
    let session = server_side.post("/users/mfa/auth/passkey", body).await.ok();
    let claims = self::claims(session["elevatedAccessToken"].as_str().unwrap());
    assert_eq!(claims["aud"], "http://localhost:7845");
}

#[tokio::test]
async fn an_email_code_says_otp_and_no_more() {
    let world = World::new().await;
    let page = world.signed_in("ann@example.com").await;
    let session = page.email_step_up(&world, "ann@example.com", &["credential:link"]).await.ok();
    let claims = claims(session["elevatedAccessToken"].as_str().unwrap());
    assert_eq!(claims["amr"], json!(["otp"]));
}

#[tokio::test]
async fn scopes_have_their_default_terms_and_a_mixture_the_strictest() {
    for scope in
        ["vault:open", "wallet:export", "wallet:sign", "wallet:delegate", "wallet:delete", "wallet:restore"]
    {
        assert_eq!(terms(settings(), &[scope]).await, (true, 300), "{scope}");
    }
    for scope in ["credential:link", "credential:unlink", "credential:update", "user:update", "user:delete"] {
        assert_eq!(terms(settings(), &[scope]).await, (false, 600), "{scope}");
    }
    assert_eq!(terms(settings(), &["credential:link", "wallet:sign"]).await, (true, 300));
    assert_eq!(terms(settings(), &["credential:link", "user:delete"]).await, (false, 600));
}

#[tokio::test]
async fn settings_change_the_terms() {
    let rule = |scope: &str, token_behavior, token_expiry_seconds| ScopeRule {
        strength: None,
        max_age_seconds: None,
        scope: scope.into(),
        token_behavior,
        token_expiry_seconds,
    };
    let mut changed = settings();
    changed.scopes = vec![
        rule("vault:open", Some(TokenBehavior::TimeBound), None),
        rule("vault:look", Some(TokenBehavior::TimeBound), Some(3_600)),
        rule("vault:burn", None, Some(10)),
        rule("user:delete", Some(TokenBehavior::SingleUse), Some(60)),
        rule("wallet:export", None, Some(45)),
    ];
    changed.security.mfa.actions = vec![
        ActionRule {
            action: Action::WalletSign,
            required: true,
            token_behavior: Some(TokenBehavior::TimeBound),
            token_expiry_seconds: Some(1_200),
        },
        ActionRule {
            action: Action::UserUpdate,
            required: false,
            token_behavior: Some(TokenBehavior::SingleUse),
            token_expiry_seconds: Some(30),
        },
    ];
    for (scopes, expected) in [
        (&["vault:open"][..], (false, 600)),
        (&["vault:look"], (false, 3_600)),
        (&["vault:burn"], (true, 10)),
        (&["user:delete"], (true, 60)),
        (&["wallet:export"], (true, 45)),
        (&["wallet:sign"], (false, 1_200)),
        // A rule that is off changes nothing.
        (&["user:update"], (false, 600)),
        (&["vault:look", "user:delete"], (true, 60)),
        (&["vault:look", "vault:open"], (false, 600)),
        (&["vault:burn", "vault:look", "wallet:sign"], (true, 10)),
    ] {
        assert_eq!(terms(changed.clone(), scopes).await, expected, "{scopes:?}");
    }
}

#[tokio::test]
async fn scopes_are_known_few_and_named_once() {
    let mut many = settings();
    many.scopes.extend((0..17).map(|n| ScopeRule::new(&format!("door{n}:open"))));
    let world = World::with(many).await;
    let (page, mut authenticator) = world.with_passkey("ann@example.com").await;
    let doors: Vec<String> = (0..17).map(|n| format!("door{n}:open")).collect();
    let doors: Vec<&str> = doors.iter().map(String::as_str).collect();
    page.prove(&mut authenticator, &doors).await.refused(422, "invalid_scopes");
    page.prove(&mut authenticator, &["vault:open"; 17]).await.refused(422, "invalid_scopes");
    let token = page.step_up(&mut authenticator, &doors[..16]).await;
    assert_eq!(claims(&token)["scope"].as_str().unwrap().split(' ').count(), 16);
    let twice =
        page.step_up(&mut authenticator, &["vault:open", "user:delete", "vault:open", "user:delete"]).await;
    assert_eq!(claims(&twice)["scope"], "user:delete vault:open");
    // One unknown scope refuses the whole, and uses nothing up.
    for unknown in [
        "vault:opened",
        "",
        "vault:open user:delete",
        "console:mfa:reset",
        "business_account:wallet:remove",
        "user:basic",
        "*",
    ] {
        page.prove(&mut authenticator, &["vault:open", unknown]).await.refused(422, "invalid_scopes");
    }
    let session = page.prove(&mut authenticator, &[]).await.ok();
    assert!(session.get("elevatedAccessToken").is_none());
}

/// An independent check: the published key set, and nothing of ours but base64url.
fn verifies(jwks: &Value, token: &str) -> bool {
    let header = part(token, 0);
    let key = jwks["keys"].as_array().unwrap().iter().find(|key| key["kid"] == header["kid"]).unwrap();
    assert_eq!(key["alg"], header["alg"]);
    assert_eq!(key["use"], "sig");
    assert!(key.get("d").is_none() && key.get("p").is_none(), "no private part");
    let bytes = |name: &str| unbase64url(key[name].as_str().unwrap()).unwrap();
    let (signed, signature) = token.rsplit_once('.').unwrap();
    let signature = unbase64url(signature).unwrap();
    match (key["alg"].as_str().unwrap(), key["kty"].as_str().unwrap()) {
        ("ES256", "EC") => {
            assert_eq!(key["crv"], "P-256");
            let point = [&[4], &bytes("x")[..], &bytes("y")].concat();
            UnparsedPublicKey::new(&ECDSA_P256_SHA256_FIXED, point)
                .verify(signed.as_bytes(), &signature)
                .is_ok()
        }
        ("EdDSA", "OKP") => {
            assert_eq!(key["crv"], "Ed25519");
            UnparsedPublicKey::new(&ED25519, bytes("x")).verify(signed.as_bytes(), &signature).is_ok()
        }
        ("RS256", "RSA") => {
            let key = RsaPublicKeyComponents { n: bytes("n"), e: bytes("e") };
            key.verify(&RSA_PKCS1_2048_8192_SHA256, signed.as_bytes(), &signature).is_ok()
        }
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn tokens_of_every_algorithm_verify_against_the_published_keys() {
    for (algorithm, name) in
        [(TokenAlgorithm::Es256, "ES256"), (TokenAlgorithm::EdDsa, "EdDSA"), (TokenAlgorithm::Rs256, "RS256")]
    {
        let mut settings = settings();
        settings.tokens.algorithm = algorithm;
        let world = World::with(settings).await;
        let (page, mut authenticator) = world.with_passkey("ann@example.com").await;
        let session = page.prove(&mut authenticator, &["vault:open"]).await.ok();
        let stranger = world.page();
        for path in ["/.well-known/jwks", "/.well-known/jwks.json"] {
            let jwks = stranger.get(path).await.ok();
            let kinds =
                [("elevatedAccessToken", "elevated+jwt"), ("minifiedJwt", "at+jwt"), ("jwt", "id+jwt")];
            for (member, kind) in kinds {
                let token = session[member].as_str().unwrap();
                assert_eq!(part(token, 0)["typ"], kind);
                assert_eq!(part(token, 0)["alg"], name);
                assert!(verifies(&jwks, token), "{name} {member}");
                let (head, rest) = token.split_once('.').unwrap();
                let (payload, signature) = rest.split_once('.').unwrap();
                let swapped = format!("{head}.{}.{signature}", payload.replacen('e', "f", 1));
                assert!(!verifies(&jwks, &swapped));
            }
        }
        let token = session["elevatedAccessToken"].as_str().unwrap();
        world.consume(token, &page.user_id().await, "use-1").await.ok();
    }
}

/// Page's origins: a token is for the origin that asked, and only origins of the environment are accepted.
#[tokio::test]
async fn a_token_dies_with_the_origin_that_it_was_for() {
    let world = World::new().await;
    let (page, mut authenticator) = world.with_passkey("ann@example.com").await;
    let token = page.step_up(&mut authenticator, &["vault:open"]).await;
    let user = page.user_id().await;
    world
        .configure(
            json!({ "allowedOrigins": ["https://app.example.com"], "passkeys": { "rpId": "localhost" } }),
        )
        .await;
    world.consume(&token, &user, "use-1").await.refused(403, "elevated_token_invalid");
    let moved = Page { origin: Some("https://app.example.com".into()), ..page };
    moved.get("/users").await.refused(401, "unauthorized");
}

/// Enrolling renews a token that can be used again, and only what is left of it: a code buys no more time.
#[tokio::test]
async fn a_token_that_enrolling_renews_keeps_its_scopes_and_its_end() {
    let world = World::new().await;
    let page = world.signed_in("ann@example.com").await;
    let session =
        page.email_step_up(&world, "ann@example.com", &["credential:link", "user:delete"]).await.ok();
    let held = session["elevatedAccessToken"].as_str().unwrap().to_owned();
    world.advance(400);
    let mut authenticator = Authenticator::new();
    let register = "/users/passkeys/register";
    let body = authenticator.register(&page.get(register).await.ok(), ORIGIN);
    let session = page.elevated(Method::POST, register, Some(body), &held).await.ok();
    let renewed = session["elevatedAccessToken"].as_str().unwrap();
    let (old, new) = (claims(&held), claims(renewed));
    assert_eq!(new["scope"], old["scope"]);
    assert!(new["exp"].as_i64().unwrap() <= old["exp"].as_i64().unwrap());
    assert_eq!(new["amr"], json!(["hwk", "user", "mfa"]));
    assert_ne!(new["credential_id"], old["credential_id"]);
    page.elevated(Method::DELETE, "/users", None, &held).await.refused(403, "elevated_token_invalid");
    world.advance(200);
    page.elevated(Method::DELETE, "/users", None, renewed).await.refused(403, "elevated_token_expired");
}
