//! Data directory, master key and keys. Each refusal says what is wrong and how to mend it.

use std::fs::{self, DirBuilder, File};
use std::io::{self, Read, Write};
use std::path::Path;

use stile_keys::{Keyring, MasterKey};
use stile_store::Store;
use zeroize::Zeroizing;

use crate::args::Place;
use crate::data::{DATABASE, Data};
use crate::error::{Failure, sentence};
use crate::machine::{given, shown};

/// The development server's key file in the data directory.
pub const KEY_FILE: &str = "master.key";
/// The variable that can hold the master key.
pub const KEY_VARIABLE: &str = "STILE_MASTER_KEY";
/// No master key is longer, in bytes.
const MAX_KEY_FILE: u64 = 1_024;

/// Makes the data directory, for this user's eyes alone, unless it is there.
pub fn make_folder(folder: &Path) -> Result<(), Failure> {
    let mut builder = DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.create(folder).map_err(|e| {
        Failure::new(
            format!("The data directory {} cannot be made: {e}.", folder.display()),
            "See that every part of the path is a folder that this user may write in, or name another with --data-dir.",
        )
    })?;
    writable(folder)
}

/// Whether files can be made in the data directory.
pub fn writable(folder: &Path) -> Result<(), Failure> {
    match tempfile::tempfile_in(folder) {
        Ok(_) => Ok(()),
        Err(e) => Err(Failure::new(
            format!("The data directory {} cannot be written in: {e}.", folder.display()),
            format!(
                "Give it to the user who runs Stile: chown -R \"$(id -u)\" {}\nOr name another with --data-dir.",
                shown(folder)
            ),
        )),
    }
}

/// The master key: from the file, or else from the variable `STILE_MASTER_KEY`.
pub fn master_key(file: Option<&Path>) -> Result<MasterKey, Failure> {
    if let Some(file) = file {
        return key_file(file);
    }
    let text = std::env::var(KEY_VARIABLE).map(Zeroizing::new).ok().filter(|text| !text.trim().is_empty());
    let text = text.ok_or_else(|| {
        Failure::new(
            "There is no master key.",
            format!(
                "Name its file with --master-key-file, or set {KEY_VARIABLE}. Make one once, and keep a copy in a safe \
                 place:\n  (umask 077; head -c 32 /dev/urandom | base64 > master.key)"
            ),
        )
    })?;
    MasterKey::parse(&text).map_err(|e| {
        Failure::new(
            format!("{KEY_VARIABLE} is no master key: {e}."),
            "Set it to the text of the key that the data was made with.",
        )
    })
}

/// Reads a key file, and refuses one that everybody can read.
pub fn key_file(path: &Path) -> Result<MasterKey, Failure> {
    let unreadable = |e: io::Error| {
        Failure::new(
            format!("The master key file {} cannot be read: {e}.", path.display()),
            "See that the path is right and that this user may read the file.",
        )
    };
    let file = File::open(path).map_err(unreadable)?;
    let metadata = file.metadata().map_err(unreadable)?;
    if mode(&metadata) & 0o007 != 0 {
        return Err(Failure::new(
            format!("The master key file {} is open to every user of this machine.", path.display()),
            format!(
                "Close it: chmod 600 {}\nIf others may have read it, think of it as known to them.",
                shown(path)
            ),
        ));
    }
    let mut text = Zeroizing::new(String::with_capacity(MAX_KEY_FILE as usize));
    file.take(MAX_KEY_FILE).read_to_string(&mut text).map_err(unreadable)?;
    MasterKey::parse(&text).map_err(|e| {
        Failure::new(
            format!("The file {} holds no master key: {e}.", path.display()),
            "Name the file of the key that the data was made with, or restore it from a backup.",
        )
    })
}

/// The permission bits; none where the system has no such thing.
pub fn mode(metadata: &fs::Metadata) -> u32 {
    #[cfg(unix)]
    return std::os::unix::fs::MetadataExt::mode(metadata) & 0o777;
    #[cfg(not(unix))]
    return if metadata.is_dir() { 0o700 } else { 0o600 };
}

/// The development server's master key, made on its first start.
pub fn development_key(folder: &Path) -> Result<MasterKey, Failure> {
    let path = folder.join(KEY_FILE);
    if path.exists() {
        return key_file(&path);
    }
    if folder.join(DATABASE).exists() {
        return Err(Failure::new(
            format!("{} holds a database, but its key {KEY_FILE} is gone.", folder.display()),
            "Put the key file back, or begin anew in another folder: stile dev --data-dir DIR",
        ));
    }
    // Whole or not at all, and readable by this user alone from the start.
    let written = tempfile::NamedTempFile::new_in(folder).and_then(|mut file| {
        file.write_all(MasterKey::generate().encode().as_bytes())?;
        file.write_all(b"\n")?;
        file.as_file().sync_all()?;
        match file.persist_noclobber(&path) {
            Err(e) if e.error.kind() != io::ErrorKind::AlreadyExists => Err(e.error),
            _ => Ok(()),
        }
    });
    written.map_err(|e| {
        Failure::new(
            format!("The key file {} cannot be written: {e}.", path.display()),
            "See that there is room on the disk, or name another folder with --data-dir.",
        )
    })?;
    key_file(&path)
}

/// The sub-keys, when the data was made with this master key. Data without a key takes this one.
pub async fn keyring(store: &Store, key: &MasterKey) -> Result<Keyring, Failure> {
    let value = key.check_value();
    if store.remember("master-key-check", &value).await? != value {
        return Err(Failure::new(
            "This is not the master key that the data was made with.",
            "Give the right key with --master-key-file or STILE_MASTER_KEY, or name the data that belongs to this one with \
             --data-dir or --database.",
        ));
    }
    let keys = match store.restored_salt().await? {
        Some(salt) => Keyring::restored(key, &salt),
        None => Keyring::new(key),
    };
    keys.map_err(|e| Failure::new(sentence(&e.to_string()), ""))
}

impl Place {
    /// Where the data is.
    pub fn data(&self) -> Result<Data, Failure> {
        let said = Data::said(self.database.as_deref(), self.data_dir.as_ref())?;
        said.or_else(Data::default).ok_or_else(|| {
            Failure::usage(
                "Which data? There is no folder ./.stile here.",
                "Name the folder with --data-dir or STILE_DATA_DIR, or a server with --database or STILE_DATABASE.",
            )
        })
    }

    /// The database, for commands that touch no secret.
    pub async fn store(&self) -> Result<Store, Failure> {
        self.data()?.store(false).await
    }

    /// The database with its keys.
    pub async fn unlocked(&self, make: bool) -> Result<(Store, Keyring), Failure> {
        let data = self.data()?;
        let key = self.master_key(&data)?;
        if let (true, Some(folder)) = (make, data.folder()) {
            make_folder(folder)?;
        }
        let store = data.store(make).await?;
        let keys = keyring(&store, &key).await?;
        Ok((store, keys))
    }

    /// The master key: the one that is named, or that of the development server beside its data.
    pub fn master_key(&self, data: &Data) -> Result<MasterKey, Failure> {
        let beside = data.folder().map(|folder| folder.join(KEY_FILE)).filter(|file| file.exists());
        let in_variable = std::env::var_os(KEY_VARIABLE).is_some_and(|text| !text.is_empty());
        match (given(self.master_key_file.as_ref()), beside) {
            (None, Some(beside)) if !in_variable => key_file(&beside),
            (file, _) => master_key(file),
        }
    }
}
