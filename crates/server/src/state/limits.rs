//! Rate limits in this process, with the numbers of the environment's settings.
//!
//! Whoever is known has a budget of their own: an API token, a signed-in user, a device that signed in before. All others
//! are strangers: each address has its limits, and together they share the environment's (`shares`). So no flood of
//! strangers makes somebody known wait.

mod bounded;
mod prefix;
mod shares;
#[cfg(test)]
mod tests;

use std::num::NonZeroU32;
use std::time::Duration;

use governor::clock::{Clock, DefaultClock};
use governor::middleware::NoOpMiddleware;
use governor::nanos::Nanos;
use governor::{NotUntil, Quota, RateLimiter};
use stile_core::settings::{Limits, Rate};
use stile_core::{ApiTokenId, UserId};

use bounded::Bounded;
pub use prefix::{Prefix, Prefixes};
use shares::{Shares, Tally};

/// So many refused bearer tokens of one address within a minute are looked at before its limits are asked.
const DOUBTS: f64 = 60.0;
const DOUBT_SECONDS: u32 = 60;

/// What a limit counts: an address prefix, or somebody known.
type Key = [u8; 16];

/// Whom a request counts for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Party {
    /// A backend with a live API token.
    Token(ApiTokenId),
    /// A user with a live session.
    User(UserId),
    /// A device key that completed a sign-in before, with a fresh proof; by its keyed hash.
    Device([u8; 16]),
    /// Anybody else, by address.
    Stranger(Prefixes),
}

impl Party {
    fn key(&self) -> Key {
        match self {
            Self::Token(token) => *token.as_bytes(),
            Self::User(user) => *user.as_bytes(),
            Self::Device(device) => *device,
            Self::Stranger(prefixes) => {
                let mut key = [0; 16];
                key[..8].copy_from_slice(&prefixes.bits());
                key
            }
        }
    }
}

/// Too many requests: try again after so long.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Wait(Duration);

impl Wait {
    /// Whole seconds, at least one.
    pub fn seconds(self) -> u64 {
        self.0.as_secs().saturating_add(1)
    }
}

struct Window<C: Clock> {
    limiter: RateLimiter<Key, Bounded<Key, Nanos>, C, NoOpMiddleware<C::Instant>>,
    clock: C,
}

impl<C: Clock + Clone> Window<C> {
    fn new(clock: &C, rate: Rate) -> Self {
        let burst = NonZeroU32::new(rate.requests).unwrap_or(NonZeroU32::MIN);
        let each = Duration::from_secs(rate.seconds.into()) / burst.get();
        let quota = Quota::with_period(each).unwrap_or(Quota::per_second(NonZeroU32::MIN)).allow_burst(burst);
        Self { limiter: RateLimiter::new(quota, Bounded::default(), clock.clone()), clock: clock.clone() }
    }

    fn check(&self, party: &Party) -> Result<(), Wait> {
        let wait = |refused: NotUntil<C::Instant>| Wait(refused.wait_time_from(self.clock.now()));
        self.limiter.check_key(&party.key()).map_err(wait)
    }
}

/// An environment's limits.
pub struct Limiter<C: Clock = DefaultClock> {
    sdk: Vec<Window<C>>,
    strangers: Shares<C>,
    doubts: Tally<C>,
    user: Window<C>,
    api_token: Window<C>,
    device: Window<C>,
    nonce: Window<C>,
    sign_in: Window<C>,
    code: Window<C>,
}

/// Which limit an operation falls under, beside those of all operations.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Bucket {
    /// Nonces.
    Nonce,
    /// Sign-in and verification.
    SignIn,
    /// Codes asked for.
    Code,
}

impl Limiter {
    /// Fresh limits.
    pub fn new(limits: &Limits) -> Self {
        Self::with_clock(limits, &DefaultClock::default())
    }
}

impl<C: Clock + Clone> Limiter<C> {
    fn with_clock(limits: &Limits, clock: &C) -> Self {
        let window = |rate| Window::new(clock, rate);
        Self {
            sdk: limits.sdk.iter().copied().map(window).collect(),
            strangers: Shares::new(clock.clone(), limits.environment),
            doubts: Tally::new(clock.clone(), DOUBT_SECONDS),
            user: window(limits.user),
            api_token: window(limits.api_token),
            device: window(limits.user),
            nonce: window(limits.nonce),
            sign_in: window(limits.sign_in),
            code: window(limits.code),
        }
    }

    /// Counts a request.
    pub fn request(&self, party: &Party) -> Result<(), Wait> {
        match party {
            Party::Token(_) => self.api_token.check(party),
            Party::User(_) => self.user.check(party),
            Party::Device(_) => self.device.check(party),
            Party::Stranger(prefixes) => {
                self.sdk.iter().try_for_each(|window| window.check(party))?;
                self.strangers.take(prefixes.all()).map_err(Wait)
            }
        }
    }

    /// Counts a request under a narrower limit.
    pub fn within(&self, bucket: Bucket, party: &Party) -> Result<(), Wait> {
        let window = match bucket {
            Bucket::Nonce => &self.nonce,
            Bucket::SignIn => &self.sign_in,
            Bucket::Code => &self.code,
        };
        window.check(party)
    }

    /// Whether a bearer token from this address is looked at before the limits of its address are asked. That costs more
    /// than they do, so an address that sent many worthless ones is asked for its limits first.
    pub fn believes(&self, prefixes: &Prefixes) -> bool {
        self.doubts.count(prefixes.own()) < DOUBTS
    }

    /// Notes that a bearer token from this address was worthless.
    pub fn doubt(&self, prefixes: &Prefixes) {
        self.doubts.add(prefixes.own());
    }

    /// Forgets keys that have not been seen for a window.
    pub fn sweep(&self) {
        let all = [&self.user, &self.api_token, &self.device, &self.nonce, &self.sign_in, &self.code];
        for window in self.sdk.iter().chain(all) {
            window.limiter.retain_recent();
        }
        self.strangers.sweep();
        self.doubts.sweep();
    }
}
