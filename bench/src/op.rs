//! What is measured.

/// One operation, as a client sees it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Op {
    /// Asks whether a step-up is needed.
    StepUpCheck,
    /// Asks for an e-mail code and signs in with it.
    Email,
    /// Asks for passkey options and answers them, for a token of the scope `vault:open`.
    Passkey,
    /// A code of an authenticator app, for a token of the scope `vault:open`.
    Totp,
    /// A recovery code, for the same.
    Recovery,
    /// Fresh tokens for a session.
    Refresh,
    /// An app's backend spends an elevated token.
    Consume,
    /// Public settings that the client has already.
    SettingsKnown,
    /// Public settings in full.
    Settings,
    /// The published keys.
    Jwks,
}

/// What cryptography an operation cannot do without; signatures and verifications are ES256.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Crypto {
    /// Signatures under a token.
    pub(crate) signs: u32,
    /// Verifications of a token.
    pub(crate) verifies: u32,
    /// Verifications of a WebAuthn assertion.
    pub(crate) assertions: u32,
    /// Codes of an authenticator app: HMAC-SHA-1 each, its key included.
    pub(crate) codes: u32,
}

/// What an operation should reach with the embedded database.
#[derive(Clone, Copy, PartialEq, Debug)]
pub(crate) struct Target {
    /// Operations in a second.
    pub(crate) per_second: f64,
    /// Milliseconds that 99 of 100 stay under.
    pub(crate) p99_ms: Option<f64>,
}

impl Op {
    /// All, in the order in which they are measured.
    pub(crate) const ALL: [Self; 10] = [
        Self::StepUpCheck,
        Self::Passkey,
        Self::Totp,
        Self::Email,
        Self::Refresh,
        Self::Consume,
        // After the tokens that it ends, which `consume` spends.
        Self::Recovery,
        Self::SettingsKnown,
        Self::Settings,
        Self::Jwks,
    ];

    /// The name on the command line.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::StepUpCheck => "step-up-check",
            Self::Email => "email",
            Self::Passkey => "passkey",
            Self::Totp => "totp",
            Self::Recovery => "recovery",
            Self::Refresh => "refresh",
            Self::Consume => "consume",
            Self::SettingsKnown => "settings-304",
            Self::Settings => "settings-200",
            Self::Jwks => "jwks",
        }
    }

    /// The operation of that name.
    pub(crate) fn parse(name: &str) -> Result<Self, String> {
        let found = Self::ALL.into_iter().find(|op| op.name() == name);
        found.ok_or_else(|| format!("known are {}", Self::ALL.map(Self::name).join(", ")))
    }

    /// What it is, for the report.
    pub(crate) const fn title(self) -> &'static str {
        match self {
            Self::StepUpCheck => "`stepUp/check`",
            Self::Email => "e-mail code to session",
            Self::Passkey => "passkey step-up",
            Self::Totp => "TOTP step-up",
            Self::Recovery => "recovery code step-up",
            Self::Refresh => "`refresh`",
            Self::Consume => "`elevated-tokens/consume`",
            Self::SettingsKnown => "`settings`, 304",
            Self::Settings => "`settings`, 200",
            Self::Jwks => "`.well-known/jwks`",
        }
    }

    /// The requests that it is made of, where there are two.
    pub(crate) const fn halves(self) -> Option<[&'static str; 2]> {
        match self {
            Self::Email => Some(["create", "signin"]),
            Self::Passkey => Some(["options", "finish"]),
            _ => None,
        }
    }

    /// Its crypto floor.
    pub(crate) const fn crypto(self) -> Crypto {
        let (signs, verifies, assertions, codes) = match self {
            // The access token.
            Self::StepUpCheck => (0, 1, 0, 0),
            // Access and identity token.
            Self::Email => (2, 0, 0, 0),
            // The access token of each request, the assertion; access, identity and elevated token.
            Self::Passkey => (3, 2, 1, 0),
            // The access token, the codes of three steps; access, identity and elevated token.
            Self::Totp => (3, 1, 0, 3),
            // The access token; access, identity and elevated token.
            Self::Recovery => (3, 1, 0, 0),
            // The access token; access and identity token.
            Self::Refresh => (2, 1, 0, 0),
            // The elevated token.
            Self::Consume => (0, 1, 0, 0),
            Self::SettingsKnown | Self::Settings | Self::Jwks => (0, 0, 0, 0),
        };
        Crypto { signs, verifies, assertions, codes }
    }

    /// What it should reach.
    pub(crate) const fn target(self) -> Option<Target> {
        match self {
            Self::StepUpCheck => Some(Target { per_second: 20_000.0, p99_ms: Some(10.0) }),
            Self::Email => Some(Target { per_second: 4_000.0, p99_ms: None }),
            Self::Passkey => Some(Target { per_second: 3_000.0, p99_ms: None }),
            Self::Totp => Some(Target { per_second: 4_000.0, p99_ms: None }),
            Self::Recovery => Some(Target { per_second: 3_000.0, p99_ms: None }),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_operation_is_found_by_its_name() {
        for op in Op::ALL {
            assert_eq!(Op::parse(op.name()), Ok(op));
        }
        assert!(Op::parse("").is_err());
    }
}
