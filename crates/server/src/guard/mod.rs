//! Who asks, and what they may do: circumstances, sessions, tokens, and the gate.

pub mod access;
pub mod act;
pub mod context;
pub mod gate;
pub mod operator;
pub mod tokens;
