//! Sessions that still owe a second factor: how long they last, and what their tokens are worth to others.

use axum::http::Method;
use serde_json::{Value, json};
use stile_core::settings::{Enrollment, Settings, TokenAlgorithm, UserVerification};
use stile_keys::encoding::unbase64url;
use stile_keys::jws::{Algorithm, Jwk, JwsError, SigningKey, VerifyingKey, verify};
use stile_server::flows::environments;

use crate::authenticator::Authenticator;
use crate::totp_app::TotpApp;
use crate::world::{ENVIRONMENT, ORIGIN, Page, World, settings};

const ANN: &str = "ann@example.com";

fn two_factors() -> Settings {
    let mut settings = settings();
    settings.security.mfa.enabled = true;
    settings
}

fn part(token: &str, n: usize) -> Value {
    serde_json::from_slice(&unbase64url(token.split('.').nth(n).unwrap()).unwrap()).unwrap()
}

/// A user with an authenticator app, and a page on which the app's code is owed. The answer is that of the sign-in.
async fn owing(world: &World) -> (TotpApp, Page, Value) {
    let (_, app) = world.with_totp(ANN).await;
    let (page, session) = begun(world, &[]).await;
    (app, page, session)
}

/// Signs in by e-mail where a second factor is then owed.
async fn begun(world: &World, scopes: &[&str]) -> (Page, Value) {
    world.deliver().await;
    let page = world.page();
    let sent = page.post("/emailVerifications/create", json!({ "email": ANN })).await.created();
    let body = json!({ "verificationUUID": sent["verificationUUID"], "requestedScopes": scopes,
                       "verificationToken": world.code(ANN).await });
    let session = page.post("/emailVerifications/signin", body).await.ok();
    assert_eq!(session["user"]["scope"], "requiresAdditionalAuth");
    (page.holding(&session), session)
}

async fn is_over(page: &Page) {
    for (method, path) in [(Method::GET, "/users"), (Method::POST, "/refresh"), (Method::GET, "/session")] {
        let reply = page.send(method, &page.sdk(path), None, &[]).await;
        assert_eq!(reply.status, 401, "{path}: {}", reply.body);
    }
}

#[tokio::test]
async fn a_pending_session_lasts_ten_minutes() {
    let world = World::with(two_factors()).await;
    let (app, page, session) = owing(&world).await;
    for token in ["jwt", "minifiedJwt"] {
        let claims = part(session[token].as_str().unwrap(), 1);
        assert_eq!(claims["exp"], claims["iat"].as_i64().unwrap() + 600, "{token}");
        assert_eq!(session["expiresAt"], claims["exp"]);
    }
    world.advance(560);
    page.get("/users").await.ok();
    // Wrong answers keep nothing alive.
    page.totp(None, &app.wrong(&world), &[]).await.refused(422, "mfa_invalid_code");
    world.advance(40);
    is_over(&page).await;
    page.totp(None, &app.code(&world), &[]).await.refused(401, "unauthorized");
}

/// Refreshing keeps half a sign-in for an hour at most, and what it then becomes has the life of every full session.
#[tokio::test]
async fn no_refresh_carries_a_pending_session_beyond_an_hour() {
    let world = World::with(two_factors()).await;
    let (app, mut page, _) = owing(&world).await;
    let seconds =
        |page: &Page, claim: &str| part(page.bearer.as_deref().unwrap(), 1)[claim].as_i64().unwrap();
    let start = seconds(&page, "iat");
    for _ in 0..6 {
        world.advance(540);
        page = page.holding(&page.post("/refresh", json!({})).await.ok());
        assert_eq!(seconds(&page, "exp"), (seconds(&page, "iat") + 600).min(start + 3_600));
        assert_eq!(seconds(&page, "refreshExp"), start + 3_600);
    }
    world.advance(300);
    page.post("/refresh", json!({})).await.ok();
    let session = page.totp(None, &app.code(&world), &[]).await.ok();
    let full = page.holding(&session);
    assert_eq!(seconds(&full, "refreshExp"), start + 30 * 86_400, "counted from the sign-in");
    assert_eq!(seconds(&full, "exp"), seconds(&full, "iat") + 7_200);
    world.advance(7_100);
    full.get("/users").await.ok();

    let (mut page, _) = begun(&world, &[]).await;
    for _ in 0..6 {
        world.advance(540);
        page = page.holding(&page.post("/refresh", json!({})).await.ok());
    }
    world.advance(360);
    is_over(&page).await;
}

