//! One-time codes by e-mail. NIST SP 800-63B-4: a re-authentication factor, never a second one.

use stile_core::{CredentialId, EmailAddress, EnvironmentId, Format, Micros, Proof, VerificationId};
use stile_keys::{Keyring, random};

use crate::spelling::normalise;

/// How long a code is accepted, in seconds (ASVS 6.5.5: at most 10 minutes).
pub const LIFETIME_SECONDS: i64 = 600;

/// A new code of so many digits. Long ones are digits too: fields for codes take nothing else.
pub fn new_code(digits: u32) -> String {
    random::digits(digits as usize)
}

/// The keyed hash under which a code is stored. It belongs to one verification of one environment.
pub fn hash(keys: &Keyring, environment: EnvironmentId, id: VerificationId, code: &str) -> [u8; 32] {
    keys.code.tag(&[b"email", environment.as_bytes(), id.as_bytes(), normalise(code).as_bytes()])
}

/// The keyed hash under which an address is stored and counted.
pub fn address_hash(keys: &Keyring, environment: EnvironmentId, address: &EmailAddress) -> [u8; 32] {
    keys.counter.tag(&[b"email-address", environment.as_bytes(), address.as_str().as_bytes()])
}

/// A right answer: it becomes a proof when it is known whose address it was.
#[derive(Clone, Copy, Debug)]
pub struct RightCode {
    at: Micros,
}

impl RightCode {
    /// The proof, for the e-mail credential of the address that the code was sent to.
    pub const fn proof(self, credential: CredentialId) -> Proof {
        Proof::code(Format::Email, credential, self.at)
    }
}

/// Judges an answer in constant time. `None` is a wrong code.
pub fn judge(
    keys: &Keyring,
    environment: EnvironmentId,
    id: VerificationId,
    stored: &[u8; 32],
    answer: &str,
    now: Micros,
) -> Option<RightCode> {
    let answer = normalise(answer);
    let parts: [&[u8]; 4] = [b"email", environment.as_bytes(), id.as_bytes(), answer.as_bytes()];
    keys.code.verify(&parts, stored).then_some(RightCode { at: now })
}

#[cfg(test)]
mod tests {
    use super::*;
    use stile_core::guessing::{LONG_DIGITS, SHORT_DIGITS};
    use stile_keys::MasterKey;

    const NOW: Micros = Micros::new(1);
    const ENVIRONMENT: EnvironmentId = EnvironmentId::from_bytes([1; 16]);
    const ID: VerificationId = VerificationId::from_bytes([2; 16]);

    #[test]
    fn a_code_is_right_in_any_spelling_and_for_its_verification_alone() {
        let keys = Keyring::new(&MasterKey::generate()).unwrap();
        let stored = hash(&keys, ENVIRONMENT, ID, "012345678901");
        for answer in ["012345678901", "0123 4567 8901", " oi2345-678901", "０12345678901"] {
            assert!(judge(&keys, ENVIRONMENT, ID, &stored, answer, NOW).is_some(), "{answer}");
        }
        for answer in ["", "01234567890", "0123456789010", "112345678901"] {
            assert!(judge(&keys, ENVIRONMENT, ID, &stored, answer, NOW).is_none(), "{answer}");
        }
        let other_id = VerificationId::from_bytes([3; 16]);
        let other_environment = EnvironmentId::from_bytes([3; 16]);
        assert!(judge(&keys, ENVIRONMENT, other_id, &stored, "012345678901", NOW).is_none());
        assert!(judge(&keys, other_environment, ID, &stored, "012345678901", NOW).is_none());
    }

    #[test]
    fn codes_have_the_promised_shape() {
        for digits in [SHORT_DIGITS, LONG_DIGITS] {
            let code = new_code(digits);
            assert!(code.len() == digits as usize && code.bytes().all(|b| b.is_ascii_digit()), "{code}");
        }
    }
}
