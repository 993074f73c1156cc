//! Origins: parsed, normalised, and compared part by part. Text prefixes and suffixes are never looked at, so
//! `badexample.com` and `example.com.evil.com` cannot pass for `example.com`.

use std::fmt;

use url::Url;

use crate::Error;

const MAX_LENGTH: usize = 512;

/// An origin that may run ceremonies. Make it with [`AllowedOrigin::parse`], which normalises the host.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum AllowedOrigin {
    /// One origin.
    Exact {
        /// `https` or `http`.
        scheme: String,
        /// Lower-case ASCII host; an IPv6 address in brackets.
        host: String,
        /// The port, the scheme's default filled in.
        port: u16,
    },
    /// One scheme and host on every port, for development servers: `http://localhost:*`.
    AnyPort {
        /// `https` or `http`.
        scheme: String,
        /// Lower-case ASCII host; an IPv6 address in brackets.
        host: String,
    },
}

impl AllowedOrigin {
    /// Reads `https://app.example.com`, `https://app.example.com:8443` or `http://localhost:*`.
    ///
    /// Refuses every other scheme, paths (also a lone `/`), userinfo and any other wildcard
    /// with [`Error::InvalidOrigin`].
    pub fn parse(text: &str) -> Result<Self, Error> {
        let (base, any_port) = match text.strip_suffix(":*") {
            Some(base) => (base, true),
            None => (text, false),
        };
        let Some((_, authority)) = base.split_once("://") else { return Err(Error::InvalidOrigin) };
        // The URL parser repairs what it can (tabs, backslashes, escapes); configuration should say what it means.
        let odd = |c: char| c.is_whitespace() || c.is_control() || "/\\?#@*%".contains(c);
        if base.len() > MAX_LENGTH || authority.contains(odd) || authority.ends_with(':') {
            return Err(Error::InvalidOrigin);
        }
        let after_host = authority.rsplit(']').next().unwrap_or(authority);
        if any_port && after_host.contains(':') {
            return Err(Error::InvalidOrigin);
        }
        let url = Url::parse(base).map_err(|_| Error::InvalidOrigin)?;
        let Origin { scheme, host, port } = web_origin(&url).ok_or(Error::InvalidOrigin)?;
        Ok(match any_port {
            true => AllowedOrigin::AnyPort { scheme, host },
            false => AllowedOrigin::Exact { scheme, host, port },
        })
    }

    fn matches(&self, origin: &Origin) -> bool {
        match self {
            AllowedOrigin::Exact { scheme, host, port } => {
                *scheme == origin.scheme && *host == origin.host && *port == origin.port
            }
            AllowedOrigin::AnyPort { scheme, host } => *scheme == origin.scheme && *host == origin.host,
        }
    }
}

impl fmt::Display for AllowedOrigin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            AllowedOrigin::Exact { scheme, host, port } if default_port(scheme) == Some(*port) => {
                write!(f, "{scheme}://{host}")
            }
            AllowedOrigin::Exact { scheme, host, port } => write!(f, "{scheme}://{host}:{port}"),
            AllowedOrigin::AnyPort { scheme, host } => write!(f, "{scheme}://{host}:*"),
        }
    }
}

struct Origin {
    scheme: String,
    host: String,
    port: u16,
}

/// Whether the origin that a client reported is in the list.
///
/// Clients report the ASCII serialisation of an origin; anything that is not its own serialisation (a path, a
/// default port, capitals, userinfo, `null`, an app's `android:apk-key-hash:`) is no web origin of ours.
pub(crate) fn is_allowed(reported: &str, allowed: &[AllowedOrigin]) -> bool {
    if reported.len() > MAX_LENGTH {
        return false;
    }
    let Ok(url) = Url::parse(reported) else { return false };
    if url.origin().ascii_serialization() != reported {
        return false;
    }
    let Some(origin) = web_origin(&url) else { return false };
    allowed.iter().any(|entry| entry.matches(&origin))
}

