//! Backups: all rows as of one moment, in one format for both engines, so that a backup of one can be restored into the
//! other. `docs/operations.md` describes the file.
//!
//! ```text
//! format   the lines of the file        tables   what is copied, in which order
//! renew    what a restore ends
//! ```

pub(crate) mod format;
pub(crate) mod renew;
pub(crate) mod tables;

use std::io::{BufRead, Write};
use std::path::Path;

use stile_core::Micros;

use crate::error::OpenError;
use crate::migrate::Schema;
use crate::{Engine, Store, postgres, sqlite};

pub(crate) use format::{Sink, Source};
pub use renew::Renewal;

/// What a backup says of itself before its rows.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Label {
    /// The version that made it.
    pub version: String,
    /// When it was made.
    pub made_at: Micros,
    /// By which the master key is recognised that its secrets are sealed under.
    pub key_check: Vec<u8>,
    /// The migrations of the database, each by number and checksum.
    pub(crate) schema: Vec<(i64, i64)>,
}

/// Rows that were copied, by table.
pub type Counts = Vec<(&'static str, u64)>;

/// A backup was not made, or not restored. Nothing was changed.
#[derive(Debug, thiserror::Error)]
pub enum BackupError {
    /// The file cannot be written or read.
    #[error("the file cannot be used: {0}")]
    File(#[from] std::io::Error),
    /// The file is no backup, or not a whole one.
    #[error("the file is no backup that can be restored: {0}")]
    Unfit(String),
    /// The database failed.
    #[error("the database failed: {0}")]
    Engine(String),
    /// The database cannot be opened, or is of another version.
    #[error(transparent)]
    Open(#[from] OpenError),
    /// There is something already where the backup shall go.
    #[error("there is data already")]
    NotEmpty,
}

impl From<rusqlite::Error> for BackupError {
    fn from(error: rusqlite::Error) -> Self {
        Self::Engine(error.to_string())
    }
}

/// A backup, opened to be restored.
pub struct Backup {
    source: Source,
}

impl Backup {
    /// Reads the label. The rows are read and checked while they are restored.
    ///
    /// # Errors
    /// [`BackupError::Unfit`] for what is no backup, [`BackupError::Open`] for one of a newer version.
    pub fn open(file: impl BufRead + Send + 'static) -> Result<Self, BackupError> {
        let source = Source::open(Box::new(file))?;
        if crate::migrate::compare(&source.label.schema)? == Schema::Empty {
            return Err(BackupError::Unfit("it names no schema".into()));
        }
        Ok(Self { source })
    }

    /// What it says of itself.
    pub const fn label(&self) -> &Label {
        &self.source.label
    }

    /// Fills a new SQLite database file. A file that was not filled to its end must be thrown away: give the path of a
    /// file aside, and rename it afterwards.
    pub fn into_sqlite(self, path: &Path, renewal: &Renewal) -> Result<Counts, BackupError> {
        sqlite::copy::fill(path, self.source, renewal)
    }

    /// Fills an empty PostgreSQL database, in one transaction.
    pub async fn into_postgres(self, url: &str, renewal: &Renewal) -> Result<Counts, BackupError> {
        postgres::fill(url, self.source, renewal).await
    }
}

impl Store {
    /// Writes everything that is kept, as of one moment; others go on writing meanwhile. The file is whole when this
    /// answers, and the caller sees to it that it is on disk.
    pub async fn backup(
        &self,
        version: &str,
        made_at: Micros,
        file: impl Write + Send + 'static,
    ) -> Result<Counts, BackupError> {
        let key_check =
            self.recall("master-key-check").await.map_err(|e| BackupError::Engine(e.to_string()))?;
        let label = Label {
            version: version.to_owned(),
            made_at,
            key_check: key_check.unwrap_or_default(),
            schema: Vec::new(),
        };
        let sink = Sink::new(Box::new(file), label);
        match &self.engine {
            Engine::Sqlite(db) => {
                let db = db.clone();
                let work = tokio::task::spawn_blocking(move || db.dump(sink));
                work.await.map_err(|e| BackupError::Engine(e.to_string()))?
            }
            Engine::Postgres(db) => db.dump(sink).await,
        }
    }
}
