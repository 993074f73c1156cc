//! A format is named in its row and in the files of its own factor alone: a new one touches no other file.

use super::source::{Kind, pieces, without_tests};
use super::{files, shown};
use std::fs;

/// The row of every format.
const ROWS: &str = "crates/core/src/factor.rs";
/// The files of each factor, by the beginning of their path.
const OWN: [(&str, &str); 7] = [
    ("crates/factors/src/email_code.rs", "Email"),
    ("crates/factors/src/passkey.rs", "Passkey"),
    ("crates/factors/src/totp.rs", "Totp"),
    ("crates/server/src/api/codes/", "Email"),
    ("crates/server/src/api/mfa/", "Totp"),
    ("crates/server/src/api/passkeys/", "Passkey"),
    // Operators find users by their e-mail addresses.
    ("crates/stile/src/user_show.rs", "Email"),
];

#[test]
fn formats_are_named_in_their_own_files_alone() {
    let mut found = Vec::new();
    for file in files("crates") {
        let (path, name) =
            (shown(&file), file.file_name().unwrap_or_default().to_string_lossy().into_owned());
        let is_source = path.contains("/src/") && name.ends_with(".rs") && !name.ends_with("tests.rs");
        // The plans of statements are a test, too.
        if is_source && path != ROWS && name != "plans.rs" {
            found.extend(breaches(&path, &fs::read_to_string(&file).unwrap()));
        }
    }
    assert_eq!(found, Vec::<String>::new());
}

/// The lines of a file that name a format which is not its own.
fn breaches(path: &str, source: &str) -> Vec<String> {
    let own: Vec<&str> =
        OWN.into_iter().filter(|(file, _)| path.starts_with(file)).map(|(_, format)| format).collect();
    let mut found = Vec::new();
    for piece in pieces(without_tests(source)).into_iter().filter(|piece| piece.kind == Kind::Code) {
        for (at, _) in piece.text.match_indices("Format::") {
            let is_whole = !piece.text[..at].ends_with(|c: char| c.is_alphanumeric() || c == '_');
            let after = &piece.text[at + "Format::".len()..];
            let named: String = after.chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect();
            // Functions begin with a small letter, constants have no small one; `{` and `*` bring variants in.
            let is_variant = named.starts_with(|c: char| c.is_uppercase())
                && named.contains(char::is_lowercase)
                || after.starts_with(['{', '*']);
            if is_whole && is_variant && !own.contains(&named.as_str()) {
                found.push(format!("{path}:{}: {}", piece.line, piece.text.trim()));
            }
        }
    }
    found
}

#[test]
fn a_breach_is_found() {
    let flow = "crates/server/src/flows/reset.rs";
    for breach in [
        "if credential.format() == Format::Email {",
        "match format { Format::Totp => 1, _ => 2 }",
        "matches!(credential.format(), stile_core::Format::Passkey)",
        "use stile_core::factor::Format::{Email, Totp};",
        "use stile_core::Format::*;",
    ] {
        assert_eq!(breaches(flow, breach).len(), 1, "{breach}");
    }
    for fine in
        ["Format::parse(text)", "Format::ALL", "LogFormat::Json", "// Format::Email", "\"Format::Email\""]
    {
        assert_eq!(breaches(flow, fine), Vec::<String>::new(), "{fine}");
    }
    let passkeys = "crates/server/src/api/passkeys/delete.rs";
    assert_eq!(breaches(passkeys, "Format::Passkey"), Vec::<String>::new());
    assert_eq!(breaches(passkeys, "Format::Totp").len(), 1);
}
