//! Two handles, or two processes, on one file, as the command line beside the server: nothing is lost, and
//! nobody hears of the other's lock.

use std::collections::BTreeSet;
use std::sync::Barrier;

use stile_store::{Mutation, environments};

use super::child::{open, spawn, two_rows};
use super::raw;
use crate::engines::{Db, all_at_once, run};
use crate::world::*;

#[test]
fn two_handles_write_at_once() {
    let db = Db::sqlite();
    let again = db.again();
    run(async {
        let answers = all_at_once(&[&db.store, &again], (0..4_000).map(|n| two_rows(n, 0)).collect()).await;
        assert!(answers.iter().all(Result::is_ok), "{:?}", answers.iter().find(|a| a.is_err()));
    });
    assert_eq!(raw::written(&db.path()), (0..4_000).collect());
    raw::assert_sound(&db.path());
}

/// One handle is never idle, so that its lock is free for moments only; the other must find them.
#[test]
fn a_busy_neighbour_does_not_starve_a_quiet_one() {
    let db = Db::sqlite();
    let quiet = db.again();
    run(async {
        let (stop, stopped) = tokio::sync::watch::channel(false);
        let busy: Vec<_> = (0..32_u64)
            .map(|caller| {
                let (store, stopped) = (db.store.clone(), stopped.clone());
                tokio::spawn(async move {
                    let mut n = caller << 32;
                    while !*stopped.borrow() {
                        store.commit(two_rows(n, 200)).await.unwrap();
                        n += 1;
                    }
                })
            })
            .collect();
        let one = Mutation::new([environments::insert(&environment(1))]);
        quiet.commit(one).await.unwrap();
        for _ in 0..25 {
            quiet.commit(Mutation::new([environments::bump_version(environment_id(1))])).await.unwrap();
        }
        stop.send(true).unwrap();
        for task in busy {
            task.await.unwrap();
        }
        assert_eq!(db.store.environment_version(environment_id(1)).await.unwrap(), Some(26));
    });
}

#[test]
fn two_processes_write_at_once() {
    const THEIRS: u64 = 1 << 40;
    let db = Db::sqlite();
    let (mut child, mut talk) = spawn("writer", &db.path(), THEIRS, None);
    let mut acknowledged = BTreeSet::new();
    let mut hear =
        |some: usize| -> Vec<u64> { (0..some).map(|_| talk.hear().unwrap().parse().unwrap()).collect() };
    acknowledged.extend(hear(1));
    run(async {
        for round in 0..30 {
            let numbers = round * 50..(round + 1) * 50;
            let answers = all_at_once(&[&db.store], numbers.clone().map(|n| two_rows(n, 0)).collect()).await;
            assert!(answers.iter().all(Result::is_ok), "{:?}", answers.iter().find(|a| a.is_err()));
            acknowledged.extend(numbers);
            acknowledged.extend(hear(1));
        }
    });
    child.kill().unwrap();
    child.wait().unwrap();
    while let Some(n) = talk.hear() {
        acknowledged.insert(n.parse().unwrap());
    }
    let written = raw::written(&db.path());
    assert_eq!(acknowledged.difference(&written).collect::<Vec<_>>(), Vec::<&u64>::new());
    raw::assert_sound(&db.path());
}

/// Processes that start at once on a file that is not there yet. The moment in which SQLite would answer
/// "locked" is short, so that this is tried a number of times.
#[test]
fn many_may_open_a_new_database_at_once() {
    for _ in 0..30 {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("stile.db");
        let start = Barrier::new(6);
        let handles: Vec<_> = std::thread::scope(|scope| {
            let opener = || {
                start.wait();
                open(&path)
            };
            let openers: Vec<_> = (0..6).map(|_| scope.spawn(opener)).collect();
            openers.into_iter().map(|opener| opener.join().unwrap()).collect()
        });
        run(async {
            let handles: Vec<_> = handles.iter().collect();
            let answers = all_at_once(&handles, (0..12).map(|n| two_rows(n, 0)).collect()).await;
            assert!(answers.iter().all(Result::is_ok), "{answers:?}");
        });
    }
}
