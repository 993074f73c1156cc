use super::*;
use crate::id::{EnvironmentId, SessionId, UserId};
use crate::principal::{Profile, Session, User};
use crate::settings::{Action, ActionRule, ScopeRule};
use proptest::prelude::*;

const NOW: Micros = Micros::new(1_000_000_000_000_000);
const EMAIL: CredentialId = CredentialId::from_bytes([1; 16]);
const PASSKEY: CredentialId = CredentialId::from_bytes([2; 16]);

fn email() -> Credential {
    let kind = CredentialKind::Email { address: "ann@example.com".into() };
    Credential { id: EMAIL, kind, sign_in: true, created_at: NOW, verified_at: NOW }
}

fn passkey(user_verified: bool) -> Credential {
    let kind = CredentialKind::Passkey { alias: None, user_verified, synced: true };
    Credential { id: PASSKEY, kind, sign_in: true, created_at: NOW, verified_at: NOW }
}

fn passkey_proof(at: Micros, user_verified: bool) -> Proof {
    Proof { credential: PASSKEY, method: Method::Passkey, at, user_verified, synced: true }
}

fn principal(credentials: Vec<Credential>, proofs: Vec<Proof>) -> Principal {
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

fn settings() -> Settings {
    Settings { scopes: vec![ScopeRule::new("vault:open")], ..Settings::default() }
}

fn scope(text: &str) -> Scope {
    Scope::parse(text, &settings()).unwrap()
}

fn with_rule(action: Action, enrollment: Enrollment) -> Settings {
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

#[test]
fn what_each_scope_needs() {
    let plain = principal(vec![email()], vec![]);
    let strong = principal(vec![email(), passkey(true)], vec![]);
    let table: [(&str, Settings, &Principal, bool, &[CredentialId]); 14] = [
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
        ("user:update", with_rule(Action::WalletSign, Enrollment::None), &strong, false, &[]),
    ];
    for (text, settings, me, required, credentials) in table {
        let got = requirement(&settings, me, &scope(text), Exemption::None, NOW);
        assert_eq!((got.required, got.credentials.as_slice()), (required, credentials), "{text}");
        assert_eq!(got.default, credentials.first().copied(), "{text}");
    }
}

/// GHSA-hp74-gm6m-2qm5: freshness is not enough, the method must be one that the user's factors allow.
#[test]
fn an_email_code_never_elevates_a_user_with_a_second_factor() {
    let me = principal(vec![email(), passkey(true)], vec![Proof::email(EMAIL, NOW)]);
    for text in ["credential:link", "vault:open", "wallet:sign"] {
        assert_eq!(
            grant(&settings(), &me, Proof::email(EMAIL, NOW), &[scope(text)]),
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
        grant(&settings(), &me, passkey_proof(NOW, false), &[scope("vault:open")]),
        Err(Refusal::SecondFactorNeeded)
    );
    // A passkey that never verified its user leaves the user without a factor, so e-mail still answers.
    let weak = principal(vec![email(), passkey(false)], vec![]);
    assert!(grant(&settings(), &weak, Proof::email(EMAIL, NOW), &[scope("vault:open")]).is_ok());
}

#[test]
fn a_proof_of_a_removed_or_foreign_credential_gives_nothing() {
    let me = principal(vec![email()], vec![]);
    assert_eq!(
        grant(&settings(), &me, passkey_proof(NOW, true), &[scope("vault:open")]),
        Err(Refusal::CredentialNotAccepted)
    );
}

#[test]
fn the_first_factor_needs_a_proof_of_the_last_five_minutes() {
    for (age, accepted) in [(0, true), (299, true), (300, false), (360, false), (-120, false)] {
        let me = principal(vec![email()], vec![Proof::email(EMAIL, NOW.plus_seconds(-age))]);
        let got = requirement(&settings(), &me, &Scope::CredentialLink, Exemption::FirstFactor, NOW);
        assert_eq!(!got.required, accepted, "age {age}");
    }
    // Beside an existing factor the exemption does not exist, not even with a proof by that factor.
    let me = principal(vec![email(), passkey(true)], vec![passkey_proof(NOW, true)]);
    assert!(requirement(&settings(), &me, &Scope::CredentialLink, Exemption::FirstFactor, NOW).required);
    let mut strict = settings();
    strict.recent_proof.first_factor_seconds = 0;
    let me = principal(vec![email()], vec![Proof::email(EMAIL, NOW)]);
    assert!(requirement(&strict, &me, &Scope::CredentialLink, Exemption::FirstFactor, NOW).required);
}

#[test]
fn token_terms_follow_the_strictest_scope() {
    let me = principal(vec![email()], vec![]);
    let terms = |scopes: &[&str]| {
        let scopes: Vec<Scope> = scopes.iter().map(|t| scope(t)).collect();
        let e = grant(&settings(), &me, Proof::email(EMAIL, NOW), &scopes).unwrap().unwrap();
        (e.single_use, e.seconds)
    };
    assert_eq!(terms(&["vault:open"]), (true, 300));
    assert_eq!(terms(&["wallet:export"]), (true, 300));
    assert_eq!(terms(&["credential:link"]), (false, 600));
    assert_eq!(terms(&["credential:link", "wallet:export"]), (true, 300));
    assert_eq!(grant(&settings(), &me, Proof::email(EMAIL, NOW), &[]), Ok(None));
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
        let proof = if by_passkey { passkey_proof(NOW, true) } else { Proof::email(EMAIL, NOW) };
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
        let proof = if by_passkey { passkey_proof(at, proof_uv) } else { Proof::email(EMAIL, at) };
        let me = principal(credentials, vec![proof]);
        let scope = scope(["credential:link", "credential:unlink", "user:delete", "vault:open", "wallet:sign", "user:update"][which]);
        let exemption = [Exemption::None, Exemption::FirstFactor, Exemption::Link, Exemption::Unlink][exemption];
        let need = requirement(&s, &me, &scope, exemption, NOW);
        let open = protection(&s, &me, &scope) == Reason::NotProtected;
        let recent = recent_proof(&s, &me, &scope, exemption, NOW);
        prop_assert_eq!(need.required, !open && recent.is_none());
        if let Some(p) = recent {
            prop_assert!(accepts(&s, &me, p, &scope).is_ok());
        }
        for id in &need.credentials {
            prop_assert!(me.credential(*id).is_some());
        }
        prop_assert!(need.default.is_none_or(|d| need.credentials.contains(&d)));
        // No proof other than a verifying second factor elevates a user who has one.
        if me.has_mfa() && accepts(&s, &me, &proof, &scope).is_ok() {
            prop_assert!(proof.is_mfa());
        }
    }
}
