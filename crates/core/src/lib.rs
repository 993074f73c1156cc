//! The words and the rules of Stile: plain data and pure functions.
//!
//! Nothing here does I/O, waits, reads a clock or makes randomness: time and random bytes come in
//! as arguments, so that every rule can be tested as a table.

pub mod actor;
pub mod claims;
pub mod credential;
pub mod email;
pub mod event;
pub mod factor;
pub mod guessing;
pub mod id;
pub mod origin;
pub mod policy;
pub mod principal;
pub mod proof;
pub mod scope;
pub mod settings;
pub mod strength;
pub mod time;
pub mod username;

pub use actor::Actor;
pub use credential::{Authenticator, Credential, Facts};
pub use email::EmailAddress;
pub use event::{Event, EventName};
pub use factor::Format;
pub use id::{ApiTokenId, AuditId, CredentialId, EnvironmentId, OutboxId, SessionId, UserId, VerificationId};
pub use principal::{Acknowledgement, Level, Principal, Session, User};
pub use proof::{Method, Proof};
pub use scope::{Scope, Scopes};
pub use settings::Settings;
pub use strength::Strength;
pub use time::Micros;
pub use username::Username;
