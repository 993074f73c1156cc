//! Factors: one file per method. Each makes a challenge and turns the verified answer into a proof.
//!
//! Pure over its arguments: keys, stored facts, the answer and the time come in. What a proof gives is
//! policy's business, and what it uses up is the store's.

pub mod device;
pub mod email_code;
pub mod passkey;
pub mod recovery_code;
mod spelling;
pub mod totp;
