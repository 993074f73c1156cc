//! Questions that need no storage: random values that carry their own issue time and a MAC. Used for
//! nonces and WebAuthn challenges.
//!
//! A token is `random (16) ‖ issue time (8, big-endian microseconds) ‖ MAC (16)`: 40 bytes. It proves
//! that this server issued it, for this context, no longer ago than the caller allows. That it is used
//! only once is the ledger's work, under the [`TokenId`] that [`check`] returns. The ledger must keep
//! the id for `max_age` plus [`MAX_FUTURE_MICROS`] from the moment of use.

use crate::{MacKey, random};

/// The length of a token in bytes.
pub const LEN: usize = 40;

/// How far in the future an issue time may lie, in microseconds: 60 s, for nodes whose clocks differ.
pub const MAX_FUTURE_MICROS: i64 = 60_000_000;

/// The random part of a token: its key in the ledger.
pub type TokenId = [u8; 16];

/// Why a token was refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SealedTokenError {
    /// Not 40 bytes.
    #[error("not a token of this server")]
    Malformed,
    /// Not issued by this server for this context.
    #[error("the token was not issued for this")]
    Forged,
    /// As old as the caller allows, or older.
    #[error("the token has expired")]
    Expired,
    /// Issued more than 60 s in the future.
    #[error("the token comes from the future")]
    NotYetValid,
}

/// Issues a token for a context (what it may be used for: environment, session, action). Time in
/// microseconds since the epoch.
pub fn issue(key: &MacKey, context: &[&[u8]], now_micros: i64) -> Vec<u8> {
    let id: TokenId = random::bytes();
    let time = now_micros.to_be_bytes();
    let mac = key.tag16(&covered(context, &id, &time));
    [&id[..], &time, &mac].concat()
}

/// Checks a token that came back, and returns the key under which the ledger must use it up. A token
/// is good while its age is below `max_age_micros`.
///
/// # Errors
/// [`SealedTokenError`]; nothing about the time of a forged token is told.
pub fn check(
    key: &MacKey,
    context: &[&[u8]],
    token: &[u8],
    now_micros: i64,
    max_age_micros: i64,
) -> Result<TokenId, SealedTokenError> {
    if token.len() != LEN {
        return Err(SealedTokenError::Malformed);
    }
    let (id, rest) = token.split_first_chunk::<16>().ok_or(SealedTokenError::Malformed)?;
    let (time, mac) = rest.split_first_chunk::<8>().ok_or(SealedTokenError::Malformed)?;
    if !key.verify16(&covered(context, id, time), mac) {
        return Err(SealedTokenError::Forged);
    }
    let age = now_micros.saturating_sub(i64::from_be_bytes(*time));
    if age < -MAX_FUTURE_MICROS {
        return Err(SealedTokenError::NotYetValid);
    }
    if age >= max_age_micros {
        return Err(SealedTokenError::Expired);
    }
    Ok(*id)
}

/// The parts under the MAC. The last two have a fixed length, so the context cannot run into them.
fn covered<'a>(context: &[&'a [u8]], id: &'a TokenId, time: &'a [u8; 8]) -> Vec<&'a [u8]> {
    context.iter().copied().chain([&id[..], &time[..]]).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const NOW: i64 = 1_760_000_000_000_000;
    const MINUTE: i64 = 60_000_000;
    const CONTEXT: &[&[u8]] = &[b"env-1", b"webauthn.get"];

    fn key() -> MacKey {
        MacKey::new(&[3; 32])
    }

    fn check_at(token: &[u8], now: i64) -> Result<TokenId, SealedTokenError> {
        check(&key(), CONTEXT, token, now, 5 * MINUTE)
    }

    #[test]
    fn accepts_its_own() {
        let token = issue(&key(), CONTEXT, NOW);
        assert_eq!(token.len(), LEN);
        assert_eq!(check_at(&token, NOW).unwrap(), token[..16]);
        assert_ne!(token, issue(&key(), CONTEXT, NOW));
    }

    #[test]
    fn is_good_for_its_age() {
        let token = issue(&key(), CONTEXT, NOW);
        assert!(check_at(&token, NOW + 5 * MINUTE - 1).is_ok());
        assert_eq!(check_at(&token, NOW + 5 * MINUTE), Err(SealedTokenError::Expired));
        assert_eq!(check_at(&token, i64::MAX), Err(SealedTokenError::Expired));
        assert_eq!(check(&key(), CONTEXT, &token, NOW, 0), Err(SealedTokenError::Expired));
    }

    #[test]
    fn tolerates_clocks_a_minute_apart() {
        let token = issue(&key(), CONTEXT, NOW);
        assert!(check_at(&token, NOW - MINUTE).is_ok());
        assert_eq!(check_at(&token, NOW - MINUTE - 1), Err(SealedTokenError::NotYetValid));
        assert_eq!(check_at(&token, i64::MIN), Err(SealedTokenError::NotYetValid));
    }

    #[test]
    fn times_at_the_edges_do_not_overflow() {
        for issued in [i64::MIN, -1, 0, 1, i64::MAX] {
            let token = issue(&key(), CONTEXT, issued);
            for now in [i64::MIN, -1, 0, 1, i64::MAX] {
                for age in [i64::MIN, 0, i64::MAX] {
                    let _ = check(&key(), CONTEXT, &token, now, age);
                }
            }
        }
    }

    #[test]
    fn every_changed_bit_is_seen() {
        let token = issue(&key(), CONTEXT, NOW);
        for bit in 0..LEN * 8 {
            let mut changed = token.clone();
            changed[bit / 8] ^= 1 << (bit % 8);
            assert_eq!(check_at(&changed, NOW), Err(SealedTokenError::Forged));
        }
    }

    #[test]
    fn every_other_length_is_malformed() {
        let token = issue(&key(), CONTEXT, NOW);
        for len in 0..LEN {
            assert_eq!(check_at(&token[..len], NOW), Err(SealedTokenError::Malformed));
        }
        assert_eq!(check_at(&[&token[..], &[0]].concat(), NOW), Err(SealedTokenError::Malformed));
    }

    #[test]
    fn belongs_to_its_context_and_key() {
        let token = issue(&key(), CONTEXT, NOW);
        let others: [&[&[u8]]; 4] = [&[], &[b"env-1"], &[b"env-2", b"webauthn.get"], &[b"env-1webauthn.get"]];
        for other in others {
            assert_eq!(check(&key(), other, &token, NOW, MINUTE), Err(SealedTokenError::Forged));
        }
        let other = MacKey::new(&[4; 32]);
        assert_eq!(check(&other, CONTEXT, &token, NOW, MINUTE), Err(SealedTokenError::Forged));
    }

    proptest! {
        #[test]
        fn nothing_made_up_is_accepted(
            token in proptest::collection::vec(any::<u8>(), 0..80),
            now: i64,
            max_age: i64,
        ) {
            prop_assert!(check(&key(), CONTEXT, &token, now, max_age).is_err());
        }

        #[test]
        fn forty_bytes_made_up_are_forged(token: [u8; 20], more: [u8; 20], now: i64) {
            let token = [token, more].concat();
            prop_assert_eq!(check_at(&token, now), Err(SealedTokenError::Forged));
        }
    }
}
