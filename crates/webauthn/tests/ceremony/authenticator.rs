//! A software authenticator and the browser before it. Every field can be falsified.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::sync::{Arc, OnceLock};

use aws_lc_rs::digest::{SHA256, digest};
use aws_lc_rs::encoding::{AsDer, PublicKeyX509Der};
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::rsa;
use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_ASN1_SIGNING, EcdsaKeyPair, Ed25519KeyPair, KeyPair, RSA_PKCS1_SHA256,
};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use stile_webauthn::{
    Algorithm, AllowedOrigin, AssertionExpectation, AssertionResponse, Error, NewCredential,
    RegistrationExpectation, RegistrationResponse, RelyingParty, StoredCredential, UserVerification,
    VerifiedAssertion, verify_assertion, verify_registration,
};

pub(crate) const CHALLENGE: &[u8] = b"a challenge of thirty-two bytes.";
pub(crate) const USER_HANDLE: &[u8] = b"user-1";
pub(crate) const ALL: [Algorithm; 3] = [Algorithm::Es256, Algorithm::EdDsa, Algorithm::Rs256];

pub(crate) const UP: u8 = 0x01;
pub(crate) const UV: u8 = 0x04;
pub(crate) const BE: u8 = 0x08;
pub(crate) const BS: u8 = 0x10;
pub(crate) const AT: u8 = 0x40;
pub(crate) const ED: u8 = 0x80;

enum Key {
    Es256(EcdsaKeyPair),
    EdDsa(Ed25519KeyPair),
    Rs256(Arc<rsa::KeyPair>),
}

pub(crate) struct Authenticator {
    key: Key,
}

impl Authenticator {
    pub(crate) fn new(algorithm: Algorithm) -> Self {
        // Making an RSA key is slow, and two of them are never needed at once.
        static RSA: OnceLock<Arc<rsa::KeyPair>> = OnceLock::new();
        let key = match algorithm {
            Algorithm::Es256 => Key::Es256(EcdsaKeyPair::generate(&ECDSA_P256_SHA256_ASN1_SIGNING).unwrap()),
            Algorithm::EdDsa => Key::EdDsa(Ed25519KeyPair::generate().unwrap()),
            Algorithm::Rs256 => Key::Rs256(
                RSA.get_or_init(|| Arc::new(rsa::KeyPair::generate(rsa::KeySize::Rsa2048).unwrap())).clone(),
            ),
        };
        Authenticator { key }
    }

    /// The same key every time, for the tests that must do the same thing every time.
    pub(crate) fn fixed(algorithm: Algorithm) -> Self {
        let key = match algorithm {
            Algorithm::Es256 => {
                let document = include_bytes!("fixed/es256.p8");
                Key::Es256(EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_ASN1_SIGNING, document).unwrap())
            }
            Algorithm::EdDsa => Key::EdDsa(Ed25519KeyPair::from_seed_unchecked(&[7; 32]).unwrap()),
            Algorithm::Rs256 => {
                let document = include_bytes!("fixed/rs256.p8");
                Key::Rs256(Arc::new(rsa::KeyPair::from_pkcs8(document).unwrap()))
            }
        };
        Authenticator { key }
    }

    pub(crate) fn cose(&self) -> Vec<u8> {
        match &self.key {
            Key::Es256(key) => {
                let point = key.public_key().as_ref();
                es256_cose(&point[1..33], &point[33..])
            }
            Key::EdDsa(key) => map(&[
                (int(1), int(1)),
                (int(3), int(-8)),
                (int(-1), int(6)),
                (int(-2), bytes(key.public_key().as_ref())),
            ]),
            Key::Rs256(key) => {
                let (n, e) = (key.public_key().modulus(), key.public_key().exponent());
                rs256_cose(n.big_endian_without_leading_zero(), e.big_endian_without_leading_zero())
            }
        }
    }

    pub(crate) fn sign(&self, message: &[u8]) -> Vec<u8> {
        match &self.key {
            Key::Es256(key) => key.sign(&SystemRandom::new(), message).unwrap().as_ref().to_vec(),
            Key::EdDsa(key) => key.sign(message).as_ref().to_vec(),
            Key::Rs256(key) => {
                let mut signature = vec![0; key.public_modulus_len()];
                key.sign(&RSA_PKCS1_SHA256, &SystemRandom::new(), message, &mut signature).unwrap();
                signature
            }
        }
    }

    /// The public key as SPKI, for key-confusion attacks.
    pub(crate) fn spki(&self) -> Vec<u8> {
        let der: PublicKeyX509Der<'_> = match &self.key {
            Key::Es256(key) => key.public_key().as_der().unwrap(),
            Key::EdDsa(key) => key.public_key().as_der().unwrap(),
            Key::Rs256(key) => AsDer::<PublicKeyX509Der<'_>>::as_der(key.public_key()).unwrap(),
        };
        der.as_ref().to_vec()
    }
}

