//! Time as a number: microseconds since 1970-01-01T00:00:00Z. The clock itself is the server's.

use serde::{Deserialize, Serialize};

/// How far the clocks of nodes may differ, in seconds. A moment that lies further ahead than a wait lasts was stored while a
/// clock was wrong.
pub const CLOCK_SKEW_SECONDS: i64 = 3_600;

/// A moment, in microseconds since the Unix epoch (UTC).
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Default, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Micros(i64);

impl Micros {
    /// The moment that many microseconds after the epoch.
    pub const fn new(micros: i64) -> Self {
        Self(micros)
    }
    /// The moment that many seconds after the epoch; saturates instead of wrapping.
    pub const fn from_seconds(seconds: i64) -> Self {
        Self(seconds.saturating_mul(1_000_000))
    }
    /// Microseconds since the epoch.
    pub const fn get(self) -> i64 {
        self.0
    }
    /// Whole seconds since the epoch, as JWT claims carry them (RFC 7519 §2, NumericDate).
    pub const fn seconds(self) -> i64 {
        self.0.div_euclid(1_000_000)
    }
    /// The moment `seconds` later; saturates instead of wrapping.
    pub const fn plus_seconds(self, seconds: i64) -> Self {
        Self(self.0.saturating_add(seconds.saturating_mul(1_000_000)))
    }
    /// Whether this moment lies at or before `now`: what ends at a moment is over at that moment.
    pub const fn is_past(self, now: Self) -> bool {
        self.0 <= now.0
    }
    /// Seconds from `earlier` to this moment, rounded down; negative when `earlier` is later.
    pub const fn seconds_since(self, earlier: Self) -> i64 {
        self.0.saturating_sub(earlier.0).div_euclid(1_000_000)
    }
}

/// A moment as a claim: whole seconds since the epoch, rounded down (RFC 7519 §2, NumericDate).
pub mod numeric_date {
    use serde::{Deserialize, Deserializer, Serializer};

    use super::Micros;

    /// Writes the seconds.
    pub fn serialize<S: Serializer>(moment: &Micros, to: S) -> Result<S::Ok, S::Error> {
        to.serialize_i64(moment.seconds())
    }

    /// Reads the seconds.
    pub fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<Micros, D::Error> {
        i64::deserialize(from).map(Micros::from_seconds)
    }
}
