//! Work beside requests: delivering mail, sweeping what has expired.

use std::sync::Arc;
use std::time::Duration;

use stile_core::Settings;
use stile_store::CommitError;
use tokio::sync::watch;
use tokio::time::timeout;

use crate::state::app::App;

const SWEEP_EVERY: Duration = Duration::from_secs(60);

/// How long one sweep may delete what has expired, and how long old audit events.
const BUDGET: Duration = Duration::from_secs(25);

/// Deletes what has expired and what the audit log keeps no longer, batch by batch, so that others write in between.
/// What does not fit into its time is left for the next sweep.
pub async fn sweep_once(app: &App) {
    within("what has expired", expired(app)).await;
    within("old audit events", old_events(app)).await;
}

async fn within(what: &str, sweep: impl Future<Output = Result<(), CommitError>>) {
    match timeout(BUDGET, sweep).await {
        Ok(Ok(())) => {}
        Ok(Err(error)) => tracing::warn!(%error, what, "a sweep failed"),
        Err(_) => tracing::warn!(what, "a sweep did not end in its time and goes on with the next one"),
    }
}

async fn expired(app: &App) -> Result<(), CommitError> {
    let now = app.clock.now();
    while app.store.sweep(now).await? {}
    Ok(())
}

/// Events of an environment that was deleted stay as long as the default says.
async fn old_events(app: &App) -> Result<(), CommitError> {
    let mut last = None;
    while let Some(id) = app.store.next_audited(last).await? {
        last = Some(id);
        let settings = match app.store.environment(id).await? {
            Some(row) => row.settings(),
            None => Ok(Settings::default()),
        };
        // Whoever cannot read how long they stay deletes nothing.
        let Ok(Settings { audit, .. }) = settings else { continue };
        let before = app.clock.now().plus_seconds(-86_400 * i64::from(audit.retention_days));
        while app.store.sweep_audit(id, before).await? {}
    }
    Ok(())
}

/// Sweeps until told to stop.
pub async fn sweep(app: Arc<App>, mut stop: watch::Receiver<bool>) {
    let sweeps = async {
        loop {
            tokio::time::sleep(SWEEP_EVERY).await;
            app.sweep_limits();
            sweep_once(&app).await;
        }
    };
    tokio::select! {
        () = sweeps => {}
        _ = stop.wait_for(|stop| *stop) => {}
    }
}
