//! Which web origins belong to an environment: parsed, never compared as text.

use serde::{Deserialize, Serialize};
use std::fmt;
use url::{Host, Url};

/// One entry of an environment's list of allowed origins.
///
/// Three forms: `https://app.example.com` (exactly that origin), `https://*.example.com` (one whole
/// label, https only) and `http://localhost:*` (any port of localhost, sandbox environments alone).
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub enum OriginPattern {
    /// Exactly this origin, in its ASCII form.
    Exact(String),
    /// `https://<one label>.<suffix>`, default port.
    AnyLabel {
        /// The host after the first dot.
        suffix: String,
    },
    /// `http://localhost` on any port.
    Localhost,
}

/// An entry is none of the accepted forms.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
#[error("`{0}` is not an origin: write https://app.example.com, https://*.example.com or http://localhost:*")]
pub struct NotAnOrigin(String);

const MAX_ORIGIN: usize = 300;

impl OriginPattern {
    /// Parses one entry.
    pub fn parse(text: &str) -> Result<Self, NotAnOrigin> {
        let refuse = || NotAnOrigin(text.chars().take(100).collect());
        if text == "http://localhost:*" {
            return Ok(Self::Localhost);
        }
        if let Some(suffix) = text.strip_prefix("https://*.") {
            let host = Host::parse(suffix).map_err(|_| refuse())?;
            // A wildcard directly under a public suffix such as `*.com` would open the environment to strangers.
            return match host {
                Host::Domain(suffix) if suffix.contains('.') && !suffix.contains('*') => {
                    Ok(Self::AnyLabel { suffix })
                }
                _ => Err(refuse()),
            };
        }
        origin_of(text).map(Self::Exact).ok_or_else(refuse)
    }

    /// Whether the origin (an `Origin` header's value) falls under this entry.
    pub fn matches(&self, origin: &str) -> bool {
        if !is_normal(origin) {
            return false;
        }
        match self {
            Self::Exact(exact) => exact == origin,
            Self::Localhost => {
                Url::parse(origin).is_ok_and(|u| u.scheme() == "http" && u.host_str() == Some("localhost"))
            }
            Self::AnyLabel { suffix } => origin
                .strip_prefix("https://")
                .and_then(|host| host.split_once('.'))
                .is_some_and(|(label, rest)| !label.is_empty() && rest == suffix),
        }
    }

    /// Whether pages of this entry may have come over an unencrypted connection, by which anybody on the way is let in.
    pub fn is_plain_http(&self) -> bool {
        match self {
            Self::Localhost => true,
            Self::AnyLabel { .. } => false,
            Self::Exact(origin) => origin.starts_with("http://"),
        }
    }

    /// The public suffix directly below which this entry lets in every name, as `co.uk` or `github.io`: anybody can have
    /// one of those.
    pub fn open_suffix(&self) -> Option<&str> {
        match self {
            Self::AnyLabel { suffix } if is_public_suffix(suffix) => Some(suffix),
            Self::AnyLabel { .. } | Self::Exact(_) | Self::Localhost => None,
        }
    }

    /// Whether the entry names localhost, which a `live` environment refuses.
    pub fn is_localhost(&self) -> bool {
        match self {
            Self::Localhost => true,
            Self::AnyLabel { .. } => false,
            Self::Exact(origin) => {
                Url::parse(origin).ok().and_then(|u| u.host().map(|h| is_loopback(&h))).unwrap_or(true)
            }
        }
    }
}

/// Whether the text is an origin in its normal form, the only one that browsers send: lower case, no default port, nothing
/// beside scheme, host and port (RFC 6454 §6.2).
pub fn is_normal(text: &str) -> bool {
    origin_of(text).is_some_and(|normal| normal == text)
}

/// The ASCII origin of a text that is an origin and nothing more: http(s), host, optional port.
pub fn origin_of(text: &str) -> Option<String> {
    if text.len() > MAX_ORIGIN {
        return None;
    }
    let url = Url::parse(text).ok()?;
    let bare = matches!(url.scheme(), "https" | "http")
        && url.username().is_empty()
        && url.password().is_none()
        && url.path() == "/"
        && url.query().is_none()
        && url.fragment().is_none()
        && !url.host_str()?.contains('*');
    // In its ASCII form too: it is what is kept, and read again.
    bare.then(|| url.origin().ascii_serialization()).filter(|origin| origin.len() <= MAX_ORIGIN)
}

