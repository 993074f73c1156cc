//! A letter: to whom, from which app, and what it tells. Sealed while it waits.

use serde::{Deserialize, Serialize};
use stile_core::{EnvironmentId, Event, Micros, OutboxId};
use stile_keys::Keyring;
use stile_keys::seal::SealError;
use stile_store::Mail;
use zeroize::{Zeroize, Zeroizing};

/// The first part of the associated data: the table.
const TABLE: &[u8] = b"outbox";

/// How long a notice is worth sending, in seconds.
pub const NOTICE_SECONDS: i64 = 86_400;

/// More than any letter needs: a buffer that grew would leave pieces of the code in freed memory.
const ROOM: usize = 4096;

/// A message to one person. It has no `Debug`, as it holds an address and perhaps a code; both are
/// overwritten when it is dropped.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Letter {
    /// The recipient's address, in its normalised spelling.
    pub to: String,
    /// The name of the app, as its users know it.
    pub app: String,
    /// Where users find help: an address, or a sentence with one.
    pub support: Option<String>,
    /// In which session the thing was done that the letter tells of.
    #[serde(default)]
    pub by: Option<By>,
    /// What it tells.
    pub content: Content,
}

/// A session as its owner can recognise it.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct By {
    /// The browser that opened it, as it calls itself; empty when it did not say.
    pub browser: String,
    /// When it was opened.
    pub opened_at: Micros,
}

/// What a code is for. A mail that names it lets its reader notice when somebody else asked for the code.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Purpose {
    /// Opening a session. Letters that an older version sealed are read as this.
    #[default]
    SignIn,
    /// Confirming an action in a session, with the user's own address.
    Confirm,
    /// Adding this address to the account.
    AddEmail,
    /// Making this address the account's own in place of the old one.
    ChangeEmail,
}

/// What a letter tells. The variant's name is its template.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Content {
    /// A one-time code.
    Code {
        /// The code, without spaces.
        code: String,
        /// What it is for.
        #[serde(default)]
        purpose: Purpose,
        /// For how long it is accepted.
        minutes: u32,
    },
    /// A passkey was added.
    PasskeyAdded {
        /// The passkey's name.
        name: String,
        /// When.
        at: Micros,
    },
    /// A passkey was removed.
    PasskeyRemoved {
        /// The passkey's name.
        name: String,
        /// When.
        at: Micros,
    },
    /// A passkey that was bound to one device can be synced now.
    PasskeySynced {
        /// The passkey's name.
        name: String,
        /// When it was first used like that.
        at: Micros,
    },
    /// The account's address was changed. Goes to the old address.
    EmailChanged {
        /// The new address, masked.
        new_masked: String,
        /// When.
        at: Micros,
    },
    /// An address was added to the account.
    EmailAdded {
        /// The address, masked.
        masked: String,
        /// When.
        at: Micros,
        /// The link that undoes it; not in the letter to the address itself.
        #[serde(default)]
        undo: Option<String>,
    },
    /// An address was removed from the account by its user.
    EmailRemoved {
        /// The address, masked.
        masked: String,
        /// When.
        at: Micros,
    },
    /// The addition of an address was undone by the link in its notice.
    EmailUndone {
        /// The address, masked.
        masked: String,
        /// When.
        at: Micros,
    },
    /// An authenticator app was added.
    TotpAdded {
        /// When.
        at: Micros,
    },
    /// An authenticator app was removed.
    TotpRemoved {
        /// The name that the user gave it.
        name: String,
        /// When.
        at: Micros,
    },
    /// New recovery codes took the place of the old ones.
    RecoveryCodesMade {
        /// When.
        at: Micros,
    },
    /// A recovery code was used.
    RecoveryCodeUsed {
        /// How many are left.
        left: u32,
        /// When.
        at: Micros,
    },
    /// Wrong codes of a second factor locked it for a while.
    MfaLocked {
        /// How many in a row.
        wrong: i64,
        /// When.
        at: Micros,
    },
    /// An operator reset the second factors.
    MfaReset {
        /// When.
        at: Micros,
    },
    /// The account was deleted.
    UserDeleted {
        /// When.
        at: Micros,
    },
}

/// Why a row of the outbox gave no letter.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub enum OpenError {
    /// It does not open here.
    #[error(transparent)]
    Seal(#[from] SealError),
    /// This binary has no such template.
    #[error("the template is unknown")]
    UnknownTemplate,
    /// It opened, but holds no letter.
    #[error("the sealed letter cannot be read")]
    Malformed,
}

impl OpenError {
    /// Whether another node may succeed: one with a newer binary, or with the new master key. While
    /// nodes are replaced one by one, an old one must not throw away what a new one queued.
    pub const fn is_temporary(self) -> bool {
        matches!(self, Self::UnknownTemplate | Self::Seal(SealError::UnknownKeyId))
    }
}

