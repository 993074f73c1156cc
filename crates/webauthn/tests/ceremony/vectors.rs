//! The test vectors of the specification (WebAuthn Level 3 §16), see vectors/webauthn/README.md.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use serde::Deserialize;
use stile_webauthn::{
    Algorithm, AllowedOrigin, AssertionExpectation, AssertionResponse, Error, RegistrationExpectation,
    RegistrationResponse, RelyingParty, StoredCredential, UserVerification, peek_challenge, verify_assertion,
    verify_registration,
};

use crate::authenticator::{ALL, UV};

const FILE: &str = include_str!("../../../../vectors/webauthn/w3c-level3.json");

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct File {
    rp_id: String,
    origin: String,
    top_origin: String,
    vectors: Vec<Vector>,
}

#[derive(Deserialize)]
struct Vector {
    anchor: String,
    algorithm: i64,
    registration: Registration,
    authentication: Authentication,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Registration {
    challenge: Hex,
    aaguid: Hex,
    credential_id: Hex,
    #[serde(rename = "clientDataJSON")]
    client_data_json: Hex,
    attestation_object: Hex,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Authentication {
    challenge: Hex,
    #[serde(rename = "clientDataJSON")]
    client_data_json: Hex,
    authenticator_data: Hex,
    signature: Hex,
}

#[derive(Deserialize)]
#[serde(try_from = "String")]
struct Hex(Vec<u8>);

impl TryFrom<String> for Hex {
    type Error = std::num::ParseIntError;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        let byte = |at: usize| u8::from_str_radix(&text[at..at + 2], 16);
        (0..text.len()).step_by(2).map(byte).collect::<Result<_, _>>().map(Hex)
    }
}

/// Where the COSE key starts in the attestation object: it is the last thing there.
fn cose_key(registration: &Registration) -> Vec<u8> {
    let object = &registration.attestation_object.0;
    let id = &registration.credential_id.0;
    let at = object.windows(id.len()).rposition(|window| window == id).unwrap();
    object[at + id.len()..].to_vec()
}

fn flags_at_registration(registration: &Registration) -> u8 {
    let object = &registration.attestation_object.0;
    let aaguid = &registration.aaguid.0;
    let at = object.windows(aaguid.len()).rposition(|window| window == aaguid).unwrap();
    object[at - 5]
}

#[test]
fn every_vector_verifies_or_is_refused_as_it_should() {
    let file: File = serde_json::from_str(FILE).unwrap();
    let origins = [&file.origin, &file.top_origin].map(|text| AllowedOrigin::parse(text).unwrap());
    assert_eq!(file.vectors.len(), 9);
    for vector in &file.vectors {
        let name = &vector.anchor;
        let cross_origin = name.ends_with("Origin");
        let rp = RelyingParty { id: &file.rp_id, origins: &origins, allow_cross_origin: cross_origin };
        let made = &vector.registration;
        let response = RegistrationResponse {
            raw_id: made.credential_id.0.clone(),
            client_data_json: made.client_data_json.0.clone(),
            attestation_object: made.attestation_object.0.clone(),
        };
        assert_eq!(peek_challenge(&response.client_data_json).unwrap(), made.challenge.0, "{name}");
        let expected = RegistrationExpectation {
            rp,
            challenge: &made.challenge.0,
            user_verification: UserVerification::Preferred,
            algorithms: &ALL,
        };
        let flags = flags_at_registration(made);
        let result = verify_registration(&response, &expected);
        // Whatever attestation is there, none was asked for.
        let new = result.unwrap();
        assert_eq!(Some(new.algorithm), Algorithm::from_id(vector.algorithm), "{name}");
        assert_eq!(new.aaguid.to_vec(), made.aaguid.0, "{name}");
        assert_eq!(new.public_key, cose_key(made), "{name}");
        assert_eq!(new.user_verified, flags & UV != 0, "{name}");
        assert_eq!(new.origin, file.origin, "{name}");
        if cross_origin {
            let mut strict = expected;
            strict.rp.allow_cross_origin = false;
            assert_eq!(verify_registration(&response, &strict), Err(Error::CrossOriginRefused), "{name}");
        }
        if name.ends_with("topOrigin") {
            let mut narrow = expected;
            narrow.rp.origins = &origins[..1];
            assert_eq!(verify_registration(&response, &narrow), Err(Error::TopOriginNotAllowed), "{name}");
        }
        authenticate(vector, rp, flags & 0x08 != 0);
    }
}

fn authenticate(vector: &Vector, rp: RelyingParty<'_>, backup_eligible: bool) {
    let name = &vector.anchor;
    let used = &vector.authentication;
    let stored = StoredCredential {
        id: &vector.registration.credential_id.0,
        public_key: &cose_key(&vector.registration),
        sign_count: 0,
        backup_eligible,
        user_handle: b"whoever",
    };
    let expected = AssertionExpectation {
        rp,
        challenge: &used.challenge.0,
        user_verification: UserVerification::Preferred,
        require_user_handle: false,
    };
    let response = AssertionResponse {
        credential_id: stored.id.to_vec(),
        client_data_json: used.client_data_json.0.clone(),
        authenticator_data: used.authenticator_data.0.clone(),
        signature: used.signature.0.clone(),
        user_handle: None,
    };
    let verified = verify_assertion(&response, &stored, &expected).unwrap();
    assert_eq!(verified.user_verified, used.authenticator_data.0[32] & UV != 0, "{name}");
    // The registration challenge does not do for the assertion.
    let swapped = AssertionExpectation { challenge: &vector.registration.challenge.0, ..expected };
    assert_eq!(verify_assertion(&response, &stored, &swapped), Err(Error::ChallengeMismatch), "{name}");
}
