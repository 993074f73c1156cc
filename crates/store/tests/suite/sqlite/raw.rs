//! The file as another program sees it.

use std::path::Path;

use rusqlite::Connection;

pub(crate) fn open(path: &Path) -> Connection {
    let db = Connection::open(path).unwrap();
    db.busy_timeout(std::time::Duration::from_secs(5)).unwrap();
    db
}

/// Takes the write lock, as a backup tool or a long migration would; it is given back when this is dropped.
pub(super) fn locked(path: &Path) -> Connection {
    let db = open(path);
    db.execute_batch("BEGIN IMMEDIATE").unwrap();
    db
}

pub(crate) fn assert_sound(path: &Path) {
    let verdict: String = open(path).query_row("PRAGMA integrity_check", [], |r| r.get(0)).unwrap();
    assert_eq!(verdict, "ok");
    let dangling = open(path).prepare("PRAGMA foreign_key_check").unwrap().exists([]).unwrap();
    assert!(!dangling, "a row points to nothing");
}

/// The numbers of all rows that `writes` left behind: those of the ledger and those of the audit log must agree.
pub(super) fn written(path: &Path) -> std::collections::BTreeSet<u64> {
    let db = open(path);
    let ids = |sql: &str| -> std::collections::BTreeSet<u64> {
        let mut rows = db.prepare(sql).unwrap();
        let ids = rows.query_map([], |r| r.get::<_, Vec<u8>>(0)).unwrap();
        ids.map(|id| u64::from_be_bytes(id.unwrap()[8..].try_into().unwrap())).collect()
    };
    let (ledger, audit) = (ids("SELECT key FROM ledger"), ids("SELECT id FROM audit"));
    assert_eq!(ledger, audit, "half a mutation was written");
    ledger
}
