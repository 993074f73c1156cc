//! No files of a TypeScript package import each other in a circle. Imports of types count, tests do not.

use super::{files, shown};
use std::collections::{BTreeMap, BTreeSet};
use std::fs;

/// Path of a file → the files of its package that it imports.
pub(super) type Graph = BTreeMap<String, BTreeSet<String>>;

#[test]
fn no_files_of_a_package_import_each_other_in_a_circle() {
    let mut texts = BTreeMap::new();
    for file in files("packages") {
        let name = shown(&file);
        if name.split('/').nth(2) == Some("src") {
            // Pictures and the like hold no imports.
            texts.insert(name, fs::read_to_string(&file).unwrap_or_default());
        }
    }
    let (graph, unknown) = graph(&texts);
    let read = |file: &str| graph.get(file).is_some_and(|imported| !imported.is_empty());
    assert!(read("packages/client/src/index.ts") && read("packages/demo/src/main.tsx"));
    assert_eq!(unknown, Vec::<String>::new(), "imports that lead to no file");
    assert_eq!(circles(&graph), Vec::<String>::new());
}

/// Reads the relative imports of all files that are no tests. Those that lead to no file come beside the graph.
fn graph(texts: &BTreeMap<String, String>) -> (Graph, Vec<String>) {
    let mut graph = Graph::new();
    let mut unknown = Vec::new();
    for (file, text) in texts.iter().filter(|(file, _)| !file.contains(".test.")) {
        let imported = graph.entry(file.clone()).or_default();
        for target in relative_imports(text) {
            match ways(file, target).into_iter().find(|way| texts.contains_key(way)) {
                Some(way) => _ = imported.insert(way),
                None => unknown.push(format!("{file}: {target}")),
            }
        }
    }
    (graph, unknown)
}

/// The targets of `from './x.js'`, `import './x.js'` and `import('./x.js')`. Lines of comments are skipped.
fn relative_imports(text: &str) -> Vec<&str> {
    let mut found = Vec::new();
    for line in text.lines().filter(|line| !["//", "/*", "*"].iter().any(|c| line.trim().starts_with(c))) {
        for word in ["from", "import"] {
            for (at, _) in line.match_indices(word) {
                let rest = line[at + word.len()..].trim_start_matches([' ', '(']);
                let Some(quote) = rest.chars().next().filter(|c| ['\'', '"'].contains(c)) else { continue };
                let target = rest[1..].split(quote).next().unwrap_or_default();
                if target.starts_with('.') {
                    found.push(target);
                }
            }
        }
    }
    found
}

/// The files that a target may mean: sources are imported by the names that they have when they are built.
fn ways(file: &str, target: &str) -> Vec<String> {
    let mut parts: Vec<&str> = file.split('/').collect();
    parts.pop();
    for part in target.split('/') {
        match part {
            "." => {}
            ".." => _ = parts.pop(),
            name => parts.push(name),
        }
    }
    let path = parts.join("/");
    let stem = path.strip_suffix(".js").unwrap_or(&path);
    let sources = [".ts", ".tsx", "/index.ts"].map(|end| format!("{stem}{end}"));
    [path.clone()].into_iter().chain(sources).collect()
}

/// One circle for each import that closes one, as `a → b → a`.
pub(super) fn circles(graph: &Graph) -> Vec<String> {
    let mut found = Vec::new();
    let mut done = BTreeSet::new();
    for file in graph.keys() {
        follow(graph, file, &mut Vec::new(), &mut done, &mut found);
    }
    found
}

fn follow<'a>(
    graph: &'a Graph,
    file: &'a str,
    way: &mut Vec<&'a str>,
    done: &mut BTreeSet<&'a str>,
    found: &mut Vec<String>,
) {
    if let Some(start) = way.iter().position(|passed| *passed == file) {
        found.push(format!("{} → {file}", way[start..].join(" → ")));
        return;
    }
    if done.contains(file) {
        return;
    }
    way.push(file);
    for imported in graph.get(file).into_iter().flatten() {
        follow(graph, imported, way, done, found);
    }
    way.pop();
    done.insert(file);
}

/// The circles and the unknown imports of a package with these files in its `src`.
fn of(files: &[(&str, &str)]) -> (Vec<String>, Vec<String>) {
    let texts = files.iter().map(|(name, text)| (format!("src/{name}"), (*text).to_owned())).collect();
    let (graph, unknown) = graph(&texts);
    (circles(&graph), unknown)
}

#[test]
fn circles_are_found() {
    let (found, unknown) = of(&[
        ("index.ts", "export * from './room/a.js';\nimport './style.css';"),
        ("style.css", ""),
        ("room/a.ts", "import {\n  type B,\n} from './b.js';"),
        ("room/b.ts", "export type { C } from '../c.js';"),
        ("c.tsx", "import './room/a.js';"),
        ("d.ts", "import \"./e\";"),
        ("e/index.ts", "const late = await import('../d.js');"),
    ]);
    assert_eq!(
        found,
        ["src/c.tsx → src/room/a.ts → src/room/b.ts → src/c.tsx", "src/d.ts → src/e/index.ts → src/d.ts",]
    );
    assert_eq!(unknown, Vec::<String>::new());
}

#[test]
fn what_is_no_circle_is_left_alone() {
    let (found, unknown) = of(&[
        // Two ways to one file.
        ("a.ts", "import { b } from './b.js';\nimport { c } from './c.js';"),
        ("b.ts", "import { c } from './c.js';"),
        ("c.ts", "// as in import './a.js'\n/** `from './a.js'` */\nimport { api } from '@stile/api';"),
        ("c.test.ts", "import { a } from './a.js';\nimport { c } from './c.js';"),
        ("d.ts", "import { gone } from './gone.js';"),
    ]);
    assert_eq!(found, Vec::<String>::new());
    assert_eq!(unknown, ["src/d.ts: ./gone.js"]);
}
