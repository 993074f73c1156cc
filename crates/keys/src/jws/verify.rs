//! Verifying keys, and the verifier.

use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_FIXED, ED25519, ParsedPublicKey, RSA_PKCS1_2048_8192_SHA256, RsaPublicKeyComponents,
};
use curve25519_dalek::edwards::CompressedEdwardsY;
use serde::de::DeserializeOwned;

use super::header::Read;
use super::{Algorithm, Jwk, JwsError, KeyError, MAX_TOKEN_LEN};
use crate::encoding::unbase64url;

/// A public key that verifies tokens of one algorithm. Parsed once.
#[derive(Clone, Debug)]
pub struct VerifyingKey {
    kid: String,
    alg: Algorithm,
    key: ParsedPublicKey,
}

impl VerifyingKey {
    /// Reads a public key. `kid` must not be empty, `use` must be `sig`, `kty` and `crv` must be those of
    /// `alg`; a P-256 point must lie on the curve; an Ed25519 point must be of the prime-order group and
    /// canonically encoded; an RSA key must have 2048 to 8192 bits and an odd exponent from 65537 (FIPS 186-5
    /// §A.1.1) of at most 4 bytes. Members of other families are ignored.
    ///
    /// # Errors
    /// [`KeyError::BadJwk`].
    pub fn from_jwk(jwk: &Jwk) -> Result<Self, KeyError> {
        let key = parse(jwk).ok_or(KeyError::BadJwk)?;
        Ok(Self { kid: jwk.kid.clone(), alg: jwk.alg, key })
    }

    /// The key's id.
    pub fn kid(&self) -> &str {
        &self.kid
    }

    /// The key's algorithm.
    pub fn algorithm(&self) -> Algorithm {
        self.alg
    }

    /// Whether `signature` is this key's signature of `message`.
    pub(super) fn verify_bytes(&self, message: &[u8], signature: &[u8]) -> bool {
        self.key.verify_sig(message, signature).is_ok()
    }
}

fn parse(jwk: &Jwk) -> Option<ParsedPublicKey> {
    if jwk.kid.is_empty() || jwk.usage != "sig" {
        return None;
    }
    match (jwk.alg, jwk.kty.as_str(), jwk.crv.as_deref()) {
        (Algorithm::Es256, "EC", Some("P-256")) => {
            // SEC 1 v2 §2.3.3: 0x04 ‖ x ‖ y
            let point = [&[4][..], &bytes32(jwk.x.as_deref())?, &bytes32(jwk.y.as_deref())?].concat();
            ParsedPublicKey::new(&ECDSA_P256_SHA256_FIXED, point).ok()
        }
        (Algorithm::EdDsa, "OKP", Some("Ed25519")) => {
            let x = bytes32(jwk.x.as_deref())?;
            if !is_sound_ed25519(x) {
                return None;
            }
            ParsedPublicKey::new(&ED25519, x).ok()
        }
        (Algorithm::Rs256, "RSA", _) => parse_rsa(jwk),
        _ => None,
    }
}

/// Whether the bytes are the one spelling of a point in the prime-order group (RFC 8032 §5.1.3, §8.4). `stile-webauthn`, which
/// stands alone, asks the same of passkeys; `vectors/keys` holds both to one answer.
fn is_sound_ed25519(bytes: [u8; 32]) -> bool {
    CompressedEdwardsY(bytes).decompress().is_some_and(|point| {
        point.is_torsion_free() && !point.is_small_order() && point.compress().0 == bytes
    })
}

fn parse_rsa(jwk: &Jwk) -> Option<ParsedPublicKey> {
    let n = unbase64url(jwk.n.as_deref()?)?;
    let e = unbase64url(jwk.e.as_deref()?)?;
    // A first byte of at least 0x80 makes 256 bytes 2048 bits. The library refuses leading zeros.
    let long_enough = n.len() > 256 || (n.len() == 256 && n.first().is_some_and(|byte| *byte >= 0x80));
    let odd = n.last()? & e.last()? & 1 == 1;
    if !long_enough || n.len() > 1024 || !odd || e.len() > 4 {
        return None;
    }
    if e.iter().fold(0_u64, |value, byte| value << 8 | u64::from(*byte)) < 65_537 {
        return None;
    }
    RsaPublicKeyComponents { n, e }.to_parsed_public_key(&RSA_PKCS1_2048_8192_SHA256).ok()
}

fn bytes32(text: Option<&str>) -> Option<[u8; 32]> {
    unbase64url(text?)?.try_into().ok()
}

