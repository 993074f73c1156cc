//! Credential public keys (COSE_Key, RFC 9052 §7) and their signatures.
//!
//! §6.5.1.1 wants `alg` and forbids every optional member, and canonical CBOR fixes the order. So each kind of
//! key has exactly one list of labels, and whatever else is there (key id, key operations, private parts) is refused.

use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_ASN1, ED25519, ParsedPublicKey, RSA_PKCS1_2048_8192_SHA256, RsaPublicKeyComponents,
};
use curve25519_dalek::edwards::CompressedEdwardsY;

use crate::Error;
use crate::cbor::Reader;

/// The longest key: an RSA modulus of 8192 bits, its exponent, and the heads around them.
const MAX_KEY_LENGTH: usize = 1024 + 64;
/// A signature by the longest RSA key.
const MAX_SIGNATURE_LENGTH: usize = 1024;

/// A signature algorithm, valued as in the IANA COSE registry (for `pubKeyCredParams`).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[repr(i32)]
pub enum Algorithm {
    /// ECDSA over P-256 with SHA-256.
    Es256 = -7,
    /// EdDSA over Ed25519.
    EdDsa = -8,
    /// RSASSA-PKCS1-v1_5 with SHA-256, 2048 to 8192 bits.
    Rs256 = -257,
}

impl Algorithm {
    /// The COSE identifier.
    pub fn id(self) -> i32 {
        self as i32
    }

    /// The algorithm with this COSE identifier, if it is one of ours.
    pub fn from_id(id: i64) -> Option<Self> {
        [Algorithm::Es256, Algorithm::EdDsa, Algorithm::Rs256]
            .into_iter()
            .find(|known| i64::from(known.id()) == id)
    }
}

pub(crate) struct PublicKey {
    pub(crate) algorithm: Algorithm,
    key: ParsedPublicKey,
}

impl PublicKey {
    /// Whether the signature is good. ECDSA signatures are DER, the others raw.
    pub(crate) fn verifies(&self, message: &[u8], signature: &[u8]) -> bool {
        signature.len() <= MAX_SIGNATURE_LENGTH && self.key.verify_sig(message, signature).is_ok()
    }
}

/// Parses a whole COSE key.
pub(crate) fn parse(bytes: &[u8]) -> Result<PublicKey, Error> {
    if bytes.len() > MAX_KEY_LENGTH {
        return Err(Error::TooLarge);
    }
    let mut reader = Reader::new(bytes);
    let members = reader.map()?;
    let kty = labelled_int(&mut reader, 1)?;
    let alg = labelled_int(&mut reader, 3)?;
    let algorithm = Algorithm::from_id(alg).ok_or(Error::UnsupportedAlgorithm)?;
    let (expected_kty, expected_members) = match algorithm {
        Algorithm::Es256 => (2, 5),
        Algorithm::EdDsa => (1, 4),
        Algorithm::Rs256 => (3, 4),
    };
    if kty != expected_kty || members != expected_members {
        return Err(Error::MalformedPublicKey);
    }
    let key = match algorithm {
        Algorithm::Es256 => read_p256(&mut reader)?,
        Algorithm::EdDsa => read_ed25519(&mut reader)?,
        Algorithm::Rs256 => read_rsa(&mut reader)?,
    };
    reader.end()?;
    Ok(PublicKey { algorithm, key })
}

fn read_p256(reader: &mut Reader<'_>) -> Result<ParsedPublicKey, Error> {
    expect_curve(reader, 1)?;
    let x = labelled_chunk(reader, -2)?;
    let y = labelled_chunk(reader, -3)?;
    // The library refuses what is no point of the curve (SEC 1 v2 §3.2.2.1). The point at infinity has no x and y.
    let point = [&[4][..], x, y].concat();
    ParsedPublicKey::new(&ECDSA_P256_SHA256_ASN1, point).map_err(|_| Error::MalformedPublicKey)
}

fn read_ed25519(reader: &mut Reader<'_>) -> Result<ParsedPublicKey, Error> {
    expect_curve(reader, 6)?;
    let x = labelled_chunk(reader, -2)?;
    if !is_sound_ed25519(x) {
        return Err(Error::MalformedPublicKey);
    }
    ParsedPublicKey::new(&ED25519, x).map_err(|_| Error::MalformedPublicKey)
}

/// Whether the bytes are the one spelling of a point in the prime-order group (RFC 8032 §5.1.3, §8.4). For a point of small
/// order anybody can make signatures without a private key, and the library accepts such points. `stile-keys` asks the same
/// of JWKs; `vectors/keys` holds both to one answer.
fn is_sound_ed25519(bytes: &[u8]) -> bool {
    let point = CompressedEdwardsY::from_slice(bytes).ok().and_then(|key| key.decompress());
    point.is_some_and(|point| {
        point.is_torsion_free() && !point.is_small_order() && point.compress().0 == bytes
    })
}

fn read_rsa(reader: &mut Reader<'_>) -> Result<ParsedPublicKey, Error> {
    let n = labelled_bytes(reader, -1)?;
    let e = labelled_bytes(reader, -2)?;
    let bits = n.first().map_or(0, |first| n.len() * 8 - first.leading_zeros() as usize);
    // A leading zero would be a second spelling of the same key.
    let sound_n = n.first() != Some(&0) && (2048..=8192).contains(&bits) && is_odd(n);
    // FIPS 186-5 §A.1.1: an odd exponent above 2^16. The library takes 4 bytes at most.
    let sound_e = e.first() != Some(&0) && (3..=4).contains(&e.len()) && is_odd(e);
    if !sound_n || !sound_e {
        return Err(Error::MalformedPublicKey);
    }
    RsaPublicKeyComponents { n, e }
        .to_parsed_public_key(&RSA_PKCS1_2048_8192_SHA256)
        .map_err(|_| Error::MalformedPublicKey)
}

fn is_odd(big_endian: &[u8]) -> bool {
    big_endian.last().is_some_and(|last| last & 1 == 1)
}

fn expect_curve(reader: &mut Reader<'_>, curve: i64) -> Result<(), Error> {
    if labelled_int(reader, -1)? == curve { Ok(()) } else { Err(Error::MalformedPublicKey) }
}

fn labelled_chunk<'a>(reader: &mut Reader<'a>, label: i64) -> Result<&'a [u8], Error> {
    let bytes = labelled_bytes(reader, label)?;
    if bytes.len() == 32 { Ok(bytes) } else { Err(Error::MalformedPublicKey) }
}

fn labelled_bytes<'a>(reader: &mut Reader<'a>, label: i64) -> Result<&'a [u8], Error> {
    expect_label(reader, label)?;
    reader.bytes().map_err(|_| Error::MalformedPublicKey)
}

fn labelled_int(reader: &mut Reader<'_>, label: i64) -> Result<i64, Error> {
    expect_label(reader, label)?;
    reader.int().map_err(|_| Error::MalformedPublicKey)
}

fn expect_label(reader: &mut Reader<'_>, label: i64) -> Result<(), Error> {
    if reader.int().map_err(|_| Error::MalformedPublicKey)? == label {
        Ok(())
    } else {
        Err(Error::MalformedPublicKey)
    }
}

#[cfg(test)]
mod vector_tests;
#[cfg(test)]
mod wycheproof_tests;
