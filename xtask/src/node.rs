//! The npm workspace: install and build it, each only when something changed.

use crate::{process, system};
use anyhow::{Context as _, Result};
use std::fs;
use std::hash::{DefaultHasher, Hash as _, Hasher as _};
use std::path::{Path, PathBuf};

/// Installs what the lock file names. The stamp is a copy of the lock file that was installed, so a
/// second run needs no network.
pub(crate) fn install() -> Result<String> {
    system::check_node()?;
    let lock = fs::read("package-lock.json").context("package-lock.json")?;
    let stamp = Path::new("node_modules/.stile-installed");
    if fs::read(stamp).is_ok_and(|installed| installed == lock) {
        return Ok("up to date".into());
    }
    process::run(&mut process::npm("npm", &["ci", "--no-audit", "--no-fund"]))?;
    fs::create_dir_all("node_modules")?;
    fs::write(stamp, lock)?;
    Ok(String::new())
}

/// Builds the packages and the demo. Left alone when nothing changed: the server embeds the demo,
/// and fresh file times would make cargo compile it again.
pub(crate) fn build() -> Result<String> {
    let stamp = Path::new("node_modules/.stile-built");
    let sources = sources()?;
    if fs::read_to_string(stamp).is_ok_and(|text| still_true(&text, sources)) {
        return Ok("up to date".into());
    }
    process::run(&mut process::npm("npm", &["run", "build"]))?;
    let mut text = format!("{sources:016x}\n");
    for output in outputs()? {
        text.push_str(&format!("{}\n", output.display()));
    }
    fs::write(stamp, text)?;
    Ok(String::new())
}

/// The stamp's first line is the hash of the sources, each other line a folder that was built.
fn still_true(stamp: &str, sources: u64) -> bool {
    let mut lines = stamp.lines();
    lines.next() == Some(&format!("{sources:016x}")) && lines.all(|output| Path::new(output).is_dir())
}

fn outputs() -> Result<Vec<PathBuf>> {
    let mut found = Vec::new();
    for package in fs::read_dir("packages")? {
        let output = package?.path().join("dist");
        if output.is_dir() {
            found.push(output);
        }
    }
    found.sort();
    Ok(found)
}

/// A hash of every file that the build reads: a change detector, no more.
fn sources() -> Result<u64> {
    let mut files = Vec::new();
    for entry in fs::read_dir(".")? {
        let path = entry?.path();
        if path.extension().is_some_and(|ending| ending == "json") {
            files.push(path);
        }
    }
    walk(Path::new("packages"), &mut files)?;
    files.sort();
    let mut hasher = DefaultHasher::new();
    for file in files {
        file.hash(&mut hasher);
        fs::read(&file)?.hash(&mut hasher);
    }
    Ok(hasher.finish())
}

fn walk(folder: &Path, files: &mut Vec<PathBuf>) -> Result<()> {
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        let name = entry.file_name();
        if entry.file_type()?.is_dir() {
            if name != "node_modules" && name != "dist" {
                walk(&entry.path(), files)?;
            }
        } else if !name.to_string_lossy().ends_with(".tsbuildinfo") {
            files.push(entry.path());
        }
    }
    Ok(())
}
