//! Backups: one moment, while others write; and into whichever engine.

use std::io::{Cursor, Write};
use std::sync::{Arc, Mutex};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};
use stile_core::guessing::Allowance;
use stile_store::{Backup, BackupError, Mutation, Renewal, Step, Store, buckets};

use crate::engines::{Db, each, run};
use crate::world::*;

#[derive(Clone, Default)]
struct Memory(Arc<Mutex<Vec<u8>>>);

impl Write for Memory {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap().extend(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

async fn backup(store: &Store) -> Vec<u8> {
    let file = Memory::default();
    store.backup("1", NOW, file.clone()).await.unwrap();
    let bytes = file.0.lock().unwrap();
    bytes.clone()
}

fn renewal() -> Renewal {
    Renewal { last_step: 9, salt: [5; 32], now: NOW }
}

fn restored(backup: Vec<u8>) -> (tempfile::TempDir, Store) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("stile.db");
    Backup::open(Cursor::new(backup)).unwrap().into_sqlite(&path, &renewal()).unwrap();
    let store = Store::sqlite(&path, NOW).unwrap();
    (folder, store)
}

/// So large that it is never full here.
const LARGE: Allowance = Allowance::new(1_000_000, 1);

/// Counts one event, and how many were counted.
fn one_more(key: u8) -> Step {
    buckets::count([key; 32], LARGE, NOW)
}

async fn counted(store: &Store, key: u8) -> i64 {
    let [stored] = store.buckets([[key; 32]]).await.unwrap();
    stored.seconds_since(NOW)
}

/// Two counters that always move together are equal in every backup.
#[test]
fn a_backup_is_of_one_moment() {
    each(async |db: Db| {
        let both = || Mutation::new([one_more(1), one_more(2)]);
        db.store.commit(both()).await.unwrap();
        let writer = db.again();
        let stop = Arc::new(std::sync::atomic::AtomicBool::new(false));
        let stopped = Arc::clone(&stop);
        let writing = tokio::spawn(async move {
            let mut written = 1_i64;
            while !stopped.load(std::sync::atomic::Ordering::Relaxed) {
                writer.commit(both()).await.unwrap();
                written += 1;
            }
            written
        });
        let mut seen = Vec::new();
        for _ in 0..10 {
            let (_folder, copy) = restored(backup(&db.store).await);
            let (one, two) = (counted(&copy, 1).await, counted(&copy, 2).await);
            assert_eq!(one, two);
            seen.push(one);
        }
        stop.store(true, std::sync::atomic::Ordering::Relaxed);
        let written = writing.await.unwrap();
        assert!(seen.is_sorted() && *seen.last().unwrap() <= written, "{seen:?} {written}");
    });
}

#[test]
fn restored_data_has_a_salt_and_nothing_else_has() {
    each(async |db: Db| {
        assert_eq!(db.store.restored_salt().await.unwrap(), None);
        let (_folder, copy) = restored(backup(&db.store).await);
        assert_eq!(copy.restored_salt().await.unwrap(), Some([5; 32]));
        // Again, with another salt.
        let other = Renewal { salt: [6; 32], ..renewal() };
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("stile.db");
        Backup::open(Cursor::new(backup(&copy).await)).unwrap().into_sqlite(&path, &other).unwrap();
        assert_eq!(Store::sqlite(&path, NOW).unwrap().restored_salt().await.unwrap(), Some([6; 32]));
    });
}

/// Names of tables and columns become statements: a file may name those of Stile alone.
#[test]
fn a_backup_names_no_table_and_no_column_of_its_own() {
    run(async {
        let db = Db::sqlite();
        let whole = String::from_utf8(backup(&db.store).await).unwrap();
        for (from, to) in [
            ("{\"table\":\"meta\"", "{\"table\":\"meta; DROP TABLE users\""),
            ("{\"table\":\"users\"", "{\"table\":\"meta\""),
            ("{\"table\":\"users\"", "{\"table\":\"sqlite_schema\""),
            ("\"columns\":[\"name\",", "\"columns\":[\"name) VALUES (1) --\","),
            ("\"columns\":[\"name\",\"value\"]", "\"columns\":[\"name\"]"),
        ] {
            assert!(whole.contains(from), "{from}");
            let changed = whole.replacen(from, to, 1).into_bytes();
            let folder = tempfile::tempdir().unwrap();
            let path = folder.path().join("stile.db");
            let outcome = Backup::open(Cursor::new(changed)).unwrap().into_sqlite(&path, &renewal());
            assert!(matches!(outcome, Err(BackupError::Unfit(_))), "{to}: {outcome:?}");
        }
    });
}

/// The same backup as the third version would have written it: without what came later.
fn of_the_third_version(backup: &[u8]) -> Vec<u8> {
    let old = rusqlite::Connection::open_in_memory().unwrap();
    for sql in [
        include_str!("../../migrations/0001_first.sql"),
        include_str!("../../migrations/0002_mfa.sql"),
        include_str!("../../migrations/0003_indexes.sql"),
    ] {
        old.execute_batch(sql).unwrap();
    }
    let columns = |table: &str| -> Vec<String> {
        let statement = old.prepare(&format!("SELECT * FROM {table} LIMIT 0")).ok();
        statement.map_or_else(Vec::new, |s| s.column_names().map(str::to_owned).collect())
    };
    let mut out = Vec::new();
    let mut kept: Vec<usize> = Vec::new();
    let mut rows = 0;
    for line in backup.split(|byte| *byte == b'\n').filter(|line| !line.is_empty()) {
        let mut value: Value = serde_json::from_slice(line).unwrap();
        if let Some(schema) = value.get_mut("schema").and_then(Value::as_array_mut) {
            schema.truncate(3);
        } else if let Some(table) = value.get("table").and_then(Value::as_str) {
            let known = columns(table);
            let all = value["columns"].as_array().unwrap();
            kept = (0..all.len()).filter(|i| known.iter().any(|name| *name == all[*i])).collect();
            value["columns"] = json!(kept.iter().map(|i| all[*i].clone()).collect::<Vec<_>>());
            if kept.is_empty() {
                continue;
            }
        } else if let Some(fields) = value.as_array() {
            if kept.is_empty() {
                continue;
            }
            rows += 1;
            value = json!(kept.iter().map(|i| fields[*i].clone()).collect::<Vec<_>>());
        } else {
            let sum = STANDARD.encode(aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, &out));
            value = json!({ "rows": rows, "sha256": sum });
        }
        out.extend(format!("{value}\n").into_bytes());
    }
    out
}

#[test]
fn a_backup_of_an_older_version_is_brought_up_to_date() {
    each(async |db: Db| {
        let (one, two) = with_environments(&db).await;
        db.store.commit(Mutation::new([one_more(1)])).await.unwrap();
        let old = of_the_third_version(&backup(&db.store).await);
        let (folder, copy) = restored(old);
        let ids: Vec<_> = copy.environments().await.unwrap().into_iter().map(|e| e.id).collect();
        assert_eq!(ids, [one, two]);
        assert_eq!(counted(&copy, 1).await, 1);
        let path = folder.path().join("stile.db");
        assert_eq!(Store::sqlite_schema(&path).unwrap(), stile_store::Schema::Current);
    });
}
