//! Legacy MFA tokens, as keyed hashes. They end with their session.

use stile_core::{Micros, Proof, SessionId};

use crate::error::StoreError;
use crate::mutation::{Miss, Step};
use crate::{Store, Value};

/// A legacy MFA token.
#[derive(Clone, PartialEq, Debug)]
pub struct MfaToken {
    /// Keyed hash of the text that the client holds.
    pub hash: [u8; 32],
    /// The session that it was issued in.
    pub session: SessionId,
    /// The proof behind it.
    pub proof: Proof,
    /// Whether it can be used once only.
    pub single_use: bool,
    /// The user's epoch then.
    pub epoch: i64,
    /// When it ends.
    pub expires_at: Micros,
}

impl Store {
    /// The token of that hash in this session, unless it has ended.
    pub async fn mfa_token(
        &self,
        session: SessionId,
        hash: [u8; 32],
        now: Micros,
    ) -> Result<Option<MfaToken>, StoreError> {
        let sql = "SELECT hash, session, proof, single_use, epoch, expires_at
                   FROM mfa_tokens WHERE hash = ?1 AND session = ?2 AND +expires_at > ?3";
        let row = self.row(sql, vec![hash.into(), session.into(), now.into()]).await?;
        row.map(|mut row| {
            Ok(MfaToken {
                hash: row.take()?,
                session: row.take()?,
                proof: row.take_json()?,
                single_use: row.take()?,
                epoch: row.take()?,
                expires_at: row.take()?,
            })
        })
        .transpose()
    }
}

/// A new token, after its session.
pub fn insert(token: &MfaToken) -> Step {
    let sql = "INSERT INTO mfa_tokens (hash, session, proof, single_use, epoch, expires_at)
               VALUES (?1, ?2, ?3, ?4, ?5, ?6) ON CONFLICT DO NOTHING";
    let args: Vec<Value> = vec![
        token.hash.into(),
        token.session.into(),
        // Numbers, booleans and fixed words always serialise.
        serde_json::to_string(&token.proof).unwrap_or_default().into(),
        token.single_use.into(),
        token.epoch.into(),
        token.expires_at.into(),
    ];
    Step::one(sql, args, Miss::Taken)
}

/// Uses up a single-use token.
pub fn use_up(hash: [u8; 32]) -> Step {
    Step::one("DELETE FROM mfa_tokens WHERE hash = ?1", vec![hash.into()], Miss::AlreadyUsed)
}
