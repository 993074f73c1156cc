//! Users with an e-mail address, a passkey and a session each, through the store's own mutations. Those who send
//! requests have an authenticator app and recovery codes too.

use std::sync::atomic::AtomicUsize;
use std::time::Instant;

use anyhow::{Context as _, Result};
use stile_core::claims::{ACCESS, ELEVATED, ElevatedClaims, SessionClaims};
use stile_core::origin::OriginPattern;
use stile_core::principal::Profile;
use stile_core::settings::{Kind, Limits, ScopeRule, Settings};
use stile_core::{
    Acknowledgement, Credential, CredentialId, CredentialKind, EnvironmentId, Level, Micros, Proof, Session,
    SessionId, Strength, User, UserId,
};
use stile_factors::recovery_code;
use stile_keys::encoding::base64url;
use stile_keys::jws::{Algorithm, SigningKey};
use stile_keys::{Keyring, random};
use stile_server::flows::environments;
use stile_store::{
    Mutation, Passkey, Step, Store, TotpDevice, credentials, passkeys, recovery_codes, sessions, totp, users,
};

use crate::beside::Beside;
use crate::database::{Database, now};
use crate::passkey::Authenticator;

/// The app's origin.
pub(crate) const ORIGIN: &str = "http://localhost:3000";
/// The relying party.
pub(crate) const RP_ID: &str = "localhost";
/// The server's public URL, whatever port it listens on.
pub(crate) const PUBLIC_URL: &str = "http://localhost:7845";

const ENVIRONMENT: EnvironmentId = EnvironmentId::from_bytes([7; 16]);
/// Users in one mutation.
const TOGETHER: u64 = 2_000;
/// Users who send requests, at most; the others only fill the tables.
const ACTIVE: u64 = 20_000;
/// Different passkeys.
const AUTHENTICATORS: u64 = 64;
const DAY: i64 = 86_400;

/// What the load knows of a seeded database.
pub(crate) struct Site {
    /// The environment.
    pub(crate) environment: EnvironmentId,
    /// Sub-keys, to read the outbox.
    pub(crate) keyring: Keyring,
    /// The backend's API token.
    pub(crate) api_token: String,
    /// Users who send requests, spread evenly over all.
    pub(crate) active: Vec<Active>,
    /// Their passkeys.
    pub(crate) authenticators: Vec<Authenticator>,
    /// The bench's own way into the database.
    pub(crate) beside: Beside,
    /// How often the codes of authenticator apps were put back.
    pub(crate) put_back: AtomicUsize,
    signing: SigningKey,
}

/// A user who sends requests.
pub(crate) struct Active {
    /// The user.
    pub(crate) user: UserId,
    /// The e-mail address.
    pub(crate) email: String,
    /// The session.
    pub(crate) session: SessionId,
    /// The passkey as a credential.
    pub(crate) credential: CredentialId,
    /// The passkey's WebAuthn id.
    pub(crate) webauthn_id: [u8; 32],
    /// Which of the authenticators holds it.
    pub(crate) authenticator: usize,
    /// The authenticator app as a credential.
    pub(crate) app: CredentialId,
    /// The secret of the authenticator app.
    pub(crate) secret: [u8; 20],
    /// Recovery codes, as they were shown.
    pub(crate) recovery: Vec<String>,
    /// An access token of the session.
    pub(crate) access: String,
}

/// The defaults of a sandbox, with limits that nobody meets: as many windows as by default, so that they cost the same.
fn settings() -> Settings {
    Settings {
        allowed_origins: vec![OriginPattern::Localhost],
        scopes: vec![ScopeRule::new("vault:open")],
        limits: Limits::default().relaxed(1_000_000),
        ..Settings::default()
    }
}

