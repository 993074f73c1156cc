//! A software authenticator: ES256, discoverable, user-verifying, with switches for what tests want to break.

use aws_lc_rs::digest::{SHA256, digest};
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature::{ECDSA_P256_SHA256_ASN1_SIGNING, EcdsaKeyPair, KeyPair};
use serde_json::{Value, json};
use stile_keys::encoding::{base64url, unbase64url};
use stile_keys::random;

pub struct Authenticator {
    key: EcdsaKeyPair,
    pub id: Vec<u8>,
    pub user_handle: Vec<u8>,
    pub counter: u32,
    pub user_verified: bool,
    pub rp_id: Option<String>,
    /// Another `type` in the client data.
    pub ceremony: Option<&'static str>,
    /// False for a passkey that is copied between devices: its counter stays zero.
    pub counts: bool,
    /// Backup eligible: the key can be copied between devices.
    pub eligible: bool,
    /// Backed up.
    pub backed_up: bool,
    /// More members of the client data, with their leading comma.
    pub members: &'static str,
}

const UP: u8 = 0x01;
const UV: u8 = 0x04;
const BE: u8 = 0x08;
const BS: u8 = 0x10;
const AT: u8 = 0x40;

impl Authenticator {
    pub fn new() -> Self {
        Self {
            key: EcdsaKeyPair::generate(&ECDSA_P256_SHA256_ASN1_SIGNING).unwrap(),
            id: random::bytes::<32>().to_vec(),
            user_handle: Vec::new(),
            counter: 0,
            user_verified: true,
            rp_id: None,
            ceremony: None,
            counts: true,
            eligible: false,
            backed_up: false,
            members: r#","crossOrigin":false"#,
        }
    }

    /// Answers `navigator.credentials.create()`.
    pub fn register(&mut self, options: &Value, origin: &str) -> Value {
        self.user_handle = unbase64url(options["user"]["id"].as_str().unwrap()).unwrap();
        let client = self.client_data("webauthn.create", options, origin);
        let rp_id = self.rp_id.clone().unwrap_or_else(|| options["rp"]["id"].as_str().unwrap().to_owned());
        let mut data = self.header(&rp_id, AT);
        data.extend([0; 16]);
        data.extend(u16::try_from(self.id.len()).unwrap().to_be_bytes());
        data.extend(&self.id);
        let point = self.key.public_key().as_ref();
        // COSE key: {1: 2, 3: -7, -1: 1, -2: x, -3: y}
        data.extend([0xa5, 0x01, 0x02, 0x03, 0x26, 0x20, 0x01, 0x21, 0x58, 0x20]);
        data.extend(&point[1..33]);
        data.extend([0x22, 0x58, 0x20]);
        data.extend(&point[33..65]);
        // {"fmt": "none", "attStmt": {}, "authData": bytes}
        let mut object = b"\xa3\x63fmt\x64none\x67attStmt\xa0\x68authData\x58".to_vec();
        object.push(u8::try_from(data.len()).unwrap());
        object.extend(&data);
        json!({
            "id": base64url(&self.id), "rawId": base64url(&self.id), "type": "public-key",
            "authenticatorAttachment": "platform",
            "response": {
                "attestationObject": base64url(&object), "clientDataJson": base64url(&client),
                "transports": ["internal"],
            },
            "clientExtensionResults": { "credProps": { "rk": true } },
        })
    }

    /// Answers `navigator.credentials.get()`.
    pub fn assert(&mut self, options: &Value, origin: &str) -> Value {
        let client = self.client_data("webauthn.get", options, origin);
        let rp_id = self.rp_id.clone().unwrap_or_else(|| options["rpId"].as_str().unwrap().to_owned());
        let data = self.header(&rp_id, 0);
        let signed = [data.as_slice(), digest(&SHA256, &client).as_ref()].concat();
        let signature = self.key.sign(&SystemRandom::new(), &signed).unwrap();
        json!({
            "id": base64url(&self.id), "rawId": base64url(&self.id), "type": "public-key",
            "authenticatorAttachment": "platform",
            "response": {
                "clientDataJSON": base64url(&client), "authenticatorData": base64url(&data),
                "signature": base64url(signature.as_ref()), "userHandle": base64url(&self.user_handle),
            },
            "clientExtensionResults": {},
        })
    }

    fn header(&mut self, rp_id: &str, more: u8) -> Vec<u8> {
        self.counter = if self.counts { self.counter + 1 } else { 0 };
        let mut data = digest(&SHA256, rp_id.as_bytes()).as_ref().to_vec();
        let flag = |on: bool, bit: u8| if on { bit } else { 0 };
        let flags =
            flag(self.user_verified, UV) | flag(self.eligible, BE) | flag(self.backed_up, BS) | UP | more;
        data.push(flags);
        data.extend(self.counter.to_be_bytes());
        data
    }

    fn client_data(&self, ceremony: &str, options: &Value, origin: &str) -> Vec<u8> {
        let kind = self.ceremony.unwrap_or(ceremony);
        let (challenge, origin) = (&options["challenge"], Value::from(origin));
        let members = self.members;
        format!(r#"{{"type":"{kind}","challenge":{challenge},"origin":{origin}{members}}}"#).into_bytes()
    }
}
