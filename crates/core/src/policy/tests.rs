use super::demands::{demand, protection};
use super::requirement::recent_proofs;
use super::*;
use crate::id::{CredentialId, EnvironmentId, SessionId, UserId};
use crate::principal::{Level, Principal, Profile, Session, User};
use crate::proof::{Method, Proof};
use crate::scope::{Scope, Scopes};
use crate::settings::{Action, ActionRule, Enrollment, ScopeRule, Settings};
use crate::strength::Strength;
use crate::time::Micros;
use crate::{Authenticator, Credential, Facts, Format};
use proptest::prelude::*;

pub(super) const NOW: Micros = Micros::new(1_000_000_000_000_000);
pub(super) const EMAIL: CredentialId = CredentialId::from_bytes([1; 16]);
pub(super) const PASSKEY: CredentialId = CredentialId::from_bytes([2; 16]);

pub(super) fn email() -> Credential {
    let facts = Facts::address(Format::Email, "ann@example.com".into());
    Credential { id: EMAIL, facts, sign_in: true, created_at: NOW, verified_at: NOW }
}

pub(super) fn passkey(user_verified: bool) -> Credential {
    let facts = Facts::key(Format::Passkey, Authenticator { user_verified, synced: true });
    Credential { id: PASSKEY, facts, sign_in: true, created_at: NOW, verified_at: NOW }
}

pub(super) fn passkey_proof(at: Micros, user_verified: bool) -> Proof {
    Proof { credential: PASSKEY, method: Method::Of(Format::Passkey), at, user_verified, synced: true }
}

pub(super) fn principal(credentials: Vec<Credential>, proofs: Vec<Proof>) -> Principal {
    Principal {
        environment: EnvironmentId::from_bytes([9; 16]),
        environment_version: 1,
        user: User {
            id: UserId::from_bytes([3; 16]),
            version: 1,
            profile: Profile::default(),
            default_method: None,
            recovery: None,
            epoch: 0,
            first_visit: NOW,
            last_visit: NOW,
        },
        session: Session {
            id: SessionId::from_bytes([4; 16]),
            level: Level::Full,
            created_at: NOW,
            expires_at: NOW.plus_seconds(3600),
            idle_expires_at: NOW.plus_seconds(3600),
            sign_in_credential: EMAIL,
            last_credential: EMAIL,
            session_key: None,
            device_key: None,
            user_agent: String::new(),
            proofs,
        },
        credentials,
    }
}

pub(super) fn settings() -> Settings {
    Settings { scopes: vec![ScopeRule::new("vault:open")], ..Settings::default() }
}

pub(super) fn scope(text: &str) -> Scope {
    settings().scope(text).unwrap()
}

pub(super) fn only(scope: &Scope) -> Scopes {
    Scopes::collect([Ok(scope.clone())]).unwrap()
}

pub(super) fn with_rule(action: Action, enrollment: Enrollment) -> Settings {
    let mut s = settings();
    s.security.mfa.enrollment = enrollment;
    s.security.mfa.actions.push(ActionRule {
        action,
        required: true,
        token_behavior: None,
        token_expiry_seconds: None,
    });
    s
}

/// The newest proof that answers for the scope under the exemption.
pub(super) fn recent_proof<'a>(
    settings: &Settings,
    me: &'a Principal,
    scope: &Scope,
    exemption: Exemption,
    now: Micros,
) -> Option<&'a Proof> {
    recent_proofs(settings, me, scope, exemption, now).next()
}

/// A requirement, taken apart.
#[derive(Debug)]
pub(super) struct Asked {
    pub(super) required: bool,
    pub(super) reason: &'static str,
    pub(super) credentials: Vec<CredentialId>,
    pub(super) default: Option<CredentialId>,
    pub(super) terms: Option<Terms>,
}

pub(super) fn asked(
    settings: &Settings,
    me: &Principal,
    scope: &Scope,
    exemption: Exemption,
    now: Micros,
) -> Asked {
    let requirement = requirement(settings, me, scope, exemption, now);
    let reason = requirement.reason();
    match requirement {
        Requirement::Open | Requirement::RecentProof(_) => {
            Asked { required: false, reason, credentials: Vec::new(), default: None, terms: None }
        }
        Requirement::Token(Needed { credentials, default, terms, .. }) => {
            Asked { required: true, reason, credentials, default, terms: Some(terms) }
        }
    }
}

