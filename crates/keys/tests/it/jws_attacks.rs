//! Known attacks on JWS verifiers (RFC 8725 §2, OWASP ASVS V9), each with a signature as good as the
//! attacker can have.

use aws_lc_rs::hmac;
use serde::Deserialize;
use serde_json::{Value, json};
use stile_keys::encoding::{base64url, unbase64url};
use stile_keys::jws::{Algorithm, JwsError, MAX_TOKEN_LEN, VerifyingKey, verify};

use crate::forge::{KEYS, PUBLIC, Pair, TYP, check};

const CLAIMS: &str = r#"{"sub":"user-1"}"#;

#[test]
fn good_tokens_are_accepted() {
    for pair in KEYS.iter() {
        assert_eq!(check(&pair.good()).unwrap(), json!({"sub": "user-1"}));
        assert_eq!(check(&pair.token(&pair.header().to_string(), CLAIMS)).unwrap(), json!({"sub": "user-1"}));
    }
}

#[test]
fn the_header_is_alg_kid_typ() {
    for pair in KEYS.iter() {
        let token = pair.good();
        let header = unbase64url(token.split('.').next().unwrap()).unwrap();
        let expected = format!(r#"{{"alg":"{}","kid":"{}","typ":"{TYP}"}}"#, pair.alg(), pair.key.kid());
        assert_eq!(String::from_utf8(header).unwrap(), expected);
    }
}

/// RFC 8725 §2.1: `none`, in all spellings, with and without a signature.
#[test]
fn alg_none() {
    for pair in KEYS.iter() {
        for alg in ["none", "None", "NONE", "nOnE", ""] {
            let mut header = pair.header();
            header["alg"] = json!(alg);
            let signed = pair.token(&header.to_string(), CLAIMS);
            assert_eq!(check(&signed), Err(JwsError::WrongAlgorithm));
            let (bare, _) = signed.rsplit_once('.').unwrap();
            assert_eq!(check(&format!("{bare}.")), Err(JwsError::WrongAlgorithm));
            assert_eq!(check(bare), Err(JwsError::Malformed));
        }
        let without = json!({"kid": pair.key.kid(), "typ": TYP});
        assert_eq!(check(&pair.token(&without.to_string(), CLAIMS)), Err(JwsError::WrongAlgorithm));
    }
}

#[test]
fn an_empty_signature_is_no_signature() {
    for pair in KEYS.iter() {
        let token = pair.good();
        let (bare, _) = token.rsplit_once('.').unwrap();
        assert_eq!(check(&format!("{bare}.")), Err(JwsError::BadSignature));
    }
}

/// RFC 8725 §2.1: the public key, in any of its forms, as the secret of HS256.
#[test]
fn hs256_with_the_public_key() {
    for pair in KEYS.iter() {
        let jwk = pair.key.jwk();
        let mut secrets = vec![serde_json::to_vec(jwk).unwrap(), jwk.kid.clone().into_bytes()];
        for member in [&jwk.x, &jwk.y, &jwk.n].into_iter().flatten() {
            secrets.push(member.clone().into_bytes());
            secrets.push(unbase64url(member).unwrap());
        }
        for secret in secrets {
            for alg in ["HS256", pair.alg()] {
                let header = json!({"alg": alg, "kid": pair.key.kid(), "typ": TYP}).to_string();
                let signed = format!("{}.{}", base64url(header.as_bytes()), base64url(CLAIMS.as_bytes()));
                let tag = hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, &secret), signed.as_bytes());
                let expected = if alg == "HS256" { JwsError::WrongAlgorithm } else { JwsError::BadSignature };
                assert_eq!(check(&format!("{signed}.{}", base64url(tag.as_ref()))), Err(expected));
            }
        }
    }
}

