//! Proofs: verified answers to challenges.

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

use crate::credential::Credential;
use crate::factor::{Format, Shows};
use crate::id::CredentialId;
use crate::strength::Strength;
use crate::time::Micros;

/// How something was proved.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Method {
    /// By a credential of this format.
    Of(Format),
    /// By a recovery code, which stands in for a second factor.
    RecoveryCode,
}

impl Method {
    /// The text in stored proofs and in the audit log.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Of(format) => format.rules().method,
            Self::RecoveryCode => "recovery_code",
        }
    }

    /// The method with this text.
    pub fn parse(text: &str) -> Option<Self> {
        let mut all = Format::ALL.into_iter().map(Self::Of).chain([Self::RecoveryCode]);
        all.find(|method| method.as_str() == text)
    }
}

impl Serialize for Method {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.as_str())
    }
}

impl<'de> Deserialize<'de> for Method {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        Self::parse(&text).ok_or_else(|| de::Error::custom(format!("no method is called `{text}`")))
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
    /// A proof by a code of this credential.
    pub const fn code(format: Format, credential: CredentialId, at: Micros) -> Self {
        Self::typed(credential, Method::Of(format), at)
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
            Method::Of(format) => format.rules().second_factor.strength(self.user_verified),
            Method::RecoveryCode => Strength::Mfa,
        }
    }

    /// Whether this is a second factor, or stands in for one: a passkey is one when it verified its user.
    pub const fn is_mfa(&self) -> bool {
        self.strength().meets(Strength::Mfa)
    }

    /// Authentication method references (RFC 8176 §2) for a token's `amr` claim.
    pub fn amr(&self) -> Vec<&'static str> {
        let shows = match self.method {
            Method::Of(format) => format.rules().shows,
            Method::RecoveryCode => Shows::Code,
        };
        let mut amr = shows.amr(self.synced).to_vec();
        if self.is_mfa() {
            amr.push("mfa");
        }
        amr
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::credential::{Authenticator, Facts};

    const ID: CredentialId = CredentialId::from_bytes([7; 16]);
    const AT: Micros = Micros::new(5);

    #[test]
    fn each_proof_says_what_it_is() {
        let passkey = |user_verified, synced| Proof {
            credential: ID,
            method: Method::Of(Format::Passkey),
            at: AT,
            user_verified,
            synced,
        };
        let table: [(Proof, &str, Strength, bool, &[&str]); 7] = [
            (Proof::code(Format::Email, ID, AT), "email_code", Strength::Reauthentication, false, &["otp"]),
            (Proof::code(Format::Totp, ID, AT), "totp", Strength::Mfa, true, &["otp", "mfa"]),
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
            assert_eq!(serde_json::from_value::<Method>(name.into()).unwrap(), proof.method);
        }
        assert_eq!(Method::parse("sms"), None);
        for typed in
            [Proof::code(Format::Email, ID, AT), Proof::code(Format::Totp, ID, AT), Proof::recovery(ID, AT)]
        {
            assert!(!typed.user_verified && !typed.synced);
        }
    }

    #[test]
    fn a_proof_is_no_stronger_than_its_credential_was_enrolled() {
        let credential = |user_verified| Credential {
            id: ID,
            facts: Facts::key(Format::Passkey, Authenticator { user_verified, synced: false }),
            sign_in: true,
            created_at: AT,
            verified_at: AT,
        };
        for (proved, enrolled, counts) in
            [(true, true, true), (true, false, false), (false, true, false), (false, false, false)]
        {
            let proof = Proof { user_verified: proved, ..Proof::code(Format::Passkey, ID, AT) };
            assert_eq!(proof.as_enrolled(&credential(enrolled)).user_verified, counts, "{proved} {enrolled}");
        }
    }
}
