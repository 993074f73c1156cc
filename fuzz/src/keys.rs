//! What must hold for every input of `stile-keys`. A broken promise panics. Each target says whether the
//! input was taken, so that a corpus of nothing but rubbish does not go unnoticed.

use serde_json::Value;
use stile_keys::encoding::{base64url, hex, unbase64url, unhex};
use stile_keys::jws::{Jwk, VerifyingKey, thumbprint, verify};
use stile_keys::p256_key::PublicKeyHex;
use stile_keys::{MacKey, MasterKey, Sealer, sealed_token};

use super::mutate::Target;

/// Public keys of which nobody has the private half any more.
const KEYS: &str = include_str!("jws_keys.json");
/// All that was ever signed with them, a token a line.
const TOKENS: &str = include_str!("jws_tokens.txt");
const TYP: &str = "stile-elevated+jwt";

/// Every target here, by its name in `fuzz_targets` and in `corpus`.
pub const TARGETS: &[Target] = &[
    ("jws", jws),
    ("jwk", jwk),
    ("encoding", encoding),
    ("p256_key", p256_key),
    ("sealed", sealed),
    ("master_key", master_key),
];

thread_local! {
    static VERIFYING: Vec<VerifyingKey> = {
        let keys: Vec<Jwk> = serde_json::from_str(KEYS).unwrap_or_default();
        let keys: Vec<_> = keys.iter().filter_map(|key| VerifyingKey::from_jwk(key).ok()).collect();
        assert_eq!(keys.len(), 3);
        keys
    };
}

/// No token verifies but those that were signed. (The text of an ES256 signature has a twin; what it signs has not.)
pub fn jws(data: &[u8]) -> bool {
    let Ok(token) = std::str::from_utf8(data) else { return false };
    let taken = VERIFYING.with(|keys| verify::<Value>(token, TYP, keys)).is_ok();
    if taken {
        let signed = |token: &str| token.rsplit_once('.').map(|it| it.0.to_owned());
        assert!(TOKENS.lines().any(|known| signed(known) == signed(token)), "forged: {token}");
    }
    taken
}

/// A public key that is taken has a thumbprint, and is taken again as what it is written as.
pub fn jwk(data: &[u8]) -> bool {
    let Ok(jwk) = serde_json::from_slice::<Jwk>(data) else { return false };
    let Ok(key) = VerifyingKey::from_jwk(&jwk) else { return false };
    assert_eq!((key.kid(), key.algorithm()), (jwk.kid.as_str(), jwk.alg));
    assert_eq!(thumbprint(&jwk).map(|it| it.len()), Some(43));
    let again = serde_json::to_vec(&jwk).and_then(|text| serde_json::from_slice::<Jwk>(&text));
    assert_eq!(again.ok().as_ref(), Some(&jwk));
    true
}

/// One value, one text.
pub fn encoding(data: &[u8]) -> bool {
    assert_eq!(unhex(&hex(data)).as_deref(), Some(data));
    assert_eq!(unbase64url(&base64url(data)).as_deref(), Some(data));
    let Ok(text) = std::str::from_utf8(data) else { return false };
    if let Some(bytes) = unhex(text) {
        assert_eq!(hex(&bytes), text.to_ascii_lowercase());
    }
    if let Some(bytes) = unbase64url(text) {
        assert_eq!(base64url(&bytes), text);
        return true;
    }
    false
}

/// A session key has one spelling to compare, and did not sign this.
pub fn p256_key(data: &[u8]) -> bool {
    let Ok(text) = std::str::from_utf8(data) else { return false };
    let (key, signature) = text.split_once('\n').unwrap_or((text, ""));
    let Ok(key) = PublicKeyHex::parse(key) else { return false };
    assert!(key.as_str().len() == 66 && !key.as_str().contains(|c: char| c.is_ascii_uppercase()));
    assert_eq!(PublicKeyHex::parse(key.as_str()).as_ref(), Ok(&key));
    assert!(!key.verify(b"never signed", signature));
    true
}

/// Nothing opens that was not sealed, and no token passes that was not issued.
pub fn sealed(data: &[u8]) -> bool {
    let Ok(sealer) = Sealer::new(&[3; 32]) else { return false };
    assert!(sealer.open(&[b"row"], data).is_err());
    assert!(sealed_token::check(&MacKey::new(&[4; 32]), &[b"context"], data, 1_000_000, i64::MAX).is_err());
    false
}

/// A master key reads back as itself.
pub fn master_key(data: &[u8]) -> bool {
    let Ok(text) = std::str::from_utf8(data) else { return false };
    let Ok(key) = MasterKey::parse(text) else { return false };
    let again = MasterKey::parse(&key.encode()).map(|again| again.check_value() == key.check_value());
    assert!(matches!(again, Ok(true)));
    true
}
