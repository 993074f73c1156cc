//! Failure and send counters: each counts within a window that begins with its first event.

use stile_core::Micros;
use stile_core::settings::Rate;

use crate::error::StoreError;
use crate::mutation::{Miss, Step};
use crate::{Store, Value};

/// Counts one event.
pub fn bump(key: [u8; 32], rate: Rate, now: Micros) -> Step {
    let sql = "INSERT INTO counters (key, count, expires_at) VALUES (?1, 1, ?2)
               ON CONFLICT (key) DO UPDATE SET
                 count = CASE WHEN counters.expires_at <= ?3 THEN 1 ELSE counters.count + 1 END,
                 expires_at = CASE WHEN counters.expires_at <= ?3 THEN excluded.expires_at ELSE counters.expires_at END";
    Step::one(sql, vec![key.into(), window_end(rate, now), now.into()], Miss::LockedOut)
}

/// Counts one event if that keeps within the rate; misses with `LockedOut` otherwise.
pub fn admit(key: [u8; 32], rate: Rate, now: Micros) -> Step {
    let sql = "INSERT INTO counters (key, count, expires_at) VALUES (?1, 1, ?2)
               ON CONFLICT (key) DO UPDATE SET
                 count = CASE WHEN counters.expires_at <= ?3 THEN 1 ELSE counters.count + 1 END,
                 expires_at = CASE WHEN counters.expires_at <= ?3 THEN excluded.expires_at ELSE counters.expires_at END
               WHERE counters.expires_at <= ?3 OR counters.count < ?4";
    Step::one(sql, vec![key.into(), window_end(rate, now), now.into(), rate.requests.into()], Miss::LockedOut)
}

/// Lets a success pass only while the failures keep within the rate, and clears them (invariant 7).
/// The window ends with it: the next one begins with the next failure.
pub fn clear(key: [u8; 32], rate: Rate, now: Micros) -> Step {
    let sql = "INSERT INTO counters (key, count, expires_at) VALUES (?1, 0, ?2)
               ON CONFLICT (key) DO UPDATE SET count = 0, expires_at = excluded.expires_at
               WHERE counters.expires_at <= ?2 OR counters.count < ?3";
    Step::one(sql, vec![key.into(), now.into(), rate.requests.into()], Miss::LockedOut)
}

/// Lets a mutation pass only while the failures keep within the rate, and leaves them as they are.
pub fn within(key: [u8; 32], rate: Rate, now: Micros) -> Step {
    let sql = "INSERT INTO counters (key, count, expires_at) VALUES (?1, 0, ?2)
               ON CONFLICT (key) DO UPDATE SET count = counters.count
               WHERE counters.expires_at <= ?2 OR counters.count < ?3";
    Step::one(sql, vec![key.into(), now.into(), rate.requests.into()], Miss::LockedOut)
}

fn window_end(rate: Rate, now: Micros) -> Value {
    now.plus_seconds(rate.seconds.into()).into()
}

impl Store {
    /// How many events the counter holds now, and when its window ends.
    pub async fn count(&self, key: [u8; 32], now: Micros) -> Result<(i64, Micros), StoreError> {
        let sql = "SELECT count, expires_at FROM counters WHERE key = ?1 AND +expires_at > ?2";
        let row = self.row(sql, vec![key.into(), now.into()]).await?;
        row.map_or(Ok((0, now)), |mut row| Ok((row.take()?, row.take()?)))
    }
}
