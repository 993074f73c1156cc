//! The embedded engine: reads inline on the caller's thread, one writer thread with group commit.

pub(crate) mod copy;
mod reader;
mod writer;

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;

use rusqlite::types::ValueRef;
use rusqlite::{Connection, ErrorCode, OpenFlags, ToSql, TransactionBehavior, params};
use stile_core::Micros;
use tokio::sync::{mpsc, oneshot};

use self::reader::Reader;
use crate::error::{CommitError, OpenError, StoreError};
use crate::load::{Counters, Load};
use crate::migrate::{self, Schema, checksum};
use crate::mutation::Mutation;
use crate::value::{Row, Value};

/// How many mutations may wait for the writer before `Busy` is answered.
const QUEUE: usize = 4096;
/// How long a connection waits for another process's write, in milliseconds.
const BUSY_MS: u64 = 5_000;
const CACHED_STATEMENTS: usize = 128;

#[derive(Clone)]
pub(crate) struct Sqlite {
    inner: Arc<Inner>,
}

struct Inner {
    path: PathBuf,
    readers: Mutex<Vec<Reader>>,
    /// There until the end.
    queue: Option<mpsc::Sender<Job>>,
    writer: Option<JoinHandle<()>>,
    counters: Arc<Counters>,
}

/// With the last handle: what was accepted is written, and the file closed, before the process goes on to its end.
impl Drop for Inner {
    fn drop(&mut self) {
        self.queue = None;
        self.readers.get_mut().unwrap_or_else(PoisonError::into_inner).clear();
        if let Some(writer) = self.writer.take()
            && writer.join().is_err()
        {
            tracing::error!("the writer ended badly");
        }
    }
}

pub(crate) struct Job {
    mutation: Mutation,
    done: oneshot::Sender<Result<(), CommitError>>,
}

impl Sqlite {
    pub(crate) fn open(path: &Path, now: Micros) -> Result<Self, OpenError> {
        let refused = |reason| OpenError::Unusable { database: path.display().to_string(), reason };
        let unusable = |e: rusqlite::Error| refused(why(path, &e));
        let mut writer = connect(path, OpenFlags::SQLITE_OPEN_CREATE).map_err(unusable)?;
        // SQLite opens what it may not write for reading, and would say so at the first commit only.
        if writer.is_readonly("main").map_err(unusable)? {
            return Err(refused("this user may read it, but not write it".into()));
        }
        let mode = write_ahead(&writer).map_err(unusable)?;
        if mode != "wal" {
            let reason =
                format!("there, SQLite can keep only a `{mode}` journal; a file on a local disk is needed");
            return Err(refused(reason));
        }
        // FULL: the answer of a commit is given after the log is on disk (invariant 5).
        // What a savepoint keeps stays in memory, and the log is copied back every 32 MB instead of every 4: pages that
        // many mutations change are copied once.
        writer
            .execute_batch(
                "PRAGMA synchronous = FULL; PRAGMA temp_store = MEMORY; PRAGMA wal_autocheckpoint = 8000;",
            )
            .map_err(unusable)?;
        migrate(&mut writer, now).map_err(|e| match e {
            MigrateError::Open(e) => e,
            MigrateError::Engine(e) => unusable(e),
        })?;
        let (queue, jobs) = mpsc::channel(QUEUE);
        let counters = Arc::new(Counters::default());
        let counted = Arc::clone(&counters);
        let thread = std::thread::Builder::new().name("stile-writer".into());
        let writer =
            thread.spawn(move || writer::run(writer, jobs, &counted)).map_err(|e| refused(e.to_string()))?;
        let (path, readers) = (path.to_owned(), Mutex::default());
        let inner = Inner { path, readers, queue: Some(queue), writer: Some(writer), counters };
        Ok(Self { inner: Arc::new(inner) })
    }

    pub(crate) async fn commit(&self, mutation: Mutation) -> Result<(), CommitError> {
        let stopped = || CommitError::Failed("the writer has stopped".into());
        let (done, answer) = oneshot::channel();
        let queue = self.inner.queue.as_ref().ok_or_else(stopped)?;
        queue.try_send(Job { mutation, done }).map_err(|e| match e {
            mpsc::error::TrySendError::Full(_) => CommitError::Busy,
            mpsc::error::TrySendError::Closed(_) => stopped(),
        })?;
        answer.await.unwrap_or(Err(CommitError::Unknown))
    }

    pub(crate) fn load(&self) -> Load {
        let waiting = self.inner.queue.as_ref().map_or(0, |queue| queue.max_capacity() - queue.capacity());
        self.inner.counters.load(waiting)
    }

    /// Point reads take microseconds with a warm cache, less than a hop to another thread would.
    pub(crate) fn rows(&self, sql: &'static str, args: &[Value]) -> Result<Vec<Row>, StoreError> {
        let idle = self.readers().pop();
        let mut reader = match idle {
            Some(reader) => reader,
            None => Reader::new(connect(&self.inner.path, OpenFlags::empty())?),
        };
        reader.settle(self.inner.counters.mutations())?;
        let answer = query(&reader.db, sql, args);
        self.readers().push(reader);
        answer
    }

