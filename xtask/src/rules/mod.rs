//! The rules of the house that no compiler knows, as tests over the work tree.

mod advisories;
mod arrows;
mod circles;
mod events;
mod floors;
mod formats;
mod modules;
mod rooms;
mod source;
mod tracked;

use crate::root;
use std::fs;
use std::path::{Path, PathBuf};

/// Every file below a folder of the work tree, sorted; none when there is no such folder. What is
/// built, installed or hidden is left out.
fn files(folder: &str) -> Vec<PathBuf> {
    let mut found = Vec::new();
    walk(&root().join(folder), &mut found);
    found.sort();
    found
}

fn walk(folder: &Path, found: &mut Vec<PathBuf>) {
    const BUILT: [&str; 5] = ["target", "node_modules", "dist", "output", "coverage"];
    let Ok(entries) = fs::read_dir(folder) else { return };
    for entry in entries {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        if !path.is_dir() {
            found.push(path);
        } else if !BUILT.contains(&name.as_str())
            && (!name.starts_with('.') || name == ".ci" || name == ".cargo")
        {
            walk(&path, found);
        }
    }
}

/// The path as a reader of the work tree would write it.
fn shown(path: &Path) -> String {
    path.strip_prefix(root()).unwrap_or(path).display().to_string()
}
