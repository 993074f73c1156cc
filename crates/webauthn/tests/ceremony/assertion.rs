//! One attack per rule of assertion.

use stile_webauthn::{Algorithm, Error, UserVerification, VerifiedAssertion};

use crate::authenticator::*;

/// A sound ES256 assertion, spoiled before it is signed.
fn spoiled(spoil: impl FnOnce(&mut Ceremony)) -> Result<VerifiedAssertion, Error> {
    let authenticator = Authenticator::new(Algorithm::Es256);
    let mut ceremony = Ceremony::get();
    spoil(&mut ceremony);
    check(&ceremony.assertion(&authenticator), &record(&authenticator))
}

#[test]
fn accepts_each_algorithm() {
    for algorithm in ALL {
        let authenticator = Authenticator::new(algorithm);
        let verified = check(&Ceremony::get().assertion(&authenticator), &record(&authenticator)).unwrap();
        assert_eq!(verified.origin, "https://example.com");
        assert_eq!(verified.sign_count, 0);
        assert!(verified.user_verified && verified.backed_up);
    }
}

#[test]
fn type_must_be_get() {
    for kind in ["webauthn.create", "payment.get", "", "webauthn.get "] {
        assert_eq!(spoiled(|c| c.kind = kind), Err(Error::WrongType));
    }
}

#[test]
fn challenge_must_match() {
    assert_eq!(spoiled(|c| c.challenge[31] ^= 0x80), Err(Error::ChallengeMismatch));
    assert_eq!(spoiled(|c| c.challenge.truncate(16)), Err(Error::ChallengeMismatch));
    assert_eq!(spoiled(|c| c.challenge.push(b'.')), Err(Error::ChallengeMismatch));
}

#[test]
fn origin_must_be_allowed() {
    assert!(spoiled(|c| c.origin = "http://localhost".into()).is_ok());
    for origin in [
        "https://badexample.com",
        "https://example.com.evil.com",
        "https://example.com:444",
        "http://example.com",
        "https://a.example.com",
        "https://x@example.com",
        "https://localhost:5173",
    ] {
        assert_eq!(spoiled(|c| c.origin = origin.into()), Err(Error::OriginNotAllowed), "{origin}");
    }
}

#[test]
fn cross_origin_only_where_allowed() {
    let authenticator = Authenticator::new(Algorithm::EdDsa);
    let mut ceremony = Ceremony::get();
    ceremony.members = r#","crossOrigin":true,"topOrigin":"http://localhost:1""#.into();
    let response = ceremony.assertion(&authenticator);
    assert_eq!(check(&response, &record(&authenticator)), Err(Error::CrossOriginRefused));
    assert!(check_when(&response, &record(&authenticator), |e| e.rp.allow_cross_origin = true).is_ok());
}

#[test]
fn rp_id_must_match() {
    for id in ["evil.com", "badexample.com", "login.example.com", "com"] {
        assert_eq!(spoiled(|c| c.rp_id = id.into()), Err(Error::RpIdMismatch));
    }
}

#[test]
fn flags_follow_the_policy() {
    assert_eq!(spoiled(|c| c.flags &= !UP), Err(Error::UserNotPresent));
    assert_eq!(spoiled(|c| c.flags &= !UV), Err(Error::UserNotVerified));
    let authenticator = Authenticator::new(Algorithm::EdDsa);
    let mut ceremony = Ceremony::get();
    ceremony.flags &= !UV;
    let preferred = check_when(&ceremony.assertion(&authenticator), &record(&authenticator), |e| {
        e.user_verification = UserVerification::Preferred;
    });
    assert!(!preferred.unwrap().user_verified);
}

