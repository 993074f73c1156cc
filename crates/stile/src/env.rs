//! `stile env`: environments and their settings.

use std::fmt::Write;
use std::fs;
use std::path::Path;

use jiff::Timestamp;
use serde_json::{Value, json};
use stile_core::settings::{Kind, Settings};
use stile_core::{EnvironmentId, Micros};
use stile_keys::random;
use stile_server::flows::environments::{self, Former, OperatorError};
use stile_store::{Environment, SigningKeyRow, Store};

use crate::args::{EnvArgs, EnvCommand, EnvCreateArgs, EnvSetArgs};
use crate::data::Data;
use crate::error::{Failure, Problem, sentence};
use crate::output::Output;
use crate::{env_delete, machine, paths, rp_id};

/// Carries out `stile env …`.
pub async fn run(args: &EnvArgs, output: Output) -> Result<(), Failure> {
    match &args.command {
        EnvCommand::Create(create) => make(args, create, output).await,
        EnvCommand::List => list(&args.place.store().await?, output).await,
        EnvCommand::Show { id } => show(&args.place.store().await?, *id, output).await,
        EnvCommand::Set(set) => change(args, set, output).await,
        EnvCommand::Delete { environment, yes } => {
            env_delete::run(&args.place.store().await?, environment, *yes, output).await
        }
    }
}

/// A moment in ISO 8601, UTC.
pub fn time(at: Micros) -> String {
    Timestamp::from_microsecond(at.get()).unwrap_or_default().to_string()
}

async fn make(args: &EnvArgs, create: &EnvCreateArgs, output: Output) -> Result<(), Failure> {
    if create.name.trim().is_empty() {
        return Err(Failure::usage("The name is empty.", "Name the environment: --name Acme"));
    }
    let settings = new_settings(create)?;
    let kind = if create.live { Kind::Live } else { Kind::Sandbox };
    let problems = settings.problems(kind);
    if !problems.is_empty() {
        return Err(OperatorError::Settings(problems).into());
    }
    if !create.yes {
        rp_id::check(&settings)?;
    }
    let (store, keys) = args.place.unlocked(true).await?;
    let now = machine::now();
    let id = create.id.unwrap_or_else(|| EnvironmentId::new(now, random::bytes()));
    environments::create(&store, &keys, now, id, kind, &create.name, &settings).await?;
    let mut text = format!("The {} environment {} is made: {id}", kind.as_str(), create.name);
    let data = args.place.data()?;
    let used_before = environments::former(&store, &settings).await?.map(|former| former_domain(&former));
    let notes: Vec<Problem> = no_origin(&data, id, &settings)
        .into_iter()
        .chain(no_domain(&data, id, &settings))
        .chain(used_before)
        .collect();
    for note in &notes {
        let _ = write!(text, "\n\n{note}");
    }
    let value = json!({
        "id": id.to_string(), "name": create.name, "kind": kind.as_str(), "createdAt": time(now), "notes": notes,
        "settings": settings,
    });
    output.answer(&text, &value)
}

/// The settings that the options of `env create` ask for.
fn new_settings(create: &EnvCreateArgs) -> Result<Settings, Failure> {
    let mut patch = json!({ "general": { "displayName": create.name } });
    if !create.origins.is_empty() {
        patch["allowedOrigins"] = json!(create.origins);
    }
    if let Some(domain) = &create.rp_id {
        patch["passkeys"] = json!({ "rpId": domain });
    }
    paths::assign(&mut patch, &create.set)?;
    paths::without_nulls(&mut patch);
    serde_json::from_value(patch).map_err(|e| OperatorError::Settings(vec![e.to_string()]).into())
}

/// Said of an environment that nobody can call yet.
fn no_origin(data: &Data, id: EnvironmentId, settings: &Settings) -> Option<Problem> {
    let command = data.set_command(id, "'allowedOrigins=[\"https://app.example.com\"]'");
    settings.allowed_origins.is_empty().then(|| {
        Problem::new(
            "No origin may call it yet, so no app can use it.",
            format!("Name your app's: {command}"),
        )
    })
}

/// Said of an environment whose passkeys have no domain.
fn no_domain(data: &Data, id: EnvironmentId, settings: &Settings) -> Option<Problem> {
    let command = data.set_command(id, "passkeys.rpId=example.com");
    settings.passkeys.rp_id.is_none().then(|| {
        Problem::new(
            "Passkeys need a domain, which cannot change once it is set.",
            format!("Set the one that all your apps share: {command}"),
        )
    })
}

