//! The session and device keys of the SDK: P-256 public keys as hex of the compressed point, and their
//! signatures as hex of `r ‖ s` (the form of IEEE P1363).

use aws_lc_rs::signature::{ECDSA_P256_SHA256_FIXED, ParsedPublicKey};

use crate::encoding;

/// A P-256 public key that came as 66 hex digits. On the curve; parsed once.
#[derive(Clone, Debug)]
pub struct PublicKeyHex {
    text: String,
    key: ParsedPublicKey,
}

/// The text is not a point of P-256 in compressed form.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not a P-256 public key: 66 hex digits of a compressed point are expected")]
pub struct BadPublicKey;

impl PublicKeyHex {
    /// Reads 66 hex digits in either case: a compressed point (SEC 1 v2 §2.3.4), 0x02 or 0x03 and the x
    /// coordinate, on the curve.
    ///
    /// # Errors
    /// [`BadPublicKey`].
    pub fn parse(text: &str) -> Result<Self, BadPublicKey> {
        if text.len() != 66 {
            return Err(BadPublicKey);
        }
        let point = encoding::unhex(text).ok_or(BadPublicKey)?;
        if !matches!(point.first(), Some(0x02 | 0x03)) {
            return Err(BadPublicKey);
        }
        // Refuses x coordinates at or beyond the field's prime, and those of no point of the curve.
        let key = ParsedPublicKey::new(&ECDSA_P256_SHA256_FIXED, &point).map_err(|_| BadPublicKey)?;
        Ok(Self { text: text.to_ascii_lowercase(), key })
    }

    /// The key in lower case: the form to store and to compare.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// Whether `signature_hex` (128 hex digits, `r ‖ s`) is an ECDSA/SHA-256 signature of `message`.
    ///
    /// A signature has a twin, `r ‖ n - s`, that is good too: never use it as an identity.
    #[must_use]
    pub fn verify(&self, message: &[u8], signature_hex: &str) -> bool {
        if signature_hex.len() != 128 {
            return false;
        }
        encoding::unhex(signature_hex)
            .is_some_and(|signature| self.key.verify_sig(message, &signature).is_ok())
    }
}

impl PartialEq for PublicKeyHex {
    fn eq(&self, other: &Self) -> bool {
        self.text == other.text
    }
}

impl Eq for PublicKeyHex {}

#[cfg(test)]
mod tests {
    use super::*;
    use aws_lc_rs::encoding::{AsBigEndian, EcPublicKeyCompressedBin};
    use aws_lc_rs::rand::SystemRandom;
    use aws_lc_rs::signature::{
        ECDSA_P256_SHA256_FIXED_SIGNING, ECDSA_P384_SHA384_FIXED_SIGNING, EcdsaKeyPair, KeyPair,
    };
    use proptest::prelude::*;

    /// The base point of P-256 (SEC 2 v2 §2.4.2), compressed: y is odd.
    const BASE: &str = "036b17d1f2e12c4247f8bce6e563a440f277037d812deb33a0f4a13945d898c296";

    fn pair() -> (EcdsaKeyPair, String) {
        let pair = EcdsaKeyPair::generate(&ECDSA_P256_SHA256_FIXED_SIGNING).unwrap();
        let point: EcPublicKeyCompressedBin<'_> = pair.public_key().as_be_bytes().unwrap();
        let text = encoding::hex(point.as_ref());
        (pair, text)
    }

    fn sign(pair: &EcdsaKeyPair, message: &[u8]) -> String {
        encoding::hex(pair.sign(&SystemRandom::new(), message).unwrap().as_ref())
    }

    #[test]
    fn verifies_what_the_key_signed() {
        let (pair, text) = pair();
        let key = PublicKeyHex::parse(&text).unwrap();
        let signature = sign(&pair, b"nonce");
        assert!(key.verify(b"nonce", &signature));
        assert!(key.verify(b"nonce", &signature.to_uppercase()));
        assert!(!key.verify(b"nonc", &signature));
        assert!(!key.verify(b"", &signature));
        assert!(!PublicKeyHex::parse(BASE).unwrap().verify(b"nonce", &signature));
    }

