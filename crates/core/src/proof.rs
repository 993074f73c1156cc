//! Proofs: verified answers to challenges.

use serde::{Deserialize, Serialize};

use crate::id::CredentialId;
use crate::time::Micros;

/// How something was proved.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Method {
    /// A code that was sent to the user's e-mail address.
    EmailCode,
    /// A WebAuthn assertion or registration.
    Passkey,
}

/// The verified answer to a challenge. Only a factor makes one.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Proof {
    /// The credential that answered.
    pub credential: CredentialId,
    /// How.
    pub method: Method,
    /// When the answer was verified.
    pub at: Micros,
    /// Whether the authenticator verified its user (WebAuthn UV).
    pub user_verified: bool,
    /// Whether the key can be copied between devices (WebAuthn BE).
    pub synced: bool,
}

impl Proof {
    /// A proof by an e-mail code.
    pub const fn email(credential: CredentialId, at: Micros) -> Self {
        Self { credential, method: Method::EmailCode, at, user_verified: false, synced: false }
    }

    /// Whether this alone is a second factor: a passkey that verified its user.
    pub const fn is_mfa(&self) -> bool {
        match self.method {
            Method::EmailCode => false,
            Method::Passkey => self.user_verified,
        }
    }

    /// Authentication method references (RFC 8176 §2) for a token's `amr` claim.
    pub fn amr(&self) -> Vec<&'static str> {
        match self.method {
            Method::EmailCode => vec!["otp"],
            Method::Passkey => {
                let mut amr = vec![if self.synced { "swk" } else { "hwk" }, "user"];
                if self.user_verified {
                    amr.push("mfa");
                }
                amr
            }
        }
    }
}
