//! The JOSE header: three members out, three members in, and refusals.

use core::fmt;
use std::collections::HashSet;

use serde::de::{Error, IgnoredAny, MapAccess, Visitor};
use serde::{Deserialize, Deserializer, Serialize};

/// The header that we write.
#[derive(Serialize)]
pub(super) struct Written<'a> {
    pub(super) alg: &'a str,
    pub(super) kid: &'a str,
    pub(super) typ: &'a str,
}

/// The header that we read.
#[derive(Default)]
pub(super) struct Read {
    pub(super) alg: Option<String>,
    pub(super) kid: Option<String>,
    pub(super) typ: Option<String>,
}

impl<'de> Deserialize<'de> for Read {
    fn deserialize<D: Deserializer<'de>>(input: D) -> Result<Self, D::Error> {
        input.deserialize_map(Members)
    }
}

struct Members;

impl<'de> Visitor<'de> for Members {
    type Value = Read;

    fn expecting(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("a JOSE header")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Read, A::Error> {
        let mut read = Read::default();
        let mut seen = HashSet::new();
        while let Some(name) = map.next_key::<String>()? {
            match name.as_str() {
                "alg" => read.alg = Some(map.next_value()?),
                "kid" => read.kid = Some(map.next_value()?),
                "typ" => read.typ = Some(map.next_value()?),
                // RFC 7515 §4.1.11: we understand no extension. RFC 7516 §4.1.3: nothing is compressed.
                // RFC 7797 §6: `b64` must come with `crit`, so it is refused whatever its value is.
                "crit" | "zip" | "b64" => return Err(Error::custom("a member that is not accepted")),
                // RFC 7515 §4: members that are not understood are ignored. `jwk`, `jku`, `x5u` and `x5c`
                // are among them on purpose: the key comes from us, never from the token.
                _ => {
                    map.next_value::<IgnoredAny>()?;
                }
            }
            // RFC 7515 §4: names are unique. Known and unknown alike, so that no two readers of one token
            // can see different headers.
            if !seen.insert(name) {
                return Err(Error::custom("a member twice"));
            }
        }
        Ok(read)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(json: &str) -> Option<Read> {
        serde_json::from_str(json).ok()
    }

    #[test]
    fn reads_three_members_and_ignores_others() {
        let all =
            read(r#"{"typ":"a","alg":"b","kid":"c","jwk":{"k":[1]},"jku":"x","x5u":1,"x5c":[],"v":null}"#);
        assert!(all.is_some_and(|h| {
            h.typ.as_deref() == Some("a") && h.alg.as_deref() == Some("b") && h.kid.as_deref() == Some("c")
        }));
        assert!(read("{}").is_some_and(|h| h.alg.is_none() && h.kid.is_none() && h.typ.is_none()));
    }

    #[test]
    fn refuses_what_is_not_accepted() {
        for json in [
            r#"{"crit":["exp"]}"#,
            r#"{"crit":[]}"#,
            r#"{"crit":null}"#,
            r#"{"zip":"DEF"}"#,
            r#"{"b64":false}"#,
            r#"{"b64":true}"#,
            r#"{"cr\u0069t":[]}"#,
            r#"{"alg":"a","alg":"a"}"#,
            r#"{"alg":"a","\u0061lg":"b"}"#,
            r#"{"kid":"a","kid":"b"}"#,
            r#"{"typ":"a","typ":"b"}"#,
            r#"{"x":1,"x":1}"#,
            r#"{"alg":null}"#,
            r#"{"alg":["ES256"]}"#,
            r#"{"kid":1}"#,
            r#"{"typ":{}}"#,
            r#"{"alg":"a"}{}"#,
            r#"{"alg":"a"},"#,
            r#"{"alg":"a",}"#,
            r#"["alg"]"#,
            r#""alg""#,
            "null",
            "",
            "{",
        ] {
            assert!(read(json).is_none(), "{json}");
        }
    }
}
