//! Sealing at rest: AES-256-GCM with a key id and associated data.
//!
//! A sealed value is `version (1) ‖ key id (4) ‖ nonce (12) ‖ ciphertext ‖ tag (16)`: 33 bytes more
//! than the plaintext. The associated data is the version and the key id, then each part of the
//! caller's list behind its length. Name there what the value belongs to (table, column, row), so that
//! a value moved to another place no longer opens.
//!
//! The nonce is random: one key may seal 2^32 values (NIST SP 800-38D §8.3).

use aws_lc_rs::aead::{AES_256_GCM, Aad, Nonce, RandomizedNonceKey};
use zeroize::Zeroizing;

use crate::master::hkdf;

const VERSION: u8 = 1;
const HEADER: usize = 5;
const NONCE: usize = 12;
const TAG: usize = 16;
/// How much longer a sealed value is than its plaintext, in bytes.
pub const OVERHEAD: usize = HEADER + NONCE + TAG;

/// Seals with the current key; opens with that one and with older ones.
pub struct Sealer {
    current: HeldKey,
    older: Vec<HeldKey>,
}

struct HeldKey {
    id: [u8; 4],
    key: RandomizedNonceKey,
}

/// Why a value was not sealed or opened.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SealError {
    /// Too short, or of a version this server does not know.
    #[error("not a sealed value")]
    Malformed,
    /// Sealed under a master key that this server does not hold.
    #[error("sealed under an unknown key")]
    UnknownKeyId,
    /// Changed, or opened in another place than it was sealed for.
    #[error("the sealed value does not belong here")]
    Forged,
    /// The cipher failed: out of memory, or a plaintext beyond 64 GiB.
    #[error("the cipher failed")]
    Cipher,
}

impl Sealer {
    /// A sealer over a key of 32 derived bytes.
    ///
    /// # Errors
    /// [`SealError::Cipher`] when the library cannot set up the cipher.
    pub fn new(key: &[u8; 32]) -> Result<Self, SealError> {
        Ok(Self { current: HeldKey::new(key)?, older: Vec::new() })
    }

    /// Also opens what was sealed under an older key, for the rotation of master keys.
    ///
    /// # Errors
    /// [`SealError::Cipher`] when the library cannot set up the cipher.
    pub fn with_older(mut self, key: &[u8; 32]) -> Result<Self, SealError> {
        self.older.push(HeldKey::new(key)?);
        Ok(self)
    }

    /// The id of the key that seals: a value whose bytes 1 to 5 differ is due for sealing again.
    pub fn key_id(&self) -> [u8; 4] {
        self.current.id
    }

    /// Seals `plaintext` for the place that `aad` names.
    ///
    /// # Errors
    /// [`SealError::Cipher`] only.
    pub fn seal(&self, aad: &[&[u8]], plaintext: &[u8]) -> Result<Vec<u8>, SealError> {
        // The capacity is exact: a vector that grows would leave the plaintext in freed memory.
        let mut out = Vec::with_capacity(plaintext.len() + OVERHEAD);
        out.push(VERSION);
        out.extend_from_slice(&self.current.id);
        let bound = associated_data(&out, aad);
        out.extend_from_slice(&[0; NONCE]);
        out.extend_from_slice(plaintext);

        let body = out.get_mut(HEADER + NONCE..).ok_or(SealError::Cipher)?;
        let (nonce, tag) = self
            .current
            .key
            .seal_in_place_separate_tag(Aad::from(bound), body)
            .map_err(|_| SealError::Cipher)?;
        out.get_mut(HEADER..HEADER + NONCE).ok_or(SealError::Cipher)?.copy_from_slice(nonce.as_ref());
        out.extend_from_slice(tag.as_ref());
        Ok(out)
    }

    /// Opens a sealed value in the place that `aad` names.
    ///
    /// # Errors
    /// [`SealError::Malformed`], [`SealError::UnknownKeyId`], [`SealError::Forged`].
    pub fn open(&self, aad: &[&[u8]], sealed: &[u8]) -> Result<Zeroizing<Vec<u8>>, SealError> {
        let (header, rest) = sealed.split_at_checked(HEADER).ok_or(SealError::Malformed)?;
        let (nonce, body) = rest.split_at_checked(NONCE).ok_or(SealError::Malformed)?;
        let (version, key_id) = header.split_first().ok_or(SealError::Malformed)?;
        if *version != VERSION || body.len() < TAG {
            return Err(SealError::Malformed);
        }
        let held = self.find(key_id).ok_or(SealError::UnknownKeyId)?;
        let nonce = Nonce::try_assume_unique_for_key(nonce).map_err(|_| SealError::Malformed)?;
        let mut plaintext = Zeroizing::new(body.to_vec());
        held.key
            .open_in_place(nonce, Aad::from(associated_data(header, aad)), &mut plaintext)
            .map_err(|_| SealError::Forged)?;
        plaintext.truncate(body.len() - TAG);
        Ok(plaintext)
    }

    fn find(&self, id: &[u8]) -> Option<&HeldKey> {
        core::iter::once(&self.current).chain(&self.older).find(|held| held.id == id)
    }
}

impl HeldKey {
    fn new(key: &[u8; 32]) -> Result<Self, SealError> {
        let id = hkdf(b"stile/v1", key, b"stile/v1/seal-key-id");
        let [a, b, c, d, ..] = *id;
        let key = RandomizedNonceKey::new(&AES_256_GCM, key).map_err(|_| SealError::Cipher)?;
        Ok(Self { id: [a, b, c, d], key })
    }
}