    pub(crate) fn readers(&self) -> std::sync::MutexGuard<'_, Vec<Reader>> {
        self.inner.readers.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn connect(path: &Path, extra: OpenFlags) -> rusqlite::Result<Connection> {
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX | extra;
    let mut db = Connection::open_with_flags(path, flags)?;
    db.busy_handler(Some(wait_a_moment))?;
    db.set_prepared_statement_cache_capacity(CACHED_STATEMENTS);
    // Without this guarantee SQLite plans a statement anew for every set of arguments: six times the cost of a read.
    db.set_db_config(rusqlite::config::DbConfig::SQLITE_DBCONFIG_ENABLE_QPSG, true)?;
    db.execute_batch("PRAGMA foreign_keys = ON; PRAGMA trusted_schema = OFF; PRAGMA cache_size = -16000;")?;
    Ok(db)
}

/// SQLite's own pauses grow to a tenth of a second: too coarse for the moments in which a busy neighbour is not writing.
fn wait_a_moment(tries: i32) -> bool {
    std::thread::sleep(std::time::Duration::from_millis(1));
    u64::try_from(tries).is_ok_and(|millis| millis < BUSY_MS)
}

/// Turns the write-ahead log on and answers the journal mode that is then in force.
///
/// SQLite does not wait for others here, as it does elsewhere: of several processes that make a new
/// file together, all but one are told at once that it is locked.
fn write_ahead(db: &Connection) -> rusqlite::Result<String> {
    const STEP_MS: u64 = 5;
    let mut waited = 0;
    loop {
        match db.query_row("PRAGMA journal_mode = WAL", [], |row| row.get(0)) {
            Err(e) if e.sqlite_error_code() == Some(ErrorCode::DatabaseBusy) && waited < BUSY_MS => {
                std::thread::sleep(std::time::Duration::from_millis(STEP_MS));
                waited += STEP_MS;
            }
            answer => return answer,
        }
    }
}

/// Why a file cannot be opened. For the commonest reasons SQLite itself says no more than that it cannot.
fn why(path: &Path, error: &rusqlite::Error) -> String {
    if path.is_dir() {
        return "it is a folder".into();
    }
    match path.parent() {
        Some(folder) if !folder.as_os_str().is_empty() && !folder.exists() => {
            "its folder does not exist".into()
        }
        _ => error.to_string(),
    }
}

fn query(db: &Connection, sql: &str, args: &[Value]) -> Result<Vec<Row>, StoreError> {
    let mut statement = db.prepare_cached(sql)?;
    let columns = statement.column_count();
    let mut found = statement.query(rusqlite::params_from_iter(args))?;
    let mut rows = Vec::new();
    while let Some(row) = found.next()? {
        let mut values = Vec::with_capacity(columns);
        for i in 0..columns {
            values.push(value(row.get_ref(i)?)?);
        }
        rows.push(Row::new(values));
    }
    Ok(rows)
}

fn value(stored: ValueRef<'_>) -> Result<Value, StoreError> {
    Ok(match stored {
        ValueRef::Null => Value::Null,
        ValueRef::Integer(n) => Value::Int(n),
        ValueRef::Text(text) => Value::Text(String::from_utf8_lossy(text).into_owned()),
        ValueRef::Blob(bytes) => Value::Blob(bytes.to_vec()),
        ValueRef::Real(_) => return Err(StoreError::Corrupt("a fraction where none is stored")),
    })
}

impl ToSql for Value {
    fn to_sql(&self) -> rusqlite::Result<rusqlite::types::ToSqlOutput<'_>> {
        use rusqlite::types::ToSqlOutput::Borrowed;
        Ok(Borrowed(match self {
            Self::Null => ValueRef::Null,
            Self::Int(n) => ValueRef::Integer(*n),
            Self::Text(text) => ValueRef::Text(text.as_bytes()),
            Self::Blob(bytes) => ValueRef::Blob(bytes),
        }))
    }
}

enum MigrateError {
    Open(OpenError),
    Engine(rusqlite::Error),
}

impl From<rusqlite::Error> for MigrateError {
    fn from(error: rusqlite::Error) -> Self {
        Self::Engine(error)
    }
}

/// Brings the schema up to date, in one transaction that also keeps other processes out.
fn migrate(db: &mut Connection, now: Micros) -> Result<(), MigrateError> {
    let tx = db.transaction_with_behavior(TransactionBehavior::Immediate)?;
    tx.execute_batch(
        "CREATE TABLE IF NOT EXISTS migrations (
           version INTEGER NOT NULL PRIMARY KEY, checksum INTEGER NOT NULL, applied_at INTEGER NOT NULL
         ) STRICT;",
    )?;
    let schema = migrate::compare(&applied(&tx)?).map_err(MigrateError::Open)?;
    for migration in migrate::missing(schema) {
        tx.execute_batch(&migration.sql.replace("\n);", "\n) STRICT;"))?;
        let note = params![migration.version, checksum(migration.sql), now.get()];
        tx.execute("INSERT INTO migrations VALUES (?1, ?2, ?3)", note)?;
    }
    tx.commit()?;
    Ok(())
}

/// The migrations of a database, each by number and checksum.
fn applied(db: &Connection) -> rusqlite::Result<Vec<(i64, i64)>> {
    let mut rows = db.prepare("SELECT version, checksum FROM migrations")?;
    rows.query_map([], |row| Ok((row.get(0)?, row.get(1)?)))?.collect()
}

/// How a database file stands to this binary. Changes nothing.
pub(crate) fn schema(path: &Path) -> Result<Schema, OpenError> {
    let look = || {
        let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let db = Connection::open_with_flags(path, flags)?;
        db.busy_timeout(std::time::Duration::from_millis(BUSY_MS))?;
        if db.table_exists(None, "migrations")? { applied(&db) } else { Ok(Vec::new()) }
    };
    let applied = look()
        .map_err(|e| OpenError::Unusable { database: path.display().to_string(), reason: why(path, &e) })?;
    migrate::compare(&applied)
}
