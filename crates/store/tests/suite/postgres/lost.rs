//! Connections that are lost: what is answered is true, and the next call finds its way.

use std::time::Duration;

use stile_store::ledger::{Kind, consume};
use stile_store::{AuditFilter, CommitError, Miss, Mutation, Store, audit, environments};

use super::proxy::{Mode, Proxy};
use super::waiting::held_up;
use crate::engines::{Db, on_postgres};
use crate::world::*;

fn write(n: u64) -> Mutation {
    let key = n.to_be_bytes();
    Mutation::new([consume(Kind::Code, &key, NOW, at(600)), audit::insert(&event(n, &n.to_string()))])
}

async fn audited(db: &Db, n: u64) -> bool {
    let rows = db.store.audit(environment_id(1), AuditFilter::newest(1_000)).await.unwrap();
    rows.iter().any(|row| row.source.request == n.to_string())
}

/// Whether `write(n)` happened; half of it would panic.
async fn written(db: &Db, n: u64) -> bool {
    let audited = audited(db, n).await;
    let missing = environments::bump_version(environment_id(99));
    let probe = db.missed([consume(Kind::Code, &n.to_be_bytes(), NOW, at(600)), missing]).await;
    assert_eq!(audited, probe == Miss::AlreadyUsed, "half a mutation");
    audited
}

#[test]
fn a_backend_that_dies_in_mid_mutation_has_written_nothing() {
    on_postgres(async |db| {
        let (one, _) = with_environments(&db).await;
        let (holder, watcher) = (db.database().raw().await, db.database().raw().await);
        for n in 1..=3 {
            holder.batch_execute("BEGIN; UPDATE environments SET name = ''").await.unwrap();
            let store = db.store.clone();
            let mutation = write(n).and(environments::bump_version(one));
            let waits = tokio::spawn(async move { store.commit(mutation).await });
            let victim = held_up(&watcher).await;
            watcher.execute("SELECT pg_terminate_backend($1)", &[&victim]).await.unwrap();
            let answer = waits.await.unwrap();
            assert!(matches!(answer, Err(CommitError::Failed(_))), "{answer:?}");
            holder.batch_execute("ROLLBACK").await.unwrap();
            assert!(!written(&db, n).await);
        }
        db.store.commit(write(1)).await.unwrap();
        assert!(written(&db, 1).await);
    });
}

#[test]
fn an_unanswered_commit_is_unknown_and_true_either_way() {
    on_postgres(async |db| {
        with_environments(&db).await;
        let proxy = Proxy::new(db.database()).await;
        let store = Store::postgres(&proxy.url, NOW).await.unwrap();
        for n in 1..=5 {
            store.commit(write(100 + n)).await.unwrap();
            proxy.set(Mode::CutBeforeCommit);
            assert_eq!(store.commit(write(n)).await, Err(CommitError::Unknown));
            proxy.set(Mode::Whole);
            assert!(!written(&db, n).await, "COMMIT never arrived");
            store.commit(write(n)).await.unwrap();
        }
        for n in 11..=15 {
            proxy.set(Mode::CutAfterCommit);
            assert_eq!(store.commit(write(n)).await, Err(CommitError::Unknown));
            proxy.set(Mode::Whole);
            // The server may still be at it.
            for _ in 0..500 {
                if audited(&db, n).await {
                    break;
                }
                tokio::time::sleep(Duration::from_millis(10)).await;
            }
            assert!(written(&db, n).await, "COMMIT arrived");
            let again = store.commit(write(n)).await;
            assert_eq!(again, Err(CommitError::Missed(Miss::AlreadyUsed)));
        }
    });
}

#[test]
fn a_commit_is_not_waited_for_for_ever() {
    on_postgres(async |db| {
        with_environments(&db).await;
        let proxy = Proxy::new(db.database()).await;
        let store = Store::postgres(&proxy.url, NOW).await.unwrap();
        proxy.set(Mode::SilentAfterCommit);
        assert_eq!(store.commit(write(1)).await, Err(CommitError::Unknown));
        proxy.set(Mode::Whole);
        assert!(written(&db, 1).await);
        store.commit(write(2)).await.unwrap();
    });
}

/// What a restart of the server does to connections that lie idle.
#[test]
fn the_next_call_finds_its_way_after_all_connections_were_closed() {
    on_postgres(async |db| {
        let (one, _) = with_environments(&db).await;
        let watcher = db.database().raw().await;
        for n in 1..=20 {
            db.store.commit(write(n)).await.unwrap();
            db.store.environment_version(one).await.unwrap();
            db.store.environment_version(one).await.unwrap();
            let others = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity
                          WHERE datname = current_database() AND pid <> pg_backend_pid()";
            assert!(watcher.query(others, &[]).await.unwrap().len() >= 3);
            assert_eq!(db.store.environment_version(one).await.unwrap(), Some(1));
            assert!(written(&db, n).await);
        }
    });
}

#[test]
fn a_server_that_is_away_is_an_error_and_its_return_is_noticed() {
    on_postgres(async |db| {
        let (one, _) = with_environments(&db).await;
        let proxy = Proxy::new(db.database()).await;
        let store = Store::postgres(&proxy.url, NOW).await.unwrap();
        store.commit(write(1)).await.unwrap();
        proxy.set(Mode::Broken);
        for n in 2..5 {
            let answer = store.commit(write(n)).await;
            assert!(matches!(answer, Err(CommitError::Failed(_))), "{answer:?}");
            assert!(store.environment_version(one).await.is_err());
        }
        proxy.set(Mode::Whole);
        assert_eq!(store.environment_version(one).await.unwrap(), Some(1));
        store.commit(write(2)).await.unwrap();
        assert!(!written(&db, 3).await);
    });
}
