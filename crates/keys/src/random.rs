//! The operating system's random generator, and texts drawn from it.
//!
//! The only module of the crate that is not a function of its arguments.

use zeroize::Zeroizing;

/// Crockford's base32: no I, L, O (read as digits) and no U.
const CROCKFORD: &[u8] = b"0123456789ABCDEFGHJKMNPQRSTVWXYZ";
const DIGITS: &[u8] = b"0123456789";
const ALPHANUMERIC: &[u8] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";

/// `N` random bytes.
///
/// Ends the process when the generator fails.
pub fn bytes<const N: usize>() -> [u8; N] {
    let mut out = [0; N];
    if aws_lc_rs::rand::fill(&mut out).is_err() {
        // Nothing secret can be made any more, and zeros in the place of a key must never reach a
        // caller. A panic could be caught by the server's handler and the request be tried again.
        std::process::abort();
    }
    out
}

/// A number in `0..below`, each equally likely. `0` when `below` is 0.
pub fn uniform(below: u32) -> u32 {
    if below == 0 {
        return 0;
    }
    // Lemire, "Fast Random Integer Generation in an Interval" (2019): 2^32 mod below of the products
    // are surplus, and drawing again when one of them comes up removes the bias.
    let surplus = below.wrapping_neg() % below;
    loop {
        let product = u64::from(u32::from_le_bytes(bytes())) * u64::from(below);
        if product as u32 >= surplus {
            return (product >> 32) as u32;
        }
    }
}

/// A code of `n` decimal digits, leading zeros included.
pub fn digits(n: usize) -> String {
    draw(DIGITS, n)
}

/// A text of `n` symbols of Crockford's base32 in upper case: 5 random bits each.
pub fn crockford(n: usize) -> String {
    draw(CROCKFORD, n)
}

/// A secret of `n` ASCII letters and digits: 5.95 random bits each.
pub fn alphanumeric(n: usize) -> Zeroizing<String> {
    Zeroizing::new(draw(ALPHANUMERIC, n))
}

fn draw(alphabet: &[u8], n: usize) -> String {
    // The capacity is exact: a growing string would leave pieces of the secret in freed memory.
    let mut out = String::with_capacity(n);
    let len = alphabet.len() as u32;
    while out.len() < n {
        let index = uniform(len) as usize;
        if let Some(symbol) = alphabet.get(index) {
            out.push(char::from(*symbol));
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_differ() {
        assert_ne!(bytes::<32>(), bytes::<32>());
        assert_ne!(bytes::<32>(), [0; 32]);
    }

    #[test]
    fn uniform_stays_below() {
        assert_eq!(uniform(0), 0);
        assert_eq!(uniform(1), 0);
        for below in [2, 3, 10, 62, 1 << 31, (1 << 31) + 1, u32::MAX] {
            for _ in 0..200 {
                assert!(uniform(below) < below);
            }
        }
    }

    /// With 3 * 2^30 values a plain remainder hits the first third twice as often as the others, and a
    /// plain multiplication every third value.
    #[test]
    fn uniform_has_no_modulo_bias() {
        let drawn: Vec<u32> = (0..30_000).map(|_| uniform(3 << 30)).collect();
        let first_third = drawn.iter().filter(|value| **value < 1 << 30).count();
        let every_third = drawn.iter().filter(|value| **value % 3 == 0).count();
        // The standard deviation is 82.
        for count in [first_third, every_third] {
            assert!((9_300..10_700).contains(&count), "{count} of 30000");
        }
    }

    #[test]
    fn texts_have_their_length_and_alphabet() {
        for n in [0, 1, 6, 56] {
            assert_eq!(digits(n).len(), n);
            assert!(digits(n).bytes().all(|b| b.is_ascii_digit()));
            assert_eq!(alphanumeric(n).len(), n);
            assert!(alphanumeric(n).bytes().all(|b| b.is_ascii_alphanumeric()));
            assert_eq!(crockford(n).len(), n);
        }
        let long = crockford(4_000);
        assert!(long.bytes().all(|b| CROCKFORD.contains(&b)));
        assert!(CROCKFORD.iter().all(|b| long.bytes().any(|c| c == *b)));
        assert!(!long.contains(['I', 'L', 'O', 'U']));
    }
}
