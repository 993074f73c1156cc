//! Statements: one text for both engines.

/// The text with `$N` where it has `?N`. What stands between quotes stays as it is.
pub(crate) fn dollars(sql: &str) -> String {
    let mut quoted = false;
    sql.chars()
        .map(|c| {
            quoted ^= c == '\'';
            if c == '?' && !quoted { '$' } else { c }
        })
        .collect()
}

/// A migration in PostgreSQL's words: its integers have 64 bits only when they are called big. Between two marks stands
/// what the embedded engine alone needs: a table that is copied while others write would lose what they write.
pub(super) fn schema(sql: &str) -> String {
    let mut embedded = false;
    let mut said = String::with_capacity(sql.len());
    for line in sql.lines() {
        match line {
            "-- begin: embedded" => embedded = true,
            "-- end: embedded" => embedded = false,
            line if embedded || line.starts_with("--") => {}
            line => {
                said.push_str(&line.replace(" INTEGER", " BIGINT").replace(" BLOB", " BYTEA"));
                said.push('\n');
            }
        }
    }
    said
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parameters_are_rewritten_and_strings_are_not() {
        let sql = "SELECT a FROM t WHERE b = ?1 AND c = 'what?1 ''?2''' AND d = ?12";
        assert_eq!(dollars(sql), "SELECT a FROM t WHERE b = $1 AND c = 'what?1 ''?2''' AND d = $12");
    }

    #[test]
    fn types_are_translated() {
        let table = "CREATE TABLE t (\n  a BLOB NOT NULL PRIMARY KEY,\n  b INTEGER\n);\n";
        let sql = format!("-- INTEGER\n-- begin: embedded\nDROP TABLE t;\n-- end: embedded\n{table}");
        assert_eq!(schema(&sql), "CREATE TABLE t (\n  a BYTEA NOT NULL PRIMARY KEY,\n  b BIGINT\n);\n");
    }

    #[test]
    fn no_type_of_the_other_engine_is_left() {
        for migration in crate::migrate::MIGRATIONS {
            let sql = schema(migration.sql);
            assert!(
                !["INTEGER", "BLOB", "ROWID"].iter().any(|word| sql.contains(word)),
                "{}",
                migration.version
            );
        }
    }
}
