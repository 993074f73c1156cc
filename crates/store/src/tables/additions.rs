//! What was added to accounts in the last days, and the links by which additions are undone. Links are kept as keyed
//! hashes. They end with the address that they were mailed to, and outlive the one that was added, as notes of additions
//! do: what it enrolled may still be there.

use stile_core::policy::Addition;
use stile_core::{CredentialId, EnvironmentId, Micros, UserId};

use crate::error::StoreError;
use crate::mutation::{Miss, Step};
use crate::{Store, Value};

/// A link that undoes an addition.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct UndoLink {
    /// Keyed hash of the token in the link.
    pub hash: [u8; 32],
    /// Where the user is.
    pub environment: EnvironmentId,
    /// Whose credential it is.
    pub owner: UserId,
    /// The address that was added.
    pub credential: CredentialId,
    /// That address, masked, to be shown.
    pub masked: String,
    /// The address that the link was mailed to.
    pub recipient: CredentialId,
    /// When the link ends.
    pub expires_at: Micros,
}

impl Store {
    /// What was added to the user's account and is still remembered.
    pub async fn additions(&self, owner: UserId) -> Result<Vec<Addition>, StoreError> {
        let sql = "SELECT credential, added_by FROM additions WHERE owner = ?1";
        let rows = self.rows(sql, vec![owner.into()]).await?;
        rows.into_iter().map(|mut row| Ok(Addition { credential: row.take()?, by: row.take()? })).collect()
    }

    /// The link of that hash, unless it has ended.
    pub async fn undo_link(&self, hash: [u8; 32], now: Micros) -> Result<Option<UndoLink>, StoreError> {
        let sql = "SELECT hash, environment, owner, credential, masked, recipient, expires_at
                   FROM undo_links WHERE hash = ?1 AND +expires_at > ?2";
        let row = self.row(sql, vec![hash.into(), now.into()]).await?;
        row.map(|mut row| {
            Ok(UndoLink {
                hash: row.take()?,
                environment: row.take()?,
                owner: row.take()?,
                credential: row.take()?,
                masked: row.take()?,
                recipient: row.take()?,
                expires_at: row.take()?,
            })
        })
        .transpose()
    }
}

/// Remembers on whose proof a credential was added, after the credential.
pub fn insert(owner: UserId, addition: Addition, expires_at: Micros) -> Step {
    let sql = "INSERT INTO additions (credential, owner, added_by, expires_at) VALUES (?1, ?2, ?3, ?4)
               ON CONFLICT DO NOTHING";
    let args: Vec<Value> =
        vec![addition.credential.into(), owner.into(), addition.by.into(), expires_at.into()];
    Step::one(sql, args, Miss::Taken)
}

/// What was added on the proof of a removed credential counts from now on as added on the proof by which the removed one was
/// added itself. Where that is not noted, nothing is.
pub fn inherit(owner: UserId, removed: CredentialId) -> [Step; 2] {
    let pass_on = "UPDATE additions
                   SET added_by = (SELECT p.added_by FROM additions p WHERE p.credential = ?2)
                   WHERE owner = ?1 AND added_by = ?2
                     AND EXISTS (SELECT 1 FROM additions p WHERE p.credential = ?2)";
    let let_go = "DELETE FROM additions WHERE owner = ?1 AND added_by = ?2";
    [pass_on, let_go].map(|sql| Step::any(sql, vec![owner.into(), removed.into()]))
}

/// A link, after the credential that it undoes.
pub fn offer(link: &UndoLink) -> Step {
    let sql = "INSERT INTO undo_links (hash, environment, owner, credential, masked, recipient, expires_at)
               VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7) ON CONFLICT DO NOTHING";
    let args: Vec<Value> = vec![
        link.hash.into(),
        link.environment.into(),
        link.owner.into(),
        link.credential.into(),
        link.masked.as_str().into(),
        link.recipient.into(),
        link.expires_at.into(),
    ];
    Step::one(sql, args, Miss::Taken)
}

/// Uses up a link.
pub fn use_up(hash: [u8; 32], now: Micros) -> Step {
    let sql = "DELETE FROM undo_links WHERE hash = ?1 AND +expires_at > ?2";
    Step::one(sql, vec![hash.into(), now.into()], Miss::AlreadyUsed)
}
