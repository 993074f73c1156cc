//! Authenticator data (§6.1): fixed head, then what the flags announce, and nothing after it.

use crate::Error;
use crate::cbor::Reader;

const MAX_LENGTH: usize = 8 * 1024;
/// WebAuthn L3 §7.1 step 25
const MAX_CREDENTIAL_ID_LENGTH: usize = 1023;

/// The flags byte. Reserved bits are ignored, as §6.1 wants it.
#[derive(Clone, Copy)]
pub(crate) struct Flags(u8);

impl Flags {
    pub(crate) fn user_present(self) -> bool {
        self.0 & 0x01 != 0
    }
    pub(crate) fn user_verified(self) -> bool {
        self.0 & 0x04 != 0
    }
    pub(crate) fn backup_eligible(self) -> bool {
        self.0 & 0x08 != 0
    }
    pub(crate) fn backed_up(self) -> bool {
        self.0 & 0x10 != 0
    }
    fn attested_credential(self) -> bool {
        self.0 & 0x40 != 0
    }
    fn extensions(self) -> bool {
        self.0 & 0x80 != 0
    }
}

pub(crate) struct AuthenticatorData<'a> {
    pub(crate) rp_id_hash: &'a [u8],
    pub(crate) flags: Flags,
    pub(crate) sign_count: u32,
    pub(crate) credential: Option<AttestedCredential<'a>>,
}

/// Attested credential data (§6.5.1). The key is well-formed CBOR, no more is known of it.
pub(crate) struct AttestedCredential<'a> {
    pub(crate) aaguid: [u8; 16],
    pub(crate) id: &'a [u8],
    pub(crate) public_key: &'a [u8],
}

pub(crate) fn parse(bytes: &[u8]) -> Result<AuthenticatorData<'_>, Error> {
    if bytes.len() > MAX_LENGTH {
        return Err(Error::TooLarge);
    }
    let (rp_id_hash, rest) = split::<32>(bytes)?;
    let ([flags], rest) = split::<1>(rest)?;
    let (sign_count, mut rest) = split::<4>(rest)?;
    let flags = Flags(*flags);
    let mut credential = None;
    if flags.attested_credential() {
        let (parsed, after) = parse_credential(rest)?;
        credential = Some(parsed);
        rest = after;
    }
    if flags.extensions() {
        rest = skip_extensions(rest)?;
    }
    if !rest.is_empty() {
        return Err(Error::MalformedAuthenticatorData);
    }
    Ok(AuthenticatorData { rp_id_hash, flags, sign_count: u32::from_be_bytes(*sign_count), credential })
}

fn parse_credential(bytes: &[u8]) -> Result<(AttestedCredential<'_>, &[u8]), Error> {
    let (aaguid, rest) = split::<16>(bytes)?;
    let (length, rest) = split::<2>(rest)?;
    let length = usize::from(u16::from_be_bytes(*length));
    if length == 0 || length > MAX_CREDENTIAL_ID_LENGTH {
        return Err(Error::MalformedAuthenticatorData);
    }
    let (id, rest) = rest.split_at_checked(length).ok_or(Error::MalformedAuthenticatorData)?;
    let mut reader = Reader::new(rest);
    let public_key = reader.item()?;
    Ok((AttestedCredential { aaguid: *aaguid, id, public_key }, reader.rest()))
}

/// Extension outputs are not interpreted, but they must be a map.
fn skip_extensions(bytes: &[u8]) -> Result<&[u8], Error> {
    if bytes.first().is_none_or(|first| first >> 5 != 5) {
        return Err(Error::MalformedAuthenticatorData);
    }
    let mut reader = Reader::new(bytes);
    reader.item()?;
    Ok(reader.rest())
}

fn split<const N: usize>(bytes: &[u8]) -> Result<(&[u8; N], &[u8]), Error> {
    bytes.split_first_chunk::<N>().ok_or(Error::MalformedAuthenticatorData)
}