/// A token signed by one key that names another, with the algorithm of either.
#[test]
fn one_key_for_another() {
    for signer in KEYS.iter() {
        for named in KEYS.iter().filter(|named| named.key.kid() != signer.key.kid()) {
            let as_signer = json!({"alg": signer.alg(), "kid": named.key.kid(), "typ": TYP});
            assert_eq!(check(&signer.token(&as_signer.to_string(), CLAIMS)), Err(JwsError::WrongAlgorithm));
            let as_named = named.header().to_string();
            assert_eq!(check(&signer.token(&as_named, CLAIMS)), Err(JwsError::BadSignature));
        }
    }
}

/// Two keys under one id: the first one counts, and its algorithm.
#[test]
fn two_keys_under_one_id() {
    let (first, second) = (&KEYS[0], &KEYS[1]);
    let mut jwk = second.key.jwk().clone();
    jwk.kid = first.key.kid().to_owned();
    let keys = [first.key.verifying_key().unwrap(), VerifyingKey::from_jwk(&jwk).unwrap()];
    assert!(verify::<Value>(&first.good(), TYP, &keys).is_ok());
    let header = json!({"alg": second.alg(), "kid": first.key.kid(), "typ": TYP}).to_string();
    assert_eq!(verify::<Value>(&second.token(&header, CLAIMS), TYP, &keys), Err(JwsError::WrongAlgorithm));
}

#[test]
fn other_algorithm_names_of_the_same_family() {
    for pair in KEYS.iter() {
        for alg in
            ["ES384", "es256", "PS256", "RS512", "rs256", "Ed25519", "EDDSA", "HS256", " ES256", "ES256\u{0}"]
        {
            let mut header = pair.header();
            header["alg"] = json!(alg);
            assert_eq!(check(&pair.token(&header.to_string(), CLAIMS)), Err(JwsError::WrongAlgorithm));
        }
    }
}

#[test]
fn unknown_keys() {
    for alg in Algorithm::ALL.into_iter().take(2) {
        let stranger = Pair::new(alg);
        assert_eq!(check(&stranger.good()), Err(JwsError::UnknownKey));
    }
    let pair = &KEYS[0];
    for kid in ["", "../../dev/null", "' OR 1=1 --", &pair.key.kid()[..42], &pair.key.kid().to_lowercase()] {
        let mut header = pair.header();
        header["kid"] = json!(kid);
        assert_eq!(check(&pair.token(&header.to_string(), CLAIMS)), Err(JwsError::UnknownKey));
    }
    let without = json!({"alg": pair.alg(), "typ": TYP});
    assert_eq!(check(&pair.token(&without.to_string(), CLAIMS)), Err(JwsError::UnknownKey));
    assert_eq!(verify::<Value>(&pair.good(), TYP, &[]), Err(JwsError::UnknownKey));
}

/// RFC 8725 §2.12: a token of one kind for another.
#[test]
fn tokens_of_another_type() {
    let pair = &KEYS[0];
    for typ in
        ["at+jwt", "JWT", "", "application/stile-elevated+jwt", "stile-elevated+jwt ", "stile-elevated"]
    {
        let mut header = pair.header();
        header["typ"] = json!(typ);
        assert_eq!(check(&pair.token(&header.to_string(), CLAIMS)), Err(JwsError::WrongType), "{typ}");
    }
    let without = json!({"alg": pair.alg(), "kid": pair.key.kid()});
    assert_eq!(check(&pair.token(&without.to_string(), CLAIMS)), Err(JwsError::WrongType));
    let mut upper = pair.header();
    upper["typ"] = json!(TYP.to_uppercase());
    assert!(check(&pair.token(&upper.to_string(), CLAIMS)).is_ok());
}

