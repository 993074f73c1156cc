//! Environments: the tenants.

use stile_core::settings::Kind;
use stile_core::{EnvironmentId, Micros, Settings};

use crate::error::StoreError;
use crate::mutation::{Miss, Step};
use crate::value::Row;
use crate::{Store, Value};

/// A tenant as it is stored.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Environment {
    /// Its id.
    pub id: EnvironmentId,
    /// Grows with every change of its settings or keys; caches go by it.
    pub version: i64,
    /// Sandbox or live.
    pub kind: Kind,
    /// A name for operators.
    pub name: String,
    /// When it was made.
    pub created_at: Micros,
    /// `Settings` in JSON.
    settings: String,
}

impl Environment {
    /// A new one.
    pub fn new(id: EnvironmentId, kind: Kind, name: &str, settings: &Settings, created_at: Micros) -> Self {
        Self { id, version: 1, kind, name: name.to_owned(), created_at, settings: json(settings) }
    }

    /// Its settings, which another version may have written. Where they cannot be read, this environment alone is out of
    /// use, and can still be listed and deleted.
    pub fn settings(&self) -> Result<Settings, StoreError> {
        Settings::stored(&self.settings)
            .map_err(|error| StoreError::Settings { environment: self.id, reason: error.to_string() })
    }
}

fn json(settings: &Settings) -> String {
    // Strings, numbers, booleans and lists of them always serialise.
    serde_json::to_string(settings).unwrap_or_default()
}

macro_rules! select {
    ($rest:literal) => {
        concat!("SELECT id, version, kind, name, created_at, settings FROM environments ", $rest)
    };
}

fn read(mut row: Row) -> Result<Environment, StoreError> {
    Ok(Environment {
        id: row.take()?,
        version: row.take()?,
        kind: match row.take::<String>()?.as_str() {
            "live" => Kind::Live,
            "sandbox" => Kind::Sandbox,
            _ => return Err(StoreError::Corrupt("an environment of an unknown kind")),
        },
        name: row.take()?,
        created_at: row.take()?,
        settings: row.take()?,
    })
}

impl Store {
    /// The environment of that id.
    pub async fn environment(&self, id: EnvironmentId) -> Result<Option<Environment>, StoreError> {
        let sql = select!("WHERE id = ?1 AND gone_at IS NULL");
        self.row(sql, vec![id.into()]).await?.map(read).transpose()
    }

    /// The environment's version alone: what a cache asks on every request.
    pub async fn environment_version(&self, id: EnvironmentId) -> Result<Option<i64>, StoreError> {
        let sql = "SELECT version FROM environments WHERE id = ?1 AND gone_at IS NULL";
        self.row(sql, vec![id.into()]).await?.map(|mut row| row.take()).transpose()
    }

    /// All environments, oldest first.
    pub async fn environments(&self) -> Result<Vec<Environment>, StoreError> {
        let sql = select!("WHERE gone_at IS NULL ORDER BY created_at, id");
        self.rows(sql, Vec::new()).await?.into_iter().map(read).collect()
    }

    /// Environments whose deletion began and did not end, oldest first. No other read finds them.
    pub async fn half_deleted_environments(&self) -> Result<Vec<Environment>, StoreError> {
        let sql = select!("WHERE gone_at IS NOT NULL ORDER BY created_at, id");
        self.rows(sql, Vec::new()).await?.into_iter().map(read).collect()
    }

    /// What there is in the environment, half deleted or not.
    pub async fn census(&self, id: EnvironmentId) -> Result<Census, StoreError> {
        let sql = "SELECT (SELECT COUNT(*) FROM users WHERE environment = ?1),
                          (SELECT COUNT(*) FROM credentials WHERE environment = ?1),
                          (SELECT COUNT(*) FROM sessions WHERE environment = ?1),
                          (SELECT COUNT(*) FROM api_tokens WHERE environment = ?1),
                          (SELECT COUNT(*) FROM signing_keys WHERE environment = ?1),
                          (SELECT COUNT(*) FROM outbox WHERE environment = ?1)";
        let row = self.row(sql, vec![id.into()]).await?;
        let mut row = row.ok_or(StoreError::Corrupt("a count without a row"))?;
        Ok(Census {
            users: row.take()?,
            credentials: row.take()?,
            sessions: row.take()?,
            api_tokens: row.take()?,
            signing_keys: row.take()?,
            mails: row.take()?,
        })
    }

    /// Who had this relying-party id before, as [`end_rp_id`] kept it.
    pub async fn former_rp_id(&self, rp_id: &str) -> Result<Option<Vec<u8>>, StoreError> {
        let sql = "SELECT former FROM rp_ids WHERE domain = ?1";
        self.row(sql, vec![rp_id.into()]).await?.map_or(Ok(None), |mut row| row.take())
    }
}

