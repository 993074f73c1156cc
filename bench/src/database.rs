//! Data of the bench's own, and how the server is told of it.

use std::fs;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context as _, Result};
use stile_core::Micros;
use stile_keys::{Keyring, MasterKey};
use stile_server::clock::Clock;
use stile_store::Store;

use crate::beside::{Beside, connect};

/// The database's file, as the server names it.
const FILE: &str = "stile.db";
/// The database on a database server.
const NAME: &str = "stile_bench";
/// The file with the master key.
const KEY_FILE: &str = "master.key";

/// A data folder with its master key, and where the database is.
pub(crate) struct Database {
    folder: PathBuf,
    key: MasterKey,
    url: Option<String>,
}

/// The time now.
pub(crate) fn now() -> Micros {
    Clock::default().now()
}

impl Database {
    /// A new, empty one. What a former bench left in the folder, or on the server under the bench's name, is removed.
    /// `url` is that of an administrator who may make databases.
    pub(crate) async fn create(folder: &Path, url: Option<&str>) -> Result<Self> {
        fs::create_dir_all(folder)?;
        for name in [FILE, "stile.db-wal", "stile.db-shm", KEY_FILE] {
            let file = folder.join(name);
            if file.exists() {
                fs::remove_file(&file).with_context(|| format!("cannot remove {}", file.display()))?;
            }
        }
        let key = MasterKey::generate();
        let mut options = fs::OpenOptions::new();
        let mut file = options.write(true).create_new(true).mode(0o600).open(folder.join(KEY_FILE))?;
        std::io::Write::write_all(&mut file, key.encode().as_bytes())?;
        if let Some(url) = url {
            let admin = connect(url).await?;
            admin.batch_execute(&format!("DROP DATABASE IF EXISTS {NAME} WITH (FORCE)")).await?;
            admin
                .batch_execute(&format!("CREATE DATABASE {NAME} TEMPLATE template0 ENCODING 'UTF8'"))
                .await?;
        }
        let url = url.map(own).transpose()?;
        Ok(Self { folder: folder.to_owned(), key, url })
    }

    /// The name of the engine, for the report.
    pub(crate) const fn engine(url: Option<&str>) -> &'static str {
        if url.is_some() { "PostgreSQL" } else { "SQLite" }
    }

    /// The store, for seeding.
    pub(crate) async fn store(&self) -> Result<Store> {
        match &self.url {
            None => Ok(Store::sqlite(&self.file(), now())?),
            Some(url) => Ok(Store::postgres(url, now()).await?),
        }
    }

    /// The bench's own way in.
    pub(crate) async fn beside(&self) -> Result<Beside> {
        match &self.url {
            None => Beside::file(&self.file()),
            Some(url) => Beside::server(url).await,
        }
    }

    /// The sub-keys.
    pub(crate) fn keyring(&self) -> Result<Keyring> {
        Ok(Keyring::new(&self.key)?)
    }

    /// The embedded database's file.
    fn file(&self) -> PathBuf {
        self.folder.join(FILE)
    }

    /// The data folder.
    pub(crate) fn folder(&self) -> &Path {
        &self.folder
    }

    /// Waits until everything that was written is where it stays, and is known to a planner. The embedded database's
    /// writer leaves on its own.
    pub(crate) async fn settled(&self) -> Result<()> {
        if let Some(url) = &self.url {
            let admin = connect(url).await?;
            admin.batch_execute("VACUUM ANALYZE").await?;
            return Ok(admin.batch_execute("CHECKPOINT").await?);
        }
        let log = self.folder.join("stile.db-wal");
        for _ in 0..600 {
            if !log.exists() {
                break;
            }
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
        Ok(())
    }

    /// The server's options for this data.
    pub(crate) fn options(&self) -> Vec<String> {
        let text = |path: &Path| path.display().to_string();
        let place = match &self.url {
            None => ["--data-dir".to_owned(), text(&self.folder)],
            Some(url) => ["--database".to_owned(), url.clone()],
        };
        place.into_iter().chain(["--master-key-file".to_owned(), text(&self.folder.join(KEY_FILE))]).collect()
    }
}

/// The URL of the bench's own database on the server that this one names.
fn own(url: &str) -> Result<String> {
    let (place, options) = url.split_once('?').map_or((url, None), |(place, options)| (place, Some(options)));
    let (host, _) = place.rsplit_once('/').filter(|(host, _)| host.contains("//")).with_context(|| {
        format!("a URL such as postgres://USER:PASSWORD@HOST/postgres is needed to make {NAME}")
    })?;
    Ok(format!("{host}/{NAME}{}", options.map(|options| format!("?{options}")).unwrap_or_default()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_bench_works_in_a_database_of_its_own() {
        let table = [
            (
                "postgres:///postgres?host=/run/x&user=postgres",
                "postgres:///stile_bench?host=/run/x&user=postgres",
            ),
            ("postgres://a:b@db.example:5432/app", "postgres://a:b@db.example:5432/stile_bench"),
        ];
        for (url, expected) in table {
            assert_eq!(own(url).unwrap(), expected);
        }
        assert!(own("postgres://db.example").is_err());
    }
}