impl Letter {
    /// The row of the outbox: sealed for its place, due at once, dropped after `lifetime_seconds`. Name
    /// the lifetime of the code for a code; a notice is worth a day.
    ///
    /// # Errors
    /// [`SealError`] when the cipher fails.
    pub fn seal(
        &self,
        keyring: &Keyring,
        id: OutboxId,
        environment: EnvironmentId,
        now: Micros,
        lifetime_seconds: i64,
    ) -> Result<Mail, SealError> {
        let mut plain = Zeroizing::new(Vec::with_capacity(ROOM));
        // Texts and numbers always serialise.
        serde_json::to_writer(&mut *plain, self).map_err(|_| SealError::Malformed)?;
        let sealed = keyring.seal.seal(&place(&environment, &id), &plain)?;
        Ok(Mail {
            id,
            environment,
            recipient: Some(keyring.counter.tag(&[b"recipient", environment.as_bytes(), self.to.as_bytes()])),
            template: self.content.template().to_owned(),
            sealed,
            created_at: now,
            expires_at: now.plus_seconds(lifetime_seconds),
        })
    }

    /// The letter that a row holds.
    ///
    /// # Errors
    /// [`OpenError`]; ask [`OpenError::is_temporary`] before throwing the row away.
    pub fn open(keyring: &Keyring, mail: &Mail) -> Result<Self, OpenError> {
        if !TEMPLATES.contains(&mail.template.as_str()) {
            return Err(OpenError::UnknownTemplate);
        }
        let plain = keyring.seal.open(&place(&mail.environment, &mail.id), &mail.sealed)?;
        serde_json::from_slice(&plain).map_err(|_| OpenError::Malformed)
    }
}

impl Drop for Letter {
    fn drop(&mut self) {
        self.to.zeroize();
        match &mut self.content {
            Content::Code { code, .. } => code.zeroize(),
            Content::EmailAdded { undo, .. } => undo.zeroize(),
            _ => {}
        }
    }
}

const TEMPLATES: [&str; 15] = [
    "code",
    "passkey_added",
    "passkey_removed",
    "passkey_synced",
    "email_changed",
    "email_added",
    "email_removed",
    "email_undone",
    "totp_added",
    "totp_removed",
    "recovery_codes_made",
    "recovery_code_used",
    "mfa_locked",
    "mfa_reset",
    "user_deleted",
];

impl Content {
    /// What the user is told of an event; `None` where it has no notice, or one for each address.
    pub fn of(event: Event, at: Micros) -> Option<Self> {
        Some(match event {
            Event::EmailChanged { masked: new_masked, .. } => Self::EmailChanged { new_masked, at },
            Event::EmailUndone { masked, .. } => Self::EmailUndone { masked, at },
            Event::EmailUnlinked { masked, .. } => Self::EmailRemoved { masked, at },
            Event::MfaReset { .. } => Self::MfaReset { at },
            Event::MfaWrong { number, locked_seconds: 1.., .. } => Self::MfaLocked { wrong: number, at },
            Event::PasskeyAdded { name, .. } => Self::PasskeyAdded { name, at },
            Event::PasskeyBecameSynced { name, .. } => Self::PasskeySynced { name, at },
            Event::PasskeyRemoved { name, .. } => Self::PasskeyRemoved { name, at },
            Event::RecoveryCodeUsed { left } => Self::RecoveryCodeUsed { left, at },
            Event::RecoveryCodesMade => Self::RecoveryCodesMade { at },
            Event::TotpAdded { .. } => Self::TotpAdded { at },
            Event::TotpRemoved { name, .. } => Self::TotpRemoved { name, at },
            Event::UserDeleted { .. } => Self::UserDeleted { at },
            _ => return None,
        })
    }

    /// The stable name in the `template` column.
    pub const fn template(&self) -> &'static str {
        match self {
            Self::Code { .. } => "code",
            Self::PasskeyAdded { .. } => "passkey_added",
            Self::PasskeyRemoved { .. } => "passkey_removed",
            Self::PasskeySynced { .. } => "passkey_synced",
            Self::EmailChanged { .. } => "email_changed",
            Self::EmailAdded { .. } => "email_added",
            Self::EmailRemoved { .. } => "email_removed",
            Self::EmailUndone { .. } => "email_undone",
            Self::TotpAdded { .. } => "totp_added",
            Self::TotpRemoved { .. } => "totp_removed",
            Self::RecoveryCodesMade { .. } => "recovery_codes_made",
            Self::RecoveryCodeUsed { .. } => "recovery_code_used",
            Self::MfaLocked { .. } => "mfa_locked",
            Self::MfaReset { .. } => "mfa_reset",
            Self::UserDeleted { .. } => "user_deleted",
        }
    }
}

fn place<'a>(environment: &'a EnvironmentId, id: &'a OutboxId) -> [&'a [u8]; 3] {
    [TABLE, environment.as_bytes(), id.as_bytes()]
}

#[cfg(test)]
mod tests {
    use super::*;
    use stile_keys::MasterKey;

    const NOW: Micros = Micros::new(1_760_000_000_000_000);

    fn keyring(byte: u8) -> Keyring {
        let hex: String = (0..32).map(|i| format!("{:02x}", byte ^ i)).collect();
        Keyring::new(&MasterKey::parse(&hex).unwrap()).unwrap()
    }

