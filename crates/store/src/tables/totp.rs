//! Authenticator apps: secrets, sealed.

use stile_core::{CredentialId, EnvironmentId, UserId};

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
