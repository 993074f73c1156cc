//! Credentials: what is verified and belongs to a user.

use serde::{Deserialize, Serialize};

use crate::id::CredentialId;
use crate::strength::Strength;
use crate::time::Micros;

/// Something verified that belongs to a user.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Credential {
    /// Its id.
    pub id: CredentialId,
    /// What it is.
    pub kind: CredentialKind,
    /// Whether it may open a session.
    pub sign_in: bool,
    /// When it was added.
    pub created_at: Micros,
    /// When it was last verified.
    pub verified_at: Micros,
}

/// What a credential is, with the facts that rules and answers need. Keys and secrets live elsewhere.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(tag = "format", rename_all = "camelCase")]
pub enum CredentialKind {
    /// An e-mail address, normalised.
    Email {
        /// The address.
        address: String,
    },
    /// A passkey.
    Passkey {
        /// The name that the user gave it.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        alias: Option<String>,
        /// Whether it verified its user when it was enrolled. Without that it is no second factor.
        user_verified: bool,
        /// Whether its key can be copied between devices (backup eligible).
        synced: bool,
    },
    /// A verified authenticator app (RFC 6238).
    Totp {
        /// The name that the user gave it.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        alias: Option<String>,
    },
}

impl CredentialKind {
    /// The text on the wire (`format`).
    pub const fn format(&self) -> &'static str {
        match self {
            Self::Email { .. } => "email",
            Self::Passkey { .. } => "passkey",
            Self::Totp { .. } => "totp",
        }
    }
}

impl Credential {
    /// Whether it counts as a second factor.
    pub const fn is_mfa_method(&self) -> bool {
        match self.kind {
            CredentialKind::Email { .. } => false,
            CredentialKind::Passkey { user_verified, .. } => user_verified,
            CredentialKind::Totp { .. } => true,
        }
    }

    /// The strongest proof that it can give.
    pub const fn strength(&self) -> Strength {
        match self.kind {
            CredentialKind::Email { .. } => Strength::Reauthentication,
            CredentialKind::Passkey { user_verified: true, .. } => Strength::PhishingResistantVerified,
            CredentialKind::Passkey { user_verified: false, .. } => Strength::PhishingResistant,
            CredentialKind::Totp { .. } => Strength::Mfa,
        }
    }

    /// A label that tells the user which one it is.
    pub fn alias(&self) -> Option<&str> {
        match &self.kind {
            CredentialKind::Email { address } => Some(address),
            CredentialKind::Passkey { alias, .. } | CredentialKind::Totp { alias } => alias.as_deref(),
        }
    }
}
