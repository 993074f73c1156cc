//! API tokens, the audit log, and facts about the database.

use stile_core::{ApiTokenId, Micros};
use stile_store::{ApiToken, AuditEvent, AuditRow, Miss, api_tokens, audit};

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
        let rows = db.store.audit(one, 10).await.unwrap();
        assert_eq!(
            rows.iter().map(|r| r.request.as_str()).collect::<Vec<_>>(),
            ["second", "first", "oldest"]
        );
        let oldest = AuditRow {
            subject: about.subject,
            event: about.event.into(),
            detail: about.detail,
            request: about.request,
            at: about.at,
        };
        assert_eq!(rows[2], oldest);
        assert_eq!(db.store.audit(one, 2).await.unwrap(), rows[..2]);
        assert_eq!(db.store.audit(two, 10).await.unwrap(), []);
    });
}

#[test]
fn the_audit_log_outlives_the_user() {
    each(async |db| {
        let (one, _) = with_environments(&db).await;
        db.done(signed_in(one, 1)).await;
        let about = AuditEvent { subject: Some(user(1).id), ..event(1, "r") };
        db.done([audit::insert(&about), stile_store::users::delete(one, user(1).id)]).await;
        assert_eq!(db.store.audit(one, 1).await.unwrap()[0].subject, Some(user(1).id));
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
