//! The writer ends with the last handle, and lets go of the file.

use std::fs;
use std::path::Path;

use super::child::{open, two_rows};
use super::raw;
use crate::engines::run;

/// The last connection to close takes the log with it.
fn closed(path: &Path) -> bool {
    !path.with_extension("db-wal").exists()
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
            assert!(!closed(&path), "one handle is left");
            handle.commit(two_rows(100 + round, 0)).await.unwrap();
        });
        drop(handle);
        assert!(closed(&path), "at once, not some time later");
        if cfg!(target_os = "linux") {
            assert_eq!(descriptors(folder.path()), 0);
        }
        assert_eq!(raw::written(&path), [round, 100 + round].into());
        fs::remove_file(&path).unwrap();
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0, "no file is left beside it");
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
    assert!(closed(&path));
    assert_eq!(raw::written(&path).len(), 1_000);
}

/// How many open files of this process are in the folder (proc(5)).
fn descriptors(folder: &Path) -> usize {
    let open = fs::read_dir("/proc/self/fd").unwrap();
    open.filter_map(|fd| fs::read_link(fd.ok()?.path()).ok()).filter(|file| file.starts_with(folder)).count()
}
