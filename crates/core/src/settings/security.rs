//! Sessions, what SDKs may do with them, and notices.

use serde::{Deserialize, Serialize};

use super::described::{Described, Shape};
use super::mfa::Mfa;
use super::problems::Problems;

choice! {
    /// Unit of a duration.
    Unit {
        /// 86,400 s.
        Days = "days",
        /// 3,600 s.
        Hours = "hours",
        /// 60 s.
        Minutes = "minutes",
    }
}

/// An amount of time as the public settings document writes it.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Duration {
    /// How many units.
    pub amount: u32,
    /// Which unit.
    pub unit: Unit,
}

impl Duration {
    /// The duration in seconds.
    pub fn seconds(self) -> i64 {
        let unit = match self.unit {
            Unit::Days => 86_400,
            Unit::Hours => 3_600,
            Unit::Minutes => 60,
        };
        i64::from(self.amount).saturating_mul(unit)
    }
}

impl Described for Duration {
    const SHAPE: Shape =
        Shape::Value("like `{\"amount\":2,\"unit\":\"hours\"}`; units are `minutes`, `hours`, `days`");
}

settings! {
    /// Sessions, factors and their enforcement.
    Security {
        /// Life of an access token; 30 days at most.
        jwt_duration: Duration = Duration { amount: 2, unit: Unit::Hours },
        /// Longest life of a session, in seconds, whatever happens in it; 30 days at most.
        session_absolute_seconds: u32 = 30 * 86_400,
        /// A session ends after this many seconds without a refresh or a step-up.
        session_idle_seconds: u32 = 86_400,
        /// Where SDKs keep tokens.
        auth: Auth = Auth::default(),
        /// Captcha before codes are sent.
        captcha: Captcha = Captcha::default(),
        /// Sign-in with the customer's own tokens.
        external_auth: ExternalAuth = ExternalAuth::default(),
        /// Whether an unknown device must be confirmed by e-mail.
        device_registration_required: bool = false,
        /// Refuses every SDK request while true.
        environment_locked: bool = false,
        /// Which security notices users get.
        notifications: Notifications = Notifications::default(),
        /// Multi-factor authentication.
        mfa: Mfa = Mfa::default(),
    }
}

const MAX_TOKEN_SECONDS: i64 = 30 * 86_400;

impl Security {
    pub(super) fn check(&self, found: &mut Problems) {
        found.check(
            !(60..=MAX_TOKEN_SECONDS).contains(&self.jwt_duration.seconds()),
            "security.jwtDuration must lie between 1 minute and 30 days",
        );
        found.check(
            !(60..=MAX_TOKEN_SECONDS).contains(&self.session_absolute_seconds.into()),
            "security.sessionAbsoluteSeconds must lie between 60 and 2592000",
        );
        found.check(self.session_idle_seconds < 60, "security.sessionIdleSeconds must be at least 60");
        found.check(
            self.auth.storage != [Storage::LocalStorage],
            "security.auth.storage: only [\"localstorage\"] is available in this version",
        );
        found.check(
            self.captcha.enabled,
            "security.captcha is not available in this version: set enabled to false",
        );
        found.check(
            self.external_auth.enabled,
            "security.externalAuth is not available in this version: set enabled to false",
        );
        found.check(
            self.device_registration_required,
            "security.deviceRegistrationRequired is not available in this version: set it to false",
        );
        self.mfa.check(found);
    }
}

choice! {
    /// Where an SDK keeps its tokens.
    Storage {
        /// The page's local storage, sent as a bearer header.
        LocalStorage = "localstorage",
        /// A cookie of the API's host.
        Cookie = "cookie",
    }
}

settings! {
    /// Where SDKs keep tokens, and which credentials may sign in.
    Auth {
        /// Storage modes.
        storage: Vec<Storage> = vec![Storage::LocalStorage],
        /// When false, only a user's first credential may open a session.
        allow_multiple_credentials_for_sign_in: bool = true,
    }
}

choice! {
    /// Captcha services.
    CaptchaProvider {
        /// hCaptcha.
        HCaptcha = "hcaptcha",
        /// Cloudflare Turnstile.
        Turnstile = "cloudflareTurnstile",
    }
}

settings! {
    /// Captcha before codes are sent.
    Captcha {
        /// Whether a captcha is demanded.
        enabled: bool = false,
        /// Which service.
        provider: Option<CaptchaProvider> = None,
        /// The service's public key.
        site_key: Option<String> = None,
    }
}

settings! {
    /// Sign-in with the customer's own tokens.
    ExternalAuth {
        /// Whether external tokens are accepted.
        enabled: bool = false,
        /// Required issuer.
        iss: Option<String> = None,
        /// Required audience, when set.
        aud: Option<String> = None,
        /// Where the issuer publishes its keys.
        jwks_url: Option<String> = None,
        /// Cookie that carries the token.
        cookie_name: Option<String> = None,
        /// What a missing `emailVerified` claim means.
        assume_email_verified: bool = false,
    }
}

settings! {
    /// Which security notices users get.
    Notifications {
        /// A credential or factor was added.
        verified_credential_linked: bool = true,
        /// A credential or factor was removed.
        verified_credential_unlinked: bool = true,
        /// A wallet key was exported.
        waas_private_key_export: bool = true,
        /// A wallet signed a transaction.
        waas_signed_transaction: bool = true,
    }
}
