//! Environments, keys and API tokens: what the command line and the development server make.

use serde::{Deserialize, Serialize};
use stile_core::settings::{Kind, Settings};
use stile_core::{ApiTokenId, EnvironmentId, Event, Micros, UserId};
use stile_keys::{Keyring, api_token, random};
use stile_store::{
    ApiToken, Environment, Miss, Mutation, Step, Store, api_tokens, environments, signing_keys, users,
};
use zeroize::Zeroizing;

use crate::guard::act::record_command;
use crate::guard::operator::API_SCOPES;
use crate::state::environment::new_key;
use crate::state::error::ApiError;

/// How long clients may keep the published key set, in seconds. A new key is published this long before it signs.
pub const JWKS_MAX_AGE: i64 = 3_600;

/// Users that are deleted in one commit.
const AT_ONCE: usize = 100;

/// Why an operator's command was not carried out, in words that say what to do.
#[derive(Debug, thiserror::Error)]
pub enum OperatorError {
    /// The settings cannot be used.
    #[error("these settings cannot be used:\n- {}", .0.join("\n- "))]
    Settings(Vec<String>),
    /// There is no such environment.
    #[error("there is no environment {0}: `stile env list` shows which there are")]
    NoEnvironment(EnvironmentId),
    /// It exists already.
    #[error("there is an environment {0} already")]
    Exists(EnvironmentId),
    /// Somebody changed it at the same time.
    #[error("the environment was changed at the same time: look at it and try again")]
    Changed,
    /// There is no such token.
    #[error("there is no token {0} in this environment: `stile token list` shows which there are")]
    NoToken(ApiTokenId),
    /// A scope that no API token has.
    #[error("there is no API token scope `{0}`: choose from {list}", list = API_SCOPES.join(", "))]
    UnknownScope(String),
    /// The store failed.
    #[error("{0}")]
    Store(String),
}

impl From<stile_store::StoreError> for OperatorError {
    fn from(error: stile_store::StoreError) -> Self {
        Self::Store(error.to_string())
    }
}

impl From<stile_store::CommitError> for OperatorError {
    fn from(error: stile_store::CommitError) -> Self {
        match error {
            stile_store::CommitError::Missed(Miss::EnvironmentChanged) => Self::Changed,
            other => Self::Store(other.to_string()),
        }
    }
}

impl From<ApiError> for OperatorError {
    fn from(error: ApiError) -> Self {
        Self::Store(error.code.text().to_owned())
    }
}

/// Makes an environment with its first signing key.
pub async fn create(
    store: &Store,
    keys: &Keyring,
    now: Micros,
    id: EnvironmentId,
    kind: Kind,
    name: &str,
    settings: &Settings,
) -> Result<(), OperatorError> {
    let problems = settings.problems(kind);
    if !problems.is_empty() {
        return Err(OperatorError::Settings(problems));
    }
    free_rp_id(store, id, settings).await?;
    let key = new_key(keys, id, settings.tokens.algorithm, now, now)?;
    let mutation = Mutation::new([
        environments::insert(&Environment::new(id, kind, name, settings, now)),
        signing_keys::insert(id, &key),
        record_command(id, now, &Event::EnvironmentCreated { kind, kid: key.kid.clone() }),
    ])
    .and_all(rp_id_claim(id, settings));
    match store.commit(mutation).await {
        Err(stile_store::CommitError::Missed(Miss::Taken)) => Err(OperatorError::Exists(id)),
        other => Ok(other?),
    }
}

/// Changes an environment's settings: `change` is a JSON merge patch (RFC 7396) of the whole.
pub async fn configure(
    store: &Store,
    now: Micros,
    id: EnvironmentId,
    change: &serde_json::Value,
) -> Result<Settings, OperatorError> {
    let row = store.environment(id).await?.ok_or(OperatorError::NoEnvironment(id))?;
    let (before, settings) = merged(&row, change)?;
    // What an older version let in stays possible, so that every other setting can still be changed.
    let known = before.problems(row.kind);
    let mut problems = settings.problems(row.kind);
    problems.retain(|problem| !known.contains(problem));
    if before.passkeys.rp_id.is_some() && before.passkeys.rp_id != settings.passkeys.rp_id {
        problems
            .push("passkeys.rpId cannot change: every passkey of the environment would stop working".into());
    }
    if before.passkeys.rp_id_shared && !settings.passkeys.rp_id_shared {
        problems.push(
            "passkeys.rpIdShared cannot go back: others may have the same relying-party id by now".into(),
        );
    }
    if before.sdk.min_api_version != settings.sdk.min_api_version
        && settings.sdk.min_api_version == stile_core::settings::ApiVersion::V20260101
    {
        problems.push("sdk.minApiVersion cannot go back".into());
    }
    if !problems.is_empty() {
        return Err(OperatorError::Settings(problems));
    }
    free_rp_id(store, id, &settings).await?;
    let mutation = Mutation::new([
        environments::configure(id, row.version, &settings),
        record_command(id, now, &Event::EnvironmentConfigured { change: change.clone() }),
    ])
    .and_all(rp_id_claim(id, &settings));
    store.commit(mutation).await?;
    Ok(settings)
}

