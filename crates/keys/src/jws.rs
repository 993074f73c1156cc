//! Compact JWS (RFC 7515 §7.1): signing with held keys, and a strict verifier for our own tokens.
//!
//! One key has one algorithm, and a token says its kind in `typ`. What the token's header says about
//! its own key (`jwk`, `jku`, `x5c`, `x5u`) is never looked at.

mod header;
mod jwk;
#[cfg(test)]
mod rfc_tests;
mod sign;
#[cfg(test)]
mod vector_tests;
mod verify;
#[cfg(test)]
mod wycheproof_tests;

use serde::{Deserialize, Serialize};

pub use jwk::{Jwk, thumbprint};
pub use sign::SigningKey;
pub use verify::{VerifyingKey, verify};

/// The longest token that is looked at or made, in bytes: 16 KiB.
pub const MAX_TOKEN_LEN: usize = 16 * 1024;

/// A signature algorithm (RFC 7518 §3.1, RFC 8037 §3.1). Its serde form is the `alg` name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Algorithm {
    /// ECDSA on P-256 with SHA-256.
    #[serde(rename = "ES256")]
    Es256,
    /// Ed25519.
    #[serde(rename = "EdDSA")]
    EdDsa,
    /// RSASSA-PKCS1-v1_5 with SHA-256; keys of 2048 bits and more.
    #[serde(rename = "RS256")]
    Rs256,
}

impl Algorithm {
    /// Every algorithm.
    pub const ALL: [Self; 3] = [Self::Es256, Self::EdDsa, Self::Rs256];

    /// The `alg` name.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Es256 => "ES256",
            Self::EdDsa => "EdDSA",
            Self::Rs256 => "RS256",
        }
    }
}

/// Why a token was refused, or not made.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum JwsError {
    /// Longer than [`MAX_TOKEN_LEN`].
    #[error("the token is too large")]
    TooLarge,
    /// Not a compact JWS, or with a header that is not accepted (`crit`, `zip`, `b64`, a member twice).
    #[error("the token is malformed")]
    Malformed,
    /// No `kid`, or one that is not among the keys.
    #[error("the token was signed with an unknown key")]
    UnknownKey,
    /// `alg` is not the algorithm of the key.
    #[error("the token's algorithm is not the key's")]
    WrongAlgorithm,
    /// `typ` is absent or another: a token of another kind.
    #[error("the token is of another type")]
    WrongType,
    /// The signature does not verify.
    #[error("the token's signature is wrong")]
    BadSignature,
    /// The signature is good, but the claims are not those of this kind; or claims that do not serialise.
    #[error("the token's claims are not those expected")]
    BadClaims,
    /// The library failed to sign.
    #[error("signing failed")]
    SigningFailed,
}

/// Why a key was not made or not taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum KeyError {
    /// The library failed to make a key pair.
    #[error("the key could not be generated")]
    Generate,
    /// Not a PKCS#8 private key of this algorithm, or one too weak.
    #[error("not a PKCS#8 private key of this algorithm")]
    BadPkcs8,
    /// Not a public signing key in JWK form, inconsistent in itself, or one too weak.
    #[error("not a public signing key in JWK form")]
    BadJwk,
}
