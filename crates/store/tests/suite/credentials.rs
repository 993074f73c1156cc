//! Credentials: one owner per identifier, and only the owner's own are touched.

use stile_core::{Authenticator, Credential, Facts, Format};
use stile_store::{Miss, Mutation, credentials, users};

use crate::engines::{all_at_once, each, winners};
use crate::world::*;

#[test]
fn an_identifier_belongs_to_one_user_of_an_environment() {
    each(async |db| {
        let (one, two) = with_environments(&db).await;
        db.done([users::insert(one, &user(1)), users::insert(one, &user(2)), users::insert(two, &user(3))])
            .await;
        db.done([credentials::insert(one, user(1).id, b"a", &email(1, NOW))]).await;
        for (owner, n) in [(1, 10), (2, 11)] {
            let second = credentials::insert(one, user(owner).id, b"a", &email(n, NOW));
            assert_eq!(db.missed([second]).await, Miss::Taken);
        }
        // Another environment, and another format, are other names.
        db.done([
            credentials::insert(two, user(3).id, b"a", &email(12, NOW)),
            credentials::insert(one, user(2).id, b"a", &passkey_credential(13, NOW)),
        ])
        .await;
        let same_id = credentials::insert(one, user(2).id, b"b", &email(1, NOW));
        assert_eq!(db.missed([same_id]).await, Miss::Taken);

        let owner = db.store.account_by_identifier(one, Format::Email, b"a").await.unwrap().unwrap();
        assert_eq!(owner.user.id, user(1).id);
        let owner = db.store.account_by_identifier(two, Format::Email, b"a").await.unwrap().unwrap();
        assert_eq!(owner.user.id, user(3).id);
        assert_eq!(db.store.account_by_identifier(one, Format::Email, b"A").await.unwrap(), None);

        db.done([credentials::delete(one, user(1).id, credential_id(1))]).await;
        db.done([credentials::insert(one, user(2).id, b"a", &email(14, NOW))]).await;
    });
}

#[test]
fn an_identifier_that_many_want_at_once_goes_to_one() {
    each(async |db| {
        let (one, _) = with_environments(&db).await;
        let again = db.again();
        let sign_ups = (1..=100).map(|n| {
            let user = user(n);
            Mutation::new([
                users::insert(one, &user),
                credentials::insert(one, user.id, b"same@example.org", &email(n, NOW)),
            ])
        });
        let answers = all_at_once(&[&db.store, &again], sign_ups.collect()).await;
        assert_eq!(winners(&answers, Miss::Taken), 1);
        assert_eq!(db.store.count_users(one).await.unwrap(), 1, "no user without the credential");
    });
}

#[test]
fn nobody_else_touches_a_credential() {
    each(async |db| {
        let (one, two) = with_environments(&db).await;
        db.done(signed_in(one, 1)).await;
        db.done(signed_in(one, 2)).await;
        let (mine, me, other) = (email(1, NOW), user(1).id, user(2).id);
        for (environment, owner) in [(one, other), (two, me)] {
            let tries = [
                (credentials::delete(environment, owner, mine.id), Miss::NotFound),
                (credentials::describe(environment, owner, &mine), Miss::NotFound),
                (credentials::mark_verified(environment, owner, mine.id, at(9)), Miss::UserChanged),
            ];
            for (step, miss) in tries {
                assert_eq!(db.missed([step]).await, miss);
            }
        }
        let found = db.store.principal(one, session_id(1)).await.unwrap().unwrap();
        assert_eq!(found.credentials, [mine]);
    });
}

#[test]
fn a_credential_is_verified_and_described() {
    each(async |db| {
        let (one, _) = with_environments(&db).await;
        db.done(signed_in(one, 1)).await;
        db.done(enrolled(one, user(1).id, 5, 0)).await;
        let facts = Facts::key(Format::Passkey, Authenticator { user_verified: false, synced: true });
        let wanted = Credential { facts, verified_at: at(9), ..passkey_credential(5, NOW) };
        db.done([
            credentials::mark_verified(one, user(1).id, wanted.id, at(9)),
            credentials::describe(one, user(1).id, &wanted),
        ])
        .await;
        let found = db.store.principal(one, session_id(1)).await.unwrap().unwrap();
        assert_eq!(found.credential(wanted.id), Some(&wanted));
    });
}
