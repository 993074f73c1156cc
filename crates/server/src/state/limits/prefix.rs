//! What addresses are counted by: the address itself, and the networks around it that one person may hold.

use std::net::IpAddr;

use crate::state::config::address_prefix;

/// How much of an address a prefix covers.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Width {
    /// An IPv4 address, or an IPv6 /64, which is one person's (CVE-2026-45364).
    Address,
    /// An IPv6 /56, which is one household's or office's.
    Site,
    /// An IPv4 /24, which many customers of one provider may share.
    Block,
    /// An IPv6 /48, which is one organisation's.
    Network,
}

/// A prefix of an address.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct Prefix {
    /// How much of the address it covers.
    pub width: Width,
    bits: [u8; 8],
}

/// An address with the prefixes that it is in.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Prefixes {
    all: [Prefix; 3],
    count: usize,
}

impl Prefixes {
    /// The prefixes of this address.
    pub fn of(address: IpAddr) -> Self {
        let first = |bytes, width| {
            let mut bits = address_prefix(address);
            bits[bytes..].fill(0);
            Prefix { width, bits }
        };
        let own = first(8, Width::Address);
        match address.to_canonical() {
            IpAddr::V4(_) => {
                let block = first(7, Width::Block);
                Self { all: [own, block, block], count: 2 }
            }
            IpAddr::V6(_) => Self { all: [own, first(7, Width::Site), first(6, Width::Network)], count: 3 },
        }
    }

    /// The narrowest.
    pub fn own(&self) -> Prefix {
        self.all[0]
    }

    /// All of them, the narrowest first.
    pub fn all(&self) -> &[Prefix] {
        &self.all[..self.count]
    }

    /// The widest.
    pub fn widest(&self) -> Prefix {
        self.all[self.count - 1]
    }

    /// What the narrowest is counted by.
    pub fn bits(&self) -> [u8; 8] {
        self.all[0].bits
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(text: &str) -> Prefixes {
        Prefixes::of(text.parse().unwrap())
    }

    fn shared(a: &str, b: &str) -> usize {
        of(a).all().iter().zip(of(b).all()).filter(|(a, b)| a == b).count()
    }

    #[test]
    fn neighbours_share_their_wider_prefixes() {
        for (a, b, same) in [
            ("192.0.2.1", "192.0.2.1", 2),
            ("192.0.2.1", "::ffff:192.0.2.1", 2),
            ("192.0.2.1", "192.0.2.77", 1),
            ("192.0.2.1", "192.0.3.1", 0),
            ("2001:db8:1:2::1", "2001:db8:1:2:ffff::9", 3),
            ("2001:db8:1:2::1", "2001:db8:1:3::1", 2),
            ("2001:db8:1:2::1", "2001:db8:1:102::1", 1),
            ("2001:db8:1:2::1", "2001:db8:2:2::1", 0),
        ] {
            assert_eq!(shared(a, b), same, "{a} {b}");
        }
    }
}
