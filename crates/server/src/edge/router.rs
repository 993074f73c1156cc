//! The whole HTTP surface, put together.

use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::extract::{DefaultBodyLimit, State};
use axum::http::{StatusCode, Uri};
use axum::middleware::from_fn_with_state;
use axum::response::IntoResponse;
use axum::routing::get;
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
        .layer(from_fn_with_state(deadline, http::outer_layer))
        .layer(from_fn_with_state(Arc::clone(&app), observe::layer))
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

/// The router of all operations: a nest for each surface, in the layer that finds the environment.
fn operations(app: &Arc<App>) -> Router<Arc<App>> {
    let surface = |operations: OpenApiRouter<Arc<App>>, left_out: &'static [&'static str]| {
        Router::from(operations)
            .fallback(async move |path: Uri| no_route(&path, left_out))
            .layer(DefaultBodyLimit::max(MAX_BODY))
    };
    let by_path = || from_fn_with_state(Arc::clone(app), http::named_by_path);
    let by_api_token = from_fn_with_state(Arc::clone(app), http::named_by_api_token);
    Router::new()
        .nest(api::SDK, surface(api::sdk(), &NOT_SUPPORTED).layer(by_path()))
        .nest(api::BACKEND, surface(api::backend(), &[]).layer(by_path()))
        .nest(api::ADMIN, surface(api::admin(), &[]).layer(by_api_token))
}

/// `path` is what follows that of the surface: the nest has cut the rest off.
fn no_route(path: &Uri, left_out: &[&str]) -> ApiError {
    let is_left_out = left_out.iter().any(|prefix| path.path().starts_with(prefix));
    if is_left_out { Code::NotSupported.into() } else { Code::NotFound.into() }
}

/// Whether this node can do its work: its database takes writes. `healthz` says no more than that the process lives.
async fn ready(State(app): State<Arc<App>>) -> Result<StatusCode, ApiError> {
    if app.readiness.ask(&app.store).await { Ok(StatusCode::NO_CONTENT) } else { Err(Code::NotReady.into()) }
}
