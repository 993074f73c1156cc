//! What may be said in which room: no SQL in the API, no engine outside `store` and `stile`.

use super::source::{Kind, Piece, pieces, without_tests};
use super::{files, shown};
use std::fs;

/// Names of database engines and of the crates that speak to them.
const ENGINES: [&str; 2] = ["sqlite", "postgres"];

#[test]
fn no_engine_is_named_outside_store_and_stile() {
    let mut found = Vec::new();
    for room in ["core", "keys", "webauthn", "factors", "server"] {
        each_piece(room, |place, piece| {
            let text = piece.text.to_lowercase();
            if ENGINES.iter().any(|engine| text.contains(engine)) {
                found.push(format!("{place}: {}", piece.text.trim()));
            }
        });
    }
    assert_eq!(found, Vec::<String>::new());
}

#[test]
fn no_sql_outside_the_store() {
    let mut found = Vec::new();
    for room in ["core", "keys", "factors", "server"] {
        each_piece(room, |place, piece| {
            if piece.kind == Kind::Text && is_sql(&piece.text) {
                found.push(format!("{place}: {}", piece.text));
            }
        });
    }
    assert_eq!(found, Vec::<String>::new());
}

/// Calls for every line of code and every string of a crate, tests and comments aside.
fn each_piece(room: &str, mut look: impl FnMut(&str, &Piece)) {
    for file in files(&format!("crates/{room}/src")) {
        // Longer test modules have a file of their own: `tests.rs`, `sender_tests.rs`.
        let name = file.file_name().unwrap_or_default().to_string_lossy().into_owned();
        if !name.ends_with(".rs") || name.ends_with("tests.rs") {
            continue;
        }
        let text = fs::read_to_string(&file).unwrap();
        for piece in pieces(without_tests(&text)) {
            look(&format!("{}:{}", shown(&file), piece.line), &piece);
        }
    }
}

/// Whether a string is a statement, and not the name of an HTTP method or an English sentence.
fn is_sql(text: &str) -> bool {
    let words: Vec<&str> =
        text.split(|c: char| !c.is_ascii_alphabetic()).filter(|word| !word.is_empty()).collect();
    let has = |word: &str| words.contains(&word);
    let pair = |a: &str, b: &str| words.windows(2).any(|two| two == [a, b]);
    has("SELECT")
        || pair("INSERT", "INTO")
        || pair("DELETE", "FROM")
        || (has("UPDATE") && has("SET"))
        || ["select ", "insert into ", "delete from "].iter().any(|start| text.starts_with(start))
}

#[test]
fn statements_are_told_from_words() {
    assert!(is_sql("SELECT 1"));
    assert!(is_sql("WITH x AS (SELECT 1) UPDATE t SET a = 1"));
    assert!(is_sql("delete from users where id = ?1"));
    assert!(!is_sql("DELETE"));
    assert!(!is_sql("GET, POST, PUT, UPDATE, DELETE"));
    assert!(!is_sql("Please select a method"));
}
