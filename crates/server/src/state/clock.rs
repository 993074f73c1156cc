//! The clock port: the one place that reads the time, so that tests and `stile dev` can move it.

use std::sync::atomic::{AtomicI64, Ordering};
use std::time::{SystemTime, UNIX_EPOCH};

use stile_core::Micros;
use tokio::time::Instant;

/// The system's clock, plus an offset that only tests and the development server change.
#[derive(Debug, Default)]
pub struct Clock {
    stands_at: Option<Micros>,
    offset_micros: AtomicI64,
}

impl Clock {
    /// A clock that stands at this time until it is advanced: for tests that look at every time in an answer.
    pub const fn standing(at: Micros) -> Self {
        Self { stands_at: Some(at), offset_micros: AtomicI64::new(0) }
    }

    /// The time now.
    pub fn now(&self) -> Micros {
        let micros = self.stands_at.unwrap_or_else(system).get();
        Micros::new(micros.saturating_add(self.offset_micros.load(Ordering::Relaxed)))
    }

    /// Moves the clock by `seconds`, forward or back.
    pub fn advance(&self, seconds: i64) {
        self.offset_micros.fetch_add(seconds.saturating_mul(1_000_000), Ordering::Relaxed);
    }
}

#[expect(clippy::disallowed_methods, reason = "this is the port that everything else must use")]
fn system() -> Micros {
    let since_epoch = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    Micros::new(i64::try_from(since_epoch.as_micros()).unwrap_or(i64::MAX))
}

/// The moment on a clock that measures durations and that nothing moves.
#[expect(clippy::disallowed_methods, reason = "a duration is measured on no clock that moves")]
pub(crate) fn instant() -> Instant {
    Instant::now()
}
