#![expect(clippy::unwrap_used, clippy::panic, reason = "a test that cannot go on should stop")]
//! The store from outside, on every engine: what one caller, and many at once, can rely on.

mod atomic;
mod backups;
mod credentials;
mod engines;
mod environments;
mod factors;
mod guessing;
mod ledger;
mod outbox;
mod passkeys;
mod principal;
mod records;
mod sessions;
mod signing_keys;
mod upgrade;
mod users;
mod verifications;
mod world;

/// What is true of the embedded engine alone: files, processes, disks.
mod sqlite {
    mod child;
    mod closing;
    mod durability;
    mod full_disk;
    mod migrations;
    mod neighbours;
    mod opening;
    mod queue;
    pub(crate) mod raw;
}

/// What is true of the engine for several nodes alone: connections that are lost, rows that others hold.
mod postgres {
    pub(crate) mod database;
    mod lost;
    mod nodes;
    mod opening;
    mod proxy;
    mod waiting;
}