/// Whether names directly below this domain belong to different people (publicsuffix.org).
pub fn is_public_suffix(domain: &str) -> bool {
    psl::suffix(domain.as_bytes())
        .is_some_and(|suffix| suffix.is_known() && suffix.as_bytes() == domain.as_bytes())
}

fn is_loopback(host: &Host<&str>) -> bool {
    match host {
        Host::Domain(name) => *name == "localhost" || name.ends_with(".localhost"),
        Host::Ipv4(ip) => ip.is_loopback(),
        Host::Ipv6(ip) => ip.is_loopback(),
    }
}

impl fmt::Display for OriginPattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Exact(origin) => f.write_str(origin),
            Self::AnyLabel { suffix } => write!(f, "https://*.{suffix}"),
            Self::Localhost => f.write_str("http://localhost:*"),
        }
    }
}

impl TryFrom<String> for OriginPattern {
    type Error = NotAnOrigin;
    fn try_from(text: String) -> Result<Self, NotAnOrigin> {
        Self::parse(&text)
    }
}

impl From<OriginPattern> for String {
    fn from(pattern: OriginPattern) -> Self {
        pattern.to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns_match_whole_hosts_only() {
        let cases = [
            ("https://example.com", "https://example.com", true),
            ("https://example.com", "https://EXAMPLE.com", false),
            ("https://example.com", "https://example.com:443", false),
            ("https://EXAMPLE.com:443", "https://example.com", true),
            ("https://example.com", "https://example.com/", false),
            ("http://localhost:*", "HTTP://LOCALHOST:3000", false),
            ("http://localhost:*", "http:\\\\localhost:3000", false),
            ("http://localhost:*", "http:localhost:3000", false),
            ("http://localhost:*", "http://local\thost:3000", false),
            ("http://localhost:*", "http://localhost:03000", false),
            ("http://localhost:*", "http://localhost:3000 ", false),
            ("https://*.example.com", "https://A.example.com", false),
            ("https://example.com", "https://badexample.com", false),
            ("https://example.com", "https://example.com.evil.com", false),
            ("https://example.com", "http://example.com", false),
            ("https://example.com", "https://example.com:8443", false),
            ("https://example.com", "https://example.com@evil.com", false),
            ("https://example.com", "null", false),
            ("https://*.example.com", "https://a.example.com", true),
            ("https://*.example.com", "https://a.b.example.com", false),
            ("https://*.example.com", "https://example.com", false),
            ("https://*.example.com", "https://evilexample.com", false),
            ("https://*.example.com", "http://a.example.com", false),
            ("https://*.example.com", "https://a.example.com:8443", false),
            ("http://localhost:*", "http://localhost:3000", true),
            ("http://localhost:*", "http://localhost", true),
            ("http://localhost:*", "http://localhost.evil.com", false),
            ("http://localhost:*", "https://localhost:3000", false),
        ];
        for (pattern, origin, expected) in cases {
            let pattern = OriginPattern::parse(pattern).unwrap();
            assert_eq!(pattern.matches(origin), expected, "{pattern} against {origin}");
        }
    }

    #[test]
    fn a_wildcard_over_a_public_suffix_is_known() {
        for (entry, open) in [
            ("https://*.co.uk", true),
            ("https://*.github.io", true),
            ("https://*.vercel.app", true),
            ("https://*.xn--55qx5d.cn", true),
            ("https://*.foo.ck", true),
            ("https://*.example.co.uk", false),
            ("https://*.ann.github.io", false),
            ("https://*.example.com", false),
            ("https://*.corp.internal", false),
            ("https://co.uk", false),
        ] {
            assert_eq!(OriginPattern::parse(entry).unwrap().open_suffix().is_some(), open, "{entry}");
        }
    }

    #[test]
    fn odd_entries_are_refused() {
        for text in [
            "",
            "*",
            "https://*",
            "https://*.com",
            "http://*.example.com",
            "https://a*.example.com",
            "https://example.com/path",
            "ftp://example.com",
            "https://u:p@example.com",
            "https://*.*.example.com",
        ] {
            assert!(OriginPattern::parse(text).is_err(), "{text}");
        }
    }
}
