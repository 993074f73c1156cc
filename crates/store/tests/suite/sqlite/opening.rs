//! Paths that cannot be used are refused at once, with a text that says which and why.

use std::fs;
use std::path::Path;

use stile_store::{OpenError, Store};

use super::child::{open, say, spawn};
use crate::world::NOW;

fn refused(path: &Path) -> String {
    match Store::sqlite(path, NOW) {
        Ok(_) => panic!("{} was opened", path.display()),
        Err(error @ OpenError::Unusable { .. }) => {
            let text = error.to_string();
            assert!(text.contains(&path.display().to_string()), "{text}");
            text
        }
        Err(error) => panic!("{error}"),
    }
}

#[test]
fn a_folder_that_is_not_there() {
    let folder = tempfile::tempdir().unwrap();
    let text = refused(&folder.path().join("missing/stile.db"));
    assert!(text.contains("folder does not exist"), "{text}");
    assert!(!folder.path().join("missing").exists(), "nothing was made");
}

#[test]
fn a_folder_in_place_of_the_file() {
    let folder = tempfile::tempdir().unwrap();
    let text = refused(folder.path());
    assert!(text.contains("is a folder"), "{text}");
}

#[test]
fn a_file_in_place_of_the_folder() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("file");
    fs::write(&file, "x").unwrap();
    refused(&file.join("stile.db"));
}

#[test]
fn a_file_that_is_something_else_is_left_alone() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("photo.png");
    let other = b"not a database, but long enough to be looked at as one".repeat(100);
    fs::write(&path, &other).unwrap();
    let text = refused(&path);
    assert!(text.contains("not a database"), "{text}");
    assert_eq!(fs::read(&path).unwrap(), other);
}

/// Each connection would be a database of its own, and none would be kept.
#[test]
fn names_that_mean_no_file() {
    for name in [":memory:", ""] {
        refused(Path::new(name));
    }
}

#[test]
fn a_file_that_may_not_be_written() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("stile.db");
    // While another process has it open, SQLite would let a reader in, who then finds that every commit fails.
    let owner = open(&path);
    may(&path, 0o444);
    may(folder.path(), 0o555);
    if fs::write(folder.path().join("probe"), "").is_err() {
        assert!(refused(&path).contains("not write it"));
    } else {
        // Nothing is forbidden to root: somebody else must try.
        let mut setpriv = std::process::Command::new("setpriv");
        setpriv.args(["--reuid=65534", "--regid=65534", "--clear-groups"]);
        let (mut child, mut talk) = spawn("opener", &path, 0, Some(setpriv));
        if talk.hear().is_none() {
            eprintln!("SKIPPED: no other user can run this binary");
        } else {
            let said = talk.hear().unwrap();
            assert!(said.contains("not write it"), "{said}");
        }
        child.wait().unwrap();
    }
    may(folder.path(), 0o755);
    drop(owner);
}

fn may(path: &Path, mode: u32) {
    use std::os::unix::fs::PermissionsExt;
    fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
}

pub(super) fn open_without_rights(path: &Path) {
    say("ready");
    say(&refused(path));
}
