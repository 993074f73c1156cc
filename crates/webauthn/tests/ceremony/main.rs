//! Whole ceremonies: the W3C vectors, recordings of Chromium, a software authenticator with one attack per rule, and
//! systematic and random mutations, judged by a second verifier or by what must always hold.

mod assertion;
mod authenticator;
mod differential;
mod fuzz;
mod keys;
mod properties;
mod recorded;
mod registration;
mod vectors;
