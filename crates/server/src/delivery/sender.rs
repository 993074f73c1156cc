//! The sender: takes due messages from the outbox, one attempt at a time, until they are delivered,
//! refused for good, or expired.
//!
//! **At least once.** An attempt is claimed by one conditional write, so that two nodes never send one
//! message at the same time. But between the server's "250" and the erasure of the row lies a moment: a
//! process that dies in it, or a database that fails for long, makes a message go out again (with the
//! same Message-ID). Losing a code is worse than getting it twice.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use stile_core::{Micros, OutboxId};
use stile_keys::{Keyring, random};
use stile_store::{CommitError, Mail, MailSlot, Mutation, Store, outbox};
use tokio::sync::{Notify, watch};
use tokio::task::{self, JoinSet};
use tokio::time::{sleep, timeout};
use tracing::Instrument as _;

use super::letter::{Letter, OpenError};
use super::render::render;
use super::traces;
use super::transport::{Outgoing, SendError, Transport};
use crate::state::clock::Clock;
use crate::state::dev_outbox::{DevMail, DevOutbox};

/// Most messages that are on their way at once.
const CONCURRENCY: usize = 16;
/// Most messages to one recipient that are on their way at once: a mailbox that hangs leaves room for others.
const CONCURRENCY_TO_ONE: usize = 2;
/// How often the outbox is looked at when nobody wakes the sender: retries, and mail of other nodes.
const POLL: Duration = Duration::from_secs(5);
/// An attempt ends after this time, whatever the server does.
const DEADLINE: Duration = Duration::from_secs(20);
/// How long a claim keeps other nodes away, in seconds: longer than an attempt and its bookkeeping.
const LEASE: i64 = 30;
/// The pause after the first, second, third failure, and after every further one, in milliseconds.
const BACKOFF: [u32; 4] = [5_000, 30_000, 120_000, 600_000];
/// A delivered row is erased in this many tries, this far apart.
const ERASE_TRIES: u32 = 3;
const ERASE_PAUSE: Duration = Duration::from_millis(500);

/// What the sender works with.
pub struct Sender {
    /// Where messages wait.
    pub store: Store,
    /// Opens them.
    pub keyring: Arc<Keyring>,
    /// Says what is due.
    pub clock: Arc<Clock>,
    /// How they leave.
    pub transport: Transport,
    /// Shows delivered messages to developers; `None` in production.
    pub dev_outbox: Option<Arc<DevOutbox>>,
}

/// Why an attempt failed.
#[derive(Debug, thiserror::Error)]
enum AttemptError {
    #[error(transparent)]
    Open(#[from] OpenError),
    #[error(transparent)]
    Send(#[from] SendError),
    #[error("the attempt took too long")]
    Deadline,
}

impl AttemptError {
    const fn is_permanent(&self) -> bool {
        match self {
            Self::Open(error) => !error.is_temporary(),
            Self::Send(error) => error.is_permanent(),
            Self::Deadline => false,
        }
    }

    /// A word for it.
    const fn kind(&self) -> &'static str {
        match self {
            Self::Open(_) => "unreadable",
            Self::Send(error) => error.kind(),
            Self::Deadline => "timeout",
        }
    }
}

/// Sends until `stop` says true (or its other end is gone), then finishes what is on its way: that takes
/// 20 s at most, and a moment.
///
/// Call `notify_one` on `wake` after a mutation that queued a message was committed (`notify_waiters`
/// would be lost on a sender that is busy). Without it, messages leave within 5 s.
pub async fn run(sender: Sender, wake: Arc<Notify>, mut stop: watch::Receiver<bool>) {
    let sender = Arc::new(sender);
    let mut sending = Sending::default();
    while !*stop.borrow_and_update() {
        sender.start_due(&mut sending).await;
        tokio::select! {
            changed = stop.changed() => if changed.is_err() { break },
            Some(ended) = sending.tasks.join_next_with_id() => sending.ended(ended),
            () = wake.notified() => {}
            () = sleep(POLL) => if sending.tasks.is_empty() { sender.transport.rest().await },
        }
    }
    sender.finish(&mut sending).await;
    sender.transport.rest().await;
}

/// The attempts that are under way, and their messages.
#[derive(Default)]
struct Sending {
    tasks: JoinSet<()>,
    mails: HashMap<task::Id, (OutboxId, Option<[u8; 32]>)>,
}

impl Sending {
    /// Whether the message is on its way, or as many to its recipient are as may be.
    fn holds_back(&self, mail: &Mail) -> bool {
        let to_same = |to: &Option<[u8; 32]>| to.is_some() && *to == mail.recipient;
        self.mails.values().any(|(id, _)| *id == mail.id)
            || self.mails.values().filter(|(_, to)| to_same(to)).count() >= CONCURRENCY_TO_ONE
    }

