//! Users: the version guard (invariant 6), names, and what goes away with a user.

use stile_core::{EnvironmentId, Format, User};
use stile_store::{Account, CommitError, Miss, Mutation, Store, credentials, users};

use crate::engines::{Db, all_at_once, each, winners};
use crate::world::*;

async fn account(db: &Db, environment: EnvironmentId, n: u64) -> Account {
    let identifier = format!("{n}@example.org");
    db.store.account_by_identifier(environment, Format::Email, identifier.as_bytes()).await.unwrap().unwrap()
}

#[test]
fn a_change_is_made_from_the_version_that_was_read() {
    each(async |db| {
        let (one, two) = with_environments(&db).await;
        db.done(signed_in(one, 1)).await;
        let read = account(&db, one, 1).await.user;
        assert_eq!(db.missed([users::bump_version(two, &read)]).await, Miss::UserChanged);
        db.done([users::hold_version(one, &read), users::hold_version_and_visit(one, &read, at(5))]).await;
        db.done([users::bump_version(one, &read)]).await;

        let now = account(&db, one, 1).await.user;
        assert_eq!(now, User { version: 2, last_visit: at(5), ..read.clone() });
        for stale in [
            users::bump_version(one, &read),
            users::hold_version(one, &read),
            users::hold_version_and_visit(one, &read, NOW),
        ] {
            assert_eq!(db.missed([stale]).await, Miss::UserChanged);
        }
        db.done([users::bump_version(one, &now)]).await;
        db.done([users::delete(one, now.id)]).await;
        let now = User { version: 3, ..now };
        assert_eq!(db.missed([users::hold_version(one, &now)]).await, Miss::UserChanged);
    });
}

#[test]
fn of_two_removals_that_each_leave_a_factor_one_happens() {
    each(async |db| {
        let (one, _) = with_environments(&db).await;
        let again = db.again();
        for n in 1..=40 {
            let owner = user(n);
            db.done(signed_in(one, n)).await;
            db.done(enrolled(one, owner.id, 1_000 + n, 0)).await;
            db.done(enrolled(one, owner.id, 2_000 + n, 0)).await;
            let read = account(&db, one, n).await;
            assert_eq!(read.credentials.len(), 3);
            // Each would leave one passkey: both would leave none.
            let removals = [1_000 + n, 2_000 + n].map(|c| {
                Mutation::new([
                    users::bump_version(one, &read.user),
                    credentials::delete(one, owner.id, credential_id(c)),
                ])
            });
            let answers = all_at_once(&[&db.store, &again], removals.into()).await;
            assert_eq!(winners(&answers, Miss::UserChanged), 1);
            assert_eq!(account(&db, one, n).await.credentials.len(), 2);
        }
    });
}

#[test]
fn what_is_granted_on_factors_that_were_read_does_not_outlive_them() {
    each(async |db| {
        let (one, _) = with_environments(&db).await;
        db.done(signed_in(one, 1)).await;
        let read = account(&db, one, 1).await.user;
        db.done([users::bump_version(one, &read)]).await;
        let grants = (0..50).map(|_| Mutation::new([users::hold_version(one, &read)])).collect();
        assert_eq!(winners(&all_at_once(&[&db.store], grants).await, Miss::UserChanged), 0);
    });
}

#[test]
fn reloading_and_trying_again_loses_no_change() {
    async fn rename(store: Store, environment: EnvironmentId) {
        loop {
            let read = store
                .account_by_identifier(environment, Format::Email, b"1@example.org")
                .await
                .unwrap()
                .unwrap();
            match store.commit(Mutation::new([users::bump_version(environment, &read.user)])).await {
                Ok(()) => return,
                Err(CommitError::Missed(Miss::UserChanged)) => {}
                Err(other) => panic!("{other}"),
            }
        }
    }
    each(async |db| {
        let (one, _) = with_environments(&db).await;
        db.done(signed_in(one, 1)).await;
        let tasks: Vec<_> = (0..20).map(|_| tokio::spawn(rename(db.store.clone(), one))).collect();
        for task in tasks {
            task.await.unwrap();
        }
        assert_eq!(account(&db, one, 1).await.user.version, 21);
    });
}

