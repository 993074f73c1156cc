//! API tokens, the audit log, and facts about the database.

use stile_core::{ApiTokenId, AuditId, EventName, Micros};
use stile_store::{ApiToken, AuditEvent, AuditFilter, AuditRow, Cursor, Miss, api_tokens, audit};

use crate::engines::each;
use crate::world::*;

fn token(n: u64, created_at: Micros) -> ApiToken {
    ApiToken {
        id: ApiTokenId::from_bytes(id16(n)),
        environment: environment_id(1),
        last_six: "abc123".into(),
        note: "the shop's backend".into(),
        scopes: vec!["users:read".into(), "users:write".into()],
        created_at,
    }
}

#[test]
fn an_api_token_is_found_by_its_hash_until_it_is_revoked() {
    each(async |db| {
        let (one, two) = with_environments(&db).await;
        let (older, newer) = (token(9, at(-9)), token(2, NOW));
        db.done([api_tokens::insert(&newer, hash(2)), api_tokens::insert(&older, hash(9))]).await;
        assert_eq!(db.missed([api_tokens::insert(&token(3, NOW), hash(2))]).await, Miss::Taken);
        assert_eq!(db.store.api_token(hash(2)).await.unwrap(), Some(newer.clone()));
        assert_eq!(db.store.api_token(hash(3)).await.unwrap(), None);
        assert_eq!(db.store.api_tokens(one).await.unwrap(), [older.clone(), newer.clone()]);
        assert_eq!(db.store.api_tokens(two).await.unwrap(), []);
        assert_eq!(db.missed([api_tokens::delete(two, newer.id)]).await, Miss::NotFound);
        db.done([api_tokens::delete(one, newer.id)]).await;
        assert_eq!(db.store.api_token(hash(2)).await.unwrap(), None);
        assert_eq!(db.store.api_tokens(one).await.unwrap(), [older]);
    });
}

#[test]
fn the_audit_log_is_read_newest_first() {
    each(async |db| {
        let (one, two) = with_environments(&db).await;
        let about = AuditEvent { subject: Some(user(4).id), at: at(-1), ..event(7, "oldest") };
        db.done([
            audit::insert(&event(1, "first")),
            audit::insert(&event(2, "second")),
            audit::insert(&about),
        ])
        .await;
        assert_eq!(db.missed([audit::insert(&event(1, "again"))]).await, Miss::Taken);
        let rows = db.store.audit(one, AuditFilter::newest(10)).await.unwrap();
        assert_eq!(
            rows.iter().map(|r| r.source.request.as_str()).collect::<Vec<_>>(),
            ["second", "first", "oldest"]
        );
        let oldest = AuditRow {
            id: about.id,
            subject: about.subject,
            event: about.event.as_str().into(),
            detail: about.detail,
            source: about.source,
            count: 1,
            at: about.at,
        };
        assert_eq!(rows[2], oldest);
        assert_eq!(db.store.audit(one, AuditFilter::newest(2)).await.unwrap(), rows[..2]);
        assert_eq!(db.store.audit(two, AuditFilter::newest(10)).await.unwrap(), []);
    });
}

#[test]
fn audit_events_are_found_by_user_name_and_time_and_page_by_page() {
    each(async |db| {
        let (one, two) = with_environments(&db).await;
        let (ann, bob) = (Some(user(1).id), Some(user(2).id));
        let named = |n, subject, name, seconds| AuditEvent {
            subject,
            event: name,
            at: at(seconds),
            ..event(n, &n.to_string())
        };
        db.done(
            [
                named(1, ann, EventName::SessionOpened, 0),
                named(2, bob, EventName::SessionOpened, 10),
                named(3, ann, EventName::MfaWrong, 20),
                named(4, None, EventName::PasskeyRefused, 20),
                named(5, ann, EventName::SessionOpened, 30),
            ]
            .iter()
            .map(audit::insert),
        )
        .await;
        let all = AuditFilter::newest(10);
        let found = async |wanted| -> Vec<String> {
            let rows = db.store.audit(one, wanted).await.unwrap();
            rows.into_iter().map(|row| row.source.request).collect()
        };
        assert_eq!(found(all).await, ["5", "4", "3", "2", "1"]);
        assert_eq!(found(AuditFilter { subject: ann, ..all }).await, ["5", "3", "1"]);
        let opened = AuditFilter { event: Some("session.opened"), ..all };
        assert_eq!(found(opened).await, ["5", "2", "1"]);
        assert_eq!(found(AuditFilter { subject: ann, ..opened }).await, ["5", "1"]);
        let between = AuditFilter { since: at(10), until: at(30), ..all };
        assert_eq!(found(between).await, ["4", "3", "2"]);
        assert_eq!(found(AuditFilter { event: Some("nothing.else"), ..all }).await, Vec::<String>::new());
        assert_eq!(db.store.audit(two, AuditFilter { subject: ann, ..all }).await.unwrap(), []);
        let mut paged = Vec::new();
        let mut wanted = AuditFilter { limit: 2, ..all };
        loop {
            let rows = db.store.audit(one, wanted).await.unwrap();
            let Some(last) = rows.last() else { break };
            wanted.after = Some(last.cursor());
            paged.extend(rows.into_iter().map(|row| row.source.request));
        }
        assert_eq!(paged, ["5", "4", "3", "2", "1"]);
    });
}

