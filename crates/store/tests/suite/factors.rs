//! Second factors beside passkeys: devices, recovery codes, legacy tokens, and the counters that guard them.

use stile_core::policy::{Begun, Evidence};
use stile_core::{Acknowledgement, Credential, Facts, Format, Method, Micros, Proof, Strength};
use stile_store::{
    BegunEnrolment, Failures, MfaToken, Miss, Mutation, Step, TotpDevice, begun, credentials, failures,
    mfa_tokens, recovery_codes, sessions, totp, users,
};

use crate::engines::{Db, all_at_once, each, winners};
use crate::world::*;

const ADDRESS: [u8; 32] = [4; 32];

fn app(n: u64) -> Credential {
    let facts = Facts::of(Format::Totp);
    Credential { id: credential_id(n), facts, sign_in: false, created_at: NOW, verified_at: NOW }
}

fn waiting(session: u64, id: u64) -> BegunEnrolment {
    BegunEnrolment {
        id: credential_id(id),
        session: session_id(session),
        format: Format::Totp,
        permit: Begun {
            scope: "credential:link".into(),
            how: "elevated_token".into(),
            evidence: Evidence { credential: credential_id(1), strength: Strength::Mfa, at: at(-5) },
            epoch: 3,
            ends_at: at(600),
        },
        token: Some(hash(9)),
        sealed: Some(vec![1, 2]),
        created_at: NOW,
    }
}

async fn begun(db: &Db, session: u64, now: Micros) -> Option<BegunEnrolment> {
    db.store.begun_last(session_id(session), Format::Totp, now).await.unwrap()
}

fn replaced_by(device: &BegunEnrolment) -> [Step; 2] {
    [begun::give_up_all(device.session, device.format), begun::insert(device)]
}

fn legacy(session: u64, n: u64) -> MfaToken {
    MfaToken {
        hash: hash(n),
        session: session_id(session),
        proof: Proof::code(Format::Totp, credential_id(2), NOW),
        single_use: true,
        epoch: 1,
        expires_at: at(600),
    }
}

/// Invariant 7: of any number of wrong answers that were judged under the same count, one is counted. The others read
/// again, so that none goes uncounted before the next lock. A right answer passes whatever was counted since it was read.
#[test]
fn of_wrong_answers_judged_together_one_counts_and_a_right_one_does_not_miss() {
    each(async |db| {
        let (one, _) = with_environments(&db).await;
        let again = db.again();
        db.done(signed_in(one, 1)).await;
        let owner = user(1).id;
        for number in 1..=3 {
            let read = db.store.failures(owner, ADDRESS).await.unwrap();
            assert_eq!((read.count, read.of(Method::Of(Format::Totp))), (number - 1, number - 1));
            let wrong = || {
                Mutation::new([
                    failures::count(owner, &read, Micros::new(0), NOW),
                    failures::count_method(owner, Method::Of(Format::Totp)),
                ])
            };
            let answers = all_at_once(&[&db.store, &again], (0..60).map(|_| wrong()).collect()).await;
            assert_eq!(winners(&answers, Miss::LockedOut), 1);
        }
        let right = [failures::pass(owner, NOW), failures::hold_below_cap(owner, Method::Of(Format::Totp))];
        db.done(right.into_iter().chain([failures::forget_methods(owner)])).await;
        assert_eq!(db.store.failures(owner, ADDRESS).await.unwrap(), Failures::default());
    });
}

#[test]
fn no_answer_counts_or_passes_while_a_lock_holds() {
    each(async |db| {
        let (one, two) = with_environments(&db).await;
        db.done(signed_in(one, 1)).await;
        let owner = user(1).id;
        db.done([failures::count(owner, &Failures::default(), at(30), NOW)]).await;
        let read = db.store.failures(owner, ADDRESS).await.unwrap();
        assert_eq!((read.count, read.locked_until), (1, at(30)));
        for step in [failures::count(owner, &read, at(60), at(29)), failures::pass(owner, at(29))] {
            assert_eq!(db.missed([step]).await, Miss::LockedOut);
        }
        db.done([failures::count(owner, &read, at(90), at(30))]).await;
        assert_eq!(db.missed([failures::pass(owner, at(89))]).await, Miss::LockedOut);
        let read = db.store.failures(owner, ADDRESS).await.unwrap();
        assert_eq!((read.count, read.locked_until), (2, at(90)));
        db.done([failures::forget(two, owner)]).await;
        assert_eq!(db.store.failures(owner, ADDRESS).await.unwrap(), read, "of another environment");
        db.done([failures::forget(one, owner)]).await;
        assert_eq!(db.store.failures(owner, ADDRESS).await.unwrap(), Failures::default());
    });
}

