//! `stile env delete`.

use std::io::{self, BufRead as _, Read as _, Write as _};

use serde_json::json;
use stile_core::EnvironmentId;
use stile_server::flows::environments::{self, OperatorError};
use stile_store::{Census, Environment, Store};

use crate::error::Failure;
use crate::machine;
use crate::output::Output;

/// No answer to a question is longer, in bytes.
const MAX_ANSWER: u64 = 1_000;

/// Tells what goes, asks, and deletes.
pub async fn run(store: &Store, named: &str, yes: bool, output: Output) -> Result<(), Failure> {
    let row = find(store, named).await?;
    let census = store.census(row.id).await?;
    if !yes {
        ask(&row, &census)?;
    }
    environments::delete(store, machine::now(), &row).await.map_err(|error| {
        Failure::new(
            format!("The environment {} is not deleted to the end: {error}.", row.name),
            "Run the command again: it goes on where it stopped. Once it has begun, nobody can use the environment.",
        )
    })?;
    let text = format!(
        "The environment {} ({}) is deleted, and with it {}. Its audit log stays.",
        row.name,
        row.id,
        listed(&census)
    );
    let value = json!({
        "id": row.id.to_string(), "name": row.name, "deleted": true, "users": census.users,
        "credentials": census.credentials, "sessions": census.sessions, "apiTokens": census.api_tokens,
        "signingKeys": census.signing_keys, "mails": census.mails,
    });
    output.answer(&text, &value)
}

/// The environment of that id or name, also one whose deletion was interrupted.
async fn find(store: &Store, named: &str) -> Result<Environment, Failure> {
    let mut all = store.environments().await?;
    all.extend(store.half_deleted_environments().await?);
    if let Ok(id) = named.parse::<EnvironmentId>() {
        let found = all.into_iter().find(|row| row.id == id);
        return found.ok_or_else(|| OperatorError::NoEnvironment(id).into());
    }
    let mut found: Vec<Environment> = all.into_iter().filter(|row| row.name == named).collect();
    if found.len() > 1 {
        let ids: Vec<String> = found.iter().map(|row| row.id.to_string()).collect();
        return Err(Failure::new(
            format!("There are {} environments of the name {named}.", found.len()),
            format!("Name the one that is meant by its id: {}", ids.join(", ")),
        ));
    }
    found.pop().ok_or_else(|| {
        Failure::new(
            format!("There is no environment of the name {named}."),
            "`stile env list` shows which there are.",
        )
    })
}

fn listed(census: &Census) -> String {
    let count =
        |count: i64, one: &str, many: &str| format!("{count} {}", if count == 1 { one } else { many });
    format!(
        "{}, {}, {}, {}, {} and {}",
        count(census.users, "user", "users"),
        count(census.credentials, "credential", "credentials"),
        count(census.sessions, "session", "sessions"),
        count(census.api_tokens, "API token", "API tokens"),
        count(census.signing_keys, "signing key", "signing keys"),
        count(census.mails, "mail that waits", "mails that wait")
    )
}

fn ask(row: &Environment, census: &Census) -> Result<(), Failure> {
    let question = format!(
        "With the {} environment {} ({}) go {}. This cannot be undone.\nType its name to delete it: ",
        row.kind.as_str(),
        row.name,
        row.id,
        listed(census)
    );
    let mut answer = String::new();
    let heard = io::stderr()
        .write_all(question.as_bytes())
        .and_then(|()| io::stdin().lock().take(MAX_ANSWER).read_line(&mut answer));
    match heard {
        Ok(_) if !answer.is_empty() && answer.trim() == row.name.trim() => Ok(()),
        _ => Err(Failure::new(
            "Nothing was deleted: the name was not typed.",
            format!("To delete it without being asked: stile env delete {} --yes", row.id),
        )),
    }
}
