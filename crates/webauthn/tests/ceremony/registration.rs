//! One attack per rule of registration.

use stile_webauthn::{Algorithm, Attestation, Error, NewCredential, UserVerification};

use crate::authenticator::*;

/// A sound ES256 registration, spoiled.
fn spoiled(spoil: impl FnOnce(&mut Ceremony)) -> Result<NewCredential, Error> {
    let mut ceremony = Ceremony::create(&Authenticator::new(Algorithm::Es256));
    spoil(&mut ceremony);
    register(&ceremony.registration())
}

#[test]
fn accepts_each_algorithm() {
    for algorithm in ALL {
        let authenticator = Authenticator::new(algorithm);
        let new = register(&Ceremony::create(&authenticator).registration()).unwrap();
        assert_eq!(new.id, b"credential-1");
        assert_eq!(new.public_key, authenticator.cose());
        assert_eq!(new.algorithm, algorithm);
        assert_eq!(new.aaguid, [7; 16]);
        assert_eq!(new.attestation, Attestation::None);
        assert_eq!(new.origin, "https://example.com");
        assert!(new.user_verified && new.backup_eligible && new.backed_up);
    }
}

#[test]
fn reports_the_flags_and_the_counter() {
    let new = spoiled(|c| (c.flags, c.count) = (UP | UV | AT, 77)).unwrap();
    assert_eq!((new.backup_eligible, new.backed_up, new.sign_count), (false, false, 77));
    let new = spoiled(|c| c.flags = UP | UV | BE | AT).unwrap();
    assert_eq!((new.backup_eligible, new.backed_up), (true, false));
}

#[test]
fn type_must_be_create() {
    for kind in ["webauthn.get", "payment.get", "", "webauthn.creat", "Webauthn.create"] {
        assert_eq!(spoiled(|c| c.kind = kind), Err(Error::WrongType));
    }
}

#[test]
fn challenge_must_match() {
    assert_eq!(spoiled(|c| c.challenge[0] ^= 1), Err(Error::ChallengeMismatch));
    assert_eq!(spoiled(|c| c.challenge.truncate(31)), Err(Error::ChallengeMismatch));
    assert_eq!(spoiled(|c| c.challenge.push(0)), Err(Error::ChallengeMismatch));
    assert_eq!(spoiled(|c| c.challenge.clear()), Err(Error::ChallengeMismatch));
    // A server that forgot its challenge accepts nothing.
    let mut ceremony = Ceremony::create(&Authenticator::new(Algorithm::Es256));
    ceremony.challenge.clear();
    let forgotten = register_when(&ceremony.registration(), |e| e.challenge = b"");
    assert_eq!(forgotten, Err(Error::ChallengeMismatch));
}

#[test]
fn origin_must_be_allowed() {
    assert!(spoiled(|c| c.origin = "http://localhost:5173".into()).is_ok());
    for origin in [
        "https://badexample.com",
        "https://example.com.evil.com",
        "https://example.com:8443",
        "http://example.com",
        "https://login.example.com",
        "https://example.com@evil.com",
        "https://user@example.com",
        "https://example.com/",
        "https://evil.com/https://example.com",
        "https://evil.com#https://example.com",
        "http://localhost.evil.com",
        "null",
        "",
    ] {
        assert_eq!(spoiled(|c| c.origin = origin.into()), Err(Error::OriginNotAllowed), "{origin}");
    }
    let ceremony = Ceremony::create(&Authenticator::new(Algorithm::Es256));
    let nowhere = register_when(&ceremony.registration(), |e| e.rp.origins = &[]);
    assert_eq!(nowhere, Err(Error::OriginNotAllowed));
}