/// A lock that was made while the clock was ahead by a year locks nothing, and the failures behind it count on.
#[test]
fn a_lock_of_a_clock_that_was_ahead_locks_nothing() {
    each(async |db| {
        let (one, _) = with_environments(&db).await;
        db.done(signed_in(one, 1)).await;
        let owner = user(1).id;
        let ahead = 365 * 86_400;
        for right in [false, true] {
            let before = db.store.failures(owner, ADDRESS).await.unwrap();
            db.done([failures::count(owner, &before, at(ahead + 900), at(ahead))]).await;
            let read = db.store.failures(owner, ADDRESS).await.unwrap();
            assert_eq!(read.locked(at(ahead)), Some(at(ahead + 900)));
            assert_eq!(read.locked(NOW), None);
            if right {
                db.done([failures::pass(owner, NOW)]).await;
            } else {
                db.done([failures::count(owner, &read, at(900), NOW)]).await;
                let now = db.store.failures(owner, ADDRESS).await.unwrap();
                assert_eq!((now.count, now.locked(NOW)), (2, Some(at(900))));
                assert_eq!(db.missed([failures::pass(owner, NOW)]).await, Miss::LockedOut);
                // Nodes whose clocks differ by less than an hour hold each other's locks.
                assert_eq!(db.missed([failures::pass(owner, at(-3_600))]).await, Miss::LockedOut);
                db.done([failures::pass(owner, at(900))]).await;
            }
        }
    });
}

#[test]
fn a_method_counts_to_its_cap_and_users_count_apart() {
    each(async |db| {
        let (one, _) = with_environments(&db).await;
        db.done(signed_in(one, 1)).await;
        db.done(signed_in(one, 2)).await;
        let owner = user(1).id;
        for _ in 0..failures::CAP {
            db.done([failures::count_method(owner, Method::RecoveryCode)]).await;
        }
        assert_eq!(db.missed([failures::count_method(owner, Method::RecoveryCode)]).await, Miss::LockedOut);
        assert_eq!(db.missed([failures::hold_below_cap(owner, Method::RecoveryCode)]).await, Miss::LockedOut);
        db.done([failures::hold_below_cap(owner, Method::Of(Format::Totp))]).await;
        db.done([failures::count_method(owner, Method::Of(Format::Totp))]).await;
        let read = db.store.failures(owner, ADDRESS).await.unwrap();
        assert_eq!((read.of(Method::RecoveryCode), read.of(Method::Of(Format::Totp))), (failures::CAP, 1));
        assert_eq!(db.store.failures(user(2).id, ADDRESS).await.unwrap(), Failures::default());
        db.done([users::delete(one, owner)]).await;
        assert_eq!(db.store.failures(owner, ADDRESS).await.unwrap(), Failures::default());
    });
}

/// CVE-2026-20779: a step is accepted once, and none before it, on however many nodes.
#[test]
fn a_step_is_used_once() {
    each(async |db| {
        let (one, two) = with_environments(&db).await;
        let again = db.again();
        db.done(signed_in(one, 1)).await;
        let owner = user(1).id;
        let device = TotpDevice { credential: credential_id(2), sealed: vec![8, 9], last_step: 7 };
        db.done([credentials::insert(one, owner, &id16(2), &app(2)), totp::insert(&device)]).await;
        assert_eq!(db.missed([totp::insert(&device)]).await, Miss::Taken);
        let tries = (0..60).map(|_| Mutation::new([totp::advance(device.credential, 8)])).collect();
        assert_eq!(winners(&all_at_once(&[&db.store, &again], tries).await, Miss::AlreadyUsed), 1);
        for step in [7, 8] {
            assert_eq!(db.missed([totp::advance(device.credential, step)]).await, Miss::AlreadyUsed);
        }
        let read = db.store.totp_device(one, owner, device.credential).await.unwrap().unwrap();
        assert_eq!(read, TotpDevice { last_step: 8, ..device.clone() });
        assert_eq!(db.store.totp_device(two, owner, device.credential).await.unwrap(), None);
        assert_eq!(db.store.totp_device(one, user(2).id, device.credential).await.unwrap(), None);
        db.done([credentials::delete(one, owner, device.credential)]).await;
        assert_eq!(db.store.totp_device(one, owner, device.credential).await.unwrap(), None);
    });
}

