//! Answers that can be guessed: codes of authenticator apps and recovery codes.
//!
//! Three bounds. All methods of a user together: from the fifth wrong answer on each locks for longer, and a sign-in
//! that was not finished ends. Each method: after a hundred wrong answers in a row it is judged no more until another
//! method passes. Each client address, whoever's factors it tries. Only who has passed the first factor can cause any.

use serde_json::json;
use stile_core::{Level, Micros, Principal};
use stile_store::failures::{self, CAP};
use stile_store::{CommitError, Failures, Guessed, Miss, Mutation, Step, counters, sessions, users};

use crate::config::address_prefix;
use crate::context::Cx;
use crate::delivery::Content;
use crate::error::{ApiError, Code};

/// Wrong answers that lock nothing.
const FREE: i64 = 4;
/// The first lock, in seconds; each one after it is twice as long.
const FIRST_LOCK: i64 = 30;
/// The longest lock, in seconds.
const LONGEST_LOCK: i64 = 900;

/// Leave to judge one answer, under the failures that were counted before it.
pub struct Guess {
    method: Guessed,
    read: Failures,
    address: [u8; 32],
}

/// Leave to judge an answer, or the refusal that every answer gets now, right or wrong.
pub async fn admit(cx: &Cx, me: &Principal, method: Guessed) -> Result<Guess, ApiError> {
    let address =
        cx.app.keys.counter.tag(&[b"wrong-factors", cx.env.id.as_bytes(), &address_prefix(cx.address)]);
    let read = cx.app.store.failures(me.user.id, address, cx.now).await?;
    let wait =
        |until: i64| u64::try_from(Micros::new(until).seconds_since(cx.now)).unwrap_or(0).saturating_add(1);
    if read.of(method) >= CAP {
        return Err(Code::MfaMethodLocked.into());
    }
    if read.locked_until > cx.now.get() {
        return Err(ApiError::too_many_codes(wait(read.locked_until)));
    }
    if read.here >= i64::from(cx.env.settings.limits.wrong_factors.requests) {
        return Err(ApiError::too_many_codes(wait(read.here_until)));
    }
    Ok(Guess { method, read, address })
}

/// Counts a wrong answer in a commit of its own (CVE-2026-35597).
pub async fn wrong(cx: &Cx, me: &Principal, guess: &Guess) -> ApiError {
    match count(cx, me, guess).await {
        Ok(0) => match guess.method {
            Guessed::Totp => Code::MfaInvalidCode.into(),
            // There is no present recovery code to wait for.
            Guessed::RecoveryCode => ApiError::with(
                Code::MfaInvalidCode,
                "That recovery code is wrong, or was used already: enter another one of your codes.",
            ),
        },
        Ok(locked) => ApiError::too_many_codes(u64::try_from(locked).unwrap_or(0)),
        Err(error) => error,
    }
}

/// The seconds for which the answer locks.
async fn count(cx: &Cx, me: &Principal, guess: &Guess) -> Result<i64, ApiError> {
    let number = guess.read.count.saturating_add(1);
    let seconds = lock_seconds(number);
    let until = if seconds > 0 { cx.now.plus_seconds(seconds) } else { Micros::new(0) };
    let detail = json!({ "method": guess.method.as_str(), "number": number, "lockedSeconds": seconds });
    let mut mutation = Mutation::new([
        users::exists(cx.env.id, me.user.id),
        failures::count(me.user.id, &guess.read, until, cx.now),
        failures::count_method(me.user.id, guess.method),
        // Never refuses: an address at its limit must not keep the user's own counter from counting.
        counters::bump(guess.address, cx.env.settings.limits.wrong_factors, cx.now),
        cx.audit("mfa.wrong", Some(me.user.id), detail),
    ]);
    if seconds > 0 {
        mutation = mutation.and_all(cx.notice(me, &Content::MfaLocked { wrong: number, at: cx.now })?);
        if me.session.level == Level::Pending {
            mutation = mutation.and(sessions::end(cx.env.id, me.session.id));
        }
    }
    cx.commit(mutation).await.map_err(refused)?;
    Ok(seconds)
}

fn lock_seconds(number: i64) -> i64 {
    let doublings = number.saturating_sub(FREE + 1);
    if doublings < 0 {
        return 0;
    }
    // Five doublings pass the longest lock.
    (FIRST_LOCK << doublings.min(5)).min(LONGEST_LOCK)
}

/// What a right answer commits: it passes only when nothing was counted since it was admitted.
pub fn right(me: &Principal, guess: &Guess, now: Micros) -> Vec<Step> {
    let mut steps = vec![failures::pass(me.user.id, &guess.read, now)];
    if guess.read.totp > 0 || guess.read.recovery_code > 0 {
        steps.push(failures::forget_methods(me.user.id));
    }
    steps
}

/// What a failed commit means where an answer was judged.
pub fn refused(error: CommitError) -> ApiError {
    match error {
        CommitError::Missed(Miss::AlreadyUsed) => Code::MfaInvalidCode.into(),
        CommitError::Missed(Miss::LockedOut) => ApiError::too_many_codes(1),
        other => other.into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn locks_grow_to_a_quarter_of_an_hour() {
        let table = [
            (1, 0),
            (4, 0),
            (5, 30),
            (6, 60),
            (7, 120),
            (8, 240),
            (9, 480),
            (10, 900),
            (70, 900),
            (i64::MAX, 900),
        ];
        for (number, seconds) in table {
            assert_eq!(lock_seconds(number), seconds, "{number}");
        }
        assert!((1..1_000).all(|number| lock_seconds(number) <= lock_seconds(number + 1)));
    }
}
