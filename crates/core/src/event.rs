//! What happens, as a closed list: each event with what the audit log and its notice say of it. Nobody else writes an
//! event's name or its detail.

use std::borrow::Cow;

use serde::Serialize;
use serde_json::Value;

use crate::id::{ApiTokenId, CredentialId, SessionId, VerificationId};
use crate::proof::Method;
use crate::settings::Kind;
use crate::time::Micros;

macro_rules! events {
    ($($(#[$doc:meta])* $variant:ident = $text:literal $($counted:ident)? $({
        $($(#[$field_doc:meta])* $field:ident: $type:ty),* $(,)?
    })?,)*) => {
        /// What happened. The fields are the members of its detail in the audit log, in camel case; those that serde skips
        /// are for its notice alone.
        #[derive(Clone, PartialEq, Debug, Serialize)]
        #[serde(untagged, rename_all_fields = "camelCase")]
        pub enum Event { $($(#[$doc])* $variant $({ $(
            $(#[$field_doc])*
            #[doc = concat!("`", stringify!($field), "`")]
            $field: $type
        ),* })?),* }

        impl Event {
            /// Its name.
            pub const fn name(&self) -> EventName {
                match self { $(Self::$variant { .. } => EventName::$variant),* }
            }
        }

        /// An event's name in the audit log: `thing.verb`.
        #[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
        pub enum EventName { $($(#[$doc])* $variant),* }

        impl EventName {
            /// All names, sorted.
            pub const ALL: &[Self] = &[$(Self::$variant),*];

            /// The text.
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $text),* }
            }

            /// Whether the audit log counts such events in one row for each minute, user and method: those that strangers
            /// can cause as often as they like.
            pub fn is_counted(self) -> bool {
                let said = match self { $(Self::$variant => stringify!($($counted)?)),* };
                said == "counted"
            }
        }
    };
}

/// What a permit stood on, as the gate names it.
pub type How = Cow<'static, str>;