/// One ceremony; `new` makes a sound one, and a test spoils a field.
#[derive(Clone)]
pub(crate) struct Ceremony {
    pub(crate) kind: &'static str,
    pub(crate) challenge: Vec<u8>,
    pub(crate) origin: String,
    /// More members, with their leading comma.
    pub(crate) members: String,
    pub(crate) rp_id: String,
    pub(crate) flags: u8,
    pub(crate) count: u32,
    pub(crate) credential_id: Vec<u8>,
    pub(crate) cose: Vec<u8>,
    /// Whatever follows in the authenticator data.
    pub(crate) tail: Vec<u8>,
}

impl Ceremony {
    pub(crate) fn create(authenticator: &Authenticator) -> Self {
        let cose = authenticator.cose();
        Ceremony { kind: "webauthn.create", flags: UP | UV | BE | BS | AT, cose, ..Self::get() }
    }

    pub(crate) fn get() -> Self {
        Ceremony {
            kind: "webauthn.get",
            challenge: CHALLENGE.to_vec(),
            origin: "https://example.com".into(),
            members: r#","crossOrigin":false"#.into(),
            rp_id: "example.com".into(),
            flags: UP | UV | BE | BS,
            count: 0,
            credential_id: b"credential-1".to_vec(),
            cose: Vec::new(),
            tail: Vec::new(),
        }
    }

    pub(crate) fn client_data(&self) -> Vec<u8> {
        let challenge = URL_SAFE_NO_PAD.encode(&self.challenge);
        let Ceremony { kind, origin, members, .. } = self;
        format!(r#"{{"type":"{kind}","challenge":"{challenge}","origin":"{origin}"{members}}}"#).into_bytes()
    }

    pub(crate) fn auth_data(&self) -> Vec<u8> {
        let mut data = sha256(self.rp_id.as_bytes());
        data.push(self.flags);
        data.extend(self.count.to_be_bytes());
        if self.flags & AT != 0 {
            data.extend([7; 16]);
            data.extend((self.credential_id.len() as u16).to_be_bytes());
            data.extend(&self.credential_id);
            data.extend(&self.cose);
        }
        data.extend(&self.tail);
        data
    }

    pub(crate) fn signed(&self) -> Vec<u8> {
        [self.auth_data(), sha256(&self.client_data())].concat()
    }

    /// The response with `none` attestation.
    pub(crate) fn registration(&self) -> RegistrationResponse {
        self.registration_with(attestation_object("none", &map(&[]), &self.auth_data()))
    }

    pub(crate) fn registration_packed(&self, alg: i64, signature: &[u8]) -> RegistrationResponse {
        let statement = map(&[(text("alg"), int(alg)), (text("sig"), bytes(signature))]);
        self.registration_with(attestation_object("packed", &statement, &self.auth_data()))
    }

    pub(crate) fn registration_with(&self, attestation_object: Vec<u8>) -> RegistrationResponse {
        RegistrationResponse {
            raw_id: self.credential_id.clone(),
            client_data_json: self.client_data(),
            attestation_object,
        }
    }

    pub(crate) fn assertion(&self, authenticator: &Authenticator) -> AssertionResponse {
        AssertionResponse {
            credential_id: self.credential_id.clone(),
            client_data_json: self.client_data(),
            authenticator_data: self.auth_data(),
            signature: authenticator.sign(&self.signed()),
            user_handle: Some(USER_HANDLE.to_vec()),
        }
    }
}

pub(crate) fn origins() -> Vec<AllowedOrigin> {
    ["https://example.com", "http://localhost:*"].map(|text| AllowedOrigin::parse(text).unwrap()).to_vec()
}

pub(crate) fn rp(origins: &[AllowedOrigin]) -> RelyingParty<'_> {
    RelyingParty { id: "example.com", origins, allow_cross_origin: false }
}

