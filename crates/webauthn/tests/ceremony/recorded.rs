//! Ceremonies of a real browser, see vectors/webauthn/README.md.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::Deserialize;
use stile_webauthn::{
    Algorithm, AllowedOrigin, AssertionExpectation, AssertionResponse, Error, NewCredential,
    RegistrationExpectation, RegistrationResponse, RelyingParty, StoredCredential, UserVerification,
    aaguid_name, peek_challenge, verify_assertion, verify_registration,
};

use crate::authenticator::UV;

const FILE: &str = include_str!("../../../../vectors/webauthn/chromium-156.json");

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct File {
    rp_id: String,
    origin: String,
    ceremonies: Vec<Ceremony>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Ceremony {
    name: String,
    algorithm: i64,
    attestation: String,
    user_handle: Base64Url,
    registration: Recorded<Registration>,
    assertions: Vec<Recorded<Assertion>>,
}

#[derive(Deserialize)]
struct Recorded<T> {
    challenge: Base64Url,
    /// What `toJSON()` of the credential gave.
    response: Credential<T>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Credential<T> {
    raw_id: Base64Url,
    response: T,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Registration {
    #[serde(rename = "clientDataJSON")]
    client_data_json: Base64Url,
    attestation_object: Base64Url,
    authenticator_data: Base64Url,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Assertion {
    #[serde(rename = "clientDataJSON")]
    client_data_json: Base64Url,
    authenticator_data: Base64Url,
    signature: Base64Url,
    user_handle: Option<Base64Url>,
}

#[derive(Deserialize)]
#[serde(try_from = "String")]
struct Base64Url(Vec<u8>);

impl TryFrom<String> for Base64Url {
    type Error = base64::DecodeError;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        URL_SAFE_NO_PAD.decode(text).map(Base64Url)
    }
}

fn policy(flags: u8) -> UserVerification {
    if flags & UV != 0 { UserVerification::Required } else { UserVerification::Preferred }
}

fn registration(ceremony: &Ceremony) -> RegistrationResponse {
    let credential = &ceremony.registration.response;
    RegistrationResponse {
        raw_id: credential.raw_id.0.clone(),
        client_data_json: credential.response.client_data_json.0.clone(),
        attestation_object: credential.response.attestation_object.0.clone(),
    }
}

/// Registers, with the checks that the flags allow.
fn register(ceremony: &Ceremony, rp: RelyingParty<'_>) -> Result<NewCredential, Error> {
    let response = registration(ceremony);
    assert_eq!(peek_challenge(&response.client_data_json).unwrap(), ceremony.registration.challenge.0);
    let data = &ceremony.registration.response.response.authenticator_data.0;
    let expected = RegistrationExpectation {
        rp,
        challenge: &ceremony.registration.challenge.0,
        user_verification: policy(data[32]),
        algorithms: &[Algorithm::from_id(ceremony.algorithm).unwrap()],
    };
    verify_registration(&response, &expected)
}

/// Replays the assertions in their order, with the counter that each leaves behind.
fn replay(ceremony: &Ceremony, new: &NewCredential, rp: RelyingParty<'_>) -> usize {
    let name = &ceremony.name;
    let mut sign_count = new.sign_count;
    for used in &ceremony.assertions {
        let recorded = &used.response.response;
        let data = &recorded.authenticator_data.0;
        let response = AssertionResponse {
            credential_id: used.response.raw_id.0.clone(),
            client_data_json: recorded.client_data_json.0.clone(),
            authenticator_data: data.clone(),
            signature: recorded.signature.0.clone(),
            user_handle: recorded.user_handle.as_ref().map(|handle| handle.0.clone()),
        };
        let expected = AssertionExpectation {
            rp,
            challenge: &used.challenge.0,
            user_verification: policy(data[32]),
            require_user_handle: response.user_handle.is_some(),
        };
        let stored = StoredCredential {
            id: &new.id,
            public_key: &new.public_key,
            sign_count,
            backup_eligible: new.backup_eligible,
            user_handle: &ceremony.user_handle.0,
        };
        let verified = verify_assertion(&response, &stored, &expected).unwrap();
        assert_eq!(verified.user_verified, data[32] & UV != 0, "{name}");
        assert!(verified.sign_count > sign_count, "{name}");

        // Once more, as the replay that it now is.
        let stored = StoredCredential { sign_count: verified.sign_count, ..stored };
        let regressed =
            Error::CounterRegressed { stored: verified.sign_count, received: verified.sign_count };
        assert_eq!(verify_assertion(&response, &stored, &expected), Err(regressed), "{name}");
        let other = AssertionExpectation { challenge: &ceremony.registration.challenge.0, ..expected };
        assert_eq!(verify_assertion(&response, &stored, &other), Err(Error::ChallengeMismatch), "{name}");
        sign_count = verified.sign_count;
    }
    ceremony.assertions.len()
}

#[test]
fn every_recording_verifies() {
    let file: File = serde_json::from_str(FILE).unwrap();
    let origins = [AllowedOrigin::parse(&file.origin).unwrap()];
    let rp = RelyingParty { id: &file.rp_id, origins: &origins, allow_cross_origin: false };
    let (mut registered, mut asserted) = (Vec::new(), 0);
    for ceremony in file.ceremonies.iter().filter(|it| it.attestation == "none") {
        let name = &ceremony.name;
        let new = register(ceremony, rp).unwrap();
        let flags = ceremony.registration.response.response.authenticator_data.0[32];
        assert_eq!(i64::from(new.algorithm.id()), ceremony.algorithm, "{name}");
        assert_eq!(new.user_verified, flags & UV != 0, "{name}");
        assert_eq!((new.backup_eligible, new.backed_up), (flags & 0x08 != 0, flags & 0x10 != 0), "{name}");
        // A U2F key has no model of its own.
        if new.aaguid != [0; 16] {
            assert_eq!(aaguid_name(&new.aaguid), Some("Chromium virtual authenticator"), "{name}");
        }
        asserted += replay(ceremony, &new, rp);
        registered.push((new.algorithm, new.user_verified, new.backup_eligible, new.backed_up));
    }
    assert_eq!((registered.len(), asserted), (10, 26));
    for algorithm in crate::authenticator::ALL {
        assert!(registered.iter().any(|it| it.0 == algorithm));
    }
    // verified or not, bound, eligible, synced: all were met
    for variant in [(false, false, false), (true, false, false), (true, true, false), (true, true, true)] {
        assert!(registered.iter().any(|it| (it.1, it.2, it.3) == variant), "{variant:?}");
    }
}

/// Chromium's authenticator signs with a certificate when it is asked for direct attestation. We never ask, and take what
/// comes of it.
#[test]
fn the_attested_recording_verifies() {
    let file: File = serde_json::from_str(FILE).unwrap();
    let origins = [AllowedOrigin::parse(&file.origin).unwrap()];
    let rp = RelyingParty { id: &file.rp_id, origins: &origins, allow_cross_origin: false };
    let attested: Vec<_> = file.ceremonies.iter().filter(|it| it.attestation == "direct").collect();
    assert_eq!(attested.len(), 1);
    let new = register(attested[0], rp).unwrap();
    replay(attested[0], &new, rp);
}

#[test]
fn a_recording_is_good_for_its_own_site_only() {
    let file: File = serde_json::from_str(FILE).unwrap();
    let origins = [AllowedOrigin::parse(&file.origin).unwrap()];
    let elsewhere = [AllowedOrigin::parse("http://localhost:48732").unwrap()];
    let sound = RelyingParty { id: &file.rp_id, origins: &origins, allow_cross_origin: false };
    let ceremony = &file.ceremonies[0];
    assert!(register(ceremony, sound).is_ok());
    let other_id = RelyingParty { id: "localhost.example", ..sound };
    assert_eq!(register(ceremony, other_id), Err(Error::RpIdMismatch));
    let other_origin = RelyingParty { origins: &elsewhere, ..sound };
    assert_eq!(register(ceremony, other_origin), Err(Error::OriginNotAllowed));
}
