//! What a scope demands of a user: whether it is protected, by how strong a proof, and for what token.

use super::session::has_own_level;
use crate::credential::Credential;
use crate::principal::Principal;
use crate::scope::Scope;
use crate::settings::{ActionRule, ScopeRule, Settings, TokenBehavior};
use crate::strength::Strength;

/// Why a scope is protected.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Reason {
    /// It is always protected.
    Always,
    /// A rule of the environment protects the action.
    ActionRule,
    /// A rule of the environment demands a strength for the scope.
    ScopeRule,
    /// A rule protects the action and the user must enrol a second factor first.
    EnrolmentRequired,
    /// The user has a second factor, and none was proved in this session.
    BelowOwnLevel,
}

/// What a scope demands of a proof, and what it gives for one.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Terms {
    /// The least proof.
    pub strength: Strength,
    /// How old the proof may be when the action begins, in seconds; `None` for as old as the token may become.
    pub max_age: Option<i64>,
    /// Whether the token can be used once only.
    pub single_use: bool,
    /// The token's life in seconds.
    pub seconds: i64,
}

/// Whether and why a scope is protected for this user.
pub(super) fn protection(settings: &Settings, me: &Principal, scope: &Scope) -> Option<Reason> {
    let mfa = &settings.security.mfa;
    let ruled = action_rules(settings, scope).next().is_some();
    // A rule on the action together with demanded enrolment asks for a second factor, whatever the scope.
    if ruled && mfa.required() && !me.has_mfa() {
        return Some(Reason::EnrolmentRequired);
    }
    if !answering(me).any(|c| c.strength().meets(demand(settings, me, scope))) && demanded(settings, scope) {
        return Some(Reason::EnrolmentRequired);
    }
    match scope {
        Scope::CredentialLink
        | Scope::CredentialUnlink
        | Scope::CredentialUpdate
        | Scope::UserDelete
        | Scope::WalletExport
        | Scope::WalletDelete
        | Scope::WalletRestore
        | Scope::App(_) => Some(Reason::Always),
        _ if demanded(settings, scope) => Some(Reason::ScopeRule),
        Scope::WalletSign | Scope::WalletDelegate | Scope::UserUpdate if ruled && me.has_mfa() => {
            Some(Reason::ActionRule)
        }
        Scope::UserUpdate if !has_own_level(me) => Some(Reason::BelowOwnLevel),
        Scope::WalletSign | Scope::WalletDelegate | Scope::UserUpdate => None,
    }
}

/// The rules that are on for actions of this scope; refreshing and resharing share one.
fn action_rules<'a>(settings: &'a Settings, scope: &'a Scope) -> impl Iterator<Item = &'a ActionRule> {
    settings.security.mfa.actions.iter().filter(move |rule| rule.required && rule.action.scope() == *scope)
}

/// The credentials that can answer: second factors where there are any, else what signs in.
pub(super) fn answering(me: &Principal) -> impl Iterator<Item = &Credential> {
    let mfa = me.has_mfa();
    me.credentials.iter().rev().filter(move |c| if mfa { c.is_mfa_method() } else { c.sign_in })
}

/// The rules for the scope. There is one at most, unless an older version stored several: then the strictest of each
/// demand counts.
pub(super) fn rules<'a>(settings: &'a Settings, scope: &'a Scope) -> impl Iterator<Item = &'a ScopeRule> {
    settings.scopes.iter().filter(move |rule| rule.scope == scope.as_str())
}

/// Whether a rule demands a strength for the scope.
fn demanded(settings: &Settings, scope: &Scope) -> bool {
    rules(settings, scope).any(|rule| rule.strength.is_some())
}

/// The least proof that the scope accepts from this user: what the user's factors make of it, and what a rule adds.
pub(super) fn demand(settings: &Settings, me: &Principal, scope: &Scope) -> Strength {
    let must_enrol = settings.security.mfa.required() && action_rules(settings, scope).next().is_some();
    let base = if me.has_mfa() || must_enrol { Strength::Mfa } else { Strength::Reauthentication };
    let together = rules(settings, scope).filter_map(|rule| rule.strength).fold(base, Strength::and);
    // Who has nothing of that strength can still enrol it: else the rule could never be met.
    let out_of_reach = !answering(me).any(|c| c.strength().meets(together));
    if *scope == Scope::CredentialLink && out_of_reach { base } else { together }
}

/// What the scope demands of this user, and the token that it gives: what is set for the scope, else the strictest of
/// its action rules, else the default. No token outlives the age that its proof may have.
pub(super) fn terms(settings: &Settings, me: &Principal, scope: &Scope) -> Terms {
    let by_action =
        action_rules(settings, scope).filter_map(|a| a.token_behavior).reduce(|a, b| match (a, b) {
            (TokenBehavior::TimeBound, TokenBehavior::TimeBound) => TokenBehavior::TimeBound,
            _ => TokenBehavior::SingleUse,
        });
    let shortest = action_rules(settings, scope).filter_map(|a| a.token_expiry_seconds).min();
    let token = |rule: Option<&ScopeRule>| {
        let behavior = rule.and_then(|r| r.token_behavior).or(by_action);
        let single_use = behavior.map_or(scope.single_use_by_default(), |b| b == TokenBehavior::SingleUse);
        let expiry = rule.and_then(|r| r.token_expiry_seconds).or(shortest);
        (single_use, expiry.map_or(if single_use { 300 } else { 600 }, i64::from))
    };
    let ruled = rules(settings, scope).map(|rule| token(Some(rule))).reduce(stricter);
    let (single_use, seconds) = ruled.unwrap_or_else(|| token(None));
    let max_age = rules(settings, scope).filter_map(|r| r.max_age_seconds).min().map(i64::from);
    Terms {
        strength: demand(settings, me, scope),
        max_age,
        single_use,
        seconds: max_age.map_or(seconds, |age| seconds.min(age)),
    }
}

/// Of two tokens, each by its single use and its seconds, what is allowed by both.
pub(super) fn stricter(a: (bool, i64), b: (bool, i64)) -> (bool, i64) {
    (a.0 || b.0, a.1.min(b.1))
}