/// Settings that are shorter than that hold for half a sign-in, too.
#[tokio::test]
async fn a_pending_session_outlives_no_full_one() {
    let mut short = two_factors();
    short.security.session_idle_seconds = 120;
    short.security.session_absolute_seconds = 300;
    let world = World::with(short).await;
    let (_, mut page, _) = owing(&world).await;
    for _ in 0..2 {
        world.advance(100);
        page = page.holding(&page.post("/refresh", json!({})).await.ok());
    }
    world.advance(100);
    is_over(&page).await;
}

async fn published(page: &Page) -> Vec<Jwk> {
    serde_json::from_value(page.get("/.well-known/jwks").await.ok()["keys"].clone()).unwrap()
}

/// Whether a backend that looks at the signature alone takes the token, by the key that it names or by any other.
fn some_key_verifies(token: &str, keys: &[Jwk]) -> bool {
    let typ = part(token, 0)["typ"].as_str().unwrap().to_owned();
    let named = keys.iter().map(|key| VerifyingKey::from_jwk(key).unwrap()).collect::<Vec<_>>();
    let kid = part(token, 0)["kid"].as_str().unwrap().to_owned();
    let renamed =
        keys.iter().filter_map(|key| VerifyingKey::from_jwk(&Jwk { kid: kid.clone(), ..key.clone() }).ok());
    let any = renamed.collect::<Vec<_>>();
    verify::<Value>(token, &typ, &named).is_ok()
        || any.into_iter().any(|key| verify::<Value>(token, &typ, &[key]).is_ok())
}

/// A backend that forgets to look at the scope refuses half a sign-in all the same.
#[tokio::test]
async fn no_published_key_verifies_a_token_of_a_pending_session() {
    for algorithm in [TokenAlgorithm::Es256, TokenAlgorithm::EdDsa] {
        let mut settings = settings();
        settings.security.mfa.enrollment = Enrollment::Signup;
        settings.tokens.algorithm = algorithm;
        // Enrolling needs the token then.
        settings.recent_proof.first_factor_seconds = 0;
        let world = World::with(settings).await;
        let (page, session) = begun(&world, &["credential:link"]).await;
        let keys = published(&page).await;
        let refreshed = page.post("/refresh", json!({})).await.ok();
        let elevated = session["elevatedAccessToken"].as_str().unwrap();
        let tokens = [&session["jwt"], &session["minifiedJwt"], &refreshed["jwt"], &refreshed["minifiedJwt"]];
        for token in tokens.into_iter().map(|token| token.as_str().unwrap()).chain([elevated]) {
            assert!(!some_key_verifies(token, &keys), "{token}");
        }

        // They do what they are for: the first factor is enrolled with them, and then the keys are the published ones.
        page.get("/users/mfa/register/totp").await.refused(403, "elevated_token_required");
        let begun = page.elevated(Method::GET, "/users/mfa/register/totp", None, elevated).await.ok();
        let full = page.totp(None, &TotpApp::scan(&begun).code(&world), &["vault:open"]).await.ok();
        for token in ["jwt", "minifiedJwt", "elevatedAccessToken"] {
            assert!(some_key_verifies(full[token].as_str().unwrap(), &keys), "{token}");
        }
        let full = page.holding(&full);
        full.get("/users/sessions").await.ok();
        // The token of the sign-in ended with it.
        let answer = json!({ "id": "AA", "rawId": "AA", "type": "public-key",
                             "response": { "attestationObject": "AA", "clientDataJson": "AA" } });
        let replay = full.elevated(Method::POST, "/users/passkeys/register", Some(answer), elevated).await;
        replay.refused(403, "elevated_token_invalid");
    }
}

