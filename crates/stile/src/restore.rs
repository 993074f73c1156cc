//! `stile restore`.

use std::fs::{self, File};
use std::io::BufReader;
use std::path::Path;

use serde_json::json;
use stile_core::Micros;
use stile_keys::random;
use stile_server::flows::{environments, newest_totp_step};
use stile_store::{Backup, BackupError, Counts, Renewal};

use crate::args::BackupArgs;
use crate::backup::{count, rows};
use crate::data::{DATABASE, Data};
use crate::env::time;
use crate::error::{Failure, Problem, full_stop};
use crate::lock;
use crate::machine;
use crate::open;
use crate::output::Output;

/// Restores a backup, or changes nothing.
pub async fn run(args: &BackupArgs, output: Output) -> Result<(), Failure> {
    let file = File::open(&args.file).map_err(|e| {
        Failure::new(
            format!("The file {} cannot be read: {e}.", args.file.display()),
            "See that the path is right.",
        )
    })?;
    let backup = Backup::open(BufReader::new(file)).map_err(|e| refused(&args.file, None, &e))?;
    let label = backup.label().clone();
    let data = args.place.data()?;
    let key = args.place.master_key(&data)?;
    if label.key_check != key.check_value() {
        return Err(Failure::new(
            "This is not the master key that the backup was made with.",
            "Give the right key with --master-key-file or STILE_MASTER_KEY.",
        ));
    }
    let now = machine::now();
    let renewal = Renewal { last_step: newest_totp_step(now), salt: random::bytes(), now };
    let counts = match &data {
        Data::Folder(folder) => into_folder(folder, backup, &renewal).await,
        Data::Server(server) => server.restore(backup, &renewal).await.map_err(Failed::from),
    };
    let counts = counts.map_err(|failed| match failed {
        Failed::Backup(error) => refused(&args.file, Some(&data), &error),
        Failed::Place(failure) => failure,
    })?;
    let store = data.store(false).await?;
    environments::note_restore(&store, now, label.made_at).await?;
    tell(&data, label.made_at, &counts, output)
}

/// Why a restore failed.
pub enum Failed {
    /// For the backup's sake, or the database's.
    Backup(BackupError),
    /// For the place's.
    Place(Failure),
}

impl From<BackupError> for Failed {
    fn from(error: BackupError) -> Self {
        Self::Backup(error)
    }
}

impl From<Failure> for Failed {
    fn from(failure: Failure) -> Self {
        Self::Place(failure)
    }
}

impl From<Problem> for Failed {
    fn from(problem: Problem) -> Self {
        Self::Place(problem.into())
    }
}

/// The database is made aside, and gets its name when it is whole.
async fn into_folder(folder: &Path, backup: Backup, renewal: &Renewal) -> Result<Counts, Failed> {
    open::make_folder(folder)?;
    let _lock = lock::take(folder)?;
    let path = folder.join(DATABASE);
    for part in ["", "-wal", "-shm", "-journal"] {
        if folder.join(format!("{DATABASE}{part}")).exists() {
            return Err(BackupError::NotEmpty.into());
        }
    }
    let aside = tempfile::Builder::new().prefix(".restore").tempdir_in(folder).map_err(BackupError::from)?;
    let (made, owned) = (aside.path().join(DATABASE), renewal.clone());
    let work = tokio::task::spawn_blocking(move || backup.into_sqlite(&made, &owned));
    let counts = work.await.map_err(|e| BackupError::Engine(e.to_string()))??;
    // The lock keeps others who restore away, so that nothing is overwritten.
    fs::rename(aside.path().join(DATABASE), &path).map_err(BackupError::from)?;
    File::open(folder).and_then(|folder| folder.sync_all()).map_err(BackupError::from)?;
    Ok(counts)
}

fn refused(file: &Path, data: Option<&Data>, error: &BackupError) -> Failure {
    let mend = match error {
        BackupError::NotEmpty => {
            let place = data.map_or_else(String::new, |data| format!(" {}", data.name()));
            return Failure::new(
                format!("There is data in{place} already, and a restore overwrites none."),
                "Name an empty place with --data-dir or --database. To replace the data, stop the server and move the old \
                 folder away, or make a new database.",
            );
        }
        BackupError::Unfit(_) => "Take another backup. Nothing was changed.",
        BackupError::Open(_) => "Use that version of Stile, or a newer one. Nothing was changed.",
        BackupError::File(_) | BackupError::Engine(_) => {
            "See that the disk has room and that the database can be reached. Nothing was changed."
        }
    };
    Failure::new(full_stop(&format!("{} was not restored: {error}", file.display())), mend)
}

fn tell(data: &Data, made_at: Micros, counts: &Counts, output: Output) -> Result<(), Failure> {
    let notes = [
        "Everybody must sign in again. Sessions, codes and begun enrolments have ended, and mails that waited were dropped.",
        "A code of an authenticator app counts again a minute from now at the latest.",
        "Recovery codes that were used since the backup work again. Whoever used one should make new ones: signed in, with \
         POST /users/mfa/recovery. For somebody who may be in danger: stile user reset-mfa",
        "Whatever was removed since the backup is there again: users, passkeys, authenticator apps, addresses, API tokens, \
         signing keys. Revoke again what must not work: stile token revoke, stile keys rotate --now",
        "Whatever was added since the backup is gone: people enrol it again.",
        "Wrong answers are counted as they were at the backup: those since then are forgotten, and what was locked for them \
         since is open again.",
        "Links in mails that undo an addition work again until seven days after they were sent, those that were used since \
         the backup too.",
    ];
    let mut text = format!(
        "The data of {} is restored in {}: {} environments, {} users.\n",
        time(made_at),
        data.name(),
        count(counts, "environments"),
        count(counts, "users"),
    );
    for note in notes {
        text.push_str(&format!("\n- {note}"));
    }
    let value = json!({
        "madeAt": time(made_at), "data": data.name(), "rows": rows(counts), "notes": notes,
    });
    output.answer(&text, &value)
}
