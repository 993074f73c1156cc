//! The other verifier: webauthn-rs-core, made to judge by the same rules as far as it has them.
//!
//! What it does not have, as of 0.6.2: a challenge of ours (it makes its own, so the serialised state is patched),
//! EdDSA (it reads such keys and then refuses them all), RSA other than 2048 bits with a three-byte exponent.

use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};
use stile_webauthn::{AssertionResponse, RegistrationResponse, UserVerification};
use webauthn_rs_core::WebauthnCore;
use webauthn_rs_core::error::WebauthnError;
use webauthn_rs_core::proto::{
    AuthenticationState, AuthenticatorAssertionResponseRaw, AuthenticatorAttestationResponseRaw,
    COSEAlgorithm, Credential, PublicKeyCredential, RegisterPublicKeyCredential, RegistrationState,
    UserVerificationPolicy,
};

use crate::authenticator::CHALLENGE;

pub(crate) struct Oracle {
    core: WebauthnCore,
    /// With user verification required, and preferred.
    registration: [RegistrationState; 2],
    authentication: [AuthenticationState; 2],
}

impl Oracle {
    pub(crate) fn new() -> Self {
        let origin = "https://example.com".parse().unwrap();
        let time = Duration::from_secs(60);
        let core = WebauthnCore::new_unsafe_experts_only("x", "example.com", vec![origin], time, None, None);
        let policies = [UserVerificationPolicy::Required, UserVerificationPolicy::Preferred];
        let registration = policies.map(|policy| {
            let builder = core.new_challenge_register_builder(b"user-1", "x", "x").unwrap();
            let builder = builder.user_verification_policy(policy).credential_algorithms(vec![
                COSEAlgorithm::ES256,
                COSEAlgorithm::RS256,
                COSEAlgorithm::EDDSA,
            ]);
            with_our_challenge(&core.generate_challenge_register(builder).unwrap().1)
        });
        let authentication = policies.map(|policy| {
            let builder = core.new_challenge_authenticate_builder(Vec::new(), Some(policy)).unwrap();
            with_our_challenge(&core.generate_challenge_authenticate(builder).unwrap().1)
        });
        Oracle { core, registration, authentication }
    }

    pub(crate) fn register(
        &self,
        response: &RegistrationResponse,
        policy: UserVerification,
    ) -> Result<Credential, WebauthnError> {
        let credential = RegisterPublicKeyCredential {
            id: String::new(),
            raw_id: response.raw_id.clone(),
            response: AuthenticatorAttestationResponseRaw {
                attestation_object: response.attestation_object.clone(),
                client_data_json: response.client_data_json.clone(),
                transports: None,
            },
            type_: "public-key".into(),
            extensions: Default::default(),
        };
        self.core.register_credential(&credential, &self.registration[index(policy)], None)
    }

    pub(crate) fn authenticate(
        &self,
        response: &AssertionResponse,
        credential: &Credential,
        policy: UserVerification,
    ) -> Result<(), WebauthnError> {
        let answer = PublicKeyCredential {
            id: String::new(),
            raw_id: response.credential_id.clone(),
            response: AuthenticatorAssertionResponseRaw {
                authenticator_data: response.authenticator_data.clone(),
                client_data_json: response.client_data_json.clone(),
                signature: response.signature.clone(),
                user_handle: response.user_handle.clone(),
            },
            extensions: Default::default(),
            type_: "public-key".into(),
        };
        let state = &self.authentication[index(policy)];
        self.core.authenticate_single_credential(&answer, state, credential).map(drop)
    }
}

fn index(policy: UserVerification) -> usize {
    match policy {
        UserVerification::Required => 0,
        UserVerification::Preferred => 1,
    }
}

fn with_our_challenge<T: Serialize + DeserializeOwned>(state: &T) -> T {
    let mut value: Value = serde_json::to_value(state).unwrap();
    value["challenge"] = json!(URL_SAFE_NO_PAD.encode(CHALLENGE));
    serde_json::from_value(value).unwrap()
}
