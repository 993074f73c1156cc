//! The server as its clients meet it: real requests through the whole router, over a real database file.
//!
//! Everything that names an engine is in `world.rs`: the suite takes the engine as a parameter.

#![expect(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test that cannot go on ends")]

mod access;
mod authenticator;
mod codes;
mod consume;
mod contract;
mod device;
mod documents;
mod edge;
mod elevated;
mod gate;
mod journey;
mod parallel;
mod passkeys;
mod sessions;
mod tokens_at_the_edge;
mod users;
mod world;
