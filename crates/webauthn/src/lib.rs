//! Relying-party verification of WebAuthn Level 3: registration (§7.1) and assertion (§7.2).
//!
//! Pure: no I/O, no clock, no randomness. The caller decodes base64url and JSON, makes and consumes the
//! challenge, looks credentials up and stores the result; this crate only answers whether a response is genuine.
//!
//! What stays with the caller, by design:
//! * a challenge must be used once and must expire (§13.4.3);
//! * the credential id must not be registered already, for any user (§7.1 step 26);
//! * when `allowCredentials` was sent, the answering credential must be in it (§7.2 step 5);
//! * the new sign count, backup state and backup eligibility must be stored (§7.2 step 24).
//!
//! Stricter than the specification, on purpose: user presence is always required (no conditional create),
//! client data with repeated members is refused, and so are attestation objects and keys that are not in CTAP2 canonical
//! form (see `cbor`). Keys that prove nothing are refused at registration, and again whenever a stored one is used.
//!
//! More lenient, on purpose: no attestation is asked for, so statements are not looked at (§7.1 steps 21-24). A credential
//! may become eligible for backup once, against §7.2 step 19: managers begin to sync what they hold. It cannot go back.
//! A counter of a credential that is eligible for backup may stop at zero (§7.2 step 22 leaves that to the relying party).
//! The link between RP id and origin host is not checked, because related origins break it: the list of
//! allowed origins is the whole rule.
//!
//! Errors have a stable [`Error::code`]; nothing of the input is repeated in them.

mod aaguid;
mod assertion;
mod attestation;
mod authenticator_data;
mod cbor;
mod client_data;
mod cose;
mod error;
mod origin;
mod registration;
mod rp;

pub use aaguid::aaguid_name;
pub use assertion::{
    AssertionExpectation, AssertionResponse, StoredCredential, VerifiedAssertion, verify_assertion,
};
pub use client_data::peek_challenge;
pub use cose::Algorithm;
pub use error::Error;
pub use origin::AllowedOrigin;
pub use registration::{NewCredential, RegistrationExpectation, RegistrationResponse, verify_registration};
pub use rp::{RelyingParty, UserVerification};