    /// RFC 6979 A.2.5, P-256 with SHA-256, message "sample".
    #[test]
    fn verifies_the_rfc_6979_example() {
        let key = "0360fed4ba255a9d31c961eb74c6356d68c049b8923b61fa6ce669622e60f29fb6";
        let signature = "efd48b2aacb6a8fd1140dd9cd45e81d69d2c877b56aaf991c34d0ea84eaf3716\
                         f7cb1c942d657c41d436c7a1b6e29f65f3e900dbb9aff4064dc4ab2f843acda8";
        assert!(PublicKeyHex::parse(key).unwrap().verify(b"sample", signature));
        assert!(!PublicKeyHex::parse(key).unwrap().verify(b"Sample", signature));
        let other_half = key.replacen("03", "02", 1);
        assert!(!PublicKeyHex::parse(&other_half).unwrap().verify(b"sample", signature));
    }

    #[test]
    fn case_does_not_make_another_key() {
        let upper = PublicKeyHex::parse(&BASE.to_uppercase()).unwrap();
        assert_eq!(upper, PublicKeyHex::parse(BASE).unwrap());
        assert_eq!(upper.as_str(), BASE);
    }

    #[test]
    fn refuses_what_is_no_compressed_point() {
        let x = &BASE[2..];
        let p = "ffffffff00000001000000000000000000000000ffffffffffffffffffffffff";
        let y = "4fe342e2fe1a7f9b8ee7eb4a7c0f9e162bce33576b315ececbb6406837bf51f5";
        let bad = [
            String::new(),
            "00".to_owned(),
            x.to_owned(),
            BASE[..65].to_owned(),
            format!("{BASE}0"),
            format!("{BASE}00"),
            format!(" {}", &BASE[..65]),
            format!("0x{}", &BASE[..64]),
            format!("00{x}"),
            format!("01{x}"),
            format!("04{x}"),
            format!("05{x}"),
            format!("06{x}"),
            format!("04{x}{y}"),
            format!("07{x}{y}"),
            format!("02{p}"),
            format!("02{}", "ff".repeat(32)),
            format!("02{}", "gg".repeat(32)),
            "é".repeat(33),
        ];
        for text in bad {
            assert_eq!(PublicKeyHex::parse(&text).err(), Some(BadPublicKey), "{text}");
        }
    }

    /// About half of all x coordinates belong to no point; the small ones that do not are refused.
    #[test]
    fn refuses_points_off_the_curve() {
        let on_curve = |x: u8| PublicKeyHex::parse(&format!("02{}{x:02x}", "00".repeat(31))).is_ok();
        // x^3 - 3x + b is a square for these, computed outside this crate.
        assert!([0, 5, 6, 8, 9].into_iter().all(on_curve));
        assert!(![1, 2, 3, 4, 7].into_iter().any(on_curve));
    }

    #[test]
    fn refuses_malformed_signatures() {
        let (pair, text) = pair();
        let key = PublicKeyHex::parse(&text).unwrap();
        let good = sign(&pair, b"m");
        for len in 0..128 {
            assert!(!key.verify(b"m", &good[..len]));
        }
        let zero = "00".repeat(32);
        for bad in [
            format!("{good}00"),
            format!("{zero}{}", &good[64..]),
            format!("{}{zero}", &good[..64]),
            "00".repeat(64),
            "ff".repeat(64),
            "zz".repeat(64),
            format!("{}é", &good[..126]),
        ] {
            assert!(!key.verify(b"m", &bad), "{bad}");
        }
    }

    #[test]
    fn refuses_keys_of_other_curves() {
        let pair = EcdsaKeyPair::generate(&ECDSA_P384_SHA384_FIXED_SIGNING).unwrap();
        let point: EcPublicKeyCompressedBin<'_> = pair.public_key().as_be_bytes().unwrap();
        assert!(PublicKeyHex::parse(&encoding::hex(point.as_ref())).is_err());
    }

    proptest! {
        #[test]
        fn reading_never_panics(text: String) {
            prop_assert!(PublicKeyHex::parse(&text).is_err());
        }

        #[test]
        fn hex_never_panics(text in "0[0-9a-fA-F]{65}") {
            let _ = PublicKeyHex::parse(&text);
        }

        #[test]
        fn made_up_signatures_are_refused(text: String, hex in "[0-9a-f]{128}") {
            let key = PublicKeyHex::parse(BASE).unwrap();
            prop_assert!(!key.verify(b"m", &text));
            prop_assert!(!key.verify(b"m", &hex));
        }
    }
}
