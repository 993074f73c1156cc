//! Rooms of the server see those below them alone.

use super::source::without_tests;
use super::{files, shown};
use std::fs;

/// The rooms of `crates/server/src`, from the one where requests come in to the one that everything stands on.
const FLOORS: [&str; 7] = ["edge", "api", "flows", "guard", "delivery", "wire", "state"];

#[test]
fn no_room_of_the_server_looks_up() {
    let mut found = Vec::new();
    for file in files("crates/server/src").iter().filter(|file| file.extension().is_some_and(|e| e == "rs")) {
        let name = shown(file);
        if name != "crates/server/src/lib.rs" {
            found.extend(wrong(&name, &fs::read_to_string(file).unwrap()));
        }
    }
    assert_eq!(found, Vec::<String>::new());
}

/// The uses of `crate::…` in this file that lead to no room below its own or to no room at all.
fn wrong(name: &str, text: &str) -> Vec<String> {
    let floor = |room: &str| FLOORS.iter().position(|floor| *floor == room);
    let room = name.trim_start_matches("crates/server/src/").split('/').next().unwrap_or_default();
    let Some(own) = floor(room) else { return vec![format!("{name}: in no room")] };
    let uses = without_tests(text).split("crate::").skip(1);
    let targets =
        uses.map(|rest| rest.split(|c: char| !c.is_alphanumeric() && c != '_').next().unwrap_or_default());
    targets
        .filter(|target| floor(target).is_none_or(|floor| floor < own))
        .map(|target| format!("{name} → {target}"))
        .collect()
}

#[test]
fn a_breach_is_found() {
    let of = |name: &str, text: &str| wrong(&format!("crates/server/src/{name}"), text);
    assert_eq!(
        of("api/x.rs", "use crate::flows::a;\nuse crate::{state::b};"),
        ["crates/server/src/api/x.rs → "]
    );
    assert_eq!(
        of("guard/x.rs", "use crate::guard::a; crate::flows::b()"),
        ["crates/server/src/guard/x.rs → flows"]
    );
    assert_eq!(of("state/x.rs", "use crate::router;"), ["crates/server/src/state/x.rs → router"]);
    assert_eq!(of("gate.rs", "use crate::state::a;"), ["crates/server/src/gate.rs: in no room"]);
    assert!(of("edge/x.rs", "use crate::api::a;\n#[cfg(test)]\nmod tests { use crate::router; }").is_empty());
}
