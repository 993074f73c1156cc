//! The keys of `vectors/keys` in JWK form, and the signatures of "Taming the many EdDSAs". See vectors/README.md.

use serde_json::Value;

use super::*;
use crate::encoding::{hex, unhex};
use crate::p256_key::PublicKeyHex;

const KEYS: &str = include_str!("../../../../vectors/keys/public-keys.json");
const TAMING: &str = include_str!("../../../../vectors/keys/taming-the-many-eddsas.json");

fn bytes(value: &Value) -> Vec<u8> {
    unhex(value.as_str().unwrap()).unwrap()
}

fn taken(jwk: Jwk) -> Option<VerifyingKey> {
    VerifyingKey::from_jwk(&Jwk { kid: "vector".to_owned(), ..jwk }).ok()
}

fn rsa(key: &Value) -> Jwk {
    let bits = key["bits"].as_u64().unwrap() as usize;
    let mut n = vec![0xa5; bits.div_ceil(8)];
    n[0] = 1 << ((bits - 1) % 8);
    *n.last_mut().unwrap() = if key["odd"] == true { 0xa5 } else { 0xa4 };
    Jwk::rsa(&n, &bytes(&key["e"]))
}

#[test]
fn sound_keys_and_no_others_are_taken() {
    let keys: Value = serde_json::from_str(KEYS).unwrap();
    let mut seen = [0; 2];
    let mut check = |kind: &str, jwk: &dyn Fn(&Value) -> Jwk| {
        for key in keys[kind].as_array().unwrap() {
            assert_eq!(taken(jwk(key)).is_some(), key["sound"] == true, "{kind} {key}");
            seen[usize::from(key["sound"] == true)] += 1;
        }
    };
    check("ed25519", &|key| Jwk::okp(&bytes(&key["x"])));
    check("p256", &|key| Jwk::ec(&bytes(&key["x"]), &bytes(&key["y"])));
    check("rsa", &rsa);
    assert_eq!(seen, [49, 14], "keys that are refused and keys that are taken");
}

/// The keys of the SDK are compressed: x says all, and the sign of y.
#[test]
fn points_of_the_sdk_are_held_to_the_same() {
    let keys: Value = serde_json::from_str(KEYS).unwrap();
    for key in keys["p256"].as_array().unwrap() {
        let (x, y) = (bytes(&key["x"]), bytes(&key["y"]));
        let compressed = hex(&[&[2 | y[31] & 1], &x[..]].concat());
        if key["sound"] == true {
            assert!(PublicKeyHex::parse(&compressed).is_ok(), "{key}");
        } else if x[..4] == [0xff; 4] {
            assert!(PublicKeyHex::parse(&compressed).is_err(), "{key}");
        }
    }
}

/// Ten of the twelve have a key of small or mixed order. The other two have an S that is too large (RFC 8032 §5.1.7).
#[test]
fn none_of_the_many_eddsas_verifies() {
    let cases: Value = serde_json::from_str(TAMING).unwrap();
    let cases = cases.as_array().unwrap();
    assert_eq!(cases.len(), 12);
    for case in cases {
        let key = taken(Jwk::okp(&bytes(&case["pub_key"])));
        assert_eq!(key.is_some(), case["key_order"] == "prime", "{case}");
        let good =
            key.is_some_and(|key| key.verify_bytes(&bytes(&case["message"]), &bytes(&case["signature"])));
        assert!(!good, "{case}");
    }
}
