//! Wrong second factors of a user: one counter over all methods, which locks, and one for each method, which caps.
//!
//! A wrong answer is counted under the count as it was read, and reads again when another was counted meanwhile. A right
//! one passes while no lock holds, whatever was counted meanwhile: a thousand guesses sent at once are worth those before
//! the next lock (invariant 7), and nobody's guesses make a right answer miss before it.

use std::collections::BTreeMap;

use stile_core::time::CLOCK_SKEW_SECONDS;
use stile_core::{EnvironmentId, Method, Micros, UserId};

use crate::Store;
use crate::error::StoreError;
use crate::mutation::{Miss, Step};
use crate::value::Row;

/// After so many failures in a row a method is judged no more, until another method passes (NIST SP 800-63B-4 §3.2.2).
pub const CAP: i64 = 100;

/// No lock is longer than this, in seconds.
pub const LONGEST_LOCK: i64 = 900;

/// A user's failures since the last success.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Failures {
    /// Over all methods.
    pub count: i64,
    /// Until when no answer is judged; the beginning of time for no lock.
    pub locked_until: Micros,
    /// With each method that failed.
    pub by_method: BTreeMap<Method, i64>,
    /// The bucket of wrong answers of this client address, whoever's factors it tries.
    pub here: Micros,
}

impl Failures {
    /// Until when no answer is judged, if a lock holds now.
    pub fn locked(&self, now: Micros) -> Option<Micros> {
        (self.locked_until > now && self.locked_until <= beyond(now)).then_some(self.locked_until)
    }

    /// Failures with this method.
    pub fn of(&self, method: Method) -> i64 {
        self.by_method.get(&method).copied().unwrap_or_default()
    }
}

impl Store {
    /// The user's failures, and those of the client address that has this bucket.
    pub async fn failures(&self, owner: UserId, address: [u8; 32]) -> Result<Failures, StoreError> {
        let sql = "SELECT method, count, locked_until FROM failures WHERE owner = ?1
                   UNION ALL
                   SELECT 'here', 0, expires_at FROM counters WHERE key = ?2";
        let rows = self.rows(sql, vec![owner.into(), address.into()]).await?;
        let mut failures = Failures::default();
        for row in rows {
            add(&mut failures, row)?;
        }
        Ok(failures)
    }
}

fn add(failures: &mut Failures, mut row: Row) -> Result<(), StoreError> {
    let (method, count, until): (String, i64, Micros) = (row.take()?, row.take()?, row.take()?);
    match method.as_str() {
        "any" => (failures.count, failures.locked_until) = (count, until),
        "here" => failures.here = until,
        text => {
            let method = Method::parse(text).ok_or(StoreError::Corrupt("failures of an unknown method"))?;
            failures.by_method.insert(method, count);
        }
    }
    Ok(())
}

/// Counts a failure that was judged when `read` had been counted, and locks until then; misses when another answer was
/// judged meanwhile, or while a lock holds.
pub fn count(owner: UserId, read: &Failures, locked_until: Micros, now: Micros) -> Step {
    let sql = "INSERT INTO failures (owner, method, count, locked_until) VALUES (?1, 'any', 1, ?3)
               ON CONFLICT (owner, method) DO UPDATE SET count = failures.count + 1, locked_until = ?3
               WHERE failures.count = ?2 AND (failures.locked_until <= ?4 OR failures.locked_until > ?5)";
    let args = vec![owner.into(), read.count.into(), locked_until.into(), now.into(), beyond(now).into()];
    Step::one(sql, args, Miss::LockedOut)
}

/// Counts a failure with this method, up to the cap.
pub fn count_method(owner: UserId, method: Method) -> Step {
    let sql = "INSERT INTO failures (owner, method, count, locked_until) VALUES (?1, ?2, 1, 0)
               ON CONFLICT (owner, method) DO UPDATE SET count = failures.count + 1 WHERE failures.count < ?3";
    Step::one(sql, vec![owner.into(), method.as_str().into(), CAP.into()], Miss::LockedOut)
}

/// Lets a right answer pass only while no lock holds, and begins anew.
pub fn pass(owner: UserId, now: Micros) -> Step {
    let sql = "INSERT INTO failures (owner, method, count, locked_until) VALUES (?1, 'any', 0, 0)
               ON CONFLICT (owner, method) DO UPDATE SET count = 0, locked_until = 0
               WHERE failures.locked_until <= ?2 OR failures.locked_until > ?3";
    Step::one(sql, vec![owner.into(), now.into(), beyond(now).into()], Miss::LockedOut)
}

/// No lock that a right clock made ends after this moment. Later ones are left from a clock that was ahead and was set back:
/// they lock nothing, and the failures behind them still count.
fn beyond(now: Micros) -> Micros {
    now.plus_seconds(LONGEST_LOCK + CLOCK_SKEW_SECONDS)
}

/// Lets a right answer pass only while its method is below the cap.
pub fn hold_below_cap(owner: UserId, method: Method) -> Step {
    let sql = "INSERT INTO failures (owner, method, count, locked_until) VALUES (?1, ?2, 0, 0)
               ON CONFLICT (owner, method) DO UPDATE SET count = failures.count WHERE failures.count < ?3";
    Step::one(sql, vec![owner.into(), method.as_str().into(), CAP.into()], Miss::LockedOut)
}

/// Forgets the failures with each method: a factor has been proved.
pub fn forget_methods(owner: UserId) -> Step {
    Step::any("DELETE FROM failures WHERE owner = ?1 AND method <> 'any'", vec![owner.into()])
}

/// Forgets all failures of the user: a factor that cannot be guessed has been proved, or an operator has stepped in.
pub fn forget(environment: EnvironmentId, owner: UserId) -> Step {
    let sql = "DELETE FROM failures
               WHERE owner = ?1 AND EXISTS (SELECT 1 FROM users u WHERE u.id = ?1 AND u.environment = ?2)";
    Step::any(sql, vec![owner.into(), environment.into()])
}