#[test]
fn members_that_change_the_meaning() {
    let pair = &KEYS[0];
    for (name, value) in [
        ("crit", json!(["exp"])),
        ("crit", json!(["b64"])),
        ("crit", json!([])),
        ("crit", Value::Null),
        ("zip", json!("DEF")),
        ("b64", json!(false)),
        ("b64", json!(true)),
        ("alg", json!(["ES256"])),
        ("alg", Value::Null),
        ("kid", json!([pair.key.kid()])),
        ("typ", json!(1)),
    ] {
        let mut header = pair.header();
        header[name] = value;
        assert_eq!(check(&pair.token(&header.to_string(), CLAIMS)), Err(JwsError::Malformed), "{header}");
    }
}

/// RFC 7797: an unencoded payload, which another reader would see in place of ours.
#[test]
fn unencoded_payload() {
    let pair = &KEYS[0];
    let mut header = pair.header();
    header["b64"] = json!(false);
    header["crit"] = json!(["b64"]);
    let signed = format!("{}.{CLAIMS}", base64url(header.to_string().as_bytes()));
    let token = format!("{signed}.{}", base64url(&pair.signature(&signed)));
    assert_eq!(check(&token), Err(JwsError::Malformed));
}

#[test]
fn members_given_twice() {
    let pair = &KEYS[0];
    let (alg, kid) = (pair.alg(), pair.key.kid());
    for header in [
        format!(r#"{{"alg":"none","alg":"{alg}","kid":"{kid}","typ":"{TYP}"}}"#),
        format!(r#"{{"alg":"{alg}","alg":"none","kid":"{kid}","typ":"{TYP}"}}"#),
        format!(r#"{{"alg":"{alg}","kid":"{kid}","kid":"{kid}","typ":"{TYP}"}}"#),
        format!(r#"{{"alg":"{alg}","kid":"{kid}","typ":"at+jwt","typ":"{TYP}"}}"#),
        format!(r#"{{"alg":"{alg}","kid":"{kid}","typ":"{TYP}","\u0074yp":"{TYP}"}}"#),
        format!(r#"{{"alg":"{alg}","kid":"{kid}","typ":"{TYP}","x":1,"x":1}}"#),
    ] {
        assert_eq!(check(&pair.token(&header, CLAIMS)), Err(JwsError::Malformed), "{header}");
    }
}

/// CVE-2018-0114 and its kin: a key that the token brings along.
#[test]
fn keys_inside_the_token() {
    for alg in Algorithm::ALL.into_iter().take(2) {
        let (stranger, own) = (Pair::new(alg), KEYS.iter().find(|pair| pair.key.algorithm() == alg).unwrap());
        for (name, value) in [
            ("jwk", serde_json::to_value(stranger.key.jwk()).unwrap()),
            ("jku", json!("https://attacker.example/jwks.json")),
            ("x5u", json!("https://attacker.example/chain.pem")),
            ("x5c", json!(["MIIB"])),
        ] {
            for (kid, expected) in
                [(own.key.kid(), JwsError::BadSignature), (stranger.key.kid(), JwsError::UnknownKey)]
            {
                let header = json!({"alg": own.alg(), "kid": kid, "typ": TYP, name: value});
                assert_eq!(check(&stranger.token(&header.to_string(), CLAIMS)), Err(expected));
            }
            // And no harm where our own key signed.
            let mut header = own.header();
            header[name] = value;
            assert!(check(&own.token(&header.to_string(), CLAIMS)).is_ok());
        }
    }
}

#[test]
fn every_truncation() {
    for pair in KEYS.iter() {
        let token = pair.good();
        for len in 0..token.len() {
            assert!(check(&token[..len]).is_err(), "the first {len} characters");
            assert!(check(&token[len + 1..]).is_err(), "without the first {}", len + 1);
        }
    }
}

#[test]
fn every_changed_character() {
    for pair in KEYS.iter() {
        let token = pair.good();
        for at in 0..token.len() {
            for new in ["A", "_", ".", "=", " ", "é", ""] {
                let changed = format!("{}{new}{}", &token[..at], &token[at + 1..]);
                assert_eq!(check(&changed).is_ok(), changed == token, "{new:?} at {at}");
            }
        }
    }
}

#[test]
fn every_inserted_character() {
    for pair in KEYS.iter() {
        let token = pair.good();
        for at in 0..=token.len() {
            for new in [" ", "\n", "\t", "\r\n", "=", "\0", "\u{feff}", "."] {
                let changed = format!("{}{new}{}", &token[..at], &token[at..]);
                assert!(check(&changed).is_err(), "{new:?} at {at}");
            }
        }
    }
}

/// The bits of the last character that carry nothing must be zero: else one signature has many texts.
#[test]
fn bits_that_carry_nothing() {
    const ALPHABET: &str = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    for pair in KEYS.iter() {
        let token = pair.good();
        let (head, last) = token.split_at(token.len() - 1);
        let accepted = ALPHABET.chars().filter(|c| check(&format!("{head}{c}")).is_ok());
        assert_eq!(accepted.collect::<String>(), last);
    }
}

#[test]
fn other_alphabets_and_padding() {
    let pair = &KEYS[2];
    let token = pair.good();
    let standard = token.replace('-', "+").replace('_', "/");
    assert_ne!(standard, token);
    assert_eq!(check(&standard), Err(JwsError::Malformed));
    let parts: Vec<&str> = token.split('.').collect();
    for at in 0..3 {
        for pad in ["=", "=="] {
            let mut padded: Vec<String> = parts.iter().map(|part| (*part).to_owned()).collect();
            padded[at].push_str(pad);
            assert!(check(&padded.join(".")).is_err());
        }
    }
}

/// The encoding of the payload is checked even where the signature covers the bad one.
#[test]
fn a_signed_payload_that_is_not_base64url() {
    let pair = &KEYS[0];
    let header = base64url(pair.header().to_string().as_bytes());
    for payload in ["e30=", "e31", "{}", "e3 0", "e30\n", "e"] {
        let signed = format!("{header}.{payload}");
        let token = format!("{signed}.{}", base64url(&pair.signature(&signed)));
        assert_eq!(check(&token), Err(JwsError::Malformed), "{payload:?}");
    }
}

#[test]
fn the_number_of_parts() {
    let pair = &KEYS[0];
    let token = pair.good();
    let parts: Vec<&str> = token.split('.').collect();
    for bad in [
        String::new(),
        ".".to_owned(),
        "..".to_owned(),
        "...".to_owned(),
        parts[0].to_owned(),
        parts[..2].join("."),
        format!("{token}."),
        format!(".{token}"),
        format!("{token}.{}", parts[2]),
        format!("{token}..{}", parts[2]),
        format!("{}..{}", parts[0], parts[2]),
        format!(".{}.{}", parts[1], parts[2]),
    ] {
        assert!(check(&bad).is_err(), "{bad}");
    }
    // A good signature over four parts is still no compact JWS; five are a JWE (RFC 7516 §3.1).
    for middle in ["e30.e30", "e30.e30.e30"] {
        let signed = format!("{}.{middle}", parts[0]);
        let signed = format!("{signed}.{}", base64url(&pair.signature(&signed)));
        assert_eq!(check(&signed), Err(JwsError::Malformed));
    }
}

/// The JSON forms of RFC 7515 §7.2.
#[test]
fn json_serialisations() {
    let token = KEYS[0].good();
    let parts: Vec<&str> = token.split('.').collect();
    let flat = json!({"protected": parts[0], "payload": parts[1], "signature": parts[2]}).to_string();
    assert_eq!(check(&flat), Err(JwsError::Malformed));
}

#[test]
fn sizes() {
    let pair = &KEYS[0];
    let padded =
        |n: usize| pair.token(&pair.header().to_string(), &json!({"pad": "x".repeat(n)}).to_string());
    let base = padded(0).len();
    let mut n = (MAX_TOKEN_LEN - base) * 3 / 4;
    while padded(n + 1).len() <= MAX_TOKEN_LEN {
        n += 1;
    }
    assert!(check(&padded(n)).is_ok());
    assert_eq!(check(&padded(n + 1)), Err(JwsError::TooLarge));
    assert_eq!(check(&".".repeat(MAX_TOKEN_LEN + 1)), Err(JwsError::TooLarge));
    assert_eq!(check(&"é".repeat(MAX_TOKEN_LEN)), Err(JwsError::TooLarge));
}

#[test]
fn headers_made_to_cost() {
    let pair = &KEYS[0];
    for header in [
        "[".repeat(12_000),
        format!(r#"{{"x":{}}}"#, "[".repeat(11_000)),
        format!("{{{}}}", (0..1_200).map(|i| format!(r#""{i}":1"#)).collect::<Vec<_>>().join(",")),
        "{\"alg\":\"\\ud800\"}".to_owned(),
        "\u{feff}{}".to_owned(),
    ] {
        assert!(check(&pair.token(&header, "{}")).is_err());
    }
}

/// ASVS 9.1.1: what is signed badly is never parsed, whatever it holds.
#[test]
fn claims_are_read_after_the_signature() {
    #[derive(Debug, PartialEq)]
    struct NeverRead;
    impl<'de> Deserialize<'de> for NeverRead {
        fn deserialize<D: serde::Deserializer<'de>>(_: D) -> Result<Self, D::Error> {
            panic!("claims were read before the signature was known to be good")
        }
    }
    for pair in KEYS.iter() {
        let mut token = pair.good();
        let last = token.len() - 20;
        let new = if &token[last..=last] == "A" { "B" } else { "A" };
        token.replace_range(last..=last, new);
        assert_eq!(verify::<NeverRead>(&token, TYP, &PUBLIC), Err(JwsError::BadSignature));
    }
}

#[test]
fn claims_of_another_shape() {
    #[derive(Debug, PartialEq, Deserialize)]
    struct Claims {
        exp: u64,
    }
    let pair = &KEYS[0];
    let token = |payload: &str| pair.token(&pair.header().to_string(), payload);
    assert_eq!(verify(&token(r#"{"exp":1}"#), TYP, &PUBLIC), Ok(Claims { exp: 1 }));
    for payload in [
        r#"{"exp":"1"}"#,
        r#"{"exp":-1}"#,
        r#"{"exp":1.5}"#,
        r#"{"exp":null}"#,
        r#"{"exp":1,"exp":2}"#,
        r#"{"exp":1}{}"#,
        r#"{}"#,
        "",
        "null",
        "\u{0}",
    ] {
        assert_eq!(verify::<Claims>(&token(payload), TYP, &PUBLIC), Err(JwsError::BadClaims), "{payload}");
    }
}

#[test]
fn another_encoding_of_ecdsa_is_refused() {
    // DER, which JWS does not use (RFC 7518 §3.4).
    let pair = &KEYS[0];
    let token = pair.good();
    let (signed, signature) = token.rsplit_once('.').unwrap();
    let raw = unbase64url(signature).unwrap();
    let integer = |bytes: &[u8]| {
        let pad: &[u8] = if bytes[0] >= 0x80 { &[0] } else { &[] };
        [&[2, (bytes.len() + pad.len()) as u8], pad, bytes].concat()
    };
    let body = [integer(&raw[..32]), integer(&raw[32..])].concat();
    let der = [&[0x30, body.len() as u8], &body[..]].concat();
    assert_eq!(check(&format!("{signed}.{}", base64url(&der))), Err(JwsError::BadSignature));
    // CVE-2022-21449: zeros in the place of r and s.
    for zeros in [[&[0; 32], &raw[32..]].concat(), [&raw[..32], &[0; 32]].concat(), vec![0; 64]] {
        assert_eq!(check(&format!("{signed}.{}", base64url(&zeros))), Err(JwsError::BadSignature));
    }
}
