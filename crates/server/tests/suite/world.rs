//! A server of its own for each test, and pages that talk to it.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex};

use axum::Router;
use axum::body::{Body, to_bytes};
use axum::extract::ConnectInfo;
use axum::http::{HeaderMap, Method, Request, StatusCode};
use serde_json::{Value, json};
use stile_core::origin::OriginPattern;
use stile_core::settings::{Kind, Rate, ScopeRule, Settings};
use stile_core::{EnvironmentId, Micros};
use stile_keys::{Keyring, MasterKey};
use stile_server::clock::Clock;
use stile_server::delivery::{Content, Letter};
use stile_server::flows::{environments, newest_totp_step, reset};
use stile_server::{Act, App, Config};
use stile_store::{AuditFilter, AuditRow, Backup, Mutation, Renewal, Store, outbox};
use tower::ServiceExt;

use crate::authenticator::Authenticator;
use crate::place::Place;

pub const ORIGIN: &str = "http://localhost:3000";
pub const ENVIRONMENT: EnvironmentId = EnvironmentId::from_bytes([7; 16]);
pub const OTHER_ENVIRONMENT: EnvironmentId = EnvironmentId::from_bytes([8; 16]);

pub struct World {
    pub app: Arc<App>,
    pub router: Router,
    pub api_token: String,
    master: MasterKey,
    place: Place,
}

/// Settings of a sandbox whose limits no test meets by accident.
pub fn settings() -> Settings {
    let mut settings = Settings {
        allowed_origins: vec![OriginPattern::Localhost],
        scopes: vec![ScopeRule::new("vault:open")],
        ..Settings::default()
    };
    let roomy = Rate { requests: 1_000_000, seconds: 1 };
    let limits = &mut settings.limits;
    limits.sdk = vec![roomy];
    for rate in [
        &mut limits.environment,
        &mut limits.user,
        &mut limits.api_token,
        &mut limits.nonce,
        &mut limits.sign_in,
        &mut limits.code,
        &mut limits.mails_per_address,
        &mut limits.own_mails_per_address,
    ] {
        *rate = roomy;
    }
    settings
}

/// A server for nothing but the API.
pub fn config() -> Config {
    Config {
        public_url: "http://localhost:7845".parse().unwrap(),
        trusted_proxies: Vec::new(),
        development: None,
        place: String::new(),
    }
}

impl World {
    pub async fn new() -> Self {
        Self::with(settings()).await
    }

    pub async fn with(settings: Settings) -> Self {
        Self::configured(settings, config()).await
    }

    pub async fn configured(settings: Settings, config: Config) -> Self {
        Self::at(Arc::new(Clock::default()), settings, config).await
    }

    /// A server whose time is this clock's.
    pub async fn at(clock: Arc<Clock>, settings: Settings, config: Config) -> Self {
        let (store, place) = Place::open(clock.now()).await;
        let master = MasterKey::generate();
        let keys = Arc::new(Keyring::new(&master).unwrap());
        // A relying-party id belongs to one environment.
        let mut others = settings.clone();
        others.passkeys.rp_id = None;
        for (id, settings) in [(ENVIRONMENT, &settings), (OTHER_ENVIRONMENT, &others)] {
            environments::create(&store, &keys, clock.now(), id, Kind::Sandbox, "test", settings)
                .await
                .unwrap();
        }
        let scopes = ["elevatedTokens.consume".to_owned()];
        let (_, api_token) =
            environments::create_token(&store, &keys, clock.now(), ENVIRONMENT, "test", &scopes)
                .await
                .unwrap();
        let app = Arc::new(App::new(store, keys, clock, config, None));
        let router = stile_server::router(Arc::clone(&app));
        Self { app, router, api_token: api_token.to_string(), master, place }
    }

    /// A backup of everything as it is now.
    pub async fn backup(&self) -> Vec<u8> {
        let file = Memory::default();
        self.app.store.backup("test", self.now(), file.clone()).await.unwrap();
        let bytes = file.0.lock().unwrap();
        bytes.clone()
    }

