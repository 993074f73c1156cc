//! A database of an earlier version, with rows in it, is brought up to date and loses nothing.

use stile_core::{Format, Level, Method, SessionId, UserId};
use stile_store::environments::claim_rp_id;
use stile_store::{CommitError, Miss, Mutation, Store, ledger};

use crate::engines::{on_postgres, run};
use crate::postgres::database::Database;
use crate::sqlite::raw;
use crate::world::*;

const MIGRATIONS: [&str; 2] =
    [include_str!("../../migrations/0001_first.sql"), include_str!("../../migrations/0002_mfa.sql")];

/// As the first version left them: ids of sixteen bytes, a user with an address and a session, a thing that was used
/// up, a counter.
const FIRST: [&str; 10] = [
    "INSERT INTO environments (id, version, kind, name, settings, created_at)
     VALUES (ID1, 1, 'sandbox', 'first', '{}', 5)",
    "INSERT INTO users (id, environment, version, profile, username, first_visit, last_visit)
     VALUES (ID2, ID1, 3, '{\"alias\":\"Ann\"}', NULL, 5, 6)",
    "INSERT INTO credentials (id, environment, owner, format, identifier, facts, sign_in, created_at, verified_at)
     VALUES (ID3, ID1, ID2, 'email', ID3, '{\"format\":\"email\",\"address\":\"ann@example.org\"}', 1, 5, 6)",
    "INSERT INTO sessions (id, environment, owner, level, created_at, expires_at, idle_expires_at,
                           sign_in_credential, last_credential, session_key, device_key, proofs)
     VALUES (ID4, ID1, ID2, 'full', 5, 9, 8, ID3, ID3, NULL, NULL, '[]')",
    "INSERT INTO sessions (id, environment, owner, level, created_at, expires_at, idle_expires_at,
                           sign_in_credential, last_credential, session_key, device_key, proofs)
     VALUES (ID5, ID1, ID2, 'pending', 5, 9, 8, ID3, ID3, NULL, NULL, '[]')",
    "INSERT INTO ledger (kind, key, note, used_at, expires_at) VALUES ('elevated_token', ID4, ID1ID2, 5, 9)",
    "INSERT INTO counters (key, count, expires_at) VALUES (ID1ID2, 7, 9000000000000000)",
    "INSERT INTO meta (name, value) VALUES ('rp-id example.org', ID1)",
    "INSERT INTO meta (name, value) VALUES ('rp-id shared.example', ID1ID2)",
    "INSERT INTO meta (name, value) VALUES ('former-rp-id example.org', ID7)",
];

/// What the second version had besides.
const SECOND: [&str; 2] = [
    "INSERT INTO recovery_codes (owner, hash) VALUES (ID2, ID3ID4)",
    "INSERT INTO failures (owner, method, count, locked_until) VALUES (ID2, 'totp', 4, 0)",
];

/// The rows of a version, for an engine that writes bytes in this form.
fn rows(version: usize, bytes: impl Fn(&str) -> String) -> Vec<String> {
    let all = FIRST.iter().chain(SECOND.iter().filter(|_| version > 1));
    all.map(|sql| with_ids(sql, &bytes)).collect()
}

/// FNV-1a, as migrations are compared.
fn checksum(sql: &str) -> i64 {
    let hash = sql.bytes().fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
    });
    hash.cast_signed()
}

/// The statement with bytes in the places of `ID1` and its like; two that touch are one value.
fn with_ids(sql: &str, bytes: impl Fn(&str) -> String) -> String {
    let mut sql = sql.to_owned();
    while let Some(start) = sql.find("ID") {
        let end = sql[start..].find([',', ')']).unwrap() + start;
        let ids = sql[start..end].split("ID").filter(|n| !n.is_empty());
        let hex: String = ids.map(|n| format!("{:032x}", n.parse::<u128>().unwrap())).collect();
        sql.replace_range(start..end, &bytes(&hex));
    }
    sql
}

