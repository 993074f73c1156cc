//! Documents that are made from the code.

use std::collections::BTreeSet;

use serde_json::{Map, Value};
use stile_core::claims::{ElevatedClaims, IdentityClaims, SessionClaims};
use stile_core::{CredentialId, EnvironmentId, Micros, Scopes, SessionId, Strength, UserId};
use stile_server::Code;

const ERRORS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/errors.md");

fn errors() -> String {
    let mut text = String::from(
        "# Errors\n\n\
         Every refusal has a JSON body: `error` is a text for people, `code` is stable and for programs. A refused gated\n\
         action also names the `scope` that it needs. `429` and `503` carry `Retry-After`, in seconds.\n\n\
         Made from `crates/server/src/state/error.rs` by `STILE_WRITE_DOCS=1 cargo test -p stile-server --test suite documents`.\n",
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

const SETTINGS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/settings.md");

fn settings() -> String {
    let mut text = String::from(
        "# Settings\n\n\
         `stile env set ID PATH=VALUE` changes them, `stile env show ID` shows them. A value is JSON. Paths with `[]` are\n\
         fields of the entries of a list, which is always set as a whole.\n\n\
         Made from `crates/core/src/settings` by `STILE_WRITE_DOCS=1 cargo test -p stile-server --test suite documents`.\n\n\
         | path | values | default | meaning |\n|---|---|---|---|\n",
    );
    for row in stile_core::settings::table() {
        let default = row.default.map_or_else(String::new, |json| format!("`{json}`"));
        text += &format!("| `{}` | {} | {default} | {} |\n", row.path, row.values, row.meaning);
    }
    text
}

#[test]
fn the_table_of_settings_is_current() {
    let wanted = settings();
    if std::env::var_os("STILE_WRITE_DOCS").is_some() {
        std::fs::write(SETTINGS, &wanted).unwrap();
    }
    assert_eq!(std::fs::read_to_string(SETTINGS).unwrap_or_default(), wanted);
}

/// The claims that a section of `docs/tokens.md` names in the first column of its table.
fn claims_in(section: &str) -> BTreeSet<String> {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/tokens.md");
    let text = std::fs::read_to_string(path).unwrap();
    let start = text.split(&format!("## {section}\n")).nth(1).unwrap();
    let body = start.split("\n## ").next().unwrap();
    let rows = body.lines().filter_map(|line| line.strip_prefix("| `"));
    let cells = rows.filter_map(|row| row.split(" | ").next());
    cells
        .flat_map(|cell| cell.split([',', '`', ' ']))
        .filter(|word| !word.is_empty())
        .map(str::to_owned)
        .collect()
}

fn names(claims: &impl serde::Serialize) -> BTreeSet<String> {
    serde_json::to_value(claims).unwrap().as_object().unwrap().keys().cloned().collect()
}

#[test]
fn every_claim_is_documented() {
    let some = || Some(String::new());
    let session = SessionClaims {
        kid: String::new(),
        aud: String::new(),
        iss: String::new(),
        sub: UserId::from_bytes([1; 16]),
        sid: SessionId::from_bytes([1; 16]),
        environment_id: EnvironmentId::from_bytes([1; 16]),
        last_verified_credential_id: CredentialId::from_bytes([1; 16]),
        signin_credential_id: CredentialId::from_bytes([1; 16]),
        session_public_key: some(),
        scope: String::new(),
        email: some(),
        username: some(),
        original_sid: SessionId::from_bytes([1; 16]),
        refresh_exp: 0,
        verified_credentials_hashes: Map::new(),
        roles: Vec::new(),
        amr: Vec::new(),
        auth_time: 0,
        iat: 0,
        exp: 0,
    };
    assert_eq!(claims_in("Access token"), names(&session));
    let identity = IdentityClaims {
        session: session.clone(),
        alias: some(),
        given_name: some(),
        family_name: some(),
        country: some(),
        metadata: Some(Map::new()),
        missing_fields: Vec::new(),
        verified_credentials: Value::Null,
        first_visit: String::new(),
        last_visit: String::new(),
        new_user: false,
    };
    let only_identity = names(&identity).difference(&names(&session)).cloned().collect();
    assert_eq!(claims_in("Identity token"), only_identity);
    let elevated = ElevatedClaims {
        kid: String::new(),
        aud: String::new(),
        iss: String::new(),
        sub: UserId::from_bytes([1; 16]),
        sid: SessionId::from_bytes([1; 16]),
        environment_id: EnvironmentId::from_bytes([1; 16]),
        jti: String::new(),
        scope: Scopes::default(),
        single_use: true,
        credential_id: CredentialId::from_bytes([1; 16]),
        amr: Vec::new(),
        acr: Strength::Mfa,
        epoch: 0,
        auth_time: Micros::default(),
        iat: Micros::default(),
        exp: Micros::default(),
    };
    assert_eq!(claims_in("Elevated access token"), names(&elevated));
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
const VERBS: [&str; 20] = [
    "Accept", "Begin", "Check", "Consume", "Create", "Delete", "End", "Enrol", "Get", "List", "Prove",
    "Refresh", "Rename", "Reset", "Send", "Sign", "Unlink", "Update", "Use", "Verify",
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
pub fn compare(at: &str, committed: &Value, wanted: &Value, found: &mut Vec<String>) {
    match (committed, wanted) {
        (Value::Object(a), Value::Object(b)) => {
            let names: BTreeSet<&String> = a.keys().chain(b.keys()).collect();
            for name in names {
                let pointer = format!("{at}/{}", name.replace('~', "~0").replace('/', "~1"));
                let side = |object: &Map<String, Value>| object.get(name).cloned().unwrap_or_default();
                compare(&pointer, &side(a), &side(b), found);
            }
        }
        (Value::Array(a), Value::Array(b)) if a.len() == b.len() => {
            for (place, (a, b)) in a.iter().zip(b).enumerate() {
                compare(&format!("{at}/{place}"), a, b, found);
            }
        }
        (a, b) if a == b => {}
        (a, b) => found.push(format!("{at}: committed {a}, now {b}")),
    }
}
