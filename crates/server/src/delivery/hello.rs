//! The name under which mail servers get to know this one (RFC 5321 §4.1.1.1). It never comes from the machine: relays refuse
//! names that are not full ones, and containers have no others.

use std::fmt;
use std::net::{Ipv4Addr, Ipv6Addr};

use lettre::transport::smtp::extension::ClientId;
use url::{Host, Url};

use super::transport::ConfigError;

/// A full domain name, or an address literal.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Hello(ClientId);

impl Hello {
    /// The host of the public URL. Where that is no full name, the address literal of this machine (RFC 5321 §4.1.4).
    pub fn of(public_url: &Url) -> Self {
        match public_url.host() {
            Some(Host::Domain(name)) if name.contains('.') => Self(ClientId::Domain(name.to_owned())),
            Some(Host::Ipv4(ip)) => Self(ClientId::Ipv4(ip)),
            Some(Host::Ipv6(ip)) => Self(ClientId::Ipv6(ip)),
            Some(Host::Domain(_)) | None => Self::default(),
        }
    }

    /// Reads a full domain name such as `mail.example.com`, or an address literal: `[192.0.2.1]`, `[IPv6:2001:db8::1]`.
    ///
    /// # Errors
    /// [`ConfigError::Hello`].
    pub fn parse(text: &str) -> Result<Self, ConfigError> {
        let literal = text.strip_prefix('[').and_then(|text| text.strip_suffix(']'));
        let parsed = match literal {
            Some(literal) => match literal.strip_prefix("IPv6:") {
                Some(ip) => ip.parse::<Ipv6Addr>().ok().map(ClientId::Ipv6),
                None => literal.parse::<Ipv4Addr>().ok().map(ClientId::Ipv4),
            },
            None => match Host::parse(text) {
                Ok(Host::Domain(name)) if name.contains('.') => Some(ClientId::Domain(name)),
                _ => None,
            },
        };
        parsed.map(Self).ok_or(ConfigError::Hello)
    }

    pub(super) const fn client(&self) -> &ClientId {
        &self.0
    }
}

impl Default for Hello {
    fn default() -> Self {
        Self(ClientId::Ipv4(Ipv4Addr::LOCALHOST))
    }
}

impl fmt::Display for Hello {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// getprobo/probo#1284, multica-ai/multica#3679: `EHLO vm` was refused by every relay that wants a full name.
    #[test]
    fn the_public_url_gives_the_name() {
        for (url, name) in [
            ("https://auth.example.com", "auth.example.com"),
            ("https://auth.example.com:8443/", "auth.example.com"),
            ("https://bücher.example", "xn--bcher-kva.example"),
            ("https://192.0.2.1", "[192.0.2.1]"),
            ("https://[2001:db8::1]", "[IPv6:2001:db8::1]"),
            ("http://localhost:7845", "[127.0.0.1]"),
        ] {
            assert_eq!(Hello::of(&url.parse().unwrap()).to_string(), name, "{url}");
        }
    }

    #[test]
    fn a_setting_is_a_full_name_or_a_literal() {
        for text in ["mail.example.com", "[192.0.2.1]", "[IPv6:2001:db8::1]"] {
            assert_eq!(Hello::parse(text).unwrap().to_string(), text);
        }
        for text in [
            "",
            "vm",
            "localhost",
            "192.0.2.1",
            "[vm]",
            "[::1]",
            "mail.example.com\r\nMAIL FROM:<a@b.example>",
            "a b.example",
            "mail.example.com:25",
        ] {
            assert_eq!(Hello::parse(text), Err(ConfigError::Hello), "{text:?}");
        }
    }
}
