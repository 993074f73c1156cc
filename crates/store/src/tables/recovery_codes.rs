//! Recovery codes, as keyed hashes. A row is a code that can still be used; using one deletes it.

use stile_core::{Micros, UserId};

use crate::Store;
use crate::error::StoreError;
use crate::mutation::{Miss, Step};

impl Store {
    /// The codes that the user has left, as keyed hashes.
    pub async fn recovery_codes(&self, owner: UserId) -> Result<Vec<[u8; 32]>, StoreError> {
        let sql = "SELECT hash FROM recovery_codes WHERE owner = ?1";
        let rows = self.rows(sql, vec![owner.into()]).await?;
        rows.into_iter().map(|mut row| row.take()).collect()
    }

    /// The set that the user has still to see, sealed.
    pub async fn shown_recovery_codes(
        &self,
        owner: UserId,
        now: Micros,
    ) -> Result<Option<Vec<u8>>, StoreError> {
        let sql = "SELECT sealed FROM recovery_shown WHERE owner = ?1 AND +expires_at > ?2";
        let row = self.row(sql, vec![owner.into(), now.into()]).await?;
        row.map(|mut row| row.take()).transpose()
    }
}

/// A code that can be used.
pub fn insert(owner: UserId, hash: [u8; 32]) -> Step {
    let sql = "INSERT INTO recovery_codes (owner, hash) VALUES (?1, ?2) ON CONFLICT DO NOTHING";
    Step::one(sql, vec![owner.into(), hash.into()], Miss::Taken)
}

/// Uses up a code: it passes once, for its user alone.
pub fn use_up(owner: UserId, hash: [u8; 32]) -> Step {
    let sql = "DELETE FROM recovery_codes WHERE owner = ?1 AND hash = ?2";
    Step::one(sql, vec![owner.into(), hash.into()], Miss::AlreadyUsed)
}

/// Ends all codes of the user.
pub fn delete_all(owner: UserId) -> Step {
    Step::any("DELETE FROM recovery_codes WHERE owner = ?1", vec![owner.into()])
}

/// Keeps a set, sealed, for the user to see.
pub fn show(owner: UserId, sealed: &[u8], expires_at: Micros) -> Step {
    let sql = "INSERT INTO recovery_shown (owner, sealed, expires_at) VALUES (?1, ?2, ?3)
               ON CONFLICT (owner) DO UPDATE SET sealed = excluded.sealed, expires_at = excluded.expires_at";
    Step::one(sql, vec![owner.into(), sealed.into(), expires_at.into()], Miss::Taken)
}

/// Forgets the set that was kept to be seen.
pub fn hide(owner: UserId) -> Step {
    Step::any("DELETE FROM recovery_shown WHERE owner = ?1", vec![owner.into()])
}
