//! Sessions. A session that ends is deleted, so that the next request with its token finds nothing.

use stile_core::{CredentialId, EnvironmentId, Level, Micros, Proof, Session, SessionId, UserId};

use crate::error::StoreError;
use crate::mutation::{Miss, Step};
use crate::value::Row;
use crate::{Store, Value};

/// The columns of a session `s`, in the order in which `read` takes them.
macro_rules! columns {
    () => {
        "s.id, s.level, s.created_at, s.expires_at, s.idle_expires_at, s.sign_in_credential, s.last_credential, \
         s.session_key, s.device_key, s.user_agent, s.proofs"
    };
}
pub(crate) use columns;

pub(crate) fn read(row: &mut Row) -> Result<Session, StoreError> {
    Ok(Session {
        id: row.take()?,
        level: match row.take::<String>()?.as_str() {
            "full" => Level::Full,
            "pending" => Level::Pending,
            _ => return Err(StoreError::Corrupt("a session of an unknown level")),
        },
        created_at: row.take()?,
        expires_at: row.take()?,
        idle_expires_at: row.take()?,
        sign_in_credential: row.take()?,
        last_credential: row.take()?,
        session_key: row.take()?,
        device_key: row.take()?,
        user_agent: row.take()?,
        proofs: row.take_json()?,
    })
}

impl Store {
    /// The user's live sessions, newest first, at most `limit`.
    pub async fn sessions(
        &self,
        environment: EnvironmentId,
        owner: UserId,
        now: Micros,
        limit: u32,
    ) -> Result<Vec<Session>, StoreError> {
        let sql = concat!(
            "SELECT ",
            columns!(),
            " FROM sessions s
             WHERE s.environment = ?1 AND s.owner = ?2 AND +s.expires_at > ?3 AND s.idle_expires_at > ?3
             ORDER BY s.created_at DESC, s.id DESC LIMIT ?4"
        );
        let rows = self.rows(sql, vec![environment.into(), owner.into(), now.into(), limit.into()]).await?;
        rows.into_iter().map(|mut row| read(&mut row)).collect()
    }
}

fn level(level: Level) -> &'static str {
    match level {
        Level::Full => "full",
        Level::Pending => "pending",
    }
}

fn proofs(proofs: &[Proof]) -> Value {
    // Numbers, booleans and fixed words always serialise.
    serde_json::to_string(proofs).unwrap_or_else(|_| "[]".into()).into()
}

/// A new session.
pub fn insert(environment: EnvironmentId, owner: UserId, s: &Session) -> Step {
    let sql = "INSERT INTO sessions (id, environment, owner, level, created_at, expires_at, idle_expires_at,
                                     sign_in_credential, last_credential, session_key, device_key, user_agent, proofs)
               VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13) ON CONFLICT DO NOTHING";
    let args: Vec<Value> = vec![
        s.id.into(),
        environment.into(),
        owner.into(),
        level(s.level).into(),
        s.created_at.into(),
        s.expires_at.into(),
        s.idle_expires_at.into(),
        s.sign_in_credential.into(),
        s.last_credential.into(),
        s.session_key.as_deref().into(),
        s.device_key.as_deref().into(),
        s.user_agent.as_str().into(),
        proofs(&s.proofs),
    ];
    Step::one(sql, args, Miss::Taken)
}

/// Writes what was proved in a session that lives on under its id. Its idle limit never moves back.
pub fn write_proofs(environment: EnvironmentId, owner: UserId, s: &Session) -> Step {
    let sql = "UPDATE sessions SET proofs = ?4, last_credential = ?5,
                 idle_expires_at = CASE WHEN idle_expires_at > ?6 THEN idle_expires_at ELSE ?6 END
               WHERE id = ?1 AND environment = ?2 AND owner = ?3";
    let args: Vec<Value> = vec![
        s.id.into(),
        environment.into(),
        owner.into(),
        proofs(&s.proofs),
        s.last_credential.into(),
        s.idle_expires_at.into(),
    ];
    Step::one(sql, args, Miss::SessionGone)
}

/// Forgets what was proved in the user's other sessions: a recovery begins anew everywhere.
pub fn forget_proofs(environment: EnvironmentId, owner: UserId, except: SessionId) -> Step {
    let sql = "UPDATE sessions SET proofs = '[]' WHERE environment = ?1 AND owner = ?2 AND id <> ?3";
    Step::any(sql, vec![environment.into(), owner.into(), except.into()])
}

