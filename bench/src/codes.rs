//! The codes that were mailed, read out of the outbox: the bench knows the master key.
//!
//! The mails themselves go into a black hole (see `sink`), so that they stay in the outbox and this
//! measures signing in, not a mail server. A row is there before its request is answered.

use std::collections::{HashMap, HashSet};

use anyhow::{Context as _, Result};
use stile_core::{Micros, OutboxId};
use stile_keys::Keyring;
use stile_server::delivery::{Content, Letter};
use tokio::sync::Mutex;

use crate::beside::Beside;

/// How many mails are remembered as read, before that is forgotten and a few are read twice.
const REMEMBERED: usize = 10_000;

/// Codes by address, each with the id of its mail. Who looks takes in those of all others too.
#[derive(Default)]
pub(crate) struct Codes(Mutex<Found>);

#[derive(Default)]
struct Found {
    read: HashSet<OutboxId>,
    codes: HashMap<String, (OutboxId, String)>,
}

impl Codes {
    /// The code that went to this address since then.
    pub(crate) async fn take(
        &self,
        beside: &Beside,
        keyring: &Keyring,
        address: &str,
        since: Micros,
    ) -> Result<String> {
        let since = OutboxId::new(since, [0; 10]);
        let mut found = self.0.lock().await;
        if let Some(code) = found.take(address, since) {
            return Ok(code);
        }
        if found.read.len() > REMEMBERED {
            found.read.clear();
        }
        for mail in beside.mails(since).await? {
            if !found.read.insert(mail.id) {
                continue;
            }
            let letter = Letter::open(keyring, &mail)?;
            if let Content::Code { code, .. } = &letter.content {
                found.codes.insert(letter.to.clone(), (mail.id, code.clone()));
            }
        }
        found.take(address, since).context("no mail with a code was queued")
    }
}

impl Found {
    fn take(&mut self, address: &str, since: OutboxId) -> Option<String> {
        // An older one was of an earlier request.
        self.codes.remove(address).filter(|(id, _)| *id >= since).map(|(_, code)| code)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_code_of_an_earlier_request_is_none() {
        let mut found = Found::default();
        let id = |millis: i64| OutboxId::new(Micros::new(millis * 1_000), [0; 10]);
        found.codes.insert("ann".into(), (id(5), "123456".into()));
        assert_eq!(found.take("ann", id(6)), None);
        found.codes.insert("ann".into(), (id(5), "123456".into()));
        assert_eq!(found.take("ann", id(5)), Some("123456".into()));
        assert_eq!(found.take("ann", id(5)), None);
    }
}
