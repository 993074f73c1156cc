//! `stile user find` and `stile user show`. What is shown is for an operator who helps somebody: no code, no key, no token.

use std::fmt::Write;

use serde_json::{Value, json};
use stile_core::factor::Channel;
use stile_core::{Credential, EmailAddress, EnvironmentId, Format, Level, Micros, Session, UserId};
use stile_server::flows::environments::OperatorError;
use stile_store::{Account, Environment, Failures, Store};

use crate::args::WhichUser;
use crate::env::time;
use crate::error::Failure;
use crate::machine;
use crate::output::Output;

/// The most sessions that are shown.
const MAX_SESSIONS: u32 = 100;

/// Lists whoever has that address or id.
pub async fn find(store: &Store, which: &WhichUser, output: Output) -> Result<(), Failure> {
    let found = all(store, which).await?;
    let mut text = String::new();
    let mut values = Vec::new();
    for (environment, account) in &found {
        let (user, seen) = (account.user.id, time(account.user.last_visit));
        let emails = emails(account).join(", ");
        let _ = writeln!(
            text,
            "{user}  {emails}  last seen {seen}  in {} ({})",
            environment.name, environment.id
        );
        values.push(json!({
            "id": user.to_string(), "environment": environment.id.to_string(), "environmentName": environment.name,
            "emails": self::emails(account), "lastVisit": seen,
        }));
    }
    output.answer(&text, &values.into())
}

/// Shows one user.
pub async fn show(store: &Store, which: &WhichUser, output: Output) -> Result<(), Failure> {
    let mut found = all(store, which).await?;
    if found.len() > 1 {
        let places: Vec<String> = found.iter().map(|(e, _)| format!("--env {}", e.id)).collect();
        return Err(Failure::new(
            format!("There are {} users of that address, each in an environment of their own.", found.len()),
            format!("Say which environment is meant: {}", places.join(" or ")),
        ));
    }
    let Some((environment, account)) = found.pop() else { return Ok(()) };
    let (user, now) = (&account.user, machine::now());
    let state = State {
        sessions: store.sessions(environment.id, user.id, now, MAX_SESSIONS).await?,
        recovery_codes: store.recovery_codes(user.id).await?.len(),
        // No client address has this counter.
        failures: store.failures(user.id, [0; 32]).await?,
    };
    output.answer(&told(&environment, &account, &state, now), &described(&environment, &account, &state, now))
}

/// What is known of a user beside the account.
struct State {
    sessions: Vec<Session>,
    recovery_codes: usize,
    failures: Failures,
}

/// At least one.
async fn all(store: &Store, which: &WhichUser) -> Result<Vec<(Environment, Account)>, Failure> {
    let environments = match which.env {
        Some(id) => vec![store.environment(id).await?.ok_or(OperatorError::NoEnvironment(id))?],
        None => store.environments().await?,
    };
    let mut found = Vec::new();
    for environment in environments {
        if let Some(account) = account(store, environment.id, which.user.trim()).await? {
            found.push((environment, account));
        }
    }
    if found.is_empty() {
        return Err(Failure::new(
            format!("There is no user of the address or id {}.", which.user.trim()),
            "An address counts when the user has verified it. The id is the `sub` of the user's tokens.",
        ));
    }
    Ok(found)
}

async fn account(store: &Store, environment: EnvironmentId, text: &str) -> Result<Option<Account>, Failure> {
    if let Ok(id) = text.parse::<UserId>() {
        return Ok(store.account(environment, id).await?);
    }
    let address = EmailAddress::parse(text).map_err(|_| {
        Failure::usage(
            format!("`{text}` is neither an e-mail address nor an id."),
            "Write it as ann@example.com, or as the id in the user's tokens.",
        )
    })?;
    let identifier = address.as_str().as_bytes();
    Ok(store.account_by_identifier(environment, Format::Email, identifier).await?)
}

fn emails(account: &Account) -> Vec<&str> {
    account.credentials.iter().filter_map(|c| c.reached_by(Channel::Mail)).collect()
}

/// How a credential is called.
fn name(credential: &Credential) -> String {
    let facts = &credential.facts;
    if let Some(address) = &facts.address {
        return address.clone();
    }
    let mut kind = credential.format().rules().name.to_owned();
    if let Some(authenticator) = facts.authenticator {
        kind += if authenticator.synced { ", synced" } else { ", on one device" };
    }
    match &facts.alias {
        Some(alias) => format!("{alias} ({kind})"),
        None => kind,
    }
}

fn locked_until(failures: &Failures, now: Micros) -> Option<Micros> {
    failures.locked(now)
}

fn told(environment: &Environment, account: &Account, state: &State, now: Micros) -> String {
    let user = &account.user;
    let mut text = format!(
        "{}\nin {} ({})\nfirst seen {}, last seen {}\n\nCredentials:\n",
        user.id,
        environment.name,
        environment.id,
        time(user.first_visit),
        time(user.last_visit)
    );
    for c in &account.credentials {
        let default = if user.default_method == Some(c.id) { ", asked for first" } else { "" };
        let (added, verified) = (time(c.created_at), time(c.verified_at));
        let _ = writeln!(
            text,
            "  {}  {}, added {added}, last verified {verified}{default}",
            c.id,
            plain(&name(c))
        );
    }
    let _ = writeln!(text, "\nRecovery codes left: {}", state.recovery_codes);
    let failures = &state.failures;
    let _ = write!(text, "Wrong second factors in a row: {}", failures.count);
    if let Some(until) = locked_until(failures, now) {
        let _ = write!(text, ", locked until {}", time(until));
    }
    let _ = writeln!(text, "\n\nSessions:");
    for s in &state.sessions {
        let level = if s.level == Level::Pending { ", owes a second factor" } else { "" };
        let _ = writeln!(
            text,
            "  {}  since {}, until {} at least{level}, {}",
            s.id,
            time(s.created_at),
            time(s.idle_expires_at),
            plain(&s.user_agent)
        );
    }
    if state.sessions.is_empty() {
        text.push_str("  none\n");
    }
    text
}

/// A text of a user's, without what would steer a terminal.
fn plain(text: &str) -> String {
    text.chars().map(|c| if c.is_control() { '\u{fffd}' } else { c }).collect()
}

fn described(environment: &Environment, account: &Account, state: &State, now: Micros) -> Value {
    let user = &account.user;
    let credentials = account.credentials.iter().map(|c| {
        json!({
            "id": c.id.to_string(), "format": c.format().as_str(), "name": name(c), "signIn": c.sign_in,
            "isMfaMethod": c.is_mfa_method(), "createdAt": time(c.created_at), "verifiedAt": time(c.verified_at),
        })
    });
    let sessions = state.sessions.iter().map(|s| {
        json!({
            "id": s.id.to_string(), "pending": s.level == Level::Pending, "createdAt": time(s.created_at),
            "idleExpiresAt": time(s.idle_expires_at), "userAgent": s.user_agent,
        })
    });
    json!({
        "id": user.id.to_string(), "environment": environment.id.to_string(), "environmentName": environment.name,
        "firstVisit": time(user.first_visit), "lastVisit": time(user.last_visit), "emails": emails(account),
        "credentials": credentials.collect::<Vec<_>>(), "sessions": sessions.collect::<Vec<_>>(),
        "defaultMethod": user.default_method.map(|id| id.to_string()),
        "recoveryCodesLeft": state.recovery_codes, "wrongFactors": state.failures.count,
        "lockedUntil": locked_until(&state.failures, now).map(time),
    })
}
