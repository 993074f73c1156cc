//! The client's address behind proxies. Stile warns once of each kind of forwarding header that it cannot use.

use std::net::IpAddr;
use std::sync::atomic::{AtomicBool, Ordering};

use axum::http::HeaderMap;

use crate::state::config::{Client, Config};

/// Headers by which proxies tell where a request came from.
const HEADERS: [&str; 3] = ["x-forwarded-for", "forwarded", "x-real-ip"];

/// Which warnings were given.
#[derive(Default)]
pub struct Forwarding {
    unreadable: AtomicBool,
    near: AtomicBool,
    far: AtomicBool,
}

impl Forwarding {
    /// The client's address. Warns once when a trusted proxy sends no readable address, and once when an address that is
    /// not trusted sends forwarding headers.
    pub fn client(&self, config: &Config, socket: IpAddr, headers: &HeaderMap) -> IpAddr {
        let lines: Vec<_> = headers
            .get_all("x-forwarded-for")
            .iter()
            .map(|v| String::from_utf8_lossy(v.as_bytes()))
            .collect();
        let lines: Vec<&str> = lines.iter().map(AsRef::as_ref).collect();
        let Client { address, unreadable } = config.client_address(socket, &lines);
        if unreadable && first(&self.unreadable) {
            tracing::warn!(
                proxy = %address,
                "a trusted proxy sends an X-Forwarded-For that holds no address; its clients share the limits of one address"
            );
        }
        if !config.trusts(socket) && HEADERS.iter().any(|name| headers.contains_key(*name)) {
            // Anybody can send such a header. A client's own line must not keep the proxy's from being heard.
            let (told, condition) =
                if is_near(socket.to_canonical()) { (&self.near, "if") } else { (&self.far, "only if") };
            if first(told) {
                tracing::warn!(
                    from = %socket.to_canonical(),
                    "requests carry forwarding headers from an address that is not trusted, so they all count for that \
                     address; {condition} it is your own proxy, start Stile with --trusted-proxy and its address"
                );
            }
        }
        address
    }
}

fn first(told: &AtomicBool) -> bool {
    !told.load(Ordering::Relaxed) && !told.swap(true, Ordering::Relaxed)
}

/// Whether the address is of this machine or of a private network, as that of a proxy mostly is.
fn is_near(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(ip) => ip.is_loopback() || ip.is_private() || ip.is_link_local(),
        IpAddr::V6(ip) => ip.is_loopback() || ip.is_unique_local() || ip.is_unicast_link_local(),
    }
}
