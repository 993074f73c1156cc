//! Policy: what an action needs, and what a proof gives. Pure functions of values (invariant 4).
//!
//! The step-up check and the gate both ask `requirement`, and a gate accepts as a recent proof only
//! what `accepts` would have turned into a token, so that they cannot disagree.

use crate::id::CredentialId;
use crate::principal::{Level, Principal};
use crate::proof::{Method, Proof};
use crate::scope::Scope;
use crate::settings::{ActionRule, Enrollment, Settings, TokenBehavior};
use crate::time::Micros;
use crate::{Credential, CredentialKind};

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

/// Why a scope is or is not protected.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Reason {
    /// No rule protects it for this user.
    NotProtected,
    /// It is protected, and a proof given moments ago in this session answers for it.
    RecentProof,
    /// It is always protected.
    Always,
    /// A rule of the environment protects the action.
    ActionRule,
    /// A rule protects the action and the user must enrol a second factor first.
    EnrolmentRequired,
}

impl Reason {
    /// The text on the wire.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::NotProtected => "not_protected",
            Self::RecentProof => "recent_proof",
            Self::Always => "always_protected",
            Self::ActionRule => "action_rule",
            Self::EnrolmentRequired => "enrolment_required",
        }
    }
}

/// What an action of a scope needs from this principal now.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Requirement {
    /// Whether an elevated token is needed.
    pub required: bool,
    /// Which rule decided.
    pub reason: Reason,
    /// The credentials that can answer, in the order to offer them; empty when nothing is required.
    pub credentials: Vec<CredentialId>,
    /// The one to offer first.
    pub default: Option<CredentialId>,
}

/// Why a proof does not give what was asked for.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub enum Refusal {
    /// The user has a second factor, and this proof is none.
    #[error("a second factor is needed: use one of the methods that the step-up check lists")]
    SecondFactorNeeded,
    /// The credential may not answer for anything: it is not the user's, or cannot sign in.
    #[error("this credential cannot be used to confirm an action")]
    CredentialNotAccepted,
    /// A rule demands a second factor and the user has none.
    #[error("a second factor must be set up first")]
    EnrolmentRequired,
}

/// An elevated token to be signed.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Elevation {
    /// What it allows, without duplicates.
    pub scopes: Vec<Scope>,
    /// Whether it can be used once only.
    pub single_use: bool,
    /// Its life in seconds.
    pub seconds: i64,
    /// The proof behind it.
    pub proof: Proof,
}

/// What an action of this scope needs from this principal now.
pub fn requirement(
    settings: &Settings,
    me: &Principal,
    scope: &Scope,
    exemption: Exemption,
    now: Micros,
) -> Requirement {
    let reason = protection(settings, me, scope);
    let open = |reason| Requirement { required: false, reason, credentials: Vec::new(), default: None };
    if reason == Reason::NotProtected {
        return open(reason);
    }
    if recent_proof(settings, me, scope, exemption, now).is_some() {
        return open(Reason::RecentProof);
    }
    let credentials: Vec<CredentialId> = match reason {
        Reason::EnrolmentRequired => Vec::new(),
        _ => answering(me).map(|c| c.id).collect(),
    };
    let default = default_credential(me, &credentials);
    Requirement { required: true, reason, credentials, default }
}

/// Whether the proof may answer for the scope: the rule for issuing a token and for accepting a recent proof alike.
pub fn accepts(settings: &Settings, me: &Principal, proof: &Proof, scope: &Scope) -> Result<(), Refusal> {
    let Some(credential) = me.credential(proof.credential) else {
        return Err(Refusal::CredentialNotAccepted);
    };
    if me.has_mfa() {
        let is_factor = credential.is_mfa_method() && proof.is_mfa();
        return if is_factor { Ok(()) } else { Err(Refusal::SecondFactorNeeded) };
    }
    if protection(settings, me, scope) == Reason::EnrolmentRequired {
        return Err(Refusal::EnrolmentRequired);
    }
    if credential.sign_in { Ok(()) } else { Err(Refusal::CredentialNotAccepted) }
}

/// What the proof gives for the scopes that were asked for; `None` when none were.
pub fn grant(
    settings: &Settings,
    me: &Principal,
    proof: Proof,
    scopes: &[Scope],
) -> Result<Option<Elevation>, Refusal> {
    let mut asked: Vec<Scope> = scopes.to_vec();
    asked.sort();
    asked.dedup();
    for scope in &asked {
        accepts(settings, me, &proof, scope)?;
    }
    let terms = asked.iter().map(|scope| token_terms(settings, scope));
    // A mixed request follows its strictest scope.
    let Some((single_use, seconds)) = terms.reduce(|a, b| (a.0 || b.0, a.1.min(b.1))) else {
        return Ok(None);
    };
    Ok(Some(Elevation { scopes: asked, single_use, seconds, proof }))
}

