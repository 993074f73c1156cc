//! The calls of the unmodified official client, as they were observed (wire/official-client-bootstrap.md §4), and
//! the least that it needs of each answer (§3).

use axum::http::Method;
use serde_json::{Value, json};
use stile_core::settings::{Action, ActionRule, ApiVersion, Enrollment};

use crate::authenticator::Authenticator;
use crate::device::DeviceKey;
use crate::elevated::claims;
use crate::totp_app::TotpApp;
use crate::world::{ORIGIN, Page, Reply, World, settings};

/// The client: its keys, its pool of nonces, and what it keeps of a session.
struct Client<'a> {
    world: &'a World,
    page: Page,
    session_key: Option<DeviceKey>,
    device: DeviceKey,
    nonces: Vec<String>,
}

/// Optional headers of a call.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Proof {
    None,
    Device,
}
use Proof::{Device, None as No};

impl<'a> Client<'a> {
    /// Call 1: settings and nonces, before there is a session key.
    async fn start(world: &'a World) -> Self {
        let mut client = Self {
            world,
            page: world.page(),
            session_key: None,
            device: DeviceKey::new(),
            nonces: Vec::new(),
        };
        let settings =
            client.call(Method::GET, "/settings?sdkVersion=ClientSDK%2F1.27.1", None, &[], No).await.ok();
        for list in ["chains", "kyc"] {
            assert!(settings[list].is_array(), "{list}");
        }
        for object in ["design", "general", "privacy", "sdk", "security"] {
            assert!(settings[object].is_object(), "{object}");
        }
        assert_eq!(settings["security"]["auth"]["storage"], json!(["localstorage"]));
        client.fetch_nonces().await;
        client.session_key = Some(DeviceKey::new());
        client
    }

    async fn fetch_nonces(&mut self) {
        let answer = self.call(Method::GET, "/nonces?count=5", None, &[], No).await.ok();
        let nonces = answer["nonces"].as_array().unwrap();
        assert_eq!(nonces.len(), 5);
        self.nonces.extend(nonces.iter().map(|n| n.as_str().unwrap().to_owned()));
    }

    /// A call with the client's headers, after the browser's preflight for them.
    async fn call(
        &mut self,
        method: Method,
        path: &str,
        body: Option<Value>,
        more: &[(&str, &str)],
        proof: Proof,
    ) -> Reply {
        let mut headers: Vec<(String, String)> = vec![
            ("x-dyn-api-version".into(), "API/0.0.1125".into()),
            ("x-dyn-version".into(), "ClientSDK/1.27.1".into()),
            ("x-dyn-request-id".into(), "0123456789abcdef0123456789abcdef".into()),
            ("x-dyn-session-id".into(), "7f0d2c1e-0000-4000-8000-000000000000".into()),
            ("x-dynamic-platform".into(), "web".into()),
        ];
        if let Some(key) = &self.session_key {
            headers.push(("x-dyn-session-public-key".into(), key.public()));
        }
        if proof == Device {
            headers.extend(self.device.headers(&self.nonces.remove(0)));
        }
        headers.extend(more.iter().map(|(name, value)| ((*name).into(), (*value).into())));
        let headers: Vec<(&str, &str)> = headers.iter().map(|(n, v)| (n.as_str(), v.as_str())).collect();
        let path = self.page.sdk(path);
        self.preflight(&method, &path, &headers).await;
        let reply = self.page.send(method, &path, body.map(|b| b.to_string()), &headers).await;
        assert_eq!(reply.headers["access-control-allow-origin"], ORIGIN);
        reply
    }

    /// CORS as a browser asks for it (§2): no credentials, no origin but ours.
    async fn preflight(&self, method: &Method, path: &str, headers: &[(&str, &str)]) {
        let mut names: Vec<&str> = headers.iter().map(|(name, _)| *name).chain(["content-type"]).collect();
        if self.page.bearer.is_some() {
            names.push("authorization");
        }
        let asked = [
            ("access-control-request-method", method.as_str()),
            ("access-control-request-headers", &names.join(",")),
        ];
        let page = Page { bearer: None, ..self.page.clone() };
        let reply = page.send(Method::OPTIONS, path, None, &asked).await;
        reply_is_empty(&reply);
        let allowed = |name: &str| reply.headers[name].to_str().unwrap().to_lowercase();
        assert_eq!(allowed("access-control-allow-origin"), ORIGIN);
        assert!(allowed("access-control-allow-methods").contains(&method.as_str().to_lowercase()));
        let granted = allowed("access-control-allow-headers");
        for name in names {
            assert!(granted.split(", ").any(|granted| granted == name), "{name} is not granted");
        }
    }

