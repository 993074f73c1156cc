//! Work beside requests: delivering mail, sweeping what has expired.

use std::sync::Arc;
use std::time::Duration;

use stile_core::Settings;
use tokio::sync::watch;

use crate::app::App;

const SWEEP_EVERY: Duration = Duration::from_secs(60);

/// At most so many batches of old audit events for each environment and sweep.
const AUDIT_BATCHES: u32 = 100;

/// Deletes what is older than the settings keep it, in batches with room for other writers between them.
pub async fn sweep_audit(app: &App) -> Result<(), String> {
    for row in app.store.environments().await.map_err(|e| e.to_string())? {
        let Ok(settings) = serde_json::from_str::<Settings>(&row.settings) else { continue };
        let days = i64::from(settings.audit.retention_days);
        let before = app.clock.now().plus_seconds(-86_400 * days);
        let mut batches = AUDIT_BATCHES;
        while batches > 0 && app.store.sweep_audit(row.id, before).await.map_err(|e| e.to_string())? {
            batches -= 1;
        }
    }
    Ok(())
}

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
        if let Err(error) = sweep_audit(&app).await {
            tracing::warn!(%error, "the audit log was not swept");
        }
    }
}
