//! The document of advisories names tests: each of them exists, and each row of its table has one or says why not.

use super::files;
use crate::root;
use std::collections::HashMap;
use std::fs;
use std::path::Path;

const TABLE: &str = "docs/security/advisories.md";

/// The sources that may hold a test of `module`, by the name of the file, or of the folder of a `tests.rs`.
fn sources() -> HashMap<String, String> {
    let mut sources = HashMap::<String, String>::new();
    for file in files("crates") {
        if file.extension().is_some_and(|ending| ending == "rs") {
            let text = fs::read_to_string(&file).unwrap();
            sources.entry(module(&file)).or_default().push_str(&text);
        }
    }
    sources
}

fn module(file: &Path) -> String {
    file.file_stem().unwrap_or_default().to_string_lossy().into_owned()
}

/// The words in backticks that are written `file::function`.
fn named(cell: &str) -> impl Iterator<Item = (&str, &str)> {
    cell.split('`').skip(1).step_by(2).filter_map(|word| word.split_once("::"))
}

#[test]
fn every_advisory_has_tests_that_exist() {
    let sources = sources();
    let table = fs::read_to_string(root().join(TABLE)).unwrap();
    let rows = table.lines().filter(|line| line.starts_with("| ") && !line.starts_with("| #"));
    let mut wrong = Vec::new();
    let mut count = 0;
    for row in rows {
        count += 1;
        let cells: Vec<&str> = row.trim_matches('|').split('|').map(str::trim).collect();
        let [number, _, _, answer, tests] = cells[..] else { panic!("not five cells: {row}") };
        if number != count.to_string() {
            wrong.push(format!("row {number} stands in place {count}"));
        }
        if named(tests).count() == 0 && !answer.starts_with("Does not apply yet: ") {
            wrong.push(format!("row {number} names no test"));
        }
    }
    let entries = table.lines().filter(|line| line.starts_with("| ") || line.starts_with("- "));
    for (file, function) in entries.flat_map(named) {
        let exists = |text: &String| {
            [format!("fn {function}("), format!("fn {function}<")].iter().any(|f| text.contains(f))
        };
        if !sources.get(file).is_some_and(exists) {
            wrong.push(format!("there is no test {file}::{function}"));
        }
    }
    assert_eq!(wrong, Vec::<String>::new());
    assert_eq!(count, 42, "the whole table");
}

#[test]
fn a_test_is_named_by_file_and_function() {
    let cell = "`mfa::one`, and `two`, then `a::b`";
    assert_eq!(named(cell).collect::<Vec<_>>(), [("mfa", "one"), ("a", "b")]);
}
