//! What happens is said in `core` alone, and one file of the server writes it down: so no audit row lacks its notice, and
//! no event has two spellings.

use super::source::{Kind, pieces, without_tests};
use super::{files, shown};
use crate::root;
use std::fs;

/// Where events and their names are.
const EVENTS: &str = "crates/core/src/event.rs";
/// What makes or writes a row of the audit log, and which files may.
const WRITING: [&str; 3] = ["AuditEvent {", "audit::insert(", "audit::count("];
const WRITERS: [&str; 3] = [
    "crates/store/src/tables/audit.rs",
    "crates/server/src/guard/act.rs",
    "crates/server/src/state/refusals.rs",
];

#[test]
fn events_are_named_and_written_in_one_place_each() {
    let names = names(&fs::read_to_string(root().join(EVENTS)).unwrap());
    assert!(names.len() > 40, "{names:?}");
    let mut found = Vec::new();
    for file in files("crates") {
        let path = shown(&file);
        if path.contains("/src/") && path.ends_with(".rs") && !path.ends_with("tests.rs") && path != EVENTS {
            found.extend(breaches(&names, &path, &fs::read_to_string(&file).unwrap()));
        }
    }
    assert_eq!(found, Vec::<String>::new());
}

/// The texts of the form `thing.verb`.
fn names(source: &str) -> Vec<String> {
    let texts = pieces(without_tests(source)).into_iter().filter(|piece| piece.kind == Kind::Text);
    texts.map(|piece| piece.text).filter(|text| text.contains('.') && !text.contains(' ')).collect()
}

/// The lines of a file that name an event, or write one where that is not the file's task.
fn breaches(names: &[String], path: &str, source: &str) -> Vec<String> {
    let mut found = Vec::new();
    for piece in pieces(without_tests(source)) {
        let is_breach = match piece.kind {
            Kind::Text => names.contains(&piece.text),
            Kind::Code => {
                !WRITERS.contains(&path) && WRITING.iter().any(|writing| piece.text.contains(writing))
            }
        };
        if is_breach {
            found.push(format!("{path}:{}: {}", piece.line, piece.text.trim()));
        }
    }
    found
}

#[test]
fn a_breach_is_found() {
    let names = ["session.ended".to_owned()];
    let flow = "crates/server/src/flows/reset.rs";
    for breach in [
        r#"let event = "session.ended";"#,
        "mutation.and(audit::insert(&row))",
        "let step = stile_store::audit::count(&row, 1);",
        "let row = AuditEvent { id, ..other };",
    ] {
        assert_eq!(breaches(&names, flow, breach).len(), 1, "{breach}");
    }
    for fine in [r#"// "session.ended""#, r#""the session.ended event""#, "fn row(&self) -> AuditEvent"] {
        assert_eq!(breaches(&names, flow, fine), Vec::<String>::new(), "{fine}");
    }
    assert_eq!(breaches(&names, WRITERS[1], "audit::insert(&row)"), Vec::<String>::new());
}
