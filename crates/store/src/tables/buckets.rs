//! Leaky buckets: each is one moment in the table of counters, by the rule of `stile_core::guessing`. A bucket that is
//! empty again is swept like a counter whose window is over.

use stile_core::Micros;
use stile_core::guessing::Allowance;

use crate::Store;
use crate::error::StoreError;
use crate::mutation::{Miss, Step};

/// Counts one event if there is room for it; misses with `LockedOut` otherwise.
pub fn spend(key: [u8; 32], allowance: Allowance, now: Micros) -> Step {
    if allowance.ceiling() < 0 {
        return no_room();
    }
    let sql = "INSERT INTO counters (key, count, expires_at) VALUES (?1, 0, ?7)
               ON CONFLICT (key) DO UPDATE SET
                 expires_at = CASE WHEN counters.expires_at - ?2 > ?5 THEN ?2 + ?6
                                   WHEN counters.expires_at > ?2 THEN counters.expires_at + ?3
                                   ELSE ?2 + ?3 END
               WHERE counters.expires_at - ?2 <= ?4 OR counters.expires_at - ?2 > ?5";
    let first = now.get().saturating_add(allowance.each());
    let args = vec![
        key.into(),
        now.into(),
        allowance.each().into(),
        allowance.ceiling().into(),
        allowance.beyond().into(),
        allowance.whole().into(),
        first.into(),
    ];
    Step::one(sql, args, Miss::LockedOut)
}

/// Counts one event whether or not there is room for it; a bucket that is full stays full.
pub fn count(key: [u8; 32], allowance: Allowance, now: Micros) -> Step {
    let sql = "INSERT INTO counters (key, count, expires_at) VALUES (?1, 0, ?6)
               ON CONFLICT (key) DO UPDATE SET
                 expires_at = CASE WHEN counters.expires_at - ?2 > ?7 THEN ?2 + ?5
                                   WHEN counters.expires_at - ?2 > ?5 THEN counters.expires_at
                                   WHEN counters.expires_at - ?2 > ?4 THEN ?2 + ?5
                                   WHEN counters.expires_at > ?2 THEN counters.expires_at + ?3
                                   ELSE ?2 + ?3 END";
    let args = vec![
        key.into(),
        now.into(),
        allowance.each().into(),
        allowance.whole().saturating_sub(allowance.each()).into(),
        allowance.whole().into(),
        now.get().saturating_add(allowance.each()).into(),
        allowance.beyond().into(),
    ];
    Step::one(sql, args, Miss::LockedOut)
}

/// Lets a mutation pass only while there is room for one more event, and leaves the bucket as it is (invariant 7). It
/// asks how full the bucket is and not whether somebody counted meanwhile: no stranger makes a right answer miss.
pub fn hold_room(key: [u8; 32], allowance: Allowance, now: Micros) -> Step {
    if allowance.ceiling() < 0 {
        return no_room();
    }
    let sql = "INSERT INTO counters (key, count, expires_at) VALUES (?1, 0, ?2)
               ON CONFLICT (key) DO UPDATE SET expires_at = counters.expires_at
               WHERE counters.expires_at - ?2 <= ?3 OR counters.expires_at - ?2 > ?4";
    let args = vec![key.into(), now.into(), allowance.ceiling().into(), allowance.beyond().into()];
    Step::one(sql, args, Miss::LockedOut)
}

/// What an allowance without places answers always.
fn no_room() -> Step {
    Step::one("UPDATE counters SET count = count WHERE FALSE", Vec::new(), Miss::LockedOut)
}

impl Store {
    /// These buckets as they are stored; one that never was is the beginning of time.
    pub async fn buckets<const N: usize>(&self, keys: [[u8; 32]; N]) -> Result<[Micros; N], StoreError> {
        let mut stored = [Micros::new(0); N];
        for (slot, key) in stored.iter_mut().zip(keys) {
            let row = self.row("SELECT expires_at FROM counters WHERE key = ?1", vec![key.into()]).await?;
            if let Some(mut row) = row {
                *slot = row.take()?;
            }
        }
        Ok(stored)
    }
}
