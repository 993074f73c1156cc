//! The queue before the writer is bounded: beyond the bound callers hear `Busy` at once, and wait for nothing.

use std::future::poll_fn;
use std::task::Poll;

use stile_store::CommitError;

use super::child::two_rows;
use super::raw;
use crate::engines::{Db, run};

/// What the writer can hold: the queue, and one group that it has taken out of it.
const HELD: usize = 4_096 + 256;

#[test]
fn beyond_the_bound_a_caller_hears_busy_and_what_was_accepted_is_done() {
    const SENT: usize = HELD + 700;
    let db = Db::sqlite();
    run(async {
        let lock = raw::locked(&db.path());
        let mut waiting = Vec::new();
        let mut busy = 0;
        for n in 0_u64..SENT.try_into().unwrap() {
            let store = db.store.clone();
            let mut answer = Box::pin(async move { store.commit(two_rows(n, 0)).await });
            // The first poll decides whether there is room; while the lock is held, nothing is answered but that.
            match poll_fn(|cx| Poll::Ready(answer.as_mut().poll(cx))).await {
                Poll::Pending => waiting.push((n, answer)),
                Poll::Ready(said) => {
                    assert_eq!(said, Err(CommitError::Busy));
                    busy += 1;
                }
            }
        }
        assert!((SENT - HELD..=SENT - 4_096).contains(&busy), "{busy} were turned away");
        drop(lock);
        let mut accepted = std::collections::BTreeSet::new();
        for (n, answer) in waiting {
            answer.await.unwrap();
            accepted.insert(n);
        }
        assert_eq!(raw::written(&db.path()), accepted, "nothing of those that were turned away");
        db.store.commit(two_rows(1_000_000, 0)).await.unwrap();
    });
}

#[test]
fn reads_do_not_wait_for_a_writer() {
    let db = Db::sqlite();
    run(async {
        let lock = raw::locked(&db.path());
        assert_eq!(db.store.environments().await.unwrap(), []);
        drop(lock);
    });
}

#[test]
fn a_caller_that_goes_away_takes_nothing_back() {
    let db = Db::sqlite();
    run(async {
        let lock = raw::locked(&db.path());
        for n in 0..300 {
            let store = db.store.clone();
            let mut answer = Box::pin(async move { store.commit(two_rows(n, 0)).await });
            assert!(poll_fn(|cx| Poll::Ready(answer.as_mut().poll(cx).is_pending())).await);
        }
        drop(lock);
        // First come, first written: when this one is, so are they.
        db.store.commit(two_rows(300, 0)).await.unwrap();
        assert_eq!(raw::written(&db.path()).len(), 301);
    });
}
