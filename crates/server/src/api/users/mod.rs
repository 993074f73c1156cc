//! The signed-in user.

pub mod check;
pub mod delete;
pub mod get;
pub mod mfa_methods;
pub mod update;
