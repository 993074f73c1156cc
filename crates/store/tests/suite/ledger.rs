//! Invariant 1: what may be used once is used once.

use stile_store::ledger::{Kind, consume, consume_with_note};
use stile_store::{Miss, Mutation};

use crate::engines::{all_at_once, each, winners};
use crate::world::*;

/// Nonces and use ids ride along with other single-use things, so their misses have names of their own.
fn miss(kind: Kind) -> Miss {
    match kind {
        Kind::Nonce => Miss::NonceUsed,
        Kind::Use => Miss::UseKnown,
        Kind::Challenge | Kind::Code | Kind::ElevatedToken => Miss::AlreadyUsed,
    }
}

const KINDS: [Kind; 5] = [Kind::Nonce, Kind::Challenge, Kind::Code, Kind::ElevatedToken, Kind::Use];

#[test]
fn two_hundred_parallel_uses_give_one_success() {
    each(async |db| {
        let again = db.again();
        for kind in KINDS {
            let use_it = || Mutation::new([consume(kind, b"the one", NOW, at(600))]);
            let answers = all_at_once(&[&db.store, &again], (0..200).map(|_| use_it()).collect()).await;
            assert_eq!(winners(&answers, miss(kind)), 1, "{kind:?}");
        }
    });
}

#[test]
fn kinds_and_keys_do_not_meet() {
    each(async |db| {
        for kind in KINDS {
            db.done([consume(kind, b"", NOW, at(600))]).await;
            db.done([consume(kind, b"a", NOW, at(600)), consume(kind, b"a\0", NOW, at(600))]).await;
        }
    });
}

#[test]
fn twice_in_one_mutation_is_twice() {
    each(async |db| {
        let twice = [consume(Kind::Code, b"k", NOW, at(600)), consume(Kind::Code, b"k", NOW, at(600))];
        assert_eq!(db.missed(twice).await, Miss::AlreadyUsed);
        db.done([consume(Kind::Code, b"k", NOW, at(600))]).await;
    });
}

#[test]
fn a_used_thing_stays_used_until_its_end_has_been_swept() {
    each(async |db| {
        let again = |now| consume(Kind::Code, b"k", now, at(900));
        db.done([consume(Kind::Code, b"k", NOW, at(600))]).await;
        for early in [NOW, at(1), at(599)] {
            db.store.sweep(early).await.unwrap();
            assert_eq!(db.missed([again(early)]).await, Miss::AlreadyUsed);
        }
        // Time alone frees nothing: the sweep does, and never before the end.
        assert_eq!(db.missed([again(at(601))]).await, Miss::AlreadyUsed);
        db.store.sweep(at(600)).await.unwrap();
        db.done([again(at(601))]).await;
    });
}

#[test]
fn a_sweep_is_bounded_and_takes_the_rest_next_time() {
    each(async |db| {
        let key = |n: u64| n.to_be_bytes();
        db.done((0..1_100).map(|n| consume(Kind::Code, &key(n), NOW, at(10)))).await;
        db.done([consume(Kind::Code, b"lives", NOW, at(1_000))]).await;
        let mut rounds = 0;
        while rounds < 10
            && db.store.commit(Mutation::new((0..1_100).map(|n| use_once(&key(n))))).await.is_err()
        {
            db.store.sweep(at(10)).await.unwrap();
            rounds += 1;
        }
        assert_eq!(rounds, 3, "500 rows in a sweep");
        assert_eq!(db.missed([use_once(b"lives")]).await, Miss::AlreadyUsed);
    });
    fn use_once(key: &[u8]) -> stile_store::Step {
        consume(Kind::Code, key, at(11), at(600))
    }
}

#[test]
fn the_note_of_the_first_use_is_kept() {
    each(async |db| {
        let note = |key: &'static [u8]| db.store.ledger_note(Kind::ElevatedToken, key);
        assert_eq!(note(b"k").await.unwrap(), None);
        db.done([consume_with_note(Kind::ElevatedToken, b"k", Some(hash(1)), NOW, at(600))]).await;
        let second = consume_with_note(Kind::ElevatedToken, b"k", Some(hash(2)), NOW, at(600));
        assert_eq!(db.missed([second]).await, Miss::AlreadyUsed);
        assert_eq!(note(b"k").await.unwrap(), Some(hash(1)));
        assert_eq!(db.store.ledger_note(Kind::Nonce, b"k").await.unwrap(), None, "of another kind");

        db.done([consume(Kind::ElevatedToken, b"plain", NOW, at(600))]).await;
        assert_eq!(note(b"plain").await.unwrap(), None);
    });
}

#[test]
fn parallel_uses_with_notes_keep_the_note_of_the_winner() {
    each(async |db| {
        let uses = (0..50)
            .map(|n| Mutation::new([consume_with_note(Kind::Challenge, b"k", Some(hash(n)), NOW, at(600))]));
        let answers = all_at_once(&[&db.store], uses.collect()).await;
        assert_eq!(winners(&answers, Miss::AlreadyUsed), 1);
        let winner = answers.iter().position(Result::is_ok).unwrap();
        let kept = db.store.ledger_note(Kind::Challenge, b"k").await.unwrap();
        assert_eq!(kept, Some(hash(u64::try_from(winner).unwrap())));
    });
}

/// Two tokens under one use id, and one token under two: whoever loses leaves no half of a row behind.
#[test]
fn of_parallel_uses_that_share_an_id_or_a_token_one_happens_whole() {
    each(async |db| {
        let again = db.again();
        for round in 0..10_u64 {
            let key = |kind: &str, n: u64| format!("{round} {kind} {n}").into_bytes();
            let use_it = |id: u64, token: u64| {
                Mutation::new([
                    consume_with_note(Kind::Use, &key("use", id), Some(hash(token)), NOW, at(600)),
                    consume(Kind::ElevatedToken, &key("token", token), NOW, at(600)),
                ])
            };
            let pairs: Vec<(u64, u64)> = (0..40).map(|n| (n % 2, n / 2 % 2)).collect();
            let tries = pairs.iter().map(|(id, token)| use_it(*id, *token)).collect();
            let answers = all_at_once(&[&db.store, &again], tries).await;
            let mut won: Vec<(u64, u64)> = pairs
                .iter()
                .zip(&answers)
                .filter(|(_, answer)| answer.is_ok())
                .map(|(pair, _)| *pair)
                .collect();
            won.sort_unstable();
            assert!(won == [(0, 0), (1, 1)] || won == [(0, 1), (1, 0)], "{won:?}");
            for (id, token) in won {
                let kept = db.store.ledger_note(Kind::Use, &key("use", id)).await.unwrap();
                assert_eq!(kept, Some(hash(token)));
            }
        }
    });
}
