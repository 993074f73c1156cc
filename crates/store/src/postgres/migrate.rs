//! Migrations, in one transaction that also keeps the other nodes out.

use stile_core::Micros;
use tokio_postgres::{Client, Error};

use super::fault::said;
use super::link::Link;
use super::statement::schema;
use crate::error::OpenError;
use crate::migrate::{self, Migration, Schema, checksum};

/// Others may be migrating: they are waited for, and a long migration is not cut short. The number of the
/// lock is an arbitrary one of ours.
const BEGIN: &str = "BEGIN ISOLATION LEVEL READ COMMITTED; SET LOCAL statement_timeout = 0; \
    SET LOCAL lock_timeout = 60000; SELECT pg_advisory_xact_lock(7238151409112)";

/// Asked for first: a role that may not make tables can still use those that an operator has made.
const EXISTS: &str = "SELECT to_regclass(format('%I.migrations', current_schema())) IS NOT NULL";

const TABLE: &str = "CREATE TABLE migrations (
    version BIGINT NOT NULL PRIMARY KEY, checksum BIGINT NOT NULL, applied_at BIGINT NOT NULL)";

pub(super) enum Unopened {
    Open(OpenError),
    Because(String),
}

impl From<Error> for Unopened {
    fn from(error: Error) -> Self {
        Self::Because(said(&error))
    }
}

/// Brings the schema up to date. What was begun is undone with the connection.
pub(super) async fn migrate(link: &Link, now: Micros) -> Result<(), Unopened> {
    let connection = link.connect().await?;
    let db = &connection.client;
    begin(db).await?;
    for migration in migrate::missing(compared(db).await?) {
        db.batch_execute(&schema(migration.sql)).await?;
        note(db, migration, now).await?;
    }
    db.batch_execute("COMMIT").await?;
    Ok(())
}

/// Begins a transaction that keeps other migrations out, with the table of migrations; answers whether that is new.
pub(super) async fn begin(db: &Client) -> Result<bool, Unopened> {
    suitable(db).await?;
    db.batch_execute(BEGIN).await?;
    let is_new = !db.query_one(EXISTS, &[]).await?.try_get::<_, bool>(0)?;
    if is_new {
        db.batch_execute(TABLE).await?;
    }
    Ok(is_new)
}

/// Notes that a migration was applied.
pub(super) async fn note(db: &Client, migration: &Migration, now: Micros) -> Result<(), Error> {
    let note = "INSERT INTO migrations VALUES ($1, $2, $3)";
    db.execute(note, &[&migration.version, &checksum(migration.sql), &now.get()]).await?;
    Ok(())
}

/// How the database stands to this binary. Changes nothing.
pub(super) async fn look(link: &Link) -> Result<Schema, Unopened> {
    let connection = link.connect().await?;
    let db = &connection.client;
    suitable(db).await?;
    if db.query_one(EXISTS, &[]).await?.try_get(0)? { compared(db).await } else { Ok(Schema::Empty) }
}

async fn compared(db: &Client) -> Result<Schema, Unopened> {
    migrate::compare(&applied(db).await?).map_err(Unopened::Open)
}

/// The migrations of a database, each by number and checksum.
pub(super) async fn applied(db: &Client) -> Result<Vec<(i64, i64)>, Error> {
    let rows = db.query("SELECT version, checksum FROM migrations", &[]).await?;
    rows.iter().map(|row| Ok((row.try_get(0)?, row.try_get(1)?))).collect()
}

/// Refuses what would go wrong later, at the first name that is not plain English.
async fn suitable(db: &Client) -> Result<(), Unopened> {
    let row = db.query_one("SELECT current_setting('server_encoding'), current_schema()::text", &[]).await?;
    let (encoding, schema): (String, Option<String>) = (row.try_get(0)?, row.try_get(1)?);
    if encoding != "UTF8" {
        let reason = format!("its encoding is {encoding}; make one with ENCODING 'UTF8'");
        return Err(Unopened::Because(reason));
    }
    if schema.is_none() {
        let reason = "no schema of the user's search_path exists: make it, or name another";
        return Err(Unopened::Because(reason.into()));
    }
    Ok(())
}
