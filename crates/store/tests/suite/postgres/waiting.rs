//! Rows that somebody else holds: guards are judged by what is there when they are free again.

use std::future::poll_fn;
use std::task::Poll;
use std::time::Duration;

use stile_core::guessing::STRANGERS;
use stile_store::buckets::spend;
use stile_store::ledger::{Kind, consume};
use stile_store::{CommitError, Miss, Mutation, environments, users};
use tokio_postgres::Client;

use crate::engines::{Db, on_postgres};
use crate::world::*;

/// Waits until a backend of the store is held up by a lock, and answers its process id.
pub(super) async fn held_up(raw: &Client) -> i32 {
    let sql = "SELECT pid FROM pg_stat_activity
               WHERE datname = current_database() AND application_name = 'stile' AND wait_event_type = 'Lock'";
    for _ in 0..500 {
        if let Some(row) = raw.query_opt(sql, &[]).await.unwrap() {
            return row.get(0);
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    panic!("nobody waits");
}

async fn raw(db: &Db) -> Client {
    db.database().raw().await
}

#[test]
fn a_guard_looks_again_when_the_row_is_free() {
    on_postgres(async |db| {
        let (one, _) = with_environments(&db).await;
        db.done([users::insert(one, &user(1))]).await;
        let (holder, watcher) = (raw(&db).await, raw(&db).await);
        for (change, outcome) in [
            ("UPDATE users SET last_visit = 7", Ok(())),
            ("UPDATE users SET version = version + 1", Err(CommitError::Missed(Miss::UserChanged))),
            ("DELETE FROM users", Err(CommitError::Missed(Miss::UserChanged))),
        ] {
            holder.batch_execute("UPDATE users SET version = 1").await.unwrap();
            holder.batch_execute(&format!("BEGIN; {change}")).await.unwrap();
            let store = db.store.clone();
            let waits = tokio::spawn(async move {
                store.commit(Mutation::new([users::hold_version(one, &user(1))])).await
            });
            held_up(&watcher).await;
            holder.batch_execute("COMMIT").await.unwrap();
            assert_eq!(waits.await.unwrap(), outcome, "{change}");
        }
    });
}

#[test]
fn a_use_that_is_taken_back_leaves_the_thing_to_the_next() {
    on_postgres(async |db| {
        let (holder, watcher) = (raw(&db).await, raw(&db).await);
        for (end, outcome) in [("ROLLBACK", Ok(())), ("COMMIT", Err(CommitError::Missed(Miss::AlreadyUsed)))]
        {
            let key = end.as_bytes();
            let insert = "INSERT INTO ledger VALUES ('code', $1, NULL, 1, 2)";
            holder.batch_execute("BEGIN").await.unwrap();
            holder.execute(insert, &[&key]).await.unwrap();
            let mutation = Mutation::new([consume(Kind::Code, key, NOW, at(600))]);
            let store = db.store.clone();
            let waits = tokio::spawn(async move { store.commit(mutation).await });
            held_up(&watcher).await;
            holder.batch_execute(end).await.unwrap();
            assert_eq!(waits.await.unwrap(), outcome, "{end}");
        }
    });
}

/// A sweep that found a counter expired waits for it, and must not take the window that has begun meanwhile.
#[test]
fn a_sweep_spares_a_counter_that_begins_anew() {
    on_postgres(async |db| {
        db.done([spend([1; 32], STRANGERS, NOW)]).await;
        let (holder, watcher) = (raw(&db).await, raw(&db).await);
        let begin = "BEGIN; UPDATE counters SET count = 1, expires_at = 1900000000000000";
        holder.batch_execute(begin).await.unwrap();
        let store = db.store.clone();
        let sweep = tokio::spawn(async move { store.sweep(at(40_000)).await });
        held_up(&watcher).await;
        holder.batch_execute("COMMIT").await.unwrap();
        sweep.await.unwrap().unwrap();
        let [kept] = db.store.buckets([[1; 32]]).await.unwrap();
        assert_eq!(kept.get(), 1_900_000_000_000_000);
    });
}

#[test]
fn a_row_that_is_held_for_too_long_is_a_crowd() {
    on_postgres(async |db| {
        let (one, two) = with_environments(&db).await;
        let holder = raw(&db).await;
        holder.batch_execute("BEGIN; UPDATE environments SET name = ''").await.unwrap();
        let steps = [consume(Kind::Code, b"k", NOW, at(600)), environments::bump_version(one)];
        assert_eq!(db.store.commit(Mutation::new(steps)).await, Err(CommitError::Busy));
        holder.batch_execute("ROLLBACK").await.unwrap();
        db.done([consume(Kind::Code, b"k", NOW, at(600)), environments::bump_version(two)]).await;
    });
}

/// Who asked may go away; no transaction stays open for it, and the mutation is whole.
#[test]
fn a_caller_that_goes_away_leaves_nothing_half_done() {
    on_postgres(async |db| {
        let (one, _) = with_environments(&db).await;
        let (holder, watcher) = (raw(&db).await, raw(&db).await);
        holder.batch_execute("BEGIN; UPDATE environments SET name = ''").await.unwrap();
        let steps = [consume(Kind::Code, b"k", NOW, at(600)), environments::bump_version(one)];
        let store = db.store.clone();
        let caller = tokio::spawn(async move { store.commit(Mutation::new(steps)).await });
        held_up(&watcher).await;
        caller.abort();
        assert!(caller.await.unwrap_err().is_cancelled());
        holder.batch_execute("ROLLBACK").await.unwrap();
        // It waits for the row, which the other releases when it has ended.
        db.done([environments::bump_version(one)]).await;
        assert_eq!(db.store.environment_version(one).await.unwrap(), Some(3));
        assert_eq!(db.missed([consume(Kind::Code, b"k", NOW, at(600))]).await, Miss::AlreadyUsed);
    });
}

/// All connections are taken, and as many callers wait as may: the next one is told so at once, and the others in the end,
/// although nothing becomes free.
#[test]
fn nobody_waits_without_end_for_a_connection() {
    const QUEUE: u64 = 4_096;
    on_postgres(async |db| {
        let (one, _) = with_environments(&db).await;
        let holder = raw(&db).await;
        holder.batch_execute("BEGIN; UPDATE environments SET name = ''").await.unwrap();
        let touch = || {
            let store = db.store.clone();
            Box::pin(async move { store.commit(Mutation::new([environments::bump_version(one)])).await })
        };
        let mut waiting = Vec::new();
        for _ in 0..QUEUE {
            let mut answer = touch();
            assert!(poll_fn(|cx| Poll::Ready(answer.as_mut().poll(cx).is_pending())).await);
            waiting.push(answer);
        }
        // Each is a task of its own, which begins when it is its turn.
        while db.store.load().waiting < QUEUE {
            tokio::task::yield_now().await;
        }
        assert_eq!(touch().await, Err(CommitError::Busy));
        assert_eq!(db.store.load().waiting, QUEUE, "nobody had to go first");
        for answer in waiting {
            assert_eq!(answer.await, Err(CommitError::Busy));
        }
        holder.batch_execute("ROLLBACK").await.unwrap();
        db.done([environments::bump_version(one)]).await;
    });
}
