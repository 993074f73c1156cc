//! What must hold for every input of `stile-webauthn`. A broken promise panics. Each target says whether the
//! input was taken, so that a corpus of nothing but rubbish does not go unnoticed.

use stile_webauthn::{
    Algorithm, AllowedOrigin, AssertionExpectation, AssertionResponse, Error, RegistrationExpectation,
    RegistrationResponse, RelyingParty, StoredCredential, UserVerification, peek_challenge, verify_assertion,
    verify_registration,
};

use super::mutate::Target;

const CHALLENGE: &[u8] = b"a challenge of thirty-two bytes.";
const CREDENTIAL: &[u8] = b"credential-1";
const CREATED: &[u8] = br#"{"type":"webauthn.create","challenge":"YSBjaGFsbGVuZ2Ugb2YgdGhpcnR5LXR3byBieXRlcy4","origin":"https://example.com"}"#;
const GOT: &[u8] = br#"{"type":"webauthn.get","challenge":"YSBjaGFsbGVuZ2Ugb2YgdGhpcnR5LXR3byBieXRlcy4","origin":"https://example.com"}"#;
/// SHA-256 of `example.com`.
const RP_ID_HASH: &[u8] =
    b"\xa3\x79\xa6\xf6\xee\xaf\xb9\xa5\x5e\x37\x8c\x11\x80\x34\xe2\x75\x1e\x68\x2f\xab\x9f\x2d\x30\xab\x13\xd2\x12\x55\x86\xce\x19\x47";
const ALGORITHMS: &[Algorithm] = &[Algorithm::Es256, Algorithm::EdDsa, Algorithm::Rs256];

/// Every target here, by its name in `fuzz_targets` and in `corpus`.
pub const TARGETS: &[Target] = &[
    ("client_data", client_data),
    ("attestation_object", attestation_object),
    ("authenticator_data", authenticator_data),
    ("cose_key", cose_key),
    ("webauthn_origin", origin),
];

