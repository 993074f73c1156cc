//! What the process is told at start.

use std::collections::BTreeMap;
use std::net::{IpAddr, SocketAddr};

use ipnet::IpNet;
use stile_core::EnvironmentId;
use url::Url;

/// The server's own configuration; environments have theirs in the store.
#[derive(Clone, Debug)]
pub struct Config {
    /// The URL under which clients reach this server. Links and issuers come from here alone, never from a header.
    pub public_url: Url,
    /// Proxies whose `X-Forwarded-For` is believed. None by default.
    pub trusted_proxies: Vec<IpNet>,
    /// Development surfaces, under `stile dev` alone.
    pub development: Option<Development>,
    /// The option by which an operator's command finds the data, with a space before; empty when it does so by itself. Log
    /// lines that name such a command need it.
    pub place: String,
}

/// What only the development server offers.
#[derive(Clone, Debug)]
pub struct Development {
    /// Demanded on development surfaces when the listener is not loopback.
    pub access_token: Option<String>,
    /// The demo backend's own API token for each of the demo's environments.
    pub demo_api_tokens: BTreeMap<EnvironmentId, String>,
}

impl Config {
    /// `<host of the server>[:port]`, the first part of every issuer.
    pub fn host(&self) -> String {
        let host = self.public_url.host_str().unwrap_or("localhost");
        self.public_url.port().map_or_else(|| host.to_owned(), |port| format!("{host}:{port}"))
    }

    /// The server's own web origin.
    pub fn origin(&self) -> String {
        self.public_url.origin().ascii_serialization()
    }

    /// The client's address: the socket's, or what trusted proxies say about it.
    ///
    /// `forwarded` is read from the right: the first address that is no trusted proxy is the client. What is no address
    /// ends the reading.
    pub fn client_address(&self, socket: IpAddr, forwarded: &[&str]) -> Client {
        let mut client = Client { address: socket.to_canonical(), unreadable: false };
        let hops = forwarded.iter().flat_map(|line| line.split(',')).map(str::trim);
        // RFC 9110 §5.6.1: empty members of a list count for nothing.
        let hops: Vec<&str> = hops.filter(|hop| !hop.is_empty()).collect();
        for hop in hops.iter().rev() {
            if !self.trusts(client.address) {
                break;
            }
            let Some(next) = forwarded_address(hop) else {
                client.unreadable = true;
                break;
            };
            client.address = next.to_canonical();
        }
        client
    }

    /// Whether this is the address of a trusted proxy.
    pub fn trusts(&self, address: IpAddr) -> bool {
        self.trusted_proxies.iter().any(|net| net.contains(&address.to_canonical()))
    }
}

/// Where a request came from.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Client {
    /// The client's address, or that of the last proxy whose word could be read.
    pub address: IpAddr,
    /// Whether a trusted proxy named something that is no address.
    pub unreadable: bool,
}

/// An address as proxies write it: `203.0.113.7`, `203.0.113.7:51234`, `2001:db8::7`, `[2001:db8::7]`,
/// `[2001:db8::7]:443`, each also in double quotes.
fn forwarded_address(hop: &str) -> Option<IpAddr> {
    let bare = hop.strip_prefix('"').and_then(|rest| rest.strip_suffix('"')).unwrap_or(hop).trim();
    let bracketed = || bare.strip_prefix('[')?.strip_suffix(']')?.parse().ok().map(IpAddr::V6);
    let with_port = || bare.parse::<SocketAddr>().ok().map(|address| address.ip());
    bare.parse().ok().or_else(bracketed).or_else(with_port)
}

