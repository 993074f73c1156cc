//! A software passkey: ES256, user-verifying. One that is synced between devices counts nothing: its counter stays zero.

use anyhow::{Result, anyhow};
use aws_lc_rs::digest::{SHA256, digest};
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature::{ECDSA_P256_SHA256_ASN1_SIGNING, EcdsaKeyPair, KeyPair as _};
use stile_keys::encoding::base64url;

use crate::{ORIGIN, RP_ID};

/// User present, user verified.
const FLAGS: u8 = 0x05;

/// A private key; many users may share one, which costs a server the same.
pub struct Passkey(EcdsaKeyPair);

impl Passkey {
    /// A new key.
    pub fn new() -> Result<Self> {
        let key = EcdsaKeyPair::generate(&ECDSA_P256_SHA256_ASN1_SIGNING);
        Ok(Self(key.map_err(|_| anyhow!("no key could be made"))?))
    }

    /// The COSE key: `{1: 2, 3: -7, -1: 1, -2: x, -3: y}`.
    pub fn cose(&self) -> Vec<u8> {
        let point = self.0.public_key().as_ref();
        let mut cose = vec![0xa5, 0x01, 0x02, 0x03, 0x26, 0x20, 0x01, 0x21, 0x58, 0x20];
        cose.extend(&point[1..33]);
        cose.extend([0x22, 0x58, 0x20]);
        cose.extend(&point[33..65]);
        cose
    }

    /// The body that answers a challenge with this counter, and asks for a token of `vault:open`.
    pub fn answer(&self, challenge: &str, counter: u32, id: &[u8], user: &[u8]) -> Result<String> {
        let client = format!(
            r#"{{"type":"webauthn.get","challenge":"{challenge}","origin":"{ORIGIN}","crossOrigin":false}}"#
        );
        let mut data = digest(&SHA256, RP_ID.as_bytes()).as_ref().to_vec();
        data.push(FLAGS);
        data.extend(counter.to_be_bytes());
        let signed = [data.as_slice(), digest(&SHA256, client.as_bytes()).as_ref()].concat();
        let signature = self.0.sign(&SystemRandom::new(), &signed).map_err(|_| anyhow!("not signed"))?;
        let id = base64url(id);
        Ok(format!(
            r#"{{"id":"{id}","rawId":"{id}","type":"public-key","response":{{"clientDataJSON":"{}","authenticatorData":"{}","signature":"{}","userHandle":"{}"}},"clientExtensionResults":{{}},"requestedScopes":["vault:open"]}}"#,
            base64url(client.as_bytes()),
            base64url(&data),
            base64url(signature.as_ref()),
            base64url(user),
        ))
    }
}
