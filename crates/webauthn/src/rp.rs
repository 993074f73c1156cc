//! What both ceremonies expect of authenticator data and client data.

use aws_lc_rs::digest;

use crate::authenticator_data::AuthenticatorData;
use crate::{AllowedOrigin, Error};

/// Who we are.
#[derive(Debug, Clone, Copy)]
pub struct RelyingParty<'a> {
    /// The RP id, a host name such as `example.com`.
    pub id: &'a str,
    /// The origins that may run ceremonies; empty means none.
    pub origins: &'a [AllowedOrigin],
    /// Whether ceremonies may run in a frame of another origin. When the client names the top-level origin,
    /// that too must be in `origins`.
    pub allow_cross_origin: bool,
}

/// Whether the authenticator must have verified the user. Enforced here; what the browser was asked is no proof.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum UserVerification {
    /// Refuse a response without user verification.
    Required,
    /// Accept either; the result says which it was.
    Preferred,
}

/// The checks of authenticator data that registration and assertion share.
pub(crate) fn check_authenticator_data(
    data: &AuthenticatorData<'_>,
    rp: &RelyingParty<'_>,
    user_verification: UserVerification,
) -> Result<(), Error> {
    // WebAuthn L3 §7.1 step 14, §7.2 step 15
    if data.rp_id_hash != sha256(rp.id.as_bytes()).as_ref() {
        return Err(Error::RpIdMismatch);
    }
    // WebAuthn L3 §7.1 step 15, §7.2 step 16
    if !data.flags.user_present() {
        return Err(Error::UserNotPresent);
    }
    // WebAuthn L3 §7.1 step 16, §7.2 step 17
    if user_verification == UserVerification::Required && !data.flags.user_verified() {
        return Err(Error::UserNotVerified);
    }
    // WebAuthn L3 §7.1 step 17, §7.2 step 18
    if data.flags.backed_up() && !data.flags.backup_eligible() {
        return Err(Error::BackupStateInvalid);
    }
    Ok(())
}

/// What the credential key signs: authenticator data, then the hash of the client data.
pub(crate) fn signed_message(authenticator_data: &[u8], client_data_json: &[u8]) -> Vec<u8> {
    [authenticator_data, sha256(client_data_json).as_ref()].concat()
}

fn sha256(bytes: &[u8]) -> digest::Digest {
    digest::digest(&digest::SHA256, bytes)
}
