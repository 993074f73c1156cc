//! The engine for several nodes: reads pipelined on shared connections, each mutation on a connection of its own.
//!
//! ```text
//! address    what a URL says               link         opening connections, what each is told
//! readers    the shared connections        writers      the pool, and trying again
//! connection prepared statements           transaction  one mutation: steps, row counts, COMMIT
//! statement  one SQL text for both         value        values there and back
//! fault      what an error means           migrate      the schema
//! copy       backup and restore
//! ```

mod address;
mod connection;
mod copy;
mod fault;
mod link;
mod migrate;
mod readers;
mod statement;
mod transaction;
mod value;
mod writers;

use std::sync::Arc;
use std::time::Duration;

use stile_core::Micros;
use tracing::Instrument as _;

#[cfg(test)]
pub(crate) use statement::dollars;

use crate::backup::{BackupError, Counts, Renewal, Sink, Source};
use crate::error::{CommitError, OpenError, StoreError};
use crate::load::{self, Counters, Load};
use crate::migrate::Schema;
use crate::mutation::Mutation;
use crate::value::{Row, Value};

/// For how long an answer is waited for. The server ends every statement earlier: whoever waits longer speaks
/// to nobody.
const PATIENCE: Duration = Duration::from_secs(10);

/// How the database stands to this binary. Changes nothing.
pub(crate) async fn schema(url: &str) -> Result<Schema, OpenError> {
    let link = link(url)?;
    migrate::look(&link).await.map_err(|e| unopened(&link, e))
}

/// What an operator may read of a URL: the host and the database.
pub(crate) fn shown(url: &str) -> Result<String, &'static str> {
    address::read(url).map(|address| address::shown(&address.config))
}

/// Fills an empty database with a backup.
pub(crate) async fn fill(url: &str, source: Source, renewal: &Renewal) -> Result<Counts, BackupError> {
    copy::fill(&link(url)?, source, renewal).await
}

fn link(url: &str) -> Result<link::Link, OpenError> {
    link::Link::new(url).map_err(|reason| OpenError::Unusable { database: "PostgreSQL".into(), reason })
}

fn unopened(link: &link::Link, why: migrate::Unopened) -> OpenError {
    match why {
        migrate::Unopened::Open(error) => error,
        migrate::Unopened::Because(reason) => OpenError::Unusable { database: link.shown(), reason },
    }
}

#[derive(Clone)]
pub(crate) struct Postgres {
    inner: Arc<Inner>,
}

struct Inner {
    link: link::Link,
    readers: readers::Readers,
    writers: writers::Writers,
    counters: Counters,
}

impl Postgres {
    pub(crate) async fn open(url: &str, now: Micros) -> Result<Self, OpenError> {
        let link = link(url)?;
        migrate::migrate(&link, now).await.map_err(|e| unopened(&link, e))?;
        let (readers, writers) = (readers::Readers::default(), writers::Writers::default());
        Ok(Self { inner: Arc::new(Inner { link, readers, writers, counters: Counters::default() }) })
    }

    /// In a task of its own: a caller that goes away does not leave a transaction open behind it, and, as with
    /// the other engine, what was accepted is carried out.
    pub(crate) async fn commit(&self, mutation: Mutation) -> Result<(), CommitError> {
        if mutation.steps.is_empty() {
            return Ok(());
        }
        let inner = Arc::clone(&self.inner);
        let work = async move {
            let began = load::now();
            let outcome = inner.writers.commit(&inner.link, &mutation).await;
            inner.counters.committed(1, load::now() - began);
            outcome
        };
        // What is logged there belongs to the request that waits here.
        let task = tokio::spawn(work.in_current_span());
        task.await.unwrap_or(Err(CommitError::Unknown))
    }

    /// Writes all rows as they are at one moment.
    pub(crate) async fn dump(&self, sink: Sink) -> Result<Counts, BackupError> {
        copy::dump(&self.inner.link, sink).await
    }

    /// A connection as every statement has it.
    #[cfg(test)]
    pub(crate) async fn client(&self) -> tokio_postgres::Client {
        self.inner.link.connect().await.unwrap().client
    }

    pub(crate) fn load(&self) -> Load {
        self.inner.counters.load(self.inner.writers.waiting())
    }

    pub(crate) async fn rows(&self, sql: &'static str, args: &[Value]) -> Result<Vec<Row>, StoreError> {
        self.inner.readers.rows(&self.inner.link, sql, args).await
    }
}
