//! Credentials of users.

use stile_core::{Credential, CredentialId, EnvironmentId, Micros, UserId};

use crate::Value;
use crate::error::StoreError;
use crate::mutation::{Miss, Step};
use crate::value::Row;

/// The columns of a credential `c`, in the order in which `read_optional` takes them.
macro_rules! columns {
    () => {
        "c.id, c.facts, c.sign_in, c.created_at, c.verified_at"
    };
}
pub(crate) use columns;

/// A credential; none where a join found none, and all columns are null.
pub(crate) fn read_optional(row: &mut Row) -> Result<Option<Credential>, StoreError> {
    let Some(id) = row.take()? else {
        row.skip(4);
        return Ok(None);
    };
    Ok(Some(Credential {
        id,
        facts: row.take_json()?,
        sign_in: row.take()?,
        created_at: row.take()?,
        verified_at: row.take()?,
    }))
}

/// A new credential; misses with `Taken` when the identifier belongs to somebody already.
pub fn insert(environment: EnvironmentId, owner: UserId, identifier: &[u8], c: &Credential) -> Step {
    let sql = "INSERT INTO credentials (id, environment, owner, format, identifier, facts, sign_in, created_at, verified_at)
               VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9) ON CONFLICT DO NOTHING";
    let args: Vec<Value> = vec![
        c.id.into(),
        environment.into(),
        owner.into(),
        c.format().as_str().into(),
        identifier.into(),
        facts(c),
        c.sign_in.into(),
        c.created_at.into(),
        c.verified_at.into(),
    ];
    Step::one(sql, args, Miss::Taken)
}

/// Writes that the credential was verified now.
pub fn mark_verified(environment: EnvironmentId, owner: UserId, id: CredentialId, now: Micros) -> Step {
    let sql = "UPDATE credentials SET verified_at = ?4 WHERE id = ?1 AND environment = ?2 AND owner = ?3";
    Step::one(sql, vec![id.into(), environment.into(), owner.into(), now.into()], Miss::UserChanged)
}

/// Writes other public facts, for example another name.
pub fn describe(environment: EnvironmentId, owner: UserId, c: &Credential) -> Step {
    let sql = "UPDATE credentials SET facts = ?4 WHERE id = ?1 AND environment = ?2 AND owner = ?3";
    Step::one(sql, vec![c.id.into(), environment.into(), owner.into(), facts(c)], Miss::NotFound)
}

/// Removes a credential of this user.
pub fn delete(environment: EnvironmentId, owner: UserId, id: CredentialId) -> Step {
    let sql = "DELETE FROM credentials WHERE id = ?1 AND environment = ?2 AND owner = ?3";
    Step::one(sql, vec![id.into(), environment.into(), owner.into()], Miss::NotFound)
}

fn facts(c: &Credential) -> Value {
    // Strings and booleans always serialise.
    serde_json::to_string(&c.facts).unwrap_or_default().into()
}
