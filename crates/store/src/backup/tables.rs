//! Which tables there are, read from the migrations that made them, so that no backup forgets one.

use super::{BackupError, Counts};
use crate::migrate::MIGRATIONS;

/// The tables of a database with these migrations, in the order in which they were made: a row is copied after those that
/// it points to.
pub(crate) fn tables(schema: &[(i64, i64)]) -> Vec<&'static str> {
    let applied = MIGRATIONS.iter().filter(|m| schema.iter().any(|(version, _)| *version == m.version));
    let mut tables: Vec<&'static str> = Vec::new();
    for line in applied.flat_map(|migration| migration.sql.lines()) {
        if let Some(made) = line.strip_prefix("CREATE TABLE ").and_then(|rest| rest.split(' ').next()) {
            tables.push(made);
        }
        if let Some(dropped) = line.strip_prefix("DROP TABLE ") {
            tables.retain(|table| *table != dropped.trim_end_matches(';'));
        }
    }
    tables
}

/// The table of this name, which must be one that was not filled yet: names from a file become statements here.
pub(crate) fn one_of(
    known: &[&'static str],
    name: &str,
    filled: &Counts,
) -> Result<&'static str, BackupError> {
    let table = known.iter().find(|table| **table == name && !filled.iter().any(|(done, _)| done == *table));
    table.copied().ok_or_else(|| BackupError::Unfit("it holds a table that is not expected there".into()))
}

/// The statement that fills a row of a table whose columns are these.
pub(crate) fn insert(table: &str, columns: &[String], actual: &[String]) -> Result<String, BackupError> {
    let sorted = |columns: &[String]| {
        let mut columns = columns.to_vec();
        columns.sort();
        columns
    };
    if sorted(columns) != sorted(actual) {
        return Err(BackupError::Unfit(format!("its table {table} has other columns")));
    }
    let places: Vec<String> = (1..=columns.len()).map(|n| format!("?{n}")).collect();
    Ok(format!("INSERT INTO {table} ({}) VALUES ({})", columns.join(", "), places.join(", ")))
}

/// A row came before any table.
pub(crate) fn row_of_no_table() -> BackupError {
    BackupError::Unfit("it holds a row of no table".into())
}

/// All tables must have been there, empty or not.
pub(crate) fn complete(known: &[&'static str], counts: Counts) -> Result<Counts, BackupError> {
    if counts.len() == known.len() { Ok(counts) } else { Err(BackupError::Unfit("it lacks a table".into())) }
}

/// All tables of this version.
#[cfg(test)]
pub(crate) fn all() -> Vec<&'static str> {
    let schema: Vec<_> = MIGRATIONS.iter().map(|migration| (migration.version, 0)).collect();
    tables(&schema)
}

#[cfg(test)]
mod tests {
    use super::*;
    use stile_core::Micros;

    #[test]
    fn they_are_those_of_the_database() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("stile.db");
        drop(crate::Store::sqlite(&path, Micros::new(0)).unwrap());
        let db = rusqlite::Connection::open(path).unwrap();
        let mut names = db
            .prepare("SELECT name FROM sqlite_schema WHERE type = 'table' AND name NOT LIKE 'sqlite%'")
            .unwrap();
        let mut found: Vec<String> =
            names.query_map([], |row| row.get(0)).unwrap().map(Result::unwrap).collect();
        // What a backup says of it stands in its first line.
        found.retain(|name| name != "migrations");
        found.sort();
        let mut expected = all();
        expected.sort_unstable();
        assert_eq!(found, expected);
    }
}
