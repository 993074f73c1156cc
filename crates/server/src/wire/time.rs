//! Moments as texts.

use jiff::Timestamp;
use stile_core::Micros;

/// ISO 8601 in UTC, with milliseconds.
pub fn iso(at: Micros) -> String {
    let millis = at.get().div_euclid(1_000);
    Timestamp::from_millisecond(millis).map_or_else(|_| String::new(), |t| format!("{t:.3}"))
}