fn with_rp<T>(work: impl FnOnce(RelyingParty<'_>) -> T) -> T {
    let origins: Vec<_> = AllowedOrigin::parse("https://example.com").into_iter().collect();
    work(RelyingParty { id: "example.com", origins: &origins, allow_cross_origin: false })
}

fn register(
    client_data_json: &[u8],
    attestation_object: &[u8],
) -> Result<stile_webauthn::NewCredential, Error> {
    let response = RegistrationResponse {
        raw_id: CREDENTIAL.to_vec(),
        client_data_json: client_data_json.to_vec(),
        attestation_object: attestation_object.to_vec(),
    };
    with_rp(|rp| {
        let user_verification = UserVerification::Preferred;
        let expected =
            RegistrationExpectation { rp, challenge: CHALLENGE, user_verification, algorithms: ALGORITHMS };
        verify_registration(&response, &expected)
    })
}

fn assert_with(
    client_data_json: &[u8],
    authenticator_data: &[u8],
    public_key: &[u8],
) -> Result<stile_webauthn::VerifiedAssertion, Error> {
    let response = AssertionResponse {
        credential_id: CREDENTIAL.to_vec(),
        client_data_json: client_data_json.to_vec(),
        authenticator_data: authenticator_data.to_vec(),
        signature: b"no signature".to_vec(),
        user_handle: None,
    };
    let stored = StoredCredential {
        id: CREDENTIAL,
        public_key,
        sign_count: 0,
        backup_eligible: false,
        user_handle: b"user-1",
    };
    with_rp(|rp| {
        let expected = AssertionExpectation {
            rp,
            challenge: CHALLENGE,
            user_verification: UserVerification::Preferred,
            require_user_handle: false,
        };
        verify_assertion(&response, &stored, &expected)
    })
}

/// Sound authenticator data of an assertion.
fn asserted() -> Vec<u8> {
    [RP_ID_HASH, &[1, 0, 0, 0, 0]].concat()
}

/// `none` attestation of a key.
fn attested(cose: &[u8]) -> Vec<u8> {
    let id_length = [0, CREDENTIAL.len() as u8];
    let data = [RP_ID_HASH, &[0x41, 0, 0, 0, 0], &[0; 16], &id_length, CREDENTIAL, cose].concat();
    let length = (data.len() as u16).to_be_bytes();
    // The shortest head, as canonical CBOR wants it.
    let head: &[u8] = if data.len() < 256 { &[0x58, length[1]] } else { &[0x59, length[0], length[1]] };
    [b"\xa3\x63fmt\x64none\x67attStmt\xa0\x68authData", head, &data].concat()
}

/// Client data is read the same by both readers of it, and its challenge is what JSON says it is.
pub fn client_data(data: &[u8]) -> bool {
    let peeked = peek_challenge(data);
    let key = b"\xa0";
    let verdict = assert_with(data, &asserted(), key);
    assert!(verdict.is_err(), "there was no signature");
    // The key is no key: only client data that is sound in every way gets as far as that.
    let sound = verdict == Err(Error::StoredKeyRefused);
    if sound {
        assert_eq!(peeked.as_deref(), Ok(CHALLENGE));
    }
    if peeked.is_ok() {
        let text = data.strip_prefix(b"\xef\xbb\xbf").unwrap_or(data);
        assert!(std::str::from_utf8(text).is_ok());
        assert!(matches!((text.trim_ascii().first(), text.trim_ascii().last()), (Some(b'{'), Some(b'}'))));
    } else {
        assert!(matches!(verdict, Err(Error::MalformedClientData | Error::TooLarge)));
    }
    assert!(register(data, b"").is_err());
    sound
}

/// What is registered came from the input as it is, and can be used.
pub fn attestation_object(data: &[u8]) -> bool {
    let Ok(new) = register(CREATED, data) else { return false };
    assert_eq!(new.id, CREDENTIAL);
    assert!(data.windows(new.public_key.len()).any(|window| window == new.public_key));
    assert!(data.windows(16).any(|window| window == new.aaguid));
    assert!(new.backup_eligible || !new.backed_up);
    assert_eq!(assert_with(GOT, &asserted(), &new.public_key), Err(Error::BadSignature));
    // One credential, one text: nothing may be hung on, or left off.
    assert!(register(CREATED, &[data, &[0]].concat()).is_err());
    assert!(register(CREATED, data.split_last().map_or(data, |(_, rest)| rest)).is_err());
    true
}

/// Nothing verifies without a signature, whatever the authenticator data says.
pub fn authenticator_data(data: &[u8]) -> bool {
    // An ES256 key: the base point of P-256 (SEC 2 v2 §2.4.2).
    const KEY: &[u8] = b"\xa5\x01\x02\x03\x26\x20\x01\x21\x58\x20\
        \x6b\x17\xd1\xf2\xe1\x2c\x42\x47\xf8\xbc\xe6\xe5\x63\xa4\x40\xf2\
        \x77\x03\x7d\x81\x2d\xeb\x33\xa0\xf4\xa1\x39\x45\xd8\x98\xc2\x96\x22\x58\x20\
        \x4f\xe3\x42\xe2\xfe\x1a\x7f\x9b\x8e\xe7\xeb\x4a\x7c\x0f\x9e\x16\
        \x2b\xce\x33\x57\x6b\x31\x5e\xce\xcb\xb6\x40\x68\x37\xbf\x51\xf5";
    let verdict = assert_with(GOT, data, KEY);
    assert!(verdict.is_err());
    let taken = verdict == Err(Error::BadSignature);
    if taken {
        assert!(data.starts_with(RP_ID_HASH));
        let flags = data.get(32).copied().unwrap_or_default();
        assert!(flags & 0x01 != 0 && flags & 0x40 == 0);
        // Backed up only where that is possible.
        assert!(flags & 0x10 == 0 || flags & 0x08 != 0);
        // Without extensions there is nothing after the counter.
        assert!(flags & 0x80 != 0 || data.len() == 37);
    }
    taken
}

/// A key is taken at registration just where it is taken at the assertion.
pub fn cose_key(data: &[u8]) -> bool {
    let used = assert_with(GOT, &asserted(), data);
    assert!(used.is_err());
    let registered = register(CREATED, &attested(data));
    assert_eq!(registered.is_ok(), used == Err(Error::BadSignature), "{registered:?} {used:?}");
    if let Ok(new) = &registered {
        assert_eq!(new.public_key, data);
    }
    registered.is_ok()
}

/// A configured origin reads back as itself, and is none of the traps.
pub fn origin(data: &[u8]) -> bool {
    let Ok(text) = std::str::from_utf8(data) else { return false };
    let Ok(parsed) = AllowedOrigin::parse(text) else { return false };
    assert_eq!(AllowedOrigin::parse(&parsed.to_string()), Ok(parsed.clone()));
    let shown = parsed.to_string();
    assert!(shown.starts_with("https://") || shown.starts_with("http://"));
    assert!(!shown.contains(['@', '?', '#', '\\', ' ']) && shown.is_ascii());
    true
}
