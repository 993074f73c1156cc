//! E-mail addresses in the one spelling that Stile compares, stores and sends to.

use std::fmt;
use unicode_normalization::UnicodeNormalization;
use unicode_properties::{GeneralCategory, UnicodeGeneralCategory};

/// A normalised e-mail address: Unicode NFKC, lower case, domain in ASCII (IDNA).
///
/// Normalising comes before every check, so that no two spellings of one address pass as two
/// (GHSA-7rqj-j65f-68wh is what happens otherwise).
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Debug)]
pub struct EmailAddress(String);

/// The text is not an e-mail address that Stile accepts.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
#[error("not an e-mail address")]
pub struct NotAnEmail;

/// RFC 5321 §4.5.3.1: 64 octets before the `@`, 254 in all.
const MAX_LOCAL: usize = 64;
const MAX_TOTAL: usize = 254;

impl EmailAddress {
    /// Parses and normalises. Quoted local parts and address literals are refused.
    pub fn parse(text: &str) -> Result<Self, NotAnEmail> {
        // A bound before normalising: NFKC can lengthen a text eighteen-fold.
        if text.len() > MAX_TOTAL * 4 {
            return Err(NotAnEmail);
        }
        // A letter can be composed in lower case and not in upper case, so that both need normalising.
        let text: String = text.trim().nfkc().flat_map(char::to_lowercase).nfkc().collect();
        let (local, domain) = text.rsplit_once('@').ok_or(NotAnEmail)?;
        if local.is_empty() || local.len() > MAX_LOCAL || !local.split('.').all(is_atom) {
            return Err(NotAnEmail);
        }
        let Ok(url::Host::Domain(domain)) = url::Host::parse(domain) else { return Err(NotAnEmail) };
        let named = domain.split('.').count() >= 2 && domain.split('.').all(is_label);
        if !named || local.len() + 1 + domain.len() > MAX_TOTAL {
            return Err(NotAnEmail);
        }
        Ok(Self(format!("{local}@{domain}")))
    }

    /// The normalised text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether the local part carries a `+tag` (setting `sdk.blockEmailSubaddresses`).
    pub fn is_subaddress(&self) -> bool {
        self.0.split('@').next().is_some_and(|local| local.contains('+'))
    }

    /// A form that helps the owner recognise the address and tells a stranger little: `a•••@example.com`.
    pub fn masked(&self) -> String {
        let (local, domain) = self.0.split_once('@').unwrap_or((&self.0, ""));
        let first: String = local.chars().take(1).collect();
        format!("{first}•••@{domain}")
    }
}

impl fmt::Display for EmailAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// RFC 5322 §3.2.3 `atext`, and what RFC 6532 §3.2 adds to it: anything outside ASCII. Scripts need marks and joiners as much
/// as letters.
fn is_atom(text: &str) -> bool {
    let atext = |c: char| c.is_ascii_alphanumeric() || "!#$%&'*+-/=?^_`{|}~".contains(c);
    !text.is_empty() && text.chars().all(|c| if c.is_ascii() { atext(c) } else { is_seen(c) })
}

/// Whether a character outside ASCII shows, or joins what shows. Controls, spaces, overrides of direction and other invisible
/// characters would make two addresses look alike.
fn is_seen(c: char) -> bool {
    let joins = matches!(c, '\u{200c}' | '\u{200d}');
    let hidden = matches!(
        c.general_category(),
        GeneralCategory::Control
            | GeneralCategory::Format
            | GeneralCategory::SpaceSeparator
            | GeneralCategory::LineSeparator
            | GeneralCategory::ParagraphSeparator
            | GeneralCategory::Unassigned
    );
    joins || !hidden
}

fn is_label(text: &str) -> bool {
    !text.is_empty()
        && !text.starts_with('-')
        && !text.ends_with('-')
        && text.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-')
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn parsed(text: &str) -> Option<String> {
        EmailAddress::parse(text).ok().map(|a| a.as_str().to_owned())
    }

    #[test]
    fn spellings_of_one_address_are_one_address() {
        for text in ["ann@example.com", " Ann@EXAMPLE.com ", "ａｎｎ@example.com", "ann@ｅxample.com"] {
            assert_eq!(parsed(text).as_deref(), Some("ann@example.com"), "{text}");
        }
        for text in ["ǰan@example.com", "j\u{30c}an@example.com", "J\u{30c}an@example.com"] {
            assert_eq!(parsed(text).as_deref(), Some("ǰan@example.com"), "{text}");
        }
        assert_eq!(parsed("ann@bücher.example").as_deref(), Some("ann@xn--bcher-kva.example"));
    }

    /// Reports jakartaee/mail-api#842 and #833: addresses whose scripts need marks and joiners.
    #[test]
    fn addresses_of_every_script_are_addresses() {
        for text in [
            "संपर्क@डाटामेल.भारत",
            "ผู้ใช้@example.com",
            "မြန်မာ@example.com",
            "ഉപയോക്താവ്@example.com",
            "علی\u{200c}رضا@example.com",
            "क्\u{200d}ष@example.com",
            "用户@example.com",
            "δοκιμή@παράδειγμα.ευ",
            "müller.jr@example.com",
            "📧@example.com",
        ] {
            let address = parsed(text).unwrap_or_else(|| panic!("{text}"));
            assert_eq!(parsed(&address).as_deref(), Some(&*address), "{text}");
        }
        for hidden in [
            '\u{7f}',
            '\u{85}',
            '\u{a0}',
            '\u{ad}',
            '\u{61c}',
            '\u{1680}',
            '\u{180e}',
            '\u{200b}',
            '\u{200e}',
            '\u{200f}',
            '\u{2028}',
            '\u{202a}',
            '\u{202e}',
            '\u{2060}',
            '\u{2066}',
            '\u{2069}',
            '\u{3000}',
            '\u{feff}',
            '\u{fffe}',
            '\u{e0041}',
            '\u{10ffff}',
        ] {
            assert_eq!(parsed(&format!("an{hidden}n@example.com")), None, "{hidden:?}");
        }
    }

    #[test]
    fn what_is_no_address_is_refused() {
        let long = format!("{}@example.com", "a".repeat(65));
        for text in [
            "",
            "@",
            "ann",
            "ann@",
            "@example.com",
            "ann@localhost",
            "a n@example.com",
            "ann@exa mple.com",
            "\"ann\"@example.com",
            "ann@[127.0.0.1]",
            "ann@127.0.0.1",
            "ann\r\nBcc: x@example.com",
            ".ann@example.com",
            "ann..b@example.com",
            "ann@-x.com",
            "a@b@example.com",
            "ann@example..com",
            &long,
        ] {
            assert_eq!(parsed(text), None, "{text:?}");
        }
    }

    proptest! {
        #[test]
        fn parsing_never_panics_and_is_stable(text in "\\PC{0,80}@\\PC{0,80}") {
            if let Ok(address) = EmailAddress::parse(&text) {
                prop_assert_eq!(EmailAddress::parse(address.as_str()), Ok(address));
            }
        }
    }
}
