//! A disk without room: commits fail as a whole, reads go on, and writing goes on when there is room again.

use std::collections::BTreeSet;
use std::path::Path;
use std::process::Command;

use stile_store::{CommitError, environments};

use super::child::{Talk, open, say, spawn, two_rows, wait_for_parent};
use super::raw;
use crate::engines::{all_at_once, run};
use crate::world::*;

/// Any user: a limit on the size of files, which a write past it meets as EFBIG (setrlimit(2)).
#[test]
fn a_file_that_may_not_grow() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("stile.db");
    let mut shell = Command::new("bash");
    // The signal would kill the process; ignored, the write fails, as on a full disk.
    shell.args(["-c", r#"trap '' XFSZ; ulimit -S -f 2048; exec "$@""#, "bash"]);
    let (mut child, mut talk) = spawn("filler", &path, 0, Some(shell));
    assert_eq!(talk.hear().as_deref(), Some("ready"));
    assert_eq!(talk.hear().as_deref(), Some("full"));
    let pid = child.id().to_string();
    let lifted = Command::new("prlimit").args(["--pid", &pid, "--fsize=unlimited"]).status();
    if !lifted.is_ok_and(|status| status.success()) {
        eprintln!("SKIPPED, the half after the failure: no prlimit(1) to lift the limit with");
        child.kill().unwrap();
        return;
    }
    finishes(&mut talk);
    assert!(child.wait().unwrap().success());
    raw::assert_sound(&path);
}

/// Root on Linux: a small file system of its own, which is really full (ENOSPC).
#[test]
fn a_disk_that_is_full() {
    let folder = tempfile::tempdir().unwrap();
    let mut unshare = Command::new("unshare");
    unshare.args(["--mount", "--propagation", "private", "bash", "-c"]);
    unshare.arg(
        r#"mount -t tmpfs -o size=24m stile "$1" && head -c 22000000 /dev/zero > "$1/ballast" && shift && exec "$@""#,
    );
    unshare.arg("bash").arg(folder.path());
    let mut rehearsal = Command::new("unshare");
    rehearsal
        .args(["--mount", "--propagation", "private", "mount", "-t", "tmpfs", "stile"])
        .arg(folder.path());
    if !rehearsal.status().is_ok_and(|status| status.success()) {
        eprintln!("SKIPPED: only root, where mounting is allowed, can make a small file system to fill");
        return;
    }
    let (mut child, mut talk) = spawn("filler", &folder.path().join("stile.db"), 0, Some(unshare));
    assert_eq!(talk.hear().as_deref(), Some("ready"));
    assert_eq!(talk.hear().as_deref(), Some("full"));
    // The file system is the child's alone: the way in is through its root.
    let inside = folder.path().strip_prefix("/").unwrap();
    std::fs::remove_file(
        Path::new("/proc").join(child.id().to_string()).join("root").join(inside).join("ballast"),
    )
    .unwrap();
    finishes(&mut talk);
    assert!(child.wait().unwrap().success());
}

fn finishes(talk: &mut Talk) {
    talk.go_on();
    assert_eq!(talk.hear().as_deref(), Some("good"));
}

/// The child: writes until the disk is full, then waits until there is room, then writes again.
pub(super) fn fill(path: &Path) {
    let kept = run(async {
        let store = open(path);
        let environment = environment(1);
        store.commit(stile_store::Mutation::new([environments::insert(&environment)])).await.unwrap();
        say("ready");
        let mut kept = BTreeSet::new();
        let mut next = 0;
        let mut failures = 0;
        while failures < 3 {
            assert!(next < 10_000, "the disk never got full");
            let numbers = next..next + 16;
            next += 16;
            let answers = all_at_once(&[&store], numbers.clone().map(|n| two_rows(n, 8_000)).collect()).await;
            for (n, answer) in numbers.zip(answers) {
                match answer {
                    Ok(()) => assert!(kept.insert(n)),
                    Err(CommitError::Failed(text)) => {
                        assert!(text.contains("full") || text.contains("disk I/O"), "{text}");
                        failures += 1;
                    }
                    other => panic!("{other:?}"),
                }
            }
            assert_eq!(store.environment_version(environment.id).await.unwrap(), Some(1), "reads go on");
        }
        assert_eq!(raw::written(path), kept, "just what was acknowledged");
        say("full");
        wait_for_parent();
        let numbers = next..next + 200;
        let answers = all_at_once(&[&store], numbers.clone().map(|n| two_rows(n, 8_000)).collect()).await;
        assert!(answers.iter().all(Result::is_ok), "there is room again: {answers:?}");
        kept.extend(numbers);
        kept
    });
    drop(open(path));
    assert_eq!(raw::written(path), kept);
    raw::assert_sound(path);
    say("good");
}
