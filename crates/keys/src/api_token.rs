//! API tokens of the admin API: `stile_` and 56 letters and digits (333 random bits). Only a keyed hash
//! and the last six characters are stored.

use zeroize::Zeroizing;

use crate::{MacKey, random};

/// What every token begins with, so that scanners for leaked secrets find it.
pub const PREFIX: &str = "stile_";
const BODY: usize = 56;

/// A new token. Shown once.
pub fn generate() -> Zeroizing<String> {
    let body = random::alphanumeric(BODY);
    let mut token = Zeroizing::new(String::with_capacity(PREFIX.len() + BODY));
    token.push_str(PREFIX);
    token.push_str(&body);
    token
}

/// The keyed hash under which a token is stored and looked up: HMAC-SHA-256. `None` for a text that
/// cannot be a token, which spares the look-up.
pub fn hash(key: &MacKey, token: &str) -> Option<[u8; 32]> {
    is_well_formed(token).then(|| key.tag(&[token.as_bytes()]))
}

/// The last six characters, to tell tokens apart in a list. `None` for a text that is no token.
pub fn last_six(token: &str) -> Option<&str> {
    if !is_well_formed(token) {
        return None;
    }
    token.get(token.len() - 6..)
}

fn is_well_formed(token: &str) -> bool {
    token
        .strip_prefix(PREFIX)
        .is_some_and(|body| body.len() == BODY && body.bytes().all(|byte| byte.is_ascii_alphanumeric()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn key() -> MacKey {
        MacKey::new(&[5; 32])
    }

    #[test]
    fn tokens_are_distinct_and_well_formed() {
        let (a, b) = (generate(), generate());
        assert_eq!(a.len(), 62);
        assert_ne!(*a, *b);
        assert_ne!(hash(&key(), &a).unwrap(), hash(&key(), &b).unwrap());
        assert_eq!(hash(&key(), &a), hash(&key(), &a));
        assert!(a.ends_with(last_six(&a).unwrap()));
        assert_eq!(last_six(&a).unwrap().len(), 6);
    }

    #[test]
    fn nothing_else_is_hashed() {
        let token = generate();
        let bad = [
            String::new(),
            PREFIX.to_owned(),
            token[..61].to_owned(),
            format!("{}x", *token),
            token.to_uppercase(),
            format!(" {}", *token),
            format!("{PREFIX}{}", "é".repeat(28)),
            format!("{PREFIX}{}", "-".repeat(56)),
        ];
        for text in bad {
            assert_eq!(hash(&key(), &text), None, "{text:?}");
            assert_eq!(last_six(&text), None, "{text:?}");
        }
    }

    proptest! {
        #[test]
        fn never_panics(text: String) {
            let _ = (hash(&key(), &text), last_six(&text));
            let prefixed = format!("{PREFIX}{text}");
            let _ = (hash(&key(), &prefixed), last_six(&prefixed));
        }
    }
}
