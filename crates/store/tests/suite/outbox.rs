//! The outbox: every message is claimed by one sender at a time, and erased when it is delivered.

use stile_store::{Mail, Miss, Mutation, outbox};

use crate::engines::{all_at_once, each, winners};
use crate::world::*;

#[test]
fn of_two_senders_one_claims() {
    each(async |db| {
        with_environments(&db).await;
        let again = db.again();
        db.done((1..=20).map(|n| outbox::insert(&mail(n)))).await;
        let due = db.store.due_mail(NOW).await.unwrap();
        assert_eq!(due, again.due_mail(NOW).await.unwrap());
        assert_eq!(due.len(), 20);
        for slot in due {
            let claims = (0..8).map(|_| Mutation::new([outbox::claim(&slot, at(60))])).collect();
            assert_eq!(winners(&all_at_once(&[&db.store, &again], claims).await, Miss::AlreadyUsed), 1);
        }
        assert_eq!(db.store.due_mail(at(59)).await.unwrap(), []);
        let second = db.store.due_mail(at(60)).await.unwrap();
        assert_eq!(
            second.iter().map(|s| s.attempts).collect::<Vec<_>>(),
            [1; 20],
            "due again, as not delivered"
        );
    });
}

#[test]
fn a_delivered_message_is_erased() {
    each(async |db| {
        with_environments(&db).await;
        db.done([outbox::insert(&mail(1))]).await;
        assert_eq!(db.missed([outbox::insert(&mail(1))]).await, Miss::Taken);
        let slot = db.store.due_mail(NOW).await.unwrap().remove(0);
        assert_eq!(slot.mail, mail(1));
        db.done([outbox::delete(slot.mail.id)]).await;
        db.done([outbox::delete(slot.mail.id)]).await;
        assert_eq!(db.missed([outbox::claim(&slot, at(60))]).await, Miss::AlreadyUsed);
        assert_eq!(db.store.due_mail(at(60)).await.unwrap(), []);
    });
}

#[test]
fn due_messages_come_oldest_first_and_some_at_a_time() {
    each(async |db| {
        with_environments(&db).await;
        let written = |n: u64| Mail { created_at: at(-n.cast_signed()), ..mail(n) };
        db.done((1..=40).map(|n| outbox::insert(&written(n)))).await;
        let due = db.store.due_mail(NOW).await.unwrap();
        let wanted: Vec<_> = (9..=40).rev().map(|n| written(n).id).collect();
        assert_eq!(due.iter().map(|s| s.mail.id).collect::<Vec<_>>(), wanted);
        assert_eq!(db.store.due_mail(at(-39)).await.unwrap().len(), 2, "not before their time");
    });
}

#[test]
fn an_expired_message_is_not_sent_and_is_swept() {
    each(async |db| {
        with_environments(&db).await;
        db.done([outbox::insert(&mail(1))]).await;
        assert_eq!(db.store.due_mail(at(599)).await.unwrap().len(), 1);
        assert_eq!(db.store.due_mail(at(600)).await.unwrap(), []);
        db.store.sweep(at(599)).await.unwrap();
        assert_eq!(db.store.due_mail(at(599)).await.unwrap().len(), 1);
        db.store.sweep(at(600)).await.unwrap();
        assert_eq!(db.store.due_mail(at(599)).await.unwrap(), []);
    });
}

/// A hundred messages to one mailbox, some of them failing again and again, delay nobody else's.
#[test]
fn many_messages_to_one_delay_no_others() {
    each(async |db| {
        with_environments(&db).await;
        let to = |n: u64, recipient: u64, seconds: i64| Mail {
            recipient: Some(hash(recipient)),
            created_at: at(seconds),
            expires_at: at(seconds + 10_000),
            ..mail(n)
        };
        db.done((1..=100).map(|n| outbox::insert(&to(n, 1, 0)))).await;
        db.done((101..=103).map(|n| outbox::insert(&to(n, n, 5)))).await;
        let due = async |seconds| {
            let slots = db.store.due_mail(at(seconds)).await.unwrap();
            slots.iter().map(|slot| slot.mail.id).collect::<Vec<_>>()
        };
        let id = |n: u64| mail(n).id;
        let first = due(5).await;
        assert_eq!(first[..5], [id(1), id(101), id(102), id(103), id(2)]);
        assert_eq!(first.len(), 32, "what nobody else waits for leaves early");
        // Put back after a failure, it queues behind its own kind.
        for n in 0..10 {
            let slot = db.store.due_mail(at(5)).await.unwrap().remove(0);
            db.done([outbox::claim(&slot, at(35))]).await;
            let claimed = stile_store::MailSlot { attempts: slot.attempts + 1, ..slot };
            db.done([outbox::put_back(&claimed, at(6))]).await;
            assert_ne!(due(6).await.first(), Some(&claimed.mail.id), "{n}");
        }
        // Before second 6 only what was never tried is due: 1 to 7 and the three others were put back until then.
        assert_eq!(due(4).await, (8..=39).map(id).collect::<Vec<_>>());
    });
}
