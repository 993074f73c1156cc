//! Schema migrations: forward-only, numbered, each with a checksum that is compared at every start.

use crate::error::OpenError;

/// One migration: its number and its SQL.
pub(crate) struct Migration {
    pub(crate) version: i64,
    pub(crate) sql: &'static str,
}

/// All migrations, in order. Published ones are never edited.
pub(crate) const MIGRATIONS: &[Migration] = &[
    Migration { version: 1, sql: include_str!("../migrations/0001_first.sql") },
    Migration { version: 2, sql: include_str!("../migrations/0002_mfa.sql") },
    Migration { version: 3, sql: include_str!("../migrations/0003_indexes.sql") },
    Migration { version: 4, sql: include_str!("../migrations/0004_gone_environments.sql") },
    Migration { version: 5, sql: include_str!("../migrations/0005_guessing.sql") },
    Migration { version: 6, sql: include_str!("../migrations/0006_pending_sessions.sql") },
    Migration { version: 7, sql: include_str!("../migrations/0007_audit.sql") },
    Migration { version: 8, sql: include_str!("../migrations/0008_additions.sql") },
    Migration { version: 9, sql: include_str!("../migrations/0009_actors.sql") },
    Migration { version: 10, sql: include_str!("../migrations/0010_rp_ids.sql") },
    Migration { version: 11, sql: include_str!("../migrations/0011_begun.sql") },
];

/// How a database stands to this binary.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Schema {
    /// It holds nothing of Stile's.
    Empty,
    /// Opening it brings it up to date.
    Older {
        /// Its schema version.
        found: i64,
        /// The one that it would have then.
        known: i64,
    },
    /// It is of this version.
    Current,
}

/// What must be said of a database with these migrations, each by number and checksum.
pub(crate) fn compare(applied: &[(i64, i64)]) -> Result<Schema, OpenError> {
    compared(MIGRATIONS, applied)
}

fn compared(ours: &[Migration], applied: &[(i64, i64)]) -> Result<Schema, OpenError> {
    let known = newest(ours);
    let Some(found) = applied.iter().map(|(version, _)| *version).max() else { return Ok(Schema::Empty) };
    if found > known {
        return Err(OpenError::Newer { found, known });
    }
    for migration in ours.iter().filter(|migration| migration.version <= found) {
        if !applied.contains(&(migration.version, checksum(migration.sql))) {
            return Err(OpenError::Altered(migration.version));
        }
    }
    Ok(if found < known { Schema::Older { found, known } } else { Schema::Current })
}

/// The migrations that such a database lacks.
pub(crate) fn missing(schema: Schema) -> impl Iterator<Item = &'static Migration> {
    let found = match schema {
        Schema::Empty => 0,
        Schema::Older { found, .. } => found,
        Schema::Current => newest(MIGRATIONS),
    };
    MIGRATIONS.iter().filter(move |migration| migration.version > found)
}

fn newest(ours: &[Migration]) -> i64 {
    ours.last().map_or(0, |migration| migration.version)
}

/// A checksum against accidents, not against attackers (FNV-1a, 64 bits).
pub(crate) fn checksum(sql: &str) -> i64 {
    let hash =
        sql.bytes().fold(0xcbf2_9ce4_8422_2325_u64, |h, b| (h ^ u64::from(b)).wrapping_mul(0x0100_0000_01b3));
    i64::from_ne_bytes(hash.to_ne_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;

    const OURS: &[Migration] = &[Migration { version: 1, sql: "A" }, Migration { version: 2, sql: "B" }];

    #[test]
    fn a_database_is_compared_by_number_and_checksum() {
        let (a, b) = ((1, checksum("A")), (2, checksum("B")));
        let stands = |applied: &[_]| compared(OURS, applied);
        assert_eq!(stands(&[]).unwrap(), Schema::Empty);
        assert_eq!(stands(&[a]).unwrap(), Schema::Older { found: 1, known: 2 });
        assert_eq!(stands(&[b, a]).unwrap(), Schema::Current);
        assert!(matches!(stands(&[a, b, (3, 0)]), Err(OpenError::Newer { found: 3, known: 2 })));
        assert!(matches!(stands(&[a, (2, 0)]), Err(OpenError::Altered(2))));
        assert!(matches!(stands(&[b]), Err(OpenError::Altered(1))), "one that was left out");
    }
}
