//! The server as its clients meet it: real requests through the whole router, over a real database.
//!
//! Everything that names an engine is in `place.rs`: the suite runs on PostgreSQL with `STILE_TEST_ENGINE=postgres`.

#![expect(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test that cannot go on ends")]

mod access;
mod admin_reset;
mod audit;
mod authenticator;
mod bodies;
mod codes;
mod consume;
mod contract;
#[path = "../../../store/tests/suite/postgres/database.rs"]
#[expect(dead_code, reason = "the store's suite uses more of it")]
mod database;
mod device;
mod documents;
mod edge;
mod elevated;
mod gate;
mod guessing;
mod journey;
mod mfa;
mod mfa_actions;
mod mfa_enrol;
mod mfa_guesses;
mod mfa_legacy;
mod mfa_properties;
mod mfa_recovery;
mod own_level;
mod parallel;
mod passkey_keys;
mod passkeys;
mod pending;
mod place;
mod related_origins;
mod removal;
mod restoring;
mod rotation;
mod serving;
mod sessions;
mod snapshots;
mod tokens_at_the_edge;
mod totp_app;
mod typed;
mod undo;
mod unlink;
mod users;
mod world;
