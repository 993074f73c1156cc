//! Things to fill a database with. Everything is derived from small numbers: no clock, no randomness.

use stile_core::principal::Profile;
use stile_core::settings::{Kind, Settings};
use stile_core::{
    AuditId, Authenticator, Credential, CredentialId, EnvironmentId, Facts, Format, Level, Micros, OutboxId,
    Proof, Session, SessionId, User, UserId, VerificationId,
};
use stile_store::{
    AuditEvent, Environment, Mail, Passkey, Source, Step, Verification, credentials, environments, passkeys,
    sessions, users,
};

use crate::engines::Db;

/// The moment at which tests happen.
pub(crate) const NOW: Micros = Micros::new(1_800_000_000_000_000);

/// Some seconds after `NOW`, or before it.
pub(crate) const fn at(seconds: i64) -> Micros {
    NOW.plus_seconds(seconds)
}

pub(crate) fn id16(n: u64) -> [u8; 16] {
    u128::from(n).to_be_bytes()
}

pub(crate) fn hash(n: u64) -> [u8; 32] {
    let mut bytes = [7; 32];
    bytes[..8].copy_from_slice(&n.to_be_bytes());
    bytes
}

pub(crate) fn environment_id(n: u64) -> EnvironmentId {
    EnvironmentId::from_bytes(id16(n))
}

pub(crate) fn session_id(n: u64) -> SessionId {
    SessionId::from_bytes(id16(n))
}

pub(crate) fn credential_id(n: u64) -> CredentialId {
    CredentialId::from_bytes(id16(n))
}

pub(crate) fn environment(n: u64) -> Environment {
    let (name, made) = (format!("environment {n}"), at(n.cast_signed()));
    Environment::new(environment_id(n), Kind::Sandbox, &name, &Settings::default(), made)
}

pub(crate) fn user(n: u64) -> User {
    User {
        id: UserId::from_bytes(id16(n)),
        version: 1,
        profile: Profile::default(),
        first_visit: NOW,
        last_visit: NOW,
        default_method: None,
        recovery: None,
        epoch: 0,
    }
}

pub(crate) fn named(n: u64, username: &str) -> User {
    User { profile: profile(username), ..user(n) }
}

pub(crate) fn profile(username: &str) -> Profile {
    Profile { username: Some(username.into()), ..Profile::default() }
}

pub(crate) fn email(n: u64, created_at: Micros) -> Credential {
    let facts = Facts::address(Format::Email, format!("{n}@example.org"));
    Credential { id: credential_id(n), facts, sign_in: true, created_at, verified_at: created_at }
}

pub(crate) fn passkey_credential(n: u64, created_at: Micros) -> Credential {
    let facts = Facts {
        alias: Some(format!("key {n}")),
        ..Facts::key(Format::Passkey, Authenticator { user_verified: true, synced: false })
    };
    Credential { id: credential_id(n), facts, sign_in: false, created_at, verified_at: created_at }
}

pub(crate) fn passkey(n: u64, owner: UserId, sign_count: u32) -> Passkey {
    Passkey {
        credential: credential_id(n),
        owner,
        webauthn_id: n.to_be_bytes().to_vec(),
        public_key: vec![1, 2, 3],
        sign_count,
        aaguid: [9; 16],
        transports: vec!["internal".into(), "hybrid".into()],
        backup_eligible: true,
        backed_up: false,
        origin: "https://app.example.org".into(),
        user_agent: "browser".into(),
        created_at: NOW,
        updated_at: NOW,
    }
}

pub(crate) fn session(n: u64, credential: CredentialId) -> Session {
    Session {
        id: session_id(n),
        level: Level::Full,
        created_at: NOW,
        expires_at: at(86_400),
        idle_expires_at: at(3_600),
        sign_in_credential: credential,
        last_credential: credential,
        session_key: Some("02ab".into()),
        device_key: None,
        user_agent: "Browser".into(),
        proofs: vec![Proof::code(Format::Email, credential, NOW)],
    }
}

pub(crate) fn verification(n: u64) -> Verification {
    Verification {
        id: VerificationId::from_bytes(id16(n)),
        address: hash(1),
        sealed_address: vec![1, 2, 3],
        creator: hash(2),
        session: None,
        begun: None,
        device: None,
        digits: 6,
        tries: 0,
        code: hash(3),
        created_at: NOW,
        expires_at: at(600),
    }
}

pub(crate) fn mail(n: u64) -> Mail {
    Mail {
        id: OutboxId::from_bytes(id16(n)),
        environment: environment_id(1),
        recipient: None,
        template: "code".into(),
        sealed: vec![5, 6, 7],
        created_at: NOW,
        expires_at: at(600),
    }
}

pub(crate) fn event(n: u64, request: &str) -> AuditEvent {
    AuditEvent {
        id: AuditId::from_bytes(id16(n)),
        environment: environment_id(1),
        subject: None,
        event: stile_core::EventName::UserUpdated,
        detail: serde_json::json!({ "n": n }),
        source: Source { request: request.into(), ..Source::operator() },
        at: NOW,
    }
}

/// A user with an e-mail address and, in the same numbers, a session that it opened.
pub(crate) fn signed_in(environment: EnvironmentId, n: u64) -> Vec<Step> {
    let (user, email) = (user(n), email(n, NOW));
    vec![
        users::insert(environment, &user),
        credentials::insert(environment, user.id, format!("{n}@example.org").as_bytes(), &email),
        sessions::insert(environment, user.id, &session(n, email.id)),
    ]
}

/// A passkey of a user: credential and record.
pub(crate) fn enrolled(environment: EnvironmentId, owner: UserId, n: u64, sign_count: u32) -> Vec<Step> {
    let key = passkey(n, owner, sign_count);
    vec![
        credentials::insert(environment, owner, &key.webauthn_id, &passkey_credential(n, NOW)),
        passkeys::insert(&key),
    ]
}

/// The steps that make environments 1 and 2.
pub(crate) async fn with_environments(db: &Db) -> (EnvironmentId, EnvironmentId) {
    let (one, two) = (environment(1), environment(2));
    db.done([environments::insert(&one), environments::insert(&two)]).await;
    (one.id, two.id)
}
