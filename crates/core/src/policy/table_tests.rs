//! Every rule by its table: what each setting changes, and what it leaves alone.

use super::demands::terms;
use super::tests::*;
use super::*;
use crate::principal::Principal;
use crate::proof::Proof;
use crate::scope::{Scope, Scopes};
use crate::settings::{Action, ActionRule, Enrollment, ScopeRule, Settings, TokenBehavior};
use crate::strength::Strength;
use crate::{Credential, Format};

const SINGLE: Option<TokenBehavior> = Some(TokenBehavior::SingleUse);
const BOUND: Option<TokenBehavior> = Some(TokenBehavior::TimeBound);

fn action(action: Action, token_behavior: Option<TokenBehavior>, seconds: Option<u32>) -> ActionRule {
    ActionRule { action, required: true, token_behavior, token_expiry_seconds: seconds }
}

fn with_actions(actions: Vec<ActionRule>) -> Settings {
    let mut s = settings();
    s.security.mfa.actions = actions;
    s
}

fn with_scope(rule: ScopeRule) -> Settings {
    let mut s = settings();
    s.scopes.retain(|known| known.scope != rule.scope);
    s.scopes.push(rule);
    s
}

fn demanding(text: &str, strength: Strength) -> Settings {
    with_scope(ScopeRule { strength: Some(strength), ..ScopeRule::new(text) })
}

/// Single use, and seconds, of the token for a user with a passkey.
fn token(settings: &Settings, text: &str) -> (bool, i64) {
    let me = principal(vec![email(), passkey(true)], vec![]);
    let elevation = grant(settings, &me, passkey_proof(NOW, true), &only(&scope(text))).unwrap().unwrap();
    (elevation.single_use, elevation.seconds)
}

#[test]
fn a_token_is_used_once_unless_every_rule_of_its_scope_says_otherwise() {
    use Action::{UserUpdate, WalletRefresh, WalletReshare, WalletSign};
    for (actions, expected) in [
        (vec![], (true, 300)),
        (vec![action(WalletReshare, BOUND, None)], (false, 600)),
        // Refreshing and resharing share a scope.
        (vec![action(WalletReshare, BOUND, None), action(WalletRefresh, BOUND, None)], (false, 600)),
        (vec![action(WalletReshare, BOUND, None), action(WalletRefresh, None, None)], (false, 600)),
        (vec![action(WalletReshare, BOUND, None), action(WalletRefresh, SINGLE, None)], (true, 300)),
        (vec![action(WalletReshare, SINGLE, None), action(WalletRefresh, BOUND, None)], (true, 300)),
        (vec![action(WalletReshare, SINGLE, None), action(WalletRefresh, SINGLE, None)], (true, 300)),
        (vec![action(WalletReshare, None, Some(90)), action(WalletRefresh, None, Some(60))], (true, 60)),
        (vec![action(WalletReshare, BOUND, Some(60)), action(WalletRefresh, None, Some(90))], (false, 60)),
        // Rules of other scopes, and rules that are off.
        (vec![action(WalletSign, BOUND, Some(60)), action(UserUpdate, BOUND, Some(60))], (true, 300)),
        (vec![ActionRule { required: false, ..action(WalletReshare, BOUND, Some(60)) }], (true, 300)),
    ] {
        assert_eq!(token(&with_actions(actions.clone()), "wallet:delegate"), expected, "{actions:?}");
    }
}

