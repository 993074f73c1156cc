//! Usernames in the one spelling that Stile compares, stores and shows.

use std::fmt;

use unicode_normalization::UnicodeNormalization;
use unicode_normalization::char::is_combining_mark;

/// A normalised username: NFKC and lower case, of letters, digits, marks and visible ASCII.
///
/// Close to the profile UsernameCaseMapped (RFC 8265 §3.3), and a little stricter: joiners are refused wherever they stand.
/// That two letters of different scripts can look alike is left as it is.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct Username(String);

/// The text is not a username that Stile accepts.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
#[error("not a username")]
pub struct NotAUsername;

/// Characters, at most.
const MAX: usize = 64;

impl Username {
    /// Parses and normalises. Space around it does not count.
    pub fn parse(text: &str) -> Result<Self, NotAUsername> {
        // A bound before normalising: NFKC can lengthen a text eighteen-fold.
        if text.len() > MAX * 16 {
            return Err(NotAUsername);
        }
        let name = fold(text.trim());
        let fits = (1..=MAX).contains(&name.chars().count()) && name.chars().all(is_visible);
        // RFC 8264 §7: what is not stable under its own rules is no string of the profile.
        if fits && fold(&name) == name { Ok(Self(name)) } else { Err(NotAUsername) }
    }

    /// The normalised text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Username {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

fn fold(text: &str) -> String {
    text.nfkc().flat_map(char::to_lowercase).nfkc().collect()
}

/// RFC 8264 §9: letters, digits and marks (A), and printable ASCII (K), without what is ignored by default (M).
fn is_visible(c: char) -> bool {
    let ignored = matches!(
        c,
        '\u{34f}' | '\u{115f}' | '\u{1160}' | '\u{17b4}' | '\u{17b5}' | '\u{180b}'..='\u{180f}' | '\u{3164}'
            | '\u{fe00}'..='\u{fe0f}' | '\u{ffa0}' | '\u{e0100}'..='\u{e01ef}'
    );
    c.is_ascii_graphic() || (!c.is_ascii() && !ignored && (c.is_alphanumeric() || is_combining_mark(c)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spellings_of_one_name_are_one() {
        let table = [
            ("ann", &[" Ann ", "ANN", "\u{ff21}nn", "\u{1d4d0}nn"][..]),
            ("ren\u{e9}", &["rene\u{301}", "REN\u{c9}"]),
            ("fi", &["\u{fb01}"]),
            ("\u{3c3}\u{3b1}", &["\u{3a3}\u{391}"]),
            ("a.b-c_1@x", &["A.b-C_1@x"]),
        ];
        for (name, spellings) in table {
            for spelling in spellings.iter().chain([&name]) {
                assert_eq!(
                    Username::parse(spelling).as_ref().map(Username::as_str),
                    Ok(name),
                    "{spelling:?}"
                );
            }
        }
    }

    #[test]
    fn what_cannot_be_seen_is_no_name() {
        let unseen = [
            "\u{0}", "\n", " ", "\u{a0}", "\u{2003}", "\u{200b}", "\u{200d}", "\u{202e}", "\u{2066}",
            "\u{feff}",
        ];
        let marks =
            ["\u{ad}", "\u{34f}", "\u{3164}", "\u{fe0f}", "\u{e0041}", "\u{e0100}", "\u{1f600}", "\u{fffd}"];
        for hidden in unseen.into_iter().chain(marks) {
            assert_eq!(Username::parse(&format!("a{hidden}b")), Err(NotAUsername), "{hidden:?}");
        }
        for bad in ["", " ", &"x".repeat(65), &"\u{fdfa}".repeat(64)] {
            assert_eq!(Username::parse(bad), Err(NotAUsername), "{bad:?}");
        }
        assert!(Username::parse(&"x".repeat(64)).is_ok());
    }
}
