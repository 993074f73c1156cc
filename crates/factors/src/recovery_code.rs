//! Recovery codes: look-up secrets (NIST SP 800-63B-4 §3.1.2) that stand in for a second factor, once each.

use stile_core::{CredentialId, EnvironmentId, Micros, Proof, UserId};
use stile_keys::{Keyring, random};
use zeroize::Zeroizing;

use crate::spelling::normalise;

/// How many a set has.
pub const COUNT: usize = 10;
/// Characters of Crockford's alphabet, 5 bits each: 80 bits.
const LENGTH: usize = 16;
const GROUP: usize = 4;

/// A new set, in the groups that they are shown in: `XXXX-XXXX-XXXX-XXXX`.
pub fn new_set() -> Zeroizing<Vec<String>> {
    Zeroizing::new((0..COUNT).map(|_| shown(&Zeroizing::new(random::crockford(LENGTH)))).collect())
}

fn shown(code: &str) -> String {
    let mut text = String::with_capacity(LENGTH + LENGTH / GROUP);
    for (place, c) in code.chars().enumerate() {
        if place > 0 && place % GROUP == 0 {
            text.push('-');
        }
        text.push(c);
    }
    text
}

/// The keyed hash under which a code is stored: one for every spelling of it, and for its user alone (CVE-2025-64175).
pub fn hash(keys: &Keyring, environment: EnvironmentId, owner: UserId, code: &str) -> [u8; 32] {
    let code = Zeroizing::new(normalise(code));
    keys.recovery_code.tag(&[environment.as_bytes(), owner.as_bytes(), code.as_bytes()])
}

/// The proof that a code gives once its hash has been found and used up, in the place of this second factor.
pub const fn proof(stands_in_for: CredentialId, now: Micros) -> Proof {
    Proof::recovery(stands_in_for, now)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashSet;

    use stile_keys::MasterKey;

    const ENVIRONMENT: EnvironmentId = EnvironmentId::from_bytes([1; 16]);
    const ANN: UserId = UserId::from_bytes([2; 16]);

    #[test]
    fn ten_different_codes_of_eighty_bits() {
        let set = new_set();
        assert_eq!(set.iter().collect::<HashSet<_>>().len(), COUNT);
        for code in set.iter() {
            assert_eq!(code.len(), 19);
            assert!(code.split('-').all(|group| group.len() == 4));
            let alphabet = "0123456789ABCDEFGHJKMNPQRSTVWXYZ-";
            assert!(code.chars().all(|c| alphabet.contains(c)), "{code}");
        }
    }

    #[test]
    fn a_code_is_its_users_in_any_spelling() {
        let keys = Keyring::new(&MasterKey::generate()).unwrap();
        let stored = hash(&keys, ENVIRONMENT, ANN, "01AB-CDEF-GHJK-MNPQ");
        for spelling in
            ["01abcdefghjkmnpq", " O1AB CDEF GHJK MNPQ ", "0lab-cdef-ghjk-mnpq", "０1AB-CDEF-GHJK-MNPQ"]
        {
            assert_eq!(hash(&keys, ENVIRONMENT, ANN, spelling), stored, "{spelling}");
        }
        let bob = UserId::from_bytes([3; 16]);
        assert_ne!(hash(&keys, ENVIRONMENT, bob, "01AB-CDEF-GHJK-MNPQ"), stored);
        assert_ne!(hash(&keys, EnvironmentId::from_bytes([3; 16]), ANN, "01AB-CDEF-GHJK-MNPQ"), stored);
        assert_ne!(hash(&keys, ENVIRONMENT, ANN, "01AB-CDEF-GHJK-MNPR"), stored);
    }
}