#[test]
fn a_rule_on_the_scope_goes_before_rules_on_its_actions() {
    let rule = |token_behavior, token_expiry_seconds, max_age_seconds| ScopeRule {
        token_behavior,
        token_expiry_seconds,
        max_age_seconds,
        ..ScopeRule::new("wallet:sign")
    };
    for (rule, by_action, expected) in [
        (rule(None, None, None), SINGLE, (true, 60)),
        (rule(BOUND, None, None), SINGLE, (false, 60)),
        (rule(SINGLE, Some(120), None), BOUND, (true, 120)),
        (rule(BOUND, Some(120), Some(30)), SINGLE, (false, 30)),
        (rule(None, None, Some(600)), BOUND, (false, 60)),
    ] {
        let mut s = with_scope(rule.clone());
        s.security.mfa.actions = vec![action(Action::WalletSign, by_action, Some(60))];
        assert_eq!(token(&s, "wallet:sign"), expected, "{rule:?}");
    }
    let bound = ScopeRule { token_behavior: BOUND, ..ScopeRule::new("vault:open") };
    assert_eq!(token(&with_scope(bound), "vault:open"), (false, 600));
    let single = ScopeRule { token_behavior: SINGLE, ..ScopeRule::new("user:delete") };
    assert_eq!(token(&with_scope(single), "user:delete"), (true, 300));
    assert_eq!(token(&settings(), "user:delete"), (false, 600));
}

/// Settings that an older version stored can hold two rules for a scope. Neither loosens the other, in either order.
#[test]
fn of_two_rules_for_a_scope_the_stricter_counts() {
    use Strength::{Mfa, PhishingResistant, PhishingResistantVerified, Reauthentication};
    let rule = |strength, max_age_seconds, token_behavior, token_expiry_seconds| ScopeRule {
        strength,
        max_age_seconds,
        token_behavior,
        token_expiry_seconds,
        ..ScopeRule::new("vault:open")
    };
    let bare = rule(None, None, None, None);
    for (one, other, strength, max_age, single_use, seconds) in [
        (bare.clone(), rule(Some(Mfa), Some(60), BOUND, Some(30)), Mfa, Some(60), true, 30),
        (rule(None, None, BOUND, None), rule(None, None, SINGLE, None), Reauthentication, None, true, 300),
        (
            rule(None, None, BOUND, Some(900)),
            rule(None, None, BOUND, None),
            Reauthentication,
            None,
            false,
            600,
        ),
        (
            rule(None, Some(90), BOUND, None),
            rule(None, Some(45), BOUND, None),
            Reauthentication,
            Some(45),
            false,
            45,
        ),
        (
            rule(Some(Reauthentication), None, None, None),
            rule(Some(Mfa), None, None, None),
            Mfa,
            None,
            true,
            300,
        ),
        (
            rule(Some(Mfa), None, None, None),
            rule(Some(PhishingResistant), None, None, None),
            PhishingResistantVerified,
            None,
            true,
            300,
        ),
    ] {
        for pair in [[one.clone(), other.clone()], [other.clone(), one.clone()]] {
            let mut s = settings();
            s.scopes = pair.to_vec();
            let me = principal(vec![email()], vec![]);
            let given = terms(&s, &me, &scope("vault:open"));
            assert_eq!(given, Terms { strength, max_age, single_use, seconds }, "{pair:?}");
        }
    }
    let mut s = settings();
    s.recent_proof.link_seconds = 300;
    s.scopes = [None, Some(20)]
        .map(|max_age_seconds| ScopeRule { max_age_seconds, ..ScopeRule::new("credential:link") })
        .to_vec();
    let me = principal(vec![email()], vec![Proof::code(Format::Email, EMAIL, NOW.plus_seconds(-20))]);
    assert!(recent_proof(&s, &me, &Scope::CredentialLink, Exemption::Link, NOW).is_none());
}

#[test]
fn a_mixed_request_is_used_once_when_one_of_its_scopes_is() {
    let me = principal(vec![email()], vec![]);
    let mixed = |texts: [&str; 2]| {
        let scopes = Scopes::collect(texts.map(|text| Ok(scope(text)))).unwrap();
        let elevation =
            grant(&settings(), &me, Proof::code(Format::Email, EMAIL, NOW), &scopes).unwrap().unwrap();
        (elevation.scopes.iter().count(), elevation.single_use, elevation.seconds)
    };
    assert_eq!(mixed(["vault:open", "user:delete"]), (2, true, 300));
    assert_eq!(mixed(["user:delete", "credential:link"]), (2, false, 600));
    assert_eq!(mixed(["vault:open", "vault:open"]), (1, true, 300));
}

