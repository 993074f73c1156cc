//! The server as its clients meet it: real requests through the whole router, over a real database file.
//!
//! Everything that names an engine is in `world.rs`: the suite takes the engine as a parameter.

#![expect(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test that cannot go on ends")]

mod access;
mod authenticator;
mod documents;
mod journey;
mod parallel;
mod world;