    /// A server over a restored backup, with the same keys and the same clock.
    pub async fn restored(&self, backup: Vec<u8>) -> Self {
        let now = self.now();
        let renewal = Renewal { last_step: newest_totp_step(now), salt: stile_keys::random::bytes(), now };
        let backup = Backup::open(std::io::Cursor::new(backup)).unwrap();
        let (store, place) = Place::restored(backup, &renewal).await;
        let master = MasterKey::parse(&self.master.encode()).unwrap();
        let salt = store.restored_salt().await.unwrap().unwrap();
        let keys = Arc::new(Keyring::restored(&master, &salt).unwrap());
        let config = self.app.config.clone();
        let app = Arc::new(App::new(store, keys, Arc::clone(&self.app.clock), config, None));
        let router = stile_server::router(Arc::clone(&app));
        Self { app, router, api_token: self.api_token.clone(), master, place }
    }

    pub fn page(&self) -> Page {
        Page {
            router: self.router.clone(),
            environment: ENVIRONMENT,
            origin: Some(ORIGIN.into()),
            address: "203.0.113.7:5000".parse().unwrap(),
            bearer: None,
            headers: Vec::new(),
        }
    }

    pub fn now(&self) -> Micros {
        self.app.clock.now()
    }

    /// Moves the clock.
    pub fn advance(&self, seconds: i64) {
        self.app.clock.advance(seconds);
    }

    /// Mails waiting for this address, oldest first.
    pub async fn mails(&self, to: &str) -> Vec<Content> {
        let due = self.app.store.due_mail(self.now()).await.unwrap();
        let letters = due.iter().map(|slot| Letter::open(&self.app.keys, &slot.mail).unwrap());
        letters.filter(|letter| letter.to == to).map(|letter| letter.content.clone()).collect()
    }

    /// The data as another node has it.
    pub async fn other_node(&self) -> Store {
        self.place.again(self.now()).await
    }

    /// Another node: a server of its own over the same database.
    pub async fn node(&self) -> Router {
        let (keys, clock) = (Arc::clone(&self.app.keys), Arc::clone(&self.app.clock));
        let app = App::new(self.other_node().await, keys, clock, self.app.config.clone(), None);
        stile_server::router(Arc::new(app))
    }

    /// Whether any of these bytes are in the database.
    pub fn on_disk(&self, needle: &[u8]) -> bool {
        self.place.holds(needle)
    }

    /// Lets all waiting mails be delivered.
    pub async fn deliver(&self) {
        while let Some(slot) = self.app.store.due_mail(self.now()).await.unwrap().first() {
            self.app.store.commit(Mutation::new([outbox::delete(slot.mail.id)])).await.unwrap();
        }
    }

    /// The code of the newest mail to this address.
    pub async fn code(&self, to: &str) -> String {
        let mails = self.mails(to).await;
        let code = mails.iter().rev().find_map(|content| match content {
            Content::Code { code, .. } => Some(code.clone()),
            _ => None,
        });
        code.expect("a mail with a code")
    }

    /// A page on which this user is signed in by an e-mail code.
    pub async fn signed_in(&self, email: &str) -> Page {
        self.sign_in_on(self.page(), email).await
    }

    /// The page, with this user signed in by an e-mail code.
    pub async fn sign_in_on(&self, mut page: Page, email: &str) -> Page {
        let sent = page.post("/emailVerifications/create", json!({ "email": email })).await.created();
        let body = json!({ "verificationUUID": sent["verificationUUID"], "verificationToken": self.code(email).await });
        let session = page.post("/emailVerifications/signin", body).await.ok();
        page.bearer = session["minifiedJwt"].as_str().map(str::to_owned);
        page
    }

    /// Changes the settings of the environment: a JSON merge patch.
    pub async fn configure(&self, change: Value) {
        environments::configure(&self.app.store, self.now(), ENVIRONMENT, &change).await.unwrap();
    }

    /// Resets a user's second factors, as the command does.
    pub async fn reset(&self, user: &str) {
        let (store, keys) = (self.app.store.clone(), Arc::clone(&self.app.keys));
        let act = Act::command(store, keys, ENVIRONMENT, self.now()).await.unwrap();
        reset::reset(&act, user.parse().unwrap(), None).await.unwrap();
    }

