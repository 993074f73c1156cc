//! Passkeys: the record, and the guard on the signature counter.

use stile_store::passkeys::{self, mark_used};
use stile_store::{Miss, Mutation, Passkey, credentials};

use crate::engines::{all_at_once, each, winners};
use crate::world::*;

#[test]
fn a_record_is_read_as_it_was_written() {
    each(async |db| {
        let (one, two) = with_environments(&db).await;
        db.done(signed_in(one, 1)).await;
        let key = passkey(5, user(1).id, u32::MAX);
        db.done(enrolled(one, user(1).id, 5, u32::MAX)).await;
        db.done(enrolled(one, user(1).id, 6, 0)).await;
        assert_eq!(db.store.passkey(one, &key.webauthn_id).await.unwrap(), Some(key.clone()));
        assert_eq!(db.store.passkey(two, &key.webauthn_id).await.unwrap(), None);
        assert_eq!(db.store.passkey(one, b"unknown").await.unwrap(), None);
        assert_eq!(
            db.store.passkeys(one, user(1).id).await.unwrap(),
            [key.clone(), passkey(6, user(1).id, 0)]
        );
        assert_eq!(db.store.passkeys(two, user(1).id).await.unwrap(), []);
        assert_eq!(db.missed([passkeys::insert(&key)]).await, Miss::Taken);
    });
}

#[test]
fn an_email_address_is_no_passkey() {
    each(async |db| {
        let (one, _) = with_environments(&db).await;
        db.done(signed_in(one, 1)).await;
        assert_eq!(db.store.passkey(one, b"1@example.org").await.unwrap(), None);
        assert_eq!(db.store.passkeys(one, user(1).id).await.unwrap(), []);
    });
}

#[test]
fn a_use_counts_only_from_the_counter_that_was_read() {
    each(async |db| {
        let (one, _) = with_environments(&db).await;
        db.done(signed_in(one, 1)).await;
        db.done(enrolled(one, user(1).id, 5, 3)).await;
        let read = passkey(5, user(1).id, 3);
        let after = Passkey { sign_count: 4, backed_up: true, ..read.clone() };
        db.done([mark_used(&read, &after, at(9))]).await;
        let now = db.store.passkey(one, &read.webauthn_id).await.unwrap().unwrap();
        assert_eq!(now, Passkey { updated_at: at(9), ..after.clone() });
        assert_eq!(db.missed([mark_used(&read, &after, at(10))]).await, Miss::CounterMoved);
        db.done([credentials::delete(one, user(1).id, read.credential)]).await;
        assert_eq!(db.missed([mark_used(&now, &after, at(11))]).await, Miss::CounterMoved);
        assert_eq!(db.missed([passkeys::mark_renamed(read.credential, NOW)]).await, Miss::NotFound);
        assert_eq!(db.store.passkey(one, &read.webauthn_id).await.unwrap(), None, "gone with its credential");
    });
}

#[test]
fn of_two_copies_of_a_key_one_passes() {
    each(async |db| {
        let (one, _) = with_environments(&db).await;
        let again = db.again();
        db.done(signed_in(one, 1)).await;
        db.done(enrolled(one, user(1).id, 5, 3)).await;
        let read = passkey(5, user(1).id, 3);
        let uses = (0..100)
            .map(|n| Mutation::new([mark_used(&read, &Passkey { sign_count: 4 + n, ..read.clone() }, NOW)]))
            .collect();
        assert_eq!(winners(&all_at_once(&[&db.store, &again], uses).await, Miss::CounterMoved), 1);
    });
}

#[test]
fn a_key_that_does_not_count_can_be_used_again() {
    each(async |db| {
        let (one, _) = with_environments(&db).await;
        db.done(signed_in(one, 1)).await;
        db.done(enrolled(one, user(1).id, 5, 0)).await;
        for second in 1..4 {
            let same = passkey(5, user(1).id, 0);
            db.done([mark_used(&same, &same, at(second))]).await;
        }
        db.done([passkeys::mark_renamed(credential_id(5), at(9))]).await;
        let now = db.store.passkeys(one, user(1).id).await.unwrap().remove(0);
        assert_eq!((now.sign_count, now.updated_at), (0, at(9)));
    });
}

/// A use that was read before the key became eligible for backup takes nothing of that back.
#[test]
fn eligibility_for_backup_comes_and_does_not_go() {
    each(async |db| {
        let (one, _) = with_environments(&db).await;
        db.done(signed_in(one, 1)).await;
        let bound = Passkey { backup_eligible: false, backed_up: false, ..passkey(5, user(1).id, 0) };
        db.done(enrolled(one, user(1).id, 5, 0)).await;
        let synced = passkey(5, user(1).id, 0);
        assert_eq!(db.missed([mark_used(&bound, &bound, at(9))]).await, Miss::CounterMoved);
        db.done([mark_used(&synced, &Passkey { backed_up: true, ..synced.clone() }, at(10))]).await;
        let now = db.store.passkey(one, &synced.webauthn_id).await.unwrap().unwrap();
        assert!(now.backup_eligible && now.backed_up);
    });
}
