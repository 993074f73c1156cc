//! Data of the bench's own, and how the server is told of it.

use std::fs;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context as _, Result, bail};
use stile_core::Micros;
use stile_keys::{Keyring, MasterKey};
use stile_server::clock::Clock;
use stile_store::Store;

/// The database's file, as the server names it.
const FILE: &str = "stile.db";
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
    /// A new, empty one. What a former bench left in the folder is removed.
    pub(crate) fn create(folder: &Path, url: Option<&str>) -> Result<Self> {
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
        Ok(Self { folder: folder.to_owned(), key, url: url.map(str::to_owned) })
    }

    /// The name of the engine, for the report.
    pub(crate) const fn engine(url: Option<&str>) -> &'static str {
        if url.is_some() { "PostgreSQL" } else { "SQLite" }
    }

    /// The store, for seeding.
    pub(crate) fn store(&self) -> Result<Store> {
        match &self.url {
            None => Ok(Store::sqlite(&self.file(), now())?),
            Some(_) => bail!("the bench cannot seed a database server yet"),
        }
    }

    /// The sub-keys.
    pub(crate) fn keyring(&self) -> Result<Keyring> {
        Ok(Keyring::new(&self.key)?)
    }

    /// The embedded database's file.
    pub(crate) fn file(&self) -> PathBuf {
        self.folder.join(FILE)
    }

    /// The data folder.
    pub(crate) fn folder(&self) -> &Path {
        &self.folder
    }

    /// Waits until everything that was written is in the database's file: its writer leaves on its own.
    pub(crate) fn settled(&self) {
        let log = self.folder.join("stile.db-wal");
        for _ in 0..600 {
            if !log.exists() {
                return;
            }
            std::thread::sleep(Duration::from_millis(100));
        }
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
