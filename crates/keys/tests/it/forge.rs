//! A signer that signs anything: what an attacker, or a careless server, would write.

use std::sync::LazyLock;

use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, Ed25519KeyPair, RSA_PKCS1_SHA256, RsaKeyPair,
};
use serde_json::{Value, json};
use stile_keys::encoding::base64url;
use stile_keys::jws::{Algorithm, JwsError, SigningKey, VerifyingKey, verify};

pub(crate) const TYP: &str = "stile-elevated+jwt";

/// A key of each algorithm, with its PKCS#8 document. Made once, as RSA keys are slow to make.
pub(crate) static KEYS: LazyLock<Vec<Pair>> = LazyLock::new(|| Algorithm::ALL.map(Pair::new).into());

pub(crate) struct Pair {
    pub(crate) key: SigningKey,
    pkcs8: Vec<u8>,
}

impl Pair {
    pub(crate) fn new(alg: Algorithm) -> Self {
        let (key, pkcs8) = SigningKey::generate(alg).ok().unwrap();
        Self { key, pkcs8: pkcs8.to_vec() }
    }

    pub(crate) fn alg(&self) -> &'static str {
        self.key.algorithm().as_str()
    }

    pub(crate) fn header(&self) -> Value {
        json!({"alg": self.alg(), "kid": self.key.kid(), "typ": TYP})
    }

    /// A good signature over any text.
    pub(crate) fn signature(&self, message: &str) -> Vec<u8> {
        let (random, message) = (SystemRandom::new(), message.as_bytes());
        match self.key.algorithm() {
            Algorithm::Es256 => {
                let pair = EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, &self.pkcs8).unwrap();
                pair.sign(&random, message).unwrap().as_ref().to_vec()
            }
            Algorithm::EdDsa => {
                Ed25519KeyPair::from_pkcs8(&self.pkcs8).unwrap().sign(message).as_ref().to_vec()
            }
            Algorithm::Rs256 => {
                let pair = RsaKeyPair::from_pkcs8(&self.pkcs8).unwrap();
                let mut out = vec![0; pair.public_modulus_len()];
                pair.sign(&RSA_PKCS1_SHA256, &random, message, &mut out).unwrap();
                out
            }
        }
    }

    /// A token with this header text and payload text, and a good signature.
    pub(crate) fn token(&self, header: &str, payload: &str) -> String {
        let signed = format!("{}.{}", base64url(header.as_bytes()), base64url(payload.as_bytes()));
        let signature = base64url(&self.signature(&signed));
        format!("{signed}.{signature}")
    }

    /// A good token.
    pub(crate) fn good(&self) -> String {
        self.key.sign(TYP, &json!({"sub": "user-1"})).unwrap()
    }
}

/// The public halves of [`KEYS`].
pub(crate) static PUBLIC: LazyLock<Vec<VerifyingKey>> =
    LazyLock::new(|| KEYS.iter().map(|pair| pair.key.verifying_key().unwrap()).collect());

pub(crate) fn check(token: &str) -> Result<Value, JwsError> {
    verify(token, TYP, &PUBLIC)
}
