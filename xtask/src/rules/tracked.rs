//! What must not lie in the work tree: addresses of registries, paths of somebody's machine.

use super::{files, shown};
use crate::docs;
use std::fs;

/// Written in pieces, so that this file passes its own test.
fn forbidden() -> Vec<String> {
    let pieces = [
        ["registry.", "npmjs.org"],
        ["registry.", "yarnpkg.com"],
        ["index.", "crates.io"],
        ["static.", "crates.io"],
        ["deb.", "debian.org"],
        ["security.", "debian.org"],
        ["files.", "pythonhosted.org"],
        ["/wo", "rk/"],
        ["/ro", "ot/"],
        ["/ho", "me/"],
    ];
    pieces.iter().map(|piece| piece.concat()).collect()
}

#[test]
fn no_registry_and_no_machine_is_named() {
    let forbidden = forbidden();
    let mut found = Vec::new();
    for file in files(".") {
        // Anything that is not text is skipped.
        let Ok(text) = fs::read_to_string(&file) else { continue };
        for (at, line) in text.lines().enumerate() {
            for name in forbidden.iter().filter(|name| names(line, name)) {
                found.push(format!("{}:{}: {name}", shown(&file), at + 1));
            }
        }
    }
    assert_eq!(found, Vec::<String>::new());
}

/// A path counts where it begins, so that `/api/work/` would be allowed.
fn names(line: &str, name: &str) -> bool {
    let begins = |at: usize| !line[..at].ends_with(|c: char| c.is_alphanumeric() || c == '}' || c == '.');
    line.match_indices(name).any(|(at, _)| !name.starts_with('/') || begins(at))
}

#[test]
fn a_path_is_found_where_it_begins() {
    let path = ["/wo", "rk/"].concat();
    assert!(names(&format!("cd {path}main"), &path));
    assert!(!names(&format!("GET /api{path}1"), &path));
}

#[test]
fn lock_files_hold_no_download_address() {
    let resolved = ["\"resolved\": \"ht", "tp"].concat();
    for file in files(".").iter().filter(|file| file.ends_with("package-lock.json")) {
        let text = fs::read_to_string(file).unwrap();
        assert!(!text.contains(&resolved), "{}", shown(file));
    }
    let cargo = fs::read_to_string(crate::root().join("Cargo.lock")).unwrap();
    let sources = cargo.lines().filter(|line| line.starts_with("source = "));
    let usual = "source = \"registry+https://github.com/rust-lang/crates.io-index\"";
    assert_eq!(sources.filter(|line| *line != usual).collect::<Vec<_>>(), Vec::<&str>::new());
}

#[test]
fn commands_in_the_documents_exist() {
    std::env::set_current_dir(crate::root()).unwrap();
    assert_eq!(docs::commands_of_xtask().map_err(|error| error.to_string()).err(), None);
}

#[test]
fn links_in_the_documents_lead_somewhere() {
    std::env::set_current_dir(crate::root()).unwrap();
    assert_eq!(docs::links().map_err(|error| error.to_string()).err(), None);
}
