//! Every sub-key of an installation, derived once.

use crate::{MacKey, MasterKey, Purpose, Sealer, seal::SealError};

/// The sub-keys, one per purpose, ready for use. Built once, at start.
pub struct Keyring {
    /// Seals secrets at rest.
    pub seal: Sealer,
    /// Nonces ([`crate::sealed_token`]).
    pub nonce: MacKey,
    /// WebAuthn challenges ([`crate::sealed_token`]).
    pub challenge: MacKey,
    /// Hashes of one-time codes.
    pub code: MacKey,
    /// Hashes of API tokens ([`crate::api_token`]).
    pub api_token: MacKey,
    /// Keys of rate and failure counters.
    pub counter: MacKey,
    /// Ledger keys of used elevated tokens.
    pub elevated_use: MacKey,
    /// Hashes of recovery codes.
    pub recovery_code: MacKey,
    /// Hashes of legacy MFA tokens.
    pub mfa_token: MacKey,
    /// Seeds of the keys that sign tokens of pending sessions.
    pub pending_token: MacKey,
    /// Hashes of the tokens in links that undo an addition.
    pub undo_link: MacKey,
}

impl Keyring {
    /// All sub-keys of a master key.
    ///
    /// # Errors
    /// [`SealError::Cipher`] when the library cannot set up the cipher.
    pub fn new(master: &MasterKey) -> Result<Self, SealError> {
        Self::rotating(master, &[])
    }

    /// All sub-keys of a master key, for data that was restored from a backup: nonces and challenges of before the restore,
    /// which the ledger may have forgotten, are none of ours then.
    ///
    /// # Errors
    /// [`SealError::Cipher`] when the library cannot set up the cipher.
    pub fn restored(master: &MasterKey, salt: &[u8; 32]) -> Result<Self, SealError> {
        let mac = |purpose| MacKey::new(&master.derive_salted(purpose, salt));
        let (nonce, challenge) = (mac(Purpose::Nonce), mac(Purpose::WebauthnChallenge));
        Ok(Self { nonce, challenge, ..Self::new(master)? })
    }

    /// The same, opening also what was sealed under older master keys. Keyed hashes know the current
    /// one only.
    ///
    /// # Errors
    /// [`SealError::Cipher`] when the library cannot set up the cipher.
    pub fn rotating(master: &MasterKey, older: &[MasterKey]) -> Result<Self, SealError> {
        let mac = |purpose| MacKey::new(&master.derive(purpose));
        let mut seal = Sealer::new(&master.derive(Purpose::Seal))?;
        for old in older {
            seal = seal.with_older(&old.derive(Purpose::Seal))?;
        }
        Ok(Self {
            seal,
            nonce: mac(Purpose::Nonce),
            challenge: mac(Purpose::WebauthnChallenge),
            code: mac(Purpose::OneTimeCode),
            api_token: mac(Purpose::ApiToken),
            counter: mac(Purpose::CounterKey),
            elevated_use: mac(Purpose::ElevatedUse),
            recovery_code: mac(Purpose::RecoveryCode),
            mfa_token: mac(Purpose::MfaToken),
            pending_token: mac(Purpose::PendingToken),
            undo_link: mac(Purpose::UndoLink),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_two_keys_agree() {
        let ring = Keyring::new(&MasterKey::generate()).ok().unwrap();
        let keys = [
            &ring.nonce,
            &ring.challenge,
            &ring.code,
            &ring.api_token,
            &ring.counter,
            &ring.elevated_use,
            &ring.recovery_code,
            &ring.mfa_token,
            &ring.pending_token,
            &ring.undo_link,
        ];
        for (i, a) in keys.iter().enumerate() {
            for (j, b) in keys.iter().enumerate() {
                assert_eq!(a.verify(&[b"x"], &b.tag(&[b"x"])), i == j);
            }
        }
    }

    #[test]
    fn a_restored_ring_forgets_nonces_and_challenges_alone() {
        let master = MasterKey::generate();
        let before = Keyring::new(&master).ok().unwrap();
        let after = Keyring::restored(&master, &[1; 32]).ok().unwrap();
        let again = Keyring::restored(&master, &[2; 32]).ok().unwrap();
        let same = |a: &MacKey, b: &MacKey| a.verify(&[b"x"], &b.tag(&[b"x"]));
        for other in [&before, &again] {
            assert!(!same(&after.nonce, &other.nonce) && !same(&after.challenge, &other.challenge));
            assert!(same(&after.code, &other.code) && same(&after.api_token, &other.api_token));
            assert!(
                same(&after.elevated_use, &other.elevated_use)
                    && same(&after.recovery_code, &other.recovery_code)
            );
        }
        assert!(!same(&after.nonce, &after.challenge));
        let sealed = before.seal.seal(&[], b"s").unwrap();
        assert_eq!(*after.seal.open(&[], &sealed).unwrap(), b"s");
    }

    /// One ring serves every thread.
    #[test]
    fn the_ring_is_shared() {
        fn shared<T: Send + Sync + 'static>() {}
        shared::<Keyring>();
        shared::<crate::jws::SigningKey>();
        shared::<crate::jws::VerifyingKey>();
        shared::<crate::p256_key::PublicKeyHex>();
    }

    #[test]
    fn a_rotated_ring_opens_old_values() {
        let (old, new) = (MasterKey::generate(), MasterKey::generate());
        let sealed = Keyring::new(&old).ok().unwrap().seal.seal(&[], b"s").unwrap();
        let ring = Keyring::rotating(&new, &[old]).ok().unwrap();
        assert_eq!(*ring.seal.open(&[], &sealed).unwrap(), b"s");
        let unaware = Keyring::new(&new).ok().unwrap();
        assert_eq!(unaware.seal.open(&[], &sealed).err(), Some(SealError::UnknownKeyId));
    }
}
