//! Where the data of a world lies: in a file of its own or, with `STILE_TEST_ENGINE=postgres`, in a database of
//! its own on the server of `STILE_TEST_POSTGRES`. It goes away with the world.

use stile_core::Micros;
use stile_store::{Backup, Renewal, Store};
use tempfile::TempDir;

use crate::database::{Database, apart};

pub enum Place {
    Folder(TempDir),
    Database(Database),
}

impl Place {
    pub async fn open(now: Micros) -> (Store, Self) {
        if std::env::var("STILE_TEST_ENGINE").is_ok_and(|engine| engine == "postgres") {
            let database = Database::new();
            (Store::postgres(&database.url(), now).await.unwrap(), Self::Database(database))
        } else {
            let folder = tempfile::tempdir().unwrap();
            (Store::sqlite(&folder.path().join("stile.db"), now).unwrap(), Self::Folder(folder))
        }
    }

    /// A new place, filled with a backup.
    pub async fn restored(backup: Backup, renewal: &Renewal) -> (Store, Self) {
        if std::env::var("STILE_TEST_ENGINE").is_ok_and(|engine| engine == "postgres") {
            let database = Database::empty();
            backup.into_postgres(&database.url(), renewal).await.unwrap();
            (Store::postgres(&database.url(), renewal.now).await.unwrap(), Self::Database(database))
        } else {
            let folder = tempfile::tempdir().unwrap();
            let path = folder.path().join("stile.db");
            backup.into_sqlite(&path, renewal).unwrap();
            (Store::sqlite(&path, renewal.now).unwrap(), Self::Folder(folder))
        }
    }

    /// A second handle on the same data, as another node has.
    pub async fn again(&self, now: Micros) -> Store {
        match self {
            Self::Folder(folder) => Store::sqlite(&folder.path().join("stile.db"), now).unwrap(),
            Self::Database(database) => Store::postgres(&database.url(), now).await.unwrap(),
        }
    }

    /// Whether any of these bytes are in the database: in its files, or in any field of any table.
    pub fn holds(&self, needle: &[u8]) -> bool {
        match self {
            Self::Folder(folder) => {
                let files = std::fs::read_dir(folder.path()).unwrap();
                let texts: Vec<Vec<u8>> =
                    files.map(|file| std::fs::read(file.unwrap().path()).unwrap()).collect();
                texts.iter().any(|text| text.windows(needle.len()).any(|window| window == needle))
            }
            Self::Database(database) => apart(anywhere(database.url(), needle.to_owned())),
        }
    }
}

async fn anywhere(url: String, needle: Vec<u8>) -> bool {
    let db = crate::database::connect(&url).await;
    let tables = "SELECT tablename::text FROM pg_tables WHERE schemaname = current_schema()";
    // Bytes are shown as hexadecimal digits.
    let digits: String = needle.iter().map(|byte| format!("{byte:02x}")).collect();
    let needle = String::from_utf8(needle).unwrap();
    for table in db.query(tables, &[]).await.unwrap() {
        let table: String = table.get(0);
        let rows = db.query(&format!("SELECT t::text FROM {table} t"), &[]).await.unwrap();
        if rows
            .iter()
            .any(|row| row.get::<_, String>(0).contains(&needle) || row.get::<_, String>(0).contains(&digits))
        {
            return true;
        }
    }
    false
}
