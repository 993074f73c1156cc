//! Where the database is: a URL as libpq knows it, with stricter words for TLS.

use std::net::IpAddr;

use percent_encoding::percent_decode_str;
use tokio_postgres::Config;
use tokio_postgres::config::{Host, SslMode};

/// A URL that was understood.
pub(super) struct Address {
    pub(super) config: Config,
    /// A file of certificate authorities in PEM; without it, those that the world's browsers trust.
    pub(super) authorities: Option<String>,
}

/// Reads a URL. The reasons never repeat any of it: a password could be anywhere in it.
pub(super) fn read(url: &str) -> Result<Address, &'static str> {
    const FORM: &str = "not of the form postgres://USER:PASSWORD@HOST:PORT/DATABASE?sslmode=verify-full";
    let parts = Parts::of(url).ok_or(FORM)?;
    let mut config: Config = parts.for_the_driver().parse().map_err(|_| {
        "its user, host, port, database or one of its options cannot be read (characters such as @, /, ? and # \
         in a password are written %40, %2F, %3F and %23)"
    })?;
    if config.get_hosts().is_empty() && config.get_hostaddrs().is_empty() {
        return Err("it names no host");
    }
    let mode = parts.option("sslmode");
    let required = match mode.as_deref() {
        Some("disable") => false,
        Some("require" | "verify-full") => true,
        // Words with which a server, or somebody between, may talk us out of TLS.
        Some(_) => {
            return Err("`sslmode` is one of verify-full, require (which verifies as well) and disable");
        }
        None => !is_local(&config),
    };
    config.ssl_mode(if required { SslMode::Require } else { SslMode::Disable });
    Ok(Address { config, authorities: parts.option("sslrootcert").filter(|file| file != "system") })
}

/// What an operator may read of it: no user, no password, no options.
pub(super) fn shown(config: &Config) -> String {
    let host = match config.get_hosts().first() {
        Some(Host::Tcp(name)) => name.clone(),
        #[cfg(unix)]
        Some(Host::Unix(folder)) => folder.display().to_string(),
        None => config.get_hostaddrs().first().map(IpAddr::to_string).unwrap_or_default(),
    };
    format!(
        "PostgreSQL at {host}, database {}",
        config.get_dbname().or(config.get_user()).unwrap_or("unnamed")
    )
}

/// Whether nothing leaves this machine.
fn is_local(config: &Config) -> bool {
    let names = config.get_hosts().iter().all(|host| match host {
        Host::Tcp(name) => {
            name == "localhost" || name.parse::<IpAddr>().is_ok_and(|address| address.is_loopback())
        }
        #[cfg(unix)]
        Host::Unix(_) => true,
    });
    names && config.get_hostaddrs().iter().all(IpAddr::is_loopback)
}

/// The pieces of a URL, as written.
struct Parts<'a> {
    /// With the `@` at its end, or nothing.
    credentials: &'a str,
    hosts: &'a str,
    /// With the `/` at its beginning, or nothing.
    path: &'a str,
    options: Vec<(&'a str, &'a str)>,
}

impl<'a> Parts<'a> {
    fn of(url: &'a str) -> Option<Self> {
        let rest = url.strip_prefix("postgres://").or_else(|| url.strip_prefix("postgresql://"))?;
        let (credentials, rest) = rest.split_at(rest.find('@').map_or(0, |at| at + 1));
        let (place, query) = rest.split_once('?').unwrap_or((rest, ""));
        let (hosts, path) = place.split_at(place.find('/').unwrap_or(place.len()));
        let options = query.split('&').filter(|option| !option.is_empty());
        let options = options.map(|option| option.split_once('=')).collect::<Option<_>>()?;
        Some(Self { credentials, hosts, path, options })
    }

    fn option(&self, name: &str) -> Option<String> {
        let (_, value) = self.options.iter().find(|(key, _)| *key == name)?;
        Some(percent_decode_str(value).decode_utf8_lossy().into_owned())
    }

    /// The URL without what we see to ourselves. A host among the options replaces the other, as with libpq:
    /// the driver would try both.
    fn for_the_driver(&self) -> String {
        let replaced = self.options.iter().any(|(key, _)| *key == "host");
        let hosts = if replaced { "" } else { self.hosts };
        let mut options: Vec<String> = self
            .options
            .iter()
            .filter(|(key, _)| !["sslmode", "sslrootcert"].contains(key))
            .map(|(key, value)| format!("{key}={value}"))
            .collect();
        if let (true, Some((_, port))) = (replaced, self.hosts.rsplit_once(':'))
            && port.bytes().all(|b| b.is_ascii_digit())
        {
            options.push(format!("port={port}"));
        }
        format!("postgres://{}{hosts}{}?{}", self.credentials, self.path, options.join("&"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mode(url: &str) -> SslMode {
        read(url).map_err(str::to_owned).unwrap().config.get_ssl_mode()
    }

    #[test]
    fn only_what_stays_on_this_machine_goes_in_the_clear_unasked() {
        for local in ["localhost", "127.0.0.1:5433", "[::1]", "%2Ftmp%2Fsocket", "localhost,127.0.0.2"] {
            assert_eq!(mode(&format!("postgres://u@{local}/d")), SslMode::Disable, "{local}");
        }
        for remote in ["db.example.org", "10.0.0.1:5433", "localhost,db", "localhost.example.org"] {
            assert_eq!(mode(&format!("postgres://u@{remote}/d")), SslMode::Require, "{remote}");
            assert_eq!(mode(&format!("postgres://u@{remote}/d?sslmode=disable")), SslMode::Disable);
        }
        assert_eq!(mode("postgres://u@localhost/d?hostaddr=10.0.0.1"), SslMode::Require);
        assert_eq!(mode("postgres://u@localhost/d?sslmode=require"), SslMode::Require);
        assert_eq!(
            mode("postgresql://u@localhost/d?application_name=x&sslmode=verify-full"),
            SslMode::Require
        );
    }

    #[test]
    fn words_that_leave_it_to_the_server_are_refused() {
        for word in ["prefer", "allow", "verify-ca", ""] {
            let reason = read(&format!("postgres://u@h/d?sslmode={word}")).err().unwrap();
            assert!(reason.contains("verify-full"), "{reason}");
        }
    }

    #[test]
    fn a_host_among_the_options_replaces_the_other() {
        let address =
            read("postgres://u@localhost:5433/d?host=/tmp/x&sslrootcert=%2Fetc%2Fca.pem").ok().unwrap();
        assert_eq!(address.config.get_hosts(), [Host::Unix("/tmp/x".into())]);
        assert_eq!(address.config.get_ports(), [5433]);
        assert_eq!(address.authorities.as_deref(), Some("/etc/ca.pem"));
        assert_eq!(address.config.get_ssl_mode(), SslMode::Disable);
    }

    #[test]
    fn a_password_is_nowhere_in_what_is_said() {
        let wrong = [
            "mysql://u:hunter2@h/d",
            "postgres://u:hunter2@h:port/d",
            "postgres://u:hunter2@h/d?hunter2",
            "postgres://u:hunter2@h/d?hunter2=1",
            "postgres://u:hunter2@",
            "postgres://u:p/hunter2?@h/d?x=hunter2",
        ];
        for url in wrong {
            let reason = read(url).err().unwrap();
            assert!(!reason.contains("hunter2"), "{reason}");
        }
        let config = read("postgres://u:hunter2@h,i/d?password=hunter2").ok().unwrap().config;
        assert_eq!(shown(&config), "PostgreSQL at h, database d");
    }
}
