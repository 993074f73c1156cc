//! How many guesses at e-mail codes are judged: leaky buckets, each kept as one moment.
//!
//! The moment is the "theoretical arrival time" of the generic cell rate algorithm: when the bucket will be empty
//! again. Every event moves it on by the time in which one place comes back. There is no window, so there is no edge
//! of a window at which twice as many events pass.

use crate::settings::Rate;
use crate::time::{CLOCK_SKEW_SECONDS, Micros};

/// Digits of a code as long as its address is not under attack (ASVS 6.5.4: at least 20 bits).
pub const SHORT_DIGITS: u32 = 6;
/// Digits of a code that nobody guesses: five tries hit it once in 200,000,000,000 codes.
pub const LONG_DIGITS: u32 = 12;

/// So many events at once, and then one in every so many seconds.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Allowance {
    most: i64,
    each: i64,
    /// The time in which a full bucket becomes empty, whatever is left of its places.
    whole: i64,
}

/// Wrong short codes of strangers, for an address and for a user with all addresses. With one guess in 1,000,000 that
/// hits, at most 92 judged guesses in a day and 966 in a year stay under 1 in 10,000 and 1 in 1,000. No setting
/// changes it.
pub const STRANGERS: Allowance = Allowance::new(90, 36_000);
/// Wrong short codes of a device that the user is known to sign in with.
pub const KNOWN_DEVICE: Allowance = Allowance::new(10, 86_400);
/// For how long a device stays known after it completed a sign-in, in seconds.
pub const KNOWN_SECONDS: i64 = 180 * 86_400;
/// How many known devices a user has at most; the one that signed in longest ago is forgotten first.
pub const MOST_KNOWN: u32 = 5;

impl Allowance {
    /// `most` events at once, one more in every `seconds`.
    pub const fn new(most: u32, seconds: u32) -> Self {
        let (most, each) = (most as i64, seconds as i64 * 1_000_000);
        Self { most, each, whole: most.saturating_mul(each) }
    }

    /// The allowance of a rate: its number of requests at once, which come back within its seconds.
    pub fn of(rate: Rate) -> Self {
        let most = i64::from(rate.requests);
        let each = (i64::from(rate.seconds) * 1_000_000 / most.max(1)).max(1);
        Self { most, each, whole: most.saturating_mul(each) }
    }

    /// The same with one place less.
    #[must_use]
    pub const fn less_one(self) -> Self {
        Self { most: self.most - 1, ..self }
    }

    /// The time in which one place comes back, in microseconds.
    pub const fn each(self) -> i64 {
        self.each
    }

    /// There is room for one event while the stored moment lies at most so far ahead, in microseconds; negative when
    /// there never is.
    pub const fn ceiling(self) -> i64 {
        (self.most - 1).saturating_mul(self.each)
    }

    /// A moment so far ahead, in microseconds, that no right clock can have stored it: the clock was ahead, and was set
    /// back. Such a bucket takes one event, and is full with it: else whoever was counted then would be shut out for as long
    /// as the clock was wrong.
    pub const fn beyond(self) -> i64 {
        self.whole.saturating_add(CLOCK_SKEW_SECONDS * 1_000_000)
    }

    /// The time in which a full bucket becomes empty, in microseconds.
    pub const fn whole(self) -> i64 {
        self.whole
    }

    /// Whether one more event fits, with the bucket as stored.
    pub const fn has_room(self, stored: Micros, now: Micros) -> bool {
        let ahead = stored.get().saturating_sub(now.get());
        self.ceiling() >= 0 && (ahead <= self.ceiling() || ahead > self.beyond())
    }

    /// The bucket after one more event, if it fits.
    pub fn spent(self, stored: Micros, now: Micros) -> Option<Micros> {
        if !self.has_room(stored, now) {
            return None;
        }
        let impossible = stored.get().saturating_sub(now.get()) > self.beyond();
        let (from, add) = if impossible { (now, self.whole) } else { (stored.max(now), self.each) };
        Some(Micros::new(from.get().saturating_add(add)))
    }

    /// From when on one more event fits.
    pub const fn room_at(self, stored: Micros) -> Micros {
        Micros::new(stored.get().saturating_sub(self.ceiling()))
    }
}

#[cfg(test)]
mod tests;
