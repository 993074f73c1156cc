//! `/metrics`, on a listener of its own.

use std::sync::Arc;

use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use axum::{Router, serve};
use tokio::net::TcpListener;
use tokio::sync::watch;

use crate::state::app::App;
use crate::state::metrics::{MICROS, head, one, spread};

/// Answers `GET /metrics` on a listener of its own until `stop` turns true.
pub async fn listen(
    app: Arc<App>,
    listener: TcpListener,
    mut stop: watch::Receiver<bool>,
) -> std::io::Result<()> {
    let router = Router::new().route("/metrics", get(page)).with_state(app);
    serve(listener, router)
        .with_graceful_shutdown(async move {
            let _closed = stop.wait_for(|stop| *stop).await.map(drop);
        })
        .await
}

async fn page(State(app): State<Arc<App>>) -> Response {
    let mut text = app.metrics.text();
    let load = app.store.load();
    one(&mut text, "stile_store_waiting", "gauge", "Mutations that wait to be written", load.waiting);
    let (name, help) = ("stile_store_commit_mutations", "Mutations in each commit");
    head(&mut text, name, "histogram", help);
    spread(&mut text, name, "", (load.mutations.ends, 1.0), &load.mutations.counts, load.mutations.sum);
    let (name, help) = ("stile_store_commit_seconds", "Time that each commit took");
    head(&mut text, name, "histogram", help);
    spread(&mut text, name, "", (load.micros.ends, MICROS), &load.micros.counts, load.micros.sum);
    match app.store.mail_count().await {
        Ok(count) => {
            one(&mut text, "stile_outbox_messages", "gauge", "Mails that are not delivered yet", count)
        }
        // The rest is worth knowing just then.
        Err(error) => tracing::warn!(%error, "the outbox could not be counted"),
    }
    let kind = [(header::CONTENT_TYPE, "text/plain; version=0.0.4")];
    (StatusCode::OK, kind, text).into_response()
}