#[test]
fn a_username_is_unique_in_its_environment() {
    each(async |db| {
        let (one, two) = with_environments(&db).await;
        db.done([users::insert(one, &named(1, "alice"))]).await;
        assert_eq!(db.missed([users::insert(one, &named(2, "alice"))]).await, Miss::Taken);
        db.done([users::insert(two, &named(3, "alice")), users::insert(one, &named(4, "Alice"))]).await;
        db.done([users::insert(one, &user(5)), users::insert(one, &user(6))]).await;

        assert!(db.store.username_taken(one, "alice").await.unwrap());
        assert!(!db.store.username_taken(one, "bob").await.unwrap());
        assert_eq!(db.missed([users::set_profile(one, user(5).id, &profile("alice"))]).await, Miss::Taken);
        db.done([users::set_profile(one, user(1).id, &profile("alice"))]).await;
        db.done([users::set_profile(one, user(1).id, &profile("bob"))]).await;
        db.done([users::set_profile(one, user(5).id, &profile("alice"))]).await;
        db.done([users::set_profile(one, user(5).id, &user(5).profile)]).await;
        assert!(!db.store.username_taken(one, "alice").await.unwrap(), "given back");
        assert_eq!(db.store.count_users(one).await.unwrap(), 4);
        assert_eq!(db.store.count_users(two).await.unwrap(), 1);
    });
}

#[test]
fn a_name_that_many_want_at_once_goes_to_one() {
    each(async |db| {
        let (one, _) = with_environments(&db).await;
        let again = db.again();
        db.done((1..=60).map(|n| users::insert(one, &user(n)))).await;
        let wishes =
            (1..=60).map(|n| Mutation::new([users::set_profile(one, user(n).id, &profile("alice"))]));
        let answers = all_at_once(&[&db.store, &again], wishes.collect()).await;
        assert_eq!(winners(&answers, Miss::Taken), 1);
    });
}

#[test]
fn a_profile_is_kept_as_it_was_written() {
    each(async |db| {
        let (one, _) = with_environments(&db).await;
        db.done(signed_in(one, 1)).await;
        let mut wanted = profile("zoë");
        wanted.metadata =
            serde_json::json!({ "note": "it's \"quoted\" \u{0} ✓", "n": 1 }).as_object().cloned();
        wanted.policies_consent = Some(false);
        db.done([users::set_profile(one, user(1).id, &wanted)]).await;
        assert_eq!(account(&db, one, 1).await.user.profile, wanted);
    });
}

#[test]
fn everything_of_a_user_goes_with_the_user() {
    each(async |db| {
        let (one, two) = with_environments(&db).await;
        for n in [1, 2] {
            db.done(signed_in(one, n)).await;
            db.done(enrolled(one, user(n).id, 10 + n, 0)).await;
        }
        assert_eq!(db.missed([users::delete(two, user(1).id)]).await, Miss::NotFound);
        db.done([users::delete(one, user(1).id)]).await;
        assert_eq!(db.missed([users::delete(one, user(1).id)]).await, Miss::NotFound);

        assert!(db.store.principal(one, session_id(1)).await.unwrap().is_none());
        assert_eq!(db.store.account_by_identifier(one, Format::Email, b"1@example.org").await.unwrap(), None);
        assert_eq!(db.store.passkey(one, &11_u64.to_be_bytes()).await.unwrap(), None);
        assert_eq!(db.store.passkeys(one, user(1).id).await.unwrap(), []);
        // Nothing is left behind under the old ids, so that they can be written again.
        db.done(signed_in(one, 1)).await;
        db.done(enrolled(one, user(1).id, 11, 0)).await;

        let other = db.store.principal(one, session_id(2)).await.unwrap().unwrap();
        assert_eq!(other.credentials.len(), 2, "of the other user nothing is gone");
        assert!(other.credentials[1].format() == Format::Passkey);
    });
}
