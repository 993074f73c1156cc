//! Client data (§5.8.1): the JSON that the browser wrote and the authenticator signed by its hash.

use std::collections::BTreeSet;
use std::fmt;

use aws_lc_rs::constant_time::verify_slices_are_equal;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::de::{Deserialize, Deserializer, Error as _, IgnoredAny, MapAccess, Visitor};

use crate::{Error, RelyingParty, origin};

const MAX_LENGTH: usize = 8 * 1024;
/// §13.4.3: a challenge should have at least 16 bytes. Also guards against an empty expectation.
const MIN_CHALLENGE_LENGTH: usize = 16;

/// The `type` of the ceremony.
#[derive(Clone, Copy)]
pub(crate) enum Ceremony {
    Create,
    Get,
}

/// Reads the challenge out of client data **that is not verified yet**, so that the caller can find and open its
/// sealed challenge. Only [`crate::verify_registration`] and [`crate::verify_assertion`] tell whether it is genuine.
pub fn peek_challenge(client_data_json: &[u8]) -> Result<Vec<u8>, Error> {
    parse(client_data_json).map(|data| data.challenge)
}

/// Verifies client data and gives the origin that matched.
pub(crate) fn verify(
    client_data_json: &[u8],
    ceremony: Ceremony,
    challenge: &[u8],
    rp: &RelyingParty<'_>,
) -> Result<String, Error> {
    let data = parse(client_data_json)?;
    // WebAuthn L3 §7.1 step 7, §7.2 step 10
    let expected_type = match ceremony {
        Ceremony::Create => "webauthn.create",
        Ceremony::Get => "webauthn.get",
    };
    if data.kind != expected_type {
        return Err(Error::WrongType);
    }
    // WebAuthn L3 §7.1 step 8, §7.2 step 11
    if challenge.len() < MIN_CHALLENGE_LENGTH || verify_slices_are_equal(&data.challenge, challenge).is_err()
    {
        return Err(Error::ChallengeMismatch);
    }
    // WebAuthn L3 §7.1 step 9, §7.2 step 12
    if !origin::is_allowed(&data.origin, rp.origins) {
        return Err(Error::OriginNotAllowed);
    }
    // WebAuthn L3 §7.1 step 10, §7.2 step 13; a top origin alone (steps 11 and 14) says cross-origin as well
    if (data.cross_origin || data.top_origin.is_some()) && !rp.allow_cross_origin {
        return Err(Error::CrossOriginRefused);
    }
    // WebAuthn L3 §7.1 step 11, §7.2 step 14. Not every client names the top origin, so absence is accepted.
    if let Some(top_origin) = &data.top_origin {
        if !data.cross_origin {
            return Err(Error::MalformedClientData);
        }
        if !origin::is_allowed(top_origin, rp.origins) {
            return Err(Error::TopOriginNotAllowed);
        }
    }
    Ok(data.origin)
}

struct ClientData {
    kind: String,
    challenge: Vec<u8>,
    origin: String,
    cross_origin: bool,
    top_origin: Option<String>,
}

// WebAuthn L3 §7.1 steps 5-6, §7.2 steps 8-9
fn parse(client_data_json: &[u8]) -> Result<ClientData, Error> {
    if client_data_json.len() > MAX_LENGTH {
        return Err(Error::TooLarge);
    }
    // Checked as a whole first: serde_json does not look into the strings that it skips.
    let text = std::str::from_utf8(client_data_json).map_err(|_| Error::MalformedClientData)?;
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    let members: Members = serde_json::from_str(text).map_err(|_| Error::MalformedClientData)?;
    let challenge = members.challenge.ok_or(Error::MalformedClientData)?;
    Ok(ClientData {
        kind: members.kind.ok_or(Error::MalformedClientData)?,
        challenge: URL_SAFE_NO_PAD.decode(challenge).map_err(|_| Error::MalformedClientData)?,
        origin: members.origin.ok_or(Error::MalformedClientData)?,
        cross_origin: members.cross_origin.unwrap_or(false),
        top_origin: members.top_origin,
    })
}

#[derive(Default)]
struct Members {
    kind: Option<String>,
    challenge: Option<String>,
    origin: Option<String>,
    cross_origin: Option<bool>,
    top_origin: Option<String>,
}

// By hand, because derived code ignores a repeated unknown member. Unknown members are allowed: Chromium adds some.
impl<'de> Deserialize<'de> for Members {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(MembersVisitor)
    }
}

struct MembersVisitor;