    /// As `signed_in`, with a passkey enrolled at once.
    pub async fn with_passkey(&self, email: &str) -> (Page, Authenticator) {
        let page = self.signed_in(email).await;
        let mut authenticator = Authenticator::new();
        page.enrol(&mut authenticator).await.ok();
        (page, authenticator)
    }

    /// Events of the audit log, newest first, each as often as it was counted.
    pub async fn audit(&self) -> Vec<String> {
        let times = |row: AuditRow| (0..row.count).map(move |_| row.event.clone());
        self.audit_rows().await.into_iter().flat_map(times).collect()
    }

    /// Rows of the audit log, newest first.
    pub async fn audit_rows(&self) -> Vec<AuditRow> {
        self.app.store.audit(ENVIRONMENT, AuditFilter::newest(10_000)).await.unwrap()
    }

    /// Spends an elevated token as the app's backend does.
    pub async fn consume(&self, token: &str, user: &str, use_id: &str) -> Reply {
        self.consume_on(&self.router, token, user, use_id).await
    }

    /// The same on a node of its choice.
    pub async fn consume_on(&self, node: &Router, token: &str, user: &str, use_id: &str) -> Reply {
        let bearer = Some(self.api_token.clone());
        let page = Page { router: node.clone(), bearer, origin: None, ..self.page() };
        let body = json!({ "token": token, "scope": "vault:open", "userId": user, "useId": use_id });
        let path = format!("/api/v0/environments/{ENVIRONMENT}/elevated-tokens/consume");
        page.send(Method::POST, &path, Some(body.to_string()), &[]).await
    }
}

/// A file that is only in memory.
#[derive(Clone, Default)]
struct Memory(Arc<Mutex<Vec<u8>>>);