#[test]
fn what_each_scope_needs() {
    let plain = principal(vec![email()], vec![]);
    let strong = principal(vec![email(), passkey(true)], vec![]);
    let proved = principal(vec![email(), passkey(true)], vec![passkey_proof(NOW.plus_seconds(-9_999), true)]);
    let table: [(&str, Settings, &Principal, bool, &[CredentialId]); 17] = [
        ("wallet:export", settings(), &plain, true, &[EMAIL]),
        ("wallet:export", with_rule(Action::WalletExport, Enrollment::Action), &plain, true, &[]),
        ("credential:link", settings(), &plain, true, &[EMAIL]),
        ("credential:link", settings(), &strong, true, &[PASSKEY]),
        ("credential:unlink", settings(), &strong, true, &[PASSKEY]),
        ("credential:update", settings(), &plain, true, &[EMAIL]),
        ("user:delete", settings(), &plain, true, &[EMAIL]),
        ("vault:open", settings(), &plain, true, &[EMAIL]),
        ("vault:open", settings(), &strong, true, &[PASSKEY]),
        ("wallet:sign", settings(), &strong, false, &[]),
        ("wallet:sign", with_rule(Action::WalletSign, Enrollment::None), &strong, true, &[PASSKEY]),
        ("wallet:sign", with_rule(Action::WalletSign, Enrollment::None), &plain, false, &[]),
        ("wallet:sign", with_rule(Action::WalletSign, Enrollment::Action), &plain, true, &[]),
        ("user:update", with_rule(Action::WalletSign, Enrollment::None), &proved, false, &[]),
        ("user:update", settings(), &plain, false, &[]),
        ("user:update", settings(), &strong, true, &[PASSKEY]),
        ("user:update", with_rule(Action::UserUpdate, Enrollment::None), &proved, true, &[PASSKEY]),
    ];
    for (text, settings, me, required, credentials) in table {
        let got = asked(&settings, me, &scope(text), Exemption::None, NOW);
        assert_eq!((got.required, got.credentials.as_slice()), (required, credentials), "{text}");
        assert_eq!(got.default, credentials.first().copied(), "{text}");
    }
}

#[test]
fn a_pending_session_lasts_ten_minutes_and_an_hour_at_most() {
    let mut s = settings();
    assert_eq!(lifetime(&s, Level::Full), Lifetime { idle: 86_400, absolute: 30 * 86_400 });
    assert_eq!(lifetime(&s, Level::Pending), Lifetime { idle: 600, absolute: 3_600 });
    (s.security.session_idle_seconds, s.security.session_absolute_seconds) = (120, 300);
    assert_eq!(lifetime(&s, Level::Pending), Lifetime { idle: 120, absolute: 300 });
}

/// GHSA-hp74-gm6m-2qm5: freshness is not enough, the method must be one that the user's factors allow.
#[test]
fn an_email_code_never_elevates_a_user_with_a_second_factor() {
    let me = principal(vec![email(), passkey(true)], vec![Proof::code(Format::Email, EMAIL, NOW)]);
    for text in ["credential:link", "vault:open", "wallet:sign"] {
        assert_eq!(
            grant(&settings(), &me, Proof::code(Format::Email, EMAIL, NOW), &only(&scope(text))),
            Err(Refusal::SecondFactorNeeded)
        );
    }
    let mut lenient = settings();
    lenient.recent_proof.link_seconds = 300;
    assert_eq!(recent_proof(&lenient, &me, &Scope::CredentialLink, Exemption::Link, NOW), None);
}

#[test]
fn a_passkey_without_user_verification_is_no_second_factor() {
    let me = principal(vec![email(), passkey(true)], vec![]);
    assert_eq!(
        grant(&settings(), &me, passkey_proof(NOW, false), &only(&scope("vault:open"))),
        Err(Refusal::SecondFactorNeeded)
    );
    // A passkey that never verified its user leaves the user without a factor, so e-mail still answers.
    let weak = principal(vec![email(), passkey(false)], vec![]);
    assert!(
        grant(&settings(), &weak, Proof::code(Format::Email, EMAIL, NOW), &only(&scope("vault:open")))
            .is_ok()
    );
}

