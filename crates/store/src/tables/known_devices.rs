//! Devices that a user is known to sign in with: their keys, as sessions hold them.

use stile_core::guessing::{KNOWN_SECONDS, MOST_KNOWN};
use stile_core::{EnvironmentId, Micros, SessionId, UserId};

use crate::Store;
use crate::error::StoreError;
use crate::mutation::{Miss, Step};

/// Whose an address is, and whether a device is one of theirs.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Holder {
    /// The user with that address.
    pub user: Option<UserId>,
    /// Whether the user is known to sign in with the device.
    pub known: bool,
}

impl Store {
    /// Who holds the address, and whether they know the device. It is one read whatever the answer is.
    pub async fn holder(
        &self,
        environment: EnvironmentId,
        address: &str,
        device: Option<&str>,
        now: Micros,
    ) -> Result<Holder, StoreError> {
        let sql = "SELECT c.owner, k.expires_at FROM credentials c
                   LEFT JOIN known_devices k ON k.owner = c.owner AND k.key = ?3 AND +k.expires_at > ?4
                   WHERE c.identifier = ?2 AND c.format = 'email' AND c.environment = ?1";
        let args = vec![environment.into(), address.as_bytes().into(), device.into(), now.into()];
        let Some(mut row) = self.row(sql, args).await? else { return Ok(Holder::default()) };
        Ok(Holder { user: Some(row.take()?), known: row.take::<Option<Micros>>()?.is_some() })
    }

    /// Whether any user of the environment is known to sign in with the device.
    pub async fn is_known_device(
        &self,
        environment: EnvironmentId,
        key: &str,
        now: Micros,
    ) -> Result<bool, StoreError> {
        // By the user's id: as a join, PostgreSQL walks all users of the environment.
        let sql = "SELECT 1 FROM known_devices k WHERE k.key = ?2 AND +k.expires_at > ?3
                   AND (SELECT u.environment FROM users u WHERE u.id = k.owner) = ?1 LIMIT 1";
        Ok(self.row(sql, vec![environment.into(), key.into(), now.into()]).await?.is_some())
    }
}

/// Remembers the device of a sign-in that completed, for 180 days, and forgets the oldest beyond five.
pub fn remember(owner: UserId, key: &str, now: Micros) -> [Step; 2] {
    let sql = "INSERT INTO known_devices (owner, key, signed_in_at, expires_at) VALUES (?1, ?2, ?3, ?4)
               ON CONFLICT (owner, key) DO UPDATE
               SET signed_in_at = excluded.signed_in_at, expires_at = excluded.expires_at";
    let until = now.plus_seconds(KNOWN_SECONDS);
    let crowded = "DELETE FROM known_devices WHERE owner = ?1 AND key NOT IN
                     (SELECT key FROM known_devices WHERE owner = ?1 ORDER BY signed_in_at DESC, key LIMIT ?2)";
    [
        Step::one(sql, vec![owner.into(), key.into(), now.into(), until.into()], Miss::Taken),
        Step::any(crowded, vec![owner.into(), MOST_KNOWN.into()]),
    ]
}

/// Lets a mutation pass only while the device is known; misses with `LockedOut` otherwise.
pub fn hold_known(owner: UserId, key: &str, now: Micros) -> Step {
    let sql = "UPDATE known_devices SET signed_in_at = signed_in_at
               WHERE owner = ?1 AND key = ?2 AND +expires_at > ?3";
    Step::one(sql, vec![owner.into(), key.into(), now.into()], Miss::LockedOut)
}

/// Forgets the device that this session of the user was opened with: the session is being revoked.
pub fn forget_device_of(owner: UserId, session: SessionId) -> Step {
    let sql = "DELETE FROM known_devices WHERE owner = ?1 AND key IN
                 (SELECT device_key FROM sessions WHERE id = ?2 AND owner = ?1 AND device_key IS NOT NULL)";
    Step::any(sql, vec![owner.into(), session.into()])
}

/// Forgets all devices of the user, but the one named.
pub fn forget_all(owner: UserId, except: Option<&str>) -> Step {
    let sql = "DELETE FROM known_devices WHERE owner = ?1 AND (key <> ?2 OR ?2 IS NULL)";
    Step::any(sql, vec![owner.into(), except.into()])
}
