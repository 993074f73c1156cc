//! Rules of an environment: which actions need a second factor, which scopes it declares, and what their tokens are.

use serde::{Deserialize, Serialize};

use super::table::{Described, Shape};
use crate::scope::Scope;
use crate::strength::Strength;

choice! {
    /// Actions that can be put under a second factor by a rule.
    Action {
        /// Signing with a wallet.
        WalletSign = "wallet.waas.sign",
        /// Exporting a wallet's key.
        WalletExport = "wallet.waas.export",
        /// Resharing a wallet.
        WalletReshare = "wallet.waas.reshare",
        /// Refreshing or delegating a wallet.
        WalletRefresh = "wallet.waas.refresh",
        /// Changing profile fields.
        UserUpdate = "user.update",
    }
}

impl Action {
    /// The scope that a token for this action carries.
    pub const fn scope(self) -> Scope {
        match self {
            Self::WalletSign => Scope::WalletSign,
            Self::WalletExport => Scope::WalletExport,
            Self::WalletReshare | Self::WalletRefresh => Scope::WalletDelegate,
            Self::UserUpdate => Scope::UserUpdate,
        }
    }
}

choice! {
    /// How often an elevated token can be used.
    TokenBehavior {
        /// Once.
        SingleUse = "single_use",
        /// Until it expires.
        TimeBound = "time_bound",
    }
}

/// A rule that puts an action under a second factor.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ActionRule {
    /// Which action.
    pub action: Action,
    /// Whether the rule is on.
    pub required: bool,
    /// Overrides single or repeated use.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub token_behavior: Option<TokenBehavior>,
    /// Overrides the life of the token, in seconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub token_expiry_seconds: Option<u32>,
}

/// Declares a scope of the environment's own, or changes what a fixed one demands and the token for it.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ScopeRule {
    /// `name:verb`.
    pub scope: String,
    /// The least proof that is accepted; setting it protects the scope for every user. Settings that an older version stored
    /// call it `minStrength`.
    #[serde(default, alias = "minStrength", skip_serializing_if = "Option::is_none")]
    pub strength: Option<Strength>,
    /// How old the proof may be when the action begins, in seconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_age_seconds: Option<u32>,
    /// Overrides single or repeated use.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub token_behavior: Option<TokenBehavior>,
    /// Overrides the life of the token, in seconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub token_expiry_seconds: Option<u32>,
}

impl ScopeRule {
    /// The scope with the default token: single use, 300 s.
    pub fn new(scope: &str) -> Self {
        Self {
            scope: scope.into(),
            strength: None,
            max_age_seconds: None,
            token_behavior: None,
            token_expiry_seconds: None,
        }
    }
}
