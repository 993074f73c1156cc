//! Codes of authenticator apps (RFC 6238: 6 digits, steps of 30 s, HMAC-SHA-1), as an app makes them.

use aws_lc_rs::hmac;

/// Seconds of a step.
const STEP: i64 = 30;
/// So close to the end of a step no code is used that would have ended with it: the server may look later.
const MARGIN: i64 = 2;

/// The steps whose codes a server takes that looks at the clock within the next moments: one of drift either way.
pub(crate) fn steps(seconds: i64) -> std::ops::RangeInclusive<i64> {
    (seconds + MARGIN).div_euclid(STEP) - 1..=seconds.div_euclid(STEP) + 1
}

/// The code of a step (RFC 4226 §5.3).
pub(crate) fn code(secret: &[u8; 20], step: i64) -> String {
    let key = hmac::Key::new(hmac::HMAC_SHA1_FOR_LEGACY_USE_ONLY, secret);
    let tag = hmac::sign(&key, &step.to_be_bytes());
    let tag = tag.as_ref();
    let offset = usize::from(tag[tag.len() - 1] & 15);
    let number = tag[offset..offset + 4].iter().fold(0_u32, |number, byte| number << 8 | u32::from(*byte));
    format!("{:06}", (number & 0x7fff_ffff) % 1_000_000)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// RFC 4226 appendix D.
    #[test]
    fn codes_are_those_of_the_standard() {
        let codes = ["755224", "287082", "359152", "969429"];
        for (step, expected) in (0..).zip(codes) {
            assert_eq!(code(b"12345678901234567890", step), expected);
        }
    }

    #[test]
    fn a_step_that_is_about_to_end_its_drift_is_left_out() {
        assert_eq!(steps(300), 9..=11);
        assert_eq!(steps(327), 9..=11);
        assert_eq!(steps(328), 10..=11);
    }
}
