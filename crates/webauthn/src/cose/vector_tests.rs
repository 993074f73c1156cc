//! The keys of `vectors/keys` as COSE keys, and the signatures of "Taming the many EdDSAs". See vectors/README.md.

use serde_json::Value;

use super::*;

const KEYS: &str = include_str!("../../../../vectors/keys/public-keys.json");
const TAMING: &str = include_str!("../../../../vectors/keys/taming-the-many-eddsas.json");

fn unhex(value: &Value) -> Vec<u8> {
    let text = value.as_str().unwrap();
    (0..text.len()).step_by(2).map(|at| u8::from_str_radix(&text[at..at + 2], 16).unwrap()).collect()
}

fn byte_string(bytes: &[u8]) -> Vec<u8> {
    let [high, low] = (bytes.len() as u16).to_be_bytes();
    let head = match bytes.len() {
        0..=23 => vec![0x40 | low],
        24..=255 => vec![0x58, low],
        _ => vec![0x59, high, low],
    };
    [head, bytes.to_vec()].concat()
}

fn ed25519(x: &[u8]) -> Vec<u8> {
    [&[0xa4, 1, 1, 3, 0x27, 0x20, 6, 0x21][..], &byte_string(x)].concat()
}

fn p256(x: &[u8], y: &[u8]) -> Vec<u8> {
    [&[0xa5, 1, 2, 3, 0x26, 0x20, 1, 0x21][..], &byte_string(x), &[0x22], &byte_string(y)].concat()
}

fn rsa(key: &Value) -> Vec<u8> {
    let bits = key["bits"].as_u64().unwrap() as usize;
    let mut n = vec![0xa5; bits.div_ceil(8)];
    n[0] = 1 << ((bits - 1) % 8);
    *n.last_mut().unwrap() = if key["odd"] == true { 0xa5 } else { 0xa4 };
    let n = byte_string(&n);
    [&[0xa4, 1, 3, 3, 0x39, 1, 0, 0x20][..], &n, &[0x21], &byte_string(&unhex(&key["e"]))].concat()
}

#[test]
fn sound_keys_and_no_others_are_taken() {
    let keys: Value = serde_json::from_str(KEYS).unwrap();
    let mut seen = [0; 2];
    let mut check = |kind: &str, cose: &dyn Fn(&Value) -> Vec<u8>| {
        for key in keys[kind].as_array().unwrap() {
            assert_eq!(parse(&cose(key)).is_ok(), key["sound"] == true, "{kind} {key}");
            seen[usize::from(key["sound"] == true)] += 1;
        }
    };
    check("ed25519", &|key| ed25519(&unhex(&key["x"])));
    check("p256", &|key| p256(&unhex(&key["x"]), &unhex(&key["y"])));
    check("rsa", &rsa);
    assert_eq!(seen, [49, 14], "keys that are refused and keys that are taken");
}

/// Ten of the twelve have a key of small or mixed order. The other two have an S that is too large (RFC 8032 §5.1.7).
#[test]
fn none_of_the_many_eddsas_verifies() {
    let cases: Value = serde_json::from_str(TAMING).unwrap();
    let cases = cases.as_array().unwrap();
    assert_eq!(cases.len(), 12);
    for case in cases {
        let key = parse(&ed25519(&unhex(&case["pub_key"])));
        assert_eq!(key.is_ok(), case["key_order"] == "prime", "{case}");
        let good = key.is_ok_and(|key| key.verifies(&unhex(&case["message"]), &unhex(&case["signature"])));
        assert!(!good, "{case}");
    }
}
