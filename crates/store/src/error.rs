//! What can go wrong in the store.

use stile_core::EnvironmentId;

use crate::mutation::Miss;

/// A read failed, or a row did not hold what its table promises.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// The engine failed.
    #[error("the database failed: {0}")]
    Engine(String),
    /// A row could not be understood.
    #[error("the database holds a row that cannot be read: {0}")]
    Corrupt(&'static str),
    /// An environment's settings could not be understood.
    #[error("the settings of the environment {environment} cannot be read: {reason}")]
    Settings {
        /// Which environment.
        environment: EnvironmentId,
        /// What is wrong with them.
        reason: String,
    },
}

/// A mutation did not happen, or nobody knows whether it did.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum CommitError {
    /// A guard missed: nothing happened, and this is why.
    #[error("nothing was changed: {0}")]
    Missed(Miss),
    /// Too many writes are waiting: nothing happened, try again in a moment.
    #[error("too many writes are waiting")]
    Busy,
    /// The engine failed before anything was durable: nothing happened.
    #[error("the database failed: {0}")]
    Failed(String),
    /// The connection was lost while committing: it may or may not have happened.
    #[error("the outcome is unknown")]
    Unknown,
}

/// A database could not be opened.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// The database cannot be used, or not be reached.
    #[error("cannot use the database {database}: {reason}")]
    Unusable {
        /// Which: a file, or a server without user and password.
        database: String,
        /// What the engine said.
        reason: String,
    },
    /// A newer Stile has written here.
    #[error(
        "the database was made by a newer Stile (schema {found}, this one knows {known}): use that version or newer"
    )]
    Newer {
        /// Its schema version.
        found: i64,
        /// The newest that this binary knows.
        known: i64,
    },
    /// A migration that was applied is not the one in this binary.
    #[error(
        "migration {0} in the database differs from the one in this binary: restore a backup or use the binary that made it"
    )]
    Altered(i64),
}

impl From<rusqlite::Error> for StoreError {
    fn from(error: rusqlite::Error) -> Self {
        Self::Engine(error.to_string())
    }
}

impl From<StoreError> for CommitError {
    /// A read beside a mutation failed: nothing happened.
    fn from(error: StoreError) -> Self {
        match error {
            StoreError::Engine(said) => Self::Failed(said),
            StoreError::Corrupt(what) => Self::Failed(what.to_owned()),
            other @ StoreError::Settings { .. } => Self::Failed(other.to_string()),
        }
    }
}
