//! Scopes: what an elevated access token allows.

use std::collections::BTreeSet;
use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// What one action needs: a scope of Stile's own, or one of an environment's own.
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
    /// A scope of an environment's own, `name:verb`.
    App(AppScope),
}

/// The text of a scope that an environment declared, such as `payments:transfer`.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Debug)]
pub struct AppScope(String);

/// The scopes of a request or of a token, [`MAX_SCOPES`] at most. Their text is the `scope` claim: each once, in one order,
/// with single spaces between.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
#[serde(from = "String", into = "String")]
pub struct Scopes(BTreeSet<Scope>);

/// Why texts are no scopes (422 `invalid_scopes`).
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub enum ScopeError {
    /// It has no form of a scope, or the environment did not declare it.
    #[error("unknown scope")]
    Unknown,
    /// There are more of them than one request may ask for.
    #[error("more than {MAX_SCOPES} scopes")]
    TooMany,
}

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

impl FromStr for Scope {
    type Err = ScopeError;
    /// Reads the form alone: whether an environment declared the scope is known to its settings.
    fn from_str(text: &str) -> Result<Self, ScopeError> {
        let fixed = FIXED.iter().find(|scope| scope.as_str() == text).cloned();
        fixed.map_or_else(|| AppScope::parse(text).map(Self::App), Ok)
    }
}

impl fmt::Display for Scope {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl AppScope {
    /// `name:verb`, each of a-z, 0-9, `_` and `-`, at most 64 characters, not under a reserved name.
    fn parse(text: &str) -> Result<Self, ScopeError> {
        let (name, verb) = text.split_once(':').ok_or(ScopeError::Unknown)?;
        let word = |w: &str| {
            !w.is_empty()
                && w.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_' || b == b'-')
        };
        if text.len() > 64 || !word(name) || !word(verb) || RESERVED.contains(&name) {
            return Err(ScopeError::Unknown);
        }
        Ok(Self(text.to_owned()))
    }
}

impl Scopes {
    /// All of these, or the first error.
    pub fn collect(scopes: impl IntoIterator<Item = Result<Scope, ScopeError>>) -> Result<Self, ScopeError> {
        let mut all = Self::default();
        scopes.into_iter().try_for_each(|scope| all.insert(scope?))?;
        Ok(all)
    }

    /// Adds one more.
    pub fn insert(&mut self, scope: Scope) -> Result<(), ScopeError> {
        if self.0.len() == MAX_SCOPES && !self.contains(&scope) {
            return Err(ScopeError::TooMany);
        }
        self.0.insert(scope);
        Ok(())
    }

    /// Whether it is one of them.
    pub fn contains(&self, scope: &Scope) -> bool {
        self.0.contains(scope)
    }

    /// Each of them.
    pub fn iter(&self) -> impl Iterator<Item = &Scope> {
        self.0.iter()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl FromStr for Scopes {
    type Err = ScopeError;
    fn from_str(text: &str) -> Result<Self, ScopeError> {
        Self::collect(text.split(' ').map(str::parse))
    }
}

/// As a token says them. Words that this version does not know, such as a scope of a newer one, allow nothing here.
impl From<String> for Scopes {
    fn from(text: String) -> Self {
        Self(text.split(' ').filter_map(|word| word.parse().ok()).take(MAX_SCOPES).collect())
    }
}

impl From<Scopes> for String {
    fn from(scopes: Scopes) -> Self {
        scopes.to_string()
    }
}

impl fmt::Display for Scopes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().enumerate().try_for_each(|(at, scope)| {
            let space = if at == 0 { "" } else { " " };
            write!(f, "{space}{scope}")
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

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
            assert_eq!(text.parse::<Scope>(), Err(ScopeError::Unknown), "{text}");
        }
    }

    #[test]
    fn a_scope_is_found_in_a_list_by_its_whole_text() {
        let list = |text: &str| text.parse::<Scopes>().unwrap();
        let own: Scope = "vault:open".parse().unwrap();
        assert!(list("wallet:export vault:open").contains(&own));
        assert!(!list("wallet:export vault:open-wide").contains(&own));
        assert!(!list("credential:unlink").contains(&Scope::CredentialLink));
        assert!(!Scopes::default().contains(&own));
    }

    #[test]
    fn the_text_of_scopes_has_each_once_and_in_one_order() {
        for (text, shown) in [
            ("vault:open", "vault:open"),
            ("vault:open wallet:export credential:link", "credential:link wallet:export vault:open"),
            ("b:b a:a b:b user:update", "user:update a:a b:b"),
        ] {
            let scopes: Scopes = text.parse().unwrap();
            assert_eq!(scopes.to_string(), shown);
            assert_eq!(serde_json::to_value(&scopes).unwrap(), shown);
            assert_eq!(serde_json::from_value::<Scopes>(text.into()).unwrap(), scopes);
        }
        for text in
            ["", " ", "vault:open ", " vault:open", "vault:open  user:update", "vault:open,user:update"]
        {
            assert_eq!(text.parse::<Scopes>(), Err(ScopeError::Unknown), "{text:?}");
        }
    }

    /// A newer node may know more scopes.
    #[test]
    fn a_token_allows_what_this_version_knows_of_it() {
        let read = |text: &str| serde_json::from_value::<Scopes>(text.into()).unwrap().to_string();
        assert_eq!(read("wallet:paint vault:open a:b:c"), "vault:open");
        assert_eq!(read("wallet:paint"), "");
    }

    #[test]
    fn sixteen_scopes_are_the_most() {
        let text = |count: usize| (0..count).map(|n| format!("app:s{n:02}")).collect::<Vec<_>>().join(" ");
        let mut full: Scopes = text(MAX_SCOPES).parse().unwrap();
        assert_eq!(full.iter().count(), MAX_SCOPES);
        assert_eq!(text(MAX_SCOPES + 1).parse::<Scopes>(), Err(ScopeError::TooMany));
        let held = full.clone();
        assert_eq!(full.insert(Scope::CredentialLink), Err(ScopeError::TooMany));
        assert_eq!(full.insert("app:s00".parse().unwrap()), Ok(()));
        assert_eq!(full, held);
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
            assert_eq!(text.parse::<Scope>().as_ref(), Ok(scope));
            assert_eq!(scope.to_string(), text);
            assert_eq!(scope.single_use_by_default(), text.starts_with("wallet:"), "{text}");
        }
        let own: Scope = "vault:open".parse().unwrap();
        assert!(matches!(own, Scope::App(_)) && own.single_use_by_default());
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