    /// Keeps what the client keeps of a session (§3).
    fn keep(&mut self, session: &Value) {
        assert!(session["user"]["id"].is_string());
        assert!(session["user"]["verifiedCredentials"].is_array());
        let now = self.world.now().seconds();
        assert!(session["expiresAt"].as_i64().unwrap() > now, "seconds, in the future");
        assert!(session["expiresAt"].as_i64().unwrap() < now + 31 * 86_400, "not milliseconds");
        for token in ["jwt", "minifiedJwt"] {
            let claims = claims(session[token].as_str().unwrap());
            assert_eq!(claims["sid"], session["user"]["sessionId"]);
            assert_eq!(claims["exp"], session["expiresAt"]);
            assert_eq!(claims["scope"], session["user"]["scope"]);
        }
        if let Some(token) = session.get("elevatedAccessToken") {
            let claims = claims(token.as_str().unwrap());
            let scope = claims["scope"].as_str().expect("a string: a list makes the client throw");
            assert!(!scope.is_empty() && !scope.contains("  "));
            assert!(claims["exp"].as_i64().unwrap() > now);
            assert!(claims["singleUse"].is_boolean());
        }
        self.page.bearer = session["minifiedJwt"].as_str().map(str::to_owned);
    }

    /// Calls 2 and 3.
    async fn sign_in(&mut self, email: &str) -> Value {
        let sent = self
            .call(Method::POST, "/emailVerifications/create", Some(json!({ "email": email })), &[], No)
            .await
            .created();
        assert_eq!(sent["email"], email);
        let code = self.world.code(email).await;
        assert_eq!(code.len(), 6);
        let body = json!({ "verificationUUID": sent["verificationUUID"], "verificationToken": code });
        let session =
            self.call(Method::POST, "/emailVerifications/signin", Some(body), &[], Device).await.ok();
        self.keep(&session);
        let key = self.session_key.as_ref().unwrap().public();
        assert_eq!(claims(session["minifiedJwt"].as_str().unwrap())["session_public_key"], key);
        session
    }

    async fn check(&mut self, scope: &str) -> Value {
        let answer =
            self.call(Method::POST, "/stepUp/check", Some(json!({ "scope": scope })), &[], No).await.ok();
        assert!(answer["isRequired"].is_boolean());
        for credential in answer["credentials"].as_array().unwrap() {
            assert!(credential["id"].is_string() && credential["format"].is_string());
        }
        answer
    }

    /// Call 5, with the token that the client holds, if it does.
    async fn register(&mut self, authenticator: &mut Authenticator, held: Option<&str>) -> Value {
        let options = self.call(Method::GET, "/users/passkeys/register", None, &[], No).await.ok();
        for member in [
            &options["rp"]["id"],
            &options["rp"]["name"],
            &options["user"]["name"],
            &options["user"]["displayName"],
        ] {
            assert!(member.is_string(), "{options}");
        }
        assert!(!options["pubKeyCredParams"].as_array().unwrap().is_empty());
        for bytes in [&options["challenge"], &options["user"]["id"]] {
            assert!(stile_keys::encoding::unbase64url(bytes.as_str().unwrap()).is_some());
        }
        let mut body = authenticator.register(&options, ORIGIN);
        body["response"]["publicKey"] = json!("MFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAE");
        let held: Vec<_> = held.into_iter().map(|token| ("x-dyn-elevated-access-token", token)).collect();
        let session = self.call(Method::POST, "/users/passkeys/register", Some(body), &held, No).await.ok();
        self.keep(&session);
        session
    }

