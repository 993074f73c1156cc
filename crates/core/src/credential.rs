//! Credentials: what is verified and belongs to a user.

use serde::{Deserialize, Serialize};

use crate::factor::{Channel, Format, SecondFactor};
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
#[serde(try_from = "Stored", into = "Stored")]
pub struct Facts {
    /// Its kind.
    pub format: Format,
    /// The address, normalised; for formats that are one.
    pub address: Option<String>,
    /// The name that the user gave it.
    pub alias: Option<String>,
    /// What its authenticator said when it was enrolled; for formats that have one.
    pub authenticator: Option<Authenticator>,
}

/// Facts as they are stored.
#[derive(Serialize, Deserialize)]
struct Stored {
    format: Format,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    address: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    alias: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    user_verified: Option<bool>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    synced: Option<bool>,
}

impl TryFrom<Stored> for Facts {
    type Error = &'static str;

    /// A row that lacks what its format must have is refused: a passkey of which nobody knows whether it verified its user
    /// must not turn into one that did not.
    fn try_from(stored: Stored) -> Result<Self, Self::Error> {
        let Stored { format, address, alias, user_verified, synced } = stored;
        let rules = format.rules();
        let authenticator =
            match (rules.second_factor == SecondFactor::WhenUserVerified, user_verified, synced) {
                (true, Some(user_verified), Some(synced)) => Some(Authenticator { user_verified, synced }),
                (true, _, _) => return Err("nothing says what the authenticator is"),
                (false, _, _) => None,
            };
        if rules.channel.is_some() && address.is_none() {
            return Err("there is no address");
        }
        Ok(Self { format, address, alias, authenticator })
    }
}

impl From<Facts> for Stored {
    fn from(facts: Facts) -> Self {
        let Facts { format, address, alias, authenticator } = facts;
        let (user_verified, synced) = authenticator.map(|a| (a.user_verified, a.synced)).unzip();
        Self { format, address, alias, user_verified, synced }
    }
}

/// What an authenticator said of itself.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
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

    /// A row that was damaged, or that another version wrote, does not become a weaker credential.
    #[test]
    fn facts_that_lack_something_are_refused() {
        for text in [
            r#"{"format":"passkey"}"#,
            r#"{"format":"passkey","user_verified":true}"#,
            r#"{"format":"passkey","user_verified":true,"synced":null}"#,
            r#"{"format":"passkey","user_verified":"true","synced":false}"#,
            r#"{"format":"passkey","user_verified":true,"user_verified":false,"synced":false}"#,
            r#"{"format":"email"}"#,
            r#"{"format":"email","address":null}"#,
            r#"{"format":"sms","address":"1"}"#,
            r#"{"address":"ann@example.com"}"#,
        ] {
            assert!(serde_json::from_str::<Facts>(text).is_err(), "{text}");
        }
    }

    #[test]
    fn an_address_is_reached_its_own_way_and_names_its_credential() {
        let credential = |facts| Credential {
            id: CredentialId::from_bytes([1; 16]),
            facts,
            sign_in: true,
            created_at: Micros::new(0),
            verified_at: Micros::new(0),
        };
        let mail = credential(Facts::address(Format::Email, "ann@example.com".into()));
        assert_eq!(mail.reached_by(Channel::Mail), Some("ann@example.com"));
        assert_eq!(mail.reached_by(Channel::Text), None);
        assert_eq!(mail.alias(), Some("ann@example.com"));
        let app = credential(Facts { alias: Some("Phone".into()), ..Facts::of(Format::Totp) });
        assert_eq!((app.reached_by(Channel::Mail), app.alias()), (None, Some("Phone")));
        assert_eq!(credential(Facts::of(Format::Totp)).alias(), None);
    }
}
