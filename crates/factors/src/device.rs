//! Nonces, and proofs of possession by a device key (wire: device proof).

use stile_core::{EnvironmentId, Micros};
use stile_keys::p256_key::PublicKeyHex;
use stile_keys::sealed_token::{self, SealedTokenError, TokenId};
use stile_keys::{Keyring, encoding};

/// How long a nonce is accepted: SDKs keep theirs for 24 h, so a little longer.
pub const NONCE_SECONDS: i64 = 25 * 3_600;

/// A nonce: 80 hex digits. Not stored; its MAC tells that it is ours, the ledger that it is unused.
pub fn new_nonce(keys: &Keyring, environment: EnvironmentId, now: Micros) -> String {
    encoding::hex(&sealed_token::issue(&keys.nonce, &[environment.as_bytes()], now.get()))
}

/// A device proof that holds: the key, and the nonce to use up.
#[derive(Clone, Debug)]
pub struct DeviceProof {
    /// The key that signed.
    pub key: PublicKeyHex,
    /// The nonce's key in the ledger.
    pub nonce: TokenId,
}

/// Why a device proof does not hold.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub enum DeviceProofError {
    /// The key is no P-256 point.
    #[error("the device key is not a compressed P-256 point")]
    Key,
    /// The nonce is not ours.
    #[error("the nonce is unknown: fetch a new one")]
    Nonce,
    /// The nonce is too old.
    #[error("the nonce has expired: fetch a new one")]
    Expired,
    /// The signature is not the key's over the nonce.
    #[error("the device key did not sign the nonce")]
    Signature,
}

/// Verifies a device proof: a signature over the text of a nonce (wire: tokens §10).
pub fn verify(
    keys: &Keyring,
    environment: EnvironmentId,
    nonce: &str,
    key: &str,
    signature: &str,
    now: Micros,
) -> Result<DeviceProof, DeviceProofError> {
    let key = PublicKeyHex::parse(key).map_err(|_| DeviceProofError::Key)?;
    let token = encoding::unhex(nonce).ok_or(DeviceProofError::Nonce)?;
    let max_age = NONCE_SECONDS.saturating_mul(1_000_000);
    let id = sealed_token::check(&keys.nonce, &[environment.as_bytes()], &token, now.get(), max_age)
        .map_err(|e| match e {
            SealedTokenError::Expired => DeviceProofError::Expired,
            _ => DeviceProofError::Nonce,
        })?;
    if !key.verify(nonce.as_bytes(), signature) {
        return Err(DeviceProofError::Signature);
    }
    Ok(DeviceProof { key, nonce: id })
}
