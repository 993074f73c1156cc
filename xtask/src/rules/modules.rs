//! No files of a crate import each other in a circle. A module and what lies below it are none; tests do not count.

use super::circles::{Graph, circles};
use super::source::{Kind, pieces, without_tests};
use super::{files, shown};
use std::collections::{BTreeMap, BTreeSet};
use std::fs;

/// The folders that crates are in, or that are one.
const FOLDERS: [&str; 6] = ["crates", "bench", "faults", "fuzz", "seed", "xtask"];

/// Crates whose circles are still to be cut.
const WITH_CIRCLES: [&str; 2] = ["crates/server", "crates/store"];

/// Where a module is from the root of its crate: `["policy", "youth"]`.
type Path = Vec<String>;

#[test]
fn no_files_of_a_crate_import_each_other_in_a_circle() {
    let mut crates: BTreeMap<String, Modules> = BTreeMap::new();
    for file in FOLDERS.iter().flat_map(|folder| files(folder)) {
        let name = shown(&file);
        let Some((of, rest)) = name.split_once("/src/") else { continue };
        if let Some(path) = module(rest) {
            let text = fs::read_to_string(&file).unwrap();
            crates.entry(of.to_owned()).or_default().insert(path, &name, &text);
        }
    }
    assert!(crates.contains_key("crates/core") && crates.contains_key("xtask"));
    let mut found = Vec::new();
    for (name, modules) in &crates {
        let circles = circles(&modules.graph());
        if !WITH_CIRCLES.contains(&name.as_str()) {
            found.extend(circles);
        }
    }
    assert_eq!(found, Vec::<String>::new());
}

/// The module of a source file; none for tests, which have their names at the end.
fn module(file: &str) -> Option<Path> {
    let stem = file.strip_suffix(".rs").filter(|stem| !stem.ends_with("tests"))?;
    let mut path: Path = stem.split('/').map(str::to_owned).collect();
    if ["lib", "main", "mod"].contains(&path.last()?.as_str()) {
        path.pop();
    }
    Some(path)
}

/// The modules of one crate.
#[derive(Default)]
struct Modules(BTreeMap<Path, Source>);

struct Source {
    file: String,
    /// What `use` brings in, by the name that it has here. A glob has no name.
    brought: Vec<(String, Path)>,
    /// Paths that are written out where they are needed.
    written: Vec<Path>,
}

impl Modules {
    fn insert(&mut self, path: Path, file: &str, text: &str) {
        let code = pieces(without_tests(text)).into_iter().filter(|piece| piece.kind == Kind::Code);
        let code: Vec<String> = code.map(|piece| piece.text).collect();
        let (brought, written) = Words::of(&code.join("\n")).read();
        self.0.insert(path, Source { file: file.to_owned(), brought, written });
    }

    /// Which file imports which. A module and what lies below it may see each other.
    fn graph(&self) -> Graph {
        let mut graph = Graph::new();
        for (own, source) in &self.0 {
            let paths = source.brought.iter().map(|(_, path)| path).chain(&source.written);
            let targets: BTreeSet<&Path> = paths.filter_map(|path| self.target(own, path, 0)).collect();
            let others =
                targets.into_iter().filter(|other| !other.starts_with(own) && !own.starts_with(other));
            let files = others.filter_map(|other| Some(self.0.get(other)?.file.clone()));
            graph.insert(source.file.clone(), files.collect());
        }
        graph
    }

    /// The module where the thing is that this path means in `own`; none for what another crate has.
    fn target(&self, own: &Path, path: &[String], depth: usize) -> Option<&Path> {
        let (first, rest) = path.split_first()?;
        let mut below = own.clone();
        below.push(first.clone());
        let (mut at, rest) = match first.as_str() {
            "crate" => (Path::new(), rest),
            "self" => (own.clone(), rest),
            "super" => (own[..own.len().checked_sub(1)?].to_vec(), rest),
            _ if self.0.contains_key(&below) => (below, rest),
            _ => return self.brought(own, path, depth),
        };
        for (number, name) in rest.iter().enumerate() {
            if name == "super" {
                at.pop();
                continue;
            }
            at.push(name.clone());
            if !self.0.contains_key(&at) {
                at.pop();
                // Perhaps the module has the name from elsewhere.
                return self
                    .brought(&at, &rest[number..], depth)
                    .or_else(|| Some(self.0.get_key_value(&at)?.0));
            }
        }
        Some(self.0.get_key_value(&at)?.0)
    }

    /// The module behind a name that `own` brings in.
    fn brought(&self, own: &Path, path: &[String], depth: usize) -> Option<&Path> {
        let (first, rest) = path.split_first().filter(|_| depth < 8)?;
        let (_, from) = self.0.get(own)?.brought.iter().find(|(name, _)| name == first)?;
        // `use rand;` or `use rand::Rng as rand;` lead to themselves or out of the crate.
        let whole: Path = from.iter().chain(rest).cloned().collect();
        if whole == path { None } else { self.target(own, &whole, depth + 1) }
    }
}

