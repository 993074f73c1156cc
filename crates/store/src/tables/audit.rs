//! The audit log: what happened, to whom, when, in which request. No secrets, no personal data beyond ids and, where the
//! environment's settings say so, the client's address.

use std::fmt;
use std::str::FromStr;

use stile_core::{Actor, AuditId, EnvironmentId, EventName, Micros, UserId};

use crate::error::{CommitError, StoreError};
use crate::mutation::{Miss, Mutation, Step};
use crate::value::Row;
use crate::{Store, Value};

/// Who caused an event.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Source {
    /// Who acted ([`Actor::text`]); nobody who was known, or an older version did not say.
    pub actor: Option<String>,
    /// Our id of the request; `operator` for a command.
    pub request: String,
    /// The client's or a proxy's id of it, which anybody can make up.
    pub client_request: Option<String>,
    /// The client's address, as much of it as the settings keep.
    pub address: Option<String>,
}

impl Source {
    /// An operator's command.
    pub fn operator() -> Self {
        Self { actor: Actor::CommandLine.text(), request: "operator".into(), ..Self::default() }
    }
}

/// An event to be written.
#[derive(Clone, PartialEq, Debug)]
pub struct AuditEvent {
    /// Its id.
    pub id: AuditId,
    /// Where it happened.
    pub environment: EnvironmentId,
    /// Whom it is about.
    pub subject: Option<UserId>,
    /// What happened.
    pub event: EventName,
    /// More, as JSON.
    pub detail: serde_json::Value,
    /// Who caused it.
    pub source: Source,
    /// When.
    pub at: Micros,
}

/// An event as it was written.
#[derive(Clone, PartialEq, Debug)]
pub struct AuditRow {
    /// Its id.
    pub id: AuditId,
    /// Whom it is about.
    pub subject: Option<UserId>,
    /// What happened. A text, because an older version may have written it.
    pub event: String,
    /// More, as JSON; of a row that counts, the first time's.
    pub detail: serde_json::Value,
    /// Who caused it; of a row that counts, the first time's.
    pub source: Source,
    /// How often it happened within the minute.
    pub count: i64,
    /// When; of a row that counts, the first time.
    pub at: Micros,
}

/// Where a page ended. As text it is copied from one page to ask for the next.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Cursor {
    /// The last row's time.
    pub at: Micros,
    /// The last row's id.
    pub id: AuditId,
}

impl fmt::Display for Cursor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.at.get(), self.id)
    }
}

impl FromStr for Cursor {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let parts = text.split_once('.').and_then(|(at, id)| Some((at.parse().ok()?, id.parse().ok()?)));
        let (at, id) = parts.ok_or("copy the value from the end of the page before")?;
        Ok(Self { at: Micros::new(at), id })
    }
}

impl AuditRow {
    /// Where a page ends that this row is the last of.
    pub const fn cursor(&self) -> Cursor {
        Cursor { at: self.at, id: self.id }
    }
}

/// Which events are wanted.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct AuditFilter<'a> {
    /// Those about this user.
    pub subject: Option<UserId>,
    /// Those of this name.
    pub event: Option<&'a str>,
    /// Those at this time or later.
    pub since: Micros,
    /// Those before this time.
    pub until: Micros,
    /// Those after this place, which are older.
    pub after: Option<Cursor>,
    /// At most so many.
    pub limit: u32,
}

impl AuditFilter<'_> {
    /// All events, at most `limit`.
    pub const fn newest(limit: u32) -> Self {
        Self {
            subject: None,
            event: None,
            since: Micros::new(i64::MIN),
            until: Micros::new(i64::MAX),
            after: None,
            limit,
        }
    }
}

macro_rules! select {
    ($whose:literal) => {
        concat!(
            "SELECT id, subject, event, detail, actor, request, client_request, address, count, at FROM audit WHERE ",
            $whose,
            " AND at >= ?3 AND at < ?4 AND (at, id) < (?5, ?6) AND (event = ?7 OR ?7 IS NULL)
             ORDER BY at DESC, id DESC LIMIT ?8"
        )
    };
}

