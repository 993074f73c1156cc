//! The documents of what went wrong elsewhere name tests: each of them exists, and each row of their tables has one or
//! says why not.

use super::files;
use crate::root;
use std::collections::HashMap;
use std::fs;
use std::path::Path;

const TABLE: &str = "docs/security/advisories.md";
const REPORTS: &str = "docs/security/public-reports.md";

/// The sources that may hold a test of `module`, by the name of the file, or of the folder of a `mod.rs`.
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
    let folder = file.parent().filter(|_| file.ends_with("mod.rs")).and_then(Path::file_name);
    folder.or_else(|| file.file_stem()).unwrap_or_default().to_string_lossy().into_owned()
}

/// The words in backticks that are written `file.test.ts: the text of a test`.
fn named_of_sdk(cell: &str) -> impl Iterator<Item = (&str, &str)> {
    cell.split('`').skip(1).step_by(2).filter_map(|word| word.split_once(".test.ts: "))
}

/// Whether a test of the SDK with this text is in a file of this name.
fn sdk_has(file: &str, test: &str) -> bool {
    let named = |path: &Path| path.file_name().is_some_and(|name| *name == *format!("{file}.test.ts"));
    let mut sources = files("packages").into_iter().filter(|path| named(path));
    sources.any(|path| fs::read_to_string(path).unwrap().contains(&format!("('{test}',")))
}

/// What is wrong with the tests that these lines name.
fn missing<'a>(lines: impl Iterator<Item = &'a str>) -> Vec<String> {
    let sources = sources();
    let mut wrong = Vec::new();
    for line in lines {
        for (file, function) in named(line) {
            let exists = |text: &String| {
                [format!("fn {function}("), format!("fn {function}<")].iter().any(|f| text.contains(f))
            };
            if !sources.get(file).is_some_and(exists) {
                wrong.push(format!("there is no test {file}::{function}"));
            }
        }
        let absent = named_of_sdk(line).filter(|(file, test)| !sdk_has(file, test));
        wrong.extend(absent.map(|(file, test)| format!("there is no test in {file}.test.ts: {test}")));
    }
    wrong
}

/// The words in backticks that are written `file::function`.
fn named(cell: &str) -> impl Iterator<Item = (&str, &str)> {
    cell.split('`').skip(1).step_by(2).filter_map(|word| word.split_once("::"))
}

#[test]
fn every_advisory_has_tests_that_exist() {
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
    wrong.extend(missing(entries));
    assert_eq!(wrong, Vec::<String>::new());
    assert_eq!(count, 42, "the whole table");
}

#[test]
fn every_public_report_has_tests_that_exist() {
    let table = fs::read_to_string(root().join(REPORTS)).unwrap();
    let rows: Vec<&str> = table.lines().filter(|line| line.starts_with("| ")).skip(1).collect();
    let mut wrong = missing(rows.iter().copied());
    for row in &rows {
        if named(row).count() + named_of_sdk(row).count() == 0 {
            wrong.push(format!("this row names no test: {row}"));
        }
    }
    assert_eq!(wrong, Vec::<String>::new());
    assert_eq!(rows.len(), 14, "the whole table");
}

#[test]
fn a_test_is_named_by_file_and_function() {
    let cell = "`mfa::one`, and `two`, then `a::b`";
    assert_eq!(named(cell).collect::<Vec<_>>(), [("mfa", "one"), ("a", "b")]);
}
