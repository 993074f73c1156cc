//! Facts about the database itself.

use crate::backup::renew;
use crate::error::{CommitError, StoreError};
use crate::mutation::{Miss, Mutation, Step};
use crate::{Store, Value};

impl Store {
    /// Keeps `value` under `name` unless something is kept there already, and answers what is kept.
    pub async fn remember(&self, name: &'static str, value: &[u8]) -> Result<Vec<u8>, StoreError> {
        let insert = "INSERT INTO meta (name, value) VALUES (?1, ?2) ON CONFLICT DO NOTHING";
        if let Some(kept) = self.recall(name).await? {
            return Ok(kept);
        }
        let step = Step::any(insert, vec![name.into(), value.into()]);
        self.commit(Mutation::new([step]))
            .await
            .map_err(|e: CommitError| StoreError::Engine(e.to_string()))?;
        self.recall(name).await?.ok_or(StoreError::Corrupt("a fact that was just written is missing"))
    }

    /// Writes and reads, durably, and leaves nothing behind: an error says that this cannot be done now. `name` is
    /// one that nobody else uses, so that nodes do not wait for each other.
    pub async fn probe(&self, name: &str) -> Result<(), CommitError> {
        let name = format!("probe {name}");
        let insert = "INSERT INTO meta (name, value) VALUES (?1, ?2) ON CONFLICT DO NOTHING";
        let delete = "DELETE FROM meta WHERE name = ?1";
        let step = |sql, args| Step::one(sql, args, Miss::NotFound);
        let written = vec![name.as_str().into(), Vec::new().into()];
        let steps = [step(insert, written), step(delete, vec![name.as_str().into()])];
        self.commit(Mutation::new(steps)).await?;
        self.recall("probe").await.map_err(|e| CommitError::Failed(e.to_string()))?;
        Ok(())
    }

    /// The salt that a restore brought, if the data was restored: it goes into the keys of nonces and challenges.
    pub async fn restored_salt(&self) -> Result<Option<[u8; 32]>, StoreError> {
        let sql = "SELECT value FROM meta WHERE name = ?1";
        self.row(sql, vec![renew::SALT.into()]).await?.map(|mut row| row.take()).transpose()
    }

    pub(crate) async fn recall(&self, name: &str) -> Result<Option<Vec<u8>>, StoreError> {
        let sql = "SELECT value FROM meta WHERE name = ?1";
        self.row(sql, vec![Value::from(name)]).await?.map(|mut row| row.take()).transpose()
    }
}
