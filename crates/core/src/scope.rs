//! Scopes: what an elevated access token allows.

use std::fmt;

use crate::settings::Settings;

/// A scope that an environment knows: one of the fixed ones, or one that the environment declared.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Debug)]
pub enum Scope {
    /// Adding a credential or a factor.
    CredentialLink,
    /// Removing a credential or a factor.
    CredentialUnlink,
    /// Changing a credential, for example the e-mail address.
    CredentialUpdate,
    /// Changing profile fields.
    UserUpdate,
    /// Deleting the user.
    UserDelete,
    /// Exporting a wallet's private key.
    WalletExport,
    /// Signing with a wallet.
    WalletSign,
    /// Refreshing, resharing or delegating a wallet.
    WalletDelegate,
    /// Deleting a wallet.
    WalletDelete,
    /// Restoring a wallet.
    WalletRestore,
    /// A scope of the environment's own, `name:verb`.
    App(AppScope),
}

/// The text of a scope that an environment declared, such as `payments:transfer`.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Debug)]
pub struct AppScope(String);

/// The environment does not know this scope (422 `invalid_scopes`).
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
#[error("unknown scope")]
pub struct UnknownScope;

/// How many scopes one request may ask for.
pub const MAX_SCOPES: usize = 16;

const FIXED: [Scope; 10] = [
    Scope::CredentialLink,
    Scope::CredentialUnlink,
    Scope::CredentialUpdate,
    Scope::UserUpdate,
    Scope::UserDelete,
    Scope::WalletExport,
    Scope::WalletSign,
    Scope::WalletDelegate,
    Scope::WalletDelete,
    Scope::WalletRestore,
];

/// First words that fixed scopes use or will use: an environment cannot declare scopes under them.
const RESERVED: [&str; 5] = ["credential", "user", "wallet", "business_account", "console"];

impl Scope {
    /// The scope that the text names in this environment.
    pub fn parse(text: &str, settings: &Settings) -> Result<Self, UnknownScope> {
        if let Some(fixed) = FIXED.iter().find(|s| s.as_str() == text) {
            return Ok(fixed.clone());
        }
        let declared = settings.scopes.iter().any(|rule| rule.scope == text);
        if declared { AppScope::parse(text).map(Self::App) } else { Err(UnknownScope) }
    }

    /// The fixed scope of that name, if it is one.
    pub fn fixed(text: &str) -> Option<Self> {
        FIXED.iter().find(|s| s.as_str() == text).cloned()
    }

    /// The text on the wire.
    pub fn as_str(&self) -> &str {
        match self {
            Self::CredentialLink => "credential:link",
            Self::CredentialUnlink => "credential:unlink",
            Self::CredentialUpdate => "credential:update",
            Self::UserUpdate => "user:update",
            Self::UserDelete => "user:delete",
            Self::WalletExport => "wallet:export",
            Self::WalletSign => "wallet:sign",
            Self::WalletDelegate => "wallet:delegate",
            Self::WalletDelete => "wallet:delete",
            Self::WalletRestore => "wallet:restore",
            Self::App(AppScope(text)) => text,
        }
    }

    /// Whether tokens for this scope are single-use unless a setting says otherwise.
    pub fn single_use_by_default(&self) -> bool {
        self.as_str().starts_with("wallet:") || matches!(self, Self::App(_))
    }
}

impl AppScope {
    /// `name:verb`, each of a-z, 0-9, `_` and `-`, at most 64 characters, not under a reserved name.
    pub fn parse(text: &str) -> Result<Self, UnknownScope> {
        let (name, verb) = text.split_once(':').ok_or(UnknownScope)?;
        let word = |w: &str| {
            !w.is_empty()
                && w.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_' || b == b'-')
        };
        if text.len() > 64 || !word(name) || !word(verb) || RESERVED.contains(&name) {
            return Err(UnknownScope);
        }
        Ok(Self(text.to_owned()))
    }
}

impl fmt::Display for Scope {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// The scopes of a space-separated list, as a token's `scope` claim carries them.
pub fn contains(list: &str, scope: &str) -> bool {
    !scope.is_empty() && list.split(' ').any(|word| word == scope)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::settings::ScopeRule;

    #[test]
    fn only_declared_scopes_are_known() {
        let mut settings = Settings::default();
        assert_eq!(Scope::parse("wallet:export", &settings), Ok(Scope::WalletExport));
        assert_eq!(Scope::parse("vault:open", &settings), Err(UnknownScope));
        settings.scopes.push(ScopeRule::new("vault:open"));
        assert_eq!(Scope::parse("vault:open", &settings).map(|s| s.to_string()), Ok("vault:open".into()));
    }

    #[test]
    fn reserved_and_odd_names_cannot_be_declared() {
        for text in [
            "wallet:paint",
            "console:open",
            "user:x",
            "Vault:open",
            "vault",
            "vault:",
            ":open",
            "a:b:c",
            "a b:c",
        ] {
            assert!(AppScope::parse(text).is_err(), "{text}");
        }
    }

    #[test]
    fn a_scope_list_is_matched_by_whole_words() {
        assert!(contains("wallet:export vault:open", "vault:open"));
        assert!(!contains("wallet:export", "wallet:exp"));
        assert!(!contains("", ""));
        assert!(!contains("credential:unlink", "credential:link"));
    }

    #[test]
    fn fixed_scopes_are_known_by_their_texts() {
        let texts: Vec<&str> = FIXED.iter().map(Scope::as_str).collect();
        assert_eq!(
            texts,
            [
                "credential:link",
                "credential:unlink",
                "credential:update",
                "user:update",
                "user:delete",
                "wallet:export",
                "wallet:sign",
                "wallet:delegate",
                "wallet:delete",
                "wallet:restore",
            ]
        );
        for scope in &FIXED {
            let text = scope.as_str();
            assert_eq!(Scope::fixed(text).as_ref(), Some(scope));
            assert_eq!(Scope::parse(text, &Settings::default()).as_ref(), Ok(scope));
            assert_eq!(scope.to_string(), text);
            assert_eq!(scope.single_use_by_default(), text.starts_with("wallet:"), "{text}");
        }
        assert_eq!(Scope::fixed("vault:open"), None);
        let own = AppScope::parse("vault:open").map(Scope::App).unwrap();
        assert!(own.single_use_by_default());
    }

    /// A rule on a scope that cannot be declared does not make it known.
    #[test]
    fn a_stored_rule_declares_nothing_that_has_no_form() {
        let scopes = ["wallet:paint", "vault"].map(ScopeRule::new).to_vec();
        let settings = Settings { scopes, ..Settings::default() };
        for text in ["wallet:paint", "vault", "other:open"] {
            assert_eq!(Scope::parse(text, &settings), Err(UnknownScope), "{text}");
        }
    }

    #[test]
    fn each_character_and_each_length_of_a_name() {
        for text in ["a:b", "a-1_z:9-_x", "0:0", "_:-"] {
            assert_eq!(AppScope::parse(text).map(|scope| scope.0), Ok(text.to_owned()));
        }
        for text in ["A:b", "a:B", "a.b:c", "a:b.c", "é:b", "a:é", "a/b:c", "a :b", "", ":"] {
            assert!(AppScope::parse(text).is_err(), "{text:?}");
        }
        let long = |length: usize| format!("{}:x", "a".repeat(length - 2));
        assert!(AppScope::parse(&long(64)).is_ok() && AppScope::parse(&long(63)).is_ok());
        assert!(AppScope::parse(&long(65)).is_err() && AppScope::parse(&long(66)).is_err());
    }
}
