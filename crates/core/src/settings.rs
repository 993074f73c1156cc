//! An environment's settings, typed. Every field has a default, unknown fields are refused, and
//! `problems` names what cannot be switched on.
//!
//! Names follow the public settings document where it has one, so that existing values carry over.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use crate::factor::{Channel, Format, Rules};
use crate::origin::OriginPattern;
use crate::scope::{MAX_SCOPES, Scope, ScopeError, Scopes};

macro_rules! settings {
    ($(#[$doc:meta])* $name:ident { $($(#[doc = $fdoc:literal])* $field:ident : $ty:ty = $default:expr),* $(,)? }) => {
        $(#[$doc])*
        #[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
        #[serde(rename_all = "camelCase", deny_unknown_fields, default)]
        pub struct $name { $($(#[doc = $fdoc])* pub $field: $ty),* }
        impl Default for $name {
            fn default() -> Self {
                Self { $($field: $default),* }
            }
        }
        impl Described for $name {
            const SHAPE: Shape = Shape::Fields(|| vec![
                $(Field { name: stringify!($field), docs: &[$($fdoc),*], shape: <$ty as Described>::SHAPE }),*
            ]);
        }
    };
}

macro_rules! choice {
    ($(#[$doc:meta])* $name:ident { $($(#[$vdoc:meta])* $variant:ident = $text:literal),* $(,)? }) => {
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
        pub enum $name { $($(#[$vdoc])* #[serde(rename = $text)] $variant),* }
        impl $name {
            /// The text on the wire.
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $text),* }
            }
        }
        impl Described for $name {
            const SHAPE: Shape = Shape::OneOf(&[$($text),*]);
        }
    };
}

mod rules;
mod table;

pub use rules::{Action, ActionRule, ScopeRule, TokenBehavior};
use table::{Described, Field, Shape};
pub use table::{Setting, table};

settings! {
    /// Everything that an operator can set for one environment.
    Settings {
        /// Names and support contacts shown to users.
        general: General = General::default(),
        /// Web origins that may call this environment. Empty means none.
        allowed_origins: Vec<OriginPattern> = Vec::new(),
        /// How tokens are signed.
        tokens: Tokens = Tokens::default(),
        /// Sessions, factors and their enforcement.
        security: Security = Security::default(),
        /// What SDKs are told.
        sdk: Sdk = Sdk::default(),
        /// The environment's own scopes, and other lifetimes for the fixed ones.
        scopes: Vec<ScopeRule> = Vec::new(),
        /// The relying party and its passkey policy.
        passkeys: Passkeys = Passkeys::default(),
        /// How long a fresh proof in the same session stands in for an elevated token.
        recent_proof: RecentProof = RecentProof::default(),
        /// Rate limits.
        limits: Limits = Limits::default(),
        /// What the audit log keeps, and for how long.
        audit: Audit = Audit::default(),
    }
}

settings! {
    /// Names and support contacts shown to users.
    General {
        /// The app's name, in mails and passkey prompts.
        display_name: String = "My app".into(),
        /// Where users write for help.
        support_email: Option<String> = None,
        /// A sentence shown with the support address.
        support_text: Option<String> = None,
        /// URL of the app's logo.
        app_logo: Option<String> = None,
    }
}

choice! {
    /// JWS signature algorithm (RFC 7518 §3.1, RFC 8037).
    TokenAlgorithm {
        /// ECDSA on P-256.
        Es256 = "ES256",
        /// Ed25519.
        EdDsa = "EdDSA",
        /// RSA PKCS #1 v1.5, 2048 bits.
        Rs256 = "RS256",
    }
}

settings! {
    /// How tokens are signed.
    Tokens {
        /// Algorithm of the next signing key.
        algorithm: TokenAlgorithm = TokenAlgorithm::Es256,
    }
}

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

choice! {
    /// When a user must enrol a second factor.
    Enrollment {
        /// Never by force.
        None = "none",
        /// Before the first full session.
        Signup = "signup",
        /// Before the first protected action.
        Action = "action",
    }
}

settings! {
    /// Multi-factor authentication.
    Mfa {
        /// Users with a method must pass it at each sign-in.
        enabled: bool = false,
        /// When users must enrol.
        enrollment: Enrollment = Enrollment::None,
        /// What can be enrolled.
        available_methods: Vec<Format> = Format::second_factors().collect(),
        /// Per-method switches.
        methods: Vec<MethodRule> = Format::second_factors().map(MethodRule::on).collect(),
        /// Protected actions.
        actions: Vec<ActionRule> = Vec::new(),
        /// Most authenticator apps that one user can hold.
        max_totp_per_user: u32 = 1,
    }
}

impl Mfa {
    /// Whether enrolment is demanded (`required` on the wire, derived).
    pub fn required(&self) -> bool {
        self.enrollment != Enrollment::None
    }

    /// Whether users may enrol this kind of factor. What they have enrolled goes on counting: a factor that stopped
    /// counting would leave its owner with the first one alone (CVE-2025-64103).
    pub fn offers(&self, method: Format) -> bool {
        self.available_methods.contains(&method) && self.methods.iter().any(|m| m.kind == method && m.enabled)
    }

    /// Whether recovery codes are made beside this kind of factor.
    pub fn allows_recovery_codes(&self, method: Format) -> bool {
        self.methods.iter().any(|m| m.kind == method && m.allow_backup_codes)
    }
}

/// A switch for one kind of factor.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct MethodRule {
    /// Which kind.
    #[serde(rename = "type")]
    pub kind: Format,
    /// Whether it can be used.
    pub enabled: bool,
    /// Whether recovery codes are made beside it.
    #[serde(default = "yes")]
    pub allow_backup_codes: bool,
}

impl MethodRule {
    /// The method on, with recovery codes.
    pub const fn on(kind: Format) -> Self {
        Self { kind, enabled: true, allow_backup_codes: true }
    }
}

const fn yes() -> bool {
    true
}

choice! {
    /// Generation of the SDK contract that an environment enforces.
    ApiVersion {
        /// Gates also accept legacy MFA tokens.
        V20260101 = "2026_01_01",
        /// Gates accept elevated access tokens.
        V20260401 = "2026_04_01",
    }
}

settings! {
    /// What SDKs are told.
    Sdk {
        /// Which evidence gates accept; never whether any is needed.
        min_api_version: ApiVersion = ApiVersion::V20260401,
        /// Whether a user may hold several wallets.
        multi_wallet: bool = true,
        /// Refuses removing the last credential that can sign in.
        prevent_orphaned_accounts: bool = true,
        /// Refuses addresses such as `ann+tag@example.com`.
        block_email_subaddresses: bool = false,
        /// Whether moving a wallet between users must be confirmed.
        confirm_wallet_transfers: bool = true,
        /// Deep links that native apps may be sent back to.
        mobile_deeplink_urls: Vec<String> = Vec::new(),
    }
}

choice! {
    /// WebAuthn user-verification policy, enforced by the server.
    UserVerification {
        /// Every ceremony must carry the UV flag.
        Required = "required",
        /// Ceremonies without UV pass, but never count as a second factor.
        Preferred = "preferred",
    }
}

choice! {
    /// WebAuthn L3 §5.8.7 hints.
    Hint {
        /// A security key.
        SecurityKey = "security-key",
        /// This device.
        ClientDevice = "client-device",
        /// Another device, such as a phone.
        Hybrid = "hybrid",
    }
}

settings! {
    /// The relying party and its passkey policy.
    Passkeys {
        /// Whether passkeys may open a session.
        sign_in: bool = true,
        /// Relying-party id: a registrable domain that covers every app origin. It cannot change later.
        rp_id: Option<String> = None,
        /// Whether other environments that say the same may have this relying-party id too. It cannot go back.
        rp_id_shared: bool = false,
        /// User verification.
        user_verification: UserVerification = UserVerification::Required,
        /// Hints for the browser's dialog, most wanted first.
        hints: Vec<Hint> = Vec::new(),
        /// Most passkeys that one user can hold.
        max_per_user: u32 = 20,
    }
}

settings! {
    /// How long a fresh interactive proof in the same session stands in for an elevated token, in seconds.
    RecentProof {
        /// Enrolling the first factor; 0 demands a token always.
        first_factor_seconds: u32 = 300,
        /// Linking by clients that cannot attach a token; off by default.
        link_seconds: u32 = 0,
        /// Unlinking by clients that cannot attach a token; off by default.
        unlink_seconds: u32 = 0,
    }
}

choice! {
    /// How much of a client's address the audit log keeps.
    ClientAddress {
        /// All of it.
        Whole = "whole",
        /// Its network: a /24, or a /48 for IPv6.
        Prefix = "prefix",
        /// A keyed hash, which tells addresses apart and not where they are.
        Hashed = "hashed",
        /// Nothing.
        None = "none",
    }
}

settings! {
    /// What the audit log keeps, and for how long.
    Audit {
        /// Events are deleted after so many days; 3650 at most.
        retention_days: u32 = 365,
        /// How much of a client's address is kept.
        client_address: ClientAddress = ClientAddress::Whole,
    }
}

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
    const fn new(requests: u32, seconds: u32) -> Self {
        Self { requests, seconds }
    }
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
}

/// Whether an environment is for trying or for real users.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Kind {
    /// For development: localhost origins are allowed.
    Sandbox,
    /// For real users.
    Live,
}

impl Kind {
    /// The text on the wire (`environmentName`).
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Sandbox => "sandbox",
            Self::Live => "live",
        }
    }
}

const MAX_TOKEN_SECONDS: i64 = 30 * 86_400;
const MAX_ELEVATED_SECONDS: u32 = 3_600;

/// Limits of earlier versions that a stored document may still hold.
const RETIRED_LIMITS: [&str; 4] = ["codePerAddress", "codePerAddressTotal", "wrongCodes", "wrongCodesTotal"];

/// Takes out of a stored document what this version has no setting for any more. What an operator writes now is not
/// passed through here, and is refused where it names such a setting.
pub fn without_retired(mut document: serde_json::Value) -> serde_json::Value {
    if let Some(limits) = document.get_mut("limits").and_then(serde_json::Value::as_object_mut) {
        for name in RETIRED_LIMITS {
            limits.remove(name);
        }
    }
    document
}

impl Settings {
    /// The settings of a stored document, which an earlier version may have written.
    pub fn stored(document: &str) -> Result<Self, serde_json::Error> {
        serde_json::from_value(without_retired(serde_json::from_str(document)?))
    }

    /// What is wrong with these settings, each with what to do; empty when they can be used.
    pub fn problems(&self, kind: Kind) -> Vec<String> {
        let mut found = Vec::new();
        let mut check = |bad: bool, text: &str| {
            if bad {
                found.push(text.to_owned());
            }
        };
        let s = &self.security;
        check(
            self.general.display_name.trim().is_empty(),
            "general.displayName is empty: give the app a name",
        );
        check(self.general.display_name.len() > 100, "general.displayName is longer than 100 bytes");
        check(
            kind == Kind::Live && self.allowed_origins.iter().any(OriginPattern::is_localhost),
            "allowedOrigins names localhost, which a live environment refuses: remove it or use a sandbox",
        );
        for origin in self.allowed_origins.iter().filter(|_| kind == Kind::Live) {
            check(
                origin.is_plain_http() && !origin.is_localhost(),
                &format!("allowedOrigins names {origin}, which a live environment refuses: use https://"),
            );
            check(
                origin.open_suffix().is_some(),
                &format!(
                    "allowedOrigins names {origin}, below which anybody can have a name: a live environment needs each \
                     origin in full, or a wildcard below a domain of your own"
                ),
            );
        }
        check(
            self.passkeys.rp_id.as_deref().is_some_and(crate::origin::is_public_suffix),
            "passkeys.rpId is a public suffix, which no browser accepts: name a domain of your own",
        );
        let jwt = s.jwt_duration.seconds();
        check(
            !(60..=MAX_TOKEN_SECONDS).contains(&jwt),
            "security.jwtDuration must lie between 1 minute and 30 days",
        );
        let absolute = i64::from(s.session_absolute_seconds);
        check(
            !(60..=MAX_TOKEN_SECONDS).contains(&absolute),
            "security.sessionAbsoluteSeconds must lie between 60 and 2592000",
        );
        check(s.session_idle_seconds < 60, "security.sessionIdleSeconds must be at least 60");
        check(
            s.auth.storage != [Storage::LocalStorage],
            "security.auth.storage: only [\"localstorage\"] is available in this version",
        );
        check(s.captcha.enabled, "security.captcha is not available in this version: set enabled to false");
        check(
            s.external_auth.enabled,
            "security.externalAuth is not available in this version: set enabled to false",
        );
        check(
            s.device_registration_required,
            "security.deviceRegistrationRequired is not available in this version: set it to false",
        );
        check(
            self.passkeys.rp_id.as_deref().is_some_and(|id| !is_domain(id)),
            "passkeys.rpId is not a domain name: write it without scheme, port or path, such as example.com",
        );
        check(
            kind == Kind::Live && self.passkeys.rp_id.as_deref() == Some("localhost"),
            "passkeys.rpId is localhost, which a live environment refuses",
        );
        check(
            self.recent_proof.first_factor_seconds > 3_600
                || self.recent_proof.link_seconds > 3_600
                || self.recent_proof.unlink_seconds > 3_600,
            "recentProof: at most 3600 seconds",
        );
        check(
            !(1..=3_650).contains(&self.audit.retention_days),
            "audit.retentionDays must lie between 1 and 3650",
        );
        for rule in &self.scopes {
            check(
                rule.scope.parse::<Scope>().is_err(),
                &format!("scopes: `{}` is not of the form name:verb, or its name is reserved", rule.scope),
            );
        }
        let mfa = &s.mfa;
        for scope in repeated(self.scopes.iter().map(|rule| rule.scope.as_str())) {
            check(true, &format!("scopes: `{scope}` has more than one rule: keep one"));
        }
        for action in repeated(mfa.actions.iter().map(|rule| rule.action.as_str())) {
            check(true, &format!("security.mfa.actions: `{action}` has more than one rule: keep one"));
        }
        for method in repeated(mfa.methods.iter().map(|rule| rule.kind.as_str())) {
            check(true, &format!("security.mfa.methods: `{method}` has more than one rule: keep one"));
        }
        let named = mfa.available_methods.iter().copied();
        // E-mail may be named and switched off, as the public settings document does.
        let off = |m: &MethodRule| !m.enabled && m.kind.rules().channel == Some(Channel::Mail);
        let ruled = mfa.methods.iter().filter(|m| !off(m)).map(|m| m.kind);
        let not_offered: BTreeSet<_> =
            named.chain(ruled).filter(|f| !Format::second_factors().any(|able| able == *f)).collect();
        for format in not_offered {
            let Rules { text, name, .. } = format.rules();
            check(
                true,
                &format!(
                    "security.mfa: `{text}` ({name}) is no second factor (NIST SP 800-63B-4): take it out of \
                     availableMethods and methods"
                ),
            );
        }
        check(
            !(1..=20).contains(&mfa.max_totp_per_user),
            "security.mfa.maxTotpPerUser must lie between 1 and 20",
        );
        let offered = Format::second_factors().any(|format| mfa.offers(format));
        check(
            mfa.required() && !offered,
            "security.mfa.enrollment demands a factor, and no method can be enrolled: enable one in availableMethods \
             and methods",
        );
        let ages = self.scopes.iter().filter_map(|r| r.max_age_seconds);
        check(
            ages.into_iter().any(|age| !(10..=MAX_ELEVATED_SECONDS).contains(&age)),
            "maxAgeSeconds must lie between 10 and 3600",
        );
        let expiries = self.scopes.iter().map(|r| r.token_expiry_seconds);
        let expiries = expiries.chain(s.mfa.actions.iter().map(|r| r.token_expiry_seconds)).flatten();
        check(
            expiries.into_iter().any(|e| !(10..=MAX_ELEVATED_SECONDS).contains(&e)),
            "tokenExpirySeconds must lie between 10 and 3600",
        );
        let rates = self.limits.sdk.iter().chain([
            &self.limits.environment,
            &self.limits.user,
            &self.limits.api_token,
            &self.limits.nonce,
            &self.limits.sign_in,
            &self.limits.code,
            &self.limits.mails_per_address,
            &self.limits.own_mails_per_address,
            &self.limits.wrong_factors,
        ]);
        check(
            rates.into_iter().any(|r| r.requests == 0 || r.seconds == 0),
            "limits: a rate of zero would refuse everybody",
        );
        found
    }

    /// The scope that the text names in this environment: a fixed one, or one that the environment declared.
    pub fn scope(&self, text: &str) -> Result<Scope, ScopeError> {
        text.parse().ok().filter(|scope| self.knows(scope)).ok_or(ScopeError::Unknown)
    }

    /// The scopes that a request asks for. What it names twice counts twice.
    pub fn requested(&self, texts: &[String]) -> Result<Scopes, ScopeError> {
        if texts.len() > MAX_SCOPES {
            return Err(ScopeError::TooMany);
        }
        Scopes::collect(texts.iter().map(|text| self.scope(text)))
    }

    /// Whether the scope is a fixed one, or declared.
    pub fn knows(&self, scope: &Scope) -> bool {
        !matches!(scope, Scope::App(_)) || self.scopes.iter().any(|rule| rule.scope == scope.as_str())
    }

    /// Whether the origin (an `Origin` header's value) may call this environment.
    pub fn allows_origin(&self, origin: &str) -> bool {
        self.allowed_origins.iter().any(|pattern| pattern.matches(origin))
    }
}

/// What occurs more than once, each named once. Of two rules for one thing only one can hold, and the stricter might be lost.
fn repeated<'a>(names: impl Iterator<Item = &'a str>) -> BTreeSet<&'a str> {
    let mut seen = BTreeSet::new();
    names.filter(|name| !seen.insert(*name)).collect()
}

