//! One file per table: its rows, its reads, and a typed constructor for every guarded write. Constructors are named by what
//! they do; `hold_…` changes nothing, and lets the mutation pass only while something is so.

pub mod additions;
pub(crate) mod all;
pub mod api_tokens;
pub mod audit;
pub mod begun;
pub mod buckets;
pub mod credentials;
pub mod environments;
pub mod failures;
pub mod known_devices;
pub mod ledger;
pub mod mail_turns;
mod meta;
pub mod mfa_tokens;
pub mod outbox;
pub mod passkeys;
pub mod recovery_codes;
pub mod sessions;
pub mod signing_keys;
pub mod totp;
pub mod users;
pub mod verifications;

pub use additions::UndoLink;
pub use api_tokens::ApiToken;
pub use audit::{AuditEvent, AuditFilter, AuditRow, Cursor, Source};
pub use begun::BegunEnrolment;
pub use environments::{Census, Environment};
pub use failures::Failures;
pub use known_devices::Holder;
pub use mfa_tokens::MfaToken;
pub use outbox::{Mail, MailSlot};
pub use passkeys::Passkey;
pub use signing_keys::SigningKeyRow;
pub use totp::TotpDevice;
pub use users::Account;
pub use verifications::Verification;
