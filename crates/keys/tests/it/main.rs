#![expect(clippy::unwrap_used, reason = "a test that cannot go on should stop")]
//! The attacks on tokens, from outside: only what a caller can reach.

mod forge;
mod fuzz;
mod jws_attacks;
mod jws_fuzz;
