//! Work beside requests: delivering mail, sweeping what has expired.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;

use crate::app::App;

const SWEEP_EVERY: Duration = Duration::from_secs(60);

/// Sweeps until told to stop.
pub async fn sweep(app: Arc<App>, mut stop: watch::Receiver<bool>) {
    loop {
        tokio::select! {
            () = tokio::time::sleep(SWEEP_EVERY) => {}
            _ = stop.wait_for(|stop| *stop) => return,
        }
        app.sweep_limits();
        if let Err(error) = app.store.sweep(app.clock.now()).await {
            tracing::warn!(%error, "a sweep failed");
        }
    }
}
