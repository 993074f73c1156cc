//! Authenticator apps: secrets, sealed. A verified one is a credential; an unverified one is its session's alone, and
//! counts for nothing.

use stile_core::policy::Evidence;
use stile_core::{CredentialId, EnvironmentId, Micros, SessionId, UserId};

use crate::error::StoreError;
use crate::mutation::{Miss, Step};
use crate::value::Row;
use crate::{Store, Value};

/// A verified device's secret; its public facts are in `credentials`.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct TotpDevice {
    /// The credential that it is.
    pub credential: CredentialId,
    /// The secret, sealed.
    pub sealed: Vec<u8>,
    /// The last step that was accepted, counted from the epoch.
    pub last_step: i64,
}

/// A device that has not shown a right code yet.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct UnverifiedTotp {
    /// The session that asked for it.
    pub session: SessionId,
    /// The id of the credential that it will be.
    pub id: CredentialId,
    /// The secret, sealed.
    pub sealed: Vec<u8>,
    /// What the evidence was, for the audit trail.
    pub permitted: String,
    /// Keyed hash of the elevated token, where that was the evidence.
    pub token: Option<[u8; 32]>,
    /// By which credential that was earned, and how strongly: it is judged again when the device is verified.
    pub evidence: Evidence,
    /// The user's epoch then.
    pub epoch: i64,
    /// When it was asked for.
    pub created_at: Micros,
    /// When it stops waiting for its code.
    pub expires_at: Micros,
}

fn read_unverified(mut row: Row) -> Result<UnverifiedTotp, StoreError> {
    Ok(UnverifiedTotp {
        session: row.take()?,
        id: row.take()?,
        sealed: row.take()?,
        permitted: row.take()?,
        token: row.take()?,
        evidence: row.take_json()?,
        epoch: row.take()?,
        created_at: row.take()?,
        expires_at: row.take()?,
    })
}

impl Store {
    /// A verified device of this user.
    pub async fn totp_device(
        &self,
        environment: EnvironmentId,
        owner: UserId,
        credential: CredentialId,
    ) -> Result<Option<TotpDevice>, StoreError> {
        let sql = "SELECT t.credential, t.sealed, t.last_step
                   FROM totp_devices t JOIN credentials c ON c.id = t.credential
                   WHERE t.credential = ?1 AND c.environment = ?2 AND c.owner = ?3";
        let row = self.row(sql, vec![credential.into(), environment.into(), owner.into()]).await?;
        let read = |mut row: Row| {
            Ok(TotpDevice { credential: row.take()?, sealed: row.take()?, last_step: row.take()? })
        };
        row.map(read).transpose()
    }

    /// The device that waits for its first code in this session.
    pub async fn unverified_totp(
        &self,
        session: SessionId,
        now: Micros,
    ) -> Result<Option<UnverifiedTotp>, StoreError> {
        let sql = "SELECT session, id, sealed, permitted, token, evidence, epoch, created_at, expires_at
                   FROM totp_unverified WHERE session = ?1 AND +expires_at > ?2";
        self.row(sql, vec![session.into(), now.into()]).await?.map(read_unverified).transpose()
    }
}

/// A verified device, after its credential.
pub fn insert(device: &TotpDevice) -> Step {
    let sql =
        "INSERT INTO totp_devices (credential, sealed, last_step) VALUES (?1, ?2, ?3) ON CONFLICT DO NOTHING";
    let args: Vec<Value> =
        vec![device.credential.into(), device.sealed.as_slice().into(), device.last_step.into()];
    Step::one(sql, args, Miss::Taken)
}

/// Uses up a code: its step becomes the last accepted one, and only a later step than that passes (CVE-2026-20779).
pub fn advance(credential: CredentialId, step: i64) -> Step {
    let sql = "UPDATE totp_devices SET last_step = ?2 WHERE credential = ?1 AND last_step < ?2";
    Step::one(sql, vec![credential.into(), step.into()], Miss::AlreadyUsed)
}

/// A device that waits for its first code, in the place of the one that waited in this session before.
pub fn await_code(device: &UnverifiedTotp) -> Step {
    let sql =
        "INSERT INTO totp_unverified (session, id, sealed, permitted, token, evidence, epoch, created_at, expires_at)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)
         ON CONFLICT (session) DO UPDATE SET
           id = excluded.id, sealed = excluded.sealed, permitted = excluded.permitted, token = excluded.token,
           evidence = excluded.evidence, epoch = excluded.epoch, created_at = excluded.created_at,
           expires_at = excluded.expires_at";
    let args: Vec<Value> = vec![
        device.session.into(),
        device.id.into(),
        device.sealed.as_slice().into(),
        device.permitted.as_str().into(),
        device.token.into(),
        // An id and a fixed word always serialise.
        serde_json::to_string(&device.evidence).unwrap_or_default().into(),
        device.epoch.into(),
        device.created_at.into(),
        device.expires_at.into(),
    ];
    Step::one(sql, args, Miss::Taken)
}

/// Uses up the wait of a device: it is verified now, or given up.
pub fn end_wait(session: SessionId, id: CredentialId) -> Step {
    let sql = "DELETE FROM totp_unverified WHERE session = ?1 AND id = ?2";
    Step::one(sql, vec![session.into(), id.into()], Miss::AlreadyUsed)
}