/// Moves the idle limit on, never back. Refreshing twice, from two tabs, is the same as once. Misses when the
/// session has another level than it was read with, or has ended.
pub fn refresh(environment: EnvironmentId, id: SessionId, read: Level, idle_expires_at: Micros) -> Step {
    let sql = "UPDATE sessions
               SET idle_expires_at = CASE WHEN idle_expires_at > ?3 THEN idle_expires_at ELSE ?3 END
               WHERE id = ?1 AND environment = ?2 AND level = ?4";
    let args = vec![id.into(), environment.into(), idle_expires_at.into(), level(read).into()];
    Step::one(sql, args, Miss::UserChanged)
}

/// Lets a mutation pass only while the session is there: nothing is changed from one that has ended meanwhile.
pub fn hold(environment: EnvironmentId, owner: UserId, id: SessionId) -> Step {
    let sql = "UPDATE sessions SET level = level WHERE id = ?1 AND environment = ?2 AND owner = ?3";
    Step::one(sql, vec![id.into(), environment.into(), owner.into()], Miss::SessionGone)
}

/// Uses up a session id when another takes its place.
pub fn use_up(environment: EnvironmentId, id: SessionId) -> Step {
    Step::one(
        "DELETE FROM sessions WHERE id = ?1 AND environment = ?2",
        vec![id.into(), environment.into()],
        Miss::SessionGone,
    )
}

/// Writes what is left of a session when a credential is removed: its level, its proofs, and the newest credential of those. It
/// ends no later than at these two times, unused or at all. A session that ended meanwhile, or goes on under another id, is
/// left to `end_standing_on`.
pub fn cut_back(
    environment: EnvironmentId,
    owner: UserId,
    id: SessionId,
    to: Level,
    last_credential: CredentialId,
    left: &[Proof],
    (idle_end, end): (Micros, Micros),
) -> Step {
    let sql = "UPDATE sessions SET level = ?4, last_credential = ?5, proofs = ?6,
                 idle_expires_at = CASE WHEN idle_expires_at > ?7 THEN ?7 ELSE idle_expires_at END,
                 expires_at = CASE WHEN expires_at > ?8 THEN ?8 ELSE expires_at END
               WHERE id = ?1 AND environment = ?2 AND owner = ?3";
    let args: Vec<Value> = vec![
        id.into(),
        environment.into(),
        owner.into(),
        level(to).into(),
        last_credential.into(),
        proofs(left),
        idle_end.into(),
        end.into(),
    ];
    Step::any(sql, args)
}

/// Ends the user's sessions that this credential opened or was proved in: it is being removed. Those that stay were
/// rewritten before this step, so it also catches a session that was raised while the removal was decided.
pub fn end_standing_on(
    environment: EnvironmentId,
    owner: UserId,
    credential: CredentialId,
    except: Option<SessionId>,
) -> Step {
    let sql = "DELETE FROM sessions WHERE environment = ?1 AND owner = ?2 AND (id <> ?4 OR ?4 IS NULL)
               AND (sign_in_credential = ?3 OR proofs LIKE ?5)";
    let proved = format!("%\"{credential}\"%");
    let args: Vec<Value> =
        vec![environment.into(), owner.into(), credential.into(), except.into(), proved.as_str().into()];
    Step::any(sql, args)
}

/// Ends another session of this user; misses with `NotFound` when there is none of that id.
pub fn revoke(environment: EnvironmentId, owner: UserId, id: SessionId) -> Step {
    let sql = "DELETE FROM sessions WHERE id = ?1 AND environment = ?2 AND owner = ?3";
    Step::one(sql, vec![id.into(), environment.into(), owner.into()], Miss::NotFound)
}

/// Ends all sessions of the user, but the one named.
pub fn end_all(environment: EnvironmentId, owner: UserId, except: Option<SessionId>) -> Step {
    let sql = "DELETE FROM sessions WHERE environment = ?1 AND owner = ?2 AND (id <> ?3 OR ?3 IS NULL)";
    Step::any(sql, vec![environment.into(), owner.into(), except.into()])
}

/// Ends a session; ending one that has ended is no error.
pub fn end(environment: EnvironmentId, id: SessionId) -> Step {
    Step::any("DELETE FROM sessions WHERE id = ?1 AND environment = ?2", vec![id.into(), environment.into()])
}
