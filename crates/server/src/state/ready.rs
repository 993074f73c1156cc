//! Whether this node can do its work, as load balancers ask.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use stile_keys::{encoding, random};
use stile_store::{CommitError, Store};
use tokio::sync::Mutex;
use tokio::time::{Instant, timeout};

use crate::state::clock::instant;

/// How long the database may take.
const PATIENCE: Duration = Duration::from_secs(2);
/// For how long an answer is repeated: however often it is asked for, the database is asked about once a second.
const KEEP: Duration = Duration::from_secs(1);

/// The answer, and what it was given for.
pub struct Readiness {
    stopping: AtomicBool,
    /// Held while the database is asked, so that all who wait get the same answer.
    last: Mutex<Option<(Instant, bool)>>,
    /// This node's own name.
    name: String,
    patience: Duration,
    keep: Duration,
}

impl Default for Readiness {
    fn default() -> Self {
        Self::new(PATIENCE, KEEP)
    }
}

impl Readiness {
    fn new(patience: Duration, keep: Duration) -> Self {
        let name = encoding::hex(&random::bytes::<16>());
        Self { stopping: AtomicBool::new(false), last: Mutex::default(), name, patience, keep }
    }

    /// From now on the answer is no: others should take over before this node ends.
    pub fn stop(&self) {
        self.stopping.store(true, Ordering::SeqCst);
    }

    /// Whether the database takes writes and answers reads, and this node is not about to end.
    pub async fn ask(&self, store: &Store) -> bool {
        self.after(store.probe(&self.name)).await
    }

    /// What a question to the database comes to; it is not put when the last answer still holds.
    async fn after(&self, probe: impl Future<Output = Result<(), CommitError>>) -> bool {
        if self.stopping.load(Ordering::SeqCst) {
            return false;
        }
        let mut last = self.last.lock().await;
        if let Some((until, answer)) = *last
            && instant() < until
        {
            return answer;
        }
        let answer = match timeout(self.patience, probe).await {
            Ok(Ok(())) => true,
            Ok(Err(error)) => {
                tracing::warn!(%error, "not ready: the database does not take a write");
                false
            }
            Err(_) => {
                tracing::warn!("not ready: the database does not answer");
                false
            }
        };
        *last = Some((instant() + self.keep, answer));
        answer && !self.stopping.load(Ordering::SeqCst)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use stile_core::Micros;

    const LONG: Duration = Duration::from_secs(600);

    fn store() -> (tempfile::TempDir, Store) {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::sqlite(&folder.path().join("stile.db"), Micros::new(1)).unwrap();
        (folder, store)
    }

    #[tokio::test]
    async fn a_node_that_is_about_to_end_is_not_ready() {
        let (_folder, store) = store();
        let ready = Readiness::new(LONG, LONG);
        assert!(ready.ask(&store).await);
        ready.stop();
        assert!(!ready.ask(&store).await);
    }

    /// Everything is written and nothing is left: the next question can be answered too.
    #[tokio::test]
    async fn the_question_can_be_asked_again() {
        let (_folder, store) = store();
        let ready = Readiness::new(LONG, Duration::ZERO);
        for _ in 0..3 {
            assert!(ready.ask(&store).await);
        }
    }

    /// An engine that keeps still is no reason to wait: the answer is no, in time, and then kept.
    #[tokio::test]
    async fn the_answer_comes_in_time() {
        let impatient = Readiness::new(Duration::from_millis(1), LONG);
        assert!(!impatient.after(std::future::pending()).await);
        assert!(!impatient.after(async { panic!("asked again") }).await);
    }

    #[tokio::test]
    async fn a_refusal_is_no_and_an_answer_is_kept_for_a_while_only() {
        let ready = Readiness::new(LONG, Duration::ZERO);
        assert!(!ready.after(async { Err(CommitError::Failed("no room".into())) }).await);
        assert!(ready.after(async { Ok(()) }).await, "there is room again");
        let ready = Readiness::new(LONG, LONG);
        assert!(ready.after(async { Ok(()) }).await);
        assert!(ready.after(async { panic!("asked again") }).await);
    }
}
