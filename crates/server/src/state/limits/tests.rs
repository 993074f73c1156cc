//! The limits under floods, with a clock that stands still unless it is moved.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use governor::clock::FakeRelativeClock;

use super::*;

/// Numbers that look random and are the same in every run (SplitMix64).
struct Seeded(u64);

impl Seeded {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// A number below this one.
    fn below(&mut self, end: u64) -> u64 {
        self.next() % end
    }

    /// An address of one of so many networks, of both families.
    fn address(&mut self, networks: u64) -> IpAddr {
        let network = u32::try_from(self.below(networks)).unwrap();
        if self.below(2) == 0 {
            let [_, a, b, c] = network.to_be_bytes();
            IpAddr::V4(Ipv4Addr::from([a.wrapping_add(11), b, c, self.next().to_be_bytes()[0]]))
        } else {
            let inside = u128::from(self.next() >> 16);
            IpAddr::V6(Ipv6Addr::from(
                (0x2001_0db8_u128 << 96) | (u128::from(network) << 80) | (inside << 32),
            ))
        }
    }
}

fn stranger(address: IpAddr) -> Party {
    Party::Stranger(Prefixes::of(address))
}

fn at(text: &str) -> Party {
    stranger(text.parse().unwrap())
}

fn limiter() -> (Limiter<FakeRelativeClock>, FakeRelativeClock) {
    let clock = FakeRelativeClock::default();
    (Limiter::with_clock(&Limits::default(), &clock), clock)
}

/// How many of so many requests are admitted.
fn admitted(limiter: &Limiter<FakeRelativeClock>, party: &Party, requests: u32) -> u32 {
    (0..requests).map(|_| u32::from(limiter.request(party).is_ok())).sum()
}

#[test]
fn no_flood_of_strangers_makes_somebody_known_wait() {
    for seed in 0..20 {
        let mut random = Seeded(seed);
        let (limiter, clock) = limiter();
        let known = [
            Party::User(UserId::from_bytes([1; 16])),
            Party::Token(ApiTokenId::from_bytes([2; 16])),
            Party::Device([3; 16]),
        ];
        let networks = [1, 10, 1_000, 60_000][usize::try_from(seed % 4).unwrap()];
        for _ in 0..20_000 {
            let flooder = stranger(random.address(networks));
            let _maybe = limiter.request(&flooder);
            let _maybe = limiter.within(Bucket::SignIn, &flooder);
            if random.below(100) == 0 {
                clock.advance(Duration::from_millis(random.below(1_000)));
                // 300 a minute and less.
                clock.advance(Duration::from_millis(200));
                for party in &known {
                    assert_eq!(limiter.request(party), Ok(()), "{party:?} seed {seed}");
                }
            }
        }
    }
}

/// Whatever strangers do, what they are admitted stays below a bound: the environment's number ten times over, even when
/// nobody asks twice.
#[test]
fn what_strangers_get_is_bounded() {
    for seed in 0..4 {
        let mut random = Seeded(seed);
        let (limiter, _clock) = limiter();
        let networks = [1, 20, 3_000, 60_000][usize::try_from(seed).unwrap()];
        let mut count = 0;
        for _ in 0..300_000 {
            count += u32::from(limiter.request(&stranger(random.address(networks))).is_ok());
        }
        assert!(count <= 100_000, "{count} seed {seed}");
        if networks == 1 {
            // One network of each family: an IPv4 /24 gets half of the whole and 20 for each address, an IPv6 /48 three fifths.
            assert!(count <= 5_000 + 5_120 + 6_000, "{count}");
        }
    }
}

#[test]
fn greedy_strangers_leave_room_for_others() {
    for addresses in [1_u32, 10, 190, 2_000] {
        let (limiter, _clock) = limiter();
        for _ in 0..60 {
            for n in 0..addresses {
                let _maybe = limiter.request(&stranger(IpAddr::V4(Ipv4Addr::from(0x0b00_0000 + n * 256))));
            }
        }
        // Enough to sign in, from elsewhere and from beside one of them.
        for newcomer in ["203.0.113.7", "2001:db8::1", "11.0.0.77"] {
            assert!(admitted(&limiter, &at(newcomer), 20) >= 20, "{newcomer} beside {addresses}");
        }
    }
}

