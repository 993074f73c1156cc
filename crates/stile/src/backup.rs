//! `stile backup`.

use std::fs::File;
use std::io::BufWriter;
use std::path::Path;

use serde_json::{Map, Value, json};
use stile_store::{BackupError, Counts, Schema};

use crate::args::BackupArgs;
use crate::env::time;
use crate::error::{Failure, sentence};
use crate::machine::{self, shown};
use crate::output::Output;

/// Writes the backup. The file is there under its name when it is whole, and not before.
pub async fn run(args: &BackupArgs, output: Output) -> Result<(), Failure> {
    if args.file.exists() {
        return Err(Failure::new(
            format!("There is a file {} already.", args.file.display()),
            "Name another, so that no older backup is lost.",
        ));
    }
    let data = args.place.data()?;
    if let Schema::Older { found, known } = data.schema().await? {
        return Err(Failure::new(
            format!(
                "An older Stile made the data of {}: opening it here would bring its schema from {found} to {known}.",
                data.name()
            ),
            "Make the backup with the program that made the data: it could not restore one that is made here.",
        ));
    }
    let store = data.store(false).await?;
    let folder = args.file.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    // For this user's eyes alone, as temporary files are.
    let aside = tempfile::NamedTempFile::new_in(folder).map_err(|e| unwritten(&args.file, &e))?;
    let now = machine::now();
    let file = aside.reopen().map_err(|e| unwritten(&args.file, &e))?;
    let counts =
        store.backup(env!("CARGO_PKG_VERSION"), now, BufWriter::new(file)).await.map_err(|e| failed(&e))?;
    aside.as_file().sync_all().map_err(|e| unwritten(&args.file, &e))?;
    aside.persist_noclobber(&args.file).map_err(|e| unwritten(&args.file, &e.error))?;
    File::open(folder).and_then(|folder| folder.sync_all()).map_err(|e| unwritten(&args.file, &e))?;

    let users = count(&counts, "users");
    let text = format!(
        "All data of {} as of {} is in {}: {} environments, {users} users.\nKeep it where only you can read it, and keep the \
         master key in another place: without that key it cannot be restored.",
        data.name(),
        time(now),
        shown(&args.file),
        count(&counts, "environments"),
    );
    let value =
        json!({ "file": args.file.display().to_string(), "madeAt": time(now), "rows": rows(&counts) });
    output.answer(&text, &value)
}

fn unwritten(file: &Path, error: &std::io::Error) -> Failure {
    Failure::new(
        format!("The file {} cannot be written: {error}.", file.display()),
        "See that its folder is there, that this user may write in it, and that the disk has room.",
    )
}

fn failed(error: &BackupError) -> Failure {
    Failure::new(
        sentence(&format!("no backup was made: {error}")),
        "Mend this and try again. Servers are not disturbed by it.",
    )
}

/// Rows of a table.
pub fn count(counts: &Counts, table: &str) -> u64 {
    counts.iter().find(|(name, _)| *name == table).map_or(0, |(_, count)| *count)
}

/// Rows by table.
pub fn rows(counts: &Counts) -> Value {
    counts.iter().map(|(table, count)| ((*table).to_owned(), json!(count))).collect::<Map<_, _>>().into()
}
