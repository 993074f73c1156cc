//! Keys: the master key and its sub-keys, sealing at rest, keyed hashes, questions that need no
//! storage, and compact JWS.
//!
//! Everything here is pure. Time comes in as an argument, and the one source of randomness is
//! [`random`]. Types that hold a secret have no `Debug` and are zeroized when they are dropped.

pub mod api_token;
pub mod encoding;
pub mod jws;
pub mod keyring;
pub mod mac;
pub mod master;
pub mod p256_key;
pub mod random;
pub mod seal;
pub mod sealed_token;

pub use keyring::Keyring;
pub use mac::MacKey;
pub use master::{MasterKey, Purpose};
pub use seal::Sealer;
