//! Several nodes on one database.

use stile_core::EnvironmentId;
use stile_core::Format;
use stile_store::ledger::{Kind, consume};
use stile_store::{Account, Miss, Mutation, Store, credentials, environments, users};
use tokio::task::JoinSet;

use super::database::Database;
use crate::engines::{all_at_once, on_postgres, winners};
use crate::world::*;

#[test]
fn of_two_hundred_uses_on_two_nodes_one_succeeds() {
    on_postgres(async |db| {
        let again = db.again();
        for round in 0..20_u64 {
            let use_it = || Mutation::new([consume(Kind::ElevatedToken, &round.to_be_bytes(), NOW, at(600))]);
            let answers = all_at_once(&[&db.store, &again], (0..200).map(|_| use_it()).collect()).await;
            assert_eq!(winners(&answers, Miss::AlreadyUsed), 1);
        }
    });
}

async fn account(store: &Store, environment: EnvironmentId, n: u64) -> Account {
    let identifier = format!("{n}@example.org");
    store.account_by_identifier(environment, Format::Email, identifier.as_bytes()).await.unwrap().unwrap()
}

/// Write skew: each removal alone leaves a credential, both together would leave none.
#[test]
fn of_two_removals_of_the_last_two_credentials_one_happens() {
    on_postgres(async |db| {
        let (one, _) = with_environments(&db).await;
        let again = db.again();
        for n in 1..=100 {
            let owner = user(n).id;
            db.done(signed_in(one, n)).await;
            db.done(enrolled(one, owner, 1_000 + n, 0)).await;
            let (here, there) = (account(&db.store, one, n).await, account(&again, one, n).await);
            let removals = [(here, n), (there, 1_000 + n)].map(|(read, credential)| {
                assert_eq!(read.credentials.len(), 2);
                Mutation::new([
                    users::bump_version(one, &read.user),
                    credentials::delete(one, owner, credential_id(credential)),
                ])
            });
            let answers = all_at_once(&[&db.store, &again], removals.into()).await;
            assert_eq!(winners(&answers, Miss::UserChanged), 1);
            let left = db.store.principal(one, session_id(n)).await.unwrap().unwrap().credentials;
            assert_eq!(left.len(), 1);
        }
    });
}

/// Mutations that take the same rows in opposite orders stop each other; the server frees one, which is tried again.
#[test]
fn a_deadlock_is_resolved() {
    on_postgres(async |db| {
        let (one, two) = with_environments(&db).await;
        let again = db.again();
        let touches = (0..20).map(|n| {
            let (first, second) = if n % 2 == 0 { (one, two) } else { (two, one) };
            Mutation::new([environments::bump_version(first), environments::bump_version(second)])
        });
        let answers = all_at_once(&[&db.store, &again], touches.collect()).await;
        let done = answers.iter().filter(|answer| answer.is_ok()).count();
        // Under a storm of them, some may be told to come back; what was answered is true.
        let version = Some(1 + i64::try_from(done).unwrap());
        assert!(done > 0);
        assert_eq!(db.store.environment_version(one).await.unwrap(), version);
        assert_eq!(db.store.environment_version(two).await.unwrap(), version);
    });
}

#[test]
fn four_nodes_that_start_at_once_migrate_once() {
    on_postgres(async |_| {
        for _ in 0..5 {
            let empty = Database::empty();
            let mut nodes = JoinSet::new();
            for n in 0..4 {
                let url = empty.url();
                nodes.spawn(async move { Store::postgres(&url, at(n)).await.unwrap() });
            }
            for node in nodes.join_all().await {
                assert_eq!(node.environments().await.unwrap(), []);
            }
            let raw = empty.raw().await;
            let sql = "SELECT COUNT(*), MAX(version), COUNT(DISTINCT applied_at) FROM migrations";
            let row = raw.query_one(sql, &[]).await.unwrap();
            let (rows, newest, times): (i64, i64, i64) = (row.get(0), row.get(1), row.get(2));
            assert_eq!((rows, times), (newest, 1));
        }
    });
}
