//! Policy: what an action needs, and what a proof gives. Pure functions of values (invariant 4).
//!
//! The step-up check and the gate both ask `requirement`, and a gate accepts as a recent proof only
//! what `accepts` would have turned into a token, so that they cannot disagree.

mod removal;
mod youth;

use serde::{Deserialize, Serialize};

use crate::Credential;

pub use self::removal::{Standing, left_of};
pub use self::youth::{Addition, YOUNG_SECONDS, descendants, is_young_address, may_touch};
use self::youth::{is_young_beside, touches_credentials};
use crate::id::CredentialId;
use crate::principal::{Level, Principal};
use crate::proof::{Method, Proof};
use crate::scope::{Scope, Scopes};
use crate::settings::{ActionRule, Enrollment, ScopeRule, Settings, TokenBehavior};
use crate::strength::Strength;
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

/// What an action of a scope needs from this principal now.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Requirement {
    /// Nothing: no rule protects the scope for this user.
    Open,
    /// Nothing more: it is protected, and this proof, given moments ago in this session, answers for it.
    RecentProof(Proof),
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

/// Why a proof does not give what was asked for.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub enum Refusal {
    /// The user has a second factor, and this proof is none.
    #[error("a second factor is needed: use one of the methods that the step-up check lists")]
    SecondFactorNeeded,
    /// A rule demands a stronger proof than this one, and the user has what gives it.
    #[error("a stronger factor is needed: use one of the methods that the step-up check lists")]
    StrongerFactorNeeded,
    /// The credential may not answer for anything: it is not the user's, or cannot sign in.
    #[error("this credential cannot be used to confirm an action")]
    CredentialNotAccepted,
    /// A rule demands a second factor and the user has none.
    #[error("a second factor must be set up first")]
    EnrolmentRequired,
    /// An address that was added a moment ago, or what it enrolled, removes or changes nothing that is older.
    #[error("this way of confirming is too new to remove or change an older one: use an older one")]
    AddressTooNew,
}

/// What a token or a begun action stands on: by which credential it was earned, how strong that proof was, and when.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Evidence {
    /// The credential that was proved.
    pub credential: CredentialId,
    /// How strongly.
    pub strength: Strength,
    /// When. Rows of versions that kept no time count as proved long ago.
    #[serde(default)]
    pub at: Micros,
}

/// What an action stands on that a permit began and a later answer completes.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Begun {
    /// The scope that was permitted.
    pub scope: String,
    /// What the evidence was, as the gate names it.
    pub how: String,
    /// What the permit stood on.
    pub evidence: Evidence,
    /// The user's epoch then.
    pub epoch: i64,
    /// Until when it can be completed. Asking for another code does not move it.
    pub ends_at: Micros,
}

impl From<&Proof> for Evidence {
    fn from(proof: &Proof) -> Self {
        Self { credential: proof.credential, strength: proof.strength(), at: proof.at }
    }
}

