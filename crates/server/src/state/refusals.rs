//! Refusals in the audit log: one row for each minute, kind, user and method, which counts them. So nobody fills the disk
//! by being refused.
//!
//! While one write is under way, further refusals gather and go with the next one. Under a flood that is one write at a
//! time for each node, however many refusals there are.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use stile_core::{AuditId, Micros};
use stile_keys::Keyring;
use stile_store::{AuditEvent, Mutation, Store, audit};
use tokio::sync::oneshot;

/// Refusals that wait to be written.
#[derive(Default)]
pub(crate) struct Refusals {
    waiting: Mutex<Waiting>,
}

#[derive(Default)]
struct Waiting {
    /// In the order of their ids: nodes that write the same rows at once in another order would lock each other out.
    rows: BTreeMap<AuditId, (AuditEvent, u32)>,
    /// Whether somebody is writing.
    writing: bool,
}

impl Refusals {
    fn waiting(&self) -> MutexGuard<'_, Waiting> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Adds a refusal; answers whether the caller must write what waits.
    fn add(&self, event: AuditEvent) -> bool {
        let mut waiting = self.waiting();
        let actor = event.source.actor.clone();
        let (counted, count) = waiting.rows.entry(event.id).or_insert((event, 0));
        if counted.source.actor != actor {
            counted.source.actor = None;
        }
        *count = count.saturating_add(1);
        !std::mem::replace(&mut waiting.writing, true)
    }

    /// What waits; when that is nothing, nobody is writing any more.
    fn take(&self) -> Vec<(AuditEvent, u32)> {
        let mut waiting = self.waiting();
        waiting.writing = !waiting.rows.is_empty();
        std::mem::take(&mut waiting.rows).into_values().collect()
    }
}

/// Counts a refusal. Returns when it is written, or when somebody else is about to write it.
pub(crate) async fn note(refusals: &Arc<Refusals>, store: &Store, event: AuditEvent) {
    if !refusals.add(event) {
        return;
    }
    // A task of its own: the request may be given up, and others rely on the writing.
    let (refusals, store) = (Arc::clone(refusals), store.clone());
    let (written, wait) = oneshot::channel();
    tokio::spawn(async move {
        write(&refusals, &store).await;
        // Under a flood there is always more to write. This request has waited for its own refusal, and no longer.
        let _gone = written.send(());
        while write(&refusals, &store).await {}
    });
    if wait.await.is_err() {
        tracing::error!("refusals could not be written to the audit log");
    }
}

/// Writes what waits; answers whether there was anything.
async fn write(refusals: &Refusals, store: &Store) -> bool {
    let rows = refusals.take();
    if rows.is_empty() {
        return false;
    }
    let steps = rows.iter().map(|(event, times)| audit::count(event, *times));
    if let Err(error) = store.commit(Mutation::new(steps)).await {
        tracing::error!(%error, "refusals could not be written to the audit log");
    }
    true
}

/// The id of the row that counts such events in the minute of `at`.
pub(crate) fn row_id(keys: &Keyring, event: &AuditEvent, at: Micros) -> AuditId {
    let minute = at.seconds().div_euclid(60);
    let subject = event.subject.as_ref().map_or(&[][..], |user| user.as_bytes());
    let method = event.detail.get("method").and_then(serde_json::Value::as_str).unwrap_or_default();
    let tag = keys.counter.tag(&[
        b"refusals",
        event.environment.as_bytes(),
        event.event.as_str().as_bytes(),
        subject,
        method.as_bytes(),
        &minute.to_be_bytes(),
    ]);
    let mut unique = [0; 10];
    for (to, from) in unique.iter_mut().zip(tag) {
        *to = from;
    }
    AuditId::new(Micros::new(minute.saturating_mul(60_000_000)), unique)
}
