//! A CBOR reader for the little that WebAuthn needs, in CTAP2 canonical form (CTAP 2.1 §8):
//! definite lengths, shortest heads, no tags, no floats, at most four levels, no repeated map key.
//!
//! Key order is enforced where the content is read (attestation object, attestation statement, COSE key: their
//! parsers expect the members in canonical order; W3C's vectors and Chromium keep it). In values that are only
//! skipped (extension outputs) keys may come in any order, but not twice.
//!
//! Nothing is allocated by a stated length: strings are borrowed, and arrays end with the input.

use std::collections::BTreeSet;

use crate::Error;

const MAX_DEPTH: u8 = 4;

/// A cursor over CBOR items.
pub(crate) struct Reader<'a> {
    rest: &'a [u8],
}

impl<'a> Reader<'a> {
    pub(crate) fn new(bytes: &'a [u8]) -> Self {
        Reader { rest: bytes }
    }

    /// What is not read yet.
    pub(crate) fn rest(&self) -> &'a [u8] {
        self.rest
    }

    /// Refuses trailing bytes.
    pub(crate) fn end(&self) -> Result<(), Error> {
        if self.rest.is_empty() { Ok(()) } else { Err(Error::MalformedCbor) }
    }

    /// The number of pairs of a map.
    pub(crate) fn map(&mut self) -> Result<u64, Error> {
        self.expect(5)
    }

    pub(crate) fn bytes(&mut self) -> Result<&'a [u8], Error> {
        let length = self.expect(2)?;
        self.take(length)
    }

    pub(crate) fn text(&mut self) -> Result<&'a str, Error> {
        let length = self.expect(3)?;
        std::str::from_utf8(self.take(length)?).map_err(|_| Error::MalformedCbor)
    }

    pub(crate) fn int(&mut self) -> Result<i64, Error> {
        let (major, value) = self.head()?;
        let value = i64::try_from(value).map_err(|_| Error::MalformedCbor)?;
        match major {
            0 => Ok(value),
            1 => Ok(-1 - value),
            _ => Err(Error::MalformedCbor),
        }
    }

    /// Steps over one well-formed item of any kind and gives its bytes.
    pub(crate) fn item(&mut self) -> Result<&'a [u8], Error> {
        self.item_within(MAX_DEPTH)
    }

    fn item_within(&mut self, depth: u8) -> Result<&'a [u8], Error> {
        let start = self.rest;
        self.skip(depth)?;
        let length = start.len().saturating_sub(self.rest.len());
        start.get(..length).ok_or(Error::MalformedCbor)
    }

    fn skip(&mut self, depth: u8) -> Result<(), Error> {
        let (major, value) = self.head()?;
        match major {
            0 | 1 => Ok(()),
            2 => self.take(value).map(drop),
            3 => std::str::from_utf8(self.take(value)?).map(drop).map_err(|_| Error::MalformedCbor),
            4 => {
                let inner = depth.checked_sub(1).ok_or(Error::MalformedCbor)?;
                (0..value).try_for_each(|_| self.skip(inner))
            }
            5 => self.skip_map(value, depth),
            // false, true, null
            7 if (20..=22).contains(&value) => Ok(()),
            _ => Err(Error::MalformedCbor),
        }
    }

    fn skip_map(&mut self, pairs: u64, depth: u8) -> Result<(), Error> {
        let inner = depth.checked_sub(1).ok_or(Error::MalformedCbor)?;
        let mut seen = BTreeSet::new();
        for _ in 0..pairs {
            if !seen.insert(self.item_within(inner)?) {
                return Err(Error::MalformedCbor);
            }
            self.skip(inner)?;
        }
        Ok(())
    }

    fn expect(&mut self, expected: u8) -> Result<u64, Error> {
        let (major, value) = self.head()?;
        if major == expected { Ok(value) } else { Err(Error::MalformedCbor) }
    }

    /// Major type and argument of the next item; refuses an argument that a shorter head could hold.
    fn head(&mut self) -> Result<(u8, u64), Error> {
        let first = self.take_byte()?;
        let (value, least) = match first & 0x1f {
            short @ 0..=23 => (u64::from(short), 0),
            24 => (u64::from(self.take_byte()?), 24),
            25 => (u64::from(u16::from_be_bytes(self.take_chunk()?)), 1 << 8),
            26 => (u64::from(u32::from_be_bytes(self.take_chunk()?)), 1 << 16),
            27 => (u64::from_be_bytes(self.take_chunk()?), 1 << 32),
            // reserved, and indefinite lengths
            _ => return Err(Error::MalformedCbor),
        };
        if value < least { Err(Error::MalformedCbor) } else { Ok((first >> 5, value)) }
    }

    fn take(&mut self, length: u64) -> Result<&'a [u8], Error> {
        let length = usize::try_from(length).map_err(|_| Error::MalformedCbor)?;
        let (taken, rest) = self.rest.split_at_checked(length).ok_or(Error::MalformedCbor)?;
        self.rest = rest;
        Ok(taken)
    }

    fn take_byte(&mut self) -> Result<u8, Error> {
        let [byte] = self.take_chunk()?;
        Ok(byte)
    }

    fn take_chunk<const N: usize>(&mut self) -> Result<[u8; N], Error> {
        let (taken, rest) = self.rest.split_first_chunk::<N>().ok_or(Error::MalformedCbor)?;
        self.rest = rest;
        Ok(*taken)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const BAD: Error = Error::MalformedCbor;

    fn whole(bytes: &[u8]) -> Result<usize, Error> {
        let mut reader = Reader::new(bytes);
        let length = reader.item()?.len();
        reader.end()?;
        Ok(length)
    }

    #[test]
    fn integers() {
        for (bytes, value) in [
            (&[0x00][..], 0),
            (&[0x17], 23),
            (&[0x18, 24], 24),
            (&[0x19, 1, 0], 256),
            (&[0x1a, 0, 1, 0, 0], 65536),
            (&[0x1b, 0, 0, 0, 1, 0, 0, 0, 0], 1 << 32),
            (&[0x20], -1),
            (&[0x26], -7),
            (&[0x39, 1, 0], -257),
            (&[0x3b, 0x7f, 255, 255, 255, 255, 255, 255, 255], i64::MIN),
        ] {
            assert_eq!(Reader::new(bytes).int(), Ok(value));
        }
        for bytes in [
            &[0x1b, 0x80, 0, 0, 0, 0, 0, 0, 0][..],
            &[0x3b, 0x80, 0, 0, 0, 0, 0, 0, 0],
            &[0x40],
            &[0xf6],
            &[],
        ] {
            assert_eq!(Reader::new(bytes).int(), Err(BAD));
        }
    }

    #[test]
    fn only_shortest_heads() {
        for bytes in [
            &[0x18, 23][..],
            &[0x19, 0, 255],
            &[0x1a, 0, 0, 255, 255],
            &[0x1b, 0, 0, 0, 0, 255, 255, 255, 255],
            &[0x58, 1, 7],
            &[0xb8, 0],
            &[0xf8, 20],
        ] {
            assert_eq!(whole(bytes), Err(BAD), "{bytes:x?}");
        }
    }

    #[test]
    fn refuses_indefinite_tags_floats_and_reserved() {
        for bytes in [
            &[0x5f, 0x41, 0, 0xff][..],
            &[0x7f, 0xff],
            &[0x9f, 0xff],
            &[0xbf, 0xff],
            &[0xff],
            &[0xc0, 0x60],
            &[0xf9, 0x3c, 0x00],
            &[0xfa, 0x47, 0xc3, 0x50, 0x00],
            &[0xfb, 0x3f, 0xf1, 0, 0, 0, 0, 0, 0],
            &[0xf7],
            &[0xe0],
            &[0x1c],
            &[0x1d],
            &[0x1e],
            &[0x1f],
            &[0x61, 0xff],
        ] {
            assert_eq!(whole(bytes), Err(BAD), "{bytes:x?}");
        }
    }

    #[test]
    fn huge_lengths_end_at_once() {
        for head in [0x5b, 0x7b, 0x9b, 0xbb] {
            for length in [u64::MAX, 1 << 62, 1 << 33] {
                let mut bytes = vec![head];
                bytes.extend(length.to_be_bytes());
                assert_eq!(whole(&bytes), Err(BAD));
                bytes.extend([0; 64]);
                assert_eq!(whole(&bytes), Err(BAD));
            }
        }
    }

    #[test]
    fn four_levels_and_no_more() {
        assert_eq!(whole(&[0x81, 0x81, 0x81, 0x80]), Ok(4));
        assert_eq!(whole(&[0x81, 0x81, 0x81, 0x81, 0x80]), Err(BAD));
        assert_eq!(whole(&[0xa1, 0, 0xa1, 0, 0xa1, 0, 0xa1, 0, 0]), Ok(9));
        assert_eq!(whole(&[0x81; 60_000]), Err(BAD));
        assert_eq!(whole(&[0xa1; 60_000]), Err(BAD));
    }

    #[test]
    fn no_repeated_keys() {
        assert_eq!(whole(&[0xa2, 0x00, 0xf4, 0x01, 0xf5]), Ok(5));
        assert_eq!(whole(&[0xa2, 0x01, 0xf4, 0x00, 0xf6]), Ok(5));
        assert_eq!(whole(&[0xa2, 0x01, 0xf4, 0x01, 0xf4]), Err(BAD));
        assert_eq!(whole(&[0x81, 0xa2, 0x61, 0x61, 0, 0x61, 0x61, 1]), Err(BAD));
    }

    #[test]
    fn trailing_and_truncated() {
        let item = [0xa2, 0x61, 0x61, 0x43, 1, 2, 3, 0x61, 0x62, 0x82, 0x18, 99, 0x62, 0xc3, 0xa4];
        assert_eq!(whole(&item), Ok(item.len()));
        assert_eq!(whole(&[&item[..], &[0]].concat()), Err(BAD));
        for length in 0..item.len() {
            assert_eq!(whole(&item[..length]), Err(BAD));
        }
    }

    proptest! {
        #[test]
        fn never_panics_and_never_reads_past(bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
            let mut reader = Reader::new(&bytes);
            if let Ok(item) = reader.item() {
                prop_assert_eq!(item.len() + reader.rest().len(), bytes.len());
                prop_assert!(!item.is_empty());
            }
        }
    }
}