// In the order of their names.
events! {
    /// An operator made an API token.
    ApiTokenCreated = "api_token.created" { token: ApiTokenId, scopes: Vec<String> },
    /// An operator revoked an API token.
    ApiTokenRevoked = "api_token.revoked" { token: ApiTokenId },
    /// An operator restored the data from a backup.
    DataRestored = "data.restored" { made_at: Micros },
    /// A device proof was not accepted.
    DeviceProofRefused = "device_proof.refused" counted { reason: String },
    /// An elevated token was issued.
    ElevationGranted = "elevation.granted" {
        scopes: Vec<String>,
        single_use: bool,
        seconds: i64,
        credential: CredentialId,
        amr: Vec<&'static str>,
    },
    /// A backend used up an elevated token.
    ElevatedTokenConsumed = "elevated_token.consumed" {
        scope: String,
        session: SessionId,
        jti: String,
        /// Whether the same use had happened before.
        replayed: bool,
    },
    /// An elevated token was not accepted from a backend.
    ElevatedTokenRefused = "elevated_token.refused" counted { scope: String, code: &'static str },
    /// The user changed the address that they sign in with.
    EmailChanged = "email.changed" {
        permit: How,
        /// The new address.
        #[serde(skip)]
        masked: String,
    },
    /// The user linked a further address. Each older address gets a notice with a link of its own.
    EmailLinked = "email.linked" { permit: How },
    /// The addition of an address was undone by the link mailed to an older one.
    EmailUndone = "email.undone" {
        credential: CredentialId,
        /// How many credentials went.
        removed: usize,
        #[serde(skip)]
        masked: String,
    },
    /// The user removed an address.
    EmailUnlinked = "email.unlinked" {
        credential: CredentialId,
        permit: How,
        #[serde(skip)]
        masked: String,
    },
    /// A code was answered that is not there, is over, or belongs to somebody else.
    EmailCodeRefused = "email_code.refused" counted {
        verification: VerificationId,
        #[serde(skip_serializing_if = "Option::is_none")]
        reason: Option<&'static str>,
    },
    /// A code went out by mail.
    EmailCodeSent = "email_code.sent" {
        verification: VerificationId,
        /// Whether it took the place of a short code.
        #[serde(skip_serializing_if = "std::ops::Not::not")]
        in_place: bool,
    },
    /// A short code was answered while the guesses at its address were spent; it was not judged.
    EmailCodeUnjudged = "email_code.unjudged" counted { verification: VerificationId, method: &'static str },
    /// A wrong code was answered.
    EmailCodeWrong = "email_code.wrong" counted { verification: VerificationId, method: &'static str },
    /// An operator changed settings.
    EnvironmentConfigured = "environment.configured" {
        /// A JSON merge patch of the settings.
        change: Value,
    },
    /// An operator made the environment.
    EnvironmentCreated = "environment.created" { kind: Kind, kid: String },
    /// An operator deleted the environment.
    EnvironmentDeleted = "environment.deleted" { name: String, kind: Kind },
    /// A gated action was refused for want of evidence.
    GateRefused = "gate.refused" counted { operation: &'static str, scope: &'static str, code: &'static str },
    /// The user chose another default method.
    MfaDefaultChanged = "mfa.default_changed" { credential: CredentialId },
    /// Second-factor codes were answered during a lock; they were not judged.
    MfaLocked = "mfa.locked" counted { method: Method },
    /// An operator or a backend removed all second factors.
    MfaReset = "mfa.reset" {
        /// In the operator's words.
        reason: Option<String>,
        /// How many factors went.
        factors: usize,
    },
    /// A wrong second-factor code was answered.
    MfaWrong = "mfa.wrong" counted {
        method: Method,
        /// The how many-th in a row.
        number: i64,
        /// For how long codes are refused now; 0 when they are not.
        locked_seconds: i64,
    },
    /// A legacy MFA token was issued.
    MfaTokenIssued = "mfa_token.issued" { single_use: bool, method: Method },
    /// A passkey was enrolled.
    PasskeyAdded = "passkey.added" {
        credential: CredentialId,
        permit: How,
        user_verified: bool,
        #[serde(skip)]
        name: String,
    },
    /// A passkey became synced between devices.
    PasskeyBecameSynced = "passkey.became_synced" {
        credential: CredentialId,
        #[serde(skip)]
        name: String,
    },
    /// A passkey that counted its signatures stopped counting.
    PasskeyCounterStopped = "passkey.counter_stopped" { credential: CredentialId },
    /// A passkey's answer was not accepted.
    PasskeyRefused = "passkey.refused" counted { reason: String },
    /// A passkey was removed.
    PasskeyRemoved = "passkey.removed" {
        credential: CredentialId,
        permit: How,
        #[serde(skip)]
        name: String,
    },
    /// A recovery code was used up.
    RecoveryCodeUsed = "recovery_code.used" { left: u32 },
    /// The user said that they kept the recovery codes.
    RecoveryCodesAcknowledged = "recovery_codes.acknowledged",
    /// New recovery codes were made.
    RecoveryCodesMade = "recovery_codes.made",
    /// A session ended.
    SessionEnded = "session.ended" {
        session: SessionId,
        #[serde(flatten)]
        how: Ending,
    },
    /// A session began.
    SessionOpened = "session.opened" { session: SessionId, amr: Vec<&'static str>, level: &'static str },
    /// The user ended all other sessions.
    SessionOthersEnded = "session.others_ended" {
        by: SessionId,
        /// How many.
        ended: usize,
    },
    /// A pending session became full.
    SessionRaised = "session.raised" {
        session: SessionId,
        /// Its id before.
        from: SessionId,
    },
    /// A session was not refreshed, for want of its device's proof.
    SessionRefreshRefused = "session.refresh_refused" counted {
        /// Whether another device's proof was sent.
        device: bool,
    },
    /// An operator made a new signing key.
    SigningKeyRotated = "signing_key.rotated" { kid: String, at_once: bool },
    /// An authenticator app was enrolled.
    TotpAdded = "totp.added" { credential: CredentialId, permit: How },
    /// The enrolment of an authenticator app began.
    TotpBegun = "totp.begun" { credential: CredentialId, permit: How },
    /// The first code of an authenticator app was wrong.
    TotpRefused = "totp.refused" counted { credential: CredentialId },
    /// An authenticator app was removed.
    TotpRemoved = "totp.removed" {
        credential: CredentialId,
        permit: How,
        #[serde(skip)]
        name: String,
    },
    /// A user came to be.
    UserCreated = "user.created",
    /// A user was deleted.
    UserDeleted = "user.deleted" { permit: How },
    /// A user's profile changed.
    UserUpdated = "user.updated" { permit: How },
}

/// How a session ended.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize)]
#[serde(untagged)]
pub enum Ending {
    /// By its own user's signing out.
    SignedOut {
        /// What the client says why.
        reason: Option<&'static str>,
    },
    /// From a session of the same user.
    By {
        /// Which one.
        by: SessionId,
    },
}

impl Event {
    /// The detail in the audit log: a JSON object.
    pub fn detail(&self) -> Value {
        // Ids, texts and numbers always serialise; an event without fields is `null` here.
        serde_json::to_value(self)
            .ok()
            .filter(Value::is_object)
            .unwrap_or_else(|| Value::Object(serde_json::Map::new()))
    }
}

/// The text names no event.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
#[error("there is no such event")]
pub struct NotAnEvent;

impl std::str::FromStr for EventName {
    type Err = NotAnEvent;
    fn from_str(text: &str) -> Result<Self, NotAnEvent> {
        Self::ALL.iter().copied().find(|name| name.as_str() == text).ok_or(NotAnEvent)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn each_event_has_a_name_of_its_own() {
        for event in EventName::ALL {
            let name = event.as_str();
            assert_eq!(name.parse(), Ok(*event), "{name}");
            let plain =
                |part: &str| !part.is_empty() && part.bytes().all(|b| b.is_ascii_lowercase() || b == b'_');
            assert!(name.split_once('.').is_some_and(|(thing, verb)| plain(thing) && plain(verb)), "{name}");
        }
        assert_eq!("session".parse::<EventName>(), Err(NotAnEvent));
    }

    #[test]
    fn a_detail_has_the_fields_in_camel_case_without_what_only_the_notice_says() {
        let (credential, session) = (CredentialId::from_bytes([7; 16]), SessionId::from_bytes([8; 16]));
        let (permit, name) = (How::from("open"), "Phone".to_owned());
        let added = Event::PasskeyAdded { credential, permit, user_verified: true, name };
        let id = credential.to_string();
        assert_eq!(added.detail(), json!({ "credential": id, "permit": "open", "userVerified": true }));
        assert_eq!(Event::UserCreated.detail(), json!({}));
        assert_eq!(
            Event::MfaReset { reason: None, factors: 2 }.detail(),
            json!({ "reason": null, "factors": 2 })
        );
        let ended = |how| Event::SessionEnded { session, how }.detail();
        let id = session.to_string();
        assert_eq!(ended(Ending::SignedOut { reason: None }), json!({ "session": id, "reason": null }));
        assert_eq!(ended(Ending::By { by: session }), json!({ "session": id, "by": id }));
    }

    #[test]
    fn what_strangers_can_cause_is_counted() {
        let refusals = |name: &&EventName| {
            let verb = name.as_str().rsplit('.').next().unwrap_or_default();
            verb.ends_with("refused") || ["wrong", "unjudged", "locked"].contains(&verb)
        };
        for name in EventName::ALL {
            assert_eq!(name.is_counted(), refusals(&name), "{}", name.as_str());
        }
    }
}