impl<'de> Visitor<'de> for MembersVisitor {
    type Value = Members;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Members, A::Error> {
        let mut members = Members::default();
        let mut seen = BTreeSet::new();
        while let Some(name) = map.next_key::<String>()? {
            match name.as_str() {
                // Null counts as absent.
                "type" => members.kind = map.next_value()?,
                "challenge" => members.challenge = map.next_value()?,
                "origin" => members.origin = map.next_value()?,
                "crossOrigin" => members.cross_origin = map.next_value()?,
                "topOrigin" => members.top_origin = map.next_value()?,
                // Among them tokenBinding, which Level 3 keeps only as a reserved name.
                _ => drop(map.next_value::<IgnoredAny>()?),
            }
            if !seen.insert(name) {
                return Err(A::Error::custom("repeated member"));
            }
        }
        Ok(members)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const CHALLENGE: &[u8] = b"0123456789abcdef";
    const SOUND: &str =
        r#"{"type":"webauthn.get","challenge":"MDEyMzQ1Njc4OWFiY2RlZg","origin":"https://example.com"}"#;

    #[test]
    fn peeks_the_challenge() {
        assert_eq!(peek_challenge(SOUND.as_bytes()).as_deref(), Ok(CHALLENGE));
        assert_eq!(peek_challenge(format!("\u{feff}{SOUND}").as_bytes()).as_deref(), Ok(CHALLENGE));
    }

    #[test]
    fn unknown_members_are_ignored() {
        let extra = r#"{"other_keys_can_be_added_here":{"a":[1,{}]},"tokenBinding":{"status":"supported"},"#;
        let text = SOUND.replacen('{', extra, 1);
        assert_eq!(peek_challenge(text.as_bytes()).as_deref(), Ok(CHALLENGE));
    }

    #[test]
    fn null_is_absent() {
        for extra in
            ["{\"crossOrigin\":null,", "{\"topOrigin\":null,", "{\"crossOrigin\":null,\"topOrigin\":null,"]
        {
            let text = SOUND.replacen('{', extra, 1);
            let data = parse(text.as_bytes()).unwrap();
            assert_eq!((data.cross_origin, data.top_origin), (false, None), "{text}");
        }
        for needed in ["\"webauthn.get\"", "\"MDEyMzQ1Njc4OWFiY2RlZg\"", "\"https://example.com\""] {
            let text = SOUND.replacen(needed, "null", 1);
            assert_eq!(parse(text.as_bytes()).err(), Some(Error::MalformedClientData), "{text}");
        }
    }

    #[test]
    fn refuses_what_is_no_client_data() {
        for (from, to) in [
            ("{\"type", "[{\"type"),
            ("\"type\":\"webauthn.get\",", ""),
            ("\"challenge\":\"MDEyMzQ1Njc4OWFiY2RlZg\",", ""),
            (",\"origin\":\"https://example.com\"", ""),
            ("\"webauthn.get\"", "7"),
            ("\"webauthn.get\"", "null"),
            ("{", "{\"origin\":\"https://evil.com\","),
            ("{", "{\"\\u006frigin\":\"https://evil.com\","),
            ("{", "{\"x\":1,\"x\":1,"),
            ("{", "{\"crossOrigin\":\"true\","),
            ("{", "{\"topOrigin\":7,"),
            // padding, spare bits set, a letter too many, white space, the other alphabet
            ("RlZg", "RlZg=="),
            ("RlZg", "RlZh"),
            ("RlZg", "RlZgAAA"),
            ("RlZg", "RlZg "),
            ("MDEy", "+/Ey"),
            ("}", "} x"),
            ("}", "}{}"),
            ("}", ""),
        ] {
            let text = SOUND.replacen(from, to, 1);
            assert_ne!(text, SOUND);
            assert_eq!(peek_challenge(text.as_bytes()), Err(Error::MalformedClientData), "{text}");
        }
        for bytes in [&b""[..], b"null", b"[]", b"\"x\"", b"{}", b"\xff\xfe{}"] {
            assert_eq!(peek_challenge(bytes), Err(Error::MalformedClientData));
        }
        let mut bad_utf8 = SOUND.replacen('{', "{\"x\":\"?\",", 1).into_bytes();
        bad_utf8.iter_mut().filter(|b| **b == b'?').for_each(|b| *b = 0xff);
        assert_eq!(peek_challenge(&bad_utf8), Err(Error::MalformedClientData));
    }

    #[test]
    fn refuses_long_and_deep() {
        let long = SOUND.replacen('{', &format!("{{\"x\":\"{}\",", "a".repeat(MAX_LENGTH)), 1);
        assert_eq!(peek_challenge(long.as_bytes()), Err(Error::TooLarge));
        let deep = format!("{{\"x\":{}", "[".repeat(MAX_LENGTH - 10));
        assert_eq!(peek_challenge(deep.as_bytes()), Err(Error::MalformedClientData));
    }

    #[test]
    fn a_short_expectation_never_matches() {
        let rp = RelyingParty { id: "example.com", origins: &[], allow_cross_origin: false };
        let text = SOUND.replacen("MDEyMzQ1Njc4OWFiY2RlZg", "", 1);
        assert_eq!(verify(text.as_bytes(), Ceremony::Get, b"", &rp), Err(Error::ChallengeMismatch));
    }
}
