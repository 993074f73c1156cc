//! One server on one folder: a lock on a file in it, which the system takes back when the process ends in whatever way.

use std::fs::{File, TryLockError};
use std::io::{Read as _, Seek as _, Write as _};
use std::path::Path;

use crate::error::Problem;
use crate::machine::shown;

/// The lock's name in the data directory. The file stays when the server ends; only a running process locks it.
pub const LOCK_FILE: &str = "stile.lock";

/// Held for as long as the server runs.
pub struct Lock {
    _file: File,
}

/// Takes the folder for this process, or says which one has it. Commands that only write now and then need no lock.
pub fn take(folder: &Path) -> Result<Lock, Problem> {
    let path = folder.join(LOCK_FILE);
    let unusable = |e: std::io::Error| {
        Problem::new(
            format!("The file {} cannot be locked: {e}.", path.display()),
            "See that this user may write it, and that the folder lies on a local disk.",
        )
    };
    let mut file =
        File::options().read(true).write(true).create(true).truncate(false).open(&path).map_err(unusable)?;
    match file.try_lock() {
        Ok(()) => {}
        Err(TryLockError::WouldBlock) => return Err(taken(folder, &mut file)),
        Err(TryLockError::Error(e)) => return Err(unusable(e)),
    }
    // For the message alone: on a full disk the lock is as good without it.
    let _unwritten =
        file.set_len(0).and_then(|()| file.rewind()).and_then(|()| writeln!(file, "{}", std::process::id()));
    Ok(Lock { _file: file })
}

fn taken(folder: &Path, file: &mut File) -> Problem {
    let mut text = String::new();
    // The process that has the lock may not have written its id yet.
    let read = file.take(20).read_to_string(&mut text).is_ok();
    let process = Some(text.trim()).filter(|id| read && id.parse::<u32>().is_ok());
    Problem::new(
        format!(
            "Another server{} uses the data directory {} already.",
            process.map_or_else(String::new, |id| format!(" (process {id})")),
            folder.display()
        ),
        format!(
            "One folder serves one server: stop the other one, or name another folder in place of {}. Several servers can \
             share a PostgreSQL database: --database",
            shown(folder)
        ),
    )
}