/// Verifies a compact JWS (RFC 7515 §5.2, RFC 8725) and returns its claims.
///
/// `typ` must be the header's, whatever the case of its letters; a prefix `application/` makes it another.
/// The header's `kid` chooses the key, and the key fixes the algorithm. Nothing of the payload is decoded
/// before the signature is good. Times, issuer and audience are the caller's to check. `T` should be a
/// struct with every claim that must be there: it refuses a claim given twice, where a map takes the last.
///
/// The text of a token is no identity, as an ES256 signature has a twin that is good too: use `jti`.
///
/// # Errors
/// [`JwsError`], in the order of the steps.
pub fn verify<T: DeserializeOwned>(token: &str, typ: &str, keys: &[VerifyingKey]) -> Result<T, JwsError> {
    if token.len() > MAX_TOKEN_LEN {
        return Err(JwsError::TooLarge);
    }
    // RFC 7515 §5.2 step 1: exactly two periods.
    let (signed, signature) = token.rsplit_once('.').ok_or(JwsError::Malformed)?;
    let (header, payload) = signed.split_once('.').ok_or(JwsError::Malformed)?;
    if payload.contains('.') {
        return Err(JwsError::Malformed);
    }

    // Steps 2 to 5, with the duplicates of step 4 refused.
    let header = unbase64url(header).ok_or(JwsError::Malformed)?;
    let header: Read = serde_json::from_slice(&header).map_err(|_| JwsError::Malformed)?;
    let kid = header.kid.as_deref().ok_or(JwsError::UnknownKey)?;
    let key = keys.iter().find(|key| key.kid == kid).ok_or(JwsError::UnknownKey)?;
    // RFC 8725 §3.1: the key says the algorithm, and the header may only agree.
    if header.alg.as_deref() != Some(key.alg.as_str()) {
        return Err(JwsError::WrongAlgorithm);
    }
    // RFC 8725 §3.11: explicit typing.
    if !header.typ.is_some_and(|it| it.eq_ignore_ascii_case(typ)) {
        return Err(JwsError::WrongType);
    }

    // Steps 7 and 8.
    let signature = unbase64url(signature).ok_or(JwsError::Malformed)?;
    if !key.verify_bytes(signed.as_bytes(), &signature) {
        return Err(JwsError::BadSignature);
    }

    // Step 6, after the signature (ASVS 9.1.1).
    let payload = unbase64url(payload).ok_or(JwsError::Malformed)?;
    serde_json::from_slice(&payload).map_err(|_| JwsError::BadClaims)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::encoding::base64url;
    use crate::jws::SigningKey;

    fn jwk(alg: Algorithm) -> Jwk {
        SigningKey::generate(alg).ok().unwrap().0.jwk().clone()
    }

    fn taken(jwk: &Jwk, change: impl FnOnce(&mut Jwk)) -> bool {
        let mut jwk = jwk.clone();
        change(&mut jwk);
        VerifyingKey::from_jwk(&jwk).is_ok()
    }

    #[test]
    fn takes_published_keys_back() {
        for alg in Algorithm::ALL {
            let jwk = jwk(alg);
            let text = serde_json::to_string(&jwk).unwrap();
            let read: Jwk = serde_json::from_str(&text).unwrap();
            assert_eq!(read, jwk);
            let key = VerifyingKey::from_jwk(&read).unwrap();
            assert_eq!((key.kid(), key.algorithm()), (jwk.kid.as_str(), alg));
        }
    }

    #[test]
    fn refuses_keys_that_contradict_themselves() {
        for alg in Algorithm::ALL {
            let good = jwk(alg);
            assert!(taken(&good, |_| ()));
            assert!(!taken(&good, |k| k.kid.clear()));
            assert!(!taken(&good, |k| k.usage = "enc".to_owned()));
            for kty in ["EC", "OKP", "RSA", "oct", ""] {
                assert_eq!(taken(&good, |k| k.kty = kty.to_owned()), kty == good.kty);
            }
            for other in Algorithm::ALL {
                assert_eq!(taken(&good, |k| k.alg = other), other == alg);
            }
        }
    }

    #[test]
    fn refuses_curve_keys_off_the_curve() {
        let ec = jwk(Algorithm::Es256);
        assert!(!taken(&ec, |k| k.crv = Some("P-384".to_owned())));
        assert!(!taken(&ec, |k| k.crv = Some("secp256k1".to_owned())));
        assert!(!taken(&ec, |k| k.crv = None));
        assert!(!taken(&ec, |k| k.x = None));
        assert!(!taken(&ec, |k| k.y = None));
        assert!(!taken(&ec, |k| k.y = k.x.clone()));
        assert!(!taken(&ec, |k| k.x = Some(base64url(&[0xff; 32]))));
        assert!(!taken(&ec, |k| k.x = Some(base64url(&[0; 31]))));
        assert!(!taken(&ec, |k| k.x = k.x.take().map(|x| format!("{x}="))));
        let okp = jwk(Algorithm::EdDsa);
        assert!(!taken(&okp, |k| k.crv = Some("Ed448".to_owned())));
        assert!(!taken(&okp, |k| k.crv = Some("X25519".to_owned())));
        assert!(!taken(&okp, |k| k.x = Some(base64url(&[1; 33]))));
        assert!(!taken(&okp, |k| k.x = None));
    }

    #[test]
    fn refuses_weak_rsa_keys() {
        let good = jwk(Algorithm::Rs256);
        let n = unbase64url(good.n.as_deref().unwrap()).unwrap();
        let with_n = |n: &[u8]| taken(&good, |k| k.n = Some(base64url(n)));
        let with_e = |e: &[u8]| taken(&good, |k| k.e = Some(base64url(e)));
        assert!(with_n(&n));
        assert!(!with_n(&[]));
        assert!(!with_n(&n[1..]));
        assert!(!with_n(&[&[0], &n[..]].concat()));
        assert!(!with_n(&[&[0x7f], &n[1..]].concat()));
        assert!(!with_n(&[&n[..255], &[n[255] ^ 1]].concat()));
        assert!(!with_n(&[0xff; 1025]));
        assert!(with_e(&[1, 0, 1]));
        for e in [&[][..], &[1], &[3], &[0xff, 0xff], &[1, 0, 0], &[0, 1, 0, 1], &[1, 0, 0, 0, 1]] {
            assert!(!with_e(e), "{e:?}");
        }
    }
}