/// Fills an empty database; `lanes` is how many connections share the active users.
pub(crate) async fn seed(database: &Database, users: u64, lanes: usize) -> Result<Site> {
    let began = Instant::now();
    let (store, keyring) = (database.store().await?, database.keyring()?);
    let now = now();
    environments::create(&store, &keyring, now, ENVIRONMENT, Kind::Sandbox, "bench", &settings()).await?;
    let scopes = ["elevatedTokens.consume".to_owned()];
    let (_, token) = environments::create_token(&store, &keyring, now, ENVIRONMENT, "bench", &scopes).await?;
    let signing = signing_key(&store, &keyring).await?;
    let authenticators =
        (0..AUTHENTICATORS).map(|_| Authenticator::new()).collect::<Result<Vec<Authenticator>>>()?;
    let mut site = Site {
        environment: ENVIRONMENT,
        keyring,
        api_token: token.to_string(),
        active: Vec::new(),
        authenticators,
        beside: database.beside().await?,
        put_back: AtomicUsize::new(0),
        signing,
    };

    let every = users.div_ceil(ACTIVE.max(lanes as u64)).max(1);
    let mut under_way: Option<tokio::task::JoinHandle<_>> = None;
    for first in (0..users).step_by(usize::try_from(TOGETHER)?) {
        let mut steps = Vec::new();
        for number in first..(first + TOGETHER).min(users) {
            // A millisecond apart, so that ids lie in the tables as they do when users come one by one.
            let came = Micros::new(now.get() - i64::try_from(users - number)? * 1_000);
            let mut person = site.person(number, came, &mut steps)?;
            if number % every == 0 {
                site.add_codes(&mut person, came, &mut steps)?;
                site.active.push(person.with_token(&site.signing, now)?);
            }
        }
        // The next users are made while the store writes these.
        let store = store.clone();
        let next = tokio::spawn(async move { store.commit(Mutation::new(steps)).await });
        if let Some(previous) = under_way.replace(next) {
            previous.await??;
        }
    }
    if let Some(last) = under_way {
        last.await??;
    }
    anyhow::ensure!(site.active.len() >= lanes, "fewer users than connections");
    drop(store);
    database.settled().await?;
    println!("{users} users: seeded in {:.1} s", began.elapsed().as_secs_f64());
    Ok(site)
}

/// The environment's own key, so that tokens need no sign-in. The associated data is the server's.
async fn signing_key(store: &Store, keyring: &Keyring) -> Result<SigningKey> {
    let row = store.signing_keys(ENVIRONMENT).await?.into_iter().next().context("no signing key")?;
    let context: [&[u8]; 3] = [b"signing-key", ENVIRONMENT.as_bytes(), row.kid.as_bytes()];
    let pkcs8 =
        keyring.seal.open(&context, &row.sealed).context("the signing key is sealed in another way")?;
    Ok(SigningKey::from_pkcs8(Algorithm::Es256, &pkcs8)?)
}

impl Site {
    /// A user, and the steps that make one.
    fn person(&self, number: u64, now: Micros, steps: &mut Vec<Step>) -> Result<Active> {
        let user = User {
            id: UserId::new(now, random::bytes()),
            version: 1,
            profile: Profile::default(),
            first_visit: now,
            last_visit: now,
            default_method: None,
            recovery: None,
            epoch: 0,
        };
        let address = format!("user{number:07}@example.com");
        let credential = |kind| Credential {
            id: CredentialId::new(now, random::bytes()),
            kind,
            sign_in: true,
            created_at: now,
            verified_at: now,
        };
        let email = credential(CredentialKind::Email { address: address.clone() });
        let passkey = credential(CredentialKind::Passkey { alias: None, user_verified: true, synced: false });
        let webauthn_id: [u8; 32] = random::bytes();
        let authenticator = usize::try_from(number % AUTHENTICATORS)?;
        let record = Passkey {
            credential: passkey.id,
            owner: user.id,
            webauthn_id: webauthn_id.to_vec(),
            public_key: self.authenticators[authenticator].cose(),
            sign_count: 0,
            aaguid: [0; 16],
            transports: vec!["internal".into()],
            backup_eligible: false,
            backed_up: false,
            origin: ORIGIN.into(),
            user_agent: "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0".into(),
            created_at: now,
            updated_at: now,
        };
        let session = Session {
            id: SessionId::new(now, random::bytes()),
            level: Level::Full,
            created_at: now,
            expires_at: now.plus_seconds(7 * DAY),
            idle_expires_at: now.plus_seconds(7 * DAY),
            sign_in_credential: email.id,
            last_credential: email.id,
            session_key: None,
            device_key: None,
            user_agent: String::new(),
            proofs: vec![Proof::email(email.id, now)],
        };
        let env = self.environment;
        steps.extend([
            users::insert(env, &user),
            credentials::insert(env, user.id, address.as_bytes(), &email),
            credentials::insert(env, user.id, &webauthn_id, &passkey),
            passkeys::insert(&record),
            sessions::insert(env, user.id, &session),
        ]);
        Ok(Active {
            user: user.id,
            email: address,
            session: session.id,
            credential: passkey.id,
            webauthn_id,
            authenticator,
            app: CredentialId::from_bytes([0; 16]),
            secret: [0; 20],
            recovery: Vec::new(),
            access: String::new(),
        })
    }

