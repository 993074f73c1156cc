//! Buckets follow the rule of `stile_core::guessing` on both engines; known devices and turns of mails.

use stile_core::UserId;
use stile_core::guessing::{Allowance, KNOWN_DEVICE, KNOWN_SECONDS, STRANGERS};
use stile_store::{Holder, Miss, Mutation, buckets, known_devices, mail_turns};

use crate::engines::{Db, all_at_once, each, winners};
use crate::world::*;

const KEY: [u8; 32] = [1; 32];

#[test]
fn a_bucket_counts_as_the_rule_does() {
    each(async |db| {
        for (n, allowance) in
            [STRANGERS, KNOWN_DEVICE, Allowance::new(3, 60), Allowance::new(1, 60).less_one()]
                .into_iter()
                .enumerate()
        {
            let key = [u8::try_from(n).unwrap() + 9; 32];
            let mut stored = stile_core::Micros::new(0);
            let mut second = 0;
            for step in 0_i64..120 {
                second += [0, 0, 0, 1, 59, 60, 61, 36_000, 1][usize::try_from(step % 9).unwrap()];
                // The clock is set ahead by a year, and back.
                second += match step {
                    40 => 365 * 86_400,
                    60 => -365 * 86_400,
                    _ => 0,
                };
                let now = at(second);
                let guard = db.store.commit(Mutation::new([buckets::hold_room(key, allowance, now)])).await;
                assert_eq!(guard.is_ok(), allowance.has_room(stored, now), "{allowance:?} at {second}");
                match allowance.spent(stored, now) {
                    Some(after) => {
                        stored = after;
                        db.done([buckets::spend(key, allowance, now)]).await;
                        assert_eq!(db.store.buckets([key]).await.unwrap(), [stored]);
                    }
                    None => {
                        assert_eq!(db.missed([buckets::spend(key, allowance, now)]).await, Miss::LockedOut);
                    }
                }
            }
        }
    });
}

/// What was judged is counted, whatever room there is, and a full bucket does not grow.
#[test]
fn parallel_failures_are_all_counted_and_a_full_bucket_stays_full() {
    each(async |db| {
        let again = db.again();
        let large = Allowance::new(1_000, 60);
        let events =
            |allowance| (0..200).map(|_| Mutation::new([buckets::count(KEY, allowance, NOW)])).collect();
        let answers = all_at_once(&[&db.store, &again], events(large)).await;
        assert!(answers.iter().all(Result::is_ok));
        assert_eq!(db.store.buckets([KEY]).await.unwrap(), [at(200 * 60)]);
        let small = Allowance::new(300, 60);
        all_at_once(&[&db.store, &again], events(small)).await;
        assert_eq!(db.store.buckets([KEY]).await.unwrap(), [at(300 * 60)]);
        assert_eq!(db.missed([buckets::hold_room(KEY, small, NOW)]).await, Miss::LockedOut);
        // The clock was ahead by a year: the bucket is full, and not for longer than it ever is.
        db.done([buckets::count(KEY, small, at(365 * 86_400))]).await;
        db.done([buckets::count(KEY, small, NOW)]).await;
        assert_eq!(db.store.buckets([KEY]).await.unwrap(), [at(300 * 60)]);
        // A node whose clock is behind takes nothing from what another stored.
        db.done([buckets::count(KEY, small, at(-1_800))]).await;
        assert_eq!(db.store.buckets([KEY]).await.unwrap(), [at(300 * 60)]);
        // Empty again, it is swept, and a full one is not.
        db.store.sweep(at(300 * 60 - 1)).await.unwrap();
        assert_eq!(db.store.buckets([KEY]).await.unwrap(), [at(300 * 60)]);
        db.store.sweep(at(300 * 60)).await.unwrap();
        db.done([buckets::count(KEY, small, at(300 * 60))]).await;
        assert_eq!(db.store.buckets([KEY]).await.unwrap(), [at(301 * 60)]);
    });
}

#[test]
fn of_parallel_guesses_as_many_count_as_there_is_room_for() {
    each(async |db| {
        let again = db.again();
        let guesses = (0..200).map(|_| Mutation::new([buckets::spend(KEY, STRANGERS, NOW)])).collect();
        assert_eq!(winners(&all_at_once(&[&db.store, &again], guesses).await, Miss::LockedOut), 90);
        assert_eq!(db.missed([buckets::hold_room(KEY, STRANGERS, NOW)]).await, Miss::LockedOut);
        db.done([buckets::hold_room(KEY, STRANGERS, at(36_000))]).await;
        // What is full is not swept, whatever the table's other rows are.
        db.store.sweep(at(36_000)).await.unwrap();
        db.done([buckets::spend(KEY, STRANGERS, at(36_000))]).await;
        assert_eq!(db.missed([buckets::spend(KEY, STRANGERS, at(36_000))]).await, Miss::LockedOut);
    });
}

async fn known(db: &Db, key: &str, seconds: i64) -> bool {
    let holder = db.store.holder(environment_id(1), "1@example.org", Some(key), at(seconds)).await.unwrap();
    assert_eq!(holder.user, Some(owner()));
    holder.known
}

