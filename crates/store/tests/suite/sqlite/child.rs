//! This test binary as another process: the one that is killed, starved of space, or without rights.

use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

use stile_store::{AuditEvent, Mutation, Store, audit, ledger};

use super::{durability, full_disk, opening};
use crate::world::*;

const ROLE: &str = "STILE_STORE_TEST_ROLE";
const FILE: &str = "STILE_STORE_TEST_FILE";
const FIRST: &str = "STILE_STORE_TEST_FIRST";

#[test]
#[ignore = "the other half of tests that start processes; does nothing by itself"]
fn child() {
    let var = |name| std::env::var(name).unwrap_or_default();
    let path = PathBuf::from(var(FILE));
    match var(ROLE).as_str() {
        "writer" => durability::write_until_killed(&path, var(FIRST).parse().unwrap()),
        "filler" => full_disk::fill(&path),
        "opener" => opening::open_without_rights(&path),
        _ => {}
    }
}

/// A process of this binary in a role. `through` is a command that ends by becoming its arguments.
pub(super) fn spawn(role: &str, path: &Path, first: u64, through: Option<Command>) -> (Child, Talk) {
    let binary = std::env::current_exe().unwrap();
    let mut command = match through {
        Some(mut command) => {
            command.arg(binary);
            command
        }
        None => Command::new(binary),
    };
    command.args(["--exact", "sqlite::child::child", "--ignored", "--nocapture"]);
    command.env(ROLE, role).env(FILE, path).env(FIRST, first.to_string());
    let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
    let talk = Talk { from: BufReader::new(child.stdout.take().unwrap()), to: child.stdin.take().unwrap() };
    (child, talk)
}

/// What is said between the processes: lines that begin with `@`.
pub(super) struct Talk {
    from: BufReader<ChildStdout>,
    to: ChildStdin,
}

impl Talk {
    /// The next thing that the child says; none when it has ended. A line cut off by its death was not said.
    pub(super) fn hear(&mut self) -> Option<String> {
        loop {
            let mut line = String::new();
            self.from.read_line(&mut line).unwrap();
            let whole = line.strip_suffix('\n')?;
            // The test harness may have begun the line with words of its own.
            if let Some((_, said)) = whole.split_once('@') {
                return Some(said.to_owned());
            }
        }
    }

    pub(super) fn go_on(&mut self) {
        self.to.write_all(b"\n").unwrap();
    }
}

/// Says something to the parent; ends with it, so that no orphan writes on.
pub(super) fn say(text: &str) {
    let mut out = std::io::stdout().lock();
    if writeln!(out, "@{text}").and_then(|()| out.flush()).is_err() {
        std::process::exit(1);
    }
}

pub(super) fn wait_for_parent() {
    if std::io::stdin().lock().read_line(&mut String::new()).unwrap_or(0) == 0 {
        std::process::exit(1);
    }
}

/// A mutation of two rows, in two tables.
pub(super) fn two_rows(n: u64, filling: usize) -> Mutation {
    let detail = serde_json::json!("x".repeat(filling));
    Mutation::new([
        ledger::consume(ledger::Kind::Challenge, &id16(n), NOW, at(600)),
        audit::insert(&AuditEvent { detail, ..event(n, "") }),
    ])
}

pub(super) fn open(path: &Path) -> Store {
    Store::sqlite(path, NOW).unwrap()
}
