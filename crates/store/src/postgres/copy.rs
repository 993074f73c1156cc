//! Backup and restore of a database on a server.

use tokio_postgres::types::ToSql;
use tokio_postgres::{Client, Error, Statement};

use super::connection::{Answers, Connection, boxed};
use super::fault::said;
use super::link::Link;
use super::migrate::{self, Unopened};
use super::statement::{dollars, schema as in_our_words};
use super::value::{params, row};
use crate::backup::format::Next;
use crate::backup::{BackupError, Counts, Renewal, Sink, Source, renew, tables};
use crate::migrate::{MIGRATIONS, Migration};
use crate::value::Value;

/// One moment for all tables, and as long as it takes. Whole tables are read here, so what every other statement is
/// forbidden is right.
const SNAPSHOT: &str = "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY; SET LOCAL statement_timeout = 0; \
    SET LOCAL idle_in_transaction_session_timeout = 0; SET LOCAL enable_seqscan = on";
/// A restore waits for nobody and may take long, too.
const PATIENT: &str = "SET LOCAL idle_in_transaction_session_timeout = 0; SET LOCAL synchronous_commit = on";
/// Rows that travel together.
const BATCH: usize = 500;

impl From<Error> for BackupError {
    fn from(error: Error) -> Self {
        Self::Engine(said(&error))
    }
}

impl From<Unopened> for BackupError {
    fn from(error: Unopened) -> Self {
        match error {
            Unopened::Open(error) => Self::Open(error),
            Unopened::Because(reason) => Self::Engine(reason),
        }
    }
}

/// Writes all rows as they are at one moment.
pub(super) async fn dump(link: &Link, mut sink: Sink) -> Result<Counts, BackupError> {
    let connection = link.connect().await?;
    let db = &connection.client;
    db.batch_execute(SNAPSHOT).await?;
    let schema = migrate::applied(db).await?;
    sink.begin(schema.clone())?;
    for table in tables::tables(&schema) {
        copy(db, table, &mut sink).await?;
    }
    db.batch_execute("COMMIT").await?;
    sink.end()
}

async fn copy(db: &Client, table: &'static str, sink: &mut Sink) -> Result<(), BackupError> {
    db.batch_execute(&format!("DECLARE copied NO SCROLL CURSOR FOR SELECT * FROM {table}")).await?;
    let fetch = db.prepare(&format!("FETCH {BATCH} FROM copied")).await?;
    sink.table(table, names(&fetch))?;
    loop {
        let found = db.query(&fetch, &[]).await?;
        for found in &found {
            let row = row(found).map_err(|e| BackupError::Engine(e.to_string()))?;
            sink.row(row.into_values())?;
        }
        if found.len() < BATCH {
            break;
        }
    }
    Ok(db.batch_execute("CLOSE copied").await?)
}

fn names(statement: &Statement) -> Vec<String> {
    statement.columns().iter().map(|column| column.name().to_owned()).collect()
}

/// Makes the tables in an empty database and fills them, in one transaction that keeps migrations out.
pub(super) async fn fill(link: &Link, mut source: Source, renewal: &Renewal) -> Result<Counts, BackupError> {
    let connection = link.connect().await?;
    let db = &connection.client;
    if !migrate::begin(db).await? {
        return Err(BackupError::NotEmpty);
    }
    db.batch_execute(PATIENT).await?;
    let schema = source.label.schema.clone();
    let (before, after): (Vec<&Migration>, Vec<&Migration>) =
        MIGRATIONS.iter().partition(|m| schema.iter().any(|(version, _)| *version == m.version));
    apply(db, &before, renewal).await?;
    let counts = rows(&connection, &mut source, &tables::tables(&schema)).await?;
    apply(db, &after, renewal).await?;
    for step in renew::steps(renewal) {
        let args = params(&step.args);
        let args: Vec<&(dyn ToSql + Sync)> = args.iter().map(|arg| arg as _).collect();
        db.execute(&dollars(step.sql), &args).await?;
    }
    db.batch_execute("COMMIT").await?;
    Ok(counts)
}

async fn apply(db: &Client, migrations: &[&Migration], renewal: &Renewal) -> Result<(), BackupError> {
    for migration in migrations {
        db.batch_execute(&in_our_words(migration.sql)).await?;
        migrate::note(db, migration, renewal.now).await?;
    }
    Ok(())
}

async fn rows(
    connection: &Connection,
    source: &mut Source,
    known: &[&'static str],
) -> Result<Counts, BackupError> {
    let db = &connection.client;
    let mut counts = Counts::new();
    let mut insert: Option<Statement> = None;
    let mut waiting: Vec<Vec<Value>> = Vec::new();
    loop {
        let next = source.next()?;
        if waiting.len() == BATCH || !matches!(next, Next::Row(_)) {
            send(db, insert.as_ref(), &mut waiting).await?;
        }
        match next {
            Next::Table(table, columns) => {
                let table = tables::one_of(known, &table, &counts)?;
                let actual = names(&db.prepare(&format!("SELECT * FROM {table} LIMIT 0")).await?);
                let text = tables::insert(table, &columns, &actual)?;
                insert = Some(db.prepare(&dollars(&text)).await?);
                counts.push((table, 0));
            }
            Next::Row(values) => {
                let (_, count) = counts.last_mut().ok_or_else(tables::row_of_no_table)?;
                *count += 1;
                waiting.push(values);
            }
            Next::End => return tables::complete(known, counts),
        }
    }
}

/// Sends rows together, and waits for all their answers.
async fn send(
    db: &Client,
    insert: Option<&Statement>,
    waiting: &mut Vec<Vec<Value>>,
) -> Result<(), BackupError> {
    let Some(insert) = insert else { return Ok(()) };
    let columns = insert.params().len();
    let rows = std::mem::take(waiting);
    if rows.iter().any(|values| values.len() != columns) {
        return Err(BackupError::Unfit("a row of it has too many or too few fields".into()));
    }
    let requests = rows.iter().map(|values| boxed(db.execute_raw(insert, params(values)))).collect();
    let mut answers = Answers::send(requests).await;
    while let Some(answer) = answers.next().await {
        answer?;
    }
    Ok(())
}
