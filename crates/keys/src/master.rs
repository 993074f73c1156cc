//! The master key and the sub-keys derived from it.

use aws_lc_rs::hmac;
use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, STANDARD_NO_PAD, URL_SAFE, URL_SAFE_NO_PAD};
use zeroize::Zeroizing;

use crate::{encoding, random};

/// The salt of the extract step (RFC 5869 §3.1): constant, as the master key is uniform already.
const SALT: &[u8] = b"stile/v1";

/// The secret from which every other key of an installation follows: 32 bytes.
pub struct MasterKey(Zeroizing<[u8; 32]>);

/// What a sub-key is for. One purpose, one key: a tag made for one never verifies for another.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Purpose {
    /// Sealing at rest.
    Seal,
    /// Nonces that are not stored.
    Nonce,
    /// WebAuthn challenges that are not stored.
    WebauthnChallenge,
    /// Hashes of one-time codes sent by mail or SMS.
    OneTimeCode,
    /// Hashes of API tokens.
    ApiToken,
    /// Keys of rate and failure counters (so that the table holds no address in the clear).
    CounterKey,
    /// Ledger keys of used elevated tokens.
    ElevatedUse,
    /// The value that tells a right master key from a wrong one.
    Check,
    /// Hashes of recovery codes.
    RecoveryCode,
    /// Hashes of legacy MFA tokens.
    MfaToken,
    /// Seeds of the keys that sign tokens of pending sessions.
    PendingToken,
    /// Hashes of the tokens in links that undo an addition.
    UndoLink,
}

/// Why a text is not a master key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum MasterKeyError {
    /// Neither of the lengths that 32 bytes have in hex or base64.
    #[error("the master key must be 32 bytes: 64 hex digits, or 43 or 44 base64 characters")]
    Length,
    /// The right length, but characters that do not belong there.
    #[error("the master key has characters that are neither hex nor base64")]
    Alphabet,
    /// One byte repeated: a placeholder, not a key.
    #[error("the master key is one byte repeated; make a real one")]
    Placeholder,
}

impl Purpose {
    /// Every purpose.
    pub const ALL: [Self; 12] = [
        Self::Seal,
        Self::Nonce,
        Self::WebauthnChallenge,
        Self::OneTimeCode,
        Self::ApiToken,
        Self::CounterKey,
        Self::ElevatedUse,
        Self::Check,
        Self::RecoveryCode,
        Self::MfaToken,
        Self::PendingToken,
        Self::UndoLink,
    ];

    /// The info label of HKDF. A label that changes makes what was sealed or hashed under it
    /// unreadable: add a new version instead.
    pub const fn label(self) -> &'static str {
        match self {
            Self::Seal => "stile/v1/seal",
            Self::Nonce => "stile/v1/nonce",
            Self::WebauthnChallenge => "stile/v1/webauthn-challenge",
            Self::OneTimeCode => "stile/v1/one-time-code",
            Self::ApiToken => "stile/v1/api-token",
            Self::CounterKey => "stile/v1/counter-key",
            Self::ElevatedUse => "stile/v1/elevated-use",
            Self::Check => "stile/v1/check",
            Self::RecoveryCode => "stile/v1/recovery-code",
            Self::MfaToken => "stile/v1/mfa-token",
            Self::PendingToken => "stile/v1/pending-token",
            Self::UndoLink => "stile/v1/undo-link",
        }
    }
}

impl MasterKey {
    /// A new random key.
    pub fn generate() -> Self {
        Self(Zeroizing::new(random::bytes()))
    }

