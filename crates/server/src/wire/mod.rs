//! Shapes that several operations speak: bodies, headers, users, sessions. Names are the wire's.

pub mod body;
pub mod headers;
pub mod passkey;
pub mod session;
pub mod time;
pub mod user;