#[test]
fn why_a_scope_is_protected() {
    let plain = principal(vec![email()], vec![]);
    let strong = principal(vec![email(), passkey(true)], vec![]);
    let app = principal(vec![email(), totp()], vec![]);
    let at_level = principal(vec![email(), passkey(true)], vec![passkey_proof(NOW, true)]);
    let sign = with_rule(Action::WalletSign, Enrollment::None);
    let enforced = with_rule(Action::WalletSign, Enrollment::Action);
    let mut off = sign.clone();
    off.security.mfa.actions[0].required = false;
    let demands = demanding("wallet:sign", Strength::Reauthentication);
    let keys = demanding("wallet:sign", Strength::PhishingResistantVerified);
    let vault = demanding("vault:open", Strength::PhishingResistantVerified);
    for (settings, me, text, reason) in [
        (&settings(), &plain, "wallet:sign", "not_protected"),
        (&settings(), &strong, "wallet:delegate", "not_protected"),
        (&settings(), &strong, "user:update", "below_own_level"),
        (&settings(), &at_level, "user:update", "not_protected"),
        (&settings(), &plain, "user:update", "not_protected"),
        (&settings(), &plain, "vault:open", "always_protected"),
        (&settings(), &plain, "wallet:restore", "always_protected"),
        (&settings(), &plain, "wallet:delete", "always_protected"),
        (&sign, &plain, "wallet:sign", "not_protected"),
        (&sign, &strong, "wallet:sign", "action_rule"),
        (&sign, &app, "wallet:sign", "action_rule"),
        (&sign, &strong, "wallet:delegate", "not_protected"),
        (&off, &strong, "wallet:sign", "not_protected"),
        (&enforced, &plain, "wallet:sign", "enrolment_required"),
        (&enforced, &plain, "wallet:delegate", "not_protected"),
        (&enforced, &strong, "wallet:sign", "action_rule"),
        (&demands, &plain, "wallet:sign", "scope_rule"),
        (&demands, &strong, "wallet:sign", "scope_rule"),
        (&keys, &plain, "wallet:sign", "enrolment_required"),
        (&keys, &app, "wallet:sign", "enrolment_required"),
        (&keys, &strong, "wallet:sign", "scope_rule"),
        (&vault, &app, "vault:open", "enrolment_required"),
        (&vault, &strong, "vault:open", "always_protected"),
    ] {
        let need = asked(settings, me, &scope(text), Exemption::None, NOW);
        assert_eq!(need.reason, reason, "{text}");
        let required = reason != "not_protected";
        assert_eq!((need.required, need.terms.is_some()), (required, required), "{text} {reason}");
        assert_eq!(
            need.credentials.is_empty(),
            !required || reason == "enrolment_required",
            "{text} {reason}"
        );
    }
    let proved = principal(vec![email()], vec![Proof::code(Format::Email, EMAIL, NOW)]);
    let need = asked(&settings(), &proved, &Scope::CredentialLink, Exemption::FirstFactor, NOW);
    assert_eq!((need.reason, need.required), ("recent_proof", false));
}