    /// Calls 7 and 10.
    async fn authenticate(&mut self, authenticator: &mut Authenticator, scopes: &[&str]) -> Value {
        let options = self.call(Method::GET, "/users/passkeys/authenticate", None, &[], No).await.ok();
        assert!(options["challenge"].is_string() && options["rpId"].is_string());
        assert!(options["allowCredentials"][0]["id"].is_string());
        let mut body = authenticator.assert(&options, ORIGIN);
        body["requestedScopes"] = json!(scopes);
        let session = self.call(Method::POST, "/users/mfa/auth/passkey", Some(body), &[], No).await.ok();
        self.keep(&session);
        session
    }
}

fn reply_is_empty(reply: &Reply) {
    assert_eq!(reply.status.as_u16(), 204);
    assert_eq!(reply.body, Value::Null);
}

#[tokio::test]
async fn calls_1_to_10_18_and_27() {
    let world = World::new().await;
    let mut client = Client::start(&world).await;
    let session = client.sign_in("a@example.test").await;
    assert_eq!(session["user"]["newUser"], true);
    assert_eq!(session["user"]["scope"], "user:basic");
    assert!(session.get("elevatedAccessToken").is_none());

    let answer = client.check("wallet:export").await; // 4
    assert_eq!(answer["isRequired"], true);
    assert_eq!(answer["credentials"][0]["format"], "email");

    let mut authenticator = Authenticator::new();
    client.register(&mut authenticator, None).await; // 5, moments after the sign-in

    let list = client.call(Method::GET, "/users/passkeys", None, &[], No).await.ok(); // 6
    assert_eq!(list["passkeys"].as_array().unwrap().len(), 1);
    for member in ["id", "credentialId", "createdAt", "updatedAt", "origin", "userAgent"] {
        assert!(list["passkeys"][0][member].is_string(), "{member}");
    }

    let session = client.authenticate(&mut authenticator, &["wallet:export"]).await; // 7, 8, 9
    let token = claims(session["elevatedAccessToken"].as_str().unwrap());
    assert_eq!((&token["scope"], &token["singleUse"]), (&json!("wallet:export"), &json!(true)));

    let session = client.authenticate(&mut authenticator, &["credential:link"]).await; // 10
    let held = session["elevatedAccessToken"].as_str().unwrap().to_owned();
    let mut second = Authenticator::new();
    client.register(&mut second, Some(&held)).await; // 5, with the token
    let methods = client.call(Method::GET, "/users/mfa/methods?verifiedOnly=true", None, &[], No).await.ok(); // 15
    assert_eq!(methods["userHasVerifiedMfaMethods"], true);
    assert!(methods["devices"].is_array() && methods["passkeys"].is_array());

    let user = client.call(Method::GET, "/users", None, &[], No).await.ok(); // 18
    assert_eq!(user["id"], session["user"]["id"]);
    assert_eq!(user["verifiedCredentials"].as_array().unwrap().len(), 3);

    let session = client.authenticate(&mut authenticator, &["credential:unlink"]).await; // 27
    let held = session["elevatedAccessToken"].as_str().unwrap().to_owned();
    let id =
        client.call(Method::GET, "/users/passkeys", None, &[], No).await.ok()["passkeys"][1]["id"].clone();
    let headers = [("x-dyn-elevated-access-token", held.as_str()), ("x-mfa-auth-token", "")];
    let body = Some(json!({ "passkeyId": id }));
    let reply = client.call(Method::DELETE, "/users/passkeys", body, &headers, No).await;
    reply_is_empty(&reply);
    // Without either header the client gets a text that it can show.
    let body = Some(json!({ "passkeyId": id }));
    let reply = client.call(Method::DELETE, "/users/passkeys", body, &[("x-mfa-auth-token", "")], No).await;
    assert_eq!(reply.body["error"], "Elevated access token required");
    reply.refused(403, "elevated_token_required");
}

