//! What must hold for every input of the parsers of `stile-core`. A broken promise panics. Each target says whether the
//! input was taken, so that a corpus of nothing but rubbish does not go unnoticed.

use stile_core::origin::{OriginPattern, origin_of};
use stile_core::scope::{Scope, Scopes};
use stile_core::{EmailAddress, Username};

use super::mutate::Target;

/// Every target here, by its name in `fuzz_targets` and in `corpus`.
pub const TARGETS: &[Target] =
    &[("email", email), ("origin", origin), ("scope", scope), ("username", username)];

/// A normalised address stays as it is, and cannot break out of a header or a line of SMTP.
pub fn email(data: &[u8]) -> bool {
    let Ok(text) = std::str::from_utf8(data) else { return false };
    let Ok(address) = EmailAddress::parse(text) else { return false };
    let spelled = address.as_str();
    assert_eq!(EmailAddress::parse(spelled).as_ref(), Ok(&address), "not stable: {text:?} {spelled:?}");
    assert!(spelled.len() <= 254 && spelled.matches('@').count() == 1);
    assert!(!spelled.contains(|c: char| c.is_control() || c.is_whitespace() || "<>()[]\\,;:\"".contains(c)));
    assert!(address.masked().ends_with(spelled.rsplit('@').next().unwrap_or("?")));
    true
}

/// A normalised name stays as it is, and shows everything that it is made of.
pub fn username(data: &[u8]) -> bool {
    let Ok(text) = std::str::from_utf8(data) else { return false };
    let Ok(name) = Username::parse(text) else { return false };
    let spelled = name.as_str();
    assert_eq!(Username::parse(spelled).as_ref(), Ok(&name), "not stable: {text:?} {spelled:?}");
    assert!(!spelled.contains(|c: char| c.is_control() || c.is_whitespace() || c.is_uppercase()));
    true
}

/// An entry reads back as itself; an exact one matches itself and nothing beside it.
pub fn origin(data: &[u8]) -> bool {
    let Ok(text) = std::str::from_utf8(data) else { return false };
    if let Some(origin) = origin_of(text) {
        assert_eq!(origin_of(&origin).as_deref(), Some(origin.as_str()), "not stable: {text:?}");
        for near in [format!("{origin}.evil.com"), format!("{origin}@evil.com"), format!("x{origin}")] {
            assert!(origin_of(&near).is_none_or(|near| near != origin));
        }
    }
    let Ok(pattern) = OriginPattern::parse(text) else { return false };
    assert_eq!(OriginPattern::parse(&pattern.to_string()).as_ref(), Ok(&pattern), "not stable: {text:?}");
    if let OriginPattern::Exact(origin) = &pattern {
        assert!(pattern.matches(origin) && !pattern.matches(&format!("{origin}.evil.com")));
    }
    assert!(!pattern.matches("null") && !pattern.matches(""));
    true
}

/// A scope is one word, so it is found in a list that holds it and in none that does not.
pub fn scope(data: &[u8]) -> bool {
    let Ok(text) = std::str::from_utf8(data) else { return false };
    let Ok(scope @ Scope::App(_)) = text.parse() else { return false };
    assert!(text.len() <= 64 && !text.contains(char::is_whitespace) && text.matches(':').count() == 1);
    let holds = |list: &str| list.parse::<Scopes>().is_ok_and(|scopes| scopes.contains(&scope));
    assert!(holds(&format!("user:update {text} wallet:sign")) && !holds(&format!("user:update x{text}")));
    assert_eq!(text.parse::<Scopes>().map(|scopes| scopes.to_string()).as_deref(), Ok(text));
    true
}
