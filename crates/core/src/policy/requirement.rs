//! What an action needs now.

use super::acceptance::accepts;
use super::demands::{Reason, Terms, answering, demand, protection, rules, terms};
use super::session::is_fresh;
use super::youth::{is_young_beside, touches_credentials};
use crate::id::CredentialId;
use crate::principal::Principal;
use crate::proof::Proof;
use crate::scope::Scope;
use crate::settings::Settings;
use crate::time::Micros;

/// When a recent proof stands in for an elevated token at a gate.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Exemption {
    /// Never.
    None,
    /// While the user has no second factor yet (`recentProof.firstFactorSeconds`).
    FirstFactor,
    /// When linking (`recentProof.linkSeconds`, off by default).
    Link,
    /// When unlinking (`recentProof.unlinkSeconds`, off by default).
    Unlink,
}

/// What an action of a scope needs from this principal now.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Requirement {
    /// Nothing: no rule protects the scope for this user.
    Open,
    /// Nothing more: it is protected, and these proofs, given moments ago in this session, each answer for it. The newest
    /// comes first.
    RecentProof(Vec<Proof>),
    /// An elevated access token.
    Token(Needed),
}

/// What an elevated token must be, and what can give one.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Needed {
    /// Which rule decided.
    pub reason: Reason,
    /// The credentials that can answer, in the order to offer them; none when the user must enrol one first.
    pub credentials: Vec<CredentialId>,
    /// The one to offer first.
    pub default: Option<CredentialId>,
    /// What satisfies it.
    pub terms: Terms,
}

impl Requirement {
    /// Which rule decided, as on the wire.
    pub const fn reason(&self) -> &'static str {
        match self {
            Self::Open => "not_protected",
            Self::RecentProof(_) => "recent_proof",
            Self::Token(Needed { reason, .. }) => match reason {
                Reason::Always => "always_protected",
                Reason::ActionRule => "action_rule",
                Reason::ScopeRule => "scope_rule",
                Reason::EnrolmentRequired => "enrolment_required",
                Reason::BelowOwnLevel => "below_own_level",
            },
        }
    }
}

/// What an action of this scope needs from this principal now.
pub fn requirement(
    settings: &Settings,
    me: &Principal,
    scope: &Scope,
    exemption: Exemption,
    now: Micros,
) -> Requirement {
    let Some(reason) = protection(settings, me, scope) else { return Requirement::Open };
    let recent: Vec<_> = recent_proofs(settings, me, scope, exemption, now).copied().collect();
    if !recent.is_empty() {
        return Requirement::RecentProof(recent);
    }
    // None when the user must enrol first: nothing that the user has is of the strength that is demanded then.
    let demand = demand(settings, me, scope);
    let able = answering(me).filter(|c| c.strength().meets(demand)).map(|c| c.id);
    // A young address may be refused for its youth: it is offered after the others, and not as the default.
    let young = |id: &CredentialId| {
        touches_credentials(scope) && me.credential(*id).is_some_and(|c| is_young_beside(me, c, now))
    };
    let (last, mut credentials): (Vec<_>, Vec<_>) = able.partition(young);
    let default = default_credential(me, if credentials.is_empty() { &last } else { &credentials });
    credentials.extend(last);
    Requirement::Token(Needed { reason, credentials, default, terms: terms(settings, me, scope) })
}

/// The proofs of this session that answer for the scope under the exemption, newest first.
///
/// Proofs are kept in the session by the verifying routes alone; refreshing adds none.
pub(super) fn recent_proofs<'a>(
    settings: &Settings,
    me: &'a Principal,
    scope: &Scope,
    exemption: Exemption,
    now: Micros,
) -> impl Iterator<Item = &'a Proof> {
    let seconds = match exemption {
        Exemption::None => 0,
        Exemption::FirstFactor if me.has_mfa() => 0,
        Exemption::FirstFactor => settings.recent_proof.first_factor_seconds,
        Exemption::Link => settings.recent_proof.link_seconds,
        Exemption::Unlink => settings.recent_proof.unlink_seconds,
    };
    let longest = rules(settings, scope).filter_map(|rule| rule.max_age_seconds).min().unwrap_or(u32::MAX);
    let fresh = move |p: &&Proof| seconds > 0 && is_fresh(p, i64::from(seconds.min(longest)), now);
    let accepted = move |p: &&Proof| accepts(settings, me, (*p).into(), scope).is_ok();
    me.session.proofs.iter().rev().filter(fresh).filter(accepted)
}

/// The user's default second factor; without any the credential that opened the session; else the first offered.
fn default_credential(me: &Principal, offered: &[CredentialId]) -> Option<CredentialId> {
    let wanted = me.default_method().map_or(me.session.sign_in_credential, |c| c.id);
    if offered.contains(&wanted) { Some(wanted) } else { offered.first().copied() }
}
