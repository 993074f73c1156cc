//! Assertion (§7.2).

use aws_lc_rs::constant_time::verify_slices_are_equal;

use crate::client_data::{self, Ceremony};
use crate::rp::{check_authenticator_data, signed_message};
use crate::{Error, RelyingParty, UserVerification, authenticator_data, cose};

/// What an assertion is checked against, besides the credential.
#[derive(Debug, Clone, Copy)]
pub struct AssertionExpectation<'a> {
    /// Who we are.
    pub rp: RelyingParty<'a>,
    /// The challenge that was sent, at least 16 bytes.
    pub challenge: &'a [u8],
    /// The user verification policy.
    pub user_verification: UserVerification,
    /// Set it when the user was not known before (discoverable credential): the handle must then be there.
    pub require_user_handle: bool,
}

/// The credential record, as stored at registration and updated since.
#[derive(Debug, Clone, Copy)]
pub struct StoredCredential<'a> {
    /// The credential id.
    pub id: &'a [u8],
    /// The COSE key.
    pub public_key: &'a [u8],
    /// The signature counter of the last use.
    pub sign_count: u32,
    /// Whether the credential may be synced, as of the last use.
    pub backup_eligible: bool,
    /// The handle of the user who owns the credential.
    pub user_handle: &'a [u8],
}

/// The response to `navigator.credentials.get()`, base64url already decoded.
#[derive(Debug, Clone)]
pub struct AssertionResponse {
    /// `rawId`.
    pub credential_id: Vec<u8>,
    /// `response.clientDataJSON`.
    pub client_data_json: Vec<u8>,
    /// `response.authenticatorData`.
    pub authenticator_data: Vec<u8>,
    /// `response.signature`.
    pub signature: Vec<u8>,
    /// `response.userHandle`.
    pub user_handle: Option<Vec<u8>>,
}

/// What a genuine assertion says. The counter, the backup eligibility and the backup state are to be stored
/// (§7.2 step 24).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct VerifiedAssertion {
    /// The new signature counter. Zero after another value when a credential that may be synced stopped counting.
    pub sign_count: u32,
    /// Whether the user was verified.
    pub user_verified: bool,
    /// Whether the credential may be synced now. It never goes from true to false.
    pub backup_eligible: bool,
    /// Whether the credential is synced now.
    pub backed_up: bool,
    /// The origin that matched.
    pub origin: String,
}

/// Verifies an assertion.
///
/// [`Error::BackupEligibilityLost`] and [`Error::CounterRegressed`] come last: the assertion is genuine otherwise.
pub fn verify_assertion(
    response: &AssertionResponse,
    stored: &StoredCredential<'_>,
    expected: &AssertionExpectation<'_>,
) -> Result<VerifiedAssertion, Error> {
    // WebAuthn L3 §7.2 step 6
    if response.credential_id != stored.id {
        return Err(Error::CredentialMismatch);
    }
    check_user_handle(response.user_handle.as_deref(), stored.user_handle, expected.require_user_handle)?;
    // WebAuthn L3 §7.2 steps 8-14
    let origin =
        client_data::verify(&response.client_data_json, Ceremony::Get, expected.challenge, &expected.rp)?;
    let data = authenticator_data::parse(&response.authenticator_data)?;
    // WebAuthn L3 §6.3.3 leaves attested credential data out of assertions.
    if data.credential.is_some() {
        return Err(Error::MalformedAuthenticatorData);
    }
    // WebAuthn L3 §7.2 steps 15-18
    check_authenticator_data(&data, &expected.rp, expected.user_verification)?;
    // WebAuthn L3 §7.2 steps 20-21. The key is judged by the rules of now.
    let key = cose::parse(stored.public_key).map_err(|_| Error::StoredKeyRefused)?;
    let signed = signed_message(&response.authenticator_data, &response.client_data_json);
    if !key.verifies(&signed, &response.signature) {
        return Err(Error::BadSignature);
    }
    // WebAuthn L3 §7.2 step 19 allows no change. Managers that begin to sync make one, and none of them goes back.
    let backup_eligible = data.flags.backup_eligible();
    if stored.backup_eligible && !backup_eligible {
        return Err(Error::BackupEligibilityLost);
    }
    // WebAuthn L3 §7.2 step 22
    check_counter(stored.sign_count, data.sign_count, backup_eligible)?;
    Ok(VerifiedAssertion {
        sign_count: data.sign_count,
        user_verified: data.flags.user_verified(),
        backup_eligible,
        backed_up: data.flags.backed_up(),
        origin,
    })
}

/// A handle that is there must be the owner's, asked for or not.
fn check_user_handle(received: Option<&[u8]>, owner: &[u8], required: bool) -> Result<(), Error> {
    match received {
        None if required => Err(Error::UserHandleMissing),
        None => Ok(()),
        // An empty handle names nobody, even if the stored one were empty by mistake.
        Some(handle) if !handle.is_empty() && verify_slices_are_equal(handle, owner).is_ok() => Ok(()),
        Some(_) => Err(Error::UserHandleMismatch),
    }
}

/// Zero is the counter of what does not count, and a credential that is copied between devices may stop counting: its copies
/// cannot agree on a number.
fn check_counter(stored: u32, received: u32, backup_eligible: bool) -> Result<(), Error> {
    let counts = received != 0 || (stored != 0 && !backup_eligible);
    if counts && received <= stored {
        return Err(Error::CounterRegressed { stored, received });
    }
    Ok(())
}
