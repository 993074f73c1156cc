//! Use cases that more than one endpoint, the command line or a job needs.

pub mod codes;
mod deciding;
pub mod environments;
pub mod guesses;
pub mod payers;
pub mod postage;
pub mod proving;
pub mod recovery_codes;
pub mod removal;
pub mod reset;
pub mod sessions;
pub mod undo;

pub(crate) use deciding::{ATTEMPTS, Failed, deciding};
pub use stile_factors::totp::newest_step as newest_totp_step;
