//! The audit log: what happened, to whom, when, in which request. No secrets, no personal data beyond ids.

use stile_core::{AuditId, EnvironmentId, Micros, UserId};

use crate::error::StoreError;
use crate::mutation::{Miss, Step};
use crate::{Store, Value};

/// An event to be written.
#[derive(Clone, PartialEq, Debug)]
pub struct AuditEvent {
    /// Its id.
    pub id: AuditId,
    /// Where it happened.
    pub environment: EnvironmentId,
    /// Whom it is about.
    pub subject: Option<UserId>,
    /// What happened, `thing.verb`.
    pub event: &'static str,
    /// More, as JSON.
    pub detail: serde_json::Value,
    /// The request that caused it.
    pub request: String,
    /// When.
    pub at: Micros,
}

/// An event as it was written.
#[derive(Clone, PartialEq, Debug)]
pub struct AuditRow {
    /// Whom it is about.
    pub subject: Option<UserId>,
    /// What happened.
    pub event: String,
    /// More, as JSON.
    pub detail: serde_json::Value,
    /// The request that caused it.
    pub request: String,
    /// When.
    pub at: Micros,
}

impl Store {
    /// The environment's newest events, newest first, at most `limit`.
    pub async fn audit(&self, environment: EnvironmentId, limit: u32) -> Result<Vec<AuditRow>, StoreError> {
        let sql = "SELECT subject, event, detail, request, at FROM audit
                   WHERE environment = ?1 ORDER BY at DESC, id DESC LIMIT ?2";
        let rows = self.rows(sql, vec![environment.into(), limit.into()]).await?;
        rows.into_iter()
            .map(|mut row| {
                Ok(AuditRow {
                    subject: row.take()?,
                    event: row.take()?,
                    detail: row.take_json()?,
                    request: row.take()?,
                    at: row.take()?,
                })
            })
            .collect()
    }
}

/// Writes an event.
pub fn insert(e: &AuditEvent) -> Step {
    let sql = "INSERT INTO audit (id, environment, subject, event, detail, request, at)
               VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7) ON CONFLICT DO NOTHING";
    let args: Vec<Value> = vec![
        e.id.into(),
        e.environment.into(),
        e.subject.into(),
        e.event.into(),
        e.detail.to_string().into(),
        e.request.as_str().into(),
        e.at.into(),
    ];
    Step::one(sql, args, Miss::Taken)
}