    fn id(byte: u8) -> OutboxId {
        OutboxId::new(NOW, [byte; 10])
    }

    fn environment(byte: u8) -> EnvironmentId {
        EnvironmentId::from_bytes([byte; 16])
    }

    fn letter(content: Content) -> Letter {
        Letter { to: "ann@example.com".into(), app: "Acme".into(), support: None, by: None, content }
    }

    fn contents() -> [Content; 15] {
        [
            Content::Code { code: "123456".into(), purpose: Purpose::SignIn, minutes: 10 },
            Content::PasskeyAdded { name: "Phone".into(), at: NOW },
            Content::PasskeyRemoved { name: "Phone".into(), at: NOW },
            Content::PasskeySynced { name: "Phone".into(), at: NOW },
            Content::EmailChanged { new_masked: "b•••@example.com".into(), at: NOW },
            Content::EmailAdded {
                masked: "b•••@example.com".into(),
                at: NOW,
                undo: Some("https://auth.example.com/undo?token=x".into()),
            },
            Content::EmailRemoved { masked: "b•••@example.com".into(), at: NOW },
            Content::EmailUndone { masked: "b•••@example.com".into(), at: NOW },
            Content::TotpAdded { at: NOW },
            Content::TotpRemoved { name: "Phone".into(), at: NOW },
            Content::RecoveryCodesMade { at: NOW },
            Content::RecoveryCodeUsed { left: 3, at: NOW },
            Content::MfaLocked { wrong: 5, at: NOW },
            Content::MfaReset { at: NOW },
            Content::UserDeleted { at: NOW },
        ]
    }

    fn sealed() -> Mail {
        let [code, ..] = contents();
        letter(code).seal(&keyring(1), id(1), environment(1), NOW, 600).unwrap()
    }

    #[test]
    fn opens_what_it_sealed() {
        for (content, template) in contents().into_iter().zip(TEMPLATES) {
            let letter = letter(content);
            let mail = letter.seal(&keyring(1), id(1), environment(1), NOW, 600).unwrap();
            assert_eq!(
                (mail.template.as_str(), mail.id, mail.environment),
                (template, id(1), environment(1))
            );
            assert_eq!((mail.created_at, mail.expires_at), (NOW, NOW.plus_seconds(600)));
            assert!(Letter::open(&keyring(1), &mail) == Ok(letter));
        }
    }

    #[test]
    fn the_template_is_the_name_in_the_json() {
        for content in contents() {
            let json = serde_json::to_value(&content).unwrap();
            assert!(json.get(content.template()).is_some(), "{json}");
        }
    }

    #[test]
    fn a_code_that_an_older_version_sealed_is_still_read() {
        let older: Content = serde_json::from_str(r#"{"code":{"code":"123456","minutes":10}}"#).unwrap();
        assert!(older == Content::Code { code: "123456".into(), purpose: Purpose::SignIn, minutes: 10 });
    }

    #[test]
    fn nothing_shows_at_rest() {
        let stored = String::from_utf8_lossy(&sealed().sealed).into_owned();
        for secret in ["ann", "example.com", "123456", "Acme"] {
            assert!(!stored.contains(secret));
        }
    }

    #[test]
    fn opens_only_in_its_row() {
        let moved = [Mail { id: id(2), ..sealed() }, Mail { environment: environment(2), ..sealed() }];
        for mail in moved {
            assert!(Letter::open(&keyring(1), &mail) == Err(OpenError::Seal(SealError::Forged)));
        }
        let mut changed = sealed();
        *changed.sealed.last_mut().unwrap() ^= 1;
        assert!(Letter::open(&keyring(1), &changed) == Err(OpenError::Seal(SealError::Forged)));
    }

    #[test]
    fn what_a_newer_node_wrote_is_left_to_it() {
        let unknown_key = Letter::open(&keyring(2), &sealed()).err().unwrap();
        assert_eq!(unknown_key, OpenError::Seal(SealError::UnknownKeyId));
        let newer = Mail { template: "phone_added".into(), ..sealed() };
        let unknown_template = Letter::open(&keyring(1), &newer).err().unwrap();
        assert_eq!(unknown_template, OpenError::UnknownTemplate);
        assert!(unknown_key.is_temporary() && unknown_template.is_temporary());
        assert!(!OpenError::Malformed.is_temporary() && !OpenError::Seal(SealError::Forged).is_temporary());
    }

    #[test]
    fn what_is_no_letter_is_malformed() {
        let sealed_json = |json: &[u8]| {
            let sealed = keyring(1).seal.seal(&place(&environment(1), &id(1)), json).unwrap();
            Mail { sealed, ..self::sealed() }
        };
        for json in [&b""[..], b"{}", b"[1]", br#"{"to":"a","app":"b","support":null,"content":{"code":{}}}"#]
        {
            assert!(Letter::open(&keyring(1), &sealed_json(json)) == Err(OpenError::Malformed));
        }
    }
}
