//! Mutations: each on a connection of its own, for as long as it lasts.

use std::collections::hash_map::RandomState;
use std::hash::BuildHasher;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::Semaphore;
use tokio::time::{sleep, timeout};

use super::connection::Connection;
use super::fault::{crowded, said};
use super::link::Link;
use super::transaction::{End, attempt};
use crate::error::CommitError;
use crate::mutation::Mutation;

const CONNECTIONS: usize = 16;
/// How many mutations may be under way or wait before `Busy` is answered, and for how long one waits.
const QUEUE: usize = 4096;
const WAIT: Duration = Duration::from_secs(5);
/// How often a mutation is tried when others were in its way.
const ATTEMPTS: u32 = 5;

pub(super) struct Writers {
    idle: Mutex<Vec<Connection>>,
    slots: Semaphore,
    queue: Semaphore,
}

impl Default for Writers {
    fn default() -> Self {
        Self { idle: Mutex::default(), slots: Semaphore::new(CONNECTIONS), queue: Semaphore::new(QUEUE) }
    }
}

impl Writers {
    pub(super) async fn commit(&self, link: &Link, mutation: &Mutation) -> Result<(), CommitError> {
        let _queued = self.queue.try_acquire().map_err(|_| CommitError::Busy)?;
        // The semaphore is never closed; should it be, nothing can be written.
        let waited = timeout(WAIT, self.slots.acquire()).await.map_err(|_| CommitError::Busy)?;
        let _slot = waited.map_err(|_| CommitError::Busy)?;
        for tried in 1.. {
            let db = self.connection(link).await?;
            let (outcome, lives) = attempt(&db, mutation).await;
            if lives {
                self.idle().push(db);
            }
            match outcome {
                Err(End::Again(reason)) if tried < ATTEMPTS => {
                    tracing::debug!(reason, tried, "a mutation is tried again");
                    sleep(pause(tried)).await;
                }
                outcome => return Ok(outcome?),
            }
        }
        Err(CommitError::Busy)
    }

    /// How many mutations are under way or wait.
    pub(super) fn waiting(&self) -> usize {
        QUEUE - self.queue.available_permits()
    }

    async fn connection(&self, link: &Link) -> Result<Connection, CommitError> {
        while let Some(connection) = self.take() {
            if !connection.is_closed() {
                return Ok(connection);
            }
        }
        match timeout(WAIT, link.connect()).await {
            Ok(Ok(connection)) => Ok(connection),
            Ok(Err(error)) if crowded(&error) => Err(CommitError::Busy),
            Ok(Err(error)) => Err(CommitError::Failed(said(&error))),
            Err(_) => Err(CommitError::Failed("it does not answer".into())),
        }
    }

    fn take(&self) -> Option<Connection> {
        self.idle().pop()
    }

    fn idle(&self) -> MutexGuard<'_, Vec<Connection>> {
        self.idle.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Longer each time, and not the same for two that met. Nothing secret hangs on it, so the seed of a hash map
/// is random enough.
fn pause(tried: u32) -> Duration {
    let most = 4_000 << tried;
    Duration::from_micros(most / 2 + RandomState::new().hash_one(tried) % most)
}
