//! What every request shares.

use std::sync::Arc;

use stile_core::EnvironmentId;
use stile_core::settings::Limits;
use stile_keys::Keyring;
use stile_store::Store;
use tokio::sync::Notify;

use crate::state::clock::Clock;
use crate::state::config::Config;
use crate::state::dev_outbox::DevOutbox;
use crate::state::environment::{Cache, Environment};
use crate::state::error::ApiError;
use crate::state::forwarding::Forwarding;
use crate::state::limits::Limiter;
use crate::state::metrics::Metrics;
use crate::state::origins::Refused;
use crate::state::ready::Readiness;
use crate::state::refusal_lines::RefusalLines;
use crate::state::refusals::Refusals;
use crate::state::related_origins::RelatedOrigins;
use crate::state::verified::Verified;

/// The running server.
pub struct App {
    /// Where everything is kept.
    pub store: Store,
    /// Sub-keys of the master key.
    pub keys: Arc<Keyring>,
    /// The time.
    pub clock: Arc<Clock>,
    /// What the process was told at start.
    pub config: Config,
    /// Wakes the mail sender.
    pub mail_waiting: Arc<Notify>,
    /// Mails as development shows them.
    pub dev_outbox: Option<Arc<DevOutbox>>,
    /// Whether this node can do its work.
    pub(crate) readiness: Readiness,
    /// What is counted.
    pub(crate) metrics: Metrics,
    /// For browsers that ask which origins may use a relying-party id.
    pub(crate) related_origins: RelatedOrigins,
    /// Access tokens that were verified.
    pub(crate) verified: Verified,
    /// Refused origins that the log has named.
    pub(crate) refused_origins: Refused,
    /// Which warnings about forwarding headers were given.
    pub(crate) forwarding: Forwarding,
    /// Limits of requests that name no environment.
    pub(crate) nowhere: Limiter,
    /// Which refusals were logged lately.
    pub(crate) refusal_lines: RefusalLines,
    /// What waits to be counted in the audit log.
    pub(crate) refusals: Arc<Refusals>,
    environments: Cache,
}

impl App {
    /// A server over this store.
    pub fn new(
        store: Store,
        keys: Arc<Keyring>,
        clock: Arc<Clock>,
        config: Config,
        dev_outbox: Option<Arc<DevOutbox>>,
    ) -> Self {
        let mail_waiting = Arc::new(Notify::new());
        let (readiness, related_origins) = (Readiness::default(), RelatedOrigins::default());
        let (metrics, environments) = (Metrics::default(), Cache::default());
        Self {
            store,
            keys,
            clock,
            config,
            mail_waiting,
            dev_outbox,
            readiness,
            metrics,
            related_origins,
            verified: Verified::default(),
            refused_origins: Refused::default(),
            forwarding: Forwarding::default(),
            nowhere: Limiter::new(&Limits::default()),
            refusal_lines: RefusalLines::default(),
            refusals: Arc::default(),
            environments,
        }
    }

    /// The environment of that id, at its present version.
    pub async fn environment(&self, id: EnvironmentId) -> Result<Arc<Environment>, ApiError> {
        self.environments.get(&self.store, &self.keys, id, self.clock.now()).await
    }

    /// Forgets what rate limits no longer need.
    pub fn sweep_limits(&self) {
        self.environments.sweep();
        self.nowhere.sweep();
    }
}
