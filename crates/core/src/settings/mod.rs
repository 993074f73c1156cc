//! An environment's settings, typed. Every field has a default, unknown fields are refused, and
//! `problems` names what cannot be switched on: each section checks its own fields.
//!
//! Names follow the public settings document where it has one, so that existing values carry over.

use serde::{Deserialize, Serialize};

use crate::origin::OriginPattern;
use crate::scope::{MAX_SCOPES, Scope, ScopeError, Scopes};

#[macro_use]
mod described;
mod limits;
mod mfa;
mod passkeys;
mod problems;
mod rules;
mod sdk;
mod security;
mod table;

use limits::without_retired;
pub use limits::{Limits, Rate};
pub use mfa::{Enrollment, MethodRule, Mfa};
pub use passkeys::{Hint, Passkeys, UserVerification};
use problems::Problems;
pub use rules::{Action, ActionRule, ScopeRule, TokenBehavior};
pub use sdk::{ApiVersion, Sdk};
pub use security::{
    Auth, Captcha, CaptchaProvider, Duration, ExternalAuth, Notifications, Security, Storage, Unit,
};
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

impl Settings {
    /// The settings of a stored document, which an earlier version may have written.
    pub fn stored(document: &str) -> Result<Self, serde_json::Error> {
        serde_json::from_value(without_retired(serde_json::from_str(document)?))
    }

    /// What is wrong with these settings, each with what to do; empty when they can be used.
    pub fn problems(&self, kind: Kind) -> Vec<String> {
        let mut found = Problems::default();
        self.general.check(&mut found);
        if kind == Kind::Live {
            check_origins(&self.allowed_origins, &mut found);
        }
        self.security.check(&mut found);
        rules::check(&self.scopes, &self.security.mfa.actions, &mut found);
        self.passkeys.check(kind, &mut found);
        self.recent_proof.check(&mut found);
        self.limits.check(&mut found);
        self.audit.check(&mut found);
        found.0
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

impl General {
    fn check(&self, found: &mut Problems) {
        found.check(self.display_name.trim().is_empty(), "general.displayName is empty: give the app a name");
        found.check(self.display_name.len() > 100, "general.displayName is longer than 100 bytes");
    }
}

/// Checks the origins of a live environment.
fn check_origins(origins: &[OriginPattern], found: &mut Problems) {
    found.check(
        origins.iter().any(OriginPattern::is_localhost),
        "allowedOrigins names localhost, which a live environment refuses: remove it or use a sandbox",
    );
    for origin in origins {
        found.check(
            origin.is_plain_http() && !origin.is_localhost(),
            &format!("allowedOrigins names {origin}, which a live environment refuses: use https://"),
        );
        found.check(
            origin.open_suffix().is_some(),
            &format!(
                "allowedOrigins names {origin}, below which anybody can have a name: a live environment needs each \
                 origin in full, or a wildcard below a domain of your own"
            ),
        );
    }
}

impl RecentProof {
    fn check(&self, found: &mut Problems) {
        let longest = self.first_factor_seconds.max(self.link_seconds).max(self.unlink_seconds);
        found.check(longest > 3_600, "recentProof: at most 3600 seconds");
    }
}

impl Audit {
    fn check(&self, found: &mut Problems) {
        found.check(
            !(1..=3_650).contains(&self.retention_days),
            "audit.retentionDays must lie between 1 and 3650",
        );
    }
}

#[cfg(test)]
mod tests {
    use super::limits::RETIRED_LIMITS;
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