    fn ended(&mut self, ended: Result<(task::Id, ()), task::JoinError>) {
        let id = match ended {
            Ok((id, ())) => id,
            Err(error) => {
                // Not the panic's own text, which could quote anything.
                tracing::error!(panicked = error.is_panic(), "an attempt broke off");
                error.id()
            }
        };
        self.mails.remove(&id);
    }
}

impl Sender {
    /// Starts an attempt for as many due messages as there is room for. Each claims its own message, so that the claims
    /// of all share a flush.
    async fn start_due(self: &Arc<Self>, sending: &mut Sending) {
        if sending.tasks.len() >= CONCURRENCY {
            return;
        }
        let due = match self.store.due_mail(self.clock.now()).await {
            Ok(due) => due,
            Err(error) => return tracing::error!(%error, "the outbox cannot be read"),
        };
        for slot in due {
            if sending.tasks.len() >= CONCURRENCY {
                break;
            }
            if sending.holds_back(&slot.mail) {
                continue;
            }
            let (sender, mail) = (Arc::clone(self), (slot.mail.id, slot.mail.recipient));
            let span = traces::delivery(slot.mail.template.as_str());
            let task = sending.tasks.spawn(async move { sender.attempt(slot).await }.instrument(span));
            sending.mails.insert(task.id(), mail);
        }
    }

    async fn finish(&self, sending: &mut Sending) {
        while let Some(ended) = sending.tasks.join_next_with_id().await {
            sending.ended(ended);
        }
    }

    async fn attempt(&self, mut slot: MailSlot) {
        match self.claim(&slot, self.clock.now().plus_seconds(LEASE)).await {
            Ok(()) => slot.attempts += 1,
            // Another node was faster.
            Err(CommitError::Missed(_)) => return,
            Err(error) => return tracing::error!(%error, "no attempt could be claimed"),
        }
        let id = slot.mail.id;
        let template = slot.mail.template.as_str();
        let result = timeout(DEADLINE, self.deliver(&slot.mail)).await;
        let result = result.unwrap_or(Err(AttemptError::Deadline));
        traces::delivered(result.as_ref().err().map(AttemptError::kind));
        match result {
            Ok(()) => {
                tracing::debug!(%id, template, "mail delivered");
                self.erase(&slot.mail).await;
            }
            Err(error) if error.is_permanent() => {
                tracing::error!(%id, template, %error, "mail dropped");
                self.erase(&slot.mail).await;
            }
            Err(error) => {
                tracing::warn!(%id, template, %error, "mail not delivered, to be tried again");
                self.put_back(&slot).await;
            }
        }
    }

    async fn deliver(&self, mail: &Mail) -> Result<(), AttemptError> {
        let letter = Letter::open(&self.keyring, mail)?;
        let rendered = render(&letter);
        let outgoing = Outgoing {
            id: mail.id,
            created_at: mail.created_at,
            to: &letter.to,
            app: &letter.app,
            rendered: &rendered,
        };
        self.transport.send(&outgoing).instrument(traces::sending()).await?;
        if let Some(dev_outbox) = &self.dev_outbox {
            dev_outbox.push(DevMail {
                id: mail.id.to_string(),
                to: letter.to.clone(),
                subject: rendered.subject.clone(),
                text: rendered.text.clone(),
                html: rendered.html.clone(),
                code: rendered.code.clone(),
                at: Timestamp::from_microsecond(self.clock.now().get()).unwrap_or_default().to_string(),
            });
        }
        Ok(())
    }

    /// Ends the claim before its time, so that the pause is that of the backoff.
    async fn put_back(&self, slot: &MailSlot) {
        let now = self.clock.now();
        let next_at = now.get().saturating_add(pause_millis(slot.attempts - 1).saturating_mul(1_000));
        let step = outbox::put_back(slot, Micros::new(next_at));
        if let Err(error) = self.store.commit(Mutation::new([step])).await {
            // Nothing is lost: the message is due again when the claim ends.
            tracing::warn!(id = %slot.mail.id, %error, "mail not put back");
        }
    }

    async fn claim(&self, slot: &MailSlot, next_at: Micros) -> Result<(), CommitError> {
        self.store.commit(Mutation::new([outbox::claim(slot, next_at)])).await
    }

    async fn erase(&self, mail: &Mail) {
        for _ in 1..ERASE_TRIES {
            if self.store.commit(Mutation::new([outbox::delete(mail.id)])).await.is_ok() {
                return;
            }
            sleep(ERASE_PAUSE).await;
        }
        if let Err(error) = self.store.commit(Mutation::new([outbox::delete(mail.id)])).await {
            tracing::error!(id = %mail.id, %error, "mail not erased: it may be sent twice");
        }
    }
}

/// The pause after so many failures before this one, spread by a fifth in both directions: after an
/// outage, messages should not all come back at once.
fn pause_millis(earlier_failures: i64) -> i64 {
    let index = usize::try_from(earlier_failures).unwrap_or(0).min(BACKOFF.len() - 1);
    let pause = BACKOFF.get(index).copied().unwrap_or(600_000);
    i64::from(pause - pause / 5 + random::uniform(pause / 5 * 2 + 1))
}

#[cfg(test)]
impl Sender {
    /// One round: every message that is due and has room is tried, and the attempts are waited for.
    pub(super) async fn round(self: &Arc<Self>) {
        let mut sending = Sending::default();
        self.start_due(&mut sending).await;
        self.finish(&mut sending).await;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_grow_and_spread() {
        for (failures, seconds) in [(0, 5), (1, 30), (2, 120), (3, 600), (4, 600), (i64::MAX, 600), (-1, 5)] {
            let pauses: Vec<_> = (0..200).map(|_| pause_millis(failures)).collect();
            assert!(pauses.iter().all(|pause| (seconds * 800..=seconds * 1_200).contains(pause)));
            assert!(pauses.iter().any(|pause| *pause != seconds * 1_000));
        }
    }
}