#[tokio::test]
async fn call_25_steps_up_by_email_while_there_is_no_factor() {
    let world = World::new().await;
    let mut client = Client::start(&world).await;
    client.sign_in("a@example.test").await;
    let body = json!({ "email": "a@example.test" });
    let sent = client.call(Method::POST, "/emailVerifications/create", Some(body), &[], No).await.created();
    let code = world.code("a@example.test").await;
    let body = json!({ "verificationUUID": sent["verificationUUID"], "verificationToken": code,
                       "requestedScopes": ["wallet:sign", "credential:link"] });
    let session = client.call(Method::POST, "/emailVerifications/verify", Some(body), &[], Device).await.ok();
    assert_eq!(session["nextView"], "done");
    client.keep(&session);
    let token = claims(session["elevatedAccessToken"].as_str().unwrap());
    assert_eq!(token["scope"], "credential:link wallet:sign");
    // 11 and 5: the token is single-use, because one of its scopes is.
    assert_eq!(token["singleUse"], true);
    let held = session["elevatedAccessToken"].as_str().unwrap().to_owned();
    client.register(&mut Authenticator::new(), Some(&held)).await;
}

#[tokio::test]
async fn calls_32_34_35_and_37() {
    let world = World::new().await;
    let mut client = Client::start(&world).await;
    let session = client.sign_in("a@example.test").await;
    let sid = session["user"]["sessionId"].clone();
    let mut authenticator = Authenticator::new();
    client.register(&mut authenticator, None).await;

    // 32: no body, and a JSON content type all the same.
    let session = client.call(Method::POST, "/refresh", None, &[], Device).await.ok();
    client.keep(&session);
    assert_eq!(session["user"]["sessionId"], sid);

    // 34: after a reload, nonces with what is kept.
    client.fetch_nonces().await;

    // 35: out, whatever was held, and the settings again without a key.
    let reply =
        client.call(Method::POST, "/revoke", None, &[("x-dyn-logout-reason", "user-intent")], No).await;
    reply_is_empty(&reply);
    let old = client.page.bearer.take();
    client.session_key = None;
    client.call(Method::GET, "/settings?sdkVersion=ClientSDK%2F1.27.1", None, &[], No).await.ok();
    let page = Page { bearer: old, ..client.page.clone() };
    let reply = page.get("/users").await;
    assert!(reply.body["error"].is_string(), "an empty 401 is something else to the client");
    reply.refused(401, "session_ended");

    // 37: with a new session key, and without a device proof.
    client.session_key = Some(DeviceKey::new());
    let options = client
        .call(Method::GET, "/users/passkeys/signin?relatedOriginRpId=localhost", None, &[], No)
        .await
        .ok();
    assert!(options["challenge"].is_string());
    assert_eq!(options["rpId"], "localhost");
    let body = authenticator.assert(&options, ORIGIN);
    let session = client.call(Method::POST, "/users/passkeys/signin", Some(body), &[], No).await.ok();
    client.keep(&session);
    assert_ne!(session["user"]["sessionId"], sid);
    assert_eq!(session["user"]["newUser"], false);
    let key = client.session_key.as_ref().unwrap().public();
    assert_eq!(claims(session["minifiedJwt"].as_str().unwrap())["session_public_key"], key);

    // §7.3: `/revoke` comes after `DELETE /users` as well.
    let session = client.authenticate(&mut authenticator, &["user:delete"]).await;
    let held = session["elevatedAccessToken"].as_str().unwrap().to_owned();
    let headers = [("x-dyn-elevated-access-token", held.as_str())];
    let reply = client.call(Method::DELETE, "/users", None, &headers, No).await;
    reply_is_empty(&reply);
    let reply =
        client.call(Method::POST, "/revoke", None, &[("x-dyn-logout-reason", "user-deleted")], No).await;
    reply_is_empty(&reply);
}

impl Client<'_> {
    /// Calls 12 to 14: a code of the app, with what the client sends beside it.
    async fn totp(&mut self, mut body: Value, app: &TotpApp) -> Value {
        self.world.advance(30);
        body["code"] = json!(app.code(self.world));
        let session = self.call(Method::POST, "/users/mfa/auth/totp", Some(body), &[], No).await.ok();
        self.keep(&session);
        session
    }
}

fn held(session: &Value) -> String {
    session["elevatedAccessToken"].as_str().unwrap().to_owned()
}

