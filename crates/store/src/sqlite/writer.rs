//! The writer thread: takes what is waiting, up to a bound, and commits it as one transaction, with a
//! savepoint for each mutation. One disk flush serves them all.

use rusqlite::Connection;
use tokio::sync::{mpsc, oneshot};

use super::Job;
use crate::error::CommitError;
use crate::mutation::{Expect, Mutation};

/// Most mutations in one transaction.
const GROUP: usize = 256;

type Waiting = (oneshot::Sender<Result<(), CommitError>>, Result<(), CommitError>);

/// Runs until every handle of the store is gone.
pub(super) fn run(db: Connection, mut jobs: mpsc::Receiver<Job>) {
    while let Some(first) = jobs.blocking_recv() {
        let mut group = vec![first];
        while group.len() < GROUP
            && let Ok(job) = jobs.try_recv()
        {
            group.push(job);
        }
        for (done, answer) in commit(&db, group) {
            // A caller that went away has nobody to tell; its mutation stands.
            let _gone = done.send(answer);
        }
    }
}

fn commit(db: &Connection, group: Vec<Job>) -> Vec<Waiting> {
    let fail = |group: Vec<Job>, error: &rusqlite::Error| -> Vec<Waiting> {
        group.into_iter().map(|job| (job.done, Err(failed(error)))).collect()
    };
    if let Err(error) = db.execute_batch("BEGIN IMMEDIATE") {
        return fail(group, &error);
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
    let lost = |waiting: Vec<Waiting>, error: CommitError| -> Vec<Waiting> {
        waiting.into_iter().map(|(done, answer)| (done, answer.and(Err(error.clone())))).collect()
    };
    if db.is_autocommit() {
        let error = CommitError::Failed("the transaction was rolled back".into());
        let mut waiting = lost(waiting, error.clone());
        waiting.extend(jobs.map(|job| (job.done, Err(error.clone()))));
        return waiting;
    }
    match db.execute_batch("COMMIT") {
        Ok(()) => waiting,
        Err(error) => {
            tracing::error!(%error, "a commit failed");
            if !db.is_autocommit()
                && let Err(error) = db.execute_batch("ROLLBACK")
            {
                tracing::error!(%error, "a rollback failed");
            }
            lost(waiting, failed(&error))
        }
    }
}

/// Runs one mutation in its savepoint; a missed guard takes back this mutation alone.
fn apply(db: &Connection, mutation: &Mutation) -> Result<(), CommitError> {
    db.execute_batch("SAVEPOINT job").map_err(|e| failed(&e))?;
    let outcome = steps(db, mutation);
    let close = if outcome.is_ok() { "RELEASE job" } else { "ROLLBACK TO job; RELEASE job" };
    if db.is_autocommit() {
        return outcome;
    }
    db.execute_batch(close).map_err(|e| failed(&e))?;
    outcome
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

fn failed(error: &rusqlite::Error) -> CommitError {
    CommitError::Failed(error.to_string())
}
