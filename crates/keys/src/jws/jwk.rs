//! Public keys as JSON (RFC 7517, RFC 7518 §6, RFC 8037 §2) and their thumbprints (RFC 7638).

use aws_lc_rs::digest;
use serde::{Deserialize, Serialize};

use super::Algorithm;
use crate::encoding::base64url;

/// A public signing key. Which of the last five members are present follows from `kty`: EC has `crv`,
/// `x`, `y`; OKP has `crv`, `x`; RSA has `n`, `e`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Jwk {
    /// The key's id. For our own keys, its thumbprint.
    pub kid: String,
    /// The family: `EC`, `OKP` or `RSA`.
    pub kty: String,
    /// The one algorithm of the key.
    pub alg: Algorithm,
    /// Always `sig`.
    #[serde(rename = "use")]
    pub usage: String,
    /// The curve: `P-256` or `Ed25519`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub crv: Option<String>,
    /// The x coordinate, or the Ed25519 key: 32 bytes as base64url.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub x: Option<String>,
    /// The y coordinate: 32 bytes as base64url.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub y: Option<String>,
    /// The modulus: big-endian without leading zeros, as base64url.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub n: Option<String>,
    /// The public exponent: big-endian without leading zeros, as base64url.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub e: Option<String>,
}

/// The RFC 7638 thumbprint of a key: base64url of SHA-256 over its required members, in the order of
/// their names and without white space. 43 characters. `None` when a member is missing or `kty` is
/// unknown.
pub fn thumbprint(jwk: &Jwk) -> Option<String> {
    // Struct fields serialise in the order of their declaration.
    #[derive(Serialize)]
    struct Ec<'a> {
        crv: &'a str,
        kty: &'a str,
        x: &'a str,
        y: &'a str,
    }
    #[derive(Serialize)]
    struct Okp<'a> {
        crv: &'a str,
        kty: &'a str,
        x: &'a str,
    }
    #[derive(Serialize)]
    struct Rsa<'a> {
        e: &'a str,
        kty: &'a str,
        n: &'a str,
    }
    let kty = jwk.kty.as_str();
    let json = match kty {
        "EC" => serde_json::to_vec(&Ec {
            crv: jwk.crv.as_deref()?,
            kty,
            x: jwk.x.as_deref()?,
            y: jwk.y.as_deref()?,
        }),
        "OKP" => serde_json::to_vec(&Okp { crv: jwk.crv.as_deref()?, kty, x: jwk.x.as_deref()? }),
        "RSA" => serde_json::to_vec(&Rsa { e: jwk.e.as_deref()?, kty, n: jwk.n.as_deref()? }),
        _ => return None,
    };
    Some(base64url(digest::digest(&digest::SHA256, &json.ok()?).as_ref()))
}

impl Jwk {
    pub(super) fn ec(x: &[u8], y: &[u8]) -> Self {
        let base = Self::empty("EC", Algorithm::Es256);
        Self { crv: Some("P-256".to_owned()), x: Some(base64url(x)), y: Some(base64url(y)), ..base }
    }

    pub(super) fn okp(x: &[u8]) -> Self {
        let base = Self::empty("OKP", Algorithm::EdDsa);
        Self { crv: Some("Ed25519".to_owned()), x: Some(base64url(x)), ..base }
    }

    pub(super) fn rsa(n: &[u8], e: &[u8]) -> Self {
        let base = Self::empty("RSA", Algorithm::Rs256);
        Self { n: Some(base64url(n)), e: Some(base64url(e)), ..base }
    }

    fn empty(kty: &str, alg: Algorithm) -> Self {
        Self {
            kid: String::new(),
            kty: kty.to_owned(),
            alg,
            usage: "sig".to_owned(),
            crv: None,
            x: None,
            y: None,
            n: None,
            e: None,
        }
    }
}