/// `design.md` §6, the first development environment: step-up enforced, MFA optional.
#[tokio::test]
async fn calls_11_to_13_15_and_17_to_24() {
    let world = World::new().await;
    let mut client = Client::start(&world).await;
    client.sign_in("a@example.test").await;
    let mut passkey = Authenticator::new();
    client.register(&mut passkey, None).await;
    let session = client.authenticate(&mut passkey, &["credential:link"]).await; // 10
    let token = held(&session);
    let headers = [("x-dyn-elevated-access-token", token.as_str())];
    let begun = client.call(Method::GET, "/users/mfa/register/totp", None, &headers, No).await.ok(); // 11
    assert_eq!(begun["type"], "totp");
    assert!(begun["id"].is_string() && begun["secret"].is_string());
    let app = TotpApp::scan(&begun);
    let listed = client.call(Method::GET, "/users/mfa", None, &[], No).await.ok(); // 15, before the code
    assert_eq!(listed["devices"][0]["verifiedAt"], Value::Null);

    let body = json!({ "id": app.id, "requestedScopes": ["credential:unlink"] });
    let session = client.totp(body, &app).await; // 12
    let unlink = held(&session);
    assert_eq!(claims(&unlink)["scope"], "credential:unlink");
    assert_eq!(session["user"]["mfaBackupCodeAcknowledgement"], "pending");
    let session = client.totp(json!({}), &app).await; // 13
    assert!(session.get("elevatedAccessToken").is_none());

    let listed = client.call(Method::GET, "/users/mfa", None, &[], No).await.ok(); // 15
    assert_eq!(listed["count"], 1);
    for member in ["id", "type", "createdAt", "verifiedAt"] {
        assert!(listed["devices"][0][member].is_string(), "{member}");
    }
    for member in ["verified", "default"] {
        assert!(listed["devices"][0][member].is_boolean(), "{member}");
    }
    let methods = client.call(Method::GET, "/users/mfa/methods?verifiedOnly=true", None, &[], No).await.ok();
    assert_eq!(methods["userHasVerifiedMfaMethods"], true);
    assert_eq!(
        (methods["devices"].as_array().unwrap().len(), methods["passkeys"].as_array().unwrap().len()),
        (1, 1)
    );

    // 17: neither call has a body.
    let shown = client.call(Method::GET, "/users/mfa/recovery", None, &[], No).await.ok();
    let codes: Vec<String> = serde_json::from_value(shown["recoveryCodes"].clone()).unwrap();
    let fresh = client.call(Method::POST, "/users/mfa/recovery", None, &[], No).await.ok();
    let fresh: Vec<String> = serde_json::from_value(fresh["recoveryCodes"].clone()).unwrap();
    assert!(fresh.len() == 10 && codes.iter().all(|code| !fresh.contains(code)));

    let user = client.call(Method::GET, "/users", None, &[], No).await.ok(); // 18
    assert_eq!(user["mfaBackupCodeAcknowledgement"], "pending");
    let body = json!({ "mfaBackupCodeAcknowledgement": "complete" });
    let session = client.call(Method::PUT, "/users", Some(body), &[], No).await.ok(); // 19
    client.keep(&session);
    assert_eq!(session["user"]["mfaBackupCodeAcknowledgement"], "complete");

    let body = json!({ "code": fresh[0], "requestedScopes": ["credential:unlink"] });
    let session = client.call(Method::POST, "/users/mfa/auth/recovery", Some(body), &[], No).await.ok(); // 20
    client.keep(&session);
    assert_eq!(claims(&held(&session))["scope"], "credential:unlink");

    let path = format!("/users/mfa/{}", app.id);
    let reply = client.call(Method::PUT, &path, None, &[], No).await; // 21
    reply_is_empty(&reply);
    assert_eq!(client.check("wallet:export").await["defaultCredentialId"], json!(app.id));

    // 22: the token in its header, and an empty legacy one beside it. The token of before the recovery is none.
    let headers = [("x-dyn-elevated-access-token", unlink.as_str()), ("x-mfa-auth-token", "")];
    let reply = client.call(Method::DELETE, &path, None, &headers, No).await;
    reply.refused(403, "elevated_token_invalid");
    let token = held(&session);
    let headers = [("x-dyn-elevated-access-token", token.as_str()), ("x-mfa-auth-token", "")];
    let reply = client.call(Method::DELETE, &path, None, &headers, No).await;
    reply_is_empty(&reply);
    // 24: without either the client sends nothing; a server that is asked all the same refuses.
    let reply = client.call(Method::DELETE, &path, None, &[("x-mfa-auth-token", "")], No).await;
    assert_eq!(reply.body["error"], "Elevated access token required");
    reply.refused(403, "elevated_token_required");
}

