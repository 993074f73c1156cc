//! Sessions, nonces and keys.

pub mod jwks;
pub mod nonces;
pub mod probe;
pub mod refresh;
pub mod revoke;
