//! One-time codes: five wrong answers, however many are sent at once.

use stile_store::verifications::{self, MAX_TRIES, count_wrong, use_up};
use stile_store::{Miss, Mutation, Verification};

use crate::engines::{all_at_once, each, winners};
use crate::world::*;

#[test]
fn a_thousand_parallel_guesses_are_worth_five() {
    each(async |db| {
        let (one, _) = with_environments(&db).await;
        let (v, again) = (verification(1), db.again());
        db.done([verifications::insert(one, &v)]).await;
        let guesses = (0..1_000).map(|_| Mutation::new([count_wrong(one, v.id, NOW)])).collect();
        let answers = all_at_once(&[&db.store, &again], guesses).await;
        assert_eq!(winners(&answers, Miss::TriesSpent), 5);
        assert_eq!(MAX_TRIES, 5);
        assert_eq!(db.missed([use_up(one, &v, NOW)]).await, Miss::TriesSpent);
        assert_eq!(db.store.live_verification(one, v.address, v.creator, NOW).await.unwrap(), None);
    });
}

#[test]
fn a_right_answer_passes_after_four_wrong_ones() {
    each(async |db| {
        let (one, _) = with_environments(&db).await;
        let v = verification(1);
        db.done([verifications::insert(one, &v)]).await;
        for _ in 0..4 {
            db.done([count_wrong(one, v.id, NOW)]).await;
        }
        db.done([verifications::hold_tries(one, &v)]).await;
        db.done([use_up(one, &v, NOW)]).await;
        // It ends with that: nobody is sent to a used code.
        assert_eq!(db.missed([count_wrong(one, v.id, NOW)]).await, Miss::TriesSpent);
        assert_eq!(db.missed([use_up(one, &v, NOW)]).await, Miss::TriesSpent);
    });
}

#[test]
fn what_has_expired_is_not_judged() {
    each(async |db| {
        let (one, _) = with_environments(&db).await;
        let v = verification(1);
        db.done([verifications::insert(one, &v)]).await;
        let last = stile_core::Micros::new(v.expires_at.get() - 1);
        db.done([count_wrong(one, v.id, last)]).await;
        assert!(db.store.live_verification(one, v.address, v.creator, last).await.unwrap().is_some());
        assert_eq!(db.missed([use_up(one, &v, v.expires_at)]).await, Miss::TriesSpent);
        assert_eq!(db.missed([count_wrong(one, v.id, v.expires_at)]).await, Miss::TriesSpent);
        assert_eq!(db.store.live_verification(one, v.address, v.creator, v.expires_at).await.unwrap(), None);

        db.store.sweep(last).await.unwrap();
        assert_eq!(
            db.store.verification(one, v.id).await.unwrap(),
            Some(Verification { tries: 1, ..v.clone() })
        );
        db.store.sweep(v.expires_at).await.unwrap();
        assert_eq!(db.store.verification(one, v.id).await.unwrap(), None);
    });
}

#[test]
fn a_verification_belongs_to_its_environment() {
    each(async |db| {
        let (one, two) = with_environments(&db).await;
        let v =
            Verification { session: Some(session_id(4)), begun: Some(credential_id(7)), ..verification(1) };
        db.done([verifications::insert(one, &v)]).await;
        assert_eq!(db.store.verification(one, v.id).await.unwrap(), Some(v.clone()));
        assert_eq!(db.store.verification(two, v.id).await.unwrap(), None);
        assert_eq!(db.store.live_verification(two, v.address, v.creator, NOW).await.unwrap(), None);
        assert_eq!(db.missed([use_up(two, &v, NOW)]).await, Miss::TriesSpent);
        assert_eq!(db.missed([count_wrong(two, v.id, NOW)]).await, Miss::TriesSpent);
        assert_eq!(db.missed([verifications::insert(one, &v)]).await, Miss::Taken);
    });
}

#[test]
fn the_newest_live_one_of_the_creator_is_found() {
    each(async |db| {
        let (one, _) = with_environments(&db).await;
        let older = Verification { created_at: at(-9), ..verification(1) };
        let newer = Verification { created_at: at(-3), ..verification(2) };
        let of_another = Verification { creator: hash(77), ..verification(3) };
        let elsewhere = Verification { address: hash(78), ..verification(4) };
        db.done([&newer, &older, &of_another, &elsewhere].map(|v| verifications::insert(one, v))).await;
        let live = || db.store.live_verification(one, newer.address, newer.creator, NOW);
        assert_eq!(live().await.unwrap(), Some(newer.clone()));
        for _ in 0..5 {
            db.done([count_wrong(one, newer.id, NOW)]).await;
        }
        assert_eq!(live().await.unwrap(), Some(older), "a spent one is not live");
    });
}
