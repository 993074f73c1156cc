//! What WebAuthn needs to verify a passkey; its public facts are in `credentials`.

use stile_core::{CredentialId, EnvironmentId, Micros, UserId};

use crate::error::StoreError;
use crate::mutation::{Miss, Step};
use crate::value::Row;
use crate::{Store, Value};

/// A passkey's WebAuthn record (WebAuthn L3 §4, credential record).
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Passkey {
    /// The credential that it is.
    pub credential: CredentialId,
    /// Its owner, whose id is the WebAuthn user handle.
    pub owner: UserId,
    /// The WebAuthn credential id.
    pub webauthn_id: Vec<u8>,
    /// COSE key.
    pub public_key: Vec<u8>,
    /// Signature counter.
    pub sign_count: u32,
    /// Model of the authenticator.
    pub aaguid: [u8; 16],
    /// Transports as the browser named them.
    pub transports: Vec<String>,
    /// Backup eligibility at the last ceremony. It may come, and never goes.
    pub backup_eligible: bool,
    /// Backup state at the last ceremony.
    pub backed_up: bool,
    /// Origin of the page that enrolled it.
    pub origin: String,
    /// User agent of the browser that enrolled it.
    pub user_agent: String,
    /// When it was enrolled.
    pub created_at: Micros,
    /// When it was last used or renamed.
    pub updated_at: Micros,
}

macro_rules! select {
    ($rest:literal) => {
        concat!(
            "SELECT p.credential, c.owner, c.identifier, p.public_key, p.sign_count, p.aaguid, p.transports,
                    p.backup_eligible, p.backed_up, p.origin, p.user_agent, c.created_at, p.updated_at
             FROM credentials c JOIN passkeys p ON p.credential = c.id ",
            $rest
        )
    };
}

fn read(mut row: Row) -> Result<Passkey, StoreError> {
    Ok(Passkey {
        credential: row.take()?,
        owner: row.take()?,
        webauthn_id: row.take()?,
        public_key: row.take()?,
        sign_count: row.take()?,
        aaguid: row.take()?,
        transports: row.take_json()?,
        backup_eligible: row.take()?,
        backed_up: row.take()?,
        origin: row.take()?,
        user_agent: row.take()?,
        created_at: row.take()?,
        updated_at: row.take()?,
    })
}

impl Store {
    /// The user's passkeys, oldest first.
    pub async fn passkeys(
        &self,
        environment: EnvironmentId,
        owner: UserId,
    ) -> Result<Vec<Passkey>, StoreError> {
        let sql = select!("WHERE c.environment = ?1 AND c.owner = ?2 ORDER BY c.created_at, c.id");
        self.rows(sql, vec![environment.into(), owner.into()]).await?.into_iter().map(read).collect()
    }

    /// The passkey with this WebAuthn credential id.
    pub async fn passkey(
        &self,
        environment: EnvironmentId,
        id: &[u8],
    ) -> Result<Option<Passkey>, StoreError> {
        let sql = select!("WHERE c.environment = ?1 AND c.format = 'passkey' AND c.identifier = ?2");
        self.row(sql, vec![environment.into(), id.into()]).await?.map(read).transpose()
    }
}

/// A new passkey, after its credential.
pub fn insert(p: &Passkey) -> Step {
    let sql = "INSERT INTO passkeys (credential, public_key, sign_count, aaguid, transports, backup_eligible,
                                     backed_up, origin, user_agent, updated_at)
               VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10) ON CONFLICT DO NOTHING";
    let args: Vec<Value> = vec![
        p.credential.into(),
        p.public_key.as_slice().into(),
        p.sign_count.into(),
        p.aaguid.into(),
        // A list of strings always serialises.
        serde_json::to_string(&p.transports).unwrap_or_else(|_| "[]".into()).into(),
        p.backup_eligible.into(),
        p.backed_up.into(),
        p.origin.as_str().into(),
        p.user_agent.as_str().into(),
        p.updated_at.into(),
    ];
    Step::one(sql, args, Miss::Taken)
}

/// Writes a use (WebAuthn L3 §7.2 step 24): counter, backup eligibility and backup state of `after`. Only from what was read, so
/// that two copies of one key cannot both pass, and eligibility that was gained is not lost again.
pub fn mark_used(read: &Passkey, after: &Passkey, now: Micros) -> Step {
    let sql = "UPDATE passkeys SET sign_count = ?4, backup_eligible = ?5, backed_up = ?6, updated_at = ?7
               WHERE credential = ?1 AND sign_count = ?2 AND backup_eligible = ?3";
    let args = vec![
        read.credential.into(),
        read.sign_count.into(),
        read.backup_eligible.into(),
        after.sign_count.into(),
        after.backup_eligible.into(),
        after.backed_up.into(),
        now.into(),
    ];
    Step::one(sql, args, Miss::CounterMoved)
}

/// Writes when the name was changed.
pub fn mark_renamed(credential: CredentialId, now: Micros) -> Step {
    let sql = "UPDATE passkeys SET updated_at = ?2 WHERE credential = ?1";
    Step::one(sql, vec![credential.into(), now.into()], Miss::NotFound)
}
