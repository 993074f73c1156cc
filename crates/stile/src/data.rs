//! Where the data is: in a folder of this machine, or in a database on a server.
//!
//! The server's URL holds a password: of it, no more is ever told than host and database.

use std::path::{Path, PathBuf};

use stile_core::EnvironmentId;
use stile_store::{Backup, BackupError, Counts, OpenError, Renewal, Schema, Store};
use zeroize::Zeroizing;

use crate::error::{Failure, Problem, sentence};
use crate::machine::{given, now, shown};

/// The database's name in the data directory.
pub const DATABASE: &str = "stile.db";
/// Where the development server keeps its data, and where commands look when nothing is said.
const DEFAULT_FOLDER: &str = "./.stile";
/// The variable that can hold the server's URL.
const VARIABLE: &str = "STILE_DATABASE";

/// Where the data is.
pub enum Data {
    /// In a folder.
    Folder(PathBuf),
    /// On a server.
    Server(Server),
}

/// A database on a server.
pub struct Server {
    url: Zeroizing<String>,
    /// Host and database.
    name: String,
}

impl Data {
    /// The one place that was said, if any was.
    pub fn said(database: Option<&str>, folder: Option<&PathBuf>) -> Result<Option<Self>, Failure> {
        let url = database.map(str::trim).filter(|url| !url.is_empty());
        match (url, given(folder)) {
            (Some(_), Some(_)) => Err(Failure::usage(
                "Both --database and --data-dir are given, and the data is in one place only.",
                "Leave one of them out. The variables STILE_DATABASE and STILE_DATA_DIR count too: unset the one that \
                 is not meant.",
            )),
            (Some(url), None) => Server::new(url).map(|server| Some(Self::Server(server))),
            (None, Some(folder)) => Ok(Some(Self::Folder(folder.to_owned()))),
            (None, None) => Ok(None),
        }
    }

    /// The folder where commands look when nothing is said, if it is there.
    pub fn default() -> Option<Self> {
        let folder = Path::new(DEFAULT_FOLDER);
        folder.is_dir().then(|| Self::Folder(folder.to_owned()))
    }

    /// The folder, when the data is in one.
    pub fn folder(&self) -> Option<&Path> {
        match self {
            Self::Folder(folder) => Some(folder),
            Self::Server(_) => None,
        }
    }

    /// How sentences call it.
    pub fn name(&self) -> String {
        match self {
            Self::Folder(folder) => folder.display().to_string(),
            Self::Server(server) => server.name.clone(),
        }
    }

    /// The option by which a command finds it, with a space before; empty when it does so by itself. A server's
    /// URL is left for the reader to fill in.
    pub fn option(&self) -> String {
        match self {
            Self::Folder(folder) if folder == Path::new(DEFAULT_FOLDER) => String::new(),
            Self::Folder(folder) => format!(" --data-dir {}", shown(folder)),
            Self::Server(server) if server.is_in_variable() => String::new(),
            Self::Server(_) => " --database URL".into(),
        }
    }

    /// The command that makes an environment for real users.
    pub fn create_command(&self, key_file: Option<&Path>) -> String {
        // For a folder always, so that the same command serves in another place.
        let place = match self {
            Self::Folder(folder) => format!(" --data-dir {}", shown(folder)),
            Self::Server(_) => self.option(),
        };
        let key = key_file.map(|file| format!(" --master-key-file {}", shown(file))).unwrap_or_default();
        format!(
            "stile env create{place}{key} --name NAME --live --origin https://app.example.com --rp-id example.com"
        )
    }

    /// The command that changes one setting.
    pub fn set_command(&self, id: EnvironmentId, assignment: &str) -> String {
        format!("stile env set{} {id} {assignment}", self.option())
    }

    /// Said of data without an environment.
    pub fn no_environment(&self, key_file: Option<&Path>) -> Problem {
        Problem::new(
            format!("There is no environment in {} yet.", self.name()),
            format!("Make the first one:\n  {}", self.create_command(key_file)),
        )
    }

