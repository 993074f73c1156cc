//! A CBOR reader for the little that WebAuthn needs.
//!
//! What is read (attestation object, COSE key) is in CTAP2 canonical form (CTAP 2.1 §8): definite lengths, shortest heads.
//! The parsers there expect the members in canonical order; W3C's vectors and Chromium keep it. What is stepped over
//! (attestation statements, extension outputs) may be any well-formed CBOR (RFC 8949 §5.3.1), since nothing is concluded
//! from it and not every authenticator is canonical there.
//!
//! Nothing is allocated by a stated length: strings are borrowed, and arrays end with the input.

use crate::Error;

/// Levels of arrays, maps and tags that are stepped over.
const MAX_DEPTH: u8 = 16;
const INDEFINITE: u8 = 31;
const BREAK: u8 = 0xff;

/// A cursor over CBOR items.
pub(crate) struct Reader<'a> {
    rest: &'a [u8],
}

/// What an item begins with (RFC 8949 §3): major type, additional information, argument.
struct Head {
    major: u8,
    info: u8,
    value: u64,
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
        let (major, value) = self.canonical()?;
        let value = i64::try_from(value).map_err(|_| Error::MalformedCbor)?;
        match major {
            0 => Ok(value),
            1 => Ok(-1 - value),
            _ => Err(Error::MalformedCbor),
        }
    }

    /// Steps over one well-formed item of any kind and gives its bytes.
    pub(crate) fn item(&mut self) -> Result<&'a [u8], Error> {
        let start = self.rest;
        self.skip(MAX_DEPTH)?;
        let length = start.len().saturating_sub(self.rest.len());
        start.get(..length).ok_or(Error::MalformedCbor)
    }

    fn skip(&mut self, depth: u8) -> Result<(), Error> {
        let inner = || depth.checked_sub(1).ok_or(Error::MalformedCbor);
        let Head { major, info, value } = self.head()?;
        match (major, info) {
            (2 | 3, INDEFINITE) => self.skip_chunks(major),
            (4, INDEFINITE) => self.skip_to_break(1, inner()?),
            (5, INDEFINITE) => self.skip_to_break(2, inner()?),
            (_, INDEFINITE) => Err(Error::MalformedCbor),
            (2 | 3, _) => self.take(value).map(drop),
            (4, _) => self.skip_items(value, inner()?),
            (5, _) => self.skip_items(value.checked_mul(2).ok_or(Error::MalformedCbor)?, inner()?),
            // A tag and what it tags.
            (6, _) => self.skip(inner()?),
            // §3.3: a simple value below 32 has a head of one byte.
            (7, 24) if value < 32 => Err(Error::MalformedCbor),
            _ => Ok(()),
        }
    }

    fn skip_items(&mut self, count: u64, depth: u8) -> Result<(), Error> {
        (0..count).try_for_each(|_| self.skip(depth))
    }

    /// Items in groups, up to a break where a group would begin.
    fn skip_to_break(&mut self, group: u64, depth: u8) -> Result<(), Error> {
        while !self.take_break() {
            self.skip_items(group, depth)?;
        }
        Ok(())
    }

    /// Strings of the same type and of definite length, up to a break.
    fn skip_chunks(&mut self, of: u8) -> Result<(), Error> {
        while !self.take_break() {
            let Head { major, info, value } = self.head()?;
            if major != of || info == INDEFINITE {
                return Err(Error::MalformedCbor);
            }
            self.take(value)?;
        }
        Ok(())
    }

    fn take_break(&mut self) -> bool {
        let Some((&BREAK, rest)) = self.rest.split_first() else { return false };
        self.rest = rest;
        true
    }

    fn expect(&mut self, expected: u8) -> Result<u64, Error> {
        let (major, value) = self.canonical()?;
        if major == expected { Ok(value) } else { Err(Error::MalformedCbor) }
    }

    /// Major type and argument of the next item; refuses an argument that a shorter head could hold.
    fn canonical(&mut self) -> Result<(u8, u64), Error> {
        let Head { major, info, value } = self.head()?;
        let least = match info {
            0..=23 => 0,
            24 => 24,
            25 => 1 << 8,
            26 => 1 << 16,
            27 => 1 << 32,
            _ => return Err(Error::MalformedCbor),
        };
        if value < least { Err(Error::MalformedCbor) } else { Ok((major, value)) }
    }

    fn head(&mut self) -> Result<Head, Error> {
        let first = self.take_byte()?;
        let info = first & 0x1f;
        let value = match info {
            0..=23 => u64::from(info),
            24 => u64::from(self.take_byte()?),
            25 => u64::from(u16::from_be_bytes(self.take_chunk()?)),
            26 => u64::from(u32::from_be_bytes(self.take_chunk()?)),
            27 => u64::from_be_bytes(self.take_chunk()?),
            INDEFINITE => 0,
            _ => return Err(Error::MalformedCbor),
        };
        Ok(Head { major: first >> 5, info, value })
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
    fn what_is_read_has_the_shortest_head() {
        for bytes in [
            &[0x18, 23][..],
            &[0x19, 0, 255],
            &[0x1a, 0, 0, 255, 255],
            &[0x1b, 0, 0, 0, 0, 255, 255, 255, 255],
            &[0x58, 1, 7],
            &[0x78, 1, 97],
            &[0xb8, 0],
            &[0x5f, 0x41, 0, 0xff],
            &[0x7f, 0xff],
            &[0xbf, 0xff],
            &[0xc2, 0x41, 1],
        ] {
            let read = || Reader::new(bytes);
            assert_eq!(read().int(), Err(BAD), "{bytes:x?}");
            assert_eq!(read().bytes(), Err(BAD), "{bytes:x?}");
            assert_eq!(read().text(), Err(BAD), "{bytes:x?}");
            assert_eq!(read().map(), Err(BAD), "{bytes:x?}");
            assert_eq!(whole(bytes), Ok(bytes.len()), "{bytes:x?}");
        }
        assert_eq!(Reader::new(&[0x61, 0xff]).text(), Err(BAD));
    }

    /// Examples of RFC 8949 appendix A, and what appendix F calls not well-formed.
    #[test]
    fn whatever_is_well_formed_is_stepped_over() {
        for bytes in [
            &[0xf9, 0x00, 0x00][..],
            &[0xf9, 0x3c, 0x00],
            &[0xfa, 0x47, 0xc3, 0x50, 0x00],
            &[0xfb, 0x3f, 0xf1, 0x99, 0x99, 0x99, 0x99, 0x99, 0x9a],
            &[0xf4],
            &[0xf6],
            &[0xf7],
            &[0xf0],
            &[0xe0],
            &[0xf8, 0x20],
            &[0xf8, 0xff],
            &[0xc1, 0x1a, 0x51, 0x4b, 0x67, 0xb0],
            &[0xd8, 0x20, 0x61, 97],
            &[0x5f, 0x42, 1, 2, 0x43, 3, 4, 5, 0xff],
            &[0x7f, 0x61, 97, 0x60, 0xff],
            &[0x5f, 0xff],
            &[0x9f, 0xff],
            &[0x9f, 1, 0x82, 2, 3, 0x9f, 4, 5, 0xff, 0xff],
            &[0xbf, 0x61, 97, 1, 0x61, 98, 0x9f, 2, 3, 0xff, 0xff],
            &[0xbf, 0xff],
            // A key twice, and keys out of order.
            &[0xa2, 0x01, 0xf4, 0x01, 0xf4],
            &[0xa2, 0x01, 0xf4, 0x00, 0xf6],
        ] {
            assert_eq!(whole(bytes), Ok(bytes.len()), "{bytes:x?}");
        }
        for bytes in [
            &[][..],
            &[0x1c],
            &[0x1d],
            &[0x1e],
            &[0x1f],
            &[0x3f],
            &[0xdf, 0x00],
            &[0xff],
            &[0x81, 0xff],
            &[0xa1, 0xff],
            &[0xa1, 0x00, 0xff],
            &[0xbf, 0x00, 0xff],
            &[0x9f, 0x01],
            &[0xbf, 0x01],
            &[0xc0],
            &[0xc0, 0xff],
            &[0xf8, 0x00],
            &[0xf8, 0x18],
            &[0xf8, 0x1f],
            &[0xfc],
            &[0xfe],
            // Chunks of the other type, chunks that are indefinite themselves, and no end.
            &[0x5f, 0x61, 97, 0xff],
            &[0x7f, 0x41, 1, 0xff],
            &[0x5f, 0x00, 0xff],
            &[0x5f, 0x5f, 0x41, 1, 0xff, 0xff],
            &[0x5f, 0x41, 1],
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
    fn sixteen_levels_and_no_more() {
        for head in [&[0x81][..], &[0x9f], &[0xa1, 0], &[0xbf, 0], &[0xc1]] {
            let nested = |levels: usize| {
                let open = head.repeat(levels);
                let indefinite = head.first().is_some_and(|first| first & 0x1f == INDEFINITE);
                [&open[..], &[0], &vec![BREAK; if indefinite { levels } else { 0 }]].concat()
            };
            assert_eq!(whole(&nested(16)), Ok(nested(16).len()), "{head:x?}");
            assert_eq!(whole(&nested(17)), Err(BAD), "{head:x?}");
            assert_eq!(whole(&head.repeat(60_000)), Err(BAD), "{head:x?}");
        }
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