    /// An authenticator app and recovery codes for a user. The associated data of the seal is the server's.
    fn add_codes(&self, who: &mut Active, now: Micros, steps: &mut Vec<Step>) -> Result<()> {
        who.app = CredentialId::new(now, random::bytes());
        who.secret = random::bytes();
        let kind = CredentialKind::Totp { alias: None };
        let app = Credential { id: who.app, kind, sign_in: false, created_at: now, verified_at: now };
        let place: [&[u8]; 3] = [b"totp", self.environment.as_bytes(), who.app.as_bytes()];
        let sealed = self.keyring.seal.seal(&place, &who.secret)?;
        let device = TotpDevice { credential: who.app, sealed, last_step: -1 };
        who.recovery = recovery_code::new_set().to_vec();
        let env = self.environment;
        steps.extend([
            credentials::insert(env, who.user, who.app.as_bytes(), &app),
            totp::insert(&device),
            users::recovery(env, who.user, Some(Acknowledgement::Complete)),
        ]);
        let hash = |code: &String| recovery_code::hash(&self.keyring, env, who.user, code);
        steps.extend(who.recovery.iter().map(|code| recovery_codes::insert(who.user, hash(code))));
        Ok(())
    }

    /// A fresh elevated token of the user for `vault:open`.
    pub(crate) fn elevated(&self, who: &Active, now: Micros) -> Result<String> {
        let claims = ElevatedClaims {
            kid: self.signing.kid().to_owned(),
            aud: ORIGIN.into(),
            iss: issuer(),
            sub: who.user.to_string(),
            sid: who.session.to_string(),
            environment_id: ENVIRONMENT.to_string(),
            jti: base64url(&random::bytes::<16>()),
            scope: "vault:open".into(),
            single_use: true,
            credential_id: who.credential.to_string(),
            amr: ["hwk", "user", "mfa"].map(str::to_owned).into(),
            acr: Strength::PhishingResistantVerified,
            epoch: 0,
            auth_time: now.seconds(),
            iat: now.seconds(),
            exp: now.plus_seconds(300).seconds(),
        };
        Ok(self.signing.sign(ELEVATED, &claims)?)
    }
}

fn issuer() -> String {
    format!("{}/{ENVIRONMENT}", PUBLIC_URL.trim_start_matches("http://"))
}

impl Active {
    fn with_token(mut self, key: &SigningKey, now: Micros) -> Result<Self> {
        let hash = |part: u8| serde_json::Value::from(format!("{part:032x}"));
        let claims = SessionClaims {
            kid: key.kid().to_owned(),
            aud: ORIGIN.into(),
            iss: issuer(),
            sub: self.user.to_string(),
            sid: self.session.to_string(),
            environment_id: ENVIRONMENT.to_string(),
            last_verified_credential_id: self.credential.to_string(),
            signin_credential_id: self.credential.to_string(),
            session_public_key: None,
            scope: Level::Full.scope().to_owned(),
            email: Some(self.email.clone()),
            username: None,
            original_sid: self.session.to_string(),
            refresh_exp: now.plus_seconds(7 * DAY).seconds(),
            verified_credentials_hashes: [("email".to_owned(), hash(1)), ("passkey".to_owned(), hash(2))]
                .into_iter()
                .collect(),
            roles: Vec::new(),
            amr: vec!["otp".into()],
            auth_time: now.seconds(),
            iat: now.seconds(),
            exp: now.plus_seconds(DAY).seconds(),
        };
        self.access = key.sign(ACCESS, &claims)?;
        Ok(self)
    }
}
