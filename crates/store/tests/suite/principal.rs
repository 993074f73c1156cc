//! The one read of every request.

use stile_core::{Format, Level, Session};
use stile_store::{credentials, environments, sessions, users};

use crate::engines::each;
use crate::world::*;

#[test]
fn one_query_answers_session_user_credentials_and_versions() {
    each(async |db| {
        let (one, _) = with_environments(&db).await;
        let user = named(1, "alice");
        let opened_by = email(1, NOW);
        let opened = Session {
            level: Level::Pending,
            device_key: Some("03cd".into()),
            session_key: None,
            ..session(1, opened_by.id)
        };
        db.done([
            users::insert(one, &user),
            credentials::insert(one, user.id, b"1@example.org", &opened_by),
            sessions::insert(one, user.id, &opened),
            environments::bump_version(one),
        ])
        .await;
        db.done(enrolled(one, user.id, 2, 0)).await;

        let found = db.store.principal(one, opened.id).await.unwrap().unwrap();
        assert_eq!((found.environment, found.environment_version), (one, 2));
        assert_eq!(found.user, user);
        assert_eq!(found.session, opened);
        assert_eq!(found.credentials, [opened_by, passkey_credential(2, NOW)]);
    });
}

#[test]
fn a_user_without_credentials_has_none() {
    each(async |db| {
        let (one, _) = with_environments(&db).await;
        let user = user(1);
        db.done([users::insert(one, &user), sessions::insert(one, user.id, &session(1, credential_id(1)))])
            .await;
        assert_eq!(db.store.principal(one, session_id(1)).await.unwrap().unwrap().credentials, []);
    });
}

#[test]
fn credentials_come_oldest_first_and_by_id_within_a_moment() {
    each(async |db| {
        let (one, _) = with_environments(&db).await;
        let user = user(1);
        db.done([users::insert(one, &user), sessions::insert(one, user.id, &session(1, credential_id(1)))])
            .await;
        // Ids against the order of age, and two of one moment.
        for (n, created_at) in [(9, at(-30)), (4, at(-10)), (3, at(-10)), (1, at(-20))] {
            let identifier = format!("{n}");
            db.done([credentials::insert(one, user.id, identifier.as_bytes(), &email(n, created_at))]).await;
        }
        let order = [9, 1, 3, 4].map(credential_id);
        let found = db.store.principal(one, session_id(1)).await.unwrap().unwrap();
        assert_eq!(found.credentials.iter().map(|c| c.id).collect::<Vec<_>>(), order);
        let account = db.store.account_by_identifier(one, Format::Email, b"3").await.unwrap().unwrap();
        assert_eq!(account.user, user);
        assert_eq!(account.credentials, found.credentials);
    });
}

#[test]
fn credentials_of_others_stay_out() {
    each(async |db| {
        let (one, _) = with_environments(&db).await;
        db.done(signed_in(one, 1)).await;
        db.done(signed_in(one, 2)).await;
        let found = db.store.principal(one, session_id(2)).await.unwrap().unwrap();
        assert_eq!(found.user.id, user(2).id);
        assert_eq!(found.credentials.iter().map(|c| c.id).collect::<Vec<_>>(), [credential_id(2)]);
    });
}

#[test]
fn a_session_of_another_environment_is_not_found() {
    each(async |db| {
        let (one, two) = with_environments(&db).await;
        db.done(signed_in(one, 1)).await;
        assert!(db.store.principal(two, session_id(1)).await.unwrap().is_none());
        assert!(db.store.principal(environment_id(99), session_id(1)).await.unwrap().is_none());
        // Nor is one that was written for a user of another environment.
        db.done([sessions::insert(two, user(1).id, &session(2, credential_id(1)))]).await;
        assert!(db.store.principal(two, session_id(2)).await.unwrap().is_none());
        assert!(db.store.principal(one, session_id(2)).await.unwrap().is_none());
    });
}

#[test]
fn a_deleted_user_has_no_session() {
    each(async |db| {
        let (one, _) = with_environments(&db).await;
        db.done(signed_in(one, 1)).await;
        db.done([users::delete(one, user(1).id)]).await;
        assert!(db.store.principal(one, session_id(1)).await.unwrap().is_none());
    });
}

#[test]
fn an_ended_session_is_not_found_and_the_others_live_on() {
    each(async |db| {
        let (one, two) = with_environments(&db).await;
        db.done(signed_in(one, 1)).await;
        db.done([sessions::insert(one, user(1).id, &session(2, credential_id(1)))]).await;
        db.done([sessions::end(two, session_id(1))]).await;
        assert!(
            db.store.principal(one, session_id(1)).await.unwrap().is_some(),
            "ended from another environment"
        );
        db.done([sessions::end(one, session_id(1))]).await;
        assert!(db.store.principal(one, session_id(1)).await.unwrap().is_none());
        assert!(db.store.principal(one, session_id(2)).await.unwrap().is_some());
    });
}

#[test]
fn whether_a_session_is_over_by_its_times_is_the_callers_to_judge() {
    each(async |db| {
        let (one, _) = with_environments(&db).await;
        let user = user(1);
        let over = Session { expires_at: at(-5), idle_expires_at: at(-10), ..session(1, credential_id(1)) };
        db.done([users::insert(one, &user), sessions::insert(one, user.id, &over)]).await;
        assert_eq!(db.store.principal(one, over.id).await.unwrap().unwrap().session, over);
    });
}
