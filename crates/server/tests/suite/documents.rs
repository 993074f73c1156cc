//! Documents that are made from the code.

use std::collections::BTreeSet;

use serde_json::{Map, Value};
use stile_server::Code;

const ERRORS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/errors.md");

fn errors() -> String {
    let mut text = String::from(
        "# Errors\n\n\
         Every refusal has a JSON body: `error` is a text for people, `code` is stable and for programs. A refused gated\n\
         action also names the `scope` that it needs. `429` and `503` carry `Retry-After`, in seconds.\n\n\
         Made from `crates/server/src/error.rs` by `STILE_WRITE_DOCS=1 cargo test -p stile-server --test suite documents`.\n",
    );
    for code in Code::ALL {
        text += &format!("\n## {}\n\n`{}`: {}\n", code.as_str(), code.status(), code.text());
    }
    text
}

#[test]
fn the_error_document_is_current() {
    let wanted = errors();
    if std::env::var_os("STILE_WRITE_DOCS").is_some() {
        std::fs::write(ERRORS, &wanted).unwrap();
    }
    assert_eq!(std::fs::read_to_string(ERRORS).unwrap_or_default(), wanted);
}

#[test]
fn codes_are_unique_words() {
    let mut codes: Vec<&str> = Code::ALL.iter().map(|c| c.as_str()).collect();
    assert!(codes.iter().all(|c| c.bytes().all(|b| b.is_ascii_lowercase() || b == b'_')));
    codes.sort_unstable();
    codes.dedup();
    assert_eq!(codes.len(), Code::ALL.len());
}

const OPENAPI: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../openapi.json");

/// The committed document is what the declarations say; `cargo xtask codegen` writes it.
#[test]
fn the_openapi_document_is_current() {
    let wanted = serde_json::to_value(stile_server::openapi_document()).unwrap();
    let committed = std::fs::read_to_string(OPENAPI).unwrap_or_default();
    let committed: Value = serde_json::from_str(&committed).unwrap_or_default();
    let mut differences = Vec::new();
    compare("", &committed, &wanted, &mut differences);
    assert!(
        differences.is_empty(),
        "openapi.json is not current (cargo xtask codegen):\n{}",
        differences.join("\n")
    );
}

/// The first words of a summary. API references name operations by an imperative.
const VERBS: [&str; 19] = [
    "Accept", "Begin", "Check", "Consume", "Create", "Delete", "End", "Enrol", "Get", "List", "Prove",
    "Refresh", "Rename", "Reset", "Send", "Sign", "Update", "Use", "Verify",
];

#[test]
fn every_operation_is_named_by_an_imperative() {
    let document = serde_json::to_value(stile_server::openapi_document()).unwrap();
    let mut wrong = Vec::new();
    for (path, item) in document["paths"].as_object().unwrap() {
        for (method, operation) in item.as_object().unwrap() {
            let summary = operation["summary"].as_str().unwrap_or_default();
            let verb = summary.split(' ').next().unwrap_or_default();
            if !VERBS.contains(&verb) || summary.ends_with('.') {
                wrong.push(format!("{method} {path}: {summary:?}"));
            }
        }
    }
    assert!(wrong.is_empty(), "summaries begin with one of {VERBS:?}:\n{}", wrong.join("\n"));
}

/// Every place where two documents differ, by its JSON pointer (RFC 6901).
fn compare(at: &str, committed: &Value, wanted: &Value, found: &mut Vec<String>) {
    match (committed, wanted) {
        (Value::Object(a), Value::Object(b)) => {
            let names: BTreeSet<&String> = a.keys().chain(b.keys()).collect();
            for name in names {
                let pointer = format!("{at}/{}", name.replace('~', "~0").replace('/', "~1"));
                let side = |object: &Map<String, Value>| object.get(name).cloned().unwrap_or_default();
                compare(&pointer, &side(a), &side(b), found);
            }
        }
        (a, b) if a == b => {}
        (a, b) => found.push(format!("{at}: committed {a}, declared {b}")),
    }
}
