//! Messages waiting to be delivered. A row holds a template and sealed parameters; it is erased on
//! delivery and dropped when it expires.

use stile_core::{EnvironmentId, Micros, OutboxId};

use crate::error::StoreError;
use crate::mutation::{Miss, Step};
use crate::{Store, Value};

/// A message.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Mail {
    /// Its id.
    pub id: OutboxId,
    /// Whose it is.
    pub environment: EnvironmentId,
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

impl Store {
    /// How many messages wait, due or not.
    pub async fn mail_count(&self) -> Result<i64, StoreError> {
        let row = self.row("SELECT COUNT(*) FROM outbox", Vec::new()).await?;
        row.ok_or(StoreError::Corrupt("a count without a row"))?.take()
    }

    /// Messages that are due, oldest first.
    pub async fn due_mail(&self, now: Micros) -> Result<Vec<MailSlot>, StoreError> {
        let sql = "SELECT id, environment, template, sealed, created_at, expires_at, attempts FROM outbox
                   WHERE next_at <= ?1 AND +expires_at > ?1 ORDER BY next_at LIMIT 32";
        let rows = self.rows(sql, vec![now.into()]).await?;
        rows.into_iter()
            .map(|mut row| {
                let mail = Mail {
                    id: row.take()?,
                    environment: row.take()?,
                    template: row.take()?,
                    sealed: row.take()?,
                    created_at: row.take()?,
                    expires_at: row.take()?,
                };
                Ok(MailSlot { mail, attempts: row.take()? })
            })
            .collect()
    }
}

/// A new message, due at once.
pub fn insert(mail: &Mail) -> Step {
    let sql =
        "INSERT INTO outbox (id, environment, template, sealed, attempts, next_at, created_at, expires_at)
               VALUES (?1, ?2, ?3, ?4, 0, ?5, ?5, ?6) ON CONFLICT DO NOTHING";
    let args: Vec<Value> = vec![
        mail.id.into(),
        mail.environment.into(),
        mail.template.as_str().into(),
        mail.sealed.as_slice().into(),
        mail.created_at.into(),
        mail.expires_at.into(),
    ];
    Step::one(sql, args, Miss::Taken)
}

/// Claims an attempt, so that two nodes never send one message at once; it is due again at `next_at` unless delivered.
pub fn claim(slot: &MailSlot, next_at: Micros) -> Step {
    let sql = "UPDATE outbox SET attempts = attempts + 1, next_at = ?3 WHERE id = ?1 AND attempts = ?2";
    Step::one(sql, vec![slot.mail.id.into(), slot.attempts.into(), next_at.into()], Miss::AlreadyUsed)
}

/// Makes a claimed message due again earlier than its claim would: the slot carries the claimed attempt.
pub fn put_back(slot: &MailSlot, next_at: Micros) -> Step {
    let sql = "UPDATE outbox SET next_at = ?3 WHERE id = ?1 AND attempts = ?2";
    Step::one(sql, vec![slot.mail.id.into(), slot.attempts.into(), next_at.into()], Miss::AlreadyUsed)
}

/// Erases a message that was delivered.
pub fn delivered(id: OutboxId) -> Step {
    Step::any("DELETE FROM outbox WHERE id = ?1", vec![id.into()])
}
