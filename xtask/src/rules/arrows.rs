//! Which crate may depend on which.

use crate::process;
use serde_json::Value;
use std::collections::BTreeMap;

/// A crate, and the crates of the house that it may see. `stile`, at the end, sees all. Bench, faults and what they begin
/// with stand outside: only tests see them.
const ARROWS: [(&str, &[&str]); 12] = [
    ("bench", &["core", "keys", "factors", "store", "server", "seed"]),
    ("faults", &["core", "keys", "store", "server", "seed"]),
    ("seed", &["core", "keys", "store", "server"]),
    ("core", &[]),
    ("keys", &["core"]),
    ("webauthn", &[]),
    ("store", &["core", "keys"]),
    ("verify", &["core", "keys"]),
    ("mpc", &["core", "keys"]),
    ("factors", &["core", "keys", "webauthn"]),
    ("server", &["core", "keys", "webauthn", "factors", "store"]),
    ("stile", &["core", "keys", "webauthn", "store", "verify", "mpc", "factors", "server"]),
];

/// Crates from outside that belong in one room, and the rooms that may not have them: a word or a
/// rule does no input or output, and only the store speaks to a database.
const KEPT_OUT: [(&str, &[&str]); 4] = [
    ("rusqlite", &["core", "keys", "webauthn", "factors", "server", "stile"]),
    ("tokio-postgres", &["core", "keys", "webauthn", "factors", "server", "stile"]),
    ("tokio", &["core", "keys", "webauthn", "factors"]),
    ("axum", &["core", "keys", "webauthn", "factors", "store"]),
];

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Normal,
    Dev,
}

/// Name of the crate → its dependencies. The house's own names come without their prefix.
type Graph = BTreeMap<String, Vec<(String, Kind)>>;

#[test]
fn every_arrow_is_allowed() {
    assert_eq!(wrong(&graph()), Vec::<String>::new());
}

fn wrong(graph: &Graph) -> Vec<String> {
    let mut found = Vec::new();
    for (name, dependencies) in graph {
        let Some((_, may_see)) = ARROWS.iter().find(|(room, _)| room == name) else {
            found.push(format!("{name}: a crate without a place in the house (xtask/src/rules/arrows.rs)"));
            continue;
        };
        for (other, kind) in dependencies {
            let ours = graph.contains_key(other) || ARROWS.iter().any(|(room, _)| room == other);
            // Tests may borrow from anywhere, but those of the innermost crate stand alone.
            let exempt = *kind == Kind::Dev && name != "core";
            if ours && !exempt && !may_see.contains(&other.as_str()) {
                found.push(format!("{name} → {other}"));
            }
            if *kind == Kind::Normal
                && KEPT_OUT.iter().any(|(n, rooms)| n == other && rooms.contains(&name.as_str()))
            {
                found.push(format!("{name} → {other}, which belongs elsewhere"));
            }
        }
    }
    found
}

fn graph() -> Graph {
    let output = process::cargo(&["metadata", "--no-deps", "--offline", "--format-version", "1"])
        .current_dir(crate::root())
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let metadata: Value = serde_json::from_slice(&output.stdout).unwrap();
    let short = |name: &Value| {
        let name = name.as_str().unwrap();
        name.strip_prefix("stile-").unwrap_or(name).to_owned()
    };
    let mut graph = Graph::new();
    for package in metadata["packages"].as_array().unwrap() {
        if package["name"] == "xtask" {
            continue;
        }
        let dependencies = package["dependencies"].as_array().unwrap().iter().map(|dependency| {
            let kind = if dependency["kind"] == "dev" { Kind::Dev } else { Kind::Normal };
            (short(&dependency["name"]), kind)
        });
        graph.insert(short(&package["name"]), dependencies.collect());
    }
    graph
}

#[test]
fn wrong_arrows_are_found() {
    let one = |name: &str, other: &str, kind| {
        wrong(&Graph::from([(name.to_owned(), vec![(other.to_owned(), kind)])])).len()
    };
    assert_eq!(one("factors", "store", Kind::Normal), 1);
    assert_eq!(one("factors", "store", Kind::Dev), 0);
    assert_eq!(one("core", "keys", Kind::Dev), 1);
    assert_eq!(one("server", "rusqlite", Kind::Normal), 1);
    assert_eq!(one("store", "rusqlite", Kind::Normal), 0);
    assert_eq!(one("cellar", "core", Kind::Normal), 1);
    assert_eq!(one("core", "serde", Kind::Normal), 0);
}