/// An elevated token to be signed.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Elevation {
    /// What it allows.
    pub scopes: Scopes,
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
    let Some(reason) = protection(settings, me, scope) else { return Requirement::Open };
    if let Some(proof) = recent_proof(settings, me, scope, exemption, now) {
        return Requirement::RecentProof(*proof);
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

/// Whether evidence answers for the scope, as the user's factors and the rules are now: the one rule for issuing a
/// token, for accepting it later, and for accepting a recent proof. `still_accepts` looks at its age, too.
pub fn accepts(settings: &Settings, me: &Principal, by: Evidence, scope: &Scope) -> Result<(), Refusal> {
    let credential = me.credential(by.credential).ok_or(Refusal::CredentialNotAccepted)?;
    if me.has_mfa() {
        if !(credential.is_mfa_method() && by.strength.meets(Strength::Mfa)) {
            return Err(Refusal::SecondFactorNeeded);
        }
    } else if !credential.sign_in {
        return Err(Refusal::CredentialNotAccepted);
    }
    if protection(settings, me, scope) == Some(Reason::EnrolmentRequired) {
        return Err(Refusal::EnrolmentRequired);
    }
    let strong = by.strength.meets(demand(settings, me, scope));
    if strong { Ok(()) } else { Err(Refusal::StrongerFactorNeeded) }
}

/// Whether evidence still satisfies the scope: factors and rules may have changed since it was given, and proofs grow
/// old.
pub fn still_accepts(settings: &Settings, me: &Principal, by: Evidence, scope: &Scope, now: Micros) -> bool {
    let max_age = terms(settings, me, scope).max_age;
    let young = max_age.is_none_or(|age| !by.at.plus_seconds(age).is_past(now));
    young && accepts(settings, me, by, scope).is_ok()
}

/// Whether this session stands at the user's own level: whoever has a second factor proved one of them in it, or a
/// recovery code in its place. Changes of factors, sessions and the profile need that where no stricter rule applies.
pub fn has_own_level(me: &Principal) -> bool {
    let by_factor = |p: &Proof| me.credential(p.credential).is_some_and(Credential::is_mfa_method);
    !me.has_mfa() || me.session.proofs.iter().any(|p| p.is_mfa() && by_factor(p))
}

/// Whether a begun action may be completed now: judged as a token by the same proof would be.
pub fn may_complete(settings: &Settings, me: &Principal, begun: &Begun, scope: &Scope, now: Micros) -> bool {
    begun.scope == scope.as_str()
        && begun.epoch == me.user.epoch
        && !begun.ends_at.is_past(now)
        && still_accepts(settings, me, begun.evidence, scope, now)
}

/// How old a proof may be that lets recovery codes be read or made, in seconds.
pub const CODES_PROOF_SECONDS: i64 = 600;

/// Whether a second factor itself was proved in this session just now. A recovery code stands in for one elsewhere, and
/// not for reading or making codes: one code would be worth all others.
pub fn may_see_codes(me: &Principal, now: Micros) -> bool {
    me.session.proofs.iter().any(|p| {
        let own = me.credential(p.credential).is_some_and(Credential::is_mfa_method);
        own && p.is_mfa() && p.method != Method::RecoveryCode && is_fresh(p, CODES_PROOF_SECONDS, now)
    })
}

fn is_fresh(proof: &Proof, seconds: i64, now: Micros) -> bool {
    !proof.at.plus_seconds(seconds).is_past(now) && proof.at <= now.plus_seconds(60)
}

/// What the proof gives for the scopes that were asked for; `None` when none were.
pub fn grant(
    settings: &Settings,
    me: &Principal,
    proof: Proof,
    scopes: &Scopes,
) -> Result<Option<Elevation>, Refusal> {
    for scope in scopes.iter() {
        accepts(settings, me, (&proof).into(), scope)?;
    }
    let each = scopes.iter().map(|scope| terms(settings, me, scope)).map(|t| (t.single_use, t.seconds));
    // A mixed request follows its strictest scope.
    let Some((single_use, seconds)) = each.reduce(stricter) else {
        return Ok(None);
    };
    Ok(Some(Elevation { scopes: scopes.clone(), single_use, seconds, proof }))
}

/// The newest proof of this session that answers for the scope under the exemption.
pub fn recent_proof<'a>(
    settings: &Settings,
    me: &'a Principal,
    scope: &Scope,
    exemption: Exemption,
    now: Micros,
) -> Option<&'a Proof> {
    recent_proofs(settings, me, scope, exemption, now).next()
}

/// All of them, newest first.
///
/// Proofs are kept in the session by the verifying routes alone; refreshing adds none.
pub fn recent_proofs<'a>(
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

/// The level of a session that this proof opens or raises.
pub fn level_after(settings: &Settings, has_mfa: bool, proof: &Proof) -> Level {
    level_of(settings, has_mfa, std::slice::from_ref(proof))
}

