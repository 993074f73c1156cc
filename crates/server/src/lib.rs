//! The server: HTTP API, gate, flows, mail and development surfaces.
//!
//! `router` makes the whole HTTP surface over an `App`; `serve` runs it with its jobs until told to stop.

mod access;
mod admission;
mod api;
mod app;
mod assets;
pub mod clock;
mod config;
mod context;
pub mod delivery;
mod dev;
mod environment;
mod error;
pub mod flows;
mod forwarding;
pub mod gate;
mod http;
mod jobs;
mod limits;
mod listener;
mod metrics;
mod observe;
mod openapi;
mod origins;
mod ready;
mod refusal_lines;
mod refusals;
mod related_origins;
mod tokens;
mod traces;
mod undo_page;
mod verified;

use std::sync::{Arc, LazyLock};
use std::time::Duration;

use axum::http::StatusCode;
use axum::response::IntoResponse;
use axum::routing::get;
use axum::{Router, middleware};
use tokio::net::TcpListener;
use tokio::sync::watch;
use tower_http::catch_panic::CatchPanicLayer;

pub use app::App;
pub use config::{Config, Development};
pub use dev::{DEMO_ACCOUNT, DEMO_ACTIONS, DEMO_ENVIRONMENT};
pub use error::Code;
pub use jobs::sweep_once;
pub use listener::Timeouts;
pub use metrics::listen as serve_metrics;
pub use openapi::{ACCESS, access};

/// The whole HTTP surface.
pub fn router(app: Arc<App>) -> Router {
    within(app, Timeouts::default().request)
}

/// The whole HTTP surface; a request takes no longer than this.
fn within(app: Arc<App>, deadline: Duration) -> Router {
    let mut router = api::api(&app)
        .route("/healthz", get(|| async { StatusCode::NO_CONTENT }))
        .route("/readyz", get(ready))
        .route("/.well-known/webauthn", get(related_origins::handle))
        .merge(assets::docs())
        .merge(undo_page::routes(&app));
    if app.config.development.is_some() {
        router = router.merge(dev::routes(&app));
    }
    router
        .fallback(|| async { error::ApiError::from(Code::NotFound) })
        .layer(CatchPanicLayer::custom(|_: Box<dyn std::any::Any + Send>| {
            error::ApiError::internal("a request panicked").into_response()
        }))
        .layer(middleware::from_fn_with_state(deadline, http::outer_layer))
        .layer(middleware::from_fn_with_state(Arc::clone(&app), observe::layer))
        .with_state(app)
}

/// The OpenAPI document.
pub fn openapi_document() -> &'static utoipa::openapi::OpenApi {
    static DOCUMENT: LazyLock<utoipa::openapi::OpenApi> = LazyLock::new(api::document);
    &DOCUMENT
}

/// Whether this node can do its work: its database takes writes. `healthz` says no more than that the process lives.
async fn ready(
    axum::extract::State(app): axum::extract::State<Arc<App>>,
) -> Result<StatusCode, error::ApiError> {
    if app.readiness.ask(&app.store).await { Ok(StatusCode::NO_CONTENT) } else { Err(Code::NotReady.into()) }
}

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
    let router = within(Arc::clone(&app), timeouts.request);
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