    /// Reads a key: 64 hex digits, or 43 characters of base64 or base64url, or 44 with the padding.
    /// White space around it is dropped, as files end in a line break.
    ///
    /// # Errors
    /// [`MasterKeyError`]; the messages never repeat the text.
    pub fn parse(text: &str) -> Result<Self, MasterKeyError> {
        let text = text.trim();
        let bytes = match text.len() {
            64 => encoding::unhex(text),
            43 => URL_SAFE_NO_PAD.decode(text).or_else(|_| STANDARD_NO_PAD.decode(text)).ok(),
            44 => URL_SAFE.decode(text).or_else(|_| STANDARD.decode(text)).ok(),
            _ => return Err(MasterKeyError::Length),
        };
        let bytes = Zeroizing::new(bytes.ok_or(MasterKeyError::Alphabet)?);
        // 44 characters without padding are 33 bytes.
        let key: [u8; 32] = bytes.as_slice().try_into().map_err(|_| MasterKeyError::Length)?;
        let key = Zeroizing::new(key);
        if key.iter().all(|byte| Some(byte) == key.first()) {
            return Err(MasterKeyError::Placeholder);
        }
        Ok(Self(key))
    }

    /// The key as 64 hex digits in lower case.
    pub fn encode(&self) -> Zeroizing<String> {
        Zeroizing::new(encoding::hex(self.0.as_slice()))
    }

    /// A value to keep in the database, by which a wrong master key is noticed before it is used.
    /// It tells nothing about the key or about any other sub-key.
    pub fn check_value(&self) -> [u8; 32] {
        *self.derive(Purpose::Check)
    }

    /// The sub-key of a purpose: HKDF-SHA-256 (RFC 5869), 32 bytes, info = [`Purpose::label`].
    pub fn derive(&self, purpose: Purpose) -> Zeroizing<[u8; 32]> {
        hkdf(SALT, self.0.as_slice(), purpose.label().as_bytes())
    }

    /// Another sub-key of the same purpose for each salt. The zero byte keeps it apart from every label.
    pub(crate) fn derive_salted(&self, purpose: Purpose, salt: &[u8; 32]) -> Zeroizing<[u8; 32]> {
        hkdf(SALT, self.0.as_slice(), &[purpose.label().as_bytes(), &[0], salt].concat())
    }
}

