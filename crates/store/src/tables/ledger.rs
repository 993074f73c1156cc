//! The ledger: what has been used up (invariant 1). One conditional write decides, on any number of nodes.

use stile_core::Micros;

use crate::error::StoreError;
use crate::mutation::{Miss, Step};
use crate::{Store, Value};

/// What kind of thing is used up.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Kind {
    /// A nonce of a device proof.
    Nonce,
    /// A WebAuthn challenge.
    Challenge,
    /// A one-time code.
    Code,
    /// A single-use elevated access token.
    ElevatedToken,
    /// The id that a backend gave to one use of an elevated access token.
    Use,
}

impl Kind {
    /// The text in the table.
    const fn as_str(self) -> &'static str {
        match self {
            Self::Nonce => "nonce",
            Self::Challenge => "challenge",
            Self::Code => "code",
            Self::ElevatedToken => "elevated_token",
            Self::Use => "use",
        }
    }
}

/// Uses a thing up. It is remembered until `expires_at`, which must not be earlier than the thing's own end.
pub fn consume(kind: Kind, key: &[u8], now: Micros, expires_at: Micros) -> Step {
    consume_with_note(kind, key, None, now, expires_at)
}

/// As `consume`, and keeps what it was used for, so that the same use can be answered the same again.
pub fn consume_with_note(
    kind: Kind,
    key: &[u8],
    note: Option<[u8; 32]>,
    now: Micros,
    expires_at: Micros,
) -> Step {
    let sql = "INSERT INTO ledger (kind, key, note, used_at, expires_at) VALUES (?1, ?2, ?3, ?4, ?5)
               ON CONFLICT DO NOTHING";
    let args: Vec<Value> = vec![kind.as_str().into(), key.into(), note.into(), now.into(), expires_at.into()];
    // Nonces and use ids ride along with other single-use things: their misses must be told from each other.
    let miss = match kind {
        Kind::Nonce => Miss::NonceUsed,
        Kind::Use => Miss::UseKnown,
        Kind::Challenge | Kind::Code | Kind::ElevatedToken => Miss::AlreadyUsed,
    };
    Step::one(sql, args, miss)
}

impl Store {
    /// The note of a thing that was used up; `None` when it was not, or without a note.
    pub async fn ledger_note(&self, kind: Kind, key: &[u8]) -> Result<Option<[u8; 32]>, StoreError> {
        let sql = "SELECT note FROM ledger WHERE kind = ?1 AND key = ?2";
        let row = self.row(sql, vec![kind.as_str().into(), key.into()]).await?;
        row.map_or(Ok(None), |mut row| row.take())
    }

    /// Whether a thing was used up.
    pub async fn is_used(&self, kind: Kind, key: &[u8]) -> Result<bool, StoreError> {
        let sql = "SELECT 1 FROM ledger WHERE kind = ?1 AND key = ?2";
        Ok(self.row(sql, vec![kind.as_str().into(), key.into()]).await?.is_some())
    }
}
