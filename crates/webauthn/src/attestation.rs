//! Attestation objects (§6.5.4). We ask for `none`, so only that and `packed` self attestation are known: neither
//! says anything about the make of the authenticator.

use crate::Error;
use crate::cbor::Reader;
use crate::cose::PublicKey;

const MAX_LENGTH: usize = 64 * 1024;

/// What came with the new credential.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Attestation {
    /// Nothing.
    None,
    /// A signature by the credential key itself (§8.2): proves possession of the key, not its origin.
    PackedSelf,
}

pub(crate) struct AttestationObject<'a> {
    format: &'a str,
    statement: &'a [u8],
    pub(crate) authenticator_data: &'a [u8],
}

/// WebAuthn L3 §7.1 step 13
pub(crate) fn parse(bytes: &[u8]) -> Result<AttestationObject<'_>, Error> {
    if bytes.len() > MAX_LENGTH {
        return Err(Error::TooLarge);
    }
    let mut reader = Reader::new(bytes);
    if reader.map()? != 3 {
        return Err(Error::MalformedAttestationObject);
    }
    expect_name(&mut reader, "fmt")?;
    let format = reader.text()?;
    expect_name(&mut reader, "attStmt")?;
    let statement = reader.item()?;
    expect_name(&mut reader, "authData")?;
    let authenticator_data = reader.bytes()?;
    reader.end()?;
    Ok(AttestationObject { format, statement, authenticator_data })
}

/// WebAuthn L3 §7.1 steps 21-22; `signed` is authenticator data and client data hash.
pub(crate) fn verify(
    object: &AttestationObject<'_>,
    key: &PublicKey,
    signed: &[u8],
) -> Result<Attestation, Error> {
    let mut reader = Reader::new(object.statement);
    let members = reader.map().map_err(|_| Error::MalformedAttestationObject)?;
    match (object.format, members) {
        // §8.7
        ("none", 0) => Ok(Attestation::None),
        ("none", _) => Err(Error::AttestationInvalid),
        // §8.2, without x5c
        ("packed", 2) => verify_packed_self(&mut reader, key, signed),
        // §8.2, with x5c: would need trust anchors
        ("packed", 3) => Err(Error::UnsupportedAttestation),
        ("packed", _) => Err(Error::AttestationInvalid),
        _ => Err(Error::UnsupportedAttestation),
    }
}

fn verify_packed_self(reader: &mut Reader<'_>, key: &PublicKey, signed: &[u8]) -> Result<Attestation, Error> {
    expect_name(reader, "alg").map_err(|_| Error::AttestationInvalid)?;
    let alg = reader.int().map_err(|_| Error::AttestationInvalid)?;
    expect_name(reader, "sig").map_err(|_| Error::AttestationInvalid)?;
    let signature = reader.bytes().map_err(|_| Error::AttestationInvalid)?;
    if alg != i64::from(key.algorithm.id()) || !key.verifies(signed, signature) {
        return Err(Error::AttestationInvalid);
    }
    Ok(Attestation::PackedSelf)
}

fn expect_name(reader: &mut Reader<'_>, name: &str) -> Result<(), Error> {
    if reader.text()? == name { Ok(()) } else { Err(Error::MalformedAttestationObject) }
}
