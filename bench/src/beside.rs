//! The bench's own way into the database, beside the server's: mails out of the outbox, used codes put back, and what
//! a database server spends.

use std::fs;
use std::path::Path;
use std::sync::{Mutex, PoisonError};

use anyhow::{Context as _, Result, ensure};
use rusqlite::{Connection, OpenFlags, Row};
use stile_core::{EnvironmentId, Micros, OutboxId};
use stile_store::Mail;
use tokio_postgres::{Client, NoTls};

use crate::proc;

/// A connection.
pub(crate) enum Beside {
    /// To the embedded database's file.
    Embedded(Mutex<Connection>),
    /// To a database server, with its first process where that runs on this machine.
    Served(Client, Option<u32>),
}

const MAILS: &str = "SELECT id, environment, template, sealed FROM outbox WHERE id >= ";
const PUT_BACK: &str = "UPDATE totp_devices SET last_step = -1";

impl Beside {
    /// Opens the embedded database's file.
    pub(crate) fn file(file: &Path) -> Result<Self> {
        let db = Connection::open_with_flags(file, OpenFlags::SQLITE_OPEN_READ_WRITE)?;
        db.busy_timeout(std::time::Duration::from_secs(10))?;
        Ok(Self::Embedded(Mutex::new(db)))
    }

    /// Connects to a database server.
    pub(crate) async fn server(url: &str) -> Result<Self> {
        let client = connect(url).await?;
        // What the bench reads beside the server counts as the database's work: it shall not walk through tables.
        client.batch_execute("SET enable_seqscan = off").await?;
        let backend: i32 = client.query_one("SELECT pg_backend_pid()", &[]).await?.get(0);
        let first = proc::parent(u32::try_from(backend)?).ok().filter(|first| named(*first, "postgres"));
        Ok(Self::Served(client, first))
    }

    /// The mails in the outbox from this id on.
    pub(crate) async fn mails(&self, from: OutboxId) -> Result<Vec<Mail>> {
        match self {
            Self::Embedded(db) => {
                let db = db.lock().unwrap_or_else(PoisonError::into_inner);
                let mut statement = db.prepare_cached(&format!("{MAILS}?1"))?;
                let rows = statement.query_map([from.as_bytes()], embedded)?;
                Ok(rows.collect::<rusqlite::Result<_>>()?)
            }
            Self::Served(client, _) => {
                let rows = client.query(&format!("{MAILS}$1"), &[&from.as_bytes().as_slice()]).await?;
                rows.iter().map(served).collect()
            }
        }
    }

    /// Lets every code of every authenticator app work once more.
    pub(crate) async fn put_back(&self) -> Result<()> {
        let changed = match self {
            Self::Embedded(db) => {
                db.lock().unwrap_or_else(PoisonError::into_inner).execute(PUT_BACK, [])? as u64
            }
            Self::Served(client, _) => client.execute(PUT_BACK, &[]).await?,
        };
        ensure!(changed > 0, "there are no authenticator apps");
        Ok(())
    }

    /// CPU time of the database server so far, in microseconds, where it runs on this machine.
    pub(crate) fn cpu_micros(&self) -> Result<Option<u64>> {
        match self {
            Self::Served(_, Some(first)) => proc::family_micros(*first).map(Some),
            Self::Served(_, None) | Self::Embedded(_) => Ok(None),
        }
    }
}

/// A client, on a task that lives as long as it does.
pub(crate) async fn connect(url: &str) -> Result<Client> {
    let (client, connection) =
        tokio_postgres::connect(url, NoTls).await.context("the database server cannot be reached")?;
    tokio::spawn(connection);
    Ok(client)
}

fn named(pid: u32, name: &str) -> bool {
    fs::read_to_string(format!("/proc/{pid}/comm")).is_ok_and(|comm| comm.trim() == name)
}

fn embedded(row: &Row<'_>) -> rusqlite::Result<Mail> {
    Ok(mail(row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?))
}

fn served(row: &tokio_postgres::Row) -> Result<Mail> {
    let id = |column: usize| -> Result<[u8; 16]> { Ok(row.try_get::<_, &[u8]>(column)?.try_into()?) };
    Ok(mail(id(0)?, id(1)?, row.try_get(2)?, row.try_get(3)?))
}

fn mail(id: [u8; 16], environment: [u8; 16], template: String, sealed: Vec<u8>) -> Mail {
    Mail {
        id: OutboxId::from_bytes(id),
        environment: EnvironmentId::from_bytes(environment),
        recipient: None,
        template,
        sealed,
        created_at: Micros::default(),
        expires_at: Micros::default(),
    }
}
