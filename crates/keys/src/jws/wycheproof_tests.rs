//! Project Wycheproof's vectors, through public keys in JWK form and the signature check of a token; P-256 also
//! through the keys of the SDK. See vectors/README.md.

use serde_json::Value;

use super::*;
use crate::encoding::{base64url, hex, unhex};
use crate::p256_key::PublicKeyHex;

fn bytes(value: &Value) -> Vec<u8> {
    unhex(value.as_str().unwrap()).unwrap()
}

fn number(value: &Value) -> String {
    base64url(&bytes(value).into_iter().skip_while(|byte| *byte == 0).collect::<Vec<_>>())
}

fn p256(key: &Value) -> Jwk {
    let point = bytes(&key["uncompressed"]);
    jwk(Jwk::ec(&point[1..33], &point[33..]))
}

fn ed25519(key: &Value) -> Jwk {
    jwk(Jwk::okp(&bytes(&key["pk"])))
}

fn rsa(key: &Value) -> Jwk {
    let mut out = jwk(Jwk::rsa(&[], &[]));
    (out.n, out.e) = (Some(number(&key["modulus"])), Some(number(&key["publicExponent"])));
    out
}

fn jwk(jwk: Jwk) -> Jwk {
    Jwk { kid: "wycheproof".to_owned(), ..jwk }
}

/// How many verified, how many did not, and how many have a key that is refused.
fn run(file: &str, jwk: fn(&Value) -> Jwk) -> (usize, usize, usize) {
    let file: Value = serde_json::from_str(file).unwrap();
    let (mut verified, mut refused, mut without_key) = (0, 0, 0);
    for group in file["testGroups"].as_array().unwrap() {
        let tests = group["tests"].as_array().unwrap();
        let Ok(key) = VerifyingKey::from_jwk(&jwk(&group["publicKey"])) else {
            without_key += tests.len();
            continue;
        };
        for test in tests {
            let good = key.verify_bytes(&bytes(&test["msg"]), &bytes(&test["sig"]));
            // The one `acceptable` vector, an RSA padding without its NULL, counts as bad.
            assert_eq!(good, test["result"] == "valid", "{}: {}", test["tcId"], test["comment"]);
            if good { verified += 1 } else { refused += 1 }
        }
    }
    assert_eq!(file["numberOfTests"], verified + refused + without_key);
    (verified, refused, without_key)
}

const P1363: &str = include_str!("../../../../vectors/wycheproof/ecdsa_secp256r1_sha256_p1363_test.json");

#[test]
fn es256() {
    assert_eq!(run(P1363, p256), (173, 89, 0));
}

#[test]
fn es256_of_the_sdk() {
    let file: Value = serde_json::from_str(P1363).unwrap();
    let mut seen = 0;
    for group in file["testGroups"].as_array().unwrap() {
        let point = bytes(&group["publicKey"]["uncompressed"]);
        let compressed = [&[2 | point[64] & 1], &point[1..33]].concat();
        let key = PublicKeyHex::parse(&hex(&compressed)).unwrap();
        for test in group["tests"].as_array().unwrap() {
            let good = key.verify(&bytes(&test["msg"]), test["sig"].as_str().unwrap());
            assert_eq!(good, test["result"] == "valid", "{}: {}", test["tcId"], test["comment"]);
            seen += 1;
        }
    }
    assert_eq!(seen, 262);
}

/// A token's ES256 signature is raw; DER is refused even where it is sound.
#[test]
fn es256_in_der_is_not_raw() {
    let file = include_str!("../../../../vectors/wycheproof/ecdsa_secp256r1_sha256_test.json");
    let file: Value = serde_json::from_str(file).unwrap();
    for group in file["testGroups"].as_array().unwrap() {
        let key = VerifyingKey::from_jwk(&p256(&group["publicKey"])).unwrap();
        for test in group["tests"].as_array().unwrap() {
            assert!(!key.verify_bytes(&bytes(&test["msg"]), &bytes(&test["sig"])), "{}", test["tcId"]);
        }
    }
}

#[test]
fn eddsa() {
    let file = include_str!("../../../../vectors/wycheproof/ed25519_test.json");
    assert_eq!(run(file, ed25519), (88, 63, 0));
}

/// The longest modulus that is taken.
#[test]
fn rs256_of_8192_bits() {
    let file = include_str!("../../../../vectors/wycheproof/rsa_signature_8192_sha256_test.json");
    assert_eq!(run(file, rsa), (7, 251, 0));
}

/// Two keys have the exponent 3, which we do not take.
#[test]
fn rs256() {
    let file = include_str!("../../../../vectors/wycheproof/rsa_signature_2048_sha256_test.json");
    let (verified, refused, without_key) = run(file, rsa);
    assert_eq!((verified, refused, without_key), (7, 250, 2));
}