#[test]
fn a_proof_of_a_removed_or_foreign_credential_gives_nothing() {
    let me = principal(vec![email()], vec![]);
    assert_eq!(
        grant(&settings(), &me, passkey_proof(NOW, true), &only(&scope("vault:open"))),
        Err(Refusal::CredentialNotAccepted)
    );
}

#[test]
fn the_first_factor_needs_a_proof_of_the_last_five_minutes() {
    for (age, accepted) in [(0, true), (299, true), (300, false), (360, false), (-120, false)] {
        let me = principal(vec![email()], vec![Proof::code(Format::Email, EMAIL, NOW.plus_seconds(-age))]);
        let got = asked(&settings(), &me, &Scope::CredentialLink, Exemption::FirstFactor, NOW);
        assert_eq!(!got.required, accepted, "age {age}");
    }
    // Beside an existing factor the exemption does not exist, not even with a proof by that factor.
    let me = principal(vec![email(), passkey(true)], vec![passkey_proof(NOW, true)]);
    assert!(asked(&settings(), &me, &Scope::CredentialLink, Exemption::FirstFactor, NOW).required);
    let mut strict = settings();
    strict.recent_proof.first_factor_seconds = 0;
    let me = principal(vec![email()], vec![Proof::code(Format::Email, EMAIL, NOW)]);
    assert!(asked(&strict, &me, &Scope::CredentialLink, Exemption::FirstFactor, NOW).required);
}

#[test]
fn token_terms_follow_the_strictest_scope() {
    let me = principal(vec![email()], vec![]);
    let terms = |scopes: &[&str]| {
        let scopes = Scopes::collect(scopes.iter().map(|t| Ok(scope(t)))).unwrap();
        let e = grant(&settings(), &me, Proof::code(Format::Email, EMAIL, NOW), &scopes).unwrap().unwrap();
        (e.single_use, e.seconds)
    };
    assert_eq!(terms(&["vault:open"]), (true, 300));
    assert_eq!(terms(&["wallet:export"]), (true, 300));
    assert_eq!(terms(&["credential:link"]), (false, 600));
    assert_eq!(terms(&["credential:link", "wallet:export"]), (true, 300));
    assert_eq!(grant(&settings(), &me, Proof::code(Format::Email, EMAIL, NOW), &Scopes::default()), Ok(None));
}

#[test]
fn the_level_of_a_new_session() {
    let table = [
        // enabled, enrollment, has a method, signed in by passkey → pending
        (false, Enrollment::None, false, false, false),
        (false, Enrollment::None, true, false, false),
        (false, Enrollment::Action, false, false, false),
        (false, Enrollment::Signup, false, false, true),
        (true, Enrollment::Signup, false, false, true),
        (true, Enrollment::None, true, false, true),
        (true, Enrollment::None, true, true, false),
        (true, Enrollment::None, false, false, false),
    ];
    for (enabled, enrollment, has_mfa, by_passkey, pending) in table {
        let mut s = settings();
        s.security.mfa.enabled = enabled;
        s.security.mfa.enrollment = enrollment;
        let proof =
            if by_passkey { passkey_proof(NOW, true) } else { Proof::code(Format::Email, EMAIL, NOW) };
        let expected = if pending { Level::Pending } else { Level::Full };
        assert_eq!(
            level_after(&s, has_mfa, &proof),
            expected,
            "{enabled} {enrollment:?} {has_mfa} {by_passkey}"
        );
    }
}

