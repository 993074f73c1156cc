//! Which client prefixes asked for codes for an address lately, and how many mails each was served.

use stile_core::Micros;
use stile_core::time::CLOCK_SKEW_SECONDS;

use crate::mutation::{Miss, Step};

/// How long a prefix is remembered, in seconds.
const REMEMBERED: i64 = 86_400;
/// For how long a prefix that was refused goes before those that were served more, in seconds. It is told to come back
/// within an hour, so it keeps its turn for longer than that.
const WAITING: i64 = 7_200;

/// Counts a mail that is sent for this prefix.
pub fn take(address: [u8; 32], prefix: [u8; 32], now: Micros) -> Step {
    let sql = "INSERT INTO mail_turns (address, prefix, served, expires_at) VALUES (?1, ?2, 1, ?3)
               ON CONFLICT (address, prefix) DO UPDATE
               SET served = mail_turns.served + 1, expires_at = excluded.expires_at";
    Step::one(sql, vec![address.into(), prefix.into(), ends(now)], Miss::LockedOut)
}

/// The same, if no prefix that waits for the address was served less; misses with `LockedOut` otherwise.
pub fn take_if_least(address: [u8; 32], prefix: [u8; 32], now: Micros) -> [Step; 2] {
    let sql = "UPDATE mail_turns SET served = served + 1, expires_at = ?3
               WHERE address = ?1 AND prefix = ?2 AND NOT EXISTS (
                 SELECT 1 FROM mail_turns o
                 WHERE o.address = ?1 AND +o.expires_at > ?4 AND +o.expires_at <= ?5
                   AND o.served < mail_turns.served)";
    let waiting = now.plus_seconds(REMEMBERED - WAITING);
    // Who asked while the clock was ahead does not wait until that day comes.
    let latest = now.plus_seconds(REMEMBERED + CLOCK_SKEW_SECONDS);
    let args = vec![address.into(), prefix.into(), ends(now), waiting.into(), latest.into()];
    [ask(address, prefix, now), Step::one(sql, args, Miss::LockedOut)]
}

/// Remembers that this prefix asked.
pub fn ask(address: [u8; 32], prefix: [u8; 32], now: Micros) -> Step {
    let sql = "INSERT INTO mail_turns (address, prefix, served, expires_at) VALUES (?1, ?2, 0, ?3)
               ON CONFLICT (address, prefix) DO UPDATE SET expires_at = excluded.expires_at";
    Step::one(sql, vec![address.into(), prefix.into(), ends(now)], Miss::LockedOut)
}

fn ends(now: Micros) -> crate::Value {
    now.plus_seconds(REMEMBERED).into()
}
