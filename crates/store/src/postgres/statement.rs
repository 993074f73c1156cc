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

/// A migration in PostgreSQL's words: its integers have 64 bits only when they are called big.
pub(super) fn schema(sql: &str) -> String {
    let lines = sql.lines().filter(|line| !line.starts_with("--"));
    lines.map(|line| line.replace(" INTEGER", " BIGINT").replace(" BLOB", " BYTEA") + "\n").collect()
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
        let sql = "-- INTEGER\nCREATE TABLE t (\n  a BLOB NOT NULL PRIMARY KEY,\n  b INTEGER\n);\n";
        assert_eq!(schema(sql), "CREATE TABLE t (\n  a BYTEA NOT NULL PRIMARY KEY,\n  b BIGINT\n);\n");
    }

    #[test]
    fn no_type_of_the_other_engine_is_left() {
        for migration in crate::migrate::MIGRATIONS {
            let sql = schema(migration.sql);
            assert!(!sql.contains("INTEGER") && !sql.contains("BLOB"), "{}", migration.version);
        }
    }
}