proptest! {
    /// Check and gate agree: nothing is required exactly when the scope is open or a recent proof is accepted.
    #[test]
    fn check_and_gate_agree(
        uv in any::<bool>(), has_passkey in any::<bool>(), proof_uv in any::<bool>(),
        by_passkey in any::<bool>(), age in -100i64..1000, first in 0u32..600, link in 0u32..600,
        which in 0usize..6, exemption in 0usize..4, enforce in any::<bool>(),
    ) {
        let mut s = if enforce { with_rule(Action::WalletSign, Enrollment::Action) } else { settings() };
        s.recent_proof.first_factor_seconds = first;
        s.recent_proof.link_seconds = link;
        let mut credentials = vec![email()];
        if has_passkey { credentials.push(passkey(uv)); }
        let at = NOW.plus_seconds(-age);
        let proof = if by_passkey { passkey_proof(at, proof_uv) } else { Proof::code(Format::Email, EMAIL, at) };
        let me = principal(credentials, vec![proof]);
        let scope = scope(["credential:link", "credential:unlink", "user:delete", "vault:open", "wallet:sign", "user:update"][which]);
        let exemption = [Exemption::None, Exemption::FirstFactor, Exemption::Link, Exemption::Unlink][exemption];
        let need = asked(&s, &me, &scope, exemption, NOW);
        let open = protection(&s, &me, &scope).is_none();
        let recent = recent_proof(&s, &me, &scope, exemption, NOW);
        prop_assert_eq!(need.required, !open && recent.is_none());
        if let Some(p) = recent {
            prop_assert!(accepts(&s, &me, p.into(), &scope).is_ok());
        }
        for id in &need.credentials {
            prop_assert!(me.credential(*id).is_some());
        }
        prop_assert!(need.default.is_none_or(|d| need.credentials.contains(&d)));
        // No proof other than a verifying second factor elevates a user who has one.
        if me.has_mfa() && accepts(&s, &me, (&proof).into(), &scope).is_ok() {
            prop_assert!(proof.is_mfa());
        }
    }
}

pub(super) const TOTP: CredentialId = CredentialId::from_bytes([5; 16]);
pub(super) const OTHER_EMAIL: CredentialId = CredentialId::from_bytes([6; 16]);
const SCOPES: [&str; 8] = [
    "credential:link",
    "credential:unlink",
    "credential:update",
    "user:delete",
    "vault:open",
    "wallet:sign",
    "wallet:export",
    "user:update",
];

pub(super) fn totp() -> Credential {
    let facts = Facts::of(Format::Totp);
    Credential { id: TOTP, facts, sign_in: false, created_at: NOW, verified_at: NOW }
}

/// The strongest proof that a credential can give.
fn best_proof(credential: &Credential, at: Micros) -> Proof {
    match credential.facts.authenticator {
        Some(Authenticator { user_verified, .. }) => passkey_proof(at, user_verified),
        None => Proof::code(credential.format(), credential.id, at),
    }
}

fn credentials() -> impl Strategy<Value = Vec<Credential>> {
    let passkeys = prop_oneof![Just(None), any::<bool>().prop_map(|uv| Some(passkey(uv)))];
    (any::<bool>(), any::<bool>(), passkeys).prop_map(|(second, app, key)| {
        let mut all = vec![email()];
        // An address that was linked where only the first credential may sign in.
        all.extend(second.then(|| Credential { id: OTHER_EMAIL, sign_in: false, ..email() }));
        all.extend(key);
        all.extend(app.then(totp));
        all
    })
}

fn proofs() -> impl Strategy<Value = Vec<Proof>> {
    let proof = (0_usize..7, -100_i64..1_000).prop_map(|(which, age)| {
        let at = NOW.plus_seconds(-age);
        match which {
            0 => Proof::code(Format::Email, EMAIL, at),
            1 => Proof::code(Format::Email, OTHER_EMAIL, at),
            2 => Proof::code(Format::Totp, TOTP, at),
            3 => Proof::recovery(TOTP, at),
            4 => Proof::recovery(PASSKEY, at),
            5 => passkey_proof(at, true),
            _ => passkey_proof(at, false),
        }
    });
    prop::collection::vec(proof, 0..4)
}

fn strengths() -> impl Strategy<Value = Option<Strength>> {
    prop::option::of(prop::sample::select(vec![
        Strength::Reauthentication,
        Strength::Mfa,
        Strength::PhishingResistant,
        Strength::PhishingResistantVerified,
    ]))
}

fn any_settings() -> impl Strategy<Value = Settings> {
    let rule = (prop::sample::select(SCOPES.to_vec()), strengths(), prop::option::of(10_u32..600));
    let actions = prop::sample::subsequence(
        vec![Action::WalletSign, Action::WalletExport, Action::WalletReshare, Action::UserUpdate],
        0..=4,
    );
    let enrollment = prop::sample::select(vec![Enrollment::None, Enrollment::Signup, Enrollment::Action]);
    let recent = (0_u32..700, 0_u32..700, 0_u32..700);
    (prop::collection::vec(rule, 0..3), actions, enrollment, recent, any::<bool>()).prop_map(
        |(rules, actions, enrollment, (first, link, unlink), enabled)| {
            let mut s = settings();
            for (scope, strength, max_age_seconds) in rules {
                s.scopes.retain(|rule| rule.scope != scope);
                s.scopes.push(ScopeRule { strength, max_age_seconds, ..ScopeRule::new(scope) });
            }
            s.security.mfa.enabled = enabled;
            s.security.mfa.enrollment = enrollment;
            s.security.mfa.actions = actions
                .into_iter()
                .map(|action| ActionRule {
                    action,
                    required: true,
                    token_behavior: None,
                    token_expiry_seconds: None,
                })
                .collect();
            s.recent_proof.first_factor_seconds = first;
            s.recent_proof.link_seconds = link;
            s.recent_proof.unlink_seconds = unlink;
            s
        },
    )
}

