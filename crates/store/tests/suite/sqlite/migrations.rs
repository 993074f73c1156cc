//! Migrations: applied once, compared at every start.

use stile_store::{OpenError, Store, environments};

use super::raw;
use crate::engines::{Db, run};
use crate::world::*;

fn change(db: &Db, sql: &str) {
    assert_eq!(raw::open(&db.path()).execute(sql, []).unwrap(), 1);
}

#[test]
fn a_new_database_has_every_migration() {
    let db = Db::sqlite();
    let raw = raw::open(&db.path());
    let (version, rows, stamped): (i64, i64, i64) = raw
        .query_row("SELECT MAX(version), COUNT(*), MAX(applied_at) FROM migrations", [], |r| {
            Ok((r.get(0)?, r.get(1)?, r.get(2)?))
        })
        .unwrap();
    assert_eq!((version, stamped), (rows, NOW.get()));
    let mode: String = raw.query_row("PRAGMA journal_mode", [], |r| r.get(0)).unwrap();
    assert_eq!(mode, "wal");
}

/// A column takes what its type says, and nothing else: a wrong binding is an error, not a surprise later.
#[test]
fn every_table_is_strict() {
    let db = Db::sqlite();
    let raw = raw::open(&db.path());
    let sql = "SELECT name FROM pragma_table_list WHERE schema = 'main' AND name NOT LIKE 'sqlite_%' AND strict = 0";
    let mut lax = raw.prepare(sql).unwrap();
    let lax: Vec<String> = lax.query_map([], |r| r.get(0)).unwrap().map(Result::unwrap).collect();
    assert_eq!(lax, Vec::<String>::new());
}

#[test]
fn a_database_is_opened_again_with_what_it_holds() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("stile.db");
    for n in 1..=3_u64 {
        let store = Store::sqlite(&path, at(n.cast_signed())).unwrap();
        run(async {
            store.commit(stile_store::Mutation::new([environments::insert(&environment(n))])).await.unwrap();
            assert_eq!(store.environments().await.unwrap().len(), usize::try_from(n).unwrap());
        });
    }
    let stamped: i64 =
        raw::open(&path).query_row("SELECT MAX(applied_at) FROM migrations", [], |r| r.get(0)).unwrap();
    assert_eq!(stamped, at(1).get(), "applied once");
}

#[test]
fn an_altered_migration_is_refused() {
    let db = Db::sqlite();
    change(&db, "UPDATE migrations SET checksum = checksum + 1 WHERE version = 1");
    let error = Store::sqlite(&db.path(), NOW).err().unwrap();
    assert!(matches!(error, OpenError::Altered(1)), "{error}");
    assert!(error.to_string().contains("migration 1"), "{error}");
    change(&db, "UPDATE migrations SET checksum = checksum - 1 WHERE version = 1");
    assert!(Store::sqlite(&db.path(), NOW).is_ok());
}

#[test]
fn a_newer_schema_is_refused_and_left_as_it_is() {
    let db = Db::sqlite();
    let known: i64 =
        raw::open(&db.path()).query_row("SELECT MAX(version) FROM migrations", [], |r| r.get(0)).unwrap();
    change(&db, "INSERT INTO migrations VALUES (900, 1, 1)");
    let error = Store::sqlite(&db.path(), NOW).err().unwrap();
    assert!(matches!(error, OpenError::Newer { found: 900, known: k } if k == known), "{error}");
    assert!(error.to_string().contains("newer"), "{error}");
    change(&db, "DELETE FROM migrations WHERE version = 900");
    assert!(Store::sqlite(&db.path(), NOW).is_ok());
}