fn owner() -> UserId {
    user(1).id
}

#[test]
fn the_five_latest_devices_are_known_for_a_hundred_and_eighty_days() {
    each(async |db| {
        let (one, two) = with_environments(&db).await;
        db.done(signed_in(one, 1)).await;
        for n in 0..6 {
            db.done(known_devices::remember(owner(), &format!("k{n}"), at(n))).await;
        }
        assert!(!known(&db, "k0", 6).await, "the oldest made room");
        for n in 1..6 {
            assert!(known(&db, &format!("k{n}"), KNOWN_SECONDS + n - 1).await);
            assert!(!known(&db, &format!("k{n}"), KNOWN_SECONDS + n).await);
        }
        db.done(known_devices::remember(owner(), "k1", at(100))).await;
        db.done(known_devices::remember(owner(), "k9", at(101))).await;
        assert!(known(&db, "k1", 102).await && !known(&db, "k2", 102).await, "signing in again counts");
        let anybodys = async |e, key, second| db.store.is_known_device(e, key, at(second)).await.unwrap();
        assert!(anybodys(one, "k1", 102).await && !anybodys(one, "k2", 102).await);
        assert!(!anybodys(two, "k1", 102).await && !anybodys(one, "k1", KNOWN_SECONDS + 100).await);
        db.done([known_devices::hold_known(owner(), "k1", at(102))]).await;
        assert_eq!(db.missed([known_devices::hold_known(owner(), "k2", at(102))]).await, Miss::LockedOut);
        let nobody = Holder::default();
        let holder = async |e, address, key| db.store.holder(e, address, key, at(102)).await.unwrap();
        assert_eq!(holder(two, "1@example.org", Some("k1")).await, nobody);
        assert_eq!(holder(one, "2@example.org", Some("k1")).await, nobody);
        assert_eq!(holder(one, "1@example.org", None).await, Holder { user: Some(owner()), known: false });
        db.store.sweep(at(KNOWN_SECONDS + 100)).await.unwrap();
        assert!(!known(&db, "k3", 102).await && known(&db, "k9", 102).await);
    });
}

#[test]
fn devices_are_forgotten_with_a_session_or_all_but_one() {
    each(async |db| {
        let (one, _) = with_environments(&db).await;
        db.done(signed_in(one, 1)).await;
        let opened = stile_core::Session { device_key: Some("k1".into()), ..session(5, credential_id(1)) };
        db.done([stile_store::sessions::insert(one, owner(), &opened)]).await;
        for key in ["k1", "k2", "k3"] {
            db.done(known_devices::remember(owner(), key, NOW)).await;
        }
        db.done([known_devices::forget_device_of(owner(), session_id(1))]).await;
        assert!(known(&db, "k1", 0).await, "that session showed no device");
        db.done([known_devices::forget_device_of(owner(), opened.id)]).await;
        assert!(!known(&db, "k1", 0).await && known(&db, "k2", 0).await);
        db.done([known_devices::forget_all(owner(), Some("k3"))]).await;
        assert!(!known(&db, "k2", 0).await && known(&db, "k3", 0).await);
        db.done([known_devices::forget_all(owner(), None)]).await;
        assert!(!known(&db, "k3", 0).await);
    });
}

/// A prefix that asked while the clock was ahead by a year does not stand before the others for a year.
#[test]
fn who_asked_while_the_clock_was_ahead_does_not_wait() {
    each(async |db| {
        let (other, mine) = ([2; 32], [3; 32]);
        db.done([mail_turns::ask(KEY, other, at(365 * 86_400))]).await;
        db.done([mail_turns::take(KEY, mine, NOW)]).await;
        db.done(mail_turns::take_if_least(KEY, mine, at(1))).await;
        db.done([mail_turns::ask(KEY, other, at(2))]).await;
        assert_eq!(db.missed(mail_turns::take_if_least(KEY, mine, at(3))).await, Miss::LockedOut);
    });
}

#[test]
fn the_prefix_that_was_served_least_goes_first() {
    each(async |db| {
        let (greedy, patient) = ([2; 32], [3; 32]);
        db.done((0..3).map(|_| mail_turns::take(KEY, greedy, NOW))).await;
        db.done(mail_turns::take_if_least(KEY, greedy, at(1))).await;
        db.done([mail_turns::ask(KEY, patient, at(2))]).await;
        assert_eq!(db.missed(mail_turns::take_if_least(KEY, greedy, at(3))).await, Miss::LockedOut);
        // Another address has turns of its own.
        db.done(mail_turns::take_if_least([9; 32], greedy, at(3))).await;
        db.done(mail_turns::take_if_least(KEY, patient, at(4))).await;
        assert_eq!(db.missed(mail_turns::take_if_least(KEY, greedy, at(5))).await, Miss::LockedOut);
        // Nobody waits for who does not come back within two hours.
        assert_eq!(db.missed(mail_turns::take_if_least(KEY, greedy, at(7_203))).await, Miss::LockedOut);
        db.done(mail_turns::take_if_least(KEY, greedy, at(7_205))).await;
    });
}
