//! Rate limits.

use serde::{Deserialize, Serialize};

use super::described::{Described, Shape};
use super::problems::Problems;

/// So many requests in so many seconds.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Rate {
    /// How many.
    pub requests: u32,
    /// In how many seconds.
    pub seconds: u32,
}

impl Rate {
    pub(super) const fn new(requests: u32, seconds: u32) -> Self {
        Self { requests, seconds }
    }
}

impl Described for Rate {
    const SHAPE: Shape = Shape::Value("like `{\"requests\":10,\"seconds\":60}`");
}

settings! {
    /// Rate limits. Addresses count by /64 for IPv6.
    Limits {
        /// All SDK routes, per client address; each window counts.
        sdk: Vec<Rate> = vec![Rate::new(60, 10), Rate::new(250, 60), Rate::new(500, 300)],
        /// All SDK routes, for everybody together who is not signed in. Past it, only addresses that asked for much wait.
        environment: Rate = Rate::new(10_000, 60),
        /// All SDK routes, per signed-in user.
        user: Rate = Rate::new(300, 60),
        /// All routes for backends, per API token.
        api_token: Rate = Rate::new(6_000, 60),
        /// Nonces, per client address.
        nonce: Rate = Rate::new(10, 60),
        /// Sign-in and verification, per client address.
        sign_in: Rate = Rate::new(10, 60),
        /// Codes asked for, per client address.
        code: Rate = Rate::new(3, 60),
        /// Codes that strangers have mailed to one address: so many at once, which come back within so many seconds.
        /// The last of them goes to the client network that was served least.
        mails_per_address: Rate = Rate::new(20, 72_000),
        /// Codes for one address beside those, for each known device of its user and for the user's own sessions.
        own_mails_per_address: Rate = Rate::new(5, 18_000),
        /// Wrong codes of authenticator apps and wrong recovery codes from one client address, whoever's factors it tries.
        wrong_factors: Rate = Rate::new(50, 900),
    }
}

impl Limits {
    /// The same limits, `times` as generous: what development environments use.
    pub fn relaxed(mut self, times: u32) -> Self {
        let all = [
            &mut self.environment,
            &mut self.user,
            &mut self.api_token,
            &mut self.nonce,
            &mut self.sign_in,
            &mut self.code,
            &mut self.mails_per_address,
            &mut self.own_mails_per_address,
        ];
        for rate in self.sdk.iter_mut().chain(all) {
            rate.requests = rate.requests.saturating_mul(times);
        }
        self
    }
    pub(super) fn check(&self, found: &mut Problems) {
        let rates = self.sdk.iter().chain([
            &self.environment,
            &self.user,
            &self.api_token,
            &self.nonce,
            &self.sign_in,
            &self.code,
            &self.mails_per_address,
            &self.own_mails_per_address,
            &self.wrong_factors,
        ]);
        found.check(
            rates.into_iter().any(|rate| rate.requests == 0 || rate.seconds == 0),
            "limits: a rate of zero would refuse everybody",
        );
    }
}

/// Limits of earlier versions that a stored document may still hold.
pub(super) const RETIRED_LIMITS: [&str; 4] =
    ["codePerAddress", "codePerAddressTotal", "wrongCodes", "wrongCodesTotal"];

/// Takes out of a stored document what this version has no setting for any more. What an operator writes now is not
/// passed through here, and is refused where it names such a setting.
pub(super) fn without_retired(mut document: serde_json::Value) -> serde_json::Value {
    if let Some(limits) = document.get_mut("limits").and_then(serde_json::Value::as_object_mut) {
        for name in RETIRED_LIMITS {
            limits.remove(name);
        }
    }
    document
}