/// The environment's own keys, as somebody who stole them would hold them: that of full sessions, and that of pending ones.
async fn stolen_keys(world: &World) -> (SigningKey, SigningKey) {
    let row = world.app.store.signing_keys(ENVIRONMENT).await.unwrap().remove(0);
    let context: [&[u8]; 3] = [b"signing-key", ENVIRONMENT.as_bytes(), row.kid.as_bytes()];
    let pkcs8 = world.app.keys.seal.open(&context, &row.sealed).unwrap();
    let seed = world.app.keys.pending_token.tag(&[ENVIRONMENT.as_bytes(), row.kid.as_bytes()]);
    let full = SigningKey::from_pkcs8(Algorithm::Es256, &pkcs8).ok().unwrap();
    (full, SigningKey::from_seed(&seed).ok().unwrap())
}

/// Each key is good for its own sessions: the unpublished one opens nothing that is full, whatever the token says.
#[tokio::test]
async fn the_key_of_pending_sessions_opens_no_full_one() {
    let world = World::with(two_factors()).await;
    let (app, pending, _) = owing(&world).await;
    let (of_full, of_pending) = stolen_keys(&world).await;
    assert_eq!(part(pending.bearer.as_deref().unwrap(), 0)["kid"], of_pending.kid());
    let (page, _) = begun(&world, &[]).await;
    let full = page.totp(None, &app.code(&world), &["vault:open"]).await.ok();
    let elevated = full["elevatedAccessToken"].as_str().unwrap();
    let (access, full) = (part(full["minifiedJwt"].as_str().unwrap(), 1), page.holding(&full));
    let with = |page: &Page, token: String| Page { bearer: Some(token), ..page.clone() };

    with(&full, of_full.sign("at+jwt", &access).unwrap()).get("/users").await.ok();
    let forged = with(&full, of_pending.sign("at+jwt", &access).unwrap());
    for path in ["/users", "/session", "/users/mfa/methods", "/users/sessions"] {
        forged.get(path).await.refused(401, "unauthorized");
    }
    forged.post("/refresh", json!({})).await.refused(401, "unauthorized");
    let forged = of_pending.sign("elevated+jwt", &part(elevated, 1)).unwrap();
    let user = full.user_id().await;
    world.consume(&forged, &user, "1").await.refused(403, "elevated_token_invalid");
    let mut unlink = part(elevated, 1);
    unlink["scope"] = json!("credential:unlink");
    let path = format!("/users/mfa/{}", app.id);
    let forged = of_pending.sign("elevated+jwt", &unlink).unwrap();
    full.elevated(Method::DELETE, &path, None, &forged).await.refused(403, "elevated_token_invalid");
    // The other key's token of a pending session reaches what that session may reach, and no more.
    let claims = part(pending.bearer.as_deref().unwrap(), 1);
    let swapped = with(&pending, of_full.sign("at+jwt", &claims).unwrap());
    swapped.get("/users/sessions").await.refused(403, "additional_auth_required");

    // Nor is the name of one key good with the signature of the other.
    let renamed = Jwk { kid: of_full.kid().to_owned(), ..of_pending.jwk().clone() };
    let key = VerifyingKey::from_jwk(&renamed).unwrap();
    let token = of_full.sign("at+jwt", &access).unwrap();
    assert_eq!(verify::<Value>(&token, "at+jwt", &[key]), Err(JwsError::WrongAlgorithm));
    world.consume(elevated, &user, "2").await.ok();
}