impl std::io::Write for Memory {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap().extend(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

/// A browser's page.
#[derive(Clone)]
pub struct Page {
    pub router: Router,
    pub environment: EnvironmentId,
    pub origin: Option<String>,
    pub address: SocketAddr,
    pub bearer: Option<String>,
    pub headers: Vec<(String, String)>,
}

/// What the server said.
#[derive(Debug)]
pub struct Reply {
    pub status: StatusCode,
    pub headers: HeaderMap,
    pub body: Value,
}

impl Reply {
    #[track_caller]
    pub fn ok(self) -> Value {
        assert_eq!(self.status, StatusCode::OK, "{}", self.body);
        self.body
    }

    #[track_caller]
    pub fn created(self) -> Value {
        assert_eq!(self.status, StatusCode::CREATED, "{}", self.body);
        self.body
    }

    #[track_caller]
    pub fn no_content(self) {
        assert_eq!(self.status, StatusCode::NO_CONTENT, "{}", self.body);
    }

    /// Asserts a refusal with this status and code, in the flat form.
    #[track_caller]
    pub fn refused(self, status: u16, code: &str) {
        assert_eq!((self.status.as_u16(), self.code()), (status, code), "{}", self.body);
        assert!(self.body["error"].is_string(), "{}", self.body);
    }

    pub fn code(&self) -> &str {
        self.body["code"].as_str().unwrap_or_default()
    }
}

impl Page {
    pub fn sdk(&self, path: &str) -> String {
        format!("/api/v0/sdk/{}{path}", self.environment)
    }

    pub async fn get(&self, path: &str) -> Reply {
        self.send(Method::GET, &self.sdk(path), None, &[]).await
    }

    pub async fn post(&self, path: &str, body: Value) -> Reply {
        self.send(Method::POST, &self.sdk(path), Some(body.to_string()), &[]).await
    }

    pub async fn put(&self, path: &str, body: Value) -> Reply {
        self.send(Method::PUT, &self.sdk(path), Some(body.to_string()), &[]).await
    }

    /// A request that carries an elevated token.
    pub async fn elevated(&self, method: Method, path: &str, body: Option<Value>, token: &str) -> Reply {
        let headers = [("x-dyn-elevated-access-token", token)];
        self.send(method, &self.sdk(path), body.map(|b| b.to_string()), &headers).await
    }

    pub async fn send(
        &self,
        method: Method,
        path: &str,
        body: Option<String>,
        headers: &[(&str, &str)],
    ) -> Reply {
        self.send_body(method, path, body.map_or_else(Body::empty, Body::from), headers).await
    }

    pub async fn send_body(&self, method: Method, path: &str, body: Body, headers: &[(&str, &str)]) -> Reply {
        let mut request =
            Request::builder().method(method).uri(path).header("content-type", "application/json");
        if let Some(origin) = &self.origin {
            request = request.header("origin", origin);
        }
        if let Some(bearer) = &self.bearer {
            request = request.header("authorization", format!("Bearer {bearer}"));
        }
        for (name, value) in
            self.headers.iter().map(|(n, v)| (n.as_str(), v.as_str())).chain(headers.iter().copied())
        {
            request = request.header(name, value);
        }
        let mut request = request.body(body).unwrap();
        request.extensions_mut().insert(ConnectInfo(self.address));
        let response = self.router.clone().oneshot(request).await.unwrap();
        let (parts, body) = response.into_parts();
        let bytes = to_bytes(body, 1 << 20).await.unwrap();
        let body = serde_json::from_slice(&bytes).unwrap_or(Value::Null);
        Reply { status: parts.status, headers: parts.headers, body }
    }

    /// Enrols a passkey of this authenticator.
    pub async fn enrol(&self, authenticator: &mut Authenticator) -> Reply {
        let options = self.get("/users/passkeys/register").await.ok();
        let body = authenticator.register(&options, ORIGIN);
        self.post("/users/passkeys/register", body).await
    }

    /// As `enrol`, with an elevated token.
    pub async fn enrol_with(&self, authenticator: &mut Authenticator, token: &str) -> Reply {
        let options = self.get("/users/passkeys/register").await.ok();
        let body = authenticator.register(&options, ORIGIN);
        self.elevated(Method::POST, "/users/passkeys/register", Some(body), token).await
    }

    /// Proves the authenticator's passkey, asking for these scopes.
    pub async fn prove(&self, authenticator: &mut Authenticator, scopes: &[&str]) -> Reply {
        let options = self.get("/users/passkeys/authenticate").await.ok();
        let mut body = authenticator.assert(&options, ORIGIN);
        body["requestedScopes"] = json!(scopes);
        self.post("/users/mfa/auth/passkey", body).await
    }

    /// An elevated token for these scopes.
    pub async fn step_up(&self, authenticator: &mut Authenticator, scopes: &[&str]) -> String {
        let session = self.prove(authenticator, scopes).await.ok();
        session["elevatedAccessToken"].as_str().expect("an elevated token").to_owned()
    }

    /// Proves the address of the signed-in user, asking for these scopes.
    pub async fn email_step_up(&self, world: &World, email: &str, scopes: &[&str]) -> Reply {
        let sent = self.post("/emailVerifications/create", json!({ "email": email })).await.created();
        let code = world.code(email).await;
        let body = json!({ "verificationUUID": sent["verificationUUID"], "verificationToken": code, "requestedScopes": scopes });
        self.post("/emailVerifications/verify", body).await
    }

    /// The id of the user's credential of this address.
    pub async fn address_id(&self, address: &str) -> String {
        let user = self.get("/users").await.ok();
        let all = user["verifiedCredentials"].as_array().unwrap();
        all.iter().find(|c| c["email"] == address).unwrap()["id"].as_str().unwrap().to_owned()
    }

    /// Adds an address with this elevated token.
    pub async fn link(&self, world: &World, address: &str, token: &str) -> Value {
        let sent = self.post("/emailVerifications/create", json!({ "email": address })).await.created();
        let code = world.code(address).await;
        let body = json!({ "verificationUUID": sent["verificationUUID"], "verificationToken": code });
        self.elevated(Method::POST, "/emailVerifications/verify", Some(body), token).await.ok()
    }

    /// A token for these scopes by a code to this address.
    pub async fn email_token(&self, world: &World, address: &str, scopes: &[&str]) -> String {
        world.deliver().await;
        let session = self.email_step_up(world, address, scopes).await.ok();
        session["elevatedAccessToken"].as_str().expect("an elevated token").to_owned()
    }

    pub async fn user_id(&self) -> String {
        self.get("/users").await.ok()["id"].as_str().unwrap().to_owned()
    }
}
