//! Random sequences of calls, and what must be true after each of them whatever came before.

use axum::http::Method;
use serde_json::{Value, json};
use stile_core::settings::{Action, ActionRule, Enrollment, Settings};

use crate::authenticator::Authenticator;
use crate::elevated::claims;
use crate::totp_app::TotpApp;
use crate::world::{Page, Reply, World, settings};

const SEQUENCES: u64 = 50;
const CALLS: u64 = 12;
/// The scopes that sequences ask for.
const SCOPES: [&str; 4] = ["credential:link", "credential:unlink", "user:update", "vault:open"];

/// A small generator (splitmix64): the same numbers for the same seed.
struct Dice(u64);

impl Dice {
    fn roll(&mut self, below: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (z ^ (z >> 31)) % below
    }
}

/// A token, and what it stands on.
struct Held {
    token: String,
    session: Value,
    credential: Value,
    scopes: String,
    single_use: bool,
    /// How many recoveries and resets there had been.
    epoch: u64,
    expires_at: i64,
}

/// A user and everything that the sequence has got hold of.
struct Actor<'a> {
    world: &'a World,
    email: String,
    pages: Vec<Page>,
    apps: Vec<TotpApp>,
    waiting: Option<(usize, TotpApp)>,
    passkey: Option<Authenticator>,
    codes: Vec<String>,
    held: Vec<Held>,
    epoch: u64,
    changes: u64,
    /// How many gated actions passed by a token.
    passed: u64,
}

