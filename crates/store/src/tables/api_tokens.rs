//! API tokens of apps' own backends, as keyed hashes.

use stile_core::{ApiTokenId, EnvironmentId, Micros};

use crate::error::StoreError;
use crate::mutation::{Miss, Step};
use crate::value::Row;
use crate::{Store, Value};

/// An API token, without its text.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ApiToken {
    /// Its id.
    pub id: ApiTokenId,
    /// The environment that it is for.
    pub environment: EnvironmentId,
    /// The last six characters, to recognise it by.
    pub last_six: String,
    /// What it is for, in the operator's words.
    pub note: String,
    /// What it may do.
    pub scopes: Vec<String>,
    /// When it was made.
    pub created_at: Micros,
}

macro_rules! select {
    ($rest:literal) => {
        concat!("SELECT id, environment, last_six, note, scopes, created_at FROM api_tokens ", $rest)
    };
}

fn read(mut row: Row) -> Result<ApiToken, StoreError> {
    Ok(ApiToken {
        id: row.take()?,
        environment: row.take()?,
        last_six: row.take()?,
        note: row.take()?,
        scopes: row.take_json()?,
        created_at: row.take()?,
    })
}

impl Store {
    /// The token with this keyed hash.
    pub async fn api_token(&self, hash: [u8; 32]) -> Result<Option<ApiToken>, StoreError> {
        self.row(select!("WHERE hash = ?1"), vec![hash.into()]).await?.map(read).transpose()
    }

    /// The environment's tokens, oldest first.
    pub async fn api_tokens(&self, environment: EnvironmentId) -> Result<Vec<ApiToken>, StoreError> {
        let sql = select!("WHERE environment = ?1 ORDER BY created_at, id");
        self.rows(sql, vec![environment.into()]).await?.into_iter().map(read).collect()
    }
}

/// A new token.
pub fn insert(token: &ApiToken, hash: [u8; 32]) -> Step {
    let sql = "INSERT INTO api_tokens (id, environment, hash, last_six, note, scopes, created_at)
               VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7) ON CONFLICT DO NOTHING";
    let args: Vec<Value> = vec![
        token.id.into(),
        token.environment.into(),
        hash.into(),
        token.last_six.as_str().into(),
        token.note.as_str().into(),
        // A list of strings always serialises.
        serde_json::to_string(&token.scopes).unwrap_or_else(|_| "[]".into()).into(),
        token.created_at.into(),
    ];
    Step::one(sql, args, Miss::Taken)
}

/// Revokes a token of this environment.
pub fn delete(environment: EnvironmentId, id: ApiTokenId) -> Step {
    let sql = "DELETE FROM api_tokens WHERE id = ?1 AND environment = ?2";
    Step::one(sql, vec![id.into(), environment.into()], Miss::NotFound)
}