pub(crate) fn register(response: &RegistrationResponse) -> Result<NewCredential, Error> {
    register_when(response, |_| {})
}

pub(crate) fn register_when(
    response: &RegistrationResponse,
    change: impl FnOnce(&mut RegistrationExpectation<'_>),
) -> Result<NewCredential, Error> {
    let origins = origins();
    let mut expected = RegistrationExpectation {
        rp: rp(&origins),
        challenge: CHALLENGE,
        user_verification: UserVerification::Required,
        algorithms: &ALL,
    };
    change(&mut expected);
    verify_registration(response, &expected)
}

/// A credential record as it would be stored.
pub(crate) struct Record {
    pub(crate) id: Vec<u8>,
    pub(crate) public_key: Vec<u8>,
    pub(crate) sign_count: u32,
    pub(crate) backup_eligible: bool,
}

pub(crate) fn record(authenticator: &Authenticator) -> Record {
    let new = register(&Ceremony::create(authenticator).registration()).unwrap();
    Record {
        id: new.id,
        public_key: new.public_key,
        sign_count: new.sign_count,
        backup_eligible: new.backup_eligible,
    }
}

pub(crate) fn check(response: &AssertionResponse, record: &Record) -> Result<VerifiedAssertion, Error> {
    check_when(response, record, |_| {})
}

pub(crate) fn check_when(
    response: &AssertionResponse,
    record: &Record,
    change: impl FnOnce(&mut AssertionExpectation<'_>),
) -> Result<VerifiedAssertion, Error> {
    let origins = origins();
    let mut expected = AssertionExpectation {
        rp: rp(&origins),
        challenge: CHALLENGE,
        user_verification: UserVerification::Required,
        require_user_handle: false,
    };
    change(&mut expected);
    let stored = StoredCredential {
        id: &record.id,
        public_key: &record.public_key,
        sign_count: record.sign_count,
        backup_eligible: record.backup_eligible,
        user_handle: USER_HANDLE,
    };
    verify_assertion(response, &stored, &expected)
}

pub(crate) fn es256_cose(x: &[u8], y: &[u8]) -> Vec<u8> {
    map(&[(int(1), int(2)), (int(3), int(-7)), (int(-1), int(1)), (int(-2), bytes(x)), (int(-3), bytes(y))])
}

pub(crate) fn rs256_cose(n: &[u8], e: &[u8]) -> Vec<u8> {
    map(&[(int(1), int(3)), (int(3), int(-257)), (int(-1), bytes(n)), (int(-2), bytes(e))])
}

pub(crate) fn attestation_object(format: &str, statement: &[u8], auth_data: &[u8]) -> Vec<u8> {
    map(&[
        (text("fmt"), text(format)),
        (text("attStmt"), statement.to_vec()),
        (text("authData"), bytes(auth_data)),
    ])
}

pub(crate) fn sha256(data: &[u8]) -> Vec<u8> {
    digest(&SHA256, data).as_ref().to_vec()
}

pub(crate) fn int(value: i64) -> Vec<u8> {
    if value >= 0 { head(0, value as u64) } else { head(1, (-1 - value) as u64) }
}

pub(crate) fn bytes(value: &[u8]) -> Vec<u8> {
    [head(2, value.len() as u64), value.to_vec()].concat()
}

pub(crate) fn text(value: &str) -> Vec<u8> {
    [head(3, value.len() as u64), value.as_bytes().to_vec()].concat()
}

pub(crate) fn array(items: &[Vec<u8>]) -> Vec<u8> {
    [head(4, items.len() as u64), items.concat()].concat()
}

/// The pairs in the order given.
pub(crate) fn map(pairs: &[(Vec<u8>, Vec<u8>)]) -> Vec<u8> {
    let mut out = head(5, pairs.len() as u64);
    for (key, value) in pairs {
        out.extend(key);
        out.extend(value);
    }
    out
}

fn head(major: u8, value: u64) -> Vec<u8> {
    let major = major << 5;
    match value {
        0..=23 => vec![major | value as u8],
        24..=0xff => vec![major | 24, value as u8],
        0x100..=0xffff => [vec![major | 25], (value as u16).to_be_bytes().to_vec()].concat(),
        _ => [vec![major | 26], (value as u32).to_be_bytes().to_vec()].concat(),
    }
}
