//! One spelling for codes that people type, so that no code has two (CVE-2025-6014, CVE-2025-6015).

use unicode_normalization::UnicodeNormalization;
use unicode_properties::{GeneralCategory, UnicodeGeneralCategory};

/// No spaces, hyphens or invisible characters, the digits of every script as ASCII digits, upper case, and the letters that
/// Crockford's alphabet leaves out read as the digits that they look like. At most 64 characters are looked at.
pub fn normalise(text: &str) -> String {
    text.nfkc()
        .filter(|c| !separates(*c))
        .take(64)
        .map(|c| match c {
            'o' | 'O' => '0',
            'i' | 'I' | 'l' | 'L' => '1',
            c => decimal(c).unwrap_or_else(|| c.to_ascii_uppercase()),
        })
        .collect()
}

/// What people and keyboards put between digits: white space, dashes, and marks of direction that come with pasted text.
fn separates(c: char) -> bool {
    let category = c.general_category();
    c.is_whitespace()
        || c == '\u{2212}'
        || matches!(category, GeneralCategory::DashPunctuation | GeneralCategory::Format)
}

/// The ASCII digit of a decimal digit of any script. Unicode keeps the ten digits of each set together and in order (Unicode
/// §4.6), so the digits before one say which it is.
fn decimal(c: char) -> Option<char> {
    let is_digit = |code: u32| {
        char::from_u32(code).is_some_and(|c| c.general_category() == GeneralCategory::DecimalNumber)
    };
    let before = (0..=u32::from(c)).rev().take_while(|code| is_digit(*code)).count().checked_sub(1)?;
    char::from_digit(u32::try_from(before % 10).ok()?, 10)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Reports andOTP#359 and react-otp-input#440: keyboards of other scripts.
    #[test]
    fn digits_of_every_script_are_their_values() {
        for zero in [
            '0',
            '٠',
            '۰',
            '߀',
            '०',
            '০',
            '੦',
            '૦',
            '୦',
            '௦',
            '౦',
            '೦',
            '൦',
            '๐',
            '໐',
            '༠',
            '၀',
            '០',
            '᠐',
            '０',
            '\u{104a0}',
            '\u{1d7ce}',
            '\u{1d7f6}',
            '\u{1e950}',
        ] {
            let digits: String =
                (0..10).map(|value| char::from_u32(u32::from(zero) + value).unwrap()).collect();
            assert_eq!(normalise(&digits), "0123456789", "{digits}");
        }
    }

    /// What `decimal` builds on: decimal digits come in whole sets of ten.
    #[test]
    fn decimal_digits_come_in_tens() {
        let mut run = 0;
        let mut sets = 0;
        for c in (0..=0x11_0000).map(char::from_u32) {
            if c.is_some_and(|c| c.general_category() == GeneralCategory::DecimalNumber) {
                run += 1;
                continue;
            }
            assert_eq!(run % 10, 0, "before {c:?}");
            sets += run / 10;
            run = 0;
        }
        assert!(sets > 60, "{sets}");
    }

    #[test]
    fn what_stands_between_does_not_count() {
        for text in [
            "123 456",
            "123-456",
            "123\u{2011}456",
            "123–456",
            "123−456",
            "\u{200f}۱۲۳\u{a0}۴۵۶\u{200e}",
            "\u{feff}123\u{200b}456\u{ad}",
            "\u{2067}١٢٣٤٥٦\u{2069}",
            "１２３　４５６",
        ] {
            assert_eq!(normalise(text), "123456", "{text:?}");
        }
        assert_eq!(normalise("ａｂ-ｏｉｌ"), "AB011");
    }

    #[test]
    fn what_only_looks_like_a_digit_is_none() {
        for text in ["½", "Ⅳ", "一二三", "+123", "1.0", "1,0", "(1)", "1\u{0}"] {
            let plain = normalise(text);
            assert!(!plain.chars().all(|c| c.is_ascii_digit()) || plain.is_empty(), "{text:?} {plain:?}");
        }
        assert_eq!(normalise(&"9".repeat(100)).len(), 64);
    }
}
