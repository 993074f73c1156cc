//! How much the store has to do.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

/// The counters of an engine.
#[derive(Default)]
pub(crate) struct Counters {
    commits: AtomicU64,
    mutations: AtomicU64,
    micros: AtomicU64,
}

/// What the store had to do so far, and has to do now.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Load {
    /// Mutations that wait.
    pub waiting: u64,
    /// Commits so far; on the embedded engine one can hold many mutations.
    pub commits: u64,
    /// Mutations in them, with those that missed.
    pub mutations: u64,
    /// How long the commits took together, in microseconds.
    pub micros: u64,
}

impl Counters {
    pub(crate) fn committed(&self, mutations: usize, took: Duration) {
        self.commits.fetch_add(1, Ordering::Relaxed);
        self.mutations.fetch_add(mutations as u64, Ordering::Relaxed);
        self.micros.fetch_add(u64::try_from(took.as_micros()).unwrap_or(u64::MAX), Ordering::Relaxed);
    }

    pub(crate) fn load(&self, waiting: usize) -> Load {
        let of = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        let (commits, mutations, micros) = (of(&self.commits), of(&self.mutations), of(&self.micros));
        Load { waiting: waiting as u64, commits, mutations, micros }
    }
}

/// A moment to measure from.
#[expect(clippy::disallowed_methods, reason = "a duration is measured on no clock that moves")]
pub(crate) fn now() -> std::time::Instant {
    std::time::Instant::now()
}
