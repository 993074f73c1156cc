//! Usernames in the one spelling that Stile compares, stores and shows.

use std::fmt;

use unicode_normalization::UnicodeNormalization;
use unicode_normalization::char::is_combining_mark;

/// A normalised username: NFKC and lower case, of letters, digits, marks and visible ASCII, read in one direction.
///
/// After UsernameCaseMapped (RFC 8265 §3.3), as far as the standard library knows the characters; joiners are refused
/// wherever they stand. That letters of different scripts can look alike is left as it is.
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
        let fits = (1..=MAX).contains(&name.chars().count())
            && name.chars().all(is_visible)
            && has_one_direction(&name)
            // These two letters have a dot already, so a combining dot above them cannot be seen.
            && !["i\u{307}", "j\u{307}"].iter().any(|dotted| name.contains(dotted));
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
    // A sigma has one lower case, wherever it stands.
    text.nfkc().flat_map(char::to_lowercase).map(|c| if c == 'ς' { 'σ' } else { c }).nfkc().collect()
}

/// RFC 5893 §2, made simple: a name with letters that run from right to left begins with one, and has no others and no
/// digits of other scripts. Else two names could be shown as one.
fn has_one_direction(name: &str) -> bool {
    let leftward = |c: char| {
        matches!(
            c,
            '\u{590}'..='\u{8ff}' | '\u{fb1d}'..='\u{fdff}' | '\u{fe70}'..='\u{fefc}'
                | '\u{10800}'..='\u{10fff}' | '\u{1e800}'..='\u{1efff}'
        )
    };
    !name.chars().any(leftward)
        || (name.starts_with(|c: char| leftward(c) && c.is_alphabetic())
            && name.chars().all(|c| leftward(c) || !c.is_alphanumeric()))
}

/// RFC 8264 §9: letters, digits and marks (A), and printable ASCII (K), without what is ignored by default (M), what only
/// stretches a word (F), old jamo (I) and marks that enclose.
fn is_visible(c: char) -> bool {
    let stretches =
        matches!(c, '\u{640}' | '\u{7fa}' | '\u{302e}' | '\u{302f}' | '\u{3031}'..='\u{3035}' | '\u{303b}');
    let jamo = matches!(c, '\u{1100}'..='\u{11ff}' | '\u{a960}'..='\u{a97f}' | '\u{d7b0}'..='\u{d7ff}');
    let encloses = matches!(
        c,
        '\u{488}' | '\u{489}' | '\u{1abe}' | '\u{20dd}'..='\u{20e0}' | '\u{20e2}'..='\u{20e4}' | '\u{a670}'..='\u{a672}'
    );
    let ignored = stretches
        || jamo
        || encloses
        || matches!(
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
            ("\u{3c3}\u{3b1}\u{3c3}", &["\u{3a3}\u{391}\u{3a3}", "\u{3c3}\u{3b1}\u{3c2}"]),
            ("\u{5d0}.\u{5d1}", &[]),
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
        for alike in [
            "ADM\u{130}N",
            "j\u{307}",
            "a1\u{5d0}",
            "a\u{5d0}1",
            "1\u{5d0}",
            "\u{663}\u{5d0}",
            "\u{628}\u{640}",
        ] {
            assert_eq!(Username::parse(alike), Err(NotAUsername), "{alike:?}");
        }
        for bad in ["", " ", &"x".repeat(65), &"\u{fdfa}".repeat(64)] {
            assert_eq!(Username::parse(bad), Err(NotAUsername), "{bad:?}");
        }
        assert!(Username::parse(&"x".repeat(64)).is_ok());
    }
}