#[test]
fn what_refuses_a_proof() {
    let plain = principal(vec![email()], vec![]);
    let strong = principal(vec![email(), passkey(true)], vec![]);
    let linked = Credential { id: OTHER_EMAIL, sign_in: false, ..email() };
    let linked = principal(vec![email(), linked], vec![]);
    let app = principal(vec![email(), totp()], vec![]);
    let enforced = with_rule(Action::WalletSign, Enrollment::Action);
    let keys = demanding("vault:open", Strength::PhishingResistantVerified);
    let link = demanding("credential:link", Strength::PhishingResistantVerified);
    let mail = Proof::code(Format::Email, EMAIL, NOW);
    use Refusal::{CredentialNotAccepted, EnrolmentRequired, SecondFactorNeeded, StrongerFactorNeeded};
    for (settings, me, proof, text, expected) in [
        (&settings(), &plain, mail, "vault:open", Ok(())),
        (&settings(), &strong, mail, "vault:open", Err(SecondFactorNeeded)),
        // The credential is a second factor, and this proof of it is none.
        (&settings(), &strong, passkey_proof(NOW, false), "vault:open", Err(SecondFactorNeeded)),
        // A proof that says it is one, of a credential that is not.
        (&settings(), &strong, Proof::code(Format::Totp, EMAIL, NOW), "vault:open", Err(SecondFactorNeeded)),
        (&settings(), &strong, passkey_proof(NOW, true), "vault:open", Ok(())),
        (
            &settings(),
            &linked,
            Proof::code(Format::Email, OTHER_EMAIL, NOW),
            "vault:open",
            Err(CredentialNotAccepted),
        ),
        (&settings(), &plain, Proof::code(Format::Totp, TOTP, NOW), "vault:open", Err(CredentialNotAccepted)),
        (&enforced, &plain, mail, "wallet:sign", Err(EnrolmentRequired)),
        (&enforced, &plain, mail, "vault:open", Ok(())),
        (&keys, &plain, mail, "vault:open", Err(EnrolmentRequired)),
        (&keys, &app, Proof::code(Format::Totp, TOTP, NOW), "vault:open", Err(EnrolmentRequired)),
        (&link, &app, Proof::code(Format::Totp, TOTP, NOW), "credential:link", Ok(())),
        (&link, &strong, Proof::recovery(PASSKEY, NOW), "credential:link", Err(StrongerFactorNeeded)),
        (&link, &strong, passkey_proof(NOW, true), "credential:link", Ok(())),
        (&keys, &strong, Proof::recovery(PASSKEY, NOW), "vault:open", Err(StrongerFactorNeeded)),
    ] {
        assert_eq!(accepts(settings, me, (&proof).into(), &scope(text)), expected, "{text} {proof:?}");
        let granted = grant(
            settings,
            me,
            proof,
            &Scopes::collect(["user:update", text].map(|text| Ok(scope(text)))).unwrap(),
        );
        assert_eq!(granted.is_ok(), expected.is_ok(), "{text} {proof:?}");
    }
}

#[test]
fn evidence_remembers_credential_and_strength() {
    for (proof, strength) in [
        (Proof::code(Format::Email, EMAIL, NOW), Strength::Reauthentication),
        (Proof::code(Format::Totp, TOTP, NOW), Strength::Mfa),
        (passkey_proof(NOW, true), Strength::PhishingResistantVerified),
    ] {
        assert_eq!(Evidence::from(&proof), Evidence { credential: proof.credential, strength, at: NOW });
    }
}

#[test]
fn what_a_rule_adds_to_what_factors_demand() {
    use Strength::{Mfa, PhishingResistant, PhishingResistantVerified, Reauthentication};
    let plain = principal(vec![email()], vec![]);
    let strong = principal(vec![email(), passkey(true)], vec![]);
    for (rule, of_plain, of_strong) in [
        (None, Reauthentication, Mfa),
        (Some(Reauthentication), Reauthentication, Mfa),
        (Some(Mfa), Mfa, Mfa),
        (Some(PhishingResistant), PhishingResistant, PhishingResistantVerified),
        (Some(PhishingResistantVerified), PhishingResistantVerified, PhishingResistantVerified),
    ] {
        let s = with_scope(ScopeRule { strength: rule, ..ScopeRule::new("vault:open") });
        for (me, expected) in [(&plain, of_plain), (&strong, of_strong)] {
            let need = asked(&s, me, &scope("vault:open"), Exemption::None, NOW);
            assert_eq!(need.terms.map(|terms| terms.strength), Some(expected), "{rule:?}");
        }
    }
}