fn is_domain(text: &str) -> bool {
    matches!(url::Host::parse(text), Ok(url::Host::Domain(name)) if name == text && (name.contains('.') || name == "localhost"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::strength::Strength;

    #[test]
    fn only_declared_scopes_are_known() {
        let mut settings = Settings::default();
        assert_eq!(settings.scope("wallet:export"), Ok(Scope::WalletExport));
        assert_eq!(settings.scope("vault:open"), Err(ScopeError::Unknown));
        settings.scopes.push(ScopeRule::new("vault:open"));
        assert_eq!(settings.scope("vault:open").map(|s| s.to_string()), Ok("vault:open".into()));
    }

    /// A rule on a scope that cannot be declared does not make it known.
    #[test]
    fn a_stored_rule_declares_nothing_that_has_no_form() {
        let scopes = ["wallet:paint", "vault"].map(ScopeRule::new).to_vec();
        let settings = Settings { scopes, ..Settings::default() };
        for text in ["wallet:paint", "vault", "other:open"] {
            assert_eq!(settings.scope(text), Err(ScopeError::Unknown), "{text}");
        }
    }

    #[test]
    fn a_request_names_known_scopes_sixteen_at_most() {
        let scopes = vec![ScopeRule::new("vault:open")];
        let settings = Settings { scopes, ..Settings::default() };
        let requested = |texts: &[&str]| {
            let texts: Vec<String> = texts.iter().map(|text| (*text).to_owned()).collect();
            settings.requested(&texts).map(|scopes| scopes.to_string())
        };
        assert_eq!(requested(&[]), Ok(String::new()));
        assert_eq!(requested(&["vault:open", "user:update"]), Ok("user:update vault:open".into()));
        assert_eq!(requested(&["vault:open", "vault:shut"]), Err(ScopeError::Unknown));
        assert_eq!(requested(&["vault:open"; MAX_SCOPES]), Ok("vault:open".into()));
        assert_eq!(requested(&["vault:open"; MAX_SCOPES + 1]), Err(ScopeError::TooMany));
    }

    #[test]
    fn defaults_are_usable_and_survive_json() {
        let settings = Settings::default();
        assert_eq!(settings.problems(Kind::Live), Vec::<String>::new());
        let text = serde_json::to_string(&settings).unwrap();
        assert_eq!(serde_json::from_str::<Settings>(&text).unwrap(), settings);
    }

    #[test]
    fn unknown_fields_are_refused() {
        assert!(serde_json::from_str::<Settings>(r#"{"secuirty":{}}"#).is_err());
        assert!(serde_json::from_str::<Settings>(r#"{"security":{"mfa":{"enforced":true}}}"#).is_err());
    }

    #[test]
    fn a_document_of_an_earlier_version_still_loads() {
        let rate = r#"{"requests":1,"seconds":1}"#;
        let names = RETIRED_LIMITS.map(|name| format!(r#""{name}":{rate}"#)).join(",");
        let document = format!(r#"{{"limits":{{{names},"code":{rate}}}}}"#);
        assert!(serde_json::from_str::<Settings>(&document).is_err());
        let settings = Settings::stored(&document).unwrap();
        assert_eq!(settings.limits, Limits { code: Rate::new(1, 1), ..Limits::default() });
        assert!(Settings::stored(r#"{"limits":{"wrongCode":1}}"#).is_err());
    }

    #[test]
    fn what_this_version_cannot_enforce_cannot_be_switched_on() {
        for json in [
            r#"{"security":{"captcha":{"enabled":true}}}"#,
            r#"{"security":{"externalAuth":{"enabled":true}}}"#,
            r#"{"security":{"auth":{"storage":["cookie"]}}}"#,
            r#"{"security":{"deviceRegistrationRequired":true}}"#,
            r#"{"security":{"jwtDuration":{"amount":31,"unit":"days"}}}"#,
            r#"{"scopes":[{"scope":"wallet:paint"}]}"#,
            r#"{"scopes":[{"scope":"vault:open","tokenExpirySeconds":86400}]}"#,
            r#"{"passkeys":{"rpId":"https://example.com"}}"#,
            r#"{"allowedOrigins":["http://localhost:*"]}"#,
            r#"{"allowedOrigins":["http://app.example.com"]}"#,
            r#"{"allowedOrigins":["https://*.co.uk"]}"#,
            r#"{"allowedOrigins":["https://app.example.com","https://*.github.io"]}"#,
            r#"{"passkeys":{"rpId":"co.uk"}}"#,
            r#"{"limits":{"code":{"requests":0,"seconds":60}}}"#,
            r#"{"security":{"mfa":{"availableMethods":["totp","email"]}}}"#,
            r#"{"security":{"mfa":{"maxTotpPerUser":0}}}"#,
            r#"{"security":{"mfa":{"enrollment":"signup","availableMethods":[]}}}"#,
            r#"{"scopes":[{"scope":"vault:open","maxAgeSeconds":1}]}"#,
            r#"{"scopes":[{"scope":"vault:open","strength":"mfa"},{"scope":"vault:open"}]}"#,
            r#"{"scopes":[{"scope":"user:delete"},{"scope":"vault:open"},{"scope":"user:delete","maxAgeSeconds":60},
                {"scope":"user:delete"}]}"#,
            r#"{"security":{"mfa":{"actions":[{"action":"wallet.waas.sign","required":true},
                {"action":"wallet.waas.sign","required":false}]}}}"#,
            r#"{"security":{"mfa":{"methods":[{"type":"totp","enabled":true},{"type":"totp","enabled":false}]}}}"#,
        ] {
            let settings: Settings = serde_json::from_str(json).unwrap();
            assert_eq!(settings.problems(Kind::Live).len(), 1, "{json}");
        }
    }

    /// Two actions may share a scope: that is no repetition.
    #[test]
    fn refreshing_and_resharing_may_each_have_a_rule() {
        let json = r#"{"security":{"mfa":{"actions":[{"action":"wallet.waas.reshare","required":true},
            {"action":"wallet.waas.refresh","required":true}]}}}"#;
        let settings: Settings = serde_json::from_str(json).unwrap();
        assert_eq!(settings.problems(Kind::Live), Vec::<String>::new());
    }

    #[test]
    fn the_strength_of_a_rule_is_read_under_its_old_name_too() {
        let rule = |name: &str| {
            let json = format!(r#"{{"scopes":[{{"scope":"vault:open","{name}":"mfa"}}]}}"#);
            serde_json::from_str::<Settings>(&json)
        };
        let settings = rule("minStrength").unwrap();
        assert_eq!(settings, rule("strength").unwrap());
        assert_eq!(settings.scopes.first().and_then(|rule| rule.strength), Some(Strength::Mfa));
        let stored = serde_json::to_string(&settings).unwrap();
        assert!(stored.contains(r#""strength":"mfa""#) && !stored.contains("minStrength"));
        let both = r#"{"scopes":[{"scope":"vault:open","strength":"mfa","minStrength":"mfa"}]}"#;
        assert!(serde_json::from_str::<Settings>(both).is_err());
    }
}
