//! What the process is told at start.

use std::collections::BTreeMap;
use std::net::IpAddr;

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
    /// `forwarded` is read from the right: the first address that is no trusted proxy is the client.
    pub fn client_address(&self, socket: IpAddr, forwarded: &[&str]) -> IpAddr {
        let trusted = |ip: IpAddr| self.trusted_proxies.iter().any(|net| net.contains(&ip.to_canonical()));
        let mut address = socket.to_canonical();
        let hops = forwarded.iter().flat_map(|line| line.split(',')).map(str::trim).collect::<Vec<_>>();
        for hop in hops.iter().rev() {
            if !trusted(address) {
                break;
            }
            let Ok(next) = hop.parse::<IpAddr>() else { break };
            address = next.to_canonical();
        }
        address
    }
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
        }
    }

    fn ip(text: &str) -> IpAddr {
        text.parse().unwrap()
    }

    #[test]
    fn forwarded_addresses_are_believed_from_trusted_proxies_alone() {
        let none = config(&[]);
        assert_eq!(none.client_address(ip("203.0.113.7"), &["198.51.100.1"]), ip("203.0.113.7"));
        let one = config(&["10.0.0.0/8"]);
        assert_eq!(one.client_address(ip("10.0.0.1"), &["198.51.100.1"]), ip("198.51.100.1"));
        // A client that writes the header itself only adds hops to the left, which are not reached.
        assert_eq!(one.client_address(ip("10.0.0.1"), &["1.1.1.1, 198.51.100.1"]), ip("198.51.100.1"));
        assert_eq!(one.client_address(ip("10.0.0.1"), &["198.51.100.1, 10.0.0.2"]), ip("198.51.100.1"));
        assert_eq!(one.client_address(ip("10.0.0.1"), &["nonsense"]), ip("10.0.0.1"));
        assert_eq!(one.client_address(ip("::ffff:10.0.0.1"), &["198.51.100.1"]), ip("198.51.100.1"));
    }

    #[test]
    fn a_whole_ipv6_64_counts_as_one() {
        assert_eq!(address_prefix(ip("2001:db8:1:2::1")), address_prefix(ip("2001:db8:1:2:ffff::9")));
        assert_ne!(address_prefix(ip("2001:db8:1:2::1")), address_prefix(ip("2001:db8:1:3::1")));
        assert_eq!(address_prefix(ip("::ffff:192.0.2.1")), address_prefix(ip("192.0.2.1")));
        assert_ne!(address_prefix(ip("192.0.2.1")), address_prefix(ip("192.0.2.2")));
    }
}