#[test]
fn greedy_neighbours_in_one_network_leave_room_too() {
    let (limiter, _clock) = limiter();
    for _ in 0..60 {
        for n in 0..=249 {
            let _maybe = limiter.request(&stranger(IpAddr::V4(Ipv4Addr::new(198, 51, 100, n))));
        }
    }
    assert_eq!(admitted(&limiter, &at("198.51.100.250"), 20), 20);
    assert!(admitted(&limiter, &at("203.0.113.7"), 60) >= 60);
}

/// Flooders who take turns, and go on for minutes, get more of their network than those who ask all at once.
#[test]
fn greedy_neighbours_who_take_turns_leave_room_too() {
    let (limiter, clock) = limiter();
    for newcomer in 250..=254 {
        for n in 0..=249 {
            let _maybe = admitted(&limiter, &at(&format!("198.51.100.{n}")), 58);
            clock.advance(Duration::from_millis(100));
        }
        assert_eq!(admitted(&limiter, &at(&format!("198.51.100.{newcomer}")), 20), 20);
        clock.advance(Duration::from_secs(600));
    }
}

#[test]
fn a_rotating_flood_does_not_grow_the_memory() {
    let (limiter, _clock) = limiter();
    let mut random = Seeded(1);
    for _ in 0..300_000 {
        let address = random.address(1 << 16);
        let _maybe = limiter.request(&stranger(address));
        limiter.doubt(&Prefixes::of(address));
    }
    let windows = limiter.sdk.iter().map(|window| window.limiter.len()).max();
    assert!(windows <= Some(bounded::MOST), "{windows:?}");
    assert!(limiter.strangers.len() <= bounded::MOST && limiter.doubts.len() <= bounded::MOST);
}

#[test]
fn what_was_used_comes_back() {
    let (limiter, clock) = limiter();
    let mut random = Seeded(7);
    for _ in 0..200_000 {
        let _maybe = limiter.request(&stranger(random.address(60_000)));
    }
    assert!(limiter.request(&at("198.51.100.1")).is_err(), "everything is used up");
    clock.advance(Duration::from_secs(600));
    limiter.sweep();
    assert_eq!(limiter.strangers.len(), 0);
    assert_eq!(admitted(&limiter, &at("198.51.100.1"), 60), 60);
}

#[test]
fn whoever_waits_as_told_gets_in() {
    for rate in [Rate { requests: 1, seconds: 60 }, Rate { requests: 50, seconds: 60 }] {
        let clock = FakeRelativeClock::default();
        let limits = Limits { environment: rate, ..Limits::default() };
        let limiter = Limiter::with_clock(&limits, &clock);
        let party = at("198.51.100.1");
        let wait = loop {
            if let Err(wait) = limiter.request(&party) {
                break wait;
            }
        };
        assert!((1..=61).contains(&wait.seconds()), "{wait:?}");
        clock.advance(Duration::from_secs(wait.seconds()));
        assert_eq!(limiter.request(&party), Ok(()), "{rate:?}");
    }
}

#[test]
fn worthless_tokens_are_looked_at_sixty_times() {
    let (limiter, clock) = limiter();
    let prefixes = Prefixes::of("198.51.100.1".parse().unwrap());
    let looked =
        (0..1_000).filter(|_| limiter.believes(&prefixes)).inspect(|_| limiter.doubt(&prefixes)).count();
    assert_eq!(looked, 60);
    assert!(limiter.believes(&Prefixes::of("198.51.100.2".parse().unwrap())));
    clock.advance(Duration::from_secs(5));
    assert!(limiter.believes(&prefixes));
}