#[test]
fn proofs_grow_old_at_their_second() {
    let me = principal(vec![email()], vec![]);
    let aged = with_scope(ScopeRule { max_age_seconds: Some(60), ..ScopeRule::new("vault:open") });
    let evidence = Evidence::from(&Proof::code(Format::Email, EMAIL, NOW));
    let accepted = |s: &Settings, age: i64| {
        let evidence = Evidence { at: NOW.plus_seconds(-age), ..evidence };
        still_accepts(s, &me, evidence, &scope("vault:open"), NOW)
    };
    assert!(accepted(&aged, 59) && !accepted(&aged, 60) && !accepted(&aged, 61));
    assert!(accepted(&settings(), 100_000));
    let gone = Evidence { credential: PASSKEY, ..evidence };
    assert!(!still_accepts(&settings(), &me, gone, &scope("vault:open"), NOW));
}

#[test]
fn recent_proofs_stand_in_only_where_they_are_allowed_to() {
    let mut s = settings();
    (s.recent_proof.first_factor_seconds, s.recent_proof.link_seconds, s.recent_proof.unlink_seconds) =
        (300, 200, 100);
    let plain =
        |age: i64| principal(vec![email()], vec![Proof::code(Format::Email, EMAIL, NOW.plus_seconds(-age))]);
    let found = |s: &Settings, me: &Principal, exemption| {
        recent_proof(s, me, &Scope::CredentialLink, exemption, NOW).is_some()
    };
    for (exemption, seconds) in [
        (Exemption::FirstFactor, 300),
        (Exemption::Link, 200),
        (Exemption::Unlink, 100),
        (Exemption::None, 0),
    ] {
        assert_eq!(found(&s, &plain(seconds - 1), exemption), seconds > 0, "{exemption:?}");
        assert!(!found(&s, &plain(seconds), exemption), "{exemption:?}");
        // A clock that runs ahead by a minute is forgiven, and a switch that is off stays off.
        assert_eq!(found(&s, &plain(-60), exemption), seconds > 0, "{exemption:?}");
        assert!(!found(&s, &plain(-61), exemption), "{exemption:?}");
    }
    let strong = principal(vec![email(), passkey(true)], vec![passkey_proof(NOW, true)]);
    assert!(!found(&s, &strong, Exemption::FirstFactor));
    assert!(found(&s, &strong, Exemption::Link) && found(&s, &strong, Exemption::Unlink));
    // The age that the scope demands bounds the time that the switch gives.
    let mut aged = s.clone();
    aged.scopes.push(ScopeRule { max_age_seconds: Some(20), ..ScopeRule::new("credential:link") });
    assert!(found(&aged, &plain(19), Exemption::FirstFactor));
    assert!(!found(&aged, &plain(20), Exemption::FirstFactor));
    // Of several the newest.
    let times = [200, 50, 100].map(|age| Proof::code(Format::Email, EMAIL, NOW.plus_seconds(-age)));
    let me = principal(vec![email()], times.to_vec());
    let newest = recent_proof(&s, &me, &Scope::CredentialLink, Exemption::FirstFactor, NOW).unwrap();
    assert_eq!(newest.at, NOW.plus_seconds(-100), "the one that was noted last");
}

#[test]
fn codes_are_seen_after_a_factor_of_the_last_ten_minutes() {
    let sees =
        |credentials: Vec<Credential>, proof: Proof| may_see_codes(&principal(credentials, vec![proof]), NOW);
    let all = || vec![email(), totp(), passkey(true)];
    let ago = |seconds: i64| NOW.plus_seconds(-seconds);
    assert!(
        sees(all(), Proof::code(Format::Totp, TOTP, ago(599))) && sees(all(), passkey_proof(ago(599), true))
    );
    assert!(!sees(all(), Proof::code(Format::Totp, TOTP, ago(600))));
    assert!(
        sees(all(), Proof::code(Format::Totp, TOTP, ago(-60)))
            && !sees(all(), Proof::code(Format::Totp, TOTP, ago(-61)))
    );
    assert!(!sees(all(), Proof::recovery(TOTP, NOW)) && !sees(all(), Proof::code(Format::Email, EMAIL, NOW)));
    assert!(
        !sees(all(), passkey_proof(NOW, false)) && !sees(vec![email()], Proof::code(Format::Totp, TOTP, NOW))
    );
    assert!(
        !sees(vec![email(), passkey(false)], passkey_proof(NOW, true)),
        "it was none when it was enrolled"
    );
    assert!(!sees(all(), Proof::code(Format::Totp, EMAIL, NOW)));
}

