//! How much the store has to do.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

/// Mutations in a commit; a group has at most 256.
const SIZES: [u64; 9] = [1, 2, 4, 8, 16, 32, 64, 128, 256];
/// Microseconds of a commit: from a disk with its own battery to one that hangs.
const MICROS: [u64; 12] =
    [100, 250, 500, 1_000, 2_500, 5_000, 10_000, 25_000, 50_000, 100_000, 500_000, 5_000_000];

/// The counters of an engine.
#[derive(Default)]
pub(crate) struct Counters {
    mutations: Counter<{ SIZES.len() }>,
    micros: Counter<{ MICROS.len() }>,
}

struct Counter<const N: usize> {
    counts: [AtomicU64; N],
    beyond: AtomicU64,
    sum: AtomicU64,
}

/// What the store had to do so far, and has to do now.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Load {
    /// Mutations that wait.
    pub waiting: u64,
    /// Mutations in each commit, with those that missed; on the embedded engine a commit can hold many.
    pub mutations: Spread,
    /// How long each commit took, in microseconds.
    pub micros: Spread,
}

/// How values are spread.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Spread {
    /// Where classes end, each with its end.
    pub ends: &'static [u64],
    /// Values in each class, and at last those beyond all ends.
    pub counts: Vec<u64>,
    /// All values together.
    pub sum: u64,
}

impl Counters {
    pub(crate) fn committed(&self, mutations: usize, took: Duration) {
        self.mutations.note(&SIZES, mutations as u64);
        self.micros.note(&MICROS, u64::try_from(took.as_micros()).unwrap_or(u64::MAX));
    }

    /// All mutations so far.
    pub(crate) fn mutations(&self) -> u64 {
        self.mutations.sum.load(Ordering::Relaxed)
    }

    pub(crate) fn load(&self, waiting: usize) -> Load {
        let (mutations, micros) = (self.mutations.read(&SIZES), self.micros.read(&MICROS));
        Load { waiting: waiting as u64, mutations, micros }
    }
}

impl<const N: usize> Default for Counter<N> {
    fn default() -> Self {
        Self { counts: std::array::from_fn(|_| AtomicU64::default()), beyond: 0.into(), sum: 0.into() }
    }
}

impl<const N: usize> Counter<N> {
    fn note(&self, ends: &[u64; N], value: u64) {
        let class = self.counts.iter().zip(ends).find(|(_, end)| value <= **end);
        class.map_or(&self.beyond, |(count, _)| count).fetch_add(1, Ordering::Relaxed);
        self.sum.fetch_add(value, Ordering::Relaxed);
    }

    fn read(&self, ends: &'static [u64; N]) -> Spread {
        let counts = self.counts.iter().chain([&self.beyond]).map(|count| count.load(Ordering::Relaxed));
        Spread { ends, counts: counts.collect(), sum: self.sum.load(Ordering::Relaxed) }
    }
}

/// A moment to measure from.
#[expect(clippy::disallowed_methods, reason = "a duration is measured on no clock that moves")]
pub(crate) fn now() -> std::time::Instant {
    std::time::Instant::now()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_fall_into_their_classes() {
        let counters = Counters::default();
        for (mutations, micros) in [(1, 99), (2, 100), (3, 101), (256, 5_000_000), (257, 5_000_001)] {
            counters.committed(mutations, Duration::from_micros(micros));
        }
        let Load { waiting, mutations, micros } = counters.load(7);
        assert_eq!(waiting, 7);
        assert_eq!(mutations.counts, [1, 1, 1, 0, 0, 0, 0, 0, 1, 1]);
        assert_eq!(mutations.sum, 1 + 2 + 3 + 256 + 257);
        assert_eq!(micros.counts, [2, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 1]);
        assert_eq!((micros.counts.len(), micros.ends.len()), (13, 12));
        assert_eq!(micros.sum, 99 + 100 + 101 + 5_000_000 + 5_000_001);
    }
}
