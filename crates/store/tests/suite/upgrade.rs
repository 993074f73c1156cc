//! A database of the first version, with rows in it, is brought up to date and loses nothing.

use stile_core::{Level, SessionId, UserId};
use stile_store::Store;

use crate::engines::{on_postgres, run};
use crate::postgres::database::Database;
use crate::sqlite::raw;
use crate::world::*;

const FIRST: &str = include_str!("../../migrations/0001_first.sql");

/// As the first version left them: ids of sixteen bytes, a user with an address and a session.
const ROWS: [&str; 4] = [
    "INSERT INTO environments (id, version, kind, name, settings, created_at)
     VALUES (ID1, 1, 'sandbox', 'first', '{}', 5)",
    "INSERT INTO users (id, environment, version, profile, username, first_visit, last_visit)
     VALUES (ID2, ID1, 3, '{\"alias\":\"Ann\"}', NULL, 5, 6)",
    "INSERT INTO credentials (id, environment, owner, format, identifier, facts, sign_in, created_at, verified_at)
     VALUES (ID3, ID1, ID2, 'email', ID3, '{\"format\":\"email\",\"address\":\"ann@example.org\"}', 1, 5, 6)",
    "INSERT INTO sessions (id, environment, owner, level, created_at, expires_at, idle_expires_at,
                           sign_in_credential, last_credential, session_key, device_key, proofs)
     VALUES (ID4, ID1, ID2, 'full', 5, 9, 8, ID3, ID3, NULL, NULL, '[]')",
];

/// FNV-1a, as migrations are compared.
fn checksum(sql: &str) -> i64 {
    let hash = sql.bytes().fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
    });
    hash.cast_signed()
}

fn with_ids(sql: &str, literal: impl Fn(u64) -> String) -> String {
    (1..=4).fold(sql.to_owned(), |sql, n| sql.replace(&format!("ID{n}"), &literal(n)))
}

fn hex(n: u64) -> String {
    format!("{:032x}", u128::from(n))
}

async fn holds_what_it_held(store: &Store) {
    let me = store.principal(environment_id(1), SessionId::from_bytes(id16(4))).await.unwrap().unwrap();
    assert_eq!((me.user.id, me.user.version), (UserId::from_bytes(id16(2)), 3));
    assert_eq!(me.user.profile.alias.as_deref(), Some("Ann"));
    assert_eq!((me.user.epoch, me.user.recovery, me.user.default_method), (0, None, None));
    assert_eq!((me.session.level, me.session.user_agent.as_str()), (Level::Full, ""));
    assert_eq!(me.email(), Some("ann@example.org"));
    assert!(store.recovery_codes(me.user.id).await.unwrap().is_empty());
    assert!(store.unverified_totp(me.session.id, NOW).await.unwrap().is_none());
}

#[test]
fn a_file_of_the_first_version_is_brought_up_to_date() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("stile.db");
    let raw = raw::open(&path);
    raw.execute_batch(
        "CREATE TABLE migrations (version INTEGER NOT NULL PRIMARY KEY, checksum INTEGER NOT NULL,
                                  applied_at INTEGER NOT NULL) STRICT;",
    )
    .unwrap();
    raw.execute_batch(&FIRST.replace("\n);", "\n) STRICT;")).unwrap();
    raw.execute("INSERT INTO migrations VALUES (1, ?1, 5)", [checksum(FIRST)]).unwrap();
    for row in ROWS {
        raw.execute(&with_ids(row, |n| format!("X'{}'", hex(n))), []).unwrap();
    }
    drop(raw);
    run(async {
        for _again in 0..2 {
            holds_what_it_held(&Store::sqlite(&path, NOW).unwrap()).await;
        }
    });
    raw::assert_sound(&path);
}

#[test]
fn a_server_of_the_first_version_is_brought_up_to_date() {
    on_postgres(async |_| {
        let database = Database::empty();
        let raw = database.raw().await;
        let first = FIRST.replace("BLOB", "BYTEA").replace("INTEGER", "BIGINT");
        raw.batch_execute(
            "CREATE TABLE migrations (version BIGINT PRIMARY KEY, checksum BIGINT, applied_at BIGINT)",
        )
        .await
        .unwrap();
        raw.batch_execute(&first).await.unwrap();
        raw.execute("INSERT INTO migrations VALUES (1, $1, 5)", &[&checksum(FIRST)]).await.unwrap();
        for row in ROWS {
            raw.batch_execute(&with_ids(row, |n| format!("'\\x{}'::bytea", hex(n)))).await.unwrap();
        }
        for _again in 0..2 {
            holds_what_it_held(&Store::postgres(&database.url(), NOW).await.unwrap()).await;
        }
    });
}
