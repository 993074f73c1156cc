//! Signing keys: parsed once, held.

use aws_lc_rs::encoding::{AsDer, Pkcs8V1Der};
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::rsa::KeySize;
use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, Ed25519KeyPair, KeyPair, RSA_PKCS1_SHA256, RsaKeyPair,
};
use serde::Serialize;
use zeroize::Zeroizing;

use super::header::Written;
use super::{Algorithm, Jwk, JwsError, KeyError, MAX_TOKEN_LEN, VerifyingKey, thumbprint};
use crate::encoding::base64url;

/// A private key that signs tokens, with its public half.
pub struct SigningKey {
    pair: Pair,
    jwk: Jwk,
}

enum Pair {
    Es256(EcdsaKeyPair),
    EdDsa(Ed25519KeyPair),
    Rs256(RsaKeyPair),
}

impl SigningKey {
    /// A new key, and its PKCS#8 v1 form (RFC 5208) to be sealed and stored. RSA keys have 2048 bits and
    /// take a good part of a second.
    ///
    /// # Errors
    /// [`KeyError::Generate`] when the library fails.
    pub fn generate(alg: Algorithm) -> Result<(Self, Zeroizing<Vec<u8>>), KeyError> {
        let pkcs8 = generate_pkcs8(alg).map_err(|_| KeyError::Generate)?;
        Ok((Self::from_pkcs8(alg, &pkcs8)?, pkcs8))
    }

    /// The key of a PKCS#8 document that [`SigningKey::generate`] made (version 1 or 2).
    ///
    /// # Errors
    /// [`KeyError::BadPkcs8`] for anything else: another algorithm, another curve, RSA below 2048 bits.
    pub fn from_pkcs8(alg: Algorithm, pkcs8: &[u8]) -> Result<Self, KeyError> {
        let pair = match alg {
            Algorithm::Es256 => {
                EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, pkcs8).map(Pair::Es256)
            }
            Algorithm::EdDsa => Ed25519KeyPair::from_pkcs8(pkcs8).map(Pair::EdDsa),
            Algorithm::Rs256 => RsaKeyPair::from_pkcs8(pkcs8).map(Pair::Rs256),
        };
        Self::of(pair.map_err(|_| KeyError::BadPkcs8)?)
    }

    /// The Ed25519 key of a secret seed of 32 bytes (RFC 8032 §5.1.5). The same seed always gives the same key.
    ///
    /// # Errors
    /// [`KeyError::Generate`] when the library fails.
    pub fn from_seed(seed: &[u8; 32]) -> Result<Self, KeyError> {
        Self::of(Pair::EdDsa(Ed25519KeyPair::from_seed_unchecked(seed).map_err(|_| KeyError::Generate)?))
    }

    fn of(pair: Pair) -> Result<Self, KeyError> {
        let mut jwk = pair.public().ok_or(KeyError::BadPkcs8)?;
        jwk.kid = thumbprint(&jwk).ok_or(KeyError::BadPkcs8)?;
        Ok(Self { pair, jwk })
    }

    /// The algorithm.
    pub fn algorithm(&self) -> Algorithm {
        self.jwk.alg
    }

    /// The key's id: the RFC 7638 thumbprint of its public half, 43 characters.
    pub fn kid(&self) -> &str {
        &self.jwk.kid
    }

    /// The public half, to be published.
    pub fn jwk(&self) -> &Jwk {
        &self.jwk
    }

    /// The public half, to verify with.
    ///
    /// # Errors
    /// [`KeyError::BadJwk`] for a key that the verifier would not take: RSA with an exponent below 65537.
    pub fn verifying_key(&self) -> Result<VerifyingKey, KeyError> {
        VerifyingKey::from_jwk(&self.jwk)
    }

    /// Signs claims into a compact JWS (RFC 7515 §5.1) with the header `{alg, kid, typ}`.
    ///
    /// # Errors
    /// [`JwsError::BadClaims`] when the claims do not serialise, [`JwsError::TooLarge`] when no verifier
    /// would take the token, [`JwsError::SigningFailed`] when the library fails.
    pub fn sign(&self, typ: &str, claims: &impl Serialize) -> Result<String, JwsError> {
        let header = Written { alg: self.jwk.alg.as_str(), kid: &self.jwk.kid, typ };
        let header = serde_json::to_vec(&header).map_err(|_| JwsError::Malformed)?;
        let claims = serde_json::to_vec(claims).map_err(|_| JwsError::BadClaims)?;
        let mut token = base64url(&header);
        token.push('.');
        token.push_str(&base64url(&claims));
        let signature = self.pair.sign(token.as_bytes())?;
        token.push('.');
        token.push_str(&base64url(&signature));
        if token.len() > MAX_TOKEN_LEN {
            return Err(JwsError::TooLarge);
        }
        Ok(token)
    }

    /// The bare signature, for the examples of the RFCs.
    #[cfg(test)]
    pub(super) fn sign_bytes(&self, message: &[u8]) -> Result<Vec<u8>, JwsError> {
        self.pair.sign(message)
    }
}

