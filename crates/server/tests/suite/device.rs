//! A browser's P-256 key, as SDKs hold one for the session and one for the device (wire: tokens §9, §10).

use aws_lc_rs::encoding::{AsBigEndian, EcPublicKeyCompressedBin};
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair};
use stile_keys::encoding::hex;

use crate::world::Page;

pub struct DeviceKey(EcdsaKeyPair);

impl DeviceKey {
    pub fn new() -> Self {
        Self(EcdsaKeyPair::generate(&ECDSA_P256_SHA256_FIXED_SIGNING).unwrap())
    }

    /// The public half: hex of the compressed point.
    pub fn public(&self) -> String {
        let point: EcPublicKeyCompressedBin<'_> = self.0.public_key().as_be_bytes().unwrap();
        hex(point.as_ref())
    }

    /// `r ‖ s` in hex.
    pub fn sign(&self, text: &str) -> String {
        hex(self.0.sign(&SystemRandom::new(), text.as_bytes()).unwrap().as_ref())
    }

    /// The three headers over this nonce.
    pub fn headers(&self, nonce: &str) -> Vec<(String, String)> {
        vec![
            ("x-dynamic-device-nonce".into(), nonce.into()),
            ("x-dynamic-device-publickey".into(), self.public()),
            ("x-dynamic-device-signed-nonce".into(), self.sign(nonce)),
        ]
    }

    /// The three headers over a fresh nonce.
    pub async fn proof(&self, page: &Page) -> Vec<(String, String)> {
        let nonce = page.get("/nonce").await.ok();
        self.headers(nonce["nonce"].as_str().unwrap())
    }
}