#[test]
fn a_device_waits_in_its_session_until_it_is_verified_or_replaced() {
    each(async |db| {
        let (one, _) = with_environments(&db).await;
        db.done(signed_in(one, 1)).await;
        db.done(signed_in(one, 2)).await;
        let (first, second) = (waiting(1, 11), waiting(1, 12));
        db.done(replaced_by(&first)).await;
        assert_eq!(begun(&db, 1, at(599)).await, Some(first.clone()));
        assert_eq!(begun(&db, 1, at(600)).await, None);
        assert_eq!(begun(&db, 2, NOW).await, None);
        db.done(replaced_by(&second)).await;
        assert_eq!(begun(&db, 1, NOW).await, Some(second.clone()));
        let by_id =
            async |session, id| db.store.begun(session_id(session), credential_id(id), NOW).await.unwrap();
        assert_eq!(by_id(1, 12).await, Some(second.clone()));
        assert_eq!((by_id(1, 11).await, by_id(2, 12).await), (None, None));
        for (session, id) in [(1, 11), (2, 12)] {
            let step = begun::use_up(session_id(session), credential_id(id));
            assert_eq!(db.missed([step]).await, Miss::AlreadyUsed);
        }
        let tries = (0..40).map(|_| Mutation::new([begun::use_up(session_id(1), second.id)])).collect();
        assert_eq!(winners(&all_at_once(&[&db.store], tries).await, Miss::AlreadyUsed), 1);
        // It goes with its session.
        db.done([begun::insert(&first), sessions::end(one, session_id(1))]).await;
        assert_eq!(begun(&db, 1, NOW).await, None);
    });
}

/// CVE-2025-64175: a code is used up once, and by its owner alone.
#[test]
fn a_recovery_code_is_used_up_once_by_its_owner() {
    each(async |db| {
        let (one, _) = with_environments(&db).await;
        let again = db.again();
        db.done(signed_in(one, 1)).await;
        db.done(signed_in(one, 2)).await;
        let (ann, bob) = (user(1).id, user(2).id);
        db.done((0..10).map(|n| recovery_codes::insert(ann, hash(n)))).await;
        // The same text is another user's too: codes are hashed with their owner, but nothing here relies on it.
        db.done([recovery_codes::insert(bob, hash(0))]).await;
        assert_eq!(db.missed([recovery_codes::insert(ann, hash(0))]).await, Miss::Taken);
        assert_eq!(db.missed([recovery_codes::use_up(bob, hash(1))]).await, Miss::AlreadyUsed);
        let tries = (0..60).map(|_| Mutation::new([recovery_codes::use_up(ann, hash(0))])).collect();
        assert_eq!(winners(&all_at_once(&[&db.store, &again], tries).await, Miss::AlreadyUsed), 1);
        assert_eq!(db.store.recovery_codes(ann).await.unwrap().len(), 9);
        assert_eq!(db.store.recovery_codes(bob).await.unwrap(), [hash(0)]);
        db.done([recovery_codes::delete_all(ann)]).await;
        assert_eq!(db.store.recovery_codes(ann).await.unwrap().len(), 0);
        assert_eq!(db.store.recovery_codes(bob).await.unwrap().len(), 1);
    });
}

#[test]
fn a_set_is_kept_to_be_seen_until_it_is_hidden_or_old() {
    each(async |db| {
        let (one, two) = with_environments(&db).await;
        db.done(signed_in(one, 1)).await;
        let owner = user(1).id;
        db.done([recovery_codes::show(owner, b"first", at(10))]).await;
        db.done([recovery_codes::show(owner, b"second", at(20))]).await;
        assert_eq!(db.store.shown_recovery_codes(owner, at(19)).await.unwrap(), Some(b"second".to_vec()));
        assert_eq!(db.store.shown_recovery_codes(owner, at(20)).await.unwrap(), None);
        db.store.sweep(at(20)).await.unwrap();
        assert_eq!(db.store.shown_recovery_codes(owner, NOW).await.unwrap(), None, "swept");
        db.done([recovery_codes::show(owner, b"third", at(20)), recovery_codes::hide(owner)]).await;
        assert_eq!(db.store.shown_recovery_codes(owner, NOW).await.unwrap(), None);

        for state in [Some(Acknowledgement::Pending), Some(Acknowledgement::Complete), None] {
            db.done([users::set_recovery(one, owner, state)]).await;
            assert_eq!(db.store.account(one, owner).await.unwrap().unwrap().user.recovery, state);
        }
        assert_eq!(db.missed([users::set_recovery(two, owner, None)]).await, Miss::UserChanged);
        db.done([users::bump_epoch(one, owner), users::prefer(one, owner, Some(credential_id(5)))]).await;
        let user = db.store.account(one, owner).await.unwrap().unwrap().user;
        assert_eq!((user.epoch, user.default_method, user.version), (1, Some(credential_id(5)), 1));
    });
}

