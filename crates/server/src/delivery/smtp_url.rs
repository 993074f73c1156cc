//! Where mail goes, read from a URL: `smtps://user:password@host:port` or `smtp://…`.

use std::net::IpAddr;

use lettre::transport::smtp::authentication::Credentials;
use lettre::transport::smtp::client::TlsParameters;
use lettre::transport::smtp::{SMTP_PORT, SUBMISSION_PORT, SUBMISSIONS_PORT};
use stile_keys::encoding::unhex;
use url::Url;

use super::transport::ConfigError;

/// A server and how to talk to it. No `Debug`: it holds the password.
pub(super) struct Endpoint {
    pub(super) host: String,
    pub(super) port: u16,
    pub(super) security: Security,
    pub(super) credentials: Option<Credentials>,
}

/// How the connection is protected.
pub(super) enum Security {
    /// Not at all. To this machine only.
    Plain,
    /// STARTTLS (RFC 3207), and no mail to a server that does not offer it.
    StartTls(TlsParameters),
    /// TLS from the first byte (RFC 8314).
    Implicit(TlsParameters),
}

impl Endpoint {
    pub(super) fn parse(text: &str) -> Result<Self, ConfigError> {
        let url = Url::parse(text).map_err(|_| ConfigError::NotAUrl)?;
        if !matches!(url.path(), "" | "/") || url.query().is_some() || url.fragment().is_some() {
            return Err(ConfigError::Surplus);
        }
        let host = host(url.host_str().unwrap_or_default())?;
        let credentials = credentials(&url)?;
        let tls =
            |host: &str| TlsParameters::new(host.to_owned()).map_err(|e| ConfigError::Tls(e.to_string()));
        let (security, default_port) = match url.scheme() {
            "smtps" => (Security::Implicit(tls(&host)?), SUBMISSIONS_PORT),
            "smtp" if is_loopback(&host) => (Security::Plain, SMTP_PORT),
            "smtp" => (Security::StartTls(tls(&host)?), SUBMISSION_PORT),
            _ => return Err(ConfigError::Scheme),
        };
        Ok(Self { host, port: url.port().unwrap_or(default_port), security, credentials })
    }
}

/// The URL standard leaves the host of an unknown scheme as it is: read it as that of a web address.
fn host(text: &str) -> Result<String, ConfigError> {
    match url::Host::parse(text).map_err(|_| ConfigError::Host)? {
        url::Host::Domain(name) => Ok(name),
        url::Host::Ipv4(address) => Ok(address.to_string()),
        url::Host::Ipv6(address) => Ok(address.to_string()),
    }
}

fn is_loopback(host: &str) -> bool {
    host == "localhost" || host.parse::<IpAddr>().is_ok_and(|address| address.is_loopback())
}

fn credentials(url: &Url) -> Result<Option<Credentials>, ConfigError> {
    match (url.username(), url.password()) {
        ("", None) => Ok(None),
        ("", Some(_)) | (_, None) => Err(ConfigError::Credentials),
        (user, Some(password)) => Ok(Some(Credentials::new(decoded(user)?, decoded(password)?))),
    }
}

/// Percent-decoding. A `+` is a plus: this is no form.
fn decoded(text: &str) -> Result<String, ConfigError> {
    let mut pieces = text.split('%');
    let mut out = pieces.next().unwrap_or_default().as_bytes().to_vec();
    for piece in pieces {
        let (digits, rest) = piece.split_at_checked(2).ok_or(ConfigError::Credentials)?;
        out.extend(unhex(digits).ok_or(ConfigError::Credentials)?);
        out.extend_from_slice(rest.as_bytes());
    }
    String::from_utf8(out).map_err(|_| ConfigError::Credentials)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn kind(url: &str) -> Result<(String, u16, &'static str), ConfigError> {
        let endpoint = Endpoint::parse(url)?;
        let security = match endpoint.security {
            Security::Plain => "plain",
            Security::StartTls(_) => "starttls",
            Security::Implicit(_) => "implicit",
        };
        Ok((endpoint.host, endpoint.port, security))
    }

    #[test]
    fn only_this_machine_gets_mail_in_the_clear() {
        for (url, host, port, security) in [
            ("smtp://localhost:1025", "localhost", 1025, "plain"),
            ("smtp://LOCALHOST", "localhost", 25, "plain"),
            ("smtp://127.0.0.1:25/", "127.0.0.1", 25, "plain"),
            ("smtp://[::1]:1025", "::1", 1025, "plain"),
            ("smtp://mail.example.com", "mail.example.com", 587, "starttls"),
            ("smtp://localhost.example.com", "localhost.example.com", 587, "starttls"),
            ("smtp://10.0.0.1:25", "10.0.0.1", 25, "starttls"),
            ("smtps://mail.example.com", "mail.example.com", 465, "implicit"),
            ("smtps://u:p@mail.example.com:2465", "mail.example.com", 2465, "implicit"),
            ("smtps://localhost", "localhost", 465, "implicit"),
        ] {
            assert_eq!(kind(url), Ok((host.to_owned(), port, security)), "{url}");
        }
    }

    #[test]
    fn credentials_are_decoded() {
        let given = |url: &str| Endpoint::parse(url).map(|endpoint| endpoint.credentials);
        let expected = Credentials::new("ann@example.com".into(), "a:b/c+d é%".into());
        let url = "smtps://ann%40example.com:a%3Ab%2Fc+d%20%C3%A9%25@mail.example.com";
        assert!(given(url) == Ok(Some(expected)));
        assert!(given("smtps://mail.example.com") == Ok(None));
        for bad in ["u", "u:p%zz", "u:p%4", "u:p%ff", ":p"] {
            let url = format!("smtps://{bad}@mail.example.com");
            assert!(given(&url) == Err(ConfigError::Credentials), "{bad}");
        }
    }

    #[test]
    fn what_is_not_understood_is_refused() {
        for (url, error) in [
            ("", ConfigError::NotAUrl),
            ("mail.example.com:25", ConfigError::Surplus),
            ("http://mail.example.com", ConfigError::Scheme),
            ("smtp://", ConfigError::Host),
            ("smtp:///x", ConfigError::Surplus),
            ("smtp://a b", ConfigError::NotAUrl),
            ("smtps://mail.example.com:99999", ConfigError::NotAUrl),
            ("smtp://mail.example.com?tls=none", ConfigError::Surplus),
            ("smtps://mail.example.com/name", ConfigError::Surplus),
        ] {
            assert_eq!(kind(url), Err(error), "{url}");
        }
    }
}
