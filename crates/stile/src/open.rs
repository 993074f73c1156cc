//! Data directory, master key and database. Each refusal says what is wrong and how to mend it.

use std::fs::{self, DirBuilder, File};
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};

use stile_core::{EnvironmentId, Micros};
use stile_keys::{Keyring, MasterKey};
use stile_server::clock::Clock;
use stile_store::Store;
use zeroize::Zeroizing;

use crate::args::Place;
use crate::error::{Failure, sentence};

/// The database's name in the data directory.
pub const DATABASE: &str = "stile.db";
/// The development server's key file in the data directory.
pub const KEY_FILE: &str = "master.key";
/// The variable that can hold the master key.
pub const KEY_VARIABLE: &str = "STILE_MASTER_KEY";
/// Where the development server keeps its data.
const DEFAULT_FOLDER: &str = "./.stile";
/// No master key is longer, in bytes.
const MAX_KEY_FILE: u64 = 1_024;

/// The time now.
pub fn now() -> Micros {
    Clock::default().now()
}

/// A path as it can be pasted into a shell.
pub fn shown(path: &Path) -> String {
    let text = path.display().to_string();
    let plain = |c: char| c.is_alphanumeric() || "/._-+,:@%=".contains(c);
    if !text.is_empty() && text.chars().all(plain) {
        text
    } else {
        format!("'{}'", text.replace('\'', "'\\''"))
    }
}

/// A path that says something; an empty one comes from an empty variable.
pub fn given(path: Option<&PathBuf>) -> Option<&Path> {
    path.map(PathBuf::as_path).filter(|path| !path.as_os_str().is_empty())
}

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

/// Opens the database of a data directory; makes it when `make` says so.
pub fn store(folder: &Path, make: bool) -> Result<Store, Failure> {
    let file = folder.join(DATABASE);
    if !make && !file.exists() {
        return Err(Failure::new(
            format!("There is no database in {}.", folder.display()),
            format!(
                "Name the right folder with --data-dir, or make the first environment:\n  {}",
                create_command(folder, None)
            ),
        ));
    }
    Ok(Store::sqlite(&file, now())?)
}

/// The command that makes an environment for real users.
pub fn create_command(folder: &Path, key_file: Option<&Path>) -> String {
    let key = key_file.map(|file| format!(" --master-key-file {}", shown(file))).unwrap_or_default();
    format!(
        "stile env create --data-dir {}{key} --name NAME --live --origin https://app.example.com --rp-id example.com",
        shown(folder)
    )
}

/// The command that changes one setting. Without the folder when the command finds it by itself.
pub fn set_command(folder: &Path, id: EnvironmentId, assignment: &str) -> String {
    format!("stile env set{} {id} {assignment}", place(folder))
}

/// `--data-dir` with the folder, unless it is where commands look anyway.
pub fn place(folder: &Path) -> String {
    if folder == Path::new(DEFAULT_FOLDER) { String::new() } else { format!(" --data-dir {}", shown(folder)) }
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
             --data-dir.",
        ));
    }
    Keyring::new(key).map_err(|e| Failure::new(sentence(&e.to_string()), ""))
}

impl Place {
    /// The data directory.
    pub fn folder(&self) -> Result<PathBuf, Failure> {
        let default = || Some(Path::new(DEFAULT_FOLDER)).filter(|folder| folder.is_dir());
        given(self.data_dir.as_ref()).or_else(default).map(Path::to_owned).ok_or_else(|| {
            Failure::usage(
                format!("Which data? There is no folder {DEFAULT_FOLDER} here."),
                "Name the folder with --data-dir, or set STILE_DATA_DIR.",
            )
        })
    }

    /// The database, for commands that touch no secret.
    pub fn store(&self) -> Result<Store, Failure> {
        store(&self.folder()?, false)
    }

    /// The database with its keys.
    pub async fn unlocked(&self, make: bool) -> Result<(Store, Keyring), Failure> {
        let folder = self.folder()?;
        let key = self.master_key(&folder)?;
        if make {
            make_folder(&folder)?;
        }
        let store = store(&folder, make)?;
        let keys = keyring(&store, &key).await?;
        Ok((store, keys))
    }

    fn master_key(&self, folder: &Path) -> Result<MasterKey, Failure> {
        let beside = folder.join(KEY_FILE);
        let in_variable = std::env::var_os(KEY_VARIABLE).is_some_and(|text| !text.is_empty());
        match given(self.master_key_file.as_ref()) {
            None if !in_variable && beside.exists() => key_file(&beside),
            file => master_key(file),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_can_be_pasted() {
        assert_eq!(shown(Path::new("/srv/stile-1")), "/srv/stile-1");
        assert_eq!(shown(Path::new("/srv/it's mine")), r"'/srv/it'\''s mine'");
        assert_eq!(shown(Path::new("")), "''");
    }
}