#[test]
fn cross_origin_only_where_allowed() {
    let cases = [
        ("", Ok(()), Ok(())),
        (r#","crossOrigin":false"#, Ok(()), Ok(())),
        (r#","crossOrigin":true"#, Err(Error::CrossOriginRefused), Ok(())),
        (
            r#","crossOrigin":true,"topOrigin":"http://localhost:3000""#,
            Err(Error::CrossOriginRefused),
            Ok(()),
        ),
        (
            r#","crossOrigin":true,"topOrigin":"https://evil.com""#,
            Err(Error::CrossOriginRefused),
            Err(Error::TopOriginNotAllowed),
        ),
        (
            r#","topOrigin":"https://example.com""#,
            Err(Error::CrossOriginRefused),
            Err(Error::MalformedClientData),
        ),
        (r#","crossOrigin":1"#, Err(Error::MalformedClientData), Err(Error::MalformedClientData)),
    ];
    for (members, refusing, allowing) in cases {
        let mut ceremony = Ceremony::create(&Authenticator::new(Algorithm::Es256));
        ceremony.members = members.into();
        let response = ceremony.registration();
        assert_eq!(register(&response).map(drop), refusing, "{members}");
        let result = register_when(&response, |e| e.rp.allow_cross_origin = true);
        assert_eq!(result.map(drop), allowing, "{members}");
    }
}

#[test]
fn rp_id_must_match() {
    for id in ["evil.com", "Example.com", "com", "login.example.com", ""] {
        assert_eq!(spoiled(|c| c.rp_id = id.into()), Err(Error::RpIdMismatch));
    }
}

#[test]
fn user_must_be_present() {
    assert_eq!(spoiled(|c| c.flags &= !UP), Err(Error::UserNotPresent));
}

#[test]
fn user_verification_follows_the_policy() {
    assert_eq!(spoiled(|c| c.flags &= !UV), Err(Error::UserNotVerified));
    let mut ceremony = Ceremony::create(&Authenticator::new(Algorithm::Es256));
    ceremony.flags &= !UV;
    let preferred =
        register_when(&ceremony.registration(), |e| e.user_verification = UserVerification::Preferred);
    assert!(!preferred.unwrap().user_verified);
}

#[test]
fn backed_up_needs_eligible() {
    assert_eq!(spoiled(|c| c.flags &= !BE), Err(Error::BackupStateInvalid));
}

#[test]
fn attested_credential_data_is_needed() {
    assert_eq!(spoiled(|c| c.flags &= !AT), Err(Error::MalformedAuthenticatorData));
    // and the flag cannot be dropped from data that has it
    let ceremony = Ceremony::create(&Authenticator::new(Algorithm::Es256));
    let mut data = ceremony.auth_data();
    data[32] &= !AT;
    let response = ceremony.registration_with(attestation_object("none", &map(&[]), &data));
    assert_eq!(register(&response), Err(Error::MalformedAuthenticatorData));
}

#[test]
fn credential_id_has_1_to_1023_bytes() {
    assert_eq!(spoiled(|c| c.credential_id = vec![1; 1023]).unwrap().id.len(), 1023);
    for length in [0, 1024, 4000] {
        let result = spoiled(|c| c.credential_id = vec![1; length]);
        assert_eq!(result, Err(Error::MalformedAuthenticatorData));
    }
}

#[test]
fn raw_id_must_be_the_attested_one() {
    for raw_id in [&b"credential-2"[..], b"credential-", b"credential-11", b""] {
        let mut response = Ceremony::create(&Authenticator::new(Algorithm::Es256)).registration();
        response.raw_id = raw_id.to_vec();
        assert_eq!(register(&response), Err(Error::CredentialMismatch));
    }
}

#[test]
fn only_offered_algorithms() {
    for algorithm in ALL {
        let response = Ceremony::create(&Authenticator::new(algorithm)).registration();
        let others: Vec<_> = ALL.into_iter().filter(|other| *other != algorithm).collect();
        let result = register_when(&response, |e| e.algorithms = Box::leak(others.into_boxed_slice()));
        assert_eq!(result, Err(Error::AlgorithmNotOffered));
        assert_eq!(register_when(&response, |e| e.algorithms = &[]), Err(Error::AlgorithmNotOffered));
    }
}

#[test]
fn extensions_must_be_one_map_to_the_end() {
    let cred_protect = map(&[(text("credProtect"), int(2)), (text("hmac-secret"), vec![0xf5])]);
    let with = |tail: Vec<u8>| spoiled(|c| (c.flags, c.tail) = (c.flags | ED, tail)).map(drop);
    assert_eq!(with(cred_protect.clone()), Ok(()));
    assert_eq!(with(map(&[])), Ok(()));
    assert_eq!(with(vec![]), Err(Error::MalformedAuthenticatorData));
    assert_eq!(with(int(1)), Err(Error::MalformedAuthenticatorData));
    assert_eq!(with(array(&[])), Err(Error::MalformedAuthenticatorData));
    assert_eq!(with([&cred_protect[..], &[0]].concat()), Err(Error::MalformedAuthenticatorData));
    assert_eq!(with(cred_protect[..cred_protect.len() - 1].to_vec()), Err(Error::MalformedCbor));
    assert_eq!(with(vec![0xbf, 0xff]), Err(Error::MalformedAuthenticatorData));
    // without the flag the same map is trailing bytes
    assert_eq!(spoiled(|c| c.tail = cred_protect), Err(Error::MalformedAuthenticatorData));
}

#[test]
fn accepts_packed_self_attestation() {
    for algorithm in ALL {
        let authenticator = Authenticator::new(algorithm);
        let ceremony = Ceremony::create(&authenticator);
        let signature = authenticator.sign(&ceremony.signed());
        let new = register(&ceremony.registration_packed(algorithm.id().into(), &signature)).unwrap();
        assert_eq!(new.attestation, Attestation::PackedSelf);
    }
}

#[test]
fn packed_self_attestation_must_hold() {
    let (authenticator, other) = (Authenticator::new(Algorithm::Es256), Authenticator::new(Algorithm::Es256));
    let ceremony = Ceremony::create(&authenticator);
    let good = authenticator.sign(&ceremony.signed());
    for (alg, signature) in [
        (-7, other.sign(&ceremony.signed())),
        (-7, authenticator.sign(&ceremony.auth_data())),
        (-7, vec![]),
        (-7, [&good[..], &[0]].concat()),
        (-8, good.clone()),
        (-257, good.clone()),
        (7, good.clone()),
    ] {
        let result = register(&ceremony.registration_packed(alg, &signature));
        assert_eq!(result, Err(Error::AttestationInvalid));
    }
    // A statement made for other client data.
    let mut elsewhere = ceremony.clone();
    elsewhere.origin = "http://localhost:1".into();
    assert_eq!(register(&elsewhere.registration_packed(-7, &good)), Err(Error::AttestationInvalid));
}

#[test]
fn other_attestations_are_refused() {
    let authenticator = Authenticator::new(Algorithm::Es256);
    let ceremony = Ceremony::create(&authenticator);
    let signature = authenticator.sign(&ceremony.signed());
    let entry = |name: &str, value: Vec<u8>| (text(name), value);
    let (alg, sig) = (entry("alg", int(-7)), entry("sig", bytes(&signature)));
    let x5c = entry("x5c", array(&[bytes(b"certificate")]));
    let data = ceremony.auth_data();
    let with = |format: &str, statement: &[_]| {
        register(&ceremony.registration_with(attestation_object(format, &map(statement), &data)))
    };
    let unsupported = Err(Error::UnsupportedAttestation);
    assert_eq!(with("packed", &[alg.clone(), sig.clone(), x5c.clone()]), unsupported);
    for format in ["fido-u2f", "tpm", "android-key", "android-safetynet", "apple", "compound", "", "None"] {
        assert_eq!(with(format, &[sig.clone(), x5c.clone()]), unsupported);
        assert_eq!(with(format, &[]), unsupported);
    }
    assert_eq!(with("none", std::slice::from_ref(&alg)), Err(Error::AttestationInvalid));
    assert_eq!(with("packed", &[]), Err(Error::AttestationInvalid));
    assert_eq!(with("packed", std::slice::from_ref(&sig)), Err(Error::AttestationInvalid));
    assert_eq!(with("packed", &[sig.clone(), alg.clone()]), Err(Error::AttestationInvalid));
    assert_eq!(with("packed", &[alg.clone(), x5c]), Err(Error::AttestationInvalid));
    assert_eq!(with("packed", &[alg.clone(), alg]), Err(Error::MalformedCbor));
}

#[test]
fn attestation_object_has_three_members_in_order() {
    let ceremony = Ceremony::create(&Authenticator::new(Algorithm::Es256));
    let fmt = (text("fmt"), text("none"));
    let statement = (text("attStmt"), map(&[]));
    let data = (text("authData"), bytes(&ceremony.auth_data()));
    let with = |object: Vec<u8>| register(&ceremony.registration_with(object)).map(drop);
    assert_eq!(with(map(&[fmt.clone(), statement.clone(), data.clone()])), Ok(()));
    let malformed = Err(Error::MalformedAttestationObject);
    assert_eq!(with(map(&[fmt.clone(), data.clone(), statement.clone()])), malformed);
    assert_eq!(with(map(&[fmt.clone(), statement.clone()])), malformed);
    assert_eq!(with(map(&[fmt.clone(), fmt.clone(), data.clone()])), malformed);
    let extra = (text("ep"), vec![0xf5]);
    assert_eq!(with(map(&[extra, fmt.clone(), statement.clone(), data.clone()])), malformed);
    let array_statement = (text("attStmt"), array(&[]));
    assert_eq!(with(map(&[fmt.clone(), array_statement, data.clone()])), malformed);
    let cbor = Err(Error::MalformedCbor);
    let text_data = (text("authData"), text("x"));
    assert_eq!(with(map(&[fmt.clone(), statement.clone(), text_data])), cbor);
    let object = map(&[fmt, statement, data]);
    assert_eq!(with([&object[..], &[0]].concat()), cbor);
    // the same map with an indefinite or a longer head
    assert_eq!(with([&[0xbf][..], &object[1..], &[0xff]].concat()), cbor);
    assert_eq!(with([&[0xb8, 3][..], &object[1..]].concat()), cbor);
    // a length that no input could have
    assert_eq!(with([&object[..1], &text("fmt"), &[0x7b], &[0xff; 8]].concat()), cbor);
}

#[test]
fn every_truncation_is_refused() {
    let authenticator = Authenticator::new(Algorithm::Es256);
    let mut ceremony = Ceremony::create(&authenticator);
    (ceremony.flags, ceremony.tail) = (ceremony.flags | ED, map(&[(text("credProtect"), int(2))]));
    let sound = ceremony.registration();
    assert!(register(&sound).is_ok());
    for length in 0..sound.attestation_object.len() {
        let mut response = sound.clone();
        response.attestation_object.truncate(length);
        assert!(register(&response).is_err());
    }
    for length in 0..sound.client_data_json.len() {
        let mut response = sound.clone();
        response.client_data_json.truncate(length);
        assert_eq!(register(&response), Err(Error::MalformedClientData));
    }
    let data = ceremony.auth_data();
    for length in 0..data.len() {
        let response = ceremony.registration_with(attestation_object("none", &map(&[]), &data[..length]));
        assert!(register(&response).is_err());
    }
}

#[test]
fn size_is_bounded() {
    assert_eq!(spoiled(|c| c.members = format!(",\"x\":\"{}\"", "x".repeat(9000))), Err(Error::TooLarge));
    assert_eq!(spoiled(|c| c.tail = vec![0; 9000]), Err(Error::TooLarge));
    let ceremony = Ceremony::create(&Authenticator::new(Algorithm::Es256));
    let response = ceremony.registration_with(vec![0; 70_000]);
    assert_eq!(register(&response), Err(Error::TooLarge));
}
