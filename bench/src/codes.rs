//! The codes that were mailed, read out of the outbox: the bench knows the master key.
//!
//! The mails themselves go into a black hole (see `sink`), so that they stay in the outbox and this
//! measures signing in, not a mail server. A row is there before its request is answered.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use anyhow::{Context as _, Result};
use rusqlite::{Connection, OpenFlags, Row};
use stile_core::{EnvironmentId, Micros, OutboxId};
use stile_keys::Keyring;
use stile_server::delivery::{Content, Letter};
use stile_store::Mail;

/// Reads new rows, in the order in which they were written.
const NEW: &str =
    "SELECT rowid, id, environment, template, sealed FROM outbox WHERE rowid > ?1 ORDER BY rowid";

/// The outbox, read from where it was left.
pub(crate) struct Codes(Mutex<Tail>);

struct Tail {
    db: Connection,
    last: i64,
    /// By address.
    found: HashMap<String, String>,
}

impl Codes {
    /// From now on.
    pub(crate) fn open(file: &std::path::Path) -> Result<Self> {
        let db = Connection::open_with_flags(file, OpenFlags::SQLITE_OPEN_READ_ONLY)?;
        let last = db.query_row("SELECT COALESCE(MAX(rowid), 0) FROM outbox", [], |row| row.get(0))?;
        Ok(Self(Mutex::new(Tail { db, last, found: HashMap::new() })))
    }

    /// The code that went to this address.
    pub(crate) fn take(&self, keyring: &Keyring, address: &str) -> Result<String> {
        let mut tail = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(code) = tail.found.remove(address) {
            return Ok(code);
        }
        tail.read(keyring)?;
        tail.found.remove(address).context("no mail with a code was queued")
    }
}

impl Tail {
    fn read(&mut self, keyring: &Keyring) -> Result<()> {
        let mut statement = self.db.prepare_cached(NEW)?;
        let rows = statement.query_map([self.last], |row| Ok((row.get::<_, i64>(0)?, mail(row)?)))?;
        for row in rows {
            let (place, mail) = row?;
            self.last = place;
            let letter = Letter::open(keyring, &mail)?;
            if let Content::Code { code, .. } = &letter.content {
                self.found.insert(letter.to.clone(), code.clone());
            }
        }
        Ok(())
    }
}

fn mail(row: &Row<'_>) -> rusqlite::Result<Mail> {
    Ok(Mail {
        id: OutboxId::from_bytes(row.get(1)?),
        environment: EnvironmentId::from_bytes(row.get(2)?),
        template: row.get(3)?,
        sealed: row.get(4)?,
        created_at: Micros::default(),
        expires_at: Micros::default(),
    })
}