/// The words of a source: names, `::`, and single signs.
struct Words<'a> {
    words: Vec<&'a str>,
    at: usize,
}

impl<'a> Words<'a> {
    fn of(code: &'a str) -> Self {
        let mut words = Vec::new();
        let mut rest = code.trim_start();
        while let Some(first) = rest.chars().next() {
            let is_word = |c: char| c.is_alphanumeric() || c == '_';
            let length = match first {
                _ if is_word(first) => rest.find(|c| !is_word(c)).unwrap_or(rest.len()),
                ':' if rest.starts_with("::") => 2,
                _ => first.len_utf8(),
            };
            words.push(&rest[..length]);
            rest = rest[length..].trim_start();
        }
        Self { words, at: 0 }
    }

    fn next(&self) -> &'a str {
        self.words.get(self.at).copied().unwrap_or_default()
    }

    /// What is brought in by `use`, and the other paths.
    fn read(mut self) -> (Vec<(String, Path)>, Vec<Path>) {
        let (mut brought, mut written) = (Vec::new(), Vec::new());
        while self.at < self.words.len() {
            let begins = self.at == 0 || self.words[self.at - 1] != "::";
            if self.next() == "use" {
                self.at += 1;
                self.tree(&mut Vec::new(), &mut brought);
            } else if begins && self.words.get(self.at + 1) == Some(&"::") && is_name(self.next()) {
                let mut path = Vec::new();
                self.tree(&mut path, &mut Vec::new());
                written.push(path);
            } else {
                self.at += 1;
            }
        }
        (brought, written)
    }

    /// Reads `a::b`, `a::{b, c as d}` or `a::*`. `path` holds what was read before, and then the whole way to the last name.
    fn tree(&mut self, path: &mut Path, brought: &mut Vec<(String, Path)>) {
        loop {
            match self.next() {
                "{" => {
                    self.at += 1;
                    while !["}", ""].contains(&self.next()) {
                        self.tree(&mut path.clone(), brought);
                        self.at += usize::from(self.next() == ",");
                    }
                    self.at += 1;
                    return;
                }
                name if is_name(name) => path.push(name.to_owned()),
                // A glob, or a generic argument: the way leads to what was read so far.
                "*" => {
                    self.at += 1;
                    brought.push((String::new(), path.clone()));
                    return;
                }
                _ => return,
            }
            self.at += 1;
            if self.next() != "::" {
                break;
            }
            self.at += 1;
        }
        let last = path.last().cloned().unwrap_or_default();
        if last == "self" {
            path.pop();
        }
        let mut name = path.last().cloned().unwrap_or_default();
        if self.next() == "as" {
            name = self.words.get(self.at + 1).copied().unwrap_or_default().to_owned();
            self.at += 2;
        }
        brought.push((name, path.clone()));
    }
}

fn is_name(word: &str) -> bool {
    word.starts_with(|c: char| c.is_alphabetic() || c == '_')
}

/// The circles of a crate with these files in its `src`.
fn of(files: &[(&str, &str)]) -> Vec<String> {
    let mut modules = Modules::default();
    for (file, text) in files {
        modules.insert(module(file).unwrap(), file, text);
    }
    circles(&modules.graph())
}

#[test]
fn circles_of_modules_are_found() {
    let found = of(&[
        // Through a name that the root passes on, through a name that a module has, and through a path that is written out.
        (
            "lib.rs",
            "mod a;\nmod b;\nmod c;\nmod d;\nmod room;\npub use a::{A as First, other::Thing};\npub use room::*;",
        ),
        ("a.rs", "use crate::{\n    b::{self, B},\n    c::C,\n};\npub struct A;"),
        ("b.rs", "use super::First;\npub struct B;"),
        ("c.rs", "use crate::d;\nfn f() { d::g::<u8>() }"),
        ("d.rs", "fn g() -> u8 { crate::c::f() }"),
        ("room/mod.rs", "mod x;\nmod y;\npub use self::x::X;\nuse y::Y;"),
        ("room/x.rs", "use super::Y;"),
        ("room/y.rs", "use crate::room::X;"),
    ]);
    assert_eq!(found, ["a.rs → b.rs → a.rs", "c.rs → d.rs → c.rs", "room/x.rs → room/y.rs → room/x.rs"]);
}

#[test]
fn modules_that_make_no_circle_are_left_alone() {
    let found = of(&[
        ("main.rs", "mod a;\nmod b;\nuse a::A;\npub struct Root;"),
        // A module and what lies below it, and two ways to one file.
        ("a.rs", "mod low;\nuse low::Low;\nuse crate::{Root, b};\nfn f() { b::g() }"),
        ("a/low.rs", "use super::A;\nuse crate::b::B;\nuse std::b::{A, low::*};"),
        // Words, texts and tests.
        (
            "b.rs",
            "// crate::a::A\nlet b = \"crate::a\";\nuse other::a::A;\n#[cfg(test)]\nmod tests { use crate::a::A; }",
        ),
    ]);
    assert_eq!(found, Vec::<String>::new());
}
