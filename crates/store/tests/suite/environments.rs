//! Environments, and the version that caches go by.

use stile_core::settings::{Kind, Settings};
use stile_store::environments::{
    begin_deletion, bump_version, claim_rp_id, configure, end_deletion, end_rp_id, insert, silence,
};
use stile_store::{Environment, Miss, Mutation};

use crate::engines::{all_at_once, each, winners};
use crate::world::*;

#[test]
fn an_environment_is_read_as_it_was_written() {
    each(async |db| {
        let live =
            Environment::new(environment_id(5), Kind::Live, "environment 5", &Settings::default(), at(-9));
        db.done([insert(&environment(1)), insert(&live)]).await;
        assert_eq!(db.missed([insert(&environment(1))]).await, Miss::Taken);
        assert_eq!(db.store.environment(live.id).await.unwrap(), Some(live.clone()));
        assert_eq!(db.store.environments().await.unwrap(), [live, environment(1)]);
        assert_eq!(db.store.environment(environment_id(9)).await.unwrap(), None);
        assert_eq!(db.store.environment_version(environment_id(9)).await.unwrap(), None);
    });
}

#[test]
fn every_change_is_a_new_version_and_starts_from_the_one_that_was_read() {
    each(async |db| {
        let (one, two) = with_environments(&db).await;
        let mut named = Settings::default();
        named.general.display_name = "Acme".into();
        db.done([configure(one, 1, &named)]).await;
        assert_eq!(db.missed([configure(one, 1, &Settings::default())]).await, Miss::EnvironmentChanged);
        db.done([bump_version(one)]).await;
        assert_eq!(db.missed([configure(one, 2, &Settings::default())]).await, Miss::EnvironmentChanged);
        let now = db.store.environment(one).await.unwrap().unwrap();
        assert_eq!((now.version, now.settings().unwrap()), (3, named));
        assert_eq!(db.store.environment_version(one).await.unwrap(), Some(3));
        assert_eq!(db.store.environment_version(two).await.unwrap(), Some(1));
        assert_eq!(db.missed([bump_version(environment_id(9))]).await, Miss::NotFound);
    });
}

#[test]
fn of_two_operators_one_saves() {
    each(async |db| {
        let (one, _) = with_environments(&db).await;
        let again = db.again();
        let saves = (0..60).map(|_| Mutation::new([configure(one, 1, &Settings::default())])).collect();
        assert_eq!(winners(&all_at_once(&[&db.store, &again], saves).await, Miss::EnvironmentChanged), 1);
        let touches = (0..60).map(|_| Mutation::new([bump_version(one)])).collect();
        assert!(all_at_once(&[&db.store, &again], touches).await.iter().all(Result::is_ok));
        assert_eq!(db.store.environment_version(one).await.unwrap(), Some(62));
    });
}

#[test]
fn an_environment_that_is_being_deleted_is_found_by_nobody() {
    each(async |db| {
        let (one, two) = with_environments(&db).await;
        assert_eq!(db.missed([end_deletion(one)]).await, Miss::NotFound, "not before it has begun");
        db.done([begin_deletion(one, NOW)]).await;
        assert_eq!(db.store.environment(one).await.unwrap(), None);
        assert_eq!(db.store.environment_version(one).await.unwrap(), None);
        let ids = |all: Vec<Environment>| all.into_iter().map(|e| e.id).collect::<Vec<_>>();
        assert_eq!(ids(db.store.environments().await.unwrap()), [two]);
        assert_eq!(ids(db.store.half_deleted_environments().await.unwrap()), [one]);
        for step in [begin_deletion(one, NOW), bump_version(one)] {
            assert_eq!(db.missed([step]).await, Miss::NotFound);
        }
        assert_eq!(db.missed([configure(one, 1, &Settings::default())]).await, Miss::EnvironmentChanged);
        assert_eq!(db.missed([insert(&environment(1))]).await, Miss::Taken, "its id is not free yet");
        db.done(silence(one).into_iter().chain([end_deletion(one)])).await;
        assert!(db.store.half_deleted_environments().await.unwrap().is_empty());
        db.done([insert(&environment(1))]).await;
    });
}

#[test]
fn a_relying_party_id_is_free_after_its_environment() {
    each(async |db| {
        let (one, two) = with_environments(&db).await;
        db.done(claim_rp_id(one, "example.com", false)).await;
        assert_eq!(db.missed(claim_rp_id(two, "example.com", false)).await, Miss::EnvironmentChanged);
        assert_eq!(db.store.former_rp_id("example.com").await.unwrap(), None);
        db.done(end_rp_id("example.com", b"one")).await;
        db.done(claim_rp_id(two, "example.com", false)).await;
        assert_eq!(db.store.former_rp_id("example.com").await.unwrap(), Some(b"one".to_vec()));
    });
}

#[test]
fn a_relying_party_id_is_had_alone_or_shared() {
    each(async |db| {
        let (one, two) = with_environments(&db).await;
        let refused = async |id, shared| {
            assert_eq!(db.missed(claim_rp_id(id, "example.com", shared)).await, Miss::EnvironmentChanged);
        };
        db.done(claim_rp_id(one, "example.com", false)).await;
        refused(two, true).await;
        for id in [one, one, two] {
            db.done(claim_rp_id(id, "example.com", true)).await;
        }
        refused(one, false).await;
        db.done(end_rp_id("example.com", b"both")).await;
        let again = db.again();
        let claims = |id| Mutation::new(claim_rp_id(id, "example.com", false));
        let claims = (0..30).flat_map(|_| [claims(one), claims(two)]).collect();
        assert_eq!(winners(&all_at_once(&[&db.store, &again], claims).await, Miss::EnvironmentChanged), 30);
    });
}

/// Nodes of the version before write claims to `meta` alone.
#[test]
fn a_relying_party_id_that_an_old_node_claimed_is_not_given_to_another() {
    each(async |db| {
        let (one, two) = with_environments(&db).await;
        db.store.remember("rp-id example.com", one.as_bytes()).await.unwrap();
        for shared in [false, true] {
            assert_eq!(db.missed(claim_rp_id(two, "example.com", shared)).await, Miss::EnvironmentChanged);
        }
        db.done(claim_rp_id(one, "example.com", false)).await;
        // An old node that deletes the environment frees the id: it ends the claim in `meta`, and the reference.
        db.done([begin_deletion(one, NOW), end_deletion(one)]).await;
        assert_eq!(db.missed(claim_rp_id(two, "example.com", false)).await, Miss::EnvironmentChanged);
        db.done([end_rp_id("example.com", b"one")[0].clone()]).await;
        db.done(claim_rp_id(two, "example.com", false)).await;
    });
}