/// Said of an environment whose domain was that of a deleted one.
fn former_domain(former: &Former) -> Problem {
    Problem::new(
        format!(
            "Its domain was that of the environment {} ({}), which was deleted {}: passkeys that people made then are \
             still on their devices, and do not work here.",
            former.name,
            former.id,
            time(former.deleted_at)
        ),
        "Tell the people whom this concerns to remove the old passkey and make a new one.",
    )
}

async fn list(store: &Store, output: Output) -> Result<(), Failure> {
    let all = store.environments().await?;
    let mut text = String::new();
    for e in &all {
        let _ = writeln!(text, "{}  {:7}  {}  {}", e.id, e.kind.as_str(), time(e.created_at), e.name);
    }
    if all.is_empty() {
        text.push_str("There are no environments yet: `stile env create` makes one.\n");
    }
    for e in store.half_deleted_environments().await? {
        let _ = write!(
            text,
            "\nThe deletion of {} is not finished. Go on with it: stile env delete {}\n",
            e.name, e.id
        );
    }
    output.answer(&text, &all.iter().map(described).collect())
}

async fn show(store: &Store, id: EnvironmentId, output: Output) -> Result<(), Failure> {
    let row = store.environment(id).await?.ok_or(OperatorError::NoEnvironment(id))?;
    let settings: Settings = read_settings(&row)?;
    let users = store.count_users(id).await?;
    let keys = store.signing_keys(id).await?;
    let mut value = described(&row);
    value["users"] = users.into();
    value["settings"] = json!(settings);
    value["keys"] = keys.iter().map(described_key).collect();
    let mut text = format!(
        "{} ({}, {id})\nmade {}, version {}, {users} users\n\nKeys, newest first:\n",
        row.name,
        row.kind.as_str(),
        time(row.created_at),
        row.version
    );
    for key in &keys {
        let until =
            key.verifies_until.map_or_else(String::new, |at| format!(", accepted until {}", time(at)));
        let _ =
            writeln!(text, "  {}  {}, signs from {}{until}", key.kid, key.algorithm, time(key.signs_from));
    }
    // In the order in which they are declared, which JSON values do not keep.
    let pretty = serde_json::to_string_pretty(&settings).unwrap_or_default();
    let _ = write!(text, "\nSettings:\n{pretty}");
    output.answer(&text, &value)
}

/// The settings of a stored environment.
pub fn read_settings(row: &Environment) -> Result<Settings, Problem> {
    let advice = "Use the version of Stile that wrote them, or restore a backup.";
    row.settings().map_err(|error| Problem::new(sentence(&error.to_string()), advice))
}

async fn change(args: &EnvArgs, set: &EnvSetArgs, output: Output) -> Result<(), Failure> {
    let data = args.place.data()?;
    let store = data.store(false).await?;
    let mut patch = match &set.file {
        Some(file) => read_patch(file)?,
        None => json!({}),
    };
    paths::assign(&mut patch, &set.set)?;
    let row = store.environment(set.id).await?.ok_or(OperatorError::NoEnvironment(set.id))?;
    let (before, after) = environments::merged(&row, &patch)?;
    if before.passkeys.rp_id.is_none() && !set.yes {
        rp_id::check(&after)?;
    }
    let settings = environments::configure(&store, machine::now(), set.id, &patch).await?;
    let mut text = format!("The settings of {} are changed. A running server follows at once.", set.id);
    if let Some(note) = no_origin(&data, set.id, &settings) {
        let _ = write!(text, "\n\n{note}");
    }
    output.answer(&text, &json!({ "id": set.id.to_string(), "settings": settings }))
}

fn read_patch(file: &Path) -> Result<Value, Failure> {
    let text = fs::read_to_string(file).map_err(|e| {
        Failure::new(
            format!("The file {} cannot be read: {e}.", file.display()),
            "See that the path is right.",
        )
    })?;
    serde_json::from_str(&text).ok().filter(Value::is_object).ok_or_else(|| {
        Failure::new(
            format!("The file {} holds no JSON object.", file.display()),
            "Write the settings to change, such as {\"general\":{\"displayName\":\"Acme\"}}.",
        )
    })
}

fn described(row: &Environment) -> Value {
    json!({
        "id": row.id.to_string(), "name": row.name, "kind": row.kind.as_str(), "version": row.version,
        "createdAt": time(row.created_at),
    })
}

fn described_key(key: &SigningKeyRow) -> Value {
    json!({
        "kid": key.kid, "algorithm": key.algorithm, "publishedAt": time(key.published_at),
        "signsFrom": time(key.signs_from), "verifiesUntil": key.verifies_until.map(time),
    })
}
