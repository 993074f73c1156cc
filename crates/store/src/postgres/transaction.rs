//! One mutation as one transaction: its steps travel together, their row counts are looked at in order, and
//! only then is COMMIT sent.

use tokio::time::timeout;
use tokio_postgres::Error;

use super::PATIENCE;
use super::connection::{Answers, Connection, boxed};
use super::fault::{Refusal, goes_on, in_doubt, refusal, said};
use super::value::params;
use crate::error::CommitError;
use crate::mutation::{Expect, Miss, Mutation, Step};

/// READ COMMITTED, whatever the server's default: each step sees what was committed before it, and a row that
/// another transaction holds is looked at again when that one has ended. The guards are written for this.
const BEGIN: &str = "BEGIN ISOLATION LEVEL READ COMMITTED";

/// How an attempt ended, if not well.
#[derive(Debug)]
pub(super) enum End {
    /// A guard missed; nothing happened.
    Missed(Miss),
    /// Nothing happened, and a further attempt may succeed; why.
    Again(String),
    /// Nothing happened: something was locked for too long.
    Locked,
    /// Nothing happened.
    Failed(String),
    /// Nobody knows.
    Unknown,
}

/// Carries the mutation out, and says whether the connection may serve again.
pub(super) async fn attempt(db: &Connection, mutation: &Mutation) -> (Result<(), End>, bool) {
    let texts: Vec<_> = mutation.steps.iter().map(|step| step.sql).collect();
    let outcome = match timeout(PATIENCE, steps(db, &texts, mutation)).await {
        Ok(outcome) => outcome,
        Err(_) => Err((End::Failed("it does not answer".into()), false)),
    };
    match outcome {
        Ok(()) => commit(db).await,
        Err((end, true)) => {
            let undone = timeout(PATIENCE, db.client.batch_execute("ROLLBACK")).await;
            (Err(end), matches!(undone, Ok(Ok(()))))
        }
        Err((end, false)) => {
            db.cut();
            (Err(end), false)
        }
    }
}

/// The steps, up to the first that does not go well. The second of an error says whether the connection lives.
async fn steps(db: &Connection, texts: &[&'static str], mutation: &Mutation) -> Result<(), (End, bool)> {
    let statements = db.statements(texts).await.map_err(|e| before(&e))?;
    let mut requests = vec![boxed(async {
        db.client.batch_execute(BEGIN).await?;
        Ok(0)
    })];
    for (step, statement) in mutation.steps.iter().zip(&statements) {
        requests.push(boxed(db.client.execute_raw(statement, params(&step.args))));
    }
    let mut answers = Answers::send(requests).await;
    if let Some(Err(error)) = answers.next().await {
        return Err(before(&error));
    }
    for step in &mutation.steps {
        match answers.next().await {
            Some(Ok(changed)) if reached(step, changed) => {}
            Some(Ok(_)) => return Err((End::Missed(step.miss), true)),
            Some(Err(error)) => return Err((refused(step, &error), goes_on(&error))),
            None => return Err((End::Failed("a step went unanswered".into()), false)),
        }
    }
    Ok(())
}

fn reached(step: &Step, changed: u64) -> bool {
    match step.expect {
        Expect::Any => true,
        Expect::Exactly(n) => changed == n,
    }
}

/// An error before the transaction had begun: on a connection that was lost while it lay idle, most likely.
fn before(error: &Error) -> (End, bool) {
    let end = match refusal(error) {
        Refusal::Again | Refusal::Lost => End::Again(said(error)),
        Refusal::Locked => End::Locked,
        Refusal::Taken | Refusal::Other => End::Failed(said(error)),
    };
    (end, goes_on(error))
}

/// A step that the server refused. On this engine two transactions can both find a name free in a sub-select;
/// the unique index then stops the later one, which is the same miss. A row that points to nothing is an
/// error, as it is on the other engine: a guard on the user comes first wherever that could happen.
fn refused(step: &Step, error: &Error) -> End {
    match refusal(error) {
        Refusal::Taken if step.expect != Expect::Any => End::Missed(step.miss),
        Refusal::Again => End::Again(said(error)),
        Refusal::Locked => End::Locked,
        Refusal::Taken | Refusal::Lost | Refusal::Other => End::Failed(said(error)),
    }
}

async fn commit(db: &Connection) -> (Result<(), End>, bool) {
    if db.is_closed() {
        return (Err(End::Failed("the connection was lost".into())), false);
    }
    match timeout(PATIENCE, db.client.batch_execute("COMMIT")).await {
        Ok(Ok(())) => (Ok(()), true),
        Ok(Err(error)) if in_doubt(&error) => {
            tracing::error!(error = said(&error), "the outcome of a commit is unknown");
            (Err(End::Unknown), false)
        }
        Ok(Err(error)) if refusal(&error) == Refusal::Again => (Err(End::Again(said(&error))), false),
        Ok(Err(error)) => (Err(End::Failed(said(&error))), false),
        Err(_) => {
            tracing::error!("a commit was not answered");
            db.cut();
            (Err(End::Unknown), false)
        }
    }
}

impl From<End> for CommitError {
    fn from(end: End) -> Self {
        match end {
            End::Missed(miss) => Self::Missed(miss),
            // Others were in the way each time.
            End::Again(_) | End::Locked => Self::Busy,
            End::Failed(reason) => Self::Failed(reason),
            End::Unknown => Self::Unknown,
        }
    }
}
