//! Formats: the kinds of credentials. Whatever differs between them as a fact stands in one row each, and everybody asks
//! the row.

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

use crate::settings::Settings;
use crate::strength::Strength;

/// What a credential is.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Format {
    /// An e-mail address.
    Email,
    /// A phone number.
    PhoneNumber,
    /// A wallet outside of Stile.
    Blockchain,
    /// An account with a social provider.
    Oauth,
    /// A user of the app's own authentication.
    ExternalUser,
    /// An authenticator app (RFC 6238).
    Totp,
    /// A passkey (WebAuthn).
    Passkey,
}

/// What differs between formats.
#[derive(Clone, Copy, Debug)]
pub struct Rules {
    /// The text on the wire and in stored rows (`format`).
    pub text: &'static str,
    /// What people call it.
    pub name: &'static str,
    /// The name of a proof by it, in stored proofs and in the audit log.
    pub method: &'static str,
    /// Whether it opens sessions.
    pub signs_in: SignsIn,
    /// Whether it counts as a second factor.
    pub second_factor: SecondFactor,
    /// What a proof by it shows.
    pub shows: Shows,
    /// How messages reach its owner, where it is an address. An address that was added a moment ago is young (`policy`).
    pub channel: Option<Channel>,
    /// Whether an operator's reset of a user's factors removes it.
    pub removed_by_reset: bool,
}

/// Whether a format opens sessions.
#[derive(Clone, Copy, Debug)]
pub enum SignsIn {
    /// It does not.
    Never,
    /// It does, unless the user decided otherwise for one of them.
    Always,
    /// The environment decides.
    Setting(fn(&Settings) -> bool),
}

/// Whether a format counts as a second factor.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum SecondFactor {
    /// It does not.
    Never,
    /// It does.
    Always,
    /// It does when its authenticator verified its user, and then it resists phishing, too.
    WhenUserVerified,
}

/// What a proof shows: the beginning of `amr` (RFC 8176 §2).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Shows {
    /// A code that is used once.
    Code,
    /// A key, which may be copied between devices or not, and the presence of a user.
    Key,
    /// A signature of a key that the user keeps elsewhere.
    Signature,
    /// What another service says of the user.
    Statement,
}

/// How messages reach the owner of an address.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Channel {
    /// By e-mail.
    Mail,
    /// By text message.
    Text,
}

impl Format {
    /// Every format. Second factors stand in the order in which they are offered.
    pub const ALL: [Self; 7] = [
        Self::Email,
        Self::PhoneNumber,
        Self::Blockchain,
        Self::Oauth,
        Self::ExternalUser,
        Self::Totp,
        Self::Passkey,
    ];

    /// Its row.
    pub const fn rules(self) -> Rules {
        let row = Rules {
            text: "",
            name: "",
            method: "",
            signs_in: SignsIn::Never,
            second_factor: SecondFactor::Never,
            shows: Shows::Code,
            channel: None,
            removed_by_reset: false,
        };
        match self {
            Self::Email => Rules {
                text: "email",
                name: "e-mail address",
                method: "email_code",
                signs_in: SignsIn::Always,
                channel: Some(Channel::Mail),
                ..row
            },
            Self::PhoneNumber => Rules {
                text: "phoneNumber",
                name: "phone number",
                method: "sms_code",
                channel: Some(Channel::Text),
                ..row
            },
            Self::Blockchain => {
                Rules { text: "blockchain", name: "wallet", method: "wallet", shows: Shows::Signature, ..row }
            }
            Self::Oauth => Rules {
                text: "oauth",
                name: "social account",
                method: "oauth",
                shows: Shows::Statement,
                ..row
            },
            Self::ExternalUser => Rules {
                text: "externalUser",
                name: "account of the app",
                method: "external_user",
                shows: Shows::Statement,
                ..row
            },
            Self::Totp => Rules {
                text: "totp",
                name: "authenticator app",
                method: "totp",
                second_factor: SecondFactor::Always,
                removed_by_reset: true,
                ..row
            },
            Self::Passkey => Rules {
                text: "passkey",
                name: "passkey",
                method: "passkey",
                signs_in: SignsIn::Setting(|settings| settings.passkeys.sign_in),
                second_factor: SecondFactor::WhenUserVerified,
                shows: Shows::Key,
                removed_by_reset: true,
                ..row
            },
        }
    }

