//! The examples of RFC 7515, RFC 7638 and RFC 8037. Their tokens carry neither `kid` nor `typ`, so they
//! are verified below the token's header.

use super::*;
use crate::encoding::{base64url, unbase64url};

/// RFC 7515 A.2 and A.3: the payload they share, with its line breaks.
const PAYLOAD: &str = "{\"iss\":\"joe\",\r\n \"exp\":1300819380,\r\n \"http://example.com/is_root\":true}";

/// Whether a token verifies, and whether it still does with each byte of its text changed.
fn verifies(key: &VerifyingKey, token: &str) -> bool {
    let (signed, signature) = token.rsplit_once('.').unwrap();
    let signature = unbase64url(signature).unwrap();
    for at in 0..signed.len() {
        let mut changed = signed.as_bytes().to_vec();
        changed[at] ^= 1;
        assert!(!key.verify_bytes(&changed, &signature));
    }
    for at in 0..signature.len() {
        let mut changed = signature.clone();
        changed[at] ^= 1;
        assert!(!key.verify_bytes(signed.as_bytes(), &changed));
        assert!(!key.verify_bytes(signed.as_bytes(), &signature[..at]));
    }
    key.verify_bytes(signed.as_bytes(), &signature)
}

fn verifying(mut jwk: Jwk) -> VerifyingKey {
    jwk.kid = thumbprint(&jwk).unwrap();
    VerifyingKey::from_jwk(&jwk).unwrap()
}

fn decoded(text: &str) -> Vec<u8> {
    unbase64url(text).unwrap()
}

#[test]
fn rfc_7515_a2_rs256() {
    let n = "ofgWCuLjybRlzo0tZWJjNiuSfb4p4fAkd_wWJcyQoTbji9k0l8W26mPddxHmfHQp-Vaw-4qPCJrcS2mJPMEzP1Pt0Bm4d4QlL-yRT-SFd2lZS-pCgNMsD1W_YpRPEwOWvG6b32690r2jZ47soMZo9wGzjb_7OMg0LOL-bSf63kpaSHSXndS5z5rexMdbBYUsLA9e-KXBdQOS-UTo7WTBEMa2R2CapHg665xsmtdVMTBQY4uDZlxvb3qCo5ZwKh9kG4LT6_I5IhlJH7aGhyxXFvUK-DWNmoudF8NAco9_h9iaGNj8q2ethFkMLs91kzk2PAcDTW9gb54h4FRWyuXpoQ";
    let signature = "cC4hiUPoj9Eetdgtv3hF80EGrhuB__dzERat0XF9g2VtQgr9PJbu3XOiZj5RZmh7AAuHIm4Bh-0Qc_lF5YKt_O8W2Fp5jujGbds9uJdbF9CUAr7t1dnZcAcQjbKBYNX4BAynRFdiuB--f_nZLgrnbyTyWzO75vRK5h6xBArLIARNPvkSjtQBMHlb1L07Qe7K0GarZRmB_eSN9383LcOLn6_dO--xi12jzDwusC-eOkHWEsqtFZESc6BfI7noOPqvhJ1phCnvWh6IeYI2w9QOYEUipUTI8np6LbgGY9Fs98rqVt5AXLIhWkWywlVmtVrBp0igcN_IoypGlUPQGe77Rw";
    let token = format!("eyJhbGciOiJSUzI1NiJ9.{}.{signature}", base64url(PAYLOAD.as_bytes()));
    assert!(verifies(&verifying(Jwk::rsa(&decoded(n), &decoded("AQAB"))), &token));
}

#[test]
fn rfc_7515_a3_es256() {
    let x = "f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU";
    let y = "x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0";
    let signature = "DtEhU3ljbEg8L38VWAfUAqOyKAM6-Xx-F4GawxaepmXFCgfTjDxw5djxLa8ISlSApmWQxfKTUJqPP3-Kg6NU1Q";
    let token = format!("eyJhbGciOiJFUzI1NiJ9.{}.{signature}", base64url(PAYLOAD.as_bytes()));
    assert!(verifies(&verifying(Jwk::ec(&decoded(x), &decoded(y))), &token));
}

const ED25519_X: &str = "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo";
const ED25519_TOKEN: &str = "eyJhbGciOiJFZERTQSJ9.RXhhbXBsZSBvZiBFZDI1NTE5IHNpZ25pbmc.hgyY0il_MGCjP0JzlnLWG1PPOt7-09PGcvMg3AIbQR6dWbhijcNR4ki4iylGjg5BhVsPt9g7sVvpAr_MuM0KAg";

#[test]
fn rfc_8037_a4_and_a5_ed25519() {
    let seed = decoded("nWGxne_9WmC6hEr0kuwsxERJxWl7MmkZcDusAxyuf2A");
    // RFC 8410 §7: PKCS#8 version 1 around a seed of 32 bytes.
    let prefix = [0x30, 0x2e, 2, 1, 0, 0x30, 5, 6, 3, 0x2b, 0x65, 0x70, 4, 0x22, 4, 0x20];
    let key = SigningKey::from_pkcs8(Algorithm::EdDsa, &[&prefix[..], &seed].concat()).ok().unwrap();
    assert_eq!(key.jwk().x.as_deref(), Some(ED25519_X));
    assert_eq!(key.kid(), "kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k");
    let by_seed = SigningKey::from_seed(&seed.clone().try_into().unwrap()).ok().unwrap();
    assert_eq!((by_seed.algorithm(), by_seed.jwk()), (Algorithm::EdDsa, key.jwk()));

    let (signed, signature) = ED25519_TOKEN.rsplit_once('.').unwrap();
    assert_eq!(base64url(&key.sign_bytes(signed.as_bytes()).unwrap()), signature);
    assert!(verifies(&key.verifying_key().unwrap(), ED25519_TOKEN));
}

#[test]
fn rfc_8037_a3_thumbprint() {
    let jwk = Jwk::okp(&decoded(ED25519_X));
    assert_eq!(thumbprint(&jwk).as_deref(), Some("kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k"));
}

#[test]
fn rfc_7638_thumbprint() {
    let n = "0vx7agoebGcQSuuPiLJXZptN9nndrQmbXEps2aiAFbWhM78LhWx4cbbfAAtVT86zwu1RK7aPFFxuhDR1L6tSoc_BJECPebWKRXjBZCiFV4n3oknjhMstn64tZ_2W-5JsGY4Hc5n9yBXArwl93lqt7_RN5w6Cf0h4QyQ5v-65YGjQR0_FDW2QvzqY368QQMicAtaSqzs8KJZgnYb9c7d0zgdAZHzu6qMQvRL5hajrn1n91CbOpbISD08qNLyrdkt-bFTWhAI4vMQFh6WeZu0fM4lFd2NcRwr3XPksINHaQ-G_xBniIqbw0Ls1jF44-csFCur-kEgU8awapJzKnqDKgw";
    let jwk = Jwk::rsa(&decoded(n), &decoded("AQAB"));
    assert_eq!(thumbprint(&jwk).as_deref(), Some("NzbLsXh8uDCcd-6MNwXF4W_7noWXFZAfHkxZsRGC9Xs"));
    // §3.2: the other members do not count, and a missing one leaves no thumbprint.
    let named = Jwk { kid: "2011-04-29".to_owned(), usage: "enc".to_owned(), ..jwk.clone() };
    assert_eq!(thumbprint(&named), thumbprint(&jwk));
    assert_eq!(thumbprint(&Jwk { e: None, ..jwk.clone() }), None);
    assert_eq!(thumbprint(&Jwk { kty: "oct".to_owned(), ..jwk }), None);
}
