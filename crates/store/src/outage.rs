//! Whether the database works: the log says when it stops working, and when it works again.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use crate::error::{CommitError, StoreError};
use crate::load::now;

/// The shortest time between two lines about failures of one kind.
const PAUSE: Duration = Duration::from_secs(10);

/// Reads and writes apart: a full disk still answers reads.
#[derive(Default)]
pub(crate) struct Outage {
    reads: State,
    writes: State,
}

impl Outage {
    /// Takes note of how a read went.
    pub(crate) fn read<T>(&self, outcome: &Result<T, StoreError>) {
        match outcome {
            Ok(_) if self.reads.ends() => tracing::warn!("the database is back: it answers reads again"),
            Err(StoreError::Engine(cause)) if self.reads.fails(now()) => {
                tracing::error!(cause, "the database does not answer reads");
            }
            Ok(_) | Err(_) => {}
        }
    }

    /// Takes note of how a mutation went. A guard that missed was judged by a database that works.
    pub(crate) fn write(&self, outcome: &Result<(), CommitError>) {
        match outcome {
            Ok(()) | Err(CommitError::Missed(_)) if self.writes.ends() => {
                tracing::warn!("the database is back: it takes writes again");
            }
            Err(CommitError::Failed(cause)) if self.writes.fails(now()) => {
                tracing::error!(cause, "the database does not take writes");
            }
            Ok(()) | Err(_) => {}
        }
    }
}

/// Either reads or writes.
#[derive(Default)]
struct State {
    /// Whether the last line says that it fails.
    told: AtomicBool,
    last_line: Mutex<Option<Instant>>,
}

impl State {
    /// Takes note of a failure; answers whether it gets a line.
    fn fails(&self, now: Instant) -> bool {
        let mut last = self.last_line.lock().unwrap_or_else(PoisonError::into_inner);
        if last.is_some_and(|last| now.duration_since(last) < PAUSE) {
            return false;
        }
        *last = Some(now);
        self.told.store(true, Ordering::Relaxed);
        true
    }

    /// Takes note of a success; answers whether it ends what the log told. The load keeps the usual case free of writes
    /// to memory that all threads share.
    fn ends(&self) -> bool {
        self.told.load(Ordering::Relaxed) && self.told.swap(false, Ordering::Relaxed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::mutation::Miss;

    #[test]
    fn failures_get_a_line_now_and_then_and_their_end_gets_one() {
        let state = State::default();
        let began = now();
        assert!(!state.ends());
        assert!(state.fails(began), "the first failure is told at once");
        assert!(!state.fails(began + PAUSE / 2));
        assert!(state.fails(began + PAUSE), "it still fails");
        assert!(state.ends() && !state.ends());
        // One that comes and goes all the time cannot fill the log.
        assert!(!state.fails(began + PAUSE * 3 / 2) && !state.ends());
        assert!(state.fails(began + PAUSE * 2) && state.ends());
    }

    #[test]
    fn only_a_database_that_fails_begins_an_outage_and_only_one_that_works_ends_it() {
        let outage = Outage::default();
        let (fails, busy) = (CommitError::Failed("no room".into()), CommitError::Busy);
        outage.write(&Err(busy.clone()));
        outage.read::<()>(&Err(StoreError::Corrupt("a row")));
        assert!(!outage.writes.ends() && !outage.reads.ends());
        for end in [Ok(()), Err(CommitError::Missed(Miss::NotFound))] {
            outage.writes.fails(now() + PAUSE * 2);
            outage.write(&Err(fails.clone()));
            outage.write(&Err(busy.clone()));
            outage.write(&Err(CommitError::Unknown));
            outage.read::<()>(&Ok(()));
            assert!(outage.writes.told.load(Ordering::Relaxed), "reads say nothing of writes");
            outage.write(&end);
            assert!(!outage.writes.ends(), "it has ended");
            *outage.writes.last_line.lock().unwrap() = None;
        }
        outage.read::<()>(&Err(StoreError::Engine("gone".into())));
        outage.read::<()>(&Err(StoreError::Corrupt("a row")));
        assert!(outage.reads.ends());
    }
}