fn web_origin(url: &Url) -> Option<Origin> {
    default_port(url.scheme())?;
    match url.origin() {
        // The URL parser lets a star pass, and makes one of other characters too (U+FF0A).
        url::Origin::Tuple(scheme, host, port) => {
            Some(Origin { scheme, host: host.to_string(), port }).filter(|origin| !origin.host.contains('*'))
        }
        url::Origin::Opaque(_) => None,
    }
}

fn default_port(scheme: &str) -> Option<u16> {
    match scheme {
        "https" => Some(443),
        "http" => Some(80),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn allows(entry: &str, reported: &str) -> bool {
        is_allowed(reported, &[AllowedOrigin::parse(entry).unwrap()])
    }

    #[test]
    fn compares_scheme_host_and_port() {
        assert!(allows("https://example.com", "https://example.com"));
        assert!(allows("https://Example.COM:443", "https://example.com"));
        assert!(allows("https://example.com:8443", "https://example.com:8443"));
        assert!(allows("https://[::1]:8443", "https://[::1]:8443"));
        assert!(allows("https://bücher.example", "https://xn--bcher-kva.example"));
        for other in [
            "http://example.com",
            "https://example.com:8443",
            "https://badexample.com",
            "https://example.com.evil.com",
            "https://app.example.com",
            "https://com",
            "https://example.co",
            "https://example.com.",
            "wss://example.com",
            "https://evil.com",
            "",
            "null",
            "example.com",
            "android:apk-key-hash:abc",
        ] {
            assert!(!allows("https://example.com", other), "{other}");
        }
    }

    #[test]
    fn refuses_what_is_not_a_serialised_origin() {
        for other in [
            "https://example.com/",
            "https://example.com/path",
            "https://example.com:443",
            "https://EXAMPLE.com",
            "HTTPS://example.com",
            "https://user@example.com",
            "https://user:pw@example.com",
            "https://example.com@evil.com",
            "https://example.com?x",
            "https://example.com#x",
            " https://example.com",
            "https://example.com\n",
            "https:\\\\example.com",
            "https:example.com",
            "blob:https://example.com/1234",
            "https://ex%61mple.com",
        ] {
            assert!(!allows("https://example.com", other), "{other:?}");
        }
        let long = format!("https://{}.example.com", "a".repeat(MAX_LENGTH));
        assert!(!allows("https://example.com", &long));
    }

    #[test]
    fn any_port_is_one_host() {
        assert!(allows("http://localhost:*", "http://localhost"));
        assert!(allows("http://localhost:*", "http://localhost:5173"));
        assert!(allows("http://[::1]:*", "http://[::1]:5173"));
        for other in [
            "https://localhost:5173",
            "http://localhost.evil.com:5173",
            "http://a.localhost",
            "http://127.0.0.1",
        ] {
            assert!(!allows("http://localhost:*", other), "{other}");
        }
    }

    #[test]
    fn configuration_refuses_what_is_no_origin() {
        for text in [
            "",
            "*",
            "https://",
            "https://*",
            "https://*.example.com",
            "https://＊.example.com",
            "http://＊:*",
            "https://example.*",
            "*://example.com",
            "https://example.com:*:*",
            "https://example.com:8443:*",
            "http://localhost:80:*",
            "https://example.com:",
            "https://example.com/",
            "https://example.com/app",
            "https://example.com/:*",
            "https://user@example.com",
            "https://example.com?q",
            "https://example.com#f",
            "https:example.com",
            "https:///example.com",
            "https://exa mple.com",
            "https://example.com\t",
            "https://ex%61mple.com",
            "https://example.com:99999",
            "ftp://example.com",
            "file:///etc/passwd",
            "data:text/plain,x",
            "blob:https://example.com",
            "chrome-extension://abcdef",
            "null",
            "example.com",
        ] {
            assert_eq!(AllowedOrigin::parse(text), Err(Error::InvalidOrigin), "{text:?}");
        }
    }

    #[test]
    fn displays_what_it_parses() {
        for text in
            ["https://example.com", "https://example.com:8443", "http://localhost:*", "http://[::1]:3000"]
        {
            assert_eq!(AllowedOrigin::parse(text).unwrap().to_string(), text);
        }
    }
}
