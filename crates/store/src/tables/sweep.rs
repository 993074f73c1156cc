//! Sweeping: what has expired is deleted, a bounded number of rows at a time, so that no sweep holds writers up.

use stile_core::Micros;

use crate::Store;
use crate::error::CommitError;
use crate::mutation::{Mutation, Step};

/// How the expired rows of a table are found and deleted.
pub(crate) struct Sweep {
    /// Finds one that has expired.
    pub(crate) due: &'static str,
    /// Deletes some that have expired.
    pub(crate) delete: &'static str,
}

/// The time is asked for twice: on an engine with parallel writers, the outer condition is judged again when a row
/// had to be waited for, the list of the inner one is not, and a counter may have begun a new window meanwhile.
macro_rules! sweep {
    ($table:literal, $key:literal) => {
        Sweep {
            due: concat!("SELECT 1 FROM ", $table, " WHERE expires_at <= ?1 LIMIT 1"),
            delete: concat!(
                "DELETE FROM ",
                $table,
                " WHERE expires_at <= ?1 AND (",
                $key,
                ") IN (SELECT ",
                $key,
                " FROM ",
                $table,
                " WHERE expires_at <= ?1 LIMIT 500)"
            ),
        }
    };
}

pub(crate) const SWEEPS: [Sweep; 13] = [
    sweep!("ledger", "kind, key"),
    sweep!("counters", "key"),
    sweep!("verifications", "id"),
    sweep!("sessions", "id"),
    sweep!("outbox", "id"),
    sweep!("totp_unverified", "session"),
    sweep!("recovery_shown", "owner"),
    sweep!("mfa_tokens", "hash"),
    sweep!("known_devices", "owner, key"),
    sweep!("mail_turns", "address, prefix"),
    sweep!("additions", "credential"),
    sweep!("undo_links", "hash"),
    // There are few of them.
    Sweep {
        due: "SELECT 1 FROM signing_keys WHERE verifies_until <= ?1 LIMIT 1",
        delete: "DELETE FROM signing_keys WHERE verifies_until <= ?1",
    },
];

impl Store {
    /// Deletes some of what has expired in each table, each table in a commit of its own. Answers whether anything had
    /// expired: call again then, for there may be more.
    pub async fn sweep(&self, now: Micros) -> Result<bool, CommitError> {
        let mut found = false;
        for Sweep { due, delete } in SWEEPS {
            if self.row(due, vec![now.into()]).await?.is_some() {
                found = true;
                self.commit(Mutation::new([Step::any(delete, vec![now.into()])])).await?;
            }
        }
        Ok(found)
    }
}
