//! The program as an operator meets it: the real executable, its output, its exit codes.

#![expect(clippy::unwrap_used, clippy::panic, reason = "a test that cannot go on should stop")]

mod dev;
mod doctor;
mod environments;
mod keys;
mod openapi;
mod serve;
mod startup;
mod tokens;
mod world;
