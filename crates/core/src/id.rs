//! Identifiers: one type per kind of thing, so that a user id cannot be passed where a session id is meant.

use serde::{Deserialize, Serialize};
use std::fmt;
use std::str::FromStr;
use uuid::Uuid;

use crate::time::Micros;

macro_rules! id {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Debug, Serialize, Deserialize)]
        #[serde(transparent)]
        pub struct $name(Uuid);

        impl $name {
            /// A new id: UUIDv7 (RFC 9562 §5.7) of the given time, so that rows made together lie together.
            pub fn new(now: Micros, random: [u8; 10]) -> Self {
                let millis = u64::try_from(now.get() / 1_000).unwrap_or(0);
                Self(uuid::Builder::from_unix_timestamp_millis(millis, &random).into_uuid())
            }
            /// The id that these 16 bytes spell.
            pub const fn from_bytes(bytes: [u8; 16]) -> Self {
                Self(Uuid::from_bytes(bytes))
            }
            /// The 16 bytes, as the store keeps them.
            pub const fn as_bytes(&self) -> &[u8; 16] {
                self.0.as_bytes()
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                fmt::Display::fmt(&self.0.as_hyphenated(), f)
            }
        }

        impl FromStr for $name {
            type Err = NotAnId;
            /// Accepts the 36-character form alone; braces, URNs and bare hex are refused.
            fn from_str(text: &str) -> Result<Self, NotAnId> {
                if text.len() != 36 {
                    return Err(NotAnId);
                }
                Uuid::try_parse(text).map(Self).map_err(|_| NotAnId)
            }
        }
    };
}

/// The text is not a UUID in its 36-character form.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
#[error("not an id: expected a UUID such as 5711e000-0000-4000-8000-000000000001")]
pub struct NotAnId;

id!(
    /// An environment, the tenant that everything else belongs to.
    EnvironmentId
);
id!(
    /// A person in an environment.
    UserId
);
id!(
    /// Something verified that belongs to a user.
    CredentialId
);
id!(
    /// A signed-in browser.
    SessionId
);
id!(
    /// A one-time code that was sent (`verificationUUID` on the wire).
    VerificationId
);
id!(
    /// A bearer token of the admin API.
    ApiTokenId
);
id!(
    /// A message waiting to be delivered.
    OutboxId
);
id!(
    /// A row of the audit log.
    AuditId
);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_sort_by_time() {
        let early = UserId::new(Micros::new(1_000_000), [255; 10]);
        let late = UserId::new(Micros::new(9_000_000), [0; 10]);
        assert!(early < late);
    }

    #[test]
    fn only_the_hyphenated_form_is_an_id() {
        let text = "5711e000-0000-4000-8000-000000000001";
        assert_eq!(text.parse::<EnvironmentId>().map(|id| id.to_string()), Ok(text.to_owned()));
        for bad in ["", "5711e000000040008000000000000001", "{5711e000-0000-4000-8000-000000000001}"] {
            assert_eq!(bad.parse::<EnvironmentId>(), Err(NotAnId));
        }
    }
}