/// How much there is in an environment.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Census {
    /// Users.
    pub users: i64,
    /// Their addresses, passkeys and authenticator apps.
    pub credentials: i64,
    /// Their sessions.
    pub sessions: i64,
    /// API tokens of backends.
    pub api_tokens: i64,
    /// Signing keys.
    pub signing_keys: i64,
    /// Mails that are not delivered yet.
    pub mails: i64,
}

/// A new environment; misses with `Taken` when the id exists.
pub fn insert(e: &Environment) -> Step {
    let sql = "INSERT INTO environments (id, version, kind, name, settings, created_at)
               VALUES (?1, ?2, ?3, ?4, ?5, ?6) ON CONFLICT DO NOTHING";
    let args: Vec<Value> = vec![
        e.id.into(),
        e.version.into(),
        e.kind.as_str().into(),
        e.name.as_str().into(),
        e.settings.as_str().into(),
        e.created_at.into(),
    ];
    Step::one(sql, args, Miss::Taken)
}

/// Other settings, when the environment is still at the version that was read.
pub fn configure(id: EnvironmentId, version: i64, settings: &Settings) -> Step {
    let sql = "UPDATE environments SET settings = ?3, version = version + 1 WHERE id = ?1 AND version = ?2";
    Step::one(sql, vec![id.into(), version.into(), json(settings).into()], Miss::EnvironmentChanged)
}

/// Lets the environment have a relying-party id: alone, or together with all others that share it. Misses with
/// `EnvironmentChanged` when it is another's. Two that ask at once meet at the id's rows.
///
/// Nodes of the version before know the claims in `meta` alone. While one may run beside us, every claim passes there first, so
/// that no id gets two owners whichever nodes they ask. An id that an old node frees is free in both places: the reference
/// to its environment ends with it. One that an old node claims is in `meta` alone, and is refused to others there.
pub fn claim_rp_id(id: EnvironmentId, rp_id: &str, shared: bool) -> [Step; 2] {
    let in_meta = "INSERT INTO meta (name, value) VALUES (?1, ?2)
                   ON CONFLICT (name) DO UPDATE SET value = excluded.value
                   WHERE meta.value = excluded.value OR meta.value = ?3";
    let own = id.as_bytes().to_vec();
    let value = if shared { b"shared".to_vec() } else { own.clone() };
    let sql = "INSERT INTO rp_ids (domain, environment, shared) VALUES (?1, ?2, ?3)
               ON CONFLICT (domain) DO UPDATE SET environment = excluded.environment, shared = excluded.shared
               WHERE rp_ids.environment = ?4
                  OR (rp_ids.environment IS NULL AND rp_ids.shared <= excluded.shared)";
    let args = vec![rp_id.into(), (!shared).then_some(id).into(), shared.into(), id.into()];
    [
        Step::one(in_meta, vec![in_meta_of(rp_id), value.into(), own.into()], Miss::EnvironmentChanged),
        Step::one(sql, args, Miss::EnvironmentChanged),
    ]
}

/// Where the version before keeps the claim of a relying-party id.
fn in_meta_of(rp_id: &str) -> Value {
    format!("rp-id {rp_id}").into()
}

/// Marks the environment as changed: caches read it anew.
pub fn bump_version(id: EnvironmentId) -> Step {
    let sql = "UPDATE environments SET version = version + 1 WHERE id = ?1 AND gone_at IS NULL";
    Step::one(sql, vec![id.into()], Miss::NotFound)
}

/// Begins the deletion: from now on nobody finds the environment, and no change of it passes.
pub fn begin_deletion(id: EnvironmentId, now: Micros) -> Step {
    let sql = "UPDATE environments SET gone_at = ?2, version = version + 1 WHERE id = ?1 AND gone_at IS NULL";
    Step::one(sql, vec![id.into(), now.into()], Miss::NotFound)
}

/// Takes what has not been delivered, and the tokens of backends, out of an environment that is being deleted.
pub fn silence(id: EnvironmentId) -> [Step; 2] {
    [
        Step::any("DELETE FROM outbox WHERE environment = ?1", vec![id.into()]),
        Step::any("DELETE FROM api_tokens WHERE environment = ?1", vec![id.into()]),
    ]
}

/// Ends the deletion, with whatever is still in the environment. The audit log stays.
pub fn end_deletion(id: EnvironmentId) -> Step {
    let sql = "DELETE FROM environments WHERE id = ?1 AND gone_at IS NOT NULL";
    Step::one(sql, vec![id.into()], Miss::NotFound)
}

/// Lets another environment have the relying-party id, and keeps for whom passkeys of it were made before.
pub fn end_rp_id(rp_id: &str, owner: &[u8]) -> [Step; 2] {
    let sql = "INSERT INTO rp_ids (domain, shared, former) VALUES (?1, 0, ?2)
               ON CONFLICT (domain) DO UPDATE SET environment = NULL, shared = 0, former = excluded.former";
    [
        Step::any("DELETE FROM meta WHERE name = ?1", vec![in_meta_of(rp_id)]),
        Step::any(sql, vec![rp_id.into(), owner.into()]),
    ]
}
