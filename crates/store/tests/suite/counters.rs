//! Invariant 7: failures count on their own, and a success passes only through the guard.

use stile_core::settings::Rate;
use stile_store::counters::{admit, bump, clear};
use stile_store::{Miss, Mutation};

use crate::engines::{all_at_once, each, winners};
use crate::world::*;

const KEY: [u8; 32] = [1; 32];

#[test]
fn a_counter_that_never_was_is_zero() {
    each(async |db| {
        assert_eq!(db.store.count(KEY, NOW).await.unwrap(), (0, NOW));
        db.done([clear(KEY, RATE, NOW)]).await;
        assert_eq!(db.store.count(KEY, NOW).await.unwrap().0, 0);
    });
}

#[test]
fn a_window_begins_with_its_first_event_and_does_not_move() {
    each(async |db| {
        for (second, count) in [(0, 1), (100, 2), (599, 3)] {
            db.done([bump(KEY, RATE, at(second))]).await;
            assert_eq!(db.store.count(KEY, at(second)).await.unwrap(), (count, at(600)));
        }
        assert_eq!(db.store.count(KEY, at(600)).await.unwrap(), (0, at(600)), "the window is over");
        db.done([bump(KEY, RATE, at(600))]).await;
        assert_eq!(db.store.count(KEY, at(600)).await.unwrap(), (1, at(1_200)));
    });
}

#[test]
fn a_success_begins_no_window() {
    each(async |db| {
        db.done([bump(KEY, RATE, NOW)]).await;
        db.done([clear(KEY, RATE, at(10))]).await;
        assert_eq!(db.store.count(KEY, at(10)).await.unwrap().0, 0);
        // Else the failures just before and just after the end of that window would count apart.
        db.done([bump(KEY, RATE, at(605))]).await;
        assert_eq!(db.store.count(KEY, at(605)).await.unwrap(), (1, at(1_205)));
    });
}

#[test]
fn failures_in_the_moment_of_a_success_count() {
    each(async |db| {
        db.done([clear(KEY, RATE, NOW)]).await;
        for _ in 0..5 {
            db.done([bump(KEY, RATE, NOW)]).await;
        }
        assert_eq!(db.missed([clear(KEY, RATE, NOW)]).await, Miss::LockedOut);
    });
}

#[test]
fn a_success_passes_only_below_the_limit() {
    each(async |db| {
        for _ in 0..4 {
            db.done([bump(KEY, RATE, NOW)]).await;
        }
        db.done([clear(KEY, RATE, NOW)]).await;
        for _ in 0..7 {
            db.done([bump(KEY, RATE, NOW)]).await;
        }
        assert_eq!(db.missed([clear(KEY, RATE, at(599))]).await, Miss::LockedOut);
        assert_eq!(db.store.count(KEY, at(599)).await.unwrap(), (7, at(600)), "a miss clears nothing");
        db.done([clear(KEY, RATE, at(600))]).await;
    });
}

#[test]
fn a_hundred_parallel_sends_are_admitted_five_times() {
    each(async |db| {
        let again = db.again();
        let sends = |now| (0..100).map(|_| Mutation::new([admit(KEY, RATE, now)])).collect();
        let first = all_at_once(&[&db.store, &again], sends(NOW)).await;
        assert_eq!(winners(&first, Miss::LockedOut), 5);
        assert_eq!(
            db.store.count(KEY, NOW).await.unwrap(),
            (5, at(600)),
            "refused ones neither count nor prolong"
        );
        assert_eq!(db.missed([admit(KEY, RATE, at(599))]).await, Miss::LockedOut);
        let next = all_at_once(&[&db.store, &again], sends(at(600))).await;
        assert_eq!(winners(&next, Miss::LockedOut), 5);
    });
}

#[test]
fn parallel_failures_are_all_counted_and_shut_successes_out() {
    each(async |db| {
        let again = db.again();
        let failures = (0..200).map(|_| Mutation::new([bump(KEY, RATE, NOW)])).collect();
        let answers = all_at_once(&[&db.store, &again], failures).await;
        assert!(answers.iter().all(Result::is_ok));
        assert_eq!(db.store.count(KEY, NOW).await.unwrap(), (200, at(600)));
        let successes = (0..20).map(|_| Mutation::new([clear(KEY, RATE, NOW)])).collect();
        assert_eq!(winners(&all_at_once(&[&db.store], successes).await, Miss::LockedOut), 0);
    });
}

#[test]
fn keys_count_apart_and_a_rate_of_one_admits_one() {
    each(async |db| {
        let once = Rate { requests: 1, seconds: 1 };
        db.done([admit([2; 32], once, NOW), admit([3; 32], once, NOW)]).await;
        assert_eq!(db.missed([admit([2; 32], once, NOW)]).await, Miss::LockedOut);
        db.done([admit([2; 32], once, at(1))]).await;
    });
}

#[test]
fn a_sweep_keeps_windows_that_are_open() {
    each(async |db| {
        db.done([bump(KEY, RATE, NOW)]).await;
        db.store.sweep(at(599)).await.unwrap();
        assert_eq!(db.store.count(KEY, at(599)).await.unwrap().0, 1);
        db.store.sweep(at(600)).await.unwrap();
        assert_eq!(db.store.count(KEY, at(599)).await.unwrap().0, 0);
    });
}
