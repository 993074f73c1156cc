//! Sweeping: what has expired is deleted, a bounded number of rows at a time, so that no sweep holds writers up.

use stile_core::Micros;

use crate::Store;
use crate::error::CommitError;
use crate::mutation::{Mutation, Step};

/// The time is asked for twice: on an engine with parallel writers, the outer condition is judged again when a row
/// had to be waited for, the list of the inner one is not, and a counter may have begun a new window meanwhile.
pub(crate) const SWEEPS: [&str; 11] = [
    "DELETE FROM ledger WHERE expires_at <= ?1 AND (kind, key) IN (SELECT kind, key FROM ledger WHERE expires_at <= ?1 LIMIT 500)",
    "DELETE FROM counters WHERE expires_at <= ?1 AND key IN (SELECT key FROM counters WHERE expires_at <= ?1 LIMIT 500)",
    "DELETE FROM verifications WHERE expires_at <= ?1 AND id IN (SELECT id FROM verifications WHERE expires_at <= ?1 LIMIT 500)",
    "DELETE FROM sessions WHERE expires_at <= ?1 AND id IN (SELECT id FROM sessions WHERE expires_at <= ?1 LIMIT 500)",
    "DELETE FROM outbox WHERE expires_at <= ?1 AND id IN (SELECT id FROM outbox WHERE expires_at <= ?1 LIMIT 500)",
    "DELETE FROM totp_unverified WHERE expires_at <= ?1 AND session IN (SELECT session FROM totp_unverified WHERE expires_at <= ?1 LIMIT 500)",
    "DELETE FROM recovery_shown WHERE expires_at <= ?1 AND owner IN (SELECT owner FROM recovery_shown WHERE expires_at <= ?1 LIMIT 500)",
    "DELETE FROM mfa_tokens WHERE expires_at <= ?1 AND hash IN (SELECT hash FROM mfa_tokens WHERE expires_at <= ?1 LIMIT 500)",
    "DELETE FROM additions WHERE expires_at <= ?1 AND credential IN (SELECT credential FROM additions WHERE expires_at <= ?1 LIMIT 500)",
    "DELETE FROM undo_links WHERE expires_at <= ?1 AND hash IN (SELECT hash FROM undo_links WHERE expires_at <= ?1 LIMIT 500)",
    "DELETE FROM signing_keys WHERE verifies_until <= ?1",
];

impl Store {
    /// Deletes what has expired, some of it; call again later for the rest.
    pub async fn sweep(&self, now: Micros) -> Result<(), CommitError> {
        self.commit(Mutation::new(SWEEPS.map(|sql| Step::any(sql, vec![now.into()])))).await
    }
}
