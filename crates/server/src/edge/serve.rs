//! Serving: the listener, the jobs, and how they end.

use std::sync::Arc;
use std::time::Duration;

use tokio::net::TcpListener;
use tokio::sync::watch;

use super::listener::{self, Timeouts};
use super::{jobs, router};
use crate::delivery;
use crate::state::app::App;

/// How to serve.
#[derive(Clone, Copy)]
pub struct Serving {
    /// What clients may take.
    pub timeouts: Timeouts,
    /// How long requests are still taken after `readyz` has begun to say no.
    pub drain: Duration,
    /// How many connections there may be at once; those beyond are answered 503.
    pub connections: usize,
}

impl Default for Serving {
    fn default() -> Self {
        Self { timeouts: Timeouts::default(), drain: Duration::ZERO, connections: 10_000 }
    }
}

/// Serves until `stop` turns true: then it is no longer ready, takes no more connections after a while, and finishes
/// what is under way.
pub async fn serve(
    app: Arc<App>,
    listener: TcpListener,
    transport: delivery::Transport,
    serving: Serving,
    stop: watch::Receiver<bool>,
) -> std::io::Result<()> {
    let sender = delivery::Sender {
        store: app.store.clone(),
        keyring: Arc::clone(&app.keys),
        clock: Arc::clone(&app.clock),
        transport,
        dev_outbox: app.dev_outbox.clone(),
    };
    let mail = tokio::spawn(delivery::run(sender, Arc::clone(&app.mail_waiting), stop.clone()));
    let sweep = tokio::spawn(jobs::sweep(Arc::clone(&app), stop.clone()));
    let Serving { timeouts, drain, connections } = serving;
    let places = listener::Places::new(connections);
    let router = router::within(Arc::clone(&app), timeouts.request);
    let service = listener::watched(router).into_make_service_with_connect_info::<listener::Peer>();
    let mut stopped = stop;
    let served = axum::serve(listener::Listener { inner: listener, timeouts, places }, service)
        .with_graceful_shutdown(async move {
            let _closed = stopped.wait_for(|stop| *stop).await.map(drop);
            app.readiness.stop();
            tokio::time::sleep(drain).await;
        })
        .await;
    for job in [mail, sweep] {
        if let Err(error) = job.await {
            tracing::error!(%error, "a job ended badly");
        }
    }
    served
}
