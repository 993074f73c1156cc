//! The signed-in user.

pub mod check;
pub mod delete;
pub mod get;
pub mod sessions;
pub mod unlink;
pub mod update;
