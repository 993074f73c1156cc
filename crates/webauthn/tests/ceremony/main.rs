//! Whole ceremonies: the W3C vectors, a software authenticator, and one attack per rule.

mod assertion;
mod authenticator;
mod keys;
mod properties;
mod registration;
mod vectors;