async fn holds_what_it_held(store: &Store, version: usize) {
    let me = store.principal(environment_id(1), SessionId::from_bytes(id16(4))).await.unwrap().unwrap();
    assert_eq!((me.user.id, me.user.version), (UserId::from_bytes(id16(2)), 3));
    assert_eq!(me.user.profile.alias.as_deref(), Some("Ann"));
    assert_eq!((me.user.epoch, me.user.recovery, me.user.default_method), (0, None, None));
    assert_eq!((me.session.level, me.session.user_agent.as_str()), (Level::Full, ""));
    assert_eq!(me.email(), Some("ann@example.org"));
    // Half a sign-in lasted as long as a whole one: those are begun anew.
    assert!(store.principal(environment_id(1), SessionId::from_bytes(id16(5))).await.unwrap().is_none());
    assert!(store.begun_last(me.session.id, Format::Totp, NOW).await.unwrap().is_none());
    let note = store.ledger_note(ledger::Kind::ElevatedToken, &id16(4)).await.unwrap();
    assert_eq!(note, Some(two(1, 2)));
    assert_eq!(store.buckets([two(1, 2)]).await.unwrap(), [stile_core::Micros::new(9_000_000_000_000_000)]);
    let (codes, failures) =
        (store.recovery_codes(me.user.id).await.unwrap(), store.failures(me.user.id, [0; 32]).await.unwrap());
    let claim = |id, domain| store.commit(Mutation::new(claim_rp_id(environment_id(id), domain, false)));
    claim(1, "example.org").await.unwrap();
    for (id, domain) in [(9, "example.org"), (1, "shared.example")] {
        let refused = Err(CommitError::Missed(Miss::EnvironmentChanged));
        assert_eq!(claim(id, domain).await, refused, "{domain}");
    }
    assert_eq!(store.former_rp_id("example.org").await.unwrap(), Some(id16(7).to_vec()));
    match version {
        1 => assert_eq!((codes, failures.of(Method::Of(Format::Totp))), (Vec::new(), 0)),
        _ => assert_eq!((codes, failures.of(Method::Of(Format::Totp))), (vec![two(3, 4)], 4)),
    }
}

/// Two ids as one value.
fn two(one: u64, other: u64) -> [u8; 32] {
    [id16(one), id16(other)].concat().try_into().unwrap()
}

fn file_of(version: usize) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("stile.db");
    let raw = raw::open(&path);
    raw.execute_batch(
        "CREATE TABLE migrations (version INTEGER NOT NULL PRIMARY KEY, checksum INTEGER NOT NULL,
                                  applied_at INTEGER NOT NULL) STRICT;",
    )
    .unwrap();
    for (sql, number) in MIGRATIONS.iter().zip(1..).take(version) {
        raw.execute_batch(&sql.replace("\n);", "\n) STRICT;")).unwrap();
        raw.execute("INSERT INTO migrations VALUES (?1, ?2, 5)", [number, checksum(sql)]).unwrap();
    }
    for row in rows(version, |hex| format!("X'{hex}'")) {
        raw.execute(&row, []).unwrap();
    }
    drop(raw);
    run(async {
        for _again in 0..2 {
            holds_what_it_held(&Store::sqlite(&path, NOW).unwrap(), version).await;
        }
    });
    raw::assert_sound(&path);
}

fn server_of(version: usize) {
    on_postgres(async |_| {
        let database = Database::empty();
        let raw = database.raw().await;
        raw.batch_execute(
            "CREATE TABLE migrations (version BIGINT PRIMARY KEY, checksum BIGINT, applied_at BIGINT)",
        )
        .await
        .unwrap();
        for (sql, number) in MIGRATIONS.iter().zip(1_i64..).take(version) {
            raw.batch_execute(&sql.replace("BLOB", "BYTEA").replace("INTEGER", "BIGINT")).await.unwrap();
            raw.execute("INSERT INTO migrations VALUES ($1, $2, 5)", &[&number, &checksum(sql)])
                .await
                .unwrap();
        }
        for row in rows(version, |hex| format!("'\\x{hex}'::bytea")) {
            raw.batch_execute(&row).await.unwrap();
        }
        for _again in 0..2 {
            holds_what_it_held(&Store::postgres(&database.url(), NOW).await.unwrap(), version).await;
        }
    });
}

#[test]
fn files_of_earlier_versions_are_brought_up_to_date() {
    (1..=MIGRATIONS.len()).for_each(file_of);
}

#[test]
fn servers_of_earlier_versions_are_brought_up_to_date() {
    (1..=MIGRATIONS.len()).for_each(server_of);
}
