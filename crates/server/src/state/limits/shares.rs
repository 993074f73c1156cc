//! How strangers share what an environment answers them, so that no flood becomes a wall for everybody else.
//!
//! Requests are counted for the environment as a whole, for each address and for the wider prefixes around it. A count
//! fades: after the window of the limit, a little more than a third of it is left. A request is admitted while what is
//! free of the whole exceeds what the address and its wider prefixes have used of it. So however many take as much as
//! they get, they leave a part of the whole free, and whoever has used little finds room in it ("dynamic thresholds",
//! Choudhury and Hahne 1998). Each count is inside of the wider ones, so an address also finds room beside greedy
//! neighbours.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use governor::clock::{Clock, Reference};
use governor::nanos::Nanos;
use stile_core::settings::Rate;

use super::bounded::Bounded;
use super::prefix::{Prefix, Width};

/// So many requests within a window pass from an address beyond what is free of the whole: enough to sign in.
const NEWCOMER: f64 = 20.0;

/// An address of which the environment knows next to nothing gets in even when the whole is used up: otherwise a flood
/// from some ten thousand networks at once would be a wall after all. All of this together has an end, too.
const BEYOND: f64 = 10.0;

/// How much a prefix may have used for its addresses to pass as newcomers.
fn newcomer(width: Width, whole: f64) -> f64 {
    match width {
        Width::Address => NEWCOMER,
        Width::Site => NEWCOMER * 3.0,
        // What is free of the whole gives a block half of it at most. The rest is enough for each of its 256 addresses, so
        // none of them keeps out its neighbours.
        Width::Block => whole * 0.5 + NEWCOMER * 256.0,
        Width::Network => (whole * 0.6).max(60.0),
    }
}

/// A count that fades.
#[derive(Clone, Copy, Default)]
struct Faded {
    count: f64,
    at: Nanos,
}

/// How counts fade, and what time it is.
struct Fading<C: Clock> {
    clock: C,
    start: C::Instant,
    window: Duration,
}

impl<C: Clock> Fading<C> {
    fn new(clock: C, seconds: u32) -> Self {
        let start = clock.now();
        Self { clock, start, window: Duration::from_secs(seconds.max(1).into()) }
    }

    fn now(&self) -> Nanos {
        self.clock.now().duration_since(self.start)
    }

    /// What is left of a count by now.
    fn left(&self, faded: Faded, now: Nanos) -> f64 {
        let passed = Duration::from(now.saturating_sub(faded.at));
        faded.count * (-passed.as_secs_f64() / self.window.as_secs_f64()).exp()
    }
}

/// Counts of addresses that fade: who failed lately, and how often.
pub struct Tally<C: Clock> {
    fading: Fading<C>,
    counts: Bounded<Prefix, Faded>,
}

impl<C: Clock> Tally<C> {
    /// Counts that fade within so many seconds.
    pub fn new(clock: C, seconds: u32) -> Self {
        Self { fading: Fading::new(clock, seconds), counts: Bounded::default() }
    }

    /// What is left of the prefix's count.
    pub fn count(&self, prefix: Prefix) -> f64 {
        self.left(prefix, self.fading.now())
    }

    fn left(&self, prefix: Prefix, now: Nanos) -> f64 {
        self.counts.get(&prefix).map_or(0.0, |faded| self.fading.left(faded, now))
    }

    /// Counts one more.
    pub fn add(&self, prefix: Prefix) {
        self.add_at(prefix, self.fading.now());
    }

    fn add_at(&self, prefix: Prefix, now: Nanos) {
        let change = |kept: Option<Faded>| {
            let count = kept.map_or(0.0, |faded| self.fading.left(faded, now)) + 1.0;
            Ok::<_, std::convert::Infallible>(((), Faded { count, at: now }))
        };
        let Ok(()) = self.counts.change(&prefix, change, |faded| self.fading.left(faded, now));
    }

    /// Forgets what has faded away.
    pub fn sweep(&self) {
        let now = self.fading.now();
        self.counts.retain(|faded| self.fading.left(faded, now) >= 0.01);
    }

    /// How many prefixes are remembered.
    #[cfg(test)]
    pub fn len(&self) -> usize {
        self.counts.len()
    }
}

/// What strangers have used of an environment's limit.
pub struct Shares<C: Clock> {
    requests: f64,
    whole: Mutex<Faded>,
    used: Tally<C>,
}

impl<C: Clock> Shares<C> {
    /// Nothing is used yet of so many requests in so many seconds.
    pub fn new(clock: C, rate: Rate) -> Self {
        let whole = Mutex::default();
        Self { requests: rate.requests.into(), whole, used: Tally::new(clock, rate.seconds) }
    }

    /// Counts a request of the address to which these prefixes belong, or tells after how long to try again.
    pub fn take(&self, prefixes: &[Prefix]) -> Result<(), Duration> {
        let mut whole = self.whole.lock().unwrap_or_else(PoisonError::into_inner);
        let now = self.used.fading.now();
        let total = self.used.fading.left(*whole, now);
        let mut used = total;
        let mut newcomer_here = total + 1.0 <= self.requests * BEYOND;
        for prefix in prefixes {
            let own = self.used.left(*prefix, now);
            used += own;
            newcomer_here &= own + 1.0 <= newcomer(prefix.width, self.requests);
        }
        if used + 1.0 > self.requests && !newcomer_here {
            return Err(self.wait(used));
        }
        *whole = Faded { count: total + 1.0, at: now };
        for prefix in prefixes {
            self.used.add_at(*prefix, now);
        }
        Ok(())
    }

    /// After how long so much used has faded to where there is room again, if nobody asks meanwhile; at most a window.
    fn wait(&self, used: f64) -> Duration {
        let window = self.used.fading.window;
        let windows = if self.requests > 1.0 { (used / (self.requests - 1.0)).ln() } else { 1.0 };
        window.mul_f64(windows.clamp(0.0, 1.0))
    }

    /// Forgets what has faded away.
    pub fn sweep(&self) {
        self.used.sweep();
    }

    /// How many prefixes are remembered.
    #[cfg(test)]
    pub fn len(&self) -> usize {
        self.used.len()
    }
}