/// Managers begin to sync what they hold (supabase/auth#2732). None of them goes back.
#[test]
fn a_credential_may_become_eligible_for_backup_and_stays_so() {
    assert!(!spoiled(|c| c.flags &= !BS).unwrap().backed_up);
    assert_eq!(spoiled(|c| c.flags &= !BE), Err(Error::BackupStateInvalid));
    assert_eq!(spoiled(|c| c.flags &= !(BE | BS)), Err(Error::BackupEligibilityLost));
    let authenticator = Authenticator::new(Algorithm::EdDsa);
    let bound = Record { backup_eligible: false, ..record(&authenticator) };
    for (flags, eligible, backed_up) in [(0, false, false), (BE, true, false), (BE | BS, true, true)] {
        let response = Ceremony { flags: UP | UV | flags, ..Ceremony::get() }.assertion(&authenticator);
        let verified = check(&response, &bound).unwrap();
        assert_eq!((verified.backup_eligible, verified.backed_up), (eligible, backed_up));
    }
    let response = Ceremony { flags: UP | UV | BS, ..Ceremony::get() }.assertion(&authenticator);
    assert_eq!(check(&response, &bound), Err(Error::BackupStateInvalid));
}

#[test]
fn a_lost_eligibility_is_told_only_after_the_signature() {
    let (authenticator, other) = (Authenticator::new(Algorithm::EdDsa), Authenticator::new(Algorithm::EdDsa));
    let response = Ceremony { flags: UP | UV, ..Ceremony::get() }.assertion(&other);
    assert_eq!(check(&response, &record(&authenticator)), Err(Error::BadSignature));
}

#[test]
fn attested_data_and_trailing_bytes_are_refused() {
    let cose = Authenticator::new(Algorithm::Es256).cose();
    let attested = spoiled(|c| (c.flags, c.cose) = (c.flags | AT, cose));
    assert_eq!(attested, Err(Error::MalformedAuthenticatorData));
    assert_eq!(spoiled(|c| c.tail = vec![0]), Err(Error::MalformedAuthenticatorData));
    let prf = map(&[(text("hmac-secret"), bytes(&[5; 48]))]);
    assert!(spoiled(|c| (c.flags, c.tail) = (c.flags | ED, prf.clone())).is_ok());
    assert_eq!(spoiled(|c| c.tail = prf), Err(Error::MalformedAuthenticatorData));
    assert_eq!(spoiled(|c| c.flags |= ED), Err(Error::MalformedAuthenticatorData));
}

/// A manager that syncs may stop counting (AChep/keyguard-app#281); what is bound to a device may not.
#[test]
fn counter_must_grow_once_it_counts() {
    let authenticator = Authenticator::new(Algorithm::EdDsa);
    for (stored, received, when_synced, when_bound) in [
        (0, 0, true, true),
        (0, 1, true, true),
        (1, 2, true, true),
        (5, 500, true, true),
        (u32::MAX - 1, u32::MAX, true, true),
        (1, 1, false, false),
        (2, 1, false, false),
        (u32::MAX, u32::MAX, false, false),
        (1, 0, true, false),
        (u32::MAX, 0, true, false),
    ] {
        for (synced, sound) in [(true, when_synced), (false, when_bound)] {
            let flags = UP | UV | if synced { BE } else { 0 };
            let ceremony = Ceremony { count: received, flags, ..Ceremony::get() };
            let record = Record { sign_count: stored, backup_eligible: synced, ..record(&authenticator) };
            let result =
                check(&ceremony.assertion(&authenticator), &record).map(|verified| verified.sign_count);
            let expected =
                if sound { Ok(received) } else { Err(Error::CounterRegressed { stored, received }) };
            assert_eq!(result, expected);
        }
    }
}

#[test]
fn counter_is_judged_only_after_the_signature() {
    let authenticator = Authenticator::new(Algorithm::EdDsa);
    let mut response = Ceremony::get().assertion(&authenticator);
    response.signature[0] ^= 1;
    let record = Record { sign_count: 9, ..record(&authenticator) };
    assert_eq!(check(&response, &record), Err(Error::BadSignature));
}

#[test]
fn credential_must_be_the_stored_one() {
    let authenticator = Authenticator::new(Algorithm::EdDsa);
    for id in [&b"credential-2"[..], b"credential-", b""] {
        let mut response = Ceremony::get().assertion(&authenticator);
        response.credential_id = id.to_vec();
        assert_eq!(check(&response, &record(&authenticator)), Err(Error::CredentialMismatch));
    }
}

