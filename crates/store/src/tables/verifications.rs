//! One-time codes that were sent.

use stile_core::{CredentialId, EnvironmentId, Micros, SessionId, VerificationId};

use crate::error::StoreError;
use crate::mutation::{Miss, Step};
use crate::value::Row;
use crate::{Store, Value};

/// A code on its way. Address and code are kept as keyed hashes; the address also sealed, to be used on success.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Verification {
    /// `verificationUUID` on the wire.
    pub id: VerificationId,
    /// Keyed hash of the normalised address.
    pub address: [u8; 32],
    /// The address, sealed.
    pub sealed_address: Vec<u8>,
    /// Keyed hash of who asked: the session or none, and the session key where one was sent.
    pub creator: [u8; 32],
    /// The session that asked.
    pub session: Option<SessionId>,
    /// For a change of address: what was begun with its permit.
    pub begun: Option<CredentialId>,
    /// The known device of the address's user that asked, by its key.
    pub device: Option<String>,
    /// Keyed hash of the code.
    pub code: [u8; 32],
    /// How many digits the code has.
    pub digits: u32,
    /// Wrong answers so far.
    pub tries: i64,
    /// When it was created.
    pub created_at: Micros,
    /// When it stops being accepted.
    pub expires_at: Micros,
}

/// How many wrong answers a verification survives.
pub const MAX_TRIES: i64 = 5;

macro_rules! select {
    ($rest:literal) => {
        concat!(
            "SELECT id, address, sealed_address, creator, session, begun, device, code, digits, tries,
                    created_at, expires_at
             FROM verifications ",
            $rest
        )
    };
}

fn read(mut row: Row) -> Result<Verification, StoreError> {
    Ok(Verification {
        id: row.take()?,
        address: row.take()?,
        sealed_address: row.take()?,
        creator: row.take()?,
        session: row.take()?,
        begun: row.take()?,
        device: row.take()?,
        code: row.take()?,
        digits: row.take()?,
        tries: row.take()?,
        created_at: row.take()?,
        expires_at: row.take()?,
    })
}

impl Store {
    /// The verification of that id in this environment.
    pub async fn verification(
        &self,
        environment: EnvironmentId,
        id: VerificationId,
    ) -> Result<Option<Verification>, StoreError> {
        let sql = select!("WHERE id = ?1 AND environment = ?2");
        self.row(sql, vec![id.into(), environment.into()]).await?.map(read).transpose()
    }

    /// The newest live verification for this address by this creator.
    pub async fn live_verification(
        &self,
        environment: EnvironmentId,
        address: [u8; 32],
        creator: [u8; 32],
        now: Micros,
    ) -> Result<Option<Verification>, StoreError> {
        let sql = select!(
            "WHERE environment = ?1 AND address = ?2 AND creator = ?3 AND +expires_at > ?4 AND tries < ?5
             ORDER BY created_at DESC LIMIT 1"
        );
        let args = vec![environment.into(), address.into(), creator.into(), now.into(), MAX_TRIES.into()];
        self.row(sql, args).await?.map(read).transpose()
    }
}

/// A new verification.
pub fn insert(environment: EnvironmentId, v: &Verification) -> Step {
    let sql = "INSERT INTO verifications (id, environment, address, sealed_address, creator, session, begun,
                                          device, code, digits, tries, created_at, expires_at)
               VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, 0, ?11, ?12) ON CONFLICT DO NOTHING";
    let args: Vec<Value> = vec![
        v.id.into(),
        environment.into(),
        v.address.into(),
        v.sealed_address.as_slice().into(),
        v.creator.into(),
        v.session.into(),
        v.begun.into(),
        v.device.as_deref().into(),
        v.code.into(),
        v.digits.into(),
        v.created_at.into(),
        v.expires_at.into(),
    ];
    Step::one(sql, args, Miss::Taken)
}

/// Counts a wrong answer; misses when there are no tries left, so that no answer is judged beyond the fifth.
pub fn count_wrong(environment: EnvironmentId, id: VerificationId, now: Micros) -> Step {
    let sql = "UPDATE verifications SET tries = tries + 1
               WHERE id = ?1 AND environment = ?2 AND tries < ?3 AND +expires_at > ?4";
    Step::one(sql, vec![id.into(), environment.into(), MAX_TRIES.into(), now.into()], Miss::TriesSpent)
}

/// Lets a right answer pass only while tries are left and the code is the one that was judged, and ends the
/// verification: nobody is sent to a used code.
pub fn use_up(environment: EnvironmentId, v: &Verification, now: Micros) -> Step {
    let sql = "UPDATE verifications SET expires_at = ?4
               WHERE id = ?1 AND environment = ?2 AND tries < ?3 AND +expires_at > ?4 AND code = ?5";
    let args = vec![v.id.into(), environment.into(), MAX_TRIES.into(), now.into(), v.code.into()];
    Step::one(sql, args, Miss::TriesSpent)
}

/// Lets a mutation pass only while tries are left, and changes nothing.
pub fn hold_tries(environment: EnvironmentId, v: &Verification) -> Step {
    let sql = "UPDATE verifications SET tries = tries WHERE id = ?1 AND environment = ?2 AND tries < ?3";
    Step::one(sql, vec![v.id.into(), environment.into(), MAX_TRIES.into()], Miss::TriesSpent)
}

/// Puts a longer code in the place of a live one; misses with `TriesSpent` when there is none with fewer digits.
pub fn lengthen(environment: EnvironmentId, v: &Verification, now: Micros) -> Step {
    let sql = "UPDATE verifications SET code = ?3, digits = ?4
               WHERE id = ?1 AND environment = ?2 AND digits < ?4 AND tries < ?5 AND +expires_at > ?6";
    let args =
        vec![v.id.into(), environment.into(), v.code.into(), v.digits.into(), MAX_TRIES.into(), now.into()];
    Step::one(sql, args, Miss::TriesSpent)
}
