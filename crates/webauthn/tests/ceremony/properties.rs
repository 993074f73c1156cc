//! Arbitrary input never panics, and never verifies.

use proptest::prelude::*;
use stile_webauthn::{
    Algorithm, AllowedOrigin, AssertionResponse, RegistrationResponse, aaguid_name, peek_challenge,
};

use crate::authenticator::*;

fn some_bytes() -> impl Strategy<Value = Vec<u8>> {
    proptest::collection::vec(any::<u8>(), 0..400)
}

/// Overwrites, inserts or removes bytes, so that the input stays close to a sound one.
fn mutate(bytes: &[u8], edits: &[(u16, u8, u8)]) -> Vec<u8> {
    let mut out = bytes.to_vec();
    for (at, value, action) in edits {
        if out.is_empty() {
            break;
        }
        let at = usize::from(*at) % out.len();
        match action % 4 {
            0 | 1 => out[at] = *value,
            2 => out.insert(at, *value),
            _ => drop(out.remove(at)),
        }
    }
    out
}

fn some_edits() -> impl Strategy<Value = Vec<(u16, u8, u8)>> {
    proptest::collection::vec(any::<(u16, u8, u8)>(), 1..6)
}

proptest! {
    #[test]
    fn arbitrary_bytes_are_refused(a in some_bytes(), b in some_bytes(), c in some_bytes(), d in some_bytes()) {
        let _ = peek_challenge(&a);
        let authenticator = Authenticator::new(Algorithm::EdDsa);
        let client_data_json = Ceremony::get().client_data();
        let sound = record(&authenticator);
        for client_data_json in [a.clone(), client_data_json] {
            let response = AssertionResponse {
                credential_id: sound.id.clone(),
                client_data_json,
                authenticator_data: b.clone(),
                signature: c.clone(),
                user_handle: None,
            };
            prop_assert!(check(&response, &sound).is_err());
            let broken = Record { public_key: d.clone(), ..record(&authenticator) };
            prop_assert!(check(&response, &broken).is_err());
        }
        let mut ceremony = Ceremony::create(&authenticator);
        let response = RegistrationResponse {
            raw_id: a.clone(),
            client_data_json: ceremony.client_data(),
            attestation_object: b.clone(),
        };
        prop_assert!(register(&response).is_err());
        let response = ceremony.registration_with(attestation_object("none", &map(&[]), &c));
        prop_assert!(register(&response).is_err());
        ceremony.cose = d;
        let _ = register(&ceremony.registration());
        let response = ceremony.registration_with(attestation_object("packed", &a, &ceremony.auth_data()));
        let _ = register(&response);
    }

    #[test]
    fn an_edited_assertion_is_refused(edits in some_edits(), part in 0..3) {
        let authenticator = Authenticator::new(Algorithm::Es256);
        let sound = Ceremony::get().assertion(&authenticator);
        let mut response = sound.clone();
        let field = match part {
            0 => &mut response.client_data_json,
            1 => &mut response.authenticator_data,
            _ => &mut response.signature,
        };
        let edited = mutate(field, &edits);
        prop_assume!(edited != *field);
        *field = edited;
        prop_assert!(check(&response, &record(&authenticator)).is_err());
    }

    #[test]
    fn an_edited_bare_registration_never_panics(edits in some_edits(), in_client_data: bool) {
        let mut response = Ceremony::create(&Authenticator::new(Algorithm::Es256)).registration();
        if in_client_data {
            response.client_data_json = mutate(&response.client_data_json, &edits);
        } else {
            response.attestation_object = mutate(&response.attestation_object, &edits);
        }
        let _ = register(&response);
    }

    #[test]
    fn an_origin_reads_back_as_itself(text in "\\PC{0,40}", host in "[a-zA-Z0-9.:*@/\\[\\]%-]{0,20}") {
        for text in [text, format!("https://{host}"), format!("http://{host}:*")] {
            if let Ok(origin) = AllowedOrigin::parse(&text) {
                prop_assert_eq!(AllowedOrigin::parse(&origin.to_string()), Ok(origin));
            }
        }
    }

    #[test]
    fn any_aaguid_is_answered(aaguid: [u8; 16]) {
        let _ = aaguid_name(&aaguid);
    }
}