impl Pair {
    /// RFC 7518 §3.3 and §3.4 (`r ‖ s`, 64 bytes), RFC 8037 §3.1.
    fn sign(&self, message: &[u8]) -> Result<Vec<u8>, JwsError> {
        // The library wants a generator for ring's sake and uses its own.
        let random = SystemRandom::new();
        let signature = match self {
            Self::Es256(pair) => pair.sign(&random, message).map(|it| it.as_ref().to_vec()),
            Self::EdDsa(pair) => pair.try_sign(message).map(|it| it.as_ref().to_vec()),
            Self::Rs256(pair) => {
                let mut out = vec![0; pair.public_modulus_len()];
                pair.sign(&RSA_PKCS1_SHA256, &random, message, &mut out).map(|()| out)
            }
        };
        signature.map_err(|_| JwsError::SigningFailed)
    }

    /// The public half, its `kid` still empty.
    fn public(&self) -> Option<Jwk> {
        Some(match self {
            Self::Es256(pair) => {
                // SEC 1 v2 §2.3.3: 0x04 ‖ x ‖ y
                let (x, y) = pair.public_key().as_ref().strip_prefix(&[4])?.split_at_checked(32)?;
                Jwk::ec(x, y)
            }
            Self::EdDsa(pair) => Jwk::okp(pair.public_key().as_ref()),
            Self::Rs256(pair) => Jwk::rsa(
                pair.public_key().modulus().big_endian_without_leading_zero(),
                pair.public_key().exponent().big_endian_without_leading_zero(),
            ),
        })
    }
}

fn generate_pkcs8(alg: Algorithm) -> Result<Zeroizing<Vec<u8>>, aws_lc_rs::error::Unspecified> {
    let document = match alg {
        Algorithm::Es256 => EcdsaKeyPair::generate(&ECDSA_P256_SHA256_FIXED_SIGNING)?.to_pkcs8v1()?,
        // Version 1, which every other library reads too.
        Algorithm::EdDsa => Ed25519KeyPair::generate()?.to_pkcs8v1()?,
        Algorithm::Rs256 => {
            let document: Pkcs8V1Der<'_> = RsaKeyPair::generate(KeySize::Rsa2048)?.as_der()?;
            return Ok(Zeroizing::new(document.as_ref().to_vec()));
        }
    };
    Ok(Zeroizing::new(document.as_ref().to_vec()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Value, json};

    #[test]
    fn keys_survive_storage_and_verify() {
        for alg in Algorithm::ALL {
            let (key, pkcs8) = SigningKey::generate(alg).ok().unwrap();
            let again = SigningKey::from_pkcs8(alg, &pkcs8).ok().unwrap();
            assert_eq!(again.jwk(), key.jwk());
            assert_eq!(key.algorithm(), alg);
            assert_eq!(key.kid().len(), 43);
            assert_eq!(thumbprint(key.jwk()).as_deref(), Some(key.kid()));

            let token = again.sign("t+jwt", &json!({"sub": "u"})).unwrap();
            let claims: Value =
                super::super::verify(&token, "t+jwt", &[key.verifying_key().unwrap()]).unwrap();
            assert_eq!(claims, json!({"sub": "u"}));
        }
    }

    #[test]
    fn a_document_is_of_one_algorithm() {
        let documents = Algorithm::ALL.map(|alg| SigningKey::generate(alg).ok().unwrap().1);
        for (alg, own) in Algorithm::ALL.iter().zip(&documents) {
            for other in &documents {
                assert_eq!(SigningKey::from_pkcs8(*alg, other).is_ok(), own == other);
            }
            assert_eq!(SigningKey::from_pkcs8(*alg, &own[..own.len() - 1]).err(), Some(KeyError::BadPkcs8));
            assert_eq!(SigningKey::from_pkcs8(*alg, &[]).err(), Some(KeyError::BadPkcs8));
        }
    }

    #[test]
    fn the_published_form_has_its_members_only() {
        let members = |alg| {
            let value = serde_json::to_value(SigningKey::generate(alg).ok().unwrap().0.jwk()).unwrap();
            let mut names: Vec<_> = value.as_object().unwrap().keys().cloned().collect();
            names.sort();
            assert_eq!(value["use"], "sig");
            assert_eq!(value["alg"], alg.as_str());
            names.join(" ")
        };
        assert_eq!(members(Algorithm::Es256), "alg crv kid kty use x y");
        assert_eq!(members(Algorithm::EdDsa), "alg crv kid kty use x");
        assert_eq!(members(Algorithm::Rs256), "alg e kid kty n use");
    }

    #[test]
    fn signs_no_token_that_would_be_refused() {
        let (key, _) = SigningKey::generate(Algorithm::EdDsa).ok().unwrap();
        let claims = json!({"pad": "x".repeat(MAX_TOKEN_LEN)});
        assert_eq!(key.sign("t", &claims), Err(JwsError::TooLarge));
        let unserialisable = std::collections::HashMap::from([((1, 2), 3)]);
        assert_eq!(key.sign("t", &unserialisable), Err(JwsError::BadClaims));
    }

    #[test]
    fn es256_signatures_are_64_bytes() {
        let (key, _) = SigningKey::generate(Algorithm::Es256).ok().unwrap();
        for i in 0..300_u32 {
            assert_eq!(key.sign_bytes(&i.to_be_bytes()).unwrap().len(), 64);
        }
    }
}