fn read(mut row: Row) -> Result<AuditRow, StoreError> {
    Ok(AuditRow {
        id: row.take()?,
        subject: row.take()?,
        event: row.take()?,
        detail: row.take_json()?,
        source: Source {
            actor: row.take()?,
            request: row.take()?,
            client_request: row.take()?,
            address: row.take()?,
        },
        count: row.take()?,
        at: row.take()?,
    })
}

impl Store {
    /// The environment's events that are wanted, newest first.
    pub async fn audit(
        &self,
        environment: EnvironmentId,
        wanted: AuditFilter<'_>,
    ) -> Result<Vec<AuditRow>, StoreError> {
        let sql = match wanted.subject {
            Some(_) => select!("environment = ?1 AND subject = ?2"),
            None => select!("environment = ?1 AND (subject = ?2 OR ?2 IS NULL)"),
        };
        let newest = Cursor { at: Micros::new(i64::MAX), id: AuditId::from_bytes([255; 16]) };
        let Cursor { at, id } = wanted.after.unwrap_or(newest);
        let args = vec![
            environment.into(),
            wanted.subject.into(),
            wanted.since.into(),
            wanted.until.into(),
            at.into(),
            id.into(),
            wanted.event.into(),
            wanted.limit.into(),
        ];
        self.rows(sql, args).await?.into_iter().map(read).collect()
    }

    /// Deletes events of the environment from before this time, some of them; answers whether there are more.
    pub async fn sweep_audit(&self, environment: EnvironmentId, before: Micros) -> Result<bool, CommitError> {
        let step = Step::any(SWEEP, vec![environment.into(), before.into()]);
        self.commit(Mutation::new([step])).await?;
        let sql = "SELECT 1 FROM audit WHERE environment = ?1 AND at < ?2 LIMIT 1";
        Ok(self.row(sql, vec![environment.into(), before.into()]).await?.is_some())
    }

    /// The first environment with events, or the first one after this one. It may have been deleted.
    pub async fn next_audited(
        &self,
        after: Option<EnvironmentId>,
    ) -> Result<Option<EnvironmentId>, StoreError> {
        let sql = "SELECT environment FROM audit WHERE environment > ?1 ORDER BY environment LIMIT 1";
        let after = after.map_or_else(|| Value::Blob(Vec::new()), Value::from);
        self.row(sql, vec![after]).await?.map(|mut row| row.take()).transpose()
    }
}

/// A bounded number of rows, so that no writer waits long.
pub(crate) const SWEEP: &str = "DELETE FROM audit WHERE id IN
    (SELECT id FROM audit WHERE environment = ?1 AND at < ?2 ORDER BY at LIMIT 500)";

macro_rules! insert {
    ($conflict:literal) => {
        concat!(
            "INSERT INTO audit
               (id, environment, subject, event, detail, actor, request, client_request, address, count, at)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11) ON CONFLICT ",
            $conflict
        )
    };
}

/// Writes an event.
pub fn insert(e: &AuditEvent) -> Step {
    Step::one(insert!("DO NOTHING"), args(e, 1), Miss::Taken)
}

/// Writes an event that happened `times` times, or adds them to the row of the same id. A row that counts what several
/// did names none of them.
pub fn count(e: &AuditEvent, times: u32) -> Step {
    let sql = insert!(
        "(id) DO UPDATE SET count = audit.count + excluded.count,
                            actor = CASE WHEN audit.actor = excluded.actor THEN audit.actor END"
    );
    Step::one(sql, args(e, times), Miss::Taken)
}

fn args(e: &AuditEvent, times: u32) -> Vec<Value> {
    vec![
        e.id.into(),
        e.environment.into(),
        e.subject.into(),
        e.event.as_str().into(),
        e.detail.to_string().into(),
        e.source.actor.as_deref().into(),
        e.source.request.as_str().into(),
        e.source.client_request.as_deref().into(),
        e.source.address.as_deref().into(),
        times.into(),
        e.at.into(),
    ]
}
