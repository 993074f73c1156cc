//! Keyed hashes: HMAC-SHA-256 over a list of parts.

use aws_lc_rs::{constant_time, hmac};

/// A key for keyed hashes, one per purpose. Made by [`crate::Keyring`].
pub struct MacKey(hmac::Key);

impl MacKey {
    /// A key of 32 random or derived bytes.
    pub fn new(key: &[u8; 32]) -> Self {
        Self(hmac::Key::new(hmac::HMAC_SHA256, key))
    }

    /// The tag of a list of parts: HMAC-SHA-256 (RFC 2104), 32 bytes.
    ///
    /// Each part is preceded by its length (8 bytes, big-endian), so that no two lists run together:
    /// the tags of ("ab", "c"), ("a", "bc") and ("abc") differ.
    pub fn tag(&self, parts: &[&[u8]]) -> [u8; 32] {
        let mut context = hmac::Context::with_key(&self.0);
        for part in parts {
            context.update(&(part.len() as u64).to_be_bytes());
            context.update(part);
        }
        let mut out = [0; 32];
        for (to, from) in out.iter_mut().zip(context.sign().as_ref()) {
            *to = *from;
        }
        out
    }

    /// Whether `tag` is the full tag of `parts`. Constant time; any other length than 32 is false.
    #[must_use]
    pub fn verify(&self, parts: &[&[u8]], tag: &[u8]) -> bool {
        constant_time::verify_slices_are_equal(&self.tag(parts), tag).is_ok()
    }

    /// The first 16 bytes of [`MacKey::tag`] (RFC 2104 §5), where room is short.
    pub fn tag16(&self, parts: &[&[u8]]) -> [u8; 16] {
        let mut out = [0; 16];
        for (to, from) in out.iter_mut().zip(self.tag(parts)) {
            *to = from;
        }
        out
    }

    /// Whether `tag` is the tag of `parts` cut to 16 bytes. Constant time; any other length is false.
    #[must_use]
    pub fn verify16(&self, parts: &[&[u8]], tag: &[u8]) -> bool {
        constant_time::verify_slices_are_equal(&self.tag16(parts), tag).is_ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key() -> MacKey {
        MacKey::new(&[7; 32])
    }

    #[test]
    fn the_tag_is_hmac_over_length_and_part() {
        let mut data = Vec::new();
        data.extend_from_slice(&2_u64.to_be_bytes());
        data.extend_from_slice(b"ab");
        let expected = hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, &[7; 32]), &data);
        assert_eq!(key().tag(&[b"ab"]), expected.as_ref());
    }

    #[test]
    fn lists_do_not_run_together() {
        let lists: [&[&[u8]]; 8] = [
            &[],
            &[b""],
            &[b"", b""],
            &[b"abc"],
            &[b"ab", b"c"],
            &[b"a", b"bc"],
            &[b"abc", b""],
            &[b"", b"abc"],
        ];
        for (i, a) in lists.iter().enumerate() {
            for (j, b) in lists.iter().enumerate() {
                assert_eq!(key().verify(a, &key().tag(b)), i == j);
            }
        }
    }

    #[test]
    fn verify_wants_the_whole_tag() {
        let tag = key().tag(&[b"x"]);
        assert!(key().verify(&[b"x"], &tag));
        for cut in 0..32 {
            assert!(!key().verify(&[b"x"], &tag[..cut]));
        }
        assert!(!key().verify(&[b"x"], &[&tag[..], &[0]].concat()));
        assert!(!MacKey::new(&[8; 32]).verify(&[b"x"], &tag));
    }

    #[test]
    fn verify16_wants_sixteen_bytes() {
        let tag = key().tag(&[b"x"]);
        assert_eq!(key().tag16(&[b"x"]), tag[..16]);
        for len in 0..=32 {
            assert_eq!(key().verify16(&[b"x"], &tag[..len]), len == 16);
        }
    }

    #[test]
    fn every_flipped_bit_is_seen() {
        let good = key().tag(&[b"x"]);
        for bit in 0..256 {
            let mut tag = good;
            tag[bit / 8] ^= 1 << (bit % 8);
            assert!(!key().verify(&[b"x"], &tag));
        }
    }
}
