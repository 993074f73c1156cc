//! Whether evidence answers for a scope, and the token that a proof gives.

use super::demands::{Reason, demand, protection, stricter, terms};
use super::evidence::{Begun, Evidence, Refusal};
use crate::principal::Principal;
use crate::proof::Proof;
use crate::scope::{Scope, Scopes};
use crate::settings::Settings;
use crate::strength::Strength;
use crate::time::Micros;

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

/// Whether a begun action may be completed now: judged as a token by the same proof would be.
pub fn may_complete(settings: &Settings, me: &Principal, begun: &Begun, scope: &Scope, now: Micros) -> bool {
    begun.scope == scope.as_str()
        && begun.epoch == me.user.epoch
        && !begun.ends_at.is_past(now)
        && still_accepts(settings, me, begun.evidence, scope, now)
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
