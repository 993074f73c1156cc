//! The promises that the libFuzzer targets check. The tests of the crates include the same files.

pub mod bodies;
pub mod keys;
pub mod mutate;
pub mod parsers;
pub mod webauthn;