    /// Opens the database and brings it up to date; makes it when `make` says so.
    pub async fn store(&self, make: bool) -> Result<Store, Failure> {
        if !make && self.schema().await? == Schema::Empty {
            return Err(Failure::new(
                format!("There is no database in {}.", self.name()),
                format!(
                    "Name the right place with --data-dir or --database, or make the first environment:\n  {}",
                    self.create_command(None)
                ),
            ));
        }
        let opened = match self {
            Self::Folder(folder) => Store::sqlite(&folder.join(DATABASE), now()),
            Self::Server(server) => Store::postgres(&server.url, now()).await,
        };
        opened.map_err(|error| self.unopened(&error))
    }

    /// How the database stands to this version. Changes nothing.
    pub async fn schema(&self) -> Result<Schema, Failure> {
        let found = match self {
            Self::Folder(folder) => match folder.join(DATABASE) {
                file if file.exists() => Store::sqlite_schema(&file),
                _ => Ok(Schema::Empty),
            },
            Self::Server(server) => Store::postgres_schema(&server.url).await,
        };
        found.map_err(|error| self.unopened(&error))
    }

    fn unopened(&self, error: &OpenError) -> Failure {
        let mend = match (error, self) {
            (OpenError::Unusable { .. }, Self::Folder(_)) => {
                "See that the file and its folder belong to this user and lie on a local disk. If the file is \
                 damaged, restore a backup; to begin anew, name another folder with --data-dir."
            }
            (OpenError::Unusable { .. }, Self::Server(_)) => {
                "See that the server runs and can be reached from here, and that the URL of --database or \
                 STILE_DATABASE names the right user, password and database. TLS is demanded unless the server is \
                 on this machine: sslrootcert=FILE names its authority."
            }
            (OpenError::Newer { .. } | OpenError::Altered(_), _) => "Nothing was changed.",
        };
        Failure::new(sentence(&error.to_string()), mend)
    }
}

impl Server {
    fn new(url: &str) -> Result<Self, Failure> {
        let name = Store::postgres_name(url).map_err(|reason| {
            Failure::usage(
                format!("The URL of --database cannot be used: {reason}."),
                "Write it as postgres://USER:PASSWORD@HOST:PORT/DATABASE. In the variable STILE_DATABASE, other users \
                 of this machine cannot see it.",
            )
        })?;
        Ok(Self { url: Zeroizing::new(url.to_owned()), name })
    }

    /// Fills the database with a backup, if it is empty.
    pub async fn restore(&self, backup: Backup, renewal: &Renewal) -> Result<Counts, BackupError> {
        backup.into_postgres(&self.url, renewal).await
    }

    fn is_in_variable(&self) -> bool {
        std::env::var(VARIABLE).map(Zeroizing::new).is_ok_and(|said| said.trim() == *self.url)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn server(url: &str) -> Data {
        Data::said(Some(url), None).unwrap().unwrap()
    }

    #[test]
    fn the_data_is_in_one_place() {
        let folder = PathBuf::from("data");
        assert!(Data::said(Some("postgres://h/d"), Some(&folder)).is_err());
        for nothing in [None, Some(""), Some(" ")] {
            assert!(Data::said(nothing, None).unwrap().is_none());
            assert!(Data::said(nothing, Some(&PathBuf::new())).unwrap().is_none());
            assert!(Data::said(nothing, Some(&folder)).unwrap().unwrap().folder().is_some());
        }
    }

    #[test]
    fn a_servers_password_is_in_nothing_that_is_told() {
        let data = server("postgres://ann:hunter2@db.example.com/stile");
        let id = EnvironmentId::from_bytes([1; 16]);
        let told = [
            data.name(),
            data.option(),
            data.create_command(None),
            data.set_command(id, "a=b"),
            data.no_environment(None).to_string(),
        ];
        for text in told {
            assert!(!text.contains("hunter2") && !text.contains("ann"), "{text}");
        }
        assert_eq!(data.name(), "PostgreSQL at db.example.com, database stile");
        assert!(data.create_command(None).starts_with("stile env create --database URL --name "));
        for bad in ["mysql://ann:hunter2@h/d", "postgres://ann:hunter2@h:port/d", "hunter2"] {
            let failure = Data::said(Some(bad), None).err().unwrap();
            assert!(!failure.to_string().contains("hunter2"), "{failure}");
        }
    }
}
