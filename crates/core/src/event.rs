//! The events of the audit log: a closed list, so that nobody invents a second name for the same thing.

macro_rules! events {
    ($($(#[$doc:meta])* $variant:ident = $text:literal),* $(,)?) => {
        /// What happened, as the audit log names it: `thing.verb`.
        #[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
        pub enum Event { $($(#[$doc])* $variant),* }

        impl Event {
            /// All events, by name.
            pub const ALL: &[Self] = &[$(Self::$variant),*];

            /// The name in the audit log.
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $text),* }
            }
        }
    };
}

// In the order of their names.
events! {
    /// An operator made an API token.
    ApiTokenCreated = "api_token.created",
    /// An operator revoked an API token.
    ApiTokenRevoked = "api_token.revoked",
    /// An operator restored the data from a backup.
    DataRestored = "data.restored",
    /// A device proof was not accepted.
    DeviceProofRefused = "device_proof.refused",
    /// An elevated token was issued.
    ElevationGranted = "elevation.granted",
    /// A backend used up an elevated token.
    ElevatedTokenConsumed = "elevated_token.consumed",
    /// An elevated token was not accepted from a backend.
    ElevatedTokenRefused = "elevated_token.refused",
    /// The user changed the address that they sign in with.
    EmailChanged = "email.changed",
    /// The user linked a further address.
    EmailLinked = "email.linked",
    /// The addition of an address was undone by the link mailed to an older one.
    EmailUndone = "email.undone",
    /// The user removed an address.
    EmailUnlinked = "email.unlinked",
    /// A code was answered that is not there, is over, or belongs to somebody else.
    EmailCodeRefused = "email_code.refused",
    /// A code went out by mail.
    EmailCodeSent = "email_code.sent",
    /// A short code was answered while the guesses at its address were spent; it was not judged.
    EmailCodeUnjudged = "email_code.unjudged",
    /// A wrong code was answered.
    EmailCodeWrong = "email_code.wrong",
    /// An operator changed settings.
    EnvironmentConfigured = "environment.configured",
    /// An operator made the environment.
    EnvironmentCreated = "environment.created",
    /// An operator deleted the environment.
    EnvironmentDeleted = "environment.deleted",
    /// A gated action was refused for want of evidence.
    GateRefused = "gate.refused",
    /// The user chose another default method.
    MfaDefaultChanged = "mfa.default_changed",
    /// Second-factor codes were answered during a lock; they were not judged.
    MfaLocked = "mfa.locked",
    /// An operator or a backend removed all second factors.
    MfaReset = "mfa.reset",
    /// A wrong second-factor code was answered.
    MfaWrong = "mfa.wrong",
    /// A legacy MFA token was issued.
    MfaTokenIssued = "mfa_token.issued",
    /// A passkey was enrolled.
    PasskeyAdded = "passkey.added",
    /// A passkey became synced between devices.
    PasskeyBecameSynced = "passkey.became_synced",
    /// A passkey that counted its signatures stopped counting.
    PasskeyCounterStopped = "passkey.counter_stopped",
    /// A passkey's answer was not accepted.
    PasskeyRefused = "passkey.refused",
    /// A passkey was removed.
    PasskeyRemoved = "passkey.removed",
    /// A recovery code was used up.
    RecoveryCodeUsed = "recovery_code.used",
    /// The user said that they kept the recovery codes.
    RecoveryCodesAcknowledged = "recovery_codes.acknowledged",
    /// New recovery codes were made.
    RecoveryCodesMade = "recovery_codes.made",
    /// A session ended.
    SessionEnded = "session.ended",
    /// A session began.
    SessionOpened = "session.opened",
    /// The user ended all other sessions.
    SessionOthersEnded = "session.others_ended",
    /// A pending session became full.
    SessionRaised = "session.raised",
    /// A session was not refreshed, for want of its device's proof.
    SessionRefreshRefused = "session.refresh_refused",
    /// An operator made a new signing key.
    SigningKeyRotated = "signing_key.rotated",
    /// An authenticator app was enrolled.
    TotpAdded = "totp.added",
    /// The enrolment of an authenticator app began.
    TotpBegun = "totp.begun",
    /// The first code of an authenticator app was wrong.
    TotpRefused = "totp.refused",
    /// An authenticator app was removed.
    TotpRemoved = "totp.removed",
    /// A user came to be.
    UserCreated = "user.created",
    /// A user was deleted.
    UserDeleted = "user.deleted",
    /// A user's profile changed.
    UserUpdated = "user.updated",
}

/// The text names no event.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
#[error("there is no such event")]
pub struct NotAnEvent;

impl std::str::FromStr for Event {
    type Err = NotAnEvent;
    fn from_str(text: &str) -> Result<Self, NotAnEvent> {
        Self::ALL.iter().copied().find(|event| event.as_str() == text).ok_or(NotAnEvent)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_event_has_a_name_of_its_own() {
        for event in Event::ALL {
            let name = event.as_str();
            assert_eq!(name.parse(), Ok(*event), "{name}");
            let plain =
                |part: &str| !part.is_empty() && part.bytes().all(|b| b.is_ascii_lowercase() || b == b'_');
            assert!(name.split_once('.').is_some_and(|(thing, verb)| plain(thing) && plain(verb)), "{name}");
        }
        assert_eq!("session".parse::<Event>(), Err(NotAnEvent));
    }
}