/// The environment's settings, and what a change (a JSON merge patch) would make of them. Nothing is judged yet.
pub fn merged(row: &Environment, change: &serde_json::Value) -> Result<(Settings, Settings), OperatorError> {
    let before = row.settings()?;
    let mut whole = serde_json::to_value(&before).map_err(|e| OperatorError::Store(e.to_string()))?;
    merge(&mut whole, change);
    let after = serde_json::from_value(whole).map_err(|e| OperatorError::Settings(vec![e.to_string()]))?;
    Ok((before, after))
}

/// The relying-party id that must not be another environment's. Everybody's own machine is nobody's.
fn own_rp_id(settings: &Settings) -> Option<&str> {
    settings.passkeys.rp_id.as_deref().filter(|domain| *domain != "localhost")
}

/// Refuses a relying-party id that another environment has: its passkeys would work here, and ours there. What two
/// operators do at the same moment is for [`rp_id_claim`] to see.
async fn free_rp_id(store: &Store, id: EnvironmentId, settings: &Settings) -> Result<(), OperatorError> {
    let Some(domain) = own_rp_id(settings) else { return Ok(()) };
    for row in store.environments().await? {
        let Ok(other) = row.settings() else { continue };
        let shared = settings.passkeys.rp_id_shared && other.passkeys.rp_id_shared;
        if row.id != id && !shared && own_rp_id(&other) == Some(domain) {
            let problem = format!(
                "passkeys.rpId {domain} is that of the environment {}: set passkeys.rpIdShared=true in both if the \
                 same people are to use the same passkeys in both",
                row.id
            );
            return Err(OperatorError::Settings(vec![problem]));
        }
    }
    Ok(())
}

fn rp_id_claim(id: EnvironmentId, settings: &Settings) -> impl Iterator<Item = Step> {
    let claim = |domain| environments::claim_rp_id(id, domain, settings.passkeys.rp_id_shared);
    own_rp_id(settings).map(claim).into_iter().flatten()
}

/// Deletes an environment with everything that is in it; only its audit log stays. First nobody finds it any more, so that
/// nothing new begins, and then its users go, some at a time, so that the other environments' writes pass in between. What
/// was interrupted goes on when it is called again.
pub async fn delete(store: &Store, now: Micros, row: &Environment) -> Result<(), OperatorError> {
    let id = row.id;
    if store.environment_version(id).await?.is_some() {
        let deleted = Event::EnvironmentDeleted { name: row.name.clone(), kind: row.kind };
        let begin = Mutation::new([environments::begin_deletion(id, now), record_command(id, now, &deleted)]);
        store.commit(begin.and_all(environments::silence(id))).await?;
    }
    let mut last = UserId::from_bytes([0; 16]);
    loop {
        let some = store.users_after(last).await?;
        let Some((end, _)) = some.last() else { break };
        last = *end;
        let ours: Vec<UserId> = some.iter().filter(|(_, of)| *of == id).map(|(user, _)| *user).collect();
        for some in ours.chunks(AT_ONCE) {
            let gone = some.iter().map(|user| users::delete_if_there(id, *user));
            store.commit(Mutation::new(gone)).await?;
        }
    }
    let end = Mutation::new([environments::end_deletion(id)]);
    store.commit(end.and_all(freed_rp_id(store, now, row).await?)).await?;
    Ok(())
}

/// Frees the relying-party id, unless others share it.
async fn freed_rp_id(store: &Store, now: Micros, row: &Environment) -> Result<Vec<Step>, OperatorError> {
    // Settings that cannot be read name no id; then it stays taken.
    let settings = row.settings().unwrap_or_default();
    let Some(domain) = own_rp_id(&settings) else { return Ok(Vec::new()) };
    for other in store.environments().await? {
        if own_rp_id(&other.settings().unwrap_or_default()) == Some(domain) {
            return Ok(Vec::new());
        }
    }
    let former = Former { id: row.id, name: row.name.clone(), deleted_at: now };
    let text = serde_json::to_vec(&former).map_err(|e| OperatorError::Store(e.to_string()))?;
    Ok(environments::end_rp_id(domain, &text).into())
}

/// An environment that is gone, and had a relying-party id.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Former {
    /// Its id.
    pub id: EnvironmentId,
    /// Its name.
    pub name: String,
    /// When it was deleted.
    pub deleted_at: Micros,
}

/// The deleted environment, if there was one, for which passkeys of this domain were made: people's devices still have
/// them, and they open nothing any more.
pub async fn former(store: &Store, settings: &Settings) -> Result<Option<Former>, OperatorError> {
    let Some(domain) = own_rp_id(settings) else { return Ok(None) };
    let kept = store.former_rp_id(domain).await?;
    Ok(kept.and_then(|bytes| serde_json::from_slice(&bytes).ok()))
}

