//! Answers that can be guessed: codes of authenticator apps and recovery codes.
//!
//! Three bounds. All methods of a user together: from the fifth wrong answer on each locks for longer, and a sign-in
//! that was not finished ends. Each method: after a hundred wrong answers in a row it is judged no more until another
//! method passes. Each client address, whoever's factors it tries. Only who has passed the first factor can cause any.

use stile_core::guessing::Allowance;
use stile_core::{Event, Level, Method, Micros, Principal};
use stile_store::failures::{self, CAP, LONGEST_LOCK};
use stile_store::{CommitError, Failures, Miss, Mutation, Step, buckets, sessions, users};

use super::Failed;
use crate::guard::context::Cx;
use crate::state::config::address_prefix;
use crate::state::error::{ApiError, Code};

/// Wrong answers that lock nothing.
const FREE: i64 = 4;
/// The first lock, in seconds; each one after it is twice as long.
const FIRST_LOCK: i64 = 30;
/// Leave to judge one answer, under the failures that were counted before it.
#[derive(Clone)]
pub struct Guess {
    method: Method,
    read: Failures,
    address: [u8; 32],
}

/// Leave to judge an answer, or the refusal that every answer gets now, right or wrong.
pub async fn admit(cx: &Cx, me: &Principal, method: Method) -> Result<Guess, ApiError> {
    let address =
        cx.app.keys.counter.tag(&[b"wrong-factors", cx.env.id.as_bytes(), &address_prefix(cx.address)]);
    let read = cx.app.store.failures(me.user.id, address).await?;
    let guess = Guess { method, read, address };
    let (allowed, here) = (allowed_here(cx), guess.read.here);
    let refusal = match guess.open(cx.now) {
        Err(refusal) => refusal,
        Ok(()) if allowed.has_room(here, cx.now) => return Ok(guess),
        Ok(()) => ApiError::too_many_codes(wait(allowed.room_at(here), cx.now)),
    };
    cx.note(me, Event::MfaLocked { method }).await;
    Err(refusal)
}

/// How many wrong answers one client address may give.
fn allowed_here(cx: &Cx) -> Allowance {
    Allowance::of(cx.env.settings.limits.wrong_factors)
}

impl Guess {
    /// Refuses while the user's failures leave no answer with this method to be judged.
    fn open(&self, now: Micros) -> Result<(), ApiError> {
        if self.read.of(self.method) >= CAP {
            return Err(Code::MfaMethodLocked.into());
        }
        match self.read.locked(now) {
            Some(until) => Err(ApiError::too_many_codes(wait(until, now))),
            None => Ok(()),
        }
    }

    /// The same guess under the failures as they are counted now.
    async fn again(&self, cx: &Cx, me: &Principal) -> Result<Self, ApiError> {
        let read = cx.app.store.failures(me.user.id, self.address).await?;
        let guess = Self { read, ..self.clone() };
        guess.open(cx.now)?;
        Ok(guess)
    }
}

fn wait(until: Micros, now: Micros) -> u64 {
    u64::try_from(until.seconds_since(now)).unwrap_or(0).saturating_add(1)
}

/// Counts a wrong answer in a commit of its own (CVE-2026-35597). When others were counted meanwhile it is counted after
/// them, until one of them locks: that takes fewer times than there are wrong answers that lock nothing.
pub async fn wrong(cx: &Cx, me: &Principal, guess: &Guess) -> ApiError {
    let mut guess = guess.clone();
    for _ in 0..=FREE {
        match count(cx, me, &guess).await {
            Ok(0) => return is_wrong(guess.method),
            Ok(locked) => return ApiError::too_many_codes(u64::try_from(locked).unwrap_or(0)),
            Err(CountError::Meanwhile) => {}
            Err(CountError::Refused(error)) => return error,
        }
        match guess.again(cx, me).await {
            Ok(again) => guess = again,
            Err(error) => return error,
        }
    }
    ApiError::too_many_codes(1)
}

/// What a wrong answer is told.
fn is_wrong(method: Method) -> ApiError {
    if method != Method::RecoveryCode {
        return Code::MfaInvalidCode.into();
    }
    // There is no present recovery code to wait for.
    ApiError::with(
        Code::MfaInvalidCode,
        "That recovery code is wrong, or was used already: enter another one of your codes.",
    )
}

/// Why a wrong answer was not counted.
enum CountError {
    /// Another answer was judged since the failures were read.
    Meanwhile,
    /// Anything else.
    Refused(ApiError),
}

impl From<ApiError> for CountError {
    fn from(error: ApiError) -> Self {
        Self::Refused(error)
    }
}

/// The seconds for which the answer locks.
async fn count(cx: &Cx, me: &Principal, guess: &Guess) -> Result<i64, CountError> {
    let number = guess.read.count.saturating_add(1);
    let seconds = lock_seconds(number);
    let until = if seconds > 0 { cx.now.plus_seconds(seconds) } else { Micros::new(0) };
    let wrong = Event::MfaWrong { method: guess.method, number, locked_seconds: seconds };
    let mut mutation = Mutation::new([
        users::hold(cx.env.id, me.user.id),
        failures::count(me.user.id, &guess.read, until, cx.now),
        failures::count_method(me.user.id, guess.method),
        // Never refuses: an address at its limit must not keep the user's own counter from counting.
        buckets::count(guess.address, allowed_here(cx), cx.now),
    ])
    .and_all(cx.record(me, wrong)?);
    if seconds > 0 && me.session.level == Level::Pending {
        mutation = mutation.and(sessions::end(cx.env.id, me.session.id));
    }
    match cx.commit(mutation).await {
        Ok(()) => Ok(seconds),
        Err(CommitError::Missed(Miss::LockedOut)) => Err(CountError::Meanwhile),
        Err(error) => Err(ApiError::from(error).into()),
    }
}

fn lock_seconds(number: i64) -> i64 {
    let doublings = number.saturating_sub(FREE + 1);
    if doublings < 0 {
        return 0;
    }
    // Five doublings pass the longest lock.
    (FIRST_LOCK << doublings.min(5)).min(LONGEST_LOCK)
}

/// What a right answer commits: it passes only while there is no lock and its method is below the cap.
pub fn right(me: &Principal, guess: &Guess, now: Micros) -> Vec<Step> {
    let mut steps = vec![failures::pass(me.user.id, now)];
    if !guess.read.by_method.is_empty() {
        steps.push(failures::hold_below_cap(me.user.id, guess.method));
        steps.push(failures::forget_methods(me.user.id));
    }
    steps
}

/// Why a right answer did not pass. One that came too late is refused as a wrong one is at that moment.
pub async fn late(cx: &Cx, me: &Principal, guess: &Guess, failed: Failed) -> Failed {
    match failed {
        Failed::Missed(Miss::LockedOut) => match guess.again(cx, me).await {
            Ok(_) => ApiError::too_many_codes(1).into(),
            Err(error) => error.into(),
        },
        other => other.when(missed),
    }
}

/// A code that was used meanwhile is a wrong one.
pub fn missed(miss: Miss) -> Option<Code> {
    (miss == Miss::AlreadyUsed).then_some(Code::MfaInvalidCode)
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
