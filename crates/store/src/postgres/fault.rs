//! What the driver's errors mean for us.

use std::error::Error as _;

use tokio_postgres::Error;
use tokio_postgres::error::{DbError, Severity, SqlState};

/// The error in words that may be logged and shown: no values of rows, which PostgreSQL puts into the details.
pub(super) fn said(error: &Error) -> String {
    if let Some(db) = error.as_db_error() {
        return format!("{} ({})", db.message(), db.code().code());
    }
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(deeper) = cause {
        text = format!("{text}: {deeper}");
        cause = deeper.source();
    }
    text
}

/// Whether the connection goes on after this error: the server refused one statement, and said so.
pub(super) fn goes_on(error: &Error) -> bool {
    error.as_db_error().is_some_and(|db| severity(db) == Severity::Error && !stale(db))
}

/// Whether the same statement may succeed on a fresh connection: what was prepared on this one is forgotten
/// or out of date, or the server that it leads to has become a standby.
fn stale(db: &DbError) -> bool {
    [
        &SqlState::INVALID_SQL_STATEMENT_NAME,
        &SqlState::FEATURE_NOT_SUPPORTED,
        &SqlState::READ_ONLY_SQL_TRANSACTION,
    ]
    .contains(&db.code())
}

fn severity(db: &DbError) -> Severity {
    // A server too old to say it in a fixed language: fatal is the careful reading.
    db.parsed_severity().unwrap_or(Severity::Fatal)
}

/// Why a statement of a transaction did not succeed. In each case nothing has happened.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Refusal {
    /// A unique index was in the way.
    Taken,
    /// Another transaction was in the way: the whole of it may be tried again.
    Again,
    /// Something was locked for longer than we wait.
    Locked,
    /// The connection is gone, or leads nowhere any more.
    Lost,
    /// Anything else.
    Other,
}

pub(super) fn refusal(error: &Error) -> Refusal {
    match error.as_db_error() {
        Some(db) if stale(db) => Refusal::Again,
        Some(db) if severity(db) == Severity::Error => match db.code() {
            &SqlState::UNIQUE_VIOLATION => Refusal::Taken,
            &SqlState::T_R_SERIALIZATION_FAILURE | &SqlState::T_R_DEADLOCK_DETECTED => Refusal::Again,
            &SqlState::LOCK_NOT_AVAILABLE | &SqlState::QUERY_CANCELED => Refusal::Locked,
            _ => Refusal::Other,
        },
        _ => Refusal::Lost,
    }
}

/// Whether, after this answer to COMMIT, nobody knows if it happened.
pub(super) fn in_doubt(error: &Error) -> bool {
    error.as_db_error().is_none_or(|db| {
        severity(db) != Severity::Error
            || [&SqlState::T_R_STATEMENT_COMPLETION_UNKNOWN, &SqlState::TRANSACTION_RESOLUTION_UNKNOWN]
                .contains(&db.code())
    })
}

/// Whether the server has no connection left to give.
pub(super) fn crowded(error: &Error) -> bool {
    error.code() == Some(&SqlState::TOO_MANY_CONNECTIONS)
}
