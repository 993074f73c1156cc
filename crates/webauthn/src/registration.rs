//! Registration (§7.1).

use crate::attestation;
use crate::client_data::{self, Ceremony};
use crate::rp::check_authenticator_data;
use crate::{Algorithm, Error, RelyingParty, UserVerification, authenticator_data, cose};

/// What a registration is checked against.
#[derive(Debug, Clone, Copy)]
pub struct RegistrationExpectation<'a> {
    /// Who we are.
    pub rp: RelyingParty<'a>,
    /// The challenge that was sent, at least 16 bytes.
    pub challenge: &'a [u8],
    /// The user verification policy.
    pub user_verification: UserVerification,
    /// The algorithms that were offered in `pubKeyCredParams`.
    pub algorithms: &'a [Algorithm],
}

/// The response to `navigator.credentials.create()`, base64url already decoded.
#[derive(Debug, Clone)]
pub struct RegistrationResponse {
    /// `rawId`.
    pub raw_id: Vec<u8>,
    /// `response.clientDataJSON`.
    pub client_data_json: Vec<u8>,
    /// `response.attestationObject`.
    pub attestation_object: Vec<u8>,
}

/// The credential to store. Its id must be checked for being new (§7.1 step 26).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewCredential {
    /// The credential id, 1 to 1023 bytes.
    pub id: Vec<u8>,
    /// The COSE key, as it stands in the authenticator data.
    pub public_key: Vec<u8>,
    /// Its algorithm.
    pub algorithm: Algorithm,
    /// The first value of the signature counter; zero when there is none.
    pub sign_count: u32,
    /// The authenticator model, unattested: good for a label (see [`crate::aaguid_name`]), not for policy.
    pub aaguid: [u8; 16],
    /// Whether the user was verified.
    pub user_verified: bool,
    /// Whether the credential may be synced. An assertion may say later that it now may.
    pub backup_eligible: bool,
    /// Whether it is synced now.
    pub backed_up: bool,
    /// The origin that matched.
    pub origin: String,
}

/// Verifies a registration.
pub fn verify_registration(
    response: &RegistrationResponse,
    expected: &RegistrationExpectation<'_>,
) -> Result<NewCredential, Error> {
    // WebAuthn L3 §7.1 steps 5-11
    let origin =
        client_data::verify(&response.client_data_json, Ceremony::Create, expected.challenge, &expected.rp)?;
    // WebAuthn L3 §7.1 step 13
    let data = authenticator_data::parse(attestation::authenticator_data(&response.attestation_object)?)?;
    // WebAuthn L3 §7.1 steps 14-17
    check_authenticator_data(&data, &expected.rp, expected.user_verification)?;
    let credential = data.credential.ok_or(Error::MalformedAuthenticatorData)?;
    if credential.id != response.raw_id {
        return Err(Error::CredentialMismatch);
    }
    // WebAuthn L3 §7.1 step 20
    let key = cose::parse(credential.public_key)?;
    if !expected.algorithms.contains(&key.algorithm) {
        return Err(Error::AlgorithmNotOffered);
    }
    // WebAuthn L3 §7.1 step 27
    Ok(NewCredential {
        id: credential.id.to_vec(),
        public_key: credential.public_key.to_vec(),
        algorithm: key.algorithm,
        sign_count: data.sign_count,
        aaguid: credential.aaguid,
        user_verified: data.flags.user_verified(),
        backup_eligible: data.flags.backup_eligible(),
        backed_up: data.flags.backed_up(),
        origin,
    })
}
