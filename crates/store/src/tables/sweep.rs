//! Sweeping: what has expired is deleted, a bounded number of rows at a time, so that no sweep holds writers up.

use stile_core::Micros;

use crate::Store;
use crate::error::CommitError;
use crate::mutation::{Mutation, Step};

pub(crate) const SWEEPS: [&str; 6] = [
    "DELETE FROM ledger WHERE (kind, key) IN (SELECT kind, key FROM ledger WHERE expires_at <= ?1 LIMIT 500)",
    "DELETE FROM counters WHERE key IN (SELECT key FROM counters WHERE expires_at <= ?1 LIMIT 500)",
    "DELETE FROM verifications WHERE id IN (SELECT id FROM verifications WHERE expires_at <= ?1 LIMIT 500)",
    "DELETE FROM sessions WHERE id IN (SELECT id FROM sessions WHERE expires_at <= ?1 LIMIT 500)",
    "DELETE FROM outbox WHERE id IN (SELECT id FROM outbox WHERE expires_at <= ?1 LIMIT 500)",
    "DELETE FROM signing_keys WHERE verifies_until <= ?1",
];

impl Store {
    /// Deletes what has expired, some of it; call again later for the rest.
    pub async fn sweep(&self, now: Micros) -> Result<(), CommitError> {
        self.commit(Mutation::new(SWEEPS.map(|sql| Step::any(sql, vec![now.into()])))).await
    }
}