#[test]
fn a_legacy_token_is_its_sessions_and_used_once() {
    each(async |db| {
        let (one, _) = with_environments(&db).await;
        let again = db.again();
        db.done(signed_in(one, 1)).await;
        db.done(signed_in(one, 2)).await;
        let token = legacy(1, 5);
        db.done([mfa_tokens::insert(&token)]).await;
        assert_eq!(db.missed([mfa_tokens::insert(&token)]).await, Miss::Taken);
        assert_eq!(db.store.mfa_token(session_id(1), hash(5), at(599)).await.unwrap(), Some(token));
        for (session, n, now) in [(2, 5, NOW), (1, 6, NOW), (1, 5, at(600))] {
            assert_eq!(db.store.mfa_token(session_id(session), hash(n), now).await.unwrap(), None);
        }
        let tries = (0..60).map(|_| Mutation::new([mfa_tokens::use_up(hash(5))])).collect();
        assert_eq!(winners(&all_at_once(&[&db.store, &again], tries).await, Miss::AlreadyUsed), 1);
        db.done([mfa_tokens::insert(&legacy(1, 7)), mfa_tokens::insert(&legacy(2, 8))]).await;
        db.done([sessions::end(one, session_id(1))]).await;
        assert_eq!(db.store.mfa_token(session_id(1), hash(7), NOW).await.unwrap(), None);
        db.store.sweep(at(600)).await.unwrap();
        assert_eq!(db.store.mfa_token(session_id(2), hash(8), NOW).await.unwrap(), None);
    });
}

#[test]
fn sessions_are_listed_and_ended_by_their_user_alone() {
    each(async |db| {
        let (one, two) = with_environments(&db).await;
        db.done(signed_in(one, 1)).await;
        db.done(signed_in(one, 2)).await;
        let (ann, bob) = (user(1).id, user(2).id);
        for n in 11..=13_u64 {
            let later =
                stile_core::Session { created_at: at(n.cast_signed()), ..session(n, credential_id(1)) };
            db.done([sessions::insert(one, ann, &later)]).await;
        }
        let listed = db.store.sessions(one, ann, NOW, 3).await.unwrap();
        let ids: Vec<_> = listed.iter().map(|row| row.id).collect();
        assert_eq!(
            ids,
            [session_id(13), session_id(12), session_id(11)],
            "newest first, as many as asked for"
        );
        assert_eq!(listed[0].proofs, [Proof::code(Format::Email, credential_id(1), NOW)]);
        assert_eq!(db.store.sessions(one, ann, at(3_600), 9).await.unwrap(), [], "idle for too long");
        assert_eq!(db.store.sessions(two, ann, NOW, 9).await.unwrap(), []);

        for (environment, owner) in [(one, bob), (two, ann)] {
            assert_eq!(
                db.missed([sessions::revoke(environment, owner, session_id(11))]).await,
                Miss::NotFound
            );
            db.done([sessions::end_all(environment, owner, Some(session_id(2)))]).await;
            db.done([sessions::forget_proofs(environment, owner, session_id(2))]).await;
        }
        assert_eq!(db.store.sessions(one, ann, NOW, 9).await.unwrap().len(), 4);
        db.done([sessions::forget_proofs(one, ann, session_id(12))]).await;
        for row in db.store.sessions(one, ann, NOW, 9).await.unwrap() {
            assert_eq!(row.proofs.len(), usize::from(row.id == session_id(12)));
        }
        db.done([sessions::revoke(one, ann, session_id(11))]).await;
        assert_eq!(db.missed([sessions::revoke(one, ann, session_id(11))]).await, Miss::NotFound);
        db.done([sessions::end_all(one, ann, Some(session_id(12)))]).await;
        assert_eq!(db.store.sessions(one, ann, NOW, 9).await.unwrap().len(), 1);
        db.done([sessions::end_all(one, ann, None)]).await;
        assert_eq!(db.store.sessions(one, ann, NOW, 9).await.unwrap().len(), 0);
        assert_eq!(db.store.sessions(one, bob, NOW, 9).await.unwrap().len(), 1);
    });
}