/// What rate limits count an address as: an IPv4 address, or an IPv6 /64 (CVE-2026-45364: one person holds
/// a whole /64).
pub fn address_prefix(address: IpAddr) -> [u8; 8] {
    match address.to_canonical() {
        IpAddr::V4(v4) => {
            let [a, b, c, d] = v4.octets();
            [0, 0, 0, 4, a, b, c, d]
        }
        IpAddr::V6(v6) => {
            let [a, b, c, d, e, f, g, h, ..] = v6.octets();
            [a, b, c, d, e, f, g, h]
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn config(trusted: &[&str]) -> Config {
        Config {
            public_url: Url::parse("https://auth.example.com").unwrap(),
            trusted_proxies: trusted.iter().map(|net| net.parse().unwrap()).collect(),
            development: None,
            place: String::new(),
        }
    }

    fn ip(text: &str) -> IpAddr {
        text.parse().unwrap()
    }

    #[test]
    fn forwarded_addresses_are_believed_from_trusted_proxies_alone() {
        let none = config(&[]);
        let address = |config: &Config, socket, forwarded: &[&str]| {
            config.client_address(ip(socket), forwarded).address
        };
        assert_eq!(address(&none, "203.0.113.7", &["198.51.100.1"]), ip("203.0.113.7"));
        let one = config(&["10.0.0.0/8"]);
        assert_eq!(address(&one, "10.0.0.1", &["198.51.100.1"]), ip("198.51.100.1"));
        // A client that writes the header itself only adds hops to the left, which are not reached.
        assert_eq!(address(&one, "10.0.0.1", &["1.1.1.1, 198.51.100.1"]), ip("198.51.100.1"));
        assert_eq!(address(&one, "10.0.0.1", &["198.51.100.1, 10.0.0.2"]), ip("198.51.100.1"));
        assert_eq!(address(&one, "10.0.0.1", &["198.51.100.1", "10.0.0.2"]), ip("198.51.100.1"));
        assert_eq!(address(&one, "10.0.0.1", &["198.51.100.1, ,"]), ip("198.51.100.1"));
        assert_eq!(address(&one, "::ffff:10.0.0.1", &["198.51.100.1"]), ip("198.51.100.1"));
    }

    #[test]
    fn forwarded_addresses_are_read_in_every_form_that_proxies_write() {
        let one = config(&["10.0.0.0/8"]);
        for (hop, client) in [
            ("203.0.113.7:51234", "203.0.113.7"),
            ("\"203.0.113.7\"", "203.0.113.7"),
            ("\"203.0.113.7:51234\"", "203.0.113.7"),
            ("2001:db8::7", "2001:db8::7"),
            ("[2001:db8::7]", "2001:db8::7"),
            ("[2001:db8::7]:443", "2001:db8::7"),
            ("\"[2001:db8::7]:443\"", "2001:db8::7"),
            ("[::ffff:203.0.113.7]:443", "203.0.113.7"),
            ("198.51.100.1:1, 10.0.0.2:2", "198.51.100.1"),
        ] {
            let read = one.client_address(ip("10.0.0.1"), &[hop]);
            assert_eq!(read, Client { address: ip(client), unreadable: false }, "{hop}");
        }
        for hop in [
            "nonsense",
            "unknown",
            "_hidden",
            "203.0.113.7:",
            "203.0.113.7:x",
            "203.0.113.7:99999",
            "[2001:db8::7",
            "2001:db8::7]:443",
            "[203.0.113.7]",
            "[]:1",
            "\"",
            "for=203.0.113.7",
            "203.0.113.0/24",
            "\u{fffd}",
        ] {
            // What stands further left was written by whoever sent the nonsense, and is not believed.
            let read = one.client_address(ip("10.0.0.1"), &[&format!("198.51.100.1, {hop}")]);
            assert_eq!(read, Client { address: ip("10.0.0.1"), unreadable: true }, "{hop}");
        }
    }

    #[test]
    fn a_whole_ipv6_64_counts_as_one() {
        assert_eq!(address_prefix(ip("2001:db8:1:2::1")), address_prefix(ip("2001:db8:1:2:ffff::9")));
        assert_ne!(address_prefix(ip("2001:db8:1:2::1")), address_prefix(ip("2001:db8:1:3::1")));
        assert_eq!(address_prefix(ip("::ffff:192.0.2.1")), address_prefix(ip("192.0.2.1")));
        assert_ne!(address_prefix(ip("192.0.2.1")), address_prefix(ip("192.0.2.2")));
    }
}
