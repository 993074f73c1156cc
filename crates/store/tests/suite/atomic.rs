//! A mutation happens whole or not at all, whatever its neighbours in a group do.

use stile_store::ledger::{Kind, consume};
use stile_store::{AuditFilter, CommitError, Load, Miss, Mutation, Step, audit, environments, users};

use crate::engines::{Db, all_at_once, each};
use crate::world::*;

/// Three writes to three tables, with a trace of each.
fn writes(n: u64) -> [Step; 3] {
    [
        consume(Kind::Challenge, &n.to_be_bytes(), NOW, at(600)),
        users::insert(environment_id(1), &user(n)),
        audit::insert(&event(n, &n.to_string())),
    ]
}

async fn traces(db: &Db, n: u64) -> (bool, bool) {
    let again = consume(Kind::Challenge, &n.to_be_bytes(), NOW, at(600));
    // Asks without leaving a trace: the second step misses whenever the first did not.
    let probe = db.missed([again, environments::bump_version(environment_id(99))]).await;
    let audited = db.store.audit(environment_id(1), AuditFilter::newest(u32::MAX)).await.unwrap();
    (probe == Miss::AlreadyUsed, audited.iter().any(|row| row.source.request == n.to_string()))
}

#[test]
fn a_miss_in_the_last_step_undoes_the_first() {
    each(async |db| {
        with_environments(&db).await;
        let last = environments::bump_version(environment_id(99));
        assert_eq!(db.missed(writes(1).into_iter().chain([last])).await, Miss::NotFound);
        assert_eq!(traces(&db, 1).await, (false, false));
        assert_eq!(db.store.count_users(environment_id(1)).await.unwrap(), 0);
        db.done(writes(1)).await;
        assert_eq!(traces(&db, 1).await, (true, true));
    });
}

#[test]
fn a_miss_in_the_first_step_stops_the_rest() {
    each(async |db| {
        with_environments(&db).await;
        let first = environments::bump_version(environment_id(99));
        assert_eq!(db.missed([first].into_iter().chain(writes(1))).await, Miss::NotFound);
        assert_eq!(traces(&db, 1).await, (false, false));
    });
}

#[test]
fn what_is_written_is_counted() {
    each(async |db| {
        with_environments(&db).await;
        let before = db.store.load();
        db.done(writes(1)).await;
        db.missed([environments::bump_version(environment_id(99))]).await;
        let after = db.store.load();
        let commits = |load: &Load| load.mutations.counts.iter().sum::<u64>();
        assert_eq!(commits(&after) - commits(&before), 2);
        assert_eq!(after.mutations.counts[0] - before.mutations.counts[0], 2, "each alone");
        assert_eq!(after.mutations.sum - before.mutations.sum, 2);
        assert_eq!(after.micros.counts.iter().sum::<u64>(), commits(&after));
        assert!(after.micros.sum >= before.micros.sum && after.waiting == 0, "{after:?}");
    });
}

#[test]
fn neighbours_in_a_group_do_not_feel_each_other() {
    const MANY: u64 = 600;
    each(async |db| {
        with_environments(&db).await;
        let missing = |n: u64| n.is_multiple_of(3);
        let broken = |n: u64| n.is_multiple_of(7);
        let mutations = (1..=MANY).map(|n| {
            let unknown = users::insert(environment_id(99), &user(MANY + n));
            Mutation::new(writes(n))
                .and(broken(n).then_some(unknown))
                .and_all(missing(n).then(|| environments::bump_version(environment_id(99))))
        });
        let answers = all_at_once(&[&db.store], mutations.collect()).await;
        let mut kept = 0;
        for (n, answer) in (1..).zip(answers) {
            match answer {
                // A row that points to nothing is an error of the engine; it too is this mutation's alone.
                Err(CommitError::Failed(_)) => assert!(broken(n), "{n}"),
                Err(CommitError::Missed(Miss::NotFound)) => assert!(missing(n) && !broken(n), "{n}"),
                Ok(()) => {
                    assert!(!missing(n) && !broken(n), "{n}");
                    kept += 1;
                }
                other => panic!("{n}: {other:?}"),
            }
        }
        assert_eq!(db.store.count_users(environment_id(1)).await.unwrap(), kept);
        let audited = db.store.audit(environment_id(1), AuditFilter::newest(u32::MAX)).await.unwrap();
        assert_eq!(audited.len(), usize::try_from(kept).unwrap());
        for n in [1, 2, 3, 4, 6, 7, 14, 21, 100] {
            let happened = !missing(n) && !broken(n);
            assert_eq!(traces(&db, n).await, (happened, happened), "{n}");
        }
    });
}

#[test]
fn nothing_to_do_is_done() {
    each(async |db| db.done([]).await);
}

#[test]
fn what_is_committed_is_read() {
    each(async |db| {
        with_environments(&db).await;
        let again = db.again();
        for version in 2..100 {
            db.done([environments::bump_version(environment_id(1))]).await;
            assert_eq!(db.store.environment_version(environment_id(1)).await.unwrap(), Some(version));
            assert_eq!(again.environment_version(environment_id(1)).await.unwrap(), Some(version));
        }
    });
}
