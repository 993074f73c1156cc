//! The writer thread: takes what is waiting, up to a bound, and commits it as one transaction, with a
//! savepoint for each mutation. One disk flush serves them all.

use std::panic::{AssertUnwindSafe, catch_unwind};

use rusqlite::{Connection, ErrorCode};
use tokio::sync::{mpsc, oneshot};

use super::Job;
use crate::error::CommitError;
use crate::load::{Counters, now};
use crate::mutation::{Expect, Mutation};

/// Most mutations in one transaction.
const GROUP: usize = 256;

type Waiting = (oneshot::Sender<Result<(), CommitError>>, Result<(), CommitError>);

/// Runs until every handle of the store is gone.
pub(super) fn run(db: Connection, mut jobs: mpsc::Receiver<Job>, counters: &Counters) {
    while let Some(first) = jobs.blocking_recv() {
        let mut group = vec![first];
        while group.len() < GROUP
            && let Ok(job) = jobs.try_recv()
        {
            group.push(job);
        }
        // Whatever happens to one group, the next ones are written: without a writer there is no server. Those who wait
        // for this one learn that nobody knows.
        let (began, size) = (now(), group.len());
        let outcome = catch_unwind(AssertUnwindSafe(|| commit(&db, group)));
        let Ok(answers) = outcome else {
            // Nothing is logged here: the panic may have come from the logging.
            let _undone = (!db.is_autocommit()).then(|| db.execute_batch("ROLLBACK"));
            continue;
        };
        counters.committed(size, now() - began);
        for (done, answer) in answers {
            // A caller that went away has nobody to tell; its mutation stands.
            let _gone = done.send(answer);
        }
    }
}

fn commit(db: &Connection, group: Vec<Job>) -> Vec<Waiting> {
    if let Err(error) = db.execute_batch("BEGIN IMMEDIATE") {
        let error = not_begun(&error);
        return group.into_iter().map(|job| (job.done, Err(error.clone()))).collect();
    }
    let mut waiting: Vec<Waiting> = Vec::with_capacity(group.len());
    let mut jobs = group.into_iter();
    for job in jobs.by_ref() {
        let answer = apply(db, &job.mutation);
        waiting.push((job.done, answer));
        // A full disk or an I/O error makes SQLite roll the whole transaction back by itself.
        if db.is_autocommit() {
            break;
        }
    }
    if db.is_autocommit() {
        let error = match waiting.last() {
            Some((_, Err(error @ CommitError::Failed(_)))) => error.clone(),
            _ => CommitError::Failed("the transaction was rolled back".into()),
        };
        let mut waiting = lost(waiting, &error);
        waiting.extend(jobs.map(|job| (job.done, Err(error.clone()))));
        return waiting;
    }
    match db.execute_batch("COMMIT") {
        Ok(()) => waiting,
        Err(error) => {
            tracing::error!(%error, "a commit failed");
            rollback(db);
            lost(waiting, &failed(&error))
        }
    }
}

/// The answers when nothing of a group happened. Misses are taken back too: a guard may have missed for
/// what a neighbour wrote, and that did not happen either.
fn lost(waiting: Vec<Waiting>, error: &CommitError) -> Vec<Waiting> {
    waiting.into_iter().map(|(done, _)| (done, Err(error.clone()))).collect()
}

fn rollback(db: &Connection) {
    if !db.is_autocommit()
        && let Err(error) = db.execute_batch("ROLLBACK")
    {
        tracing::error!(%error, "a rollback failed");
    }
}

/// Runs one mutation in its savepoint; a missed guard takes back this mutation alone.
fn apply(db: &Connection, mutation: &Mutation) -> Result<(), CommitError> {
    run_cached(db, "SAVEPOINT job").map_err(|e| failed(&e))?;
    let outcome = steps(db, mutation);
    if db.is_autocommit() {
        return outcome;
    }
    let undone = if outcome.is_ok() { Ok(()) } else { run_cached(db, "ROLLBACK TO job") };
    if let Err(error) = undone.and_then(|()| run_cached(db, "RELEASE job")) {
        // Half of this mutation may stand in the transaction, which must not be committed then.
        rollback(db);
        return Err(failed(&error));
    }
    outcome
}

fn run_cached(db: &Connection, sql: &str) -> rusqlite::Result<()> {
    db.prepare_cached(sql)?.execute([]).map(|_| ())
}

fn steps(db: &Connection, mutation: &Mutation) -> Result<(), CommitError> {
    for step in &mutation.steps {
        let changed = db
            .prepare_cached(step.sql)
            .and_then(|mut statement| statement.execute(rusqlite::params_from_iter(&step.args)))
            .map_err(|e| failed(&e))?;
        let reached = match step.expect {
            Expect::Any => true,
            Expect::Exactly(n) => u64::try_from(changed).is_ok_and(|c| c == n),
        };
        if !reached {
            return Err(CommitError::Missed(step.miss));
        }
    }
    Ok(())
}

/// Another process that keeps the lock for longer than we wait is a crowd, not a fault.
fn not_begun(error: &rusqlite::Error) -> CommitError {
    if error.sqlite_error_code() == Some(ErrorCode::DatabaseBusy) {
        tracing::warn!("another process keeps the database locked");
        return CommitError::Busy;
    }
    failed(error)
}

fn failed(error: &rusqlite::Error) -> CommitError {
    CommitError::Failed(error.to_string())
}

#[cfg(test)]
mod tests;
