//! Backup and restore of a database file.

use std::fs::File;
use std::path::Path;

use rusqlite::{Connection, OpenFlags, Transaction, params, params_from_iter};

use super::{Sqlite, applied, connect, value};
use crate::backup::format::Next;
use crate::backup::{BackupError, Counts, Renewal, Sink, Source, renew, tables};
use crate::migrate::{MIGRATIONS, Migration, checksum};

const MIGRATIONS_TABLE: &str = "CREATE TABLE IF NOT EXISTS migrations (
    version INTEGER NOT NULL PRIMARY KEY, checksum INTEGER NOT NULL, applied_at INTEGER NOT NULL
) STRICT;";

impl Sqlite {
    /// Writes all rows as they are at one moment. A transaction that only reads holds nobody up; the log is not copied
    /// back into the file until it has ended.
    pub(crate) fn dump(&self, mut sink: Sink) -> Result<Counts, BackupError> {
        let db = connect(&self.inner.path, OpenFlags::empty())?;
        let moment = db.unchecked_transaction()?;
        let schema = applied(&moment)?;
        sink.begin(schema.clone())?;
        for table in tables::tables(&schema) {
            copy(&moment, table, &mut sink)?;
        }
        sink.end()
    }
}

fn copy(moment: &Transaction<'_>, table: &'static str, sink: &mut Sink) -> Result<(), BackupError> {
    let mut statement = moment.prepare(&format!("SELECT * FROM {table}"))?;
    let columns: Vec<String> = statement.column_names().map(str::to_owned).collect();
    let count = columns.len();
    sink.table(table, columns)?;
    let mut rows = statement.query([])?;
    while let Some(row) = rows.next()? {
        let values = (0..count).map(|i| value(row.get_ref(i)?)).collect::<Result<_, _>>();
        sink.row(values.map_err(|e| BackupError::Engine(e.to_string()))?)?;
    }
    Ok(())
}

/// Fills a file that nobody else knows of, in one transaction, and sees to it that it is on disk.
pub(crate) fn fill(path: &Path, mut source: Source, renewal: &Renewal) -> Result<Counts, BackupError> {
    let mut db = connect(path, OpenFlags::SQLITE_OPEN_CREATE)?;
    db.execute_batch("PRAGMA journal_mode = MEMORY; PRAGMA synchronous = OFF;")?;
    let tx = db.transaction()?;
    tx.execute_batch(MIGRATIONS_TABLE)?;
    let schema = source.label.schema.clone();
    let (before, after): (Vec<&Migration>, Vec<&Migration>) =
        MIGRATIONS.iter().partition(|m| schema.iter().any(|(version, _)| *version == m.version));
    migrate(&tx, &before, renewal)?;
    let counts = rows(&tx, &mut source, &tables::tables(&schema))?;
    migrate(&tx, &after, renewal)?;
    for step in renew::steps(renewal) {
        tx.execute(step.sql, params_from_iter(&step.args))?;
    }
    tx.commit()?;
    db.close().map_err(|(_, error)| error)?;
    File::open(path)?.sync_all()?;
    Ok(counts)
}

fn migrate(tx: &Transaction<'_>, migrations: &[&Migration], renewal: &Renewal) -> Result<(), BackupError> {
    for migration in migrations {
        tx.execute_batch(&migration.sql.replace("\n);", "\n) STRICT;"))?;
        let note = params![migration.version, checksum(migration.sql), renewal.now.get()];
        tx.execute("INSERT INTO migrations VALUES (?1, ?2, ?3)", note)?;
    }
    Ok(())
}

fn rows(tx: &Transaction<'_>, source: &mut Source, known: &[&'static str]) -> Result<Counts, BackupError> {
    let mut counts = Counts::new();
    let mut insert = String::new();
    loop {
        match source.next()? {
            Next::Table(table, columns) => {
                let table = tables::one_of(known, &table, &counts)?;
                insert = tables::insert(table, &columns, &columns_of(tx, table)?)?;
                counts.push((table, 0));
            }
            Next::Row(values) => {
                let (_, count) = counts.last_mut().ok_or_else(tables::row_of_no_table)?;
                *count += 1;
                tx.prepare_cached(&insert)?.execute(params_from_iter(&values))?;
            }
            Next::End => return tables::complete(known, counts),
        }
    }
}

fn columns_of(db: &Connection, table: &str) -> Result<Vec<String>, BackupError> {
    let statement = db.prepare(&format!("SELECT * FROM {table} LIMIT 0"))?;
    Ok(statement.column_names().map(str::to_owned).collect())
}
