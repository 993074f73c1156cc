//! The program as an operator meets it: the real executable, its output, its exit codes.

#![expect(clippy::unwrap_used, clippy::panic, reason = "a test that cannot go on should stop")]

mod audit;
mod backups;
mod collector;
#[path = "../../../store/tests/suite/postgres/database.rs"]
#[expect(dead_code, reason = "the store's suite uses more of it")]
mod database;
mod deleting;
mod dev;
mod doctor;
mod environments;
mod keys;
mod observing;
mod openapi;
mod operations;
mod postgres;
mod serve;
mod startup;
mod tokens;
mod tracing;
mod users;
mod world;
