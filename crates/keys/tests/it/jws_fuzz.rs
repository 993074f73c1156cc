//! Arbitrary input never panics and is never accepted.

use proptest::prelude::*;
use serde_json::Value;
use stile_keys::encoding::base64url;
use stile_keys::jws::{Algorithm, Jwk, SigningKey, VerifyingKey, thumbprint};

use crate::forge::{KEYS, check};

fn member() -> impl Strategy<Value = Option<String>> {
    proptest::option::of(prop_oneof![any::<String>(), "[A-Za-z0-9_-]{43}", "[A-Za-z0-9_-]{342}"])
}

fn jwk() -> impl Strategy<Value = Jwk> {
    let alg = prop_oneof![Just(Algorithm::Es256), Just(Algorithm::EdDsa), Just(Algorithm::Rs256)];
    let crv = prop_oneof![Just(None), Just(Some("P-256".to_owned())), Just(Some("Ed25519".to_owned()))];
    (any::<String>(), "EC|OKP|RSA|.*", alg, crv, member(), member(), member(), member()).prop_map(
        |(kid, kty, alg, crv, x, y, n, e)| Jwk { kid, kty, alg, usage: "sig".to_owned(), crv, x, y, n, e },
    )
}

proptest! {
    #[test]
    fn any_text(token: String) {
        prop_assert!(check(&token).is_err());
    }

    #[test]
    fn anything_between_two_periods(token in "[A-Za-z0-9_-]{0,80}\\.[A-Za-z0-9_-]{0,80}\\.[A-Za-z0-9_-]{0,90}") {
        prop_assert!(check(&token).is_err());
    }

    #[test]
    fn any_header_with_a_good_signature(header: String) {
        let token = KEYS[0].token(&header, "{}");
        prop_assert!(check(&token).is_err());
    }

    #[test]
    fn any_payload_with_a_good_signature(payload: String) {
        let token = KEYS[0].token(&KEYS[0].header().to_string(), &payload);
        let is_json = serde_json::from_str::<Value>(&payload).is_ok();
        prop_assert_eq!(check(&token).is_ok(), is_json);
    }

    #[test]
    fn a_good_header_with_any_signature(key in 0..3_usize, signature: Vec<u8>, fixed: [u8; 32]) {
        let header = base64url(KEYS[key].header().to_string().as_bytes());
        let fixed = [fixed, fixed].concat();
        for signature in [signature, fixed] {
            let token = format!("{header}.e30.{}", base64url(&signature));
            prop_assert!(check(&token).is_err());
        }
    }

    #[test]
    fn any_jwk(jwk in jwk()) {
        let _ = (VerifyingKey::from_jwk(&jwk), thumbprint(&jwk));
    }

    #[test]
    fn any_pkcs8(document: Vec<u8>) {
        for alg in Algorithm::ALL {
            prop_assert!(SigningKey::from_pkcs8(alg, &document).is_err());
        }
    }
}