/// The newest proof of this session that answers for the scope under the exemption.
///
/// Proofs are kept in the session by the verifying routes alone; refreshing adds none.
pub fn recent_proof<'a>(
    settings: &Settings,
    me: &'a Principal,
    scope: &Scope,
    exemption: Exemption,
    now: Micros,
) -> Option<&'a Proof> {
    let seconds = match exemption {
        Exemption::None => 0,
        Exemption::FirstFactor if me.has_mfa() => 0,
        Exemption::FirstFactor => settings.recent_proof.first_factor_seconds,
        Exemption::Link => settings.recent_proof.link_seconds,
        Exemption::Unlink => settings.recent_proof.unlink_seconds,
    };
    let fresh = |p: &&Proof| {
        seconds > 0 && !p.at.plus_seconds(i64::from(seconds)).is_past(now) && p.at <= now.plus_seconds(60)
    };
    me.session.proofs.iter().rev().filter(fresh).find(|p| accepts(settings, me, p, scope).is_ok())
}

/// The level of a session that this proof opens or raises.
pub fn level_after(settings: &Settings, has_mfa: bool, proof: &Proof) -> Level {
    let mfa = &settings.security.mfa;
    let owes = if has_mfa {
        mfa.enabled || mfa.enrollment == Enrollment::Signup
    } else {
        mfa.enrollment == Enrollment::Signup
    };
    if owes && !(has_mfa && proof.is_mfa()) { Level::Pending } else { Level::Full }
}

/// Whether and why a scope is protected for this user.
fn protection(settings: &Settings, me: &Principal, scope: &Scope) -> Reason {
    let mfa = &settings.security.mfa;
    let ruled = action_rules(settings, scope).next().is_some();
    // A rule on the action together with demanded enrolment asks for a second factor, whatever the scope.
    if ruled && mfa.required() && !me.has_mfa() {
        return Reason::EnrolmentRequired;
    }
    match scope {
        Scope::CredentialLink
        | Scope::CredentialUnlink
        | Scope::CredentialUpdate
        | Scope::UserDelete
        | Scope::WalletExport
        | Scope::WalletDelete
        | Scope::WalletRestore
        | Scope::App(_) => Reason::Always,
        Scope::WalletSign | Scope::WalletDelegate | Scope::UserUpdate if ruled && me.has_mfa() => {
            Reason::ActionRule
        }
        Scope::WalletSign | Scope::WalletDelegate | Scope::UserUpdate => Reason::NotProtected,
    }
}

/// The rules that are on for actions of this scope; refreshing and resharing share one.
fn action_rules<'a>(settings: &'a Settings, scope: &'a Scope) -> impl Iterator<Item = &'a ActionRule> {
    settings.security.mfa.actions.iter().filter(move |rule| rule.required && rule.action.scope() == *scope)
}

/// The credentials that can answer: second factors where there are any, else what signs in.
fn answering(me: &Principal) -> impl Iterator<Item = &Credential> {
    let mfa = me.has_mfa();
    me.credentials
        .iter()
        .rev()
        .filter(move |c| if mfa { c.is_mfa_method() } else { c.sign_in && can_reauthenticate(c) })
}

fn can_reauthenticate(credential: &Credential) -> bool {
    match credential.kind {
        CredentialKind::Email { .. } | CredentialKind::Passkey { .. } => true,
    }
}

/// For second factors the most recently added; else the credential that opened the session.
fn default_credential(me: &Principal, offered: &[CredentialId]) -> Option<CredentialId> {
    let opened = me.session.sign_in_credential;
    if !me.has_mfa() && offered.contains(&opened) { Some(opened) } else { offered.first().copied() }
}

/// Whether a token for the scope is single-use, and its life in seconds: what is set for the scope, else the strictest
/// of its action rules, else the default.
fn token_terms(settings: &Settings, scope: &Scope) -> (bool, i64) {
    let rule = settings.scopes.iter().find(|r| r.scope == scope.as_str());
    let by_action =
        action_rules(settings, scope).filter_map(|a| a.token_behavior).reduce(|a, b| match (a, b) {
            (TokenBehavior::TimeBound, TokenBehavior::TimeBound) => TokenBehavior::TimeBound,
            _ => TokenBehavior::SingleUse,
        });
    let behavior = rule.and_then(|r| r.token_behavior).or(by_action);
    let single_use = behavior.map_or(scope.single_use_by_default(), |b| b == TokenBehavior::SingleUse);
    let shortest = action_rules(settings, scope).filter_map(|a| a.token_expiry_seconds).min();
    let expiry = rule.and_then(|r| r.token_expiry_seconds).or(shortest);
    (single_use, expiry.map_or(if single_use { 300 } else { 600 }, i64::from))
}

/// Whether signing in by this method is offered at all.
pub fn may_sign_in(settings: &Settings, method: Method) -> bool {
    match method {
        Method::EmailCode => true,
        Method::Passkey => settings.passkeys.sign_in,
    }
}

#[cfg(test)]
mod tests;
