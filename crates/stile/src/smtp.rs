//! The mail server on the command line.

use stile_server::delivery::transport::ConfigError;
use stile_server::delivery::{Hello, Transport};
use url::{Host, Url};

use crate::error::{Problem, sentence};

/// Reads `--smtp-hello`.
pub fn hello(text: &str) -> Result<Hello, Problem> {
    Hello::parse(text).map_err(|error| {
        Problem::new(sentence(&error.to_string()), "Give it as --smtp-hello mail.example.com")
    })
}

/// Reads `--smtp-url` and `--mail-from`. Nothing is connected, and no text repeats the URL, which may hold a
/// password.
pub fn transport(url: &str, from: &str, hello: &Hello) -> Result<Transport, Problem> {
    Transport::smtp(url, from, hello).map_err(|error| {
        let mend = match error {
            ConfigError::From => "Give the sender as --mail-from no-reply@example.com",
            _ => "Give the mail server as --smtp-url smtps://user:password@mail.example.com, with % codes for special characters in user and password.",
        };
        Problem::new(sentence(&error.to_string()), mend)
    })
}

/// Host and port of the mail server, as `Transport::smtp` understands the URL.
pub fn address(url: &str) -> Option<(String, u16)> {
    let url = Url::parse(url).ok()?;
    let host = Host::parse(url.host_str()?).ok()?;
    let local = match &host {
        Host::Domain(name) => name == "localhost",
        Host::Ipv4(ip) => ip.is_loopback(),
        Host::Ipv6(ip) => ip.is_loopback(),
    };
    let usual = match url.scheme() {
        "smtps" => 465,
        _ if local => 25,
        _ => 587,
    };
    let name = match host {
        Host::Domain(name) => name,
        Host::Ipv4(ip) => ip.to_string(),
        Host::Ipv6(ip) => ip.to_string(),
    };
    Some((name, url.port().unwrap_or(usual)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_mail_server_is_found() {
        for (url, host, port) in [
            ("smtps://u:p@mail.example.com", "mail.example.com", 465),
            ("smtp://mail.example.com", "mail.example.com", 587),
            ("smtp://localhost", "localhost", 25),
            ("smtp://[::1]:1025", "::1", 1025),
        ] {
            assert_eq!(address(url), Some((host.to_owned(), port)), "{url}");
        }
    }

    #[test]
    fn no_password_is_repeated() {
        for url in ["smtp://u:hunter2@", "http://u:hunter2@h", "smtps://u:hunter2%zz@h", "u:hunter2"] {
            let problem = transport(url, "a@b.example", &Hello::default()).err().unwrap();
            assert!(!problem.to_string().contains("hunter2"), "{problem}");
        }
    }
}
