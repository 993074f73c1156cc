//! One attack per rule of registration.

use stile_webauthn::{Algorithm, Error, NewCredential, UserVerification};

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
    // Nobody asked for any, so that the form is not judged.
    assert_eq!(with(vec![0xbf, 0xff]), Ok(()));
    assert_eq!(with(map(&[(text("x"), vec![0xf9, 0x3c, 0]), (text("x"), vec![0xf7])])), Ok(()));
    assert_eq!(with(vec![0xbf, 0x61, 0x61, 0xff]), Err(Error::MalformedCbor));
    // without the flag the same map is trailing bytes
    assert_eq!(spoiled(|c| c.tail = cred_protect), Err(Error::MalformedAuthenticatorData));
}

/// We ask for no attestation. Firefox on Windows, and authenticators that cannot leave it out, send one all the same
/// (w3c/webauthn#1485): it is stepped over, and nothing is concluded from it.
#[test]
fn an_attestation_that_nobody_asked_for_is_not_judged() {
    let authenticator = Authenticator::new(Algorithm::Es256);
    let ceremony = Ceremony::create(&authenticator);
    let data = ceremony.auth_data();
    let bare = register(&ceremony.registration()).unwrap();
    let entry = |name: &str, value: Vec<u8>| (text(name), value);
    let (alg, sig) = (entry("alg", int(-7)), entry("sig", bytes(&[7; 70])));
    let x5c = entry("x5c", array(&[bytes(&[0x30; 900]), bytes(b"certificate")]));
    let nested = [vec![0x81; 14], vec![0x80]].concat();
    let statements = [
        map(&[]),
        map(&[alg.clone(), sig.clone(), x5c.clone()]),
        map(&[sig.clone(), x5c.clone()]),
        map(&[x5c.clone(), sig.clone(), alg.clone()]),
        map(&[alg.clone(), alg.clone()]),
        map(&[entry("ver", text("2.0")), alg, x5c, sig, entry("pubArea", bytes(&[1; 300]))]),
        // What other encoders write: indefinite lengths, floats, tags, long heads, undefined.
        [&[0xbf][..], &text("response"), &[0x5f], &bytes(b"a"), &bytes(b"b"), &[0xff, 0xff]].concat(),
        map(&[entry("x", vec![0xfb, 0x3f, 0xf1, 0, 0, 0, 0, 0, 0]), entry("y", vec![0xc1, 0x18, 1])]),
        map(&[(int(-1), vec![0xf7]), (map(&[]), nested)]),
        array(&[map(&[]), int(1)]),
        vec![0xf6],
    ];
    for format in [
        "none",
        "packed",
        "apple",
        "android-key",
        "android-safetynet",
        "fido-u2f",
        "tpm",
        "compound",
        "a format that nobody knows",
        "",
    ] {
        for statement in &statements {
            let new = register(&ceremony.registration_with(attestation_object(format, statement, &data)));
            assert_eq!(new.as_ref(), Ok(&bare), "{format} {statement:x?}");
        }
    }
    // A self-signature of another key, or of nothing.
    let other = Authenticator::new(Algorithm::Es256).sign(&ceremony.signed());
    for (alg, signature) in [(-7, authenticator.sign(&ceremony.signed())), (-7, other), (-257, vec![])] {
        assert_eq!(register(&ceremony.registration_packed(alg, &signature)), Ok(bare.clone()));
    }
}

#[test]
fn a_statement_that_is_no_cbor_is_refused() {
    let ceremony = Ceremony::create(&Authenticator::new(Algorithm::Es256));
    let deep = [vec![0x81; 17], vec![0x80]].concat();
    for statement in
        [vec![0xff], vec![0x1c], vec![0xf8, 0], vec![0xa1, 0], vec![0xbf, 0x61, 0x61, 0xff], deep]
    {
        let object = attestation_object("packed", &statement, &ceremony.auth_data());
        assert!(register(&ceremony.registration_with(object)).is_err(), "{statement:x?}");
    }
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
