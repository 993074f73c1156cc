//! An environment with people in it, made through the store's own mutations before the server starts.

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};

use anyhow::{Context as _, Result};
use stile_core::claims::{ACCESS, ELEVATED, ElevatedClaims, SessionClaims};
use stile_core::origin::OriginPattern;
use stile_core::principal::Profile;
use stile_core::settings::{Kind, Limits, ScopeRule, Settings};
use stile_core::{
    Credential, CredentialId, CredentialKind, EnvironmentId, Level, Micros, Proof, Session, SessionId,
    Strength, User, UserId,
};
use stile_keys::encoding::base64url;
use stile_keys::jws::{Algorithm, SigningKey};
use stile_keys::{Keyring, MasterKey, random};
use stile_server::DEMO_ENVIRONMENT;
use stile_server::clock::Clock;
use stile_server::flows::environments;
use stile_store::{Mutation, Passkey as Record, Store, credentials, passkeys, sessions, users};

use crate::passkey::Passkey;

/// The app's origin.
pub(crate) const ORIGIN: &str = "http://localhost:3000";
/// The relying party.
pub(crate) const RP_ID: &str = "localhost";
/// The server's public URL, whatever port it listens on.
pub(crate) const PUBLIC_URL: &str = "http://localhost:7845";
/// The environment: that of the development server, whose clock can be moved.
pub(crate) const ENVIRONMENT: EnvironmentId = DEMO_ENVIRONMENT;

const PEOPLE: usize = 48;
const DAY: i64 = 86_400;

/// What the load knows.
pub(crate) struct Site {
    /// Holds the key and, for the embedded engine, the database.
    pub(crate) folder: PathBuf,
    /// A database on a server instead.
    pub(crate) url: Option<String>,
    pub(crate) api_token: String,
    pub(crate) people: Vec<Person>,
    signing: SigningKey,
}

/// Somebody with an address, a passkey and a session.
pub(crate) struct Person {
    pub(crate) user: UserId,
    pub(crate) email: String,
    pub(crate) access: String,
    pub(crate) passkey: Passkey,
    pub(crate) webauthn_id: [u8; 32],
    /// The last counter that was sent, and the last for which the server said yes.
    pub(crate) sent: AtomicU32,
    pub(crate) accepted: AtomicU32,
    session: SessionId,
    credential: CredentialId,
}

fn now() -> Micros {
    Clock::default().now()
}

impl Site {
    /// A new site in the folder.
    pub(crate) async fn new(folder: &Path, url: Option<String>) -> Result<Self> {
        let key = MasterKey::generate();
        let file = folder.join("master.key");
        std::fs::write(&file, key.encode().as_bytes())?;
        std::fs::set_permissions(&file, std::os::unix::fs::PermissionsExt::from_mode(0o600))?;
        let keyring = Keyring::new(&key)?;
        let store = match &url {
            None => Store::sqlite(&folder.join("stile.db"), now())?,
            Some(url) => Store::postgres(url, now()).await?,
        };
        let settings = Settings {
            allowed_origins: vec![OriginPattern::Localhost],
            scopes: vec![ScopeRule::new("vault:open")],
            limits: Limits::default().relaxed(1_000_000),
            passkeys: stile_core::settings::Passkeys { rp_id: Some(RP_ID.into()), ..Default::default() },
            ..Settings::default()
        };
        environments::create(&store, &keyring, now(), ENVIRONMENT, Kind::Sandbox, "faults", &settings)
            .await?;
        let scopes = ["elevatedTokens.consume".to_owned()];
        let made =
            environments::create_token(&store, &keyring, now(), ENVIRONMENT, "faults", &scopes).await?;
        let signing = signing_key(&store, &keyring).await?;
        let mut people = Vec::new();
        for number in 0..PEOPLE {
            people.push(person(&store, &signing, number).await?);
        }
        Ok(Self { folder: folder.to_owned(), url, api_token: made.1.to_string(), people, signing })
    }

    /// A fresh elevated token for `vault:open`.
    pub(crate) fn elevated(&self, who: &Person) -> Result<String> {
        let now = now();
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

impl Person {
    /// The next counter: one that was never sent.
    pub(crate) fn count(&self) -> u32 {
        self.sent.fetch_add(1, Ordering::SeqCst) + 1
    }
}

fn issuer() -> String {
    format!("{}/{ENVIRONMENT}", PUBLIC_URL.trim_start_matches("http://"))
}

/// The environment's own key, so that elevated tokens need no ceremony. The associated data is the server's.
async fn signing_key(store: &Store, keyring: &Keyring) -> Result<SigningKey> {
    let row = store.signing_keys(ENVIRONMENT).await?.into_iter().next().context("no signing key")?;
    let context: [&[u8]; 3] = [b"signing-key", ENVIRONMENT.as_bytes(), row.kid.as_bytes()];
    let pkcs8 =
        keyring.seal.open(&context, &row.sealed).context("the signing key is sealed in another way")?;
    Ok(SigningKey::from_pkcs8(Algorithm::Es256, &pkcs8)?)
}

async fn person(store: &Store, signing: &SigningKey, number: usize) -> Result<Person> {
    let now = now();
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
    let address = format!("user{number}@example.com");
    let credential = |kind| Credential {
        id: CredentialId::new(now, random::bytes()),
        kind,
        sign_in: true,
        created_at: now,
        verified_at: now,
    };
    let email = credential(CredentialKind::Email { address: address.clone() });
    let second = credential(CredentialKind::Passkey { alias: None, user_verified: true, synced: false });
    let (passkey, webauthn_id): (_, [u8; 32]) = (Passkey::new()?, random::bytes());
    let record = Record {
        credential: second.id,
        owner: user.id,
        webauthn_id: webauthn_id.to_vec(),
        public_key: passkey.cose(),
        sign_count: 1,
        aaguid: [0; 16],
        transports: vec!["internal".into()],
        backup_eligible: false,
        backed_up: false,
        origin: ORIGIN.into(),
        user_agent: String::new(),
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
    let steps = [
        users::insert(ENVIRONMENT, &user),
        credentials::insert(ENVIRONMENT, user.id, address.as_bytes(), &email),
        credentials::insert(ENVIRONMENT, user.id, &webauthn_id, &second),
        passkeys::insert(&record),
        sessions::insert(ENVIRONMENT, user.id, &session),
    ];
    store.commit(Mutation::new(steps)).await?;
    let claims = SessionClaims {
        kid: signing.kid().to_owned(),
        aud: ORIGIN.into(),
        iss: issuer(),
        sub: user.id.to_string(),
        sid: session.id.to_string(),
        environment_id: ENVIRONMENT.to_string(),
        last_verified_credential_id: second.id.to_string(),
        signin_credential_id: email.id.to_string(),
        session_public_key: None,
        scope: Level::Full.scope().to_owned(),
        email: Some(address.clone()),
        username: None,
        original_sid: session.id.to_string(),
        refresh_exp: now.plus_seconds(7 * DAY).seconds(),
        verified_credentials_hashes: serde_json::Map::new(),
        roles: Vec::new(),
        amr: vec!["otp".into()],
        auth_time: now.seconds(),
        iat: now.seconds(),
        exp: now.plus_seconds(DAY).seconds(),
    };
    Ok(Person {
        user: user.id,
        email: address,
        access: signing.sign(ACCESS, &claims)?,
        passkey,
        webauthn_id,
        sent: AtomicU32::new(1),
        accepted: AtomicU32::new(1),
        session: session.id,
        credential: second.id,
    })
}
