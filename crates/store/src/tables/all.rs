//! Every table: what a restore does with its rows, and how those that have expired are swept. Each sweep deletes a bounded
//! number of rows, so that it holds no writer up. `audit` has a sweep of its own, by environment.

use stile_core::Micros;

use crate::Store;
use crate::error::CommitError;
use crate::mutation::{Mutation, Step};

/// A table, and what becomes of its rows.
pub(crate) struct Table {
    /// Its name.
    #[cfg_attr(not(test), expect(dead_code, reason = "tests compare it with the tables of a database"))]
    pub(crate) name: &'static str,
    /// Deletes all rows after a restore; none where they stay as they were in the backup.
    pub(crate) end: Option<&'static str>,
    /// How its expired rows go; none where rows never expire.
    pub(crate) sweep: Option<Sweep>,
}

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

/// A table that a restore keeps or ends; with its primary key where its rows expire.
macro_rules! table {
    (kept $table:literal) => {
        Table { name: $table, end: None, sweep: None }
    };
    (kept $table:literal, $key:literal) => {
        Table { name: $table, end: None, sweep: Some(sweep!($table, $key)) }
    };
    (ended $table:literal, $key:literal) => {
        Table { name: $table, end: Some(concat!("DELETE FROM ", $table)), sweep: Some(sweep!($table, $key)) }
    };
}

pub(crate) const TABLES: [Table; 25] = [
    // The users' and the operators' own.
    table!(kept "meta"),
    table!(kept "environments"),
    table!(kept "rp_ids"),
    Table {
        name: "signing_keys",
        end: None,
        // There are few of them.
        sweep: Some(Sweep {
            due: "SELECT 1 FROM signing_keys WHERE verifies_until <= ?1 LIMIT 1",
            delete: "DELETE FROM signing_keys WHERE verifies_until <= ?1",
        }),
    },
    table!(kept "users"),
    table!(kept "credentials"),
    table!(kept "passkeys"),
    table!(kept "totp_devices"),
    table!(kept "recovery_codes"),
    table!(kept "api_tokens"),
    table!(kept "audit"),
    // What was used up or counted until then goes on counting.
    table!(kept "ledger", "kind, key"),
    table!(kept "counters", "key"),
    table!(kept "failures"),
    table!(kept "mail_turns", "address, prefix"),
    // An addition that is there again can be undone again, by those whom it concerns.
    table!(kept "additions", "credential"),
    table!(kept "undo_links", "hash"),
    // What works once, or for a short time, may have been used or ended since the backup.
    table!(ended "mfa_tokens", "hash"),
    table!(ended "begun", "id"),
    // Of older versions alone.
    table!(ended "totp_unverified", "session"),
    table!(ended "sessions", "id"),
    table!(ended "verifications", "id"),
    table!(ended "recovery_shown", "owner"),
    table!(ended "outbox", "id"),
    // One that was forgotten since, after a theft perhaps, would be known again.
    table!(ended "known_devices", "owner, key"),
];

impl Store {
    /// Deletes some of what has expired in each table, each table in a commit of its own. Answers whether anything had
    /// expired: call again then, for there may be more.
    pub async fn sweep(&self, now: Micros) -> Result<bool, CommitError> {
        let mut found = false;
        for Sweep { due, delete } in TABLES.into_iter().filter_map(|table| table.sweep) {
            if self.row(due, vec![now.into()]).await?.is_some() {
                found = true;
                self.commit(Mutation::new([Step::any(delete, vec![now.into()])])).await?;
            }
        }
        Ok(found)
    }
}