/// The level that these proofs give a session.
pub fn level_of(settings: &Settings, has_mfa: bool, proofs: &[Proof]) -> Level {
    let mfa = &settings.security.mfa;
    let owes = if has_mfa {
        mfa.enabled || mfa.enrollment == Enrollment::Signup
    } else {
        mfa.enrollment == Enrollment::Signup
    };
    if owes && !(has_mfa && proofs.iter().any(Proof::is_mfa)) { Level::Pending } else { Level::Full }
}

/// How long a session lasts, in seconds.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Lifetime {
    /// Without being used.
    pub idle: i64,
    /// Since the sign-in, whatever happens.
    pub absolute: i64,
}

/// Whoever owes a second factor has ten minutes for it, and an hour when the session is refreshed.
const PENDING: Lifetime = Lifetime { idle: 600, absolute: 3_600 };

/// How long a session of this level lasts. Half a sign-in is never kept for as long as a whole one.
pub fn lifetime(settings: &Settings, level: Level) -> Lifetime {
    let security = &settings.security;
    let full = Lifetime {
        idle: security.session_idle_seconds.into(),
        absolute: security.session_absolute_seconds.into(),
    };
    match level {
        Level::Full => full,
        Level::Pending => {
            Lifetime { idle: full.idle.min(PENDING.idle), absolute: full.absolute.min(PENDING.absolute) }
        }
    }
}

/// Whether and why a scope is protected for this user.
fn protection(settings: &Settings, me: &Principal, scope: &Scope) -> Option<Reason> {
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
fn answering(me: &Principal) -> impl Iterator<Item = &Credential> {
    let mfa = me.has_mfa();
    me.credentials.iter().rev().filter(move |c| if mfa { c.is_mfa_method() } else { c.sign_in })
}

/// The user's default second factor; without any the credential that opened the session; else the first offered.
fn default_credential(me: &Principal, offered: &[CredentialId]) -> Option<CredentialId> {
    let wanted = me.default_method().map_or(me.session.sign_in_credential, |c| c.id);
    if offered.contains(&wanted) { Some(wanted) } else { offered.first().copied() }
}

/// The rules for the scope. There is one at most, unless an older version stored several: then the strictest of each
/// demand counts.
fn rules<'a>(settings: &'a Settings, scope: &'a Scope) -> impl Iterator<Item = &'a ScopeRule> {
    settings.scopes.iter().filter(move |rule| rule.scope == scope.as_str())
}

/// Whether a rule demands a strength for the scope.
fn demanded(settings: &Settings, scope: &Scope) -> bool {
    rules(settings, scope).any(|rule| rule.strength.is_some())
}

/// The least proof that the scope accepts from this user: what the user's factors make of it, and what a rule adds.
fn demand(settings: &Settings, me: &Principal, scope: &Scope) -> Strength {
    let must_enrol = settings.security.mfa.required() && action_rules(settings, scope).next().is_some();
    let base = if me.has_mfa() || must_enrol { Strength::Mfa } else { Strength::Reauthentication };
    let together = rules(settings, scope).filter_map(|rule| rule.strength).fold(base, Strength::and);
    // Who has nothing of that strength can still enrol it: else the rule could never be met.
    let out_of_reach = !answering(me).any(|c| c.strength().meets(together));
    if *scope == Scope::CredentialLink && out_of_reach { base } else { together }
}

/// What the scope demands of this user, and the token that it gives: what is set for the scope, else the strictest of
/// its action rules, else the default. No token outlives the age that its proof may have.
fn terms(settings: &Settings, me: &Principal, scope: &Scope) -> Terms {
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
fn stricter(a: (bool, i64), b: (bool, i64)) -> (bool, i64) {
    (a.0 || b.0, a.1.min(b.1))
}
#[cfg(test)]
mod table_tests;
#[cfg(test)]
mod tests;