/// The header, then each part behind its length (8 bytes, big-endian): no two lists run together.
fn associated_data(header: &[u8], parts: &[&[u8]]) -> Vec<u8> {
    let mut out = header.to_vec();
    for part in parts {
        out.extend_from_slice(&(part.len() as u64).to_be_bytes());
        out.extend_from_slice(part);
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const PLACE: &[&[u8]] = &[b"totp", b"device-1"];

    fn sealer() -> Sealer {
        Sealer::new(&[1; 32]).unwrap()
    }

    fn error(result: Result<Zeroizing<Vec<u8>>, SealError>) -> Option<SealError> {
        result.err()
    }

    #[test]
    fn opens_what_it_sealed() {
        for plaintext in [&b""[..], b"x", &[0xaa; 5_000]] {
            let sealed = sealer().seal(PLACE, plaintext).unwrap();
            assert_eq!(sealed.len(), plaintext.len() + OVERHEAD);
            assert_eq!(sealed.capacity(), sealed.len());
            assert_eq!(*sealer().open(PLACE, &sealed).unwrap(), plaintext);
        }
    }

    /// The format, put together by hand: values that are stored must open for ever.
    #[test]
    fn the_format_is_pinned() {
        use aws_lc_rs::aead::{LessSafeKey, UnboundKey};
        let header = [&[1][..], &sealer().key_id()].concat();
        let aad = [&header[..], &4_u64.to_be_bytes(), b"totp", &8_u64.to_be_bytes(), b"device-1"].concat();
        let key = LessSafeKey::new(UnboundKey::new(&AES_256_GCM, &[1; 32]).unwrap());
        let nonce = [9; NONCE];
        let mut body = b"secret".to_vec();
        let unique = Nonce::assume_unique_for_key(nonce);
        key.seal_in_place_append_tag(unique, Aad::from(aad), &mut body).unwrap();
        let sealed = [&header[..], &nonce, &body].concat();
        assert_eq!(*sealer().open(PLACE, &sealed).unwrap(), b"secret");
        assert_eq!(crate::encoding::hex(&sealer().key_id()), "ad6cb3cc");
    }

    #[test]
    fn nonces_differ() {
        let s = sealer();
        let (a, b) = (s.seal(PLACE, b"same").unwrap(), s.seal(PLACE, b"same").unwrap());
        assert_ne!(a[HEADER..HEADER + NONCE], b[HEADER..HEADER + NONCE]);
        assert_ne!(a[HEADER..HEADER + NONCE], [0; NONCE]);
        assert_ne!(a[HEADER + NONCE..], b[HEADER + NONCE..]);
    }

    #[test]
    fn every_changed_byte_is_seen() {
        let sealed = sealer().seal(PLACE, b"JBSWY3DPEHPK3PXP").unwrap();
        for at in 0..sealed.len() {
            for flip in [0x01, 0x80, 0xff] {
                let mut changed = sealed.clone();
                changed[at] ^= flip;
                let expected = match at {
                    0 => SealError::Malformed,
                    1..5 => SealError::UnknownKeyId,
                    _ => SealError::Forged,
                };
                assert_eq!(error(sealer().open(PLACE, &changed)), Some(expected), "byte {at}");
            }
        }
    }

    #[test]
    fn every_cut_is_seen() {
        let sealed = sealer().seal(PLACE, b"secret").unwrap();
        for len in 0..sealed.len() {
            let expected = if len < OVERHEAD { SealError::Malformed } else { SealError::Forged };
            assert_eq!(error(sealer().open(PLACE, &sealed[..len])), Some(expected));
        }
        assert_eq!(error(sealer().open(PLACE, &[&sealed[..], &[0]].concat())), Some(SealError::Forged));
    }

    #[test]
    fn a_value_opens_only_in_its_place() {
        let sealed = sealer().seal(PLACE, b"secret").unwrap();
        let others: [&[&[u8]]; 6] = [
            &[],
            &[b"totp"],
            &[b"totp", b"device-2"],
            &[b"totpdevice-1"],
            &[b"totp", b"device-1", b""],
            &[b"device-1", b"totp"],
        ];
        for other in others {
            assert_eq!(error(sealer().open(other, &sealed)), Some(SealError::Forged));
        }
    }

    #[test]
    fn older_keys_open_and_do_not_seal() {
        let old = sealer().seal(PLACE, b"secret").unwrap();
        let rotated = Sealer::new(&[2; 32]).unwrap().with_older(&[1; 32]).unwrap();
        assert_eq!(*rotated.open(PLACE, &old).unwrap(), b"secret");
        let new = rotated.seal(PLACE, b"secret").unwrap();
        assert_eq!(new[1..5], rotated.key_id());
        assert_eq!(error(sealer().open(PLACE, &new)), Some(SealError::UnknownKeyId));
    }

    /// The id is bound: the same key under another id would not open its own values.
    #[test]
    fn the_key_id_follows_from_the_key() {
        assert_eq!(sealer().key_id(), sealer().key_id());
        assert_ne!(sealer().key_id(), Sealer::new(&[2; 32]).unwrap().key_id());
    }

    proptest! {
        #[test]
        fn opening_never_panics(bytes: Vec<u8>) {
            prop_assert!(sealer().open(PLACE, &bytes).is_err());
        }

        #[test]
        fn a_right_header_does_not_help(bytes: Vec<u8>) {
            let s = sealer();
            let forged = [&[VERSION][..], &s.key_id(), &bytes].concat();
            prop_assert!(s.open(PLACE, &forged).is_err());
        }

        #[test]
        fn round_trips(plaintext: Vec<u8>, place: Vec<u8>) {
            let s = sealer();
            let sealed = s.seal(&[&place], &plaintext).unwrap();
            prop_assert_eq!(&*s.open(&[&place], &sealed).unwrap(), &plaintext);
        }
    }
}
