//! An environment and its people, made through the store's own mutations: what the bench, the faults and the fuzz targets
//! begin with.

mod passkey;

use anyhow::{Context as _, Result};
use stile_core::claims::{ACCESS, ELEVATED, ElevatedClaims, SessionClaims};
use stile_core::origin::OriginPattern;
use stile_core::principal::Profile;
use stile_core::settings::{Kind, Limits, Passkeys, ScopeRule, Settings};
use stile_core::{
    Authenticator, Credential, CredentialId, EnvironmentId, Facts, Format, Level, Micros, Proof, Session,
    SessionId, Strength, User, UserId,
};
use stile_keys::encoding::base64url;
use stile_keys::jws::{Algorithm, SigningKey};
use stile_keys::{Keyring, random};
use stile_server::DEMO_ENVIRONMENT;
use stile_server::flows::environments;
use stile_store::{Passkey as Record, Step, Store, credentials, passkeys, sessions, users};

pub use passkey::Passkey;

/// The app's origin.
pub const ORIGIN: &str = "http://localhost:3000";
/// The relying party.
pub const RP_ID: &str = "localhost";
/// The server's public URL, whatever port it listens on.
pub const PUBLIC_URL: &str = "http://localhost:7845";
/// The environment: that of the development server, whose clock can be moved.
pub const ENVIRONMENT: EnvironmentId = DEMO_ENVIRONMENT;

const DAY: i64 = 86_400;

/// The environment's keys, so that tokens need no ceremony.
pub struct Environment {
    /// A backend's API token, which may use up elevated tokens.
    pub api_token: String,
    signing: SigningKey,
}

/// Somebody with an e-mail address, a passkey and a full session.
pub struct Person {
    /// The user.
    pub user: UserId,
    /// The e-mail address.
    pub email: String,
    /// The address as a credential; it opened the session.
    pub address: CredentialId,
    /// The session.
    pub session: SessionId,
    /// The passkey as a credential.
    pub passkey: CredentialId,
    /// The passkey's WebAuthn id.
    pub webauthn_id: [u8; 32],
}

/// The defaults of a sandbox, with limits that nobody meets: as many windows as by default, so that they cost the same.
fn settings() -> Settings {
    Settings {
        allowed_origins: vec![OriginPattern::Localhost],
        scopes: vec![ScopeRule::new("vault:open")],
        limits: Limits::default().relaxed(1_000_000),
        passkeys: Passkeys { rp_id: Some(RP_ID.into()), ..Default::default() },
        ..Settings::default()
    }
}

impl Environment {
    /// Makes it in an empty database.
    pub async fn create(store: &Store, keyring: &Keyring, name: &str, now: Micros) -> Result<Self> {
        environments::create(store, keyring, now, ENVIRONMENT, Kind::Sandbox, name, &settings()).await?;
        let scopes = ["elevatedTokens.consume", "environment.users.write"].map(str::to_owned);
        let (_, token) = environments::create_token(store, keyring, now, ENVIRONMENT, name, &scopes).await?;
        let row = store.signing_keys(ENVIRONMENT).await?.into_iter().next().context("no signing key")?;
        // The associated data is the server's.
        let place: [&[u8]; 3] = [b"signing-key", ENVIRONMENT.as_bytes(), row.kid.as_bytes()];
        let pkcs8 =
            keyring.seal.open(&place, &row.sealed).context("the signing key is sealed in another way")?;
        let signing = SigningKey::from_pkcs8(Algorithm::Es256, &pkcs8)?;
        Ok(Self { api_token: token.to_string(), signing })
    }

    /// An access token of the session, for a day.
    pub fn access(&self, who: &Person, now: Micros) -> Result<String> {
        let hash = |part: u8| serde_json::Value::from(format!("{part:032x}"));
        let claims = SessionClaims {
            kid: self.signing.kid().to_owned(),
            aud: ORIGIN.into(),
            iss: issuer(),
            sub: who.user,
            sid: who.session,
            environment_id: ENVIRONMENT,
            last_verified_credential_id: who.passkey,
            signin_credential_id: who.address,
            session_public_key: None,
            scope: Level::Full.scope().to_owned(),
            email: Some(who.email.clone()),
            username: None,
            original_sid: who.session,
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
        Ok(self.signing.sign(ACCESS, &claims)?)
    }

    /// A fresh elevated token for this scope, as a proof of this passkey of theirs gives it.
    pub fn elevated(&self, who: &Person, passkey: CredentialId, scope: &str, now: Micros) -> Result<String> {
        let claims = ElevatedClaims {
            kid: self.signing.kid().to_owned(),
            aud: ORIGIN.into(),
            iss: issuer(),
            sub: who.user,
            sid: who.session,
            environment_id: ENVIRONMENT,
            jti: base64url(&random::bytes::<16>()),
            scope: scope.parse()?,
            single_use: true,
            credential_id: passkey,
            amr: ["hwk", "user", "mfa"].map(str::to_owned).into(),
            acr: Strength::PhishingResistantVerified,
            epoch: 0,
            auth_time: now,
            iat: now,
            exp: now.plus_seconds(300),
        };
        Ok(self.signing.sign(ELEVATED, &claims)?)
    }
}

fn issuer() -> String {
    format!("{}/{ENVIRONMENT}", PUBLIC_URL.trim_start_matches("http://"))
}

fn credential(facts: Facts, now: Micros) -> Credential {
    let id = CredentialId::new(now, random::bytes());
    Credential { id, facts, sign_in: true, created_at: now, verified_at: now }
}

/// A passkey of the user: its id as a credential and its WebAuthn id.
pub fn add_passkey(
    user: UserId,
    key: &Passkey,
    now: Micros,
    steps: &mut Vec<Step>,
) -> (CredentialId, [u8; 32]) {
    let facts = Facts::key(Format::Passkey, Authenticator { user_verified: true, synced: false });
    let (credential, webauthn_id) = (credential(facts, now), random::bytes::<32>());
    let record = Record {
        credential: credential.id,
        owner: user,
        webauthn_id: webauthn_id.to_vec(),
        public_key: key.cose(),
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
    steps.extend([
        credentials::insert(ENVIRONMENT, user, &webauthn_id, &credential),
        passkeys::insert(&record),
    ]);
    (credential.id, webauthn_id)
}

impl Person {
    /// Somebody new; adds the steps that make them.
    pub fn new(email: String, key: &Passkey, now: Micros, steps: &mut Vec<Step>) -> Self {
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
        let address = credential(Facts::address(Format::Email, email.clone()), now);
        let session = Session {
            id: SessionId::new(now, random::bytes()),
            level: Level::Full,
            created_at: now,
            expires_at: now.plus_seconds(7 * DAY),
            idle_expires_at: now.plus_seconds(7 * DAY),
            sign_in_credential: address.id,
            last_credential: address.id,
            session_key: None,
            device_key: None,
            user_agent: String::new(),
            proofs: vec![Proof::code(Format::Email, address.id, now)],
        };
        steps.extend([
            users::insert(ENVIRONMENT, &user),
            credentials::insert(ENVIRONMENT, user.id, email.as_bytes(), &address),
        ]);
        let (passkey, webauthn_id) = add_passkey(user.id, key, now, steps);
        steps.push(sessions::insert(ENVIRONMENT, user.id, &session));
        Self { user: user.id, email, address: address.id, session: session.id, passkey, webauthn_id }
    }
}