#[test]
fn what_is_offered_first() {
    let mut me = principal(vec![email(), totp(), passkey(true)], vec![]);
    let default = |me: &Principal| asked(&settings(), me, &scope("vault:open"), Exemption::None, NOW).default;
    assert_eq!(default(&me), me.default_method().map(|method| method.id));
    me.user.default_method = Some(TOTP);
    assert_eq!(default(&me), Some(TOTP));
    me.user.default_method = Some(PASSKEY);
    assert_eq!(default(&me), Some(PASSKEY));
    // A default that cannot give what the rule demands is passed over.
    me.user.default_method = Some(TOTP);
    let keys = demanding("vault:open", Strength::PhishingResistantVerified);
    let need = asked(&keys, &me, &scope("vault:open"), Exemption::None, NOW);
    assert_eq!((need.default, need.credentials.as_slice()), (Some(PASSKEY), &[PASSKEY][..]));
    let second = Credential { id: OTHER_EMAIL, ..email() };
    let mut me = principal(vec![email(), second], vec![]);
    assert_eq!(default(&me), Some(EMAIL));
    me.session.sign_in_credential = OTHER_EMAIL;
    assert_eq!(default(&me), Some(OTHER_EMAIL));
    me.session.sign_in_credential = PASSKEY;
    assert_eq!(default(&me), Some(OTHER_EMAIL), "the newest");
    // What may not sign in is not offered.
    me.credentials[1].sign_in = false;
    assert_eq!(default(&me), Some(EMAIL));
}

#[test]
fn who_may_sign_in_by_what() {
    let mut s = settings();
    for (format, expected) in [(Format::Email, true), (Format::Passkey, true), (Format::Totp, false)] {
        assert_eq!(format.may_sign_in(&s), expected, "{format:?}");
    }
    s.passkeys.sign_in = false;
    assert!(!Format::Passkey.may_sign_in(&s) && Format::Email.may_sign_in(&s));
}

#[test]
fn a_begun_change_is_completed_as_a_token_would_be_judged() {
    let me = principal(vec![email()], vec![]);
    let evidence = Evidence::from(&Proof::code(Format::Email, EMAIL, NOW));
    let ends_at = NOW.plus_seconds(600);
    let begun = Begun {
        scope: "credential:update".into(),
        how: "elevated_token".into(),
        evidence,
        epoch: me.user.epoch,
        ends_at,
    };
    let may = |begun: &Begun, at| may_complete(&settings(), &me, begun, &Scope::CredentialUpdate, at);
    assert!(may(&begun, NOW) && may(&begun, NOW.plus_seconds(599)));
    assert!(!may(&begun, ends_at), "it has ended");
    assert!(!may(&Begun { scope: "credential:link".into(), ..begun.clone() }, NOW), "for another scope");
    assert!(!may(&Begun { epoch: me.user.epoch + 1, ..begun.clone() }, NOW), "of another epoch");
    let removed = Evidence { credential: PASSKEY, ..evidence };
    assert!(!may(&Begun { evidence: removed, ..begun }, NOW), "by a credential that is gone");
}

#[test]
fn a_young_address_is_offered_last_for_what_touches_credentials_alone() {
    let old = Credential { created_at: NOW.plus_seconds(-30 * 86_400), ..email() };
    let young = Credential { id: OTHER_EMAIL, created_at: NOW, ..email() };
    let me = principal(vec![old, young], vec![]);
    for (text, offered) in [
        ("vault:open", [OTHER_EMAIL, EMAIL]),
        ("credential:unlink", [EMAIL, OTHER_EMAIL]),
        ("user:delete", [EMAIL, OTHER_EMAIL]),
    ] {
        assert_eq!(
            asked(&settings(), &me, &scope(text), Exemption::None, NOW).credentials,
            offered,
            "{text}"
        );
    }
}
