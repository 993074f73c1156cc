//! The writer ends with the last handle, and lets go of the file.

use std::fs;
use std::path::Path;

use super::child::{open, two_rows};
use super::raw;
use crate::engines::run;

/// No file of the folder is open in this process (proc(5)). Elsewhere than on Linux nobody can tell.
fn closed(folder: &Path) -> bool {
    let Ok(open) = fs::read_dir("/proc/self/fd") else { return true };
    !open.filter_map(|fd| fs::read_link(fd.ok()?.path()).ok()).any(|file| file.starts_with(folder))
}

#[test]
fn after_the_last_handle_the_file_can_be_deleted_and_made_anew() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("stile.db");
    for round in 0..5 {
        let store = open(&path);
        let handle = store.clone();
        run(async {
            store.commit(two_rows(round, 0)).await.unwrap();
            assert_eq!(store.environments().await.unwrap(), []);
            drop(store);
            assert!(!cfg!(target_os = "linux") || !closed(folder.path()), "one handle is left");
            handle.commit(two_rows(100 + round, 0)).await.unwrap();
        });
        drop(handle);
        assert!(closed(folder.path()), "at once, not some time later");
        assert_eq!(raw::written(&path), [round, 100 + round].into());
        for file in fs::read_dir(folder.path()).unwrap() {
            fs::remove_file(file.unwrap().path()).unwrap();
        }
    }
}

/// What was accepted is written, even when nobody waits for it any more.
#[test]
fn the_queue_is_emptied_before_the_end() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("stile.db");
    let store = open(&path);
    let lock = raw::locked(&path);
    run(async {
        for n in 0..1_000 {
            let store = store.clone();
            let mut answer = Box::pin(async move { store.commit(two_rows(n, 0)).await });
            let waits =
                std::future::poll_fn(|cx| std::task::Poll::Ready(answer.as_mut().poll(cx).is_pending()))
                    .await;
            assert!(waits);
        }
    });
    // The last handle waits for the writer, which waits for the lock.
    let end = std::thread::spawn(move || drop(store));
    drop(lock);
    end.join().unwrap();
    assert!(closed(folder.path()));
    assert_eq!(raw::written(&path).len(), 1_000);
}
