//! Attestation objects (§6.5.4). We ask for no attestation, so nothing is concluded from a statement, whatever its format:
//! some browsers send one all the same.

use crate::Error;
use crate::cbor::Reader;

const MAX_LENGTH: usize = 64 * 1024;

/// WebAuthn L3 §7.1 step 13: the authenticator data of an attestation object. Its format may be any text, its statement any
/// well-formed CBOR.
pub(crate) fn authenticator_data(object: &[u8]) -> Result<&[u8], Error> {
    if object.len() > MAX_LENGTH {
        return Err(Error::TooLarge);
    }
    let mut reader = Reader::new(object);
    if reader.map()? != 3 {
        return Err(Error::MalformedAttestationObject);
    }
    expect_name(&mut reader, "fmt")?;
    reader.text()?;
    expect_name(&mut reader, "attStmt")?;
    reader.item()?;
    expect_name(&mut reader, "authData")?;
    let data = reader.bytes()?;
    reader.end()?;
    Ok(data)
}

fn expect_name(reader: &mut Reader<'_>, name: &str) -> Result<(), Error> {
    if reader.text()? == name { Ok(()) } else { Err(Error::MalformedAttestationObject) }
}
