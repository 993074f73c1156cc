//! How strong a proof is, and what a rule may demand of one.

use serde::{Deserialize, Serialize};

/// How strong a proof is: the `acr` claim of an elevated token (RFC 9470 §5). As a demand of a rule it is the least
/// that the rule accepts.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Strength {
    /// Any re-authentication, such as an e-mail code.
    Reauthentication,
    /// Any second factor.
    Mfa,
    /// A passkey, whether or not it verified its user.
    PhishingResistant,
    /// A passkey that verified its user.
    PhishingResistantVerified,
}

impl Strength {
    /// The text on the wire and in tokens.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Reauthentication => "reauthentication",
            Self::Mfa => "mfa",
            Self::PhishingResistant => "phishing_resistant",
            Self::PhishingResistantVerified => "phishing_resistant_verified",
        }
    }

    /// Whether a proof of this strength is what the demand asks for. Not an order: a passkey that did not verify its
    /// user resists phishing and is still no second factor.
    pub const fn meets(self, demand: Self) -> bool {
        match demand {
            Self::Reauthentication => true,
            Self::Mfa => matches!(self, Self::Mfa | Self::PhishingResistantVerified),
            Self::PhishingResistant => {
                matches!(self, Self::PhishingResistant | Self::PhishingResistantVerified)
            }
            Self::PhishingResistantVerified => matches!(self, Self::PhishingResistantVerified),
        }
    }

    /// The least strength that meets both demands.
    #[must_use]
    pub const fn and(self, other: Self) -> Self {
        if self.meets(other) {
            self
        } else if other.meets(self) {
            other
        } else {
            Self::PhishingResistantVerified
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Strength::{Mfa, PhishingResistant, PhishingResistantVerified, Reauthentication};
    use super::*;

    #[test]
    fn what_meets_what() {
        let table: [(Strength, &[Strength]); 4] = [
            (Reauthentication, &[Reauthentication]),
            (Mfa, &[Reauthentication, Mfa]),
            (PhishingResistant, &[Reauthentication, PhishingResistant]),
            (
                PhishingResistantVerified,
                &[Reauthentication, Mfa, PhishingResistant, PhishingResistantVerified],
            ),
        ];
        for (proof, met) in table {
            for demand in [Reauthentication, Mfa, PhishingResistant, PhishingResistantVerified] {
                assert_eq!(proof.meets(demand), met.contains(&demand), "{proof:?} {demand:?}");
            }
        }
    }

    #[test]
    fn two_demands_are_met_by_what_meets_each() {
        let all = [Reauthentication, Mfa, PhishingResistant, PhishingResistantVerified];
        for (a, b) in all.into_iter().flat_map(|a| all.map(|b| (a, b))) {
            for proof in all {
                assert_eq!(proof.meets(a.and(b)), proof.meets(a) && proof.meets(b), "{proof:?} {a:?} {b:?}");
            }
        }
    }

    #[test]
    fn the_text_is_the_json() {
        for strength in [Reauthentication, Mfa, PhishingResistant, PhishingResistantVerified] {
            assert_eq!(serde_json::to_value(strength).unwrap(), strength.as_str());
        }
    }
}