/// Both kinds of keys change together: at their time, or at once.
#[tokio::test]
async fn a_rotation_replaces_the_keys_of_pending_sessions_too() {
    let world = World::with(two_factors()).await;
    let (_, app) = world.with_totp(ANN).await;
    let kid = |page: &Page| part(page.bearer.as_deref().unwrap(), 0)["kid"].as_str().unwrap().to_owned();
    let rotate = async |at_once| {
        let (store, keys) = (&world.app.store, &world.app.keys);
        environments::rotate(store, keys, world.now(), ENVIRONMENT, at_once).await.unwrap();
    };
    let (page, _) = begun(&world, &[]).await;
    let (_, old) = stolen_keys(&world).await;
    rotate(false).await;
    // The new key does not sign yet, and who was signing in goes on.
    assert_eq!(kid(&page), old.kid());
    page.get("/users").await.ok();
    world.advance(3_600);
    let (page, _) = begun(&world, &[]).await;
    assert_ne!(kid(&page), old.kid());
    let claims = part(page.bearer.as_deref().unwrap(), 1);
    let by_old = Page { bearer: Some(old.sign("at+jwt", &claims).unwrap()), ..page.clone() };
    by_old.get("/users").await.ok();
    // The old one ends with the key that it stood beside.
    world.advance(7_260);
    let (page, _) = begun(&world, &[]).await;
    let claims = part(page.bearer.as_deref().unwrap(), 1);
    let by_old = Page { bearer: Some(old.sign("at+jwt", &claims).unwrap()), ..page.clone() };
    by_old.get("/users").await.refused(401, "unauthorized");

    rotate(true).await;
    page.get("/users").await.refused(401, "unauthorized");
    let (page, _) = begun(&world, &[]).await;
    let full = page.totp(None, &app.code(&world), &[]).await.ok();
    page.holding(&full).get("/users/sessions").await.ok();
    assert_eq!(published(&page).await.len(), 1, "only keys of full sessions are published");
}

/// A security key that was enrolled without a PIN is no second factor. A thief can give it one, and from then on it says
/// that it verified its user: where a factor is owed, it still is.
#[tokio::test]
async fn a_passkey_that_learns_to_verify_its_user_later_is_no_second_factor() {
    let mut lenient = two_factors();
    lenient.passkeys.user_verification = UserVerification::Preferred;
    let world = World::with(lenient).await;
    let page = world.signed_in(ANN).await;
    let mut key = Authenticator::new();
    key.user_verified = false;
    page.enrol(&mut key).await.ok();
    page.email_step_up(&world, ANN, &[]).await.ok();
    let app = page.begin_totp().await;
    page.totp(Some(&app.id), &app.code(&world), &[]).await.ok();

    key.user_verified = true;
    let thief = world.page();
    let options = thief.get("/users/passkeys/signin").await.ok();
    let session = thief.post("/users/passkeys/signin", key.assert(&options, ORIGIN)).await.ok();
    assert_eq!(session["user"]["scope"], "requiresAdditionalAuth");
    let thief = thief.holding(&session);
    let again = thief.prove(&mut key, &[]).await.ok();
    assert_eq!(again["user"]["scope"], "requiresAdditionalAuth");
    thief.prove(&mut key, &["vault:open"]).await.refused(403, "mfa_required");
    thief.get("/users/sessions").await.refused(403, "additional_auth_required");

    // Where signing in asks for no factor, it does not lift the session to the user's own level either.
    world.configure(json!({ "security": { "mfa": { "enabled": false } } })).await;
    let options = thief.get("/users/passkeys/signin").await.ok();
    let session = thief.post("/users/passkeys/signin", key.assert(&options, ORIGIN)).await.ok();
    assert_eq!(session["user"]["scope"], "user:basic");
    let thief = thief.holding(&session);
    thief.put("/users", json!({ "alias": "x" })).await.refused(403, "elevated_token_required");
    let claims = part(thief.bearer.as_deref().unwrap(), 1);
    assert!(!claims["amr"].as_array().unwrap().contains(&json!("mfa")), "{claims}");
}