#[test]
fn a_row_counts_what_has_its_id() {
    each(async |db| {
        let (one, _) = with_environments(&db).await;
        let later = AuditEvent { at: at(5), ..event(1, "later") };
        db.done([audit::count(&event(1, "first"), 1)]).await;
        db.done([audit::count(&later, 3), audit::count(&event(2, "other"), 7)]).await;
        let rows = db.store.audit(one, AuditFilter::newest(10)).await.unwrap();
        let counted: Vec<_> =
            rows.iter().map(|row| (row.source.request.as_str(), row.count, row.at)).collect();
        assert_eq!(counted, [("other", 7, NOW), ("first", 4, NOW)], "the first time is kept");
    });
}

#[test]
fn old_audit_events_are_deleted_in_batches() {
    each(async |db| {
        let (one, two) = with_environments(&db).await;
        let old = |n| AuditEvent { at: at(-10), ..event(n, "old") };
        db.done((0..1_100).map(|n| audit::insert(&old(n)))).await;
        let other = AuditEvent { environment: two, ..old(9_001) };
        db.done([audit::insert(&other), audit::insert(&event(9_002, "new"))]).await;
        let count = async |environment| {
            db.store.audit(environment, AuditFilter::newest(u32::MAX)).await.unwrap().len()
        };
        assert!(db.store.sweep_audit(one, NOW).await.unwrap(), "there are more");
        assert_eq!(count(one).await, 601);
        while db.store.sweep_audit(one, NOW).await.unwrap() {}
        let rows = db.store.audit(one, AuditFilter::newest(10)).await.unwrap();
        assert_eq!(rows.iter().map(|row| row.source.request.as_str()).collect::<Vec<_>>(), ["new"]);
        assert_eq!(count(two).await, 1, "another environment keeps its own");
    });
}

#[test]
fn the_audit_log_outlives_the_user() {
    each(async |db| {
        let (one, _) = with_environments(&db).await;
        db.done(signed_in(one, 1)).await;
        let about = AuditEvent { subject: Some(user(1).id), ..event(1, "r") };
        db.done([audit::insert(&about), stile_store::users::delete(one, user(1).id)]).await;
        assert_eq!(db.store.audit(one, AuditFilter::newest(1)).await.unwrap()[0].subject, Some(user(1).id));
    });
}

#[test]
fn a_fact_is_remembered_once() {
    each(async |db| {
        let again = db.again();
        let tasks: Vec<_> = (0..20_u8)
            .map(|n| {
                let store = if n % 2 == 0 { &db.store } else { &again }.clone();
                tokio::spawn(async move { store.remember("key check", &[n]).await.unwrap() })
            })
            .collect();
        let kept = db.store.remember("key check", b"late").await.unwrap();
        for task in tasks {
            assert_eq!(task.await.unwrap(), kept);
        }
        assert_eq!(db.store.remember("another", b"x").await.unwrap(), b"x");
        assert_eq!(db.again().remember("key check", b"later").await.unwrap(), kept);
    });
}

#[test]
fn cursors_come_back_as_they_were_shown() {
    let cursor = Cursor { at: Micros::new(1_800_000_000_000_001), id: AuditId::from_bytes([7; 16]) };
    assert_eq!(cursor.to_string().parse(), Ok(cursor));
    for bad in
        ["", ".", "1.2", "x.07070707-0707-0707-0707-070707070707", "07070707-0707-0707-0707-070707070707"]
    {
        assert!(bad.parse::<Cursor>().is_err(), "{bad}");
    }
}
