//! A connection for reads, and when it maps the file into memory.

use rusqlite::Connection;

/// From so many reads between two commits the file is mapped, and below so many it is not any more.
const MANY: u32 = 256;
const FEW: u32 = 64;
/// As much of the file as SQLite maps at most.
const MOST: i64 = 0x7fff_0000;

pub(crate) struct Reader {
    pub(crate) db: Connection,
    /// What was written until the last read.
    written: u64,
    /// About how many reads come between two commits.
    calm: u32,
    mapped: bool,
}

impl Reader {
    pub(super) const fn new(db: Connection) -> Self {
        Self { db, written: 0, calm: 0, mapped: false }
    }

    /// Before each read. In a large file most pages are far from any cache, and a mapped one is read without a copy. But
    /// each commit takes the map away from every reader, and to make it anew costs more than a few reads save.
    pub(super) fn settle(&mut self, written: u64) -> rusqlite::Result<()> {
        self.calm = if written == self.written { self.calm.saturating_add(1) } else { self.calm / 2 };
        self.written = written;
        let wanted = self.calm >= if self.mapped { FEW } else { MANY };
        if wanted != self.mapped {
            let size = if wanted { MOST } else { 0 };
            self.db.pragma_update_and_check(None, "mmap_size", size, |_| Ok(()))?;
            self.mapped = wanted;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mapped(reader: &Reader) -> bool {
        reader.db.query_row("PRAGMA mmap_size", [], |row| row.get::<_, i64>(0)).unwrap() > 0
    }

    #[test]
    fn the_file_is_mapped_while_reads_are_many() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("db");
        let writer = Connection::open(&path).unwrap();
        writer.execute_batch("PRAGMA journal_mode = WAL; CREATE TABLE t (n INTEGER, bytes BLOB)").unwrap();
        let mut reader = Reader::new(Connection::open(&path).unwrap());
        let mut commits = 0_u32;
        let mut reads = |reader: &mut Reader, times: u32, between: u32| {
            for n in 0..times {
                if n % between == 0 {
                    writer.execute("INSERT INTO t VALUES (?1, zeroblob(5000))", [commits]).unwrap();
                    commits += 1;
                }
                reader.settle(commits.into()).unwrap();
                let rows: u32 = reader.db.query_row("SELECT COUNT(*) FROM t", [], |row| row.get(0)).unwrap();
                assert_eq!(rows, commits, "a reader sees what was committed, mapped or not");
            }
        };
        reads(&mut reader, 200, 10);
        assert!(!mapped(&reader));
        reads(&mut reader, MANY + 1, 1_000);
        assert!(mapped(&reader));
        reads(&mut reader, 2_000, 200);
        assert!(mapped(&reader), "a commit now and then is worth it");
        reads(&mut reader, 100, 10);
        assert!(!mapped(&reader));
    }
}