/// Notes in every environment's audit log that its data was restored from a backup of that moment.
pub async fn note_restore(store: &Store, now: Micros, made_at: Micros) -> Result<(), OperatorError> {
    let (rows, restored) = (store.environments().await?, Event::DataRestored { made_at });
    let notes = rows.iter().map(|row| record_command(row.id, now, &restored));
    Ok(store.commit(Mutation::new(notes)).await?)
}

/// JSON merge patch (RFC 7396 §2).
fn merge(target: &mut serde_json::Value, patch: &serde_json::Value) {
    let serde_json::Value::Object(patch) = patch else {
        *target = patch.clone();
        return;
    };
    if !target.is_object() {
        *target = serde_json::Value::Object(serde_json::Map::new());
    }
    let Some(target) = target.as_object_mut() else { return };
    for (name, value) in patch {
        if value.is_null() {
            target.remove(name);
        } else {
            merge(target.entry(name.clone()).or_insert(serde_json::Value::Null), value);
        }
    }
}

/// Makes a new signing key. Normally it is published one key-set age before it signs, and the present keys verify
/// until their last token has expired. `at_once` is for a compromise: the new key signs now and all others are
/// forgotten, so that every session must sign in again.
pub async fn rotate(
    store: &Store,
    keys: &Keyring,
    now: Micros,
    id: EnvironmentId,
    at_once: bool,
) -> Result<(String, Micros), OperatorError> {
    let row = store.environment(id).await?.ok_or(OperatorError::NoEnvironment(id))?;
    let settings = row.settings()?;
    let signs_from = if at_once { now } else { now.plus_seconds(JWKS_MAX_AGE) };
    let key = new_key(keys, id, settings.tokens.algorithm, now, signs_from)?;
    let others = if at_once {
        signing_keys::delete_others(id, &key.kid)
    } else {
        // The longest token life, and a minute for clocks that differ.
        let longest = settings.security.jwt_duration.seconds().max(3_600);
        signing_keys::retire_others(id, &key.kid, signs_from.plus_seconds(longest + 60))
    };
    // First the environment's own row: of two nodes that rotate at once, the later one waits there, and then sees
    // the other's key.
    let mutation = Mutation::new([
        environments::bump_version(id),
        signing_keys::insert(id, &key),
        others,
        record_command(id, now, &Event::SigningKeyRotated { kid: key.kid.clone(), at_once }),
    ]);
    store.commit(mutation).await?;
    Ok((key.kid, signs_from))
}

/// Makes an API token. The text is shown once and kept nowhere.
pub async fn create_token(
    store: &Store,
    keys: &Keyring,
    now: Micros,
    environment: EnvironmentId,
    note: &str,
    scopes: &[String],
) -> Result<(ApiToken, Zeroizing<String>), OperatorError> {
    if let Some(unknown) = scopes.iter().find(|scope| !API_SCOPES.contains(&scope.as_str())) {
        return Err(OperatorError::UnknownScope(unknown.clone()));
    }
    store.environment(environment).await?.ok_or(OperatorError::NoEnvironment(environment))?;
    let text = api_token::generate();
    let (Some(hash), Some(last_six)) = (api_token::hash(&keys.api_token, &text), api_token::last_six(&text))
    else {
        return Err(OperatorError::Store("a new token is malformed".into()));
    };
    let token = ApiToken {
        id: ApiTokenId::new(now, random::bytes()),
        environment,
        last_six: last_six.to_owned(),
        note: note.chars().take(200).collect(),
        scopes: scopes.to_vec(),
        created_at: now,
    };
    let created = Event::ApiTokenCreated { token: token.id, scopes: scopes.to_vec() };
    let mutation =
        Mutation::new([api_tokens::insert(&token, hash), record_command(environment, now, &created)]);
    store.commit(mutation).await?;
    Ok((token, text))
}

/// Revokes an API token.
pub async fn revoke_token(
    store: &Store,
    now: Micros,
    environment: EnvironmentId,
    id: ApiTokenId,
) -> Result<(), OperatorError> {
    let mutation = Mutation::new([
        api_tokens::delete(environment, id),
        record_command(environment, now, &Event::ApiTokenRevoked { token: id }),
    ]);
    match store.commit(mutation).await {
        Err(stile_store::CommitError::Missed(Miss::NotFound)) => Err(OperatorError::NoToken(id)),
        other => Ok(other?),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_merge_patch_changes_what_it_names() {
        let mut whole = json!({ "a": { "b": 1, "c": 2 }, "d": [1] });
        merge(&mut whole, &json!({ "a": { "b": null, "e": { "f": 3 } }, "d": [2] }));
        assert_eq!(whole, json!({ "a": { "c": 2, "e": { "f": 3 } }, "d": [2] }));
    }
}
