//! Sessions: opened, proved in, refreshed, replaced, swept.

use stile_core::{Format, Level, Proof, Session};
use stile_store::{Miss, Mutation, sessions};

use crate::engines::{all_at_once, each, winners};
use crate::world::*;

#[test]
fn a_session_is_replaced_once() {
    each(async |db| {
        let (one, two) = with_environments(&db).await;
        let again = db.again();
        db.done(signed_in(one, 1)).await;
        assert_eq!(db.missed([sessions::use_up(two, session_id(1))]).await, Miss::SessionGone);
        let tries = (0..50).map(|n| {
            let next = session(100 + n, credential_id(1));
            Mutation::new([sessions::use_up(one, session_id(1)), sessions::insert(one, user(1).id, &next)])
        });
        let answers = all_at_once(&[&db.store, &again], tries.collect()).await;
        assert_eq!(winners(&answers, Miss::SessionGone), 1);
        let mut live = 0;
        for n in 0..50 {
            live += u32::from(db.store.principal(one, session_id(100 + n)).await.unwrap().is_some());
        }
        assert_eq!(live, 1);
        assert!(db.store.principal(one, session_id(1)).await.unwrap().is_none());
    });
}

#[test]
fn an_id_is_given_once() {
    each(async |db| {
        let (one, _) = with_environments(&db).await;
        db.done(signed_in(one, 1)).await;
        let second = sessions::insert(one, user(1).id, &session(1, credential_id(1)));
        assert_eq!(db.missed([second]).await, Miss::Taken);
    });
}

#[test]
fn proofs_and_refreshes_are_noted_in_a_live_session_alone() {
    each(async |db| {
        let (one, two) = with_environments(&db).await;
        db.done(signed_in(one, 1)).await;
        let before = session(1, credential_id(1));
        let proof = Proof { user_verified: true, ..Proof::code(Format::Email, credential_id(8), at(7)) };
        let after = Session {
            proofs: before.proofs_with(proof),
            last_credential: credential_id(8),
            idle_expires_at: at(4_000),
            ..before
        };
        assert_eq!(db.missed([sessions::write_proofs(one, user(2).id, &after)]).await, Miss::SessionGone);
        assert_eq!(db.missed([sessions::write_proofs(two, user(1).id, &after)]).await, Miss::SessionGone);
        db.done([sessions::write_proofs(one, user(1).id, &after)]).await;
        assert_eq!(db.store.principal(one, after.id).await.unwrap().unwrap().session, after);

        for _two_tabs in 0..2 {
            db.done([sessions::refresh(one, after.id, after.level, at(5_000))]).await;
        }
        let other = if after.level == Level::Full { Level::Pending } else { Level::Full };
        for refused in [
            sessions::refresh(two, after.id, after.level, at(9_000)),
            // It was raised or lowered since it was read.
            sessions::refresh(one, after.id, other, at(9_000)),
        ] {
            assert_eq!(db.missed([refused]).await, Miss::UserChanged);
        }
        let now = db.store.principal(one, after.id).await.unwrap().unwrap().session;
        assert_eq!(now, Session { idle_expires_at: at(5_000), ..after.clone() });

        db.done([sessions::end(one, after.id)]).await;
        db.done([sessions::end(one, after.id)]).await;
        for step in [sessions::write_proofs(one, user(1).id, &after), sessions::use_up(one, after.id)] {
            assert_eq!(db.missed([step]).await, Miss::SessionGone);
        }
        let late = sessions::refresh(one, after.id, after.level, NOW);
        assert_eq!(db.missed([late]).await, Miss::UserChanged);
    });
}

#[test]
fn a_sweep_takes_sessions_at_their_end() {
    each(async |db| {
        let (one, _) = with_environments(&db).await;
        db.done(signed_in(one, 1)).await;
        db.store.sweep(at(86_399)).await.unwrap();
        assert!(db.store.principal(one, session_id(1)).await.unwrap().is_some());
        db.store.sweep(at(86_400)).await.unwrap();
        assert!(db.store.principal(one, session_id(1)).await.unwrap().is_none());
    });
}