    /// The text on the wire and in stored rows.
    pub const fn as_str(self) -> &'static str {
        self.rules().text
    }

    /// The format with this text.
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|format| format.as_str() == text)
    }

    /// The formats that can be second factors, in the order in which they are offered.
    pub fn second_factors() -> impl Iterator<Item = Self> {
        Self::ALL.into_iter().filter(|format| format.rules().second_factor != SecondFactor::Never)
    }

    /// Whether signing in by it is offered at all.
    pub fn may_sign_in(self, settings: &Settings) -> bool {
        match self.rules().signs_in {
            SignsIn::Never => false,
            SignsIn::Always => true,
            SignsIn::Setting(is_on) => is_on(settings),
        }
    }
}

impl SecondFactor {
    /// How strong a proof is by an authenticator that verified its user, or did not.
    pub const fn strength(self, user_verified: bool) -> Strength {
        match self {
            Self::Never => Strength::Reauthentication,
            Self::Always => Strength::Mfa,
            Self::WhenUserVerified if user_verified => Strength::PhishingResistantVerified,
            Self::WhenUserVerified => Strength::PhishingResistant,
        }
    }
}

impl Shows {
    /// Authentication method references (RFC 8176 §2). A key says whether it can be copied between devices.
    pub const fn amr(self, synced: bool) -> &'static [&'static str] {
        match self {
            Self::Code => &["otp"],
            Self::Key if synced => &["swk", "user"],
            Self::Key => &["hwk", "user"],
            Self::Signature => &["swk"],
            Self::Statement => &[],
        }
    }
}

impl Serialize for Format {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.as_str())
    }
}

impl<'de> Deserialize<'de> for Format {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        Self::parse(&text)
            .ok_or_else(|| de::Error::custom(format!("no kind of credential is called `{text}`")))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    #[test]
    fn each_format_is_once_in_the_list_and_has_texts_of_its_own() {
        for text in [|r: Rules| r.text, |r: Rules| r.name, |r: Rules| r.method] {
            let texts: BTreeSet<_> = Format::ALL.into_iter().map(|format| text(format.rules())).collect();
            assert_eq!(texts.len(), Format::ALL.len());
            assert!(!texts.contains(""));
        }
        for format in Format::ALL {
            let json = serde_json::to_value(format).unwrap();
            assert_eq!(json, format.as_str());
            assert_eq!(serde_json::from_value::<Format>(json).unwrap(), format);
        }
        assert!(serde_json::from_str::<Format>("\"sms\"").is_err());
    }

    #[test]
    fn second_factors_are_offered_in_order() {
        assert!(Format::second_factors().eq([Format::Totp, Format::Passkey]));
    }

    /// What the sessions, notices, tokens and resets of today stand on.
    #[test]
    fn each_row_says_what_its_format_is() {
        use Format::{Blockchain, Email, ExternalUser, Oauth, Passkey, PhoneNumber, Totp};
        type Row = (Format, bool, SecondFactor, Shows, Option<Channel>, bool);
        let table: [Row; 7] = [
            (Email, true, SecondFactor::Never, Shows::Code, Some(Channel::Mail), false),
            (PhoneNumber, false, SecondFactor::Never, Shows::Code, Some(Channel::Text), false),
            (Blockchain, false, SecondFactor::Never, Shows::Signature, None, false),
            (Oauth, false, SecondFactor::Never, Shows::Statement, None, false),
            (ExternalUser, false, SecondFactor::Never, Shows::Statement, None, false),
            (Totp, false, SecondFactor::Always, Shows::Code, None, true),
            (Passkey, true, SecondFactor::WhenUserVerified, Shows::Key, None, true),
        ];
        for (format, signs_in, second_factor, shows, channel, removed_by_reset) in table {
            let rules = format.rules();
            assert_eq!(format.may_sign_in(&Settings::default()), signs_in, "{format:?}");
            assert_eq!(
                (rules.second_factor, rules.shows, rules.channel),
                (second_factor, shows, channel),
                "{format:?}"
            );
            assert_eq!(rules.removed_by_reset, removed_by_reset, "{format:?}");
        }
    }

    #[test]
    fn what_a_proof_shows_begins_its_amr() {
        for (shows, bound, synced) in [
            (Shows::Code, &["otp"][..], &["otp"][..]),
            (Shows::Key, &["hwk", "user"], &["swk", "user"]),
            (Shows::Signature, &["swk"], &["swk"]),
            (Shows::Statement, &[], &[]),
        ] {
            assert_eq!((shows.amr(false), shows.amr(true)), (bound, synced), "{shows:?}");
        }
    }
}