/// The second development environment: API version 2026_01_01, action-based MFA with legacy tokens.
#[tokio::test]
async fn calls_14_16_19_and_23_at_the_old_version() {
    let mut old = settings();
    old.sdk.min_api_version = ApiVersion::V20260101;
    for action in [Action::WalletExport, Action::UserUpdate] {
        old.security.mfa.actions.push(ActionRule {
            action,
            required: true,
            token_behavior: None,
            token_expiry_seconds: None,
        });
    }
    let world = World::with(old).await;
    let mut client = Client::start(&world).await;
    client.sign_in("a@example.test").await;
    // 16: the client decides by the settings, and by this call where they name the action.
    let settings =
        client.call(Method::GET, "/settings?sdkVersion=ClientSDK%2F1.27.1", None, &[], No).await.ok();
    let mfa = &settings["security"]["mfa"];
    assert_eq!(mfa["required"], false);
    let rule = |action: &str| {
        let rules = mfa["actions"].as_array().unwrap();
        rules.iter().any(|r| r["action"] == action && r["required"] == true)
    };
    assert!(rule("wallet.waas.export") && !rule("wallet.waas.sign"));
    let path = "/users/mfa/methods?verifiedOnly=true";
    let methods = client.call(Method::GET, path, None, &[], No).await.ok();
    assert_eq!(methods["userHasVerifiedMfaMethods"], false);
    assert_eq!(client.check("wallet:sign").await["isRequired"], false);

    let app = TotpApp::scan(&client.call(Method::GET, "/users/mfa/register/totp", None, &[], No).await.ok());
    client.totp(json!({ "id": app.id }), &app).await;
    let methods = client.call(Method::GET, path, None, &[], No).await.ok();
    assert_eq!(methods["userHasVerifiedMfaMethods"], true);

    let session = client.totp(json!({ "createMfaToken": { "singleUse": true } }), &app).await; // 14
    let legacy = session["mfaToken"].as_str().unwrap().to_owned();
    let headers = [("x-mfa-auth-token", legacy.as_str())];
    let body = json!({ "mfaBackupCodeAcknowledgement": "complete" });
    client.call(Method::PUT, "/users", Some(body), &headers, No).await.ok(); // 19, with the token, which it leaves alone
    let path = format!("/users/mfa/{}", app.id);
    let reply = client.call(Method::DELETE, &path, None, &headers, No).await; // 23
    reply_is_empty(&reply);
}

/// The third development environment: account-level MFA, enrolment at sign-up.
#[tokio::test]
async fn calls_11_12_and_17_to_19_finish_a_sign_up() {
    let mut strict = settings();
    strict.security.mfa.enabled = true;
    strict.security.mfa.enrollment = Enrollment::Signup;
    let world = World::with(strict).await;
    let mut client = Client::start(&world).await;
    let session = client.sign_in("a@example.test").await;
    assert_eq!(session["user"]["scope"], "requiresAdditionalAuth");
    let sid = session["user"]["sessionId"].clone();
    client.call(Method::GET, "/users/mfa/methods?verifiedOnly=true", None, &[], No).await.ok();
    let app = TotpApp::scan(&client.call(Method::GET, "/users/mfa/register/totp", None, &[], No).await.ok());
    let session = client.totp(json!({ "id": app.id }), &app).await;
    assert_eq!(session["user"]["scope"], "user:basic");
    assert_ne!(session["user"]["sessionId"], sid);
    assert_eq!(session["user"]["mfaBackupCodeAcknowledgement"], "pending");
    client.call(Method::GET, "/users/mfa/recovery", None, &[], No).await.ok();
    let body = json!({ "mfaBackupCodeAcknowledgement": "complete" });
    let session = client.call(Method::PUT, "/users", Some(body), &[], No).await.ok();
    client.keep(&session);
    client.page.bearer = None;
    client.sign_in("a@example.test").await;
    let session = client.totp(json!({}), &app).await;
    assert_eq!(session["user"]["scope"], "user:basic");
}
