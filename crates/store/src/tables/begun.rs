//! Enrolments that were begun with a permit and end with a later answer. They are their session's alone, and count for
//! nothing until then.

use stile_core::policy::Begun;
use stile_core::{CredentialId, Format, Micros, SessionId};

use crate::error::StoreError;
use crate::mutation::{Miss, Step};
use crate::value::Row;
use crate::{Store, Value};

/// A credential that is about to be enrolled.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct BegunEnrolment {
    /// The id of the credential that it will be.
    pub id: CredentialId,
    /// The session that asked for it.
    pub session: SessionId,
    /// What it will be.
    pub format: Format,
    /// What it stands on: judged again when it is completed.
    pub permit: Begun,
    /// Keyed hash of the elevated token, where that was the evidence.
    pub token: Option<[u8; 32]>,
    /// Its secret, sealed; for formats that have one.
    pub sealed: Option<Vec<u8>>,
    /// When it was asked for.
    pub created_at: Micros,
}

macro_rules! select {
    ($rest:literal) => {
        concat!("SELECT id, session, format, permit, token, sealed, created_at FROM begun ", $rest)
    };
}

fn read(mut row: Row) -> Result<BegunEnrolment, StoreError> {
    Ok(BegunEnrolment {
        id: row.take()?,
        session: row.take()?,
        format: Format::parse(&row.take::<String>()?)
            .ok_or(StoreError::Corrupt("an enrolment of an unknown format"))?,
        permit: row.take_json()?,
        token: row.take()?,
        sealed: row.take()?,
        created_at: row.take()?,
    })
}

impl Store {
    /// The enrolment that was begun under this id in this session.
    pub async fn begun(
        &self,
        session: SessionId,
        id: CredentialId,
        now: Micros,
    ) -> Result<Option<BegunEnrolment>, StoreError> {
        let sql = select!("WHERE id = ?1 AND session = ?2 AND +expires_at > ?3");
        self.row(sql, vec![id.into(), session.into(), now.into()]).await?.map(read).transpose()
    }

    /// The enrolment of this format that was begun last in this session.
    pub async fn begun_last(
        &self,
        session: SessionId,
        format: Format,
        now: Micros,
    ) -> Result<Option<BegunEnrolment>, StoreError> {
        let sql = select!(
            "WHERE session = ?1 AND format = ?2 AND +expires_at > ?3 ORDER BY created_at DESC, id DESC LIMIT 1"
        );
        let args = vec![session.into(), format.as_str().into(), now.into()];
        self.row(sql, args).await?.map(read).transpose()
    }
}

/// Begins an enrolment.
pub fn insert(b: &BegunEnrolment) -> Step {
    let sql = "INSERT INTO begun (id, session, format, permit, token, sealed, created_at, expires_at)
               VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8) ON CONFLICT DO NOTHING";
    let args: Vec<Value> = vec![
        b.id.into(),
        b.session.into(),
        b.format.as_str().into(),
        // Ids, numbers and fixed words always serialise.
        serde_json::to_string(&b.permit).unwrap_or_default().into(),
        b.token.into(),
        b.sealed.as_deref().into(),
        b.created_at.into(),
        b.permit.ends_at.into(),
    ];
    Step::one(sql, args, Miss::Taken)
}

/// Lets a mutation pass only while this is begun and was not used up.
pub fn hold(session: SessionId, id: CredentialId) -> Step {
    let sql = "UPDATE begun SET format = format WHERE id = ?1 AND session = ?2";
    Step::one(sql, vec![id.into(), session.into()], Miss::AlreadyUsed)
}

/// Gives up what was begun of this format in this session.
pub fn give_up_all(session: SessionId, format: Format) -> Step {
    let sql = "DELETE FROM begun WHERE session = ?1 AND format = ?2";
    Step::any(sql, vec![session.into(), format.as_str().into()])
}

/// Uses up what was begun: it is completed, or given up.
pub fn use_up(session: SessionId, id: CredentialId) -> Step {
    let sql = "DELETE FROM begun WHERE id = ?1 AND session = ?2";
    Step::one(sql, vec![id.into(), session.into()], Miss::AlreadyUsed)
}
