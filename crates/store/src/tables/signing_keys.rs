//! Signing keys of environments, sealed.

use stile_core::{EnvironmentId, Micros};

use crate::error::StoreError;
use crate::mutation::{Miss, Step};
use crate::{Store, Value};

/// A signing key as it is stored.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct SigningKeyRow {
    /// Key id: the thumbprint of its public half (RFC 7638).
    pub kid: String,
    /// `ES256`, `EdDSA` or `RS256`.
    pub algorithm: String,
    /// The public half, a JWK in JSON.
    pub jwk: String,
    /// The private half, PKCS #8, sealed.
    pub sealed: Vec<u8>,
    /// Since when it is in the published set.
    pub published_at: Micros,
    /// From when it signs: at least one max-age of the published set after `published_at`.
    pub signs_from: Micros,
    /// Until when its signatures are accepted; none while it is current.
    pub verifies_until: Option<Micros>,
}

impl Store {
    /// The environment's keys, newest first.
    pub async fn signing_keys(&self, environment: EnvironmentId) -> Result<Vec<SigningKeyRow>, StoreError> {
        let sql = "SELECT kid, algorithm, jwk, sealed, published_at, signs_from, verifies_until
                   FROM signing_keys WHERE environment = ?1 ORDER BY signs_from DESC, published_at DESC";
        let rows = self.rows(sql, vec![environment.into()]).await?;
        rows.into_iter()
            .map(|mut row| {
                Ok(SigningKeyRow {
                    kid: row.take()?,
                    algorithm: row.take()?,
                    jwk: row.take()?,
                    sealed: row.take()?,
                    published_at: row.take()?,
                    signs_from: row.take()?,
                    verifies_until: row.take()?,
                })
            })
            .collect()
    }
}

/// A new key.
pub fn insert(environment: EnvironmentId, key: &SigningKeyRow) -> Step {
    let sql = "INSERT INTO signing_keys (environment, kid, algorithm, jwk, sealed, published_at, signs_from, verifies_until)
               VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8) ON CONFLICT DO NOTHING";
    let args: Vec<Value> = vec![
        environment.into(),
        key.kid.as_str().into(),
        key.algorithm.as_str().into(),
        key.jwk.as_str().into(),
        key.sealed.as_slice().into(),
        key.published_at.into(),
        key.signs_from.into(),
        key.verifies_until.into(),
    ];
    Step::one(sql, args, Miss::Taken)
}

/// Lets all current keys but `kid` run out at `until`.
pub fn retire_others(environment: EnvironmentId, kid: &str, until: Micros) -> Step {
    let sql = "UPDATE signing_keys SET verifies_until = ?3
               WHERE environment = ?1 AND kid <> ?2 AND verifies_until IS NULL";
    Step::any(sql, vec![environment.into(), kid.into(), until.into()])
}

/// Forgets all keys but `kid` at once: after a compromise, nothing that they signed is accepted.
pub fn delete_others(environment: EnvironmentId, kid: &str) -> Step {
    Step::any(
        "DELETE FROM signing_keys WHERE environment = ?1 AND kid <> ?2",
        vec![environment.into(), kid.into()],
    )
}
