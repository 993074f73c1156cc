//! Rate limits in this process, with the numbers of the environment's settings.

use std::num::NonZeroU32;
use std::time::Duration;

use governor::clock::{Clock, DefaultClock};
use governor::{DefaultKeyedRateLimiter, Quota, RateLimiter};
use stile_core::settings::{Limits, Rate};

use crate::error::ApiError;

/// What a limit counts: an address prefix, a user, or the environment itself.
pub type Key = [u8; 16];

struct Window(DefaultKeyedRateLimiter<Key>);

impl Window {
    fn new(rate: Rate) -> Self {
        let burst = NonZeroU32::new(rate.requests).unwrap_or(NonZeroU32::MIN);
        let each = Duration::from_secs(rate.seconds.into()) / burst.get();
        let quota = Quota::with_period(each).unwrap_or(Quota::per_second(NonZeroU32::MIN)).allow_burst(burst);
        Self(RateLimiter::keyed(quota))
    }

    fn check(&self, key: Key) -> Result<(), ApiError> {
        self.0.check_key(&key).map_err(|refused| {
            let wait = refused.wait_time_from(DefaultClock::default().now());
            ApiError::too_many(wait.as_secs().saturating_add(1))
        })
    }
}

/// An environment's limits.
pub struct Limiter {
    sdk: Vec<Window>,
    environment: Window,
    user: Window,
    nonce: Window,
    sign_in: Window,
    code: Window,
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
        Self {
            sdk: limits.sdk.iter().copied().map(Window::new).collect(),
            environment: Window::new(limits.environment),
            user: Window::new(limits.user),
            nonce: Window::new(limits.nonce),
            sign_in: Window::new(limits.sign_in),
            code: Window::new(limits.code),
        }
    }

    /// Counts a request of this address.
    pub fn request(&self, address: [u8; 8]) -> Result<(), ApiError> {
        let key = widen(address);
        self.sdk.iter().try_for_each(|window| window.check(key))?;
        self.environment.check([0; 16])
    }

    /// Counts a request of this address under a narrower limit.
    pub fn within(&self, bucket: Bucket, address: [u8; 8]) -> Result<(), ApiError> {
        let window = match bucket {
            Bucket::Nonce => &self.nonce,
            Bucket::SignIn => &self.sign_in,
            Bucket::Code => &self.code,
        };
        window.check(widen(address))
    }

    /// Counts a request of a signed-in user.
    pub fn user(&self, user: &[u8; 16]) -> Result<(), ApiError> {
        self.user.check(*user)
    }

    /// Forgets keys that have not been seen for a window.
    pub fn sweep(&self) {
        let all = [&self.environment, &self.user, &self.nonce, &self.sign_in, &self.code];
        for window in self.sdk.iter().chain(all) {
            window.0.retain_recent();
        }
    }
}

fn widen(address: [u8; 8]) -> Key {
    let mut key = [0; 16];
    key[..8].copy_from_slice(&address);
    key
}
