//! What the proofs of a session make of it: its level, how long it lasts, what its user may see.

use crate::credential::Credential;
use crate::principal::{Level, Principal};
use crate::proof::{Method, Proof};
use crate::settings::{Enrollment, Settings};
use crate::time::Micros;

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

/// Whether this session stands at the user's own level: whoever has a second factor proved one of them in it, or a
/// recovery code in its place. Changes of factors, sessions and the profile need that where no stricter rule applies.
pub fn has_own_level(me: &Principal) -> bool {
    let by_factor = |p: &Proof| me.credential(p.credential).is_some_and(Credential::is_mfa_method);
    !me.has_mfa() || me.session.proofs.iter().any(|p| p.is_mfa() && by_factor(p))
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

pub(super) fn is_fresh(proof: &Proof, seconds: i64, now: Micros) -> bool {
    !proof.at.plus_seconds(seconds).is_past(now) && proof.at <= now.plus_seconds(60)
}
