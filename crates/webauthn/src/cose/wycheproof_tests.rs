//! Project Wycheproof's vectors, through the COSE key and the signature check of an assertion. See vectors/README.md.

use serde_json::Value;

use super::*;

fn unhex(value: &Value) -> Vec<u8> {
    let text = value.as_str().unwrap();
    (0..text.len()).step_by(2).map(|at| u8::from_str_radix(&text[at..at + 2], 16).unwrap()).collect()
}

/// An unsigned number without the zeros in front.
fn number(value: &Value) -> Vec<u8> {
    unhex(value).into_iter().skip_while(|byte| *byte == 0).collect()
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

fn p256(key: &Value) -> Vec<u8> {
    let point = unhex(&key["uncompressed"]);
    let (x, y) = (byte_string(&point[1..33]), byte_string(&point[33..]));
    [&[0xa5, 1, 2, 3, 0x26, 0x20, 1, 0x21][..], &x, &[0x22], &y].concat()
}

fn ed25519(key: &Value) -> Vec<u8> {
    [&[0xa4, 1, 1, 3, 0x27, 0x20, 6, 0x21][..], &byte_string(&unhex(&key["pk"]))].concat()
}

fn rsa(key: &Value) -> Vec<u8> {
    let (n, e) = (byte_string(&number(&key["modulus"])), byte_string(&number(&key["publicExponent"])));
    [&[0xa4, 1, 3, 3, 0x39, 1, 0, 0x20][..], &n, &[0x21], &e].concat()
}

/// How many verified, how many did not, and how many have a key that is refused, after checking that each did as it should.
fn run(file: &str, cose: fn(&Value) -> Vec<u8>) -> (usize, usize, usize) {
    let file: Value = serde_json::from_str(file).unwrap();
    let (mut verified, mut refused, mut without_key) = (0, 0, 0);
    for group in file["testGroups"].as_array().unwrap() {
        let tests = group["tests"].as_array().unwrap();
        let Ok(key) = parse(&cose(&group["publicKey"])) else {
            without_key += tests.len();
            continue;
        };
        for test in tests {
            let good = key.verifies(&unhex(&test["msg"]), &unhex(&test["sig"]));
            // The one `acceptable` vector, an RSA padding without its NULL, counts as bad.
            assert_eq!(good, test["result"] == "valid", "{}: {}", test["tcId"], test["comment"]);
            if good { verified += 1 } else { refused += 1 }
        }
    }
    assert_eq!(file["numberOfTests"], verified + refused + without_key);
    (verified, refused, without_key)
}

#[test]
fn es256_in_der() {
    let file = include_str!("../../../../vectors/wycheproof/ecdsa_secp256r1_sha256_test.json");
    assert_eq!(run(file, p256), (174, 310, 0));
}

/// The same curve with raw signatures, of which none is DER.
#[test]
fn es256_raw_is_no_der() {
    let file = include_str!("../../../../vectors/wycheproof/ecdsa_secp256r1_sha256_p1363_test.json");
    let file: Value = serde_json::from_str(file).unwrap();
    for group in file["testGroups"].as_array().unwrap() {
        let key = parse(&p256(&group["publicKey"])).ok().unwrap();
        for test in group["tests"].as_array().unwrap() {
            assert!(!key.verifies(&unhex(&test["msg"]), &unhex(&test["sig"])), "{}", test["tcId"]);
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
    assert_eq!(run(file, rsa), (7, 250, 2));
}
