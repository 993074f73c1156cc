//! A software passkey: ES256, user-verifying, its counter always zero as with passkeys that are synced.

use anyhow::{Result, anyhow};
use aws_lc_rs::digest::{SHA256, digest};
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature::{ECDSA_P256_SHA256_ASN1_SIGNING, EcdsaKeyPair, KeyPair as _};
use stile_keys::encoding::base64url;

use crate::seed::{ORIGIN, RP_ID};

/// User present, user verified.
const FLAGS: u8 = 0x05;

/// A private key; many users share one, which costs the server the same.
pub(crate) struct Authenticator {
    key: EcdsaKeyPair,
    data: Vec<u8>,
}

impl Authenticator {
    /// A new key.
    pub(crate) fn new() -> Result<Self> {
        let key = EcdsaKeyPair::generate(&ECDSA_P256_SHA256_ASN1_SIGNING)
            .map_err(|_| anyhow!("no key could be made"))?;
        let mut data = digest(&SHA256, RP_ID.as_bytes()).as_ref().to_vec();
        data.extend([FLAGS, 0, 0, 0, 0]);
        Ok(Self { key, data })
    }

    /// The COSE key: `{1: 2, 3: -7, -1: 1, -2: x, -3: y}`.
    pub(crate) fn cose(&self) -> Vec<u8> {
        let point = self.key.public_key().as_ref();
        let mut cose = vec![0xa5, 0x01, 0x02, 0x03, 0x26, 0x20, 0x01, 0x21, 0x58, 0x20];
        cose.extend(&point[1..33]);
        cose.extend([0x22, 0x58, 0x20]);
        cose.extend(&point[33..65]);
        cose
    }

    /// The body that answers a challenge and asks for a token of `vault:open`.
    pub(crate) fn answer(&self, challenge: &str, id: &[u8], user: &[u8]) -> Result<String> {
        let client = format!(
            r#"{{"type":"webauthn.get","challenge":"{challenge}","origin":"{ORIGIN}","crossOrigin":false}}"#
        );
        let signed = [self.data.as_slice(), digest(&SHA256, client.as_bytes()).as_ref()].concat();
        let signature = self.key.sign(&SystemRandom::new(), &signed).map_err(|_| anyhow!("not signed"))?;
        let id = base64url(id);
        Ok(format!(
            r#"{{"id":"{id}","rawId":"{id}","type":"public-key","response":{{"clientDataJSON":"{}","authenticatorData":"{}","signature":"{}","userHandle":"{}"}},"clientExtensionResults":{{}},"requestedScopes":["vault:open"]}}"#,
            base64url(client.as_bytes()),
            base64url(&self.data),
            base64url(signature.as_ref()),
            base64url(user),
        ))
    }
}
