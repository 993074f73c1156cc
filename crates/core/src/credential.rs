//! Credentials: what is verified and belongs to a user.

use serde::{Deserialize, Serialize};

use crate::factor::{Channel, Format};
use crate::id::CredentialId;
use crate::strength::Strength;
use crate::time::Micros;

/// Something verified that belongs to a user.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Credential {
    /// Its id.
    pub id: CredentialId,
    /// What it is.
    pub facts: Facts,
    /// Whether it may open a session.
    pub sign_in: bool,
    /// When it was added.
    pub created_at: Micros,
    /// When it was last verified.
    pub verified_at: Micros,
}

/// What a credential is, with the facts that rules and answers need. Keys and secrets live elsewhere.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Facts {
    /// Its kind.
    pub format: Format,
    /// The address, normalised; for formats that are one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub address: Option<String>,
    /// The name that the user gave it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub alias: Option<String>,
    /// What its authenticator said when it was enrolled; for formats that have one.
    #[serde(flatten)]
    pub authenticator: Option<Authenticator>,
}

/// What an authenticator said of itself.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Authenticator {
    /// Whether it verified its user when it was enrolled. Without that it is no second factor.
    pub user_verified: bool,
    /// Whether its key can be copied between devices (backup eligible).
    pub synced: bool,
}

impl Facts {
    /// A credential that has no name yet.
    pub const fn of(format: Format) -> Self {
        Self { format, address: None, alias: None, authenticator: None }
    }

    /// An address, normalised.
    pub fn address(format: Format, address: String) -> Self {
        Self { address: Some(address), ..Self::of(format) }
    }

    /// A key in an authenticator.
    pub fn key(format: Format, authenticator: Authenticator) -> Self {
        Self { authenticator: Some(authenticator), ..Self::of(format) }
    }
}

impl Credential {
    /// Its kind.
    pub const fn format(&self) -> Format {
        self.facts.format
    }

    /// Whether it counts as a second factor.
    pub const fn is_mfa_method(&self) -> bool {
        self.strength().meets(Strength::Mfa)
    }

    /// The strongest proof that it can give.
    pub const fn strength(&self) -> Strength {
        let user_verified = match self.facts.authenticator {
            Some(authenticator) => authenticator.user_verified,
            None => false,
        };
        self.facts.format.rules().second_factor.strength(user_verified)
    }

    /// The address, if messages reach it in this way.
    pub fn reached_by(&self, channel: Channel) -> Option<&str> {
        let reaches = self.facts.format.rules().channel == Some(channel);
        self.facts.address.as_deref().filter(|_| reaches)
    }

    /// A label that tells the user which one it is.
    pub fn alias(&self) -> Option<&str> {
        self.facts.address.as_deref().or(self.facts.alias.as_deref())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Rows that earlier versions stored, and that nodes of theirs must be able to read.
    #[test]
    fn stored_facts_keep_their_texts() {
        let key = Authenticator { user_verified: true, synced: false };
        let named = Facts { alias: Some("Phone".into()), ..Facts::key(Format::Passkey, key) };
        for (text, facts) in [
            (
                r#"{"format":"email","address":"ann@example.com"}"#,
                Facts::address(Format::Email, "ann@example.com".into()),
            ),
            (r#"{"format":"passkey","user_verified":true,"synced":false}"#, Facts::key(Format::Passkey, key)),
            (r#"{"format":"passkey","alias":"Phone","user_verified":true,"synced":false}"#, named),
            (r#"{"format":"totp"}"#, Facts::of(Format::Totp)),
        ] {
            assert_eq!(serde_json::to_string(&facts).unwrap(), text);
            assert_eq!(serde_json::from_str::<Facts>(text).unwrap(), facts);
        }
    }
}
