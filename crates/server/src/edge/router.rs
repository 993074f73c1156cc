//! The whole HTTP surface, put together.

use std::sync::Arc;
use std::time::Duration;

use axum::extract::{DefaultBodyLimit, OriginalUri, State};
use axum::http::StatusCode;
use axum::response::IntoResponse;
use axum::routing::get;
use axum::{Router, middleware};
use tower_http::catch_panic::CatchPanicLayer;
use utoipa_axum::router::OpenApiRouter;

use super::listener::Timeouts;
use super::{assets, dev, http, observe, undo_page, well_known};
use crate::api;
use crate::state::app::App;
use crate::state::error::{ApiError, Code};
use crate::wire::body::MAX_BODY;

/// The whole HTTP surface.
pub fn router(app: Arc<App>) -> Router {
    within(app, Timeouts::default().request)
}

/// The whole HTTP surface; a request takes no longer than this.
pub fn within(app: Arc<App>, deadline: Duration) -> Router {
    let public = public(&app);
    if app.config.development.is_none() {
        return layered(public, app, deadline);
    }
    // The demo's own backend asks the public API as one on another machine would.
    let asked = layered(public.clone(), Arc::clone(&app), deadline);
    layered(public.merge(dev::routes(&app, asked)), app, deadline)
}

/// What is there in production too.
fn public(app: &Arc<App>) -> Router<Arc<App>> {
    operations(app)
        .route("/healthz", get(|| async { StatusCode::NO_CONTENT }))
        .route("/readyz", get(ready))
        .route("/.well-known/webauthn", get(well_known::handle))
        .merge(assets::docs())
        .merge(undo_page::routes(app))
}

/// What stands around every route.
fn layered(router: Router<Arc<App>>, app: Arc<App>, deadline: Duration) -> Router {
    router
        .fallback(|| async { ApiError::from(Code::NotFound) })
        .layer(CatchPanicLayer::custom(|_: Box<dyn std::any::Any + Send>| {
            ApiError::internal("a request panicked").into_response()
        }))
        .layer(middleware::from_fn_with_state(deadline, http::outer_layer))
        .layer(middleware::from_fn_with_state(Arc::clone(&app), observe::layer))
        .with_state(app)
}

/// Parts of the reference API that Stile leaves out, by their first path segment.
const NOT_SUPPORTED: [&str; 9] = [
    "/farcaster",
    "/telegram",
    "/checkTelegramAuth",
    "/businessAccounts",
    "/users/embeddedWallets",
    "/users/mfa/register/passkey",
    "/users/mfa/auth/email",
    "/realtime",
    "/exchanges",
];

/// The router of all operations.
fn operations(app: &Arc<App>) -> Router<Arc<App>> {
    // The path names the environment, or the API token does: one layer makes the `Cx` of all.
    let within_environment = |operations: OpenApiRouter<Arc<App>>| {
        Router::from(operations)
            .fallback(no_route)
            .layer(DefaultBodyLimit::max(MAX_BODY))
            .layer(middleware::from_fn_with_state(Arc::clone(app), http::sdk_layer))
    };
    Router::new()
        .nest(api::SDK, within_environment(api::sdk()))
        .nest(api::BACKEND, within_environment(api::backend()))
        .nest(api::ADMIN, within_environment(api::admin()))
}

async fn no_route(path: OriginalUri) -> ApiError {
    let rest = path.path().splitn(6, '/').nth(5).map(|rest| format!("/{rest}")).unwrap_or_default();
    let left_out = NOT_SUPPORTED.iter().any(|prefix| rest.starts_with(prefix));
    if left_out { Code::NotSupported.into() } else { Code::NotFound.into() }
}

/// Whether this node can do its work: its database takes writes. `healthz` says no more than that the process lives.
async fn ready(State(app): State<Arc<App>>) -> Result<StatusCode, ApiError> {
    if app.readiness.ask(&app.store).await { Ok(StatusCode::NO_CONTENT) } else { Err(Code::NotReady.into()) }
}
