//! Messages waiting to be delivered. A row holds a template and sealed parameters; it is erased on
//! delivery and dropped when it expires.

use stile_core::{EnvironmentId, Micros, OutboxId};

use crate::error::StoreError;
use crate::mutation::{Miss, Step};
use crate::value::Row;
use crate::{Store, Value};

/// A message.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Mail {
    /// Its id.
    pub id: OutboxId,
    /// Whose it is.
    pub environment: EnvironmentId,
    /// Keyed hash of the recipient, by which messages take turns.
    pub recipient: Option<[u8; 32]>,
    /// Which template.
    pub template: String,
    /// Recipient and parameters, sealed.
    pub sealed: Vec<u8>,
    /// When it was written.
    pub created_at: Micros,
    /// When it is not worth delivering any more.
    pub expires_at: Micros,
}

/// A message that is due, with the attempt that a sender must claim.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct MailSlot {
    /// The message.
    pub mail: Mail,
    /// How often delivery was tried.
    pub attempts: i64,
}

/// Messages, in the order in which `read` takes their columns.
macro_rules! select {
    ($rest:literal) => {
        concat!(
            "SELECT id, environment, recipient, template, sealed, created_at, expires_at, attempts FROM outbox ",
            $rest
        )
    };
}

fn read(mut row: Row) -> Result<MailSlot, StoreError> {
    let mail = Mail {
        id: row.take()?,
        environment: row.take()?,
        recipient: row.take()?,
        template: row.take()?,
        sealed: row.take()?,
        created_at: row.take()?,
        expires_at: row.take()?,
    };
    Ok(MailSlot { mail, attempts: row.take()? })
}

impl Store {
    /// How many messages wait, due or not.
    pub async fn mail_count(&self) -> Result<i64, StoreError> {
        let row = self.row("SELECT COUNT(*) FROM outbox", Vec::new()).await?;
        row.ok_or(StoreError::Corrupt("a count without a row"))?.take()
    }

    /// Messages that are due, at most 32: those whose turn has come, and then those that would have to wait for
    /// others to the same recipient if somebody else's were waiting too.
    pub async fn due_mail(&self, now: Micros) -> Result<Vec<MailSlot>, StoreError> {
        let in_turn =
            select!("WHERE turn <= ?1 AND +next_at <= ?1 AND +expires_at > ?1 ORDER BY turn LIMIT ?2");
        let mut rows = self.rows(in_turn, vec![now.into(), MOST_DUE.into()]).await?;
        let left = MOST_DUE.saturating_sub(u32::try_from(rows.len()).unwrap_or(MOST_DUE));
        if left > 0 {
            let early =
                select!("WHERE next_at <= ?1 AND +expires_at > ?1 AND +turn > ?1 ORDER BY +turn LIMIT ?2");
            rows.extend(self.rows(early, vec![now.into(), left.into()]).await?);
        }
        rows.into_iter().map(read).collect()
    }
}

/// How far apart the turns of messages to one recipient are, in microseconds.
const SPACING: i64 = 10_000_000;
/// Most messages that are looked at together.
const MOST_DUE: u32 = 32;

/// A new message, due at once. Its turn comes some seconds after that of the last one to the same recipient, so that
/// many messages to one delay nobody else's.
pub fn insert(mail: &Mail) -> Step {
    let sql =
        "INSERT INTO outbox (id, environment, template, sealed, attempts, next_at, created_at, expires_at,
                                   recipient, turn)
               VALUES (?1, ?2, ?3, ?4, 0, ?5, ?5, ?6, ?7, COALESCE(
                 (SELECT MAX(o.turn) + ?8 FROM outbox o WHERE o.recipient = ?7 AND o.turn > ?9), ?5))
               ON CONFLICT DO NOTHING";
    let args: Vec<Value> = vec![
        mail.id.into(),
        mail.environment.into(),
        mail.template.as_str().into(),
        mail.sealed.as_slice().into(),
        mail.created_at.into(),
        mail.expires_at.into(),
        mail.recipient.into(),
        SPACING.into(),
        lately(mail.created_at),
    ];
    Step::one(sql, args, Miss::Taken)
}

/// Claims an attempt, so that two nodes never send one message at once; it is due again at `next_at` unless delivered.
pub fn claim(slot: &MailSlot, next_at: Micros) -> Step {
    let sql = "UPDATE outbox SET attempts = attempts + 1, next_at = ?3 WHERE id = ?1 AND attempts = ?2";
    Step::one(sql, vec![slot.mail.id.into(), slot.attempts.into(), next_at.into()], Miss::AlreadyUsed)
}

/// Makes a claimed message due again earlier than its claim would, after the turns of others to the same recipient. The
/// slot carries the claimed attempt.
pub fn put_back(slot: &MailSlot, next_at: Micros) -> Step {
    let sql = "UPDATE outbox SET next_at = ?3, turn = COALESCE(
                 (SELECT MAX(o.turn) + ?5 FROM outbox o WHERE o.recipient = ?4 AND o.id <> ?1 AND o.turn > ?6), ?3)
               WHERE id = ?1 AND attempts = ?2";
    let args = vec![
        slot.mail.id.into(),
        slot.attempts.into(),
        next_at.into(),
        slot.mail.recipient.into(),
        SPACING.into(),
        lately(next_at),
    ];
    Step::one(sql, args, Miss::AlreadyUsed)
}

/// A later message to the same recipient waits for turns after this moment.
fn lately(next_at: Micros) -> Value {
    next_at.get().saturating_sub(SPACING).into()
}

/// Erases a message that was delivered.
pub fn delete(id: OutboxId) -> Step {
    Step::any("DELETE FROM outbox WHERE id = ?1", vec![id.into()])
}