/// HKDF-SHA-256 for an output of one block (RFC 5869 §2.2, §2.3 with L = 32): two HMACs. Written
/// out because the library's form returns a `Result` for lengths that cannot occur here; a test holds
/// the two against each other.
pub(crate) fn hkdf(salt: &[u8], secret: &[u8], info: &[u8]) -> Zeroizing<[u8; 32]> {
    let prk = hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, salt), secret);
    let mut expand = hmac::Context::with_key(&hmac::Key::new(hmac::HMAC_SHA256, prk.as_ref()));
    expand.update(info);
    expand.update(&[1]);
    let mut out = Zeroizing::new([0; 32]);
    for (to, from) in out.iter_mut().zip(expand.sign().as_ref()) {
        *to = *from;
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use aws_lc_rs::hkdf as library;
    use proptest::prelude::*;

    const HEX: &str = "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f";

    fn key() -> MasterKey {
        MasterKey::parse(HEX).ok().unwrap()
    }

    fn error(text: &str) -> Option<MasterKeyError> {
        MasterKey::parse(text).err()
    }

    struct Len32;
    impl library::KeyType for Len32 {
        fn len(&self) -> usize {
            32
        }
    }

    fn by_library(salt: &[u8], secret: &[u8], info: &[u8]) -> [u8; 32] {
        let mut out = [0; 32];
        let prk = library::Salt::new(library::HKDF_SHA256, salt).extract(secret);
        prk.expand(&[info], Len32).unwrap().fill(&mut out).unwrap();
        out
    }

    /// RFC 5869 A.1 to A.3: the first block of each output.
    #[test]
    fn hkdf_test_vectors() {
        let first_block = |salt: &[u8], secret: &[u8], info: &[u8]| encoding::hex(&*hkdf(salt, secret, info));
        let range = |from: u8, to: u8| (from..=to).collect::<Vec<u8>>();
        assert_eq!(
            first_block(&range(0x00, 0x0c), &[0x0b; 22], &range(0xf0, 0xf9)),
            "3cb25f25faacd57a90434f64d0362f2a2d2d0a90cf1a5a4c5db02d56ecc4c5bf"
        );
        assert_eq!(
            first_block(&range(0x60, 0xaf), &range(0x00, 0x4f), &range(0xb0, 0xff)),
            "b11e398dc80327a1c8e7f78c596a49344f012eda2d4efad8a050cc4c19afa97c"
        );
        assert_eq!(
            first_block(&[], &[0x0b; 22], &[]),
            "8da4e775a563c18f715f802a063c5a31b8a11f5c5ee1879ec3454e5f3c738d2d"
        );
    }

    #[test]
    fn hkdf_is_the_librarys() {
        for purpose in Purpose::ALL {
            let secret: [u8; 32] = core::array::from_fn(|i| i as u8);
            assert_eq!(*key().derive(purpose), by_library(SALT, &secret, purpose.label().as_bytes()));
        }
    }

    #[test]
    fn purposes_are_separate() {
        for (i, a) in Purpose::ALL.iter().enumerate() {
            assert!(a.label().starts_with("stile/v1/"));
            for b in &Purpose::ALL[..i] {
                assert_ne!(a.label(), b.label());
                assert_ne!(*key().derive(*a), *key().derive(*b));
            }
        }
    }

    /// Computed outside this crate. A changed label or salt would make every installation's data unreadable.
    #[test]
    fn derivation_is_pinned() {
        assert_eq!(
            encoding::hex(&key().check_value()),
            "dacd0c5c4db057e3bed7fafcab47ed6a154185d1d1b883899f4b50e1cc3538b7"
        );
        assert_eq!(
            encoding::hex(&*key().derive(Purpose::Seal)),
            "e689fba7e476e6ec984c85a4fd724a9ec8415de90f14ed4cd92b5d61da44d31d"
        );
    }

    #[test]
    fn check_value_tells_keys_apart() {
        assert_eq!(key().check_value(), key().check_value());
        assert_ne!(key().check_value(), MasterKey::generate().check_value());
    }

    #[test]
    fn reads_hex_and_base64() {
        let standard = "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=";
        for text in [HEX, &HEX.to_uppercase(), standard, &standard[..43], &format!(" \t{standard}\r\n")] {
            assert_eq!(*MasterKey::parse(text).ok().unwrap().encode(), HEX);
        }
        let high = [0xfb; 31].iter().chain(&[0xff]).copied().collect::<Vec<u8>>();
        for engine in [&STANDARD, &URL_SAFE, &STANDARD_NO_PAD, &URL_SAFE_NO_PAD] {
            let text = engine.encode(&high);
            assert_eq!(*MasterKey::parse(&text).ok().unwrap().encode(), encoding::hex(&high));
        }
    }

    #[test]
    fn refuses_what_is_not_a_key() {
        assert_eq!(error(""), Some(MasterKeyError::Length));
        assert_eq!(error("secret"), Some(MasterKeyError::Length));
        assert_eq!(error(&HEX[..62]), Some(MasterKeyError::Length));
        assert_eq!(error(&format!("{HEX}00")), Some(MasterKeyError::Length));
        assert_eq!(error(&HEX.replace('f', "g")), Some(MasterKeyError::Alphabet));
        assert_eq!(error(&"*".repeat(43)), Some(MasterKeyError::Alphabet));
        assert_eq!(error(&"A".repeat(44)), Some(MasterKeyError::Length));
        assert_eq!(error(&"0".repeat(64)), Some(MasterKeyError::Placeholder));
        assert_eq!(error(&"A".repeat(43)), Some(MasterKeyError::Placeholder));
        assert_eq!(error(&"ab".repeat(32)), Some(MasterKeyError::Placeholder));
    }

    proptest! {
        #[test]
        fn reading_never_panics(text: String) {
            let _ = MasterKey::parse(&text);
        }

        #[test]
        fn texts_of_the_right_length_never_panic(text in "[0-9a-zA-Z+/=_-]{43,44}|.{64}") {
            let _ = MasterKey::parse(&text);
        }

        #[test]
        fn encode_and_parse_agree(key: [u8; 32]) {
            let text = encoding::hex(&key);
            if let Ok(parsed) = MasterKey::parse(&text) {
                let encoded = parsed.encode();
                prop_assert_eq!(encoded.as_str(), text.as_str());
            }
        }
    }
}
