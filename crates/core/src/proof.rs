//! Proofs: verified answers to challenges.

use serde::{Deserialize, Serialize};

use crate::credential::Credential;
use crate::id::CredentialId;
use crate::strength::Strength;
use crate::time::Micros;

/// How something was proved.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Method {
    /// A code that was sent to the user's e-mail address.
    EmailCode,
    /// A WebAuthn assertion or registration.
    Passkey,
    /// A code of an authenticator app (RFC 6238).
    Totp,
    /// A recovery code, which stands in for a second factor.
    RecoveryCode,
}

impl Method {
    /// The name in the audit trail.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::EmailCode => "email_code",
            Self::Passkey => "passkey",
            Self::Totp => "totp",
            Self::RecoveryCode => "recovery_code",
        }
    }
}

/// The verified answer to a challenge. Only a factor makes one.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Proof {
    /// The credential that answered; for a recovery code the second factor that it stood in for.
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
        Self::typed(credential, Method::EmailCode, at)
    }

    /// A proof by a code of an authenticator app.
    pub const fn totp(credential: CredentialId, at: Micros) -> Self {
        Self::typed(credential, Method::Totp, at)
    }

    /// A proof by a recovery code in the place of this second factor.
    pub const fn recovery(stands_in_for: CredentialId, at: Micros) -> Self {
        Self::typed(stands_in_for, Method::RecoveryCode, at)
    }

    /// Something that was typed in.
    const fn typed(credential: CredentialId, method: Method, at: Micros) -> Self {
        Self { credential, method, at, user_verified: false, synced: false }
    }

    /// The proof, no stronger than its credential was enrolled. Whoever finds a security key without a PIN can set one, and
    /// it then says that it verified its user: that makes no second factor of it.
    #[must_use]
    pub const fn as_enrolled(self, credential: &Credential) -> Self {
        Self { user_verified: self.user_verified && credential.is_mfa_method(), ..self }
    }

    /// How strong it is.
    pub const fn strength(&self) -> Strength {
        match self.method {
            Method::EmailCode => Strength::Reauthentication,
            Method::Totp | Method::RecoveryCode => Strength::Mfa,
            Method::Passkey if self.user_verified => Strength::PhishingResistantVerified,
            Method::Passkey => Strength::PhishingResistant,
        }
    }

    /// Whether this is a second factor, or stands in for one: a passkey is one when it verified its user.
    pub const fn is_mfa(&self) -> bool {
        self.strength().meets(Strength::Mfa)
    }

    /// Authentication method references (RFC 8176 §2) for a token's `amr` claim.
    pub fn amr(&self) -> Vec<&'static str> {
        match self.method {
            Method::EmailCode => vec!["otp"],
            Method::Totp | Method::RecoveryCode => vec!["otp", "mfa"],
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

#[cfg(test)]
mod tests {
    use super::*;

    const ID: CredentialId = CredentialId::from_bytes([7; 16]);
    const AT: Micros = Micros::new(5);

    #[test]
    fn each_proof_says_what_it_is() {
        let passkey = |user_verified, synced| Proof {
            credential: ID,
            method: Method::Passkey,
            at: AT,
            user_verified,
            synced,
        };
        let table: [(Proof, &str, Strength, bool, &[&str]); 7] = [
            (Proof::email(ID, AT), "email_code", Strength::Reauthentication, false, &["otp"]),
            (Proof::totp(ID, AT), "totp", Strength::Mfa, true, &["otp", "mfa"]),
            (Proof::recovery(ID, AT), "recovery_code", Strength::Mfa, true, &["otp", "mfa"]),
            (
                passkey(true, true),
                "passkey",
                Strength::PhishingResistantVerified,
                true,
                &["swk", "user", "mfa"],
            ),
            (
                passkey(true, false),
                "passkey",
                Strength::PhishingResistantVerified,
                true,
                &["hwk", "user", "mfa"],
            ),
            (passkey(false, true), "passkey", Strength::PhishingResistant, false, &["swk", "user"]),
            (passkey(false, false), "passkey", Strength::PhishingResistant, false, &["hwk", "user"]),
        ];
        for (proof, name, strength, is_mfa, amr) in table {
            assert_eq!((proof.credential, proof.at), (ID, AT), "{name}");
            assert_eq!(proof.method.as_str(), name);
            assert_eq!((proof.strength(), proof.is_mfa()), (strength, is_mfa), "{name}");
            assert_eq!(proof.amr(), amr, "{name}");
            // The name of the audit trail is that of stored proofs.
            assert_eq!(serde_json::to_value(proof.method).unwrap(), name);
        }
        for typed in [Proof::email(ID, AT), Proof::totp(ID, AT), Proof::recovery(ID, AT)] {
            assert!(!typed.user_verified && !typed.synced);
        }
    }
}