fn exemptions() -> impl Strategy<Value = Exemption> {
    prop::sample::select(vec![Exemption::None, Exemption::FirstFactor, Exemption::Link, Exemption::Unlink])
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]

    /// No gated action without evidence that its rule accepts, and what the check says is what the gate does: nothing is
    /// needed exactly when no rule protects the scope or a proof of this session answers for it, strong and young enough.
    #[test]
    fn nothing_passes_without_evidence(
        s in any_settings(), credentials in credentials(), proofs in proofs(),
        text in prop::sample::select(SCOPES.to_vec()), exemption in exemptions(),
    ) {
        let me = principal(credentials, proofs);
        let scope = scope(text);
        let need = asked(&s, &me, &scope, exemption, NOW);
        let recent = recent_proof(&s, &me, &scope, exemption, NOW);
        let open = protection(&s, &me, &scope).is_none();
        prop_assert_eq!(need.required, !open && recent.is_none());
        if let Some(proof) = recent {
            prop_assert!(still_accepts(&s, &me, proof.into(), &scope, NOW));
            prop_assert!(exemption != Exemption::None);
            if me.has_mfa() {
                prop_assert!(proof.is_mfa() && exemption != Exemption::FirstFactor);
            }
        }
        let always = !matches!(scope, Scope::WalletSign | Scope::WalletDelegate | Scope::UserUpdate);
        prop_assert!(!(always && open), "{text} is always protected");
    }

    /// What the check offers is what can answer: each offered credential's proof gives a token which the gate then
    /// accepts, and no other credential's does.
    #[test]
    fn what_is_offered_is_what_answers(
        s in any_settings(), credentials in credentials(), text in prop::sample::select(SCOPES.to_vec()),
    ) {
        let me = principal(credentials, vec![]);
        let scope = scope(text);
        let need = asked(&s, &me, &scope, Exemption::None, NOW);
        prop_assert!(need.default.is_none_or(|id| need.credentials.contains(&id)));
        prop_assert_eq!(need.default.is_none(), need.credentials.is_empty());
        prop_assert_eq!(need.terms.is_some(), need.required);
        for credential in &me.credentials {
            let proof = best_proof(credential, NOW);
            let granted = grant(&s, &me, proof, &only(&scope));
            if need.required {
                prop_assert_eq!(granted.is_ok(), need.credentials.contains(&credential.id), "{:?}", credential);
            }
            let Ok(Some(elevation)) = granted else { continue };
            prop_assert!(still_accepts(&s, &me, (&proof).into(), &scope, NOW));
            if let Some(terms) = need.terms {
                prop_assert!(proof.strength().meets(terms.strength));
                prop_assert_eq!((elevation.single_use, elevation.seconds), (terms.single_use, terms.seconds));
                // No token outlives the age that its proof may have.
                prop_assert!(terms.max_age.is_none_or(|age| elevation.seconds <= age));
                if let Some(age) = terms.max_age {
                    let late = NOW.plus_seconds(age);
                    prop_assert!(!still_accepts(&s, &me, (&proof).into(), &scope, late));
                }
            }
        }
        // A recovery code is worth a second factor and no passkey.
        if let Some(method) = me.default_method() {
            let code = Proof::recovery(method.id, NOW);
            let demands_key = demand(&s, &me, &scope) != Strength::Mfa;
            prop_assert_eq!(grant(&s, &me, code, &only(&scope)).is_err(), demands_key || need.reason == "enrolment_required");
        }
    }

    /// Whoever can prove anything can enrol what a rule demands: no rule locks its own users out.
    #[test]
    fn a_way_to_enrol_remains(s in any_settings(), credentials in credentials()) {
        let me = principal(credentials, vec![]);
        let need = asked(&s, &me, &Scope::CredentialLink, Exemption::None, NOW);
        prop_assert!(need.required);
        prop_assert!(!need.credentials.is_empty(), "{:?}", need);
        prop_assert_eq!(need.reason, "always_protected");
    }

    /// With a second factor nothing but a second factor answers, whatever the rules; without one, nothing that cannot sign in.
    #[test]
    fn the_factors_of_a_user_bound_what_answers(
        s in any_settings(), credentials in credentials(), proofs in proofs(),
        text in prop::sample::select(SCOPES.to_vec()),
    ) {
        let me = principal(credentials, proofs);
        for proof in &me.session.proofs {
            if accepts(&s, &me, proof.into(), &scope(text)).is_err() {
                continue;
            }
            let credential = me.credential(proof.credential).unwrap();
            let by_factor = proof.is_mfa() && credential.is_mfa_method();
            prop_assert_eq!(me.has_mfa() && !by_factor, false);
            prop_assert!(me.has_mfa() || credential.sign_in);
        }
    }

    /// Recovery codes are seen on a factor of the user's own, proved within ten minutes, and never on one of them.
    #[test]
    fn codes_are_seen_on_a_fresh_factor(credentials in credentials(), proofs in proofs()) {
        let me = principal(credentials, proofs);
        let fresh = |p: &&Proof| NOW.get() - p.at.get() < 600_000_000 && p.at.get() - NOW.get() <= 60_000_000;
        let counts = me.session.proofs.iter().filter(fresh).any(|p| {
            p.is_mfa() && p.method != Method::RecoveryCode && me.mfa_methods().any(|c| c.id == p.credential)
        });
        prop_assert_eq!(may_see_codes(&me, NOW), counts);
    }

    /// A session is at its user's own level when no second factor is enrolled, or when one that still is was proved in it.
    #[test]
    fn the_own_level_is_a_second_factor_that_is_still_there(credentials in credentials(), proofs in proofs()) {
        let me = principal(credentials, proofs);
        let factors: Vec<CredentialId> = me.mfa_methods().map(|c| c.id).collect();
        let proved = me.session.proofs.iter().any(|p| p.is_mfa() && factors.contains(&p.credential));
        prop_assert_eq!(has_own_level(&me), factors.is_empty() || proved);
        // Then the profile is open, unless a rule protects it; else a second factor answers.
        let need = asked(&settings(), &me, &Scope::UserUpdate, Exemption::None, NOW);
        prop_assert_eq!(need.required, !has_own_level(&me));
        prop_assert!(need.credentials.iter().all(|id| factors.contains(id)));
    }

    /// A session that owes nothing more is one whose proof was a second factor, or that never owed any.
    #[test]
    fn a_session_is_full_when_nothing_is_owed(s in any_settings(), credentials in credentials(), proofs in proofs()) {
        let me = principal(credentials, vec![]);
        for proof in proofs {
            let mfa = &s.security.mfa;
            let owes = mfa.enrollment == Enrollment::Signup || (me.has_mfa() && mfa.enabled);
            let level = level_after(&s, me.has_mfa(), &proof);
            prop_assert_eq!(level == Level::Full, !owes || (me.has_mfa() && proof.is_mfa()));
        }
    }

    /// A request for several scopes gets what the strictest of them allows, and nothing when one of them is refused.
    #[test]
    fn a_mixed_request_follows_its_strictest_scope(
        s in any_settings(), credentials in credentials(),
        texts in prop::sample::subsequence(SCOPES.to_vec(), 2..=4), which in 0_usize..4,
    ) {
        let me = principal(credentials, vec![]);
        let proof = best_proof(&me.credentials[which % me.credentials.len()], NOW);
        let scopes = Scopes::collect(texts.iter().map(|text| Ok(scope(text)))).unwrap();
        let each: Vec<_> = scopes.iter().map(|one| grant(&s, &me, proof, &only(one))).collect();
        match grant(&s, &me, proof, &scopes) {
            Ok(all) => {
                let all = all.unwrap();
                for one in each {
                    let one = one.unwrap().unwrap();
                    prop_assert!(all.seconds <= one.seconds && (all.single_use || !one.single_use));
                }
            }
            Err(_) => prop_assert!(each.iter().any(Result::is_err)),
        }
    }
}