impl Actor<'_> {
    fn page(&self, dice: &mut Dice) -> (usize, Page) {
        let n = usize::try_from(dice.roll(self.pages.len() as u64)).unwrap();
        (n, self.pages[n].clone())
    }

    /// What a session's answer must be in itself; keeps it, and the token that came with it.
    fn keep(&mut self, n: usize, reply: &Reply) {
        if reply.status != 200 {
            return;
        }
        let session = &reply.body;
        let access = claims(session["minifiedJwt"].as_str().unwrap());
        assert_eq!(access["scope"], session["user"]["scope"], "{session}");
        assert_eq!(access["sid"], session["user"]["sessionId"]);
        self.pages[n] = self.pages[n].holding(session);
        let Some(token) = session["elevatedAccessToken"].as_str() else { return };
        let claims = claims(token);
        let scopes = claims["scope"].as_str().unwrap().to_owned();
        if access["scope"] == "requiresAdditionalAuth" {
            assert_eq!(scopes, "credential:link", "a pending session holds no token but the one that enrols");
        }
        self.held.push(Held {
            token: token.to_owned(),
            session: claims["sid"].clone(),
            credential: claims["credential_id"].clone(),
            scopes,
            single_use: claims["singleUse"] == true,
            epoch: self.epoch,
            expires_at: claims["exp"].as_i64().unwrap(),
        });
    }

    async fn act(&mut self, dice: &mut Dice) {
        let (n, page) = self.page(dice);
        let scope = SCOPES[usize::try_from(dice.roll(4)).unwrap()];
        let scopes: &[&str] = if dice.roll(2) == 0 { &[] } else { &[scope] };
        let has_factor = !self.apps.is_empty() || self.passkey.is_some();
        match dice.roll(15) {
            0 if self.pages.len() < 4 => {
                let page = self.world.signed_in(&self.email).await;
                self.pages.push(page);
            }
            1 | 2 => self.begin(n, &page, dice).await,
            3 => self.first_code(n, &page, has_factor).await,
            4 | 5 if !self.apps.is_empty() => {
                let app = &self.apps[0];
                let code = if dice.roll(4) == 0 { app.wrong(self.world) } else { app.code(self.world) };
                let reply = page.totp(None, &code, scopes).await;
                self.keep(n, &reply);
            }
            6 if self.passkey.is_none() => {
                let pending = is_pending(&page).await;
                let mut passkey = Authenticator::new();
                let reply = page.get("/users/passkeys/register").await;
                if reply.status != 200 {
                    return;
                }
                let options = reply.body;
                let body = passkey.register(&options, crate::world::ORIGIN);
                let token = self.token_for("credential:link").unwrap_or_default();
                let reply = page.elevated(Method::POST, "/users/passkeys/register", Some(body), &token).await;
                if reply.status == 200 {
                    assert!(!(pending && has_factor), "a pending session enrolled beside a factor");
                    self.passkey = Some(passkey);
                }
                self.keep(n, &reply);
            }
            7 => {
                let options = page.get("/users/passkeys/authenticate").await;
                let Some(passkey) = self.passkey.as_mut().filter(|_| options.status == 200) else { return };
                let mut body = passkey.assert(&options.body, crate::world::ORIGIN);
                body["requestedScopes"] = json!(scopes);
                let reply = page.post("/users/mfa/auth/passkey", body).await;
                self.keep(n, &reply);
            }
            8 if !self.codes.is_empty() => {
                let code = self.codes.remove(0);
                let reply = page.recover(&code, scopes).await;
                if reply.status == 200 {
                    self.epoch += 1;
                }
                self.keep(n, &reply);
            }
            9 => {
                let reply = if dice.roll(2) == 0 {
                    page.get("/users/mfa/recovery").await
                } else {
                    page.post("/users/mfa/recovery", json!({})).await
                };
                if reply.status == 200 {
                    assert!(has_factor, "codes without a factor");
                    self.codes = serde_json::from_value(reply.body["recoveryCodes"].clone()).unwrap();
                }
            }
            10 => self.remove(n, dice).await,
            11 => self.protected(n, dice).await,
            12 => {
                let reply = page.email_step_up(self.world, &self.email, scopes).await;
                if reply.status == 200 && !scopes.is_empty() {
                    assert!(!has_factor, "an e-mail code elevated a user with a factor");
                }
                self.keep(n, &reply);
            }
            13 => {
                page.put("/users", json!({ "mfaBackupCodeAcknowledgement": "complete" })).await;
                let reply = page.post("/refresh", json!({})).await;
                self.keep(n, &reply);
            }
            14 if dice.roll(6) == 0 => self.reset().await,
            _ => self.world.advance([30_i64, 31, 95, 301, 700][usize::try_from(dice.roll(5)).unwrap()]),
        }
    }

    /// A token that was given for the scope, whatever has become of it since.
    fn token_for(&self, scope: &str) -> Option<String> {
        self.held.iter().rev().find(|h| h.scopes.split(' ').any(|s| s == scope)).map(|h| h.token.clone())
    }

    /// A token for the scope: one that was given just now, an older one, one for something else, or none.
    async fn evidence(&mut self, n: usize, scope: &str, dice: &mut Dice) -> String {
        match dice.roll(5) {
            0 | 1 => {
                if let Some(app) = self.apps.first().cloned() {
                    self.world.advance(30);
                    let reply = self.pages[n].totp(Some(&app.id), &app.code(self.world), &[scope]).await;
                    self.keep(n, &reply);
                }
                self.token_for(scope).unwrap_or_default()
            }
            2 | 3 if !self.held.is_empty() => {
                let at = usize::try_from(dice.roll(self.held.len() as u64)).unwrap();
                self.held[at].token.clone()
            }
            _ => String::new(),
        }
    }

    async fn begin(&mut self, n: usize, page: &Page, dice: &mut Dice) {
        let token = self.token_for("credential:link").filter(|_| dice.roll(2) == 0).unwrap_or_default();
        let reply = page.elevated(Method::GET, "/users/mfa/register/totp", None, &token).await;
        if reply.status == 200 {
            self.waiting = Some((n, TotpApp::scan(&reply.body)));
        }
    }

    async fn first_code(&mut self, n: usize, page: &Page, has_factor: bool) {
        let Some((begun_by, app)) = self.waiting.clone() else { return };
        let pending = is_pending(page).await;
        let reply = page.totp(Some(&app.id), &app.code(self.world), &[]).await;
        if reply.status == 200 && !self.apps.iter().any(|a| a.id == app.id) {
            assert_eq!(begun_by, n, "a device was verified in another session");
            assert!(!(pending && has_factor), "a pending session enrolled beside a factor");
            self.apps.insert(0, app);
        }
        self.keep(n, &reply);
    }

    async fn remove(&mut self, n: usize, dice: &mut Dice) {
        let Some(app) = self.apps.first().cloned() else { return };
        let token = self.evidence(n, "credential:unlink", dice).await;
        let page = self.pages[n].clone();
        let path = format!("/users/mfa/{}", app.id);
        if page.elevated(Method::DELETE, &path, None, &token).await.status == 204 {
            self.justified(&page, &token, "credential:unlink").await;
            self.apps.retain(|a| a.id != app.id);
            // A removal lowers sessions that the app raised: their next tokens say so.
            for n in 0..self.pages.len() {
                let reply = self.pages[n].post("/refresh", json!({})).await;
                self.keep(n, &reply);
            }
        }
    }

    /// A protected action: it passes only with evidence that its rule accepts.
    async fn protected(&mut self, n: usize, dice: &mut Dice) {
        let token = self.evidence(n, "user:update", dice).await;
        let page = self.pages[n].clone();
        for _twice in 0..2 {
            self.changes += 1;
            let body = json!({ "alias": format!("name {}", self.changes) });
            let asked = page.post("/stepUp/check", json!({ "scope": "user:update" })).await;
            let reply = page.elevated(Method::PUT, "/users", Some(body), &token).await;
            if asked.status != 200 {
                assert_ne!(reply.status, 200);
            } else if asked.body["isRequired"] == false {
                assert!(reply.status == 200 || reply.code() == "additional_auth_required", "{}", reply.body);
            } else if reply.status == 200 {
                self.justified(&page, &token, "user:update").await;
            }
        }
    }

    /// The token must have been one of this session, of this epoch, in its time, and not used up.
    async fn justified(&mut self, page: &Page, token: &str, scope: &str) {
        self.passed += 1;
        let at = self.held.iter().position(|held| held.token == token).expect("passed without evidence");
        let held = &self.held[at];
        assert!(held.scopes.split(' ').any(|s| s == scope));
        assert_eq!(held.session, page.get("/users").await.body["sessionId"], "of another session");
        assert_eq!(held.epoch, self.epoch, "of before a recovery");
        assert!(held.expires_at > self.world.now().seconds(), "expired");
        let known = |id: &str| self.apps.iter().any(|a| a.id == id) || self.passkey.is_some();
        if !self.apps.is_empty() || self.passkey.is_some() {
            assert!(known(held.credential.as_str().unwrap()), "by a factor that was removed");
        }
        if held.single_use {
            // It is used up: should it pass again, nobody holds it any more, and this fails.
            self.held.remove(at);
        }
    }

    async fn reset(&mut self) {
        let Some(user) = self.user().await else { return };
        self.world.reset(user["id"].as_str().unwrap()).await;
        for page in &self.pages {
            // The token of a session that owed a factor may have expired as well.
            assert_eq!(page.get("/users").await.status, 401);
        }
        (self.apps, self.passkey, self.codes, self.waiting) = (Vec::new(), None, Vec::new(), None);
        self.epoch += 1;
        self.pages = vec![self.world.signed_in(&self.email).await];
    }

    async fn user(&self) -> Option<Value> {
        for page in &self.pages {
            let reply = page.get("/users").await;
            if reply.status == 200 {
                return Some(reply.body);
            }
        }
        None
    }

    /// What is true after every call.
    async fn invariants(&self) {
        for page in &self.pages {
            let reply = page.get("/users").await;
            if reply.status != 200 {
                continue;
            }
            let user = reply.body;
            let methods = page.get("/users/mfa/methods").await.ok();
            let apps = methods["devices"].as_array().unwrap();
            let has_factor = methods["userHasVerifiedMfaMethods"] == true;
            assert_eq!(has_factor, !self.apps.is_empty() || self.passkey.is_some());
            assert_eq!(apps.len(), self.apps.len());
            if !has_factor {
                assert_eq!(methods["recoveryCodesLeft"], 0, "codes without a factor");
                assert_eq!(user["mfaBackupCodeAcknowledgement"], Value::Null);
            }
            assert!(apps.iter().filter(|d| d["default"] == true).count() <= 1);
            let check = page.post("/stepUp/check", json!({ "scope": "vault:open" })).await.ok();
            let offered = check["credentials"].as_array().unwrap();
            assert!(offered.iter().any(|c| c["id"] == check["defaultCredentialId"]), "{check}");
            let email = offered.iter().any(|c| c["format"] == "email");
            assert_eq!(email, !has_factor, "{check}");
            let token = claims(page.bearer.as_ref().unwrap());
            assert_eq!(token["scope"], user["scope"], "the token says what is owed");
        }
    }
}

