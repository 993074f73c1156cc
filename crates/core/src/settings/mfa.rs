//! Which second factors there are, and when one is needed.

use std::collections::BTreeSet;

use super::problems::Problems;
use super::rules::ActionRule;
use crate::factor::{Channel, Format, Rules};

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
    pub(super) fn check(&self, found: &mut Problems) {
        found.check_once("security.mfa.methods", self.methods.iter().map(|rule| rule.kind.as_str()));
        // E-mail may be named and switched off, as the public settings document does.
        let off = |m: &MethodRule| !m.enabled && m.kind.rules().channel == Some(Channel::Mail);
        let ruled = self.methods.iter().filter(|m| !off(m)).map(|m| m.kind);
        let named = self.available_methods.iter().copied().chain(ruled);
        let not_offered: BTreeSet<_> =
            named.filter(|format| !Format::second_factors().any(|able| able == *format)).collect();
        for Rules { text, name, .. } in not_offered.into_iter().map(Format::rules) {
            found.check(
                true,
                &format!(
                    "security.mfa: `{text}` ({name}) is no second factor (NIST SP 800-63B-4): take it out of \
                     availableMethods and methods"
                ),
            );
        }
        found.check(
            !(1..=20).contains(&self.max_totp_per_user),
            "security.mfa.maxTotpPerUser must lie between 1 and 20",
        );
        found.check(
            self.required() && !Format::second_factors().any(|format| self.offers(format)),
            "security.mfa.enrollment demands a factor, and no method can be enrolled: enable one in availableMethods \
             and methods",
        );
    }
}

entry! {
    /// A switch for one kind of factor.
    MethodRule {
        /// Which kind of factor.
        kind as "type": Format,
        /// Whether it can be enrolled.
        enabled as "enabled": bool,
        /// Whether recovery codes are made beside it.
        #[serde(default = "yes")]
        allow_backup_codes as "allowBackupCodes": bool,
    }
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
