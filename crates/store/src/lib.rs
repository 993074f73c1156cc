//! Persistence: one `Store`, one SQL text per statement, an engine behind it.
//!
//! Reads are single indexed queries. Writes are `Mutation`s: values made of guarded steps, each with
//! the row count that it expects, committed whole or not at all. The answer of `commit` is given
//! after the data is on disk (invariant 5).

mod backup;
mod error;
mod load;
mod migrate;
mod mutation;
mod outage;
#[cfg(test)]
mod plans;
mod postgres;
mod sqlite;
mod tables;
mod value;

// Under its own name, for what the tests in here share with the suites.
#[cfg(test)]
extern crate self as stile_store;

use std::path::Path;
use std::sync::Arc;

use stile_core::Micros;
use tracing::Instrument as _;

pub use backup::{Backup, BackupError, Counts, Label, Renewal};
pub use error::{CommitError, OpenError, StoreError};
pub use load::{Load, Spread};
pub use migrate::Schema;
pub use mutation::{Miss, Mutation, Step};
pub use tables::*;
use value::{Row, Value};

/// The target of spans that are for traces and not for log lines. They hold no values of statements.
pub const TRACES: &str = "stile_traces";

/// Where everything is kept. Cheap to clone; one per process and database.
#[derive(Clone)]
pub struct Store {
    engine: Engine,
    outage: Arc<outage::Outage>,
}

#[derive(Clone)]
enum Engine {
    Sqlite(sqlite::Sqlite),
    Postgres(postgres::Postgres),
}

impl Store {
    /// Opens (and makes, and migrates) a SQLite database file. `now` stamps migrations.
    pub fn sqlite(path: &Path, now: Micros) -> Result<Self, OpenError> {
        Ok(Self { engine: Engine::Sqlite(sqlite::Sqlite::open(path, now)?), outage: Arc::default() })
    }

    /// Opens (and migrates) a PostgreSQL database: `postgres://USER:PASSWORD@HOST:PORT/DATABASE`, with libpq's
    /// options. `now` stamps migrations.
    ///
    /// TLS: the certificate is verified, against `sslrootcert=FILE` or the well-known authorities. Without TLS only
    /// on this machine, or with `sslmode=disable`. Tables are in the first schema of the user's search path.
    pub async fn postgres(url: &str, now: Micros) -> Result<Self, OpenError> {
        Ok(Self {
            engine: Engine::Postgres(postgres::Postgres::open(url, now).await?),
            outage: Arc::default(),
        })
    }

    /// How a SQLite database file stands to this binary, without changing it.
    pub fn sqlite_schema(path: &Path) -> Result<Schema, OpenError> {
        sqlite::schema(path)
    }

    /// How a PostgreSQL database stands to this binary, without changing it.
    pub async fn postgres_schema(url: &str) -> Result<Schema, OpenError> {
        postgres::schema(url).await
    }

    /// What may be shown of a PostgreSQL URL: host and database. The reason why it cannot be read repeats none of it.
    pub fn postgres_name(url: &str) -> Result<String, &'static str> {
        postgres::shown(url)
    }

    /// Carries out a mutation: all of it, durably, or nothing.
    pub async fn commit(&self, mutation: Mutation) -> Result<(), CommitError> {
        // From the queue to the answer.
        let span = tracing::debug_span!(target: TRACES, "commit", steps = mutation.steps.len() as i64);
        let outcome = match &self.engine {
            Engine::Sqlite(db) => db.commit(mutation).instrument(span).await,
            Engine::Postgres(db) => db.commit(mutation).instrument(span).await,
        };
        self.outage.write(&outcome);
        outcome
    }

    /// How much there was and is to do.
    pub fn load(&self) -> Load {
        match &self.engine {
            Engine::Sqlite(db) => db.load(),
            Engine::Postgres(db) => db.load(),
        }
    }

    async fn rows(&self, sql: &'static str, args: Vec<Value>) -> Result<Vec<Row>, StoreError> {
        let span = tracing::debug_span!(target: TRACES, "read");
        let outcome = match &self.engine {
            Engine::Sqlite(db) => span.in_scope(|| db.rows(sql, &args)),
            Engine::Postgres(db) => db.rows(sql, &args).instrument(span).await,
        };
        self.outage.read(&outcome);
        outcome
    }

    async fn row(&self, sql: &'static str, args: Vec<Value>) -> Result<Option<Row>, StoreError> {
        Ok(self.rows(sql, args).await?.into_iter().next())
    }
}
