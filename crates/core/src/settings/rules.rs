//! Rules of an environment: which actions need a second factor, which scopes it declares, and what their tokens are.

use super::problems::Problems;
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

entry! {
    /// A rule that puts an action under a second factor.
    ActionRule {
        /// Which action.
        action as "action": Action,
        /// Whether the rule is on.
        required as "required": bool,
        /// Whether the token can be used once, or until it expires.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        token_behavior as "tokenBehavior": Option<TokenBehavior>,
        /// Life of the token; 10 to 3600.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        token_expiry_seconds as "tokenExpirySeconds": Option<u32>,
    }
}

entry! {
    /// Declares a scope of the environment's own, or changes what a fixed one demands and the token for it. Settings that
    /// an older version stored call the strength `minStrength`.
    ScopeRule {
        /// `name:verb`, or a fixed scope.
        scope as "scope": String,
        /// The least proof that is accepted; setting it protects the scope for every user.
        #[serde(default, alias = "minStrength", skip_serializing_if = "Option::is_none")]
        strength as "strength": Option<Strength>,
        /// How old the proof may be when the action begins; 10 to 3600.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        max_age_seconds as "maxAgeSeconds": Option<u32>,
        /// Whether the token can be used once, or until it expires.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        token_behavior as "tokenBehavior": Option<TokenBehavior>,
        /// Life of the token; 10 to 3600.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        token_expiry_seconds as "tokenExpirySeconds": Option<u32>,
    }
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

const MAX_ELEVATED_SECONDS: u32 = 3_600;

/// Checks the rules of both lists; they have bounds in common.
pub(super) fn check(scopes: &[ScopeRule], actions: &[ActionRule], found: &mut Problems) {
    for ScopeRule { scope, .. } in scopes {
        found.check(
            scope.parse::<Scope>().is_err(),
            &format!("scopes: `{scope}` is not of the form name:verb, or its name is reserved"),
        );
    }
    found.check_once("scopes", scopes.iter().map(|rule| rule.scope.as_str()));
    found.check_once("security.mfa.actions", actions.iter().map(|rule| rule.action.as_str()));
    let out_of_bounds = |seconds: u32| !(10..=MAX_ELEVATED_SECONDS).contains(&seconds);
    found.check(
        scopes.iter().filter_map(|rule| rule.max_age_seconds).any(out_of_bounds),
        "maxAgeSeconds must lie between 10 and 3600",
    );
    let expiries = scopes.iter().map(|rule| rule.token_expiry_seconds);
    let expiries = expiries.chain(actions.iter().map(|rule| rule.token_expiry_seconds));
    found.check(expiries.flatten().any(out_of_bounds), "tokenExpirySeconds must lie between 10 and 3600");
}