#[test]
fn another_key_of_the_same_kind_does_not_verify() {
    for algorithm in [Algorithm::Es256, Algorithm::EdDsa] {
        let (mine, theirs) = (Authenticator::new(algorithm), Authenticator::new(algorithm));
        let result = check(&Ceremony::get().assertion(&theirs), &record(&mine));
        assert_eq!(result, Err(Error::BadSignature));
    }
}

#[test]
fn user_handle_is_the_owners() {
    let authenticator = Authenticator::new(Algorithm::EdDsa);
    let record = record(&authenticator);
    let with = |handle: Option<&[u8]>, required: bool| {
        let mut response = Ceremony::get().assertion(&authenticator);
        response.user_handle = handle.map(<[u8]>::to_vec);
        check_when(&response, &record, |e| e.require_user_handle = required).map(drop)
    };
    for required in [false, true] {
        assert_eq!(with(Some(USER_HANDLE), required), Ok(()));
        for other in [&b"user-2"[..], b"user-", b"user-11", b""] {
            assert_eq!(with(Some(other), required), Err(Error::UserHandleMismatch));
        }
    }
    assert_eq!(with(None, false), Ok(()));
    assert_eq!(with(None, true), Err(Error::UserHandleMissing));
}

#[test]
fn stored_key_must_be_sound() {
    let authenticator = Authenticator::new(Algorithm::EdDsa);
    let response = Ceremony::get().assertion(&authenticator);
    let sound = record(&authenticator).public_key;
    for key in [vec![], authenticator.spki(), [&sound[..], &[0]].concat(), sound[..sound.len() - 1].to_vec()]
    {
        let record = Record { public_key: key, ..record(&authenticator) };
        assert!(check(&response, &record).is_err());
    }
}

#[test]
fn every_flipped_bit_is_refused() {
    let flips = |bytes: &[u8]| -> Vec<Vec<u8>> {
        let flip = |bit: usize| {
            let mut copy = bytes.to_vec();
            copy[bit / 8] ^= 1 << (bit % 8);
            copy
        };
        (0..bytes.len() * 8).map(flip).collect()
    };
    for algorithm in ALL {
        let authenticator = Authenticator::new(algorithm);
        let record = record(&authenticator);
        let sound = Ceremony::get().assertion(&authenticator);
        assert!(check(&sound, &record).is_ok());
        for authenticator_data in flips(&sound.authenticator_data) {
            let response = stile_webauthn::AssertionResponse { authenticator_data, ..sound.clone() };
            assert!(check(&response, &record).is_err());
        }
        for client_data_json in flips(&sound.client_data_json) {
            let response = stile_webauthn::AssertionResponse { client_data_json, ..sound.clone() };
            assert!(check(&response, &record).is_err());
        }
        for signature in flips(&sound.signature) {
            let response = stile_webauthn::AssertionResponse { signature, ..sound.clone() };
            assert_eq!(check(&response, &record), Err(Error::BadSignature));
        }
    }
}

#[test]
fn every_truncation_is_refused() {
    for algorithm in ALL {
        let authenticator = Authenticator::new(algorithm);
        let record = record(&authenticator);
        let sound = Ceremony::get().assertion(&authenticator);
        for length in 0..sound.authenticator_data.len() {
            let mut response = sound.clone();
            response.authenticator_data.truncate(length);
            assert_eq!(check(&response, &record), Err(Error::MalformedAuthenticatorData));
        }
        for length in 0..sound.signature.len() {
            let mut response = sound.clone();
            response.signature.truncate(length);
            assert_eq!(check(&response, &record), Err(Error::BadSignature));
        }
        for tail in [vec![0], vec![0; 4096]] {
            let mut response = sound.clone();
            response.signature.extend(tail);
            assert_eq!(check(&response, &record), Err(Error::BadSignature));
        }
    }
}