async fn is_pending(page: &Page) -> bool {
    page.get("/users").await.body["scope"] == "requiresAdditionalAuth"
}

async fn run(settings: Settings, seed: u64) {
    let world = World::with(settings).await;
    let mut passed = 0;
    for sequence in 0..SEQUENCES {
        let mut dice = Dice(seed * 1_000 + sequence);
        let email = format!("user{sequence}@example.com");
        let page = world.signed_in(&email).await;
        let mut actor = Actor {
            world: &world,
            email,
            pages: vec![page],
            apps: Vec::new(),
            waiting: None,
            passkey: None,
            codes: Vec::new(),
            held: Vec::new(),
            epoch: 0,
            changes: 0,
            passed: 0,
        };
        // Half of them begin with a factor, so that sequences get far.
        if dice.roll(2) == 0 {
            actor.begin(0, &actor.pages[0].clone(), &mut dice).await;
            actor.first_code(0, &actor.pages[0].clone(), false).await;
        }
        for _ in 0..CALLS {
            actor.act(&mut dice).await;
            actor.invariants().await;
        }
        passed += actor.passed;
        world.deliver().await;
    }
    assert!(passed > 5, "no sequence came as far as a gated action");
}

fn ruled(enabled: bool, enrollment: Enrollment) -> Settings {
    let mut settings = settings();
    settings.security.mfa.enabled = enabled;
    settings.security.mfa.enrollment = enrollment;
    settings.security.mfa.max_totp_per_user = 3;
    settings.security.mfa.actions.push(ActionRule {
        action: Action::UserUpdate,
        required: true,
        token_behavior: Some(stile_core::settings::TokenBehavior::SingleUse),
        token_expiry_seconds: None,
    });
    settings
}

#[tokio::test]
async fn sequences_where_factors_are_optional() {
    run(ruled(false, Enrollment::None), 1).await;
}

#[tokio::test]
async fn sequences_where_each_sign_in_needs_the_factor() {
    run(ruled(true, Enrollment::None), 2).await;
}

#[tokio::test]
async fn sequences_where_everybody_must_enrol() {
    run(ruled(true, Enrollment::Signup), 3).await;
}

#[tokio::test]
async fn sequences_where_a_proof_of_moments_ago_links_and_unlinks() {
    let mut lenient = ruled(false, Enrollment::Action);
    lenient.recent_proof.link_seconds = 300;
    run(lenient, 4).await;
}
