//! The HTTP API: one folder per area, one file per operation. Router and OpenAPI document come from the same
//! declarations.

mod codes;
mod compat;
mod consume;
pub mod models;
mod passkeys;
mod session;
pub mod settings;
mod step_up;
mod users;

use std::sync::Arc;

use axum::Router;
use axum::extract::DefaultBodyLimit;
use axum::middleware;
use utoipa::OpenApi;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::app::App;
use crate::error::{ApiError, Code};
use crate::http::{MAX_BODY, sdk_layer};
use crate::openapi;

/// Parts of the reference API that Stile leaves out, by their first path segment.
const NOT_SUPPORTED: [&str; 7] = [
    "/farcaster",
    "/telegram",
    "/checkTelegramAuth",
    "/businessAccounts",
    "/users/embeddedWallets",
    "/realtime",
    "/exchanges",
];

fn sdk() -> OpenApiRouter<Arc<App>> {
    OpenApiRouter::new()
        .routes(routes!(settings::handle))
        .routes(routes!(session::nonces::one))
        .routes(routes!(session::nonces::many))
        .routes(routes!(session::jwks::plain))
        .routes(routes!(session::jwks::json))
        .routes(routes!(session::probe::handle))
        .routes(routes!(session::refresh::handle))
        .routes(routes!(session::revoke::handle))
        .routes(routes!(codes::create::handle))
        .routes(routes!(codes::retry::handle))
        .routes(routes!(codes::signin::handle))
        .routes(routes!(codes::verify::handle))
        .routes(routes!(passkeys::register::options, passkeys::register::handle))
        .routes(routes!(passkeys::list::handle, passkeys::rename::handle, passkeys::delete::handle))
        .routes(routes!(passkeys::authenticate::options))
        .routes(routes!(passkeys::authenticate::handle))
        .routes(routes!(passkeys::signin::options, passkeys::signin::handle))
        .routes(routes!(users::get::handle, users::update::handle, users::delete::handle))
        .routes(routes!(users::check::handle))
        .routes(routes!(users::mfa_methods::handle))
        .routes(routes!(step_up::handle))
        .routes(routes!(compat::connect))
        .routes(routes!(compat::prefetch))
        .routes(routes!(compat::events))
        .routes(routes!(compat::sdk_settings))
        .routes(routes!(compat::networks))
        .routes(routes!(compat::healthcheck))
}

fn backend() -> OpenApiRouter<Arc<App>> {
    OpenApiRouter::new().routes(routes!(consume::handle))
}

const SDK: &str = "/api/v0/sdk/{environmentId}";
const BACKEND: &str = "/api/v0/environments/{environmentId}";

/// The OpenAPI document of all operations.
pub fn document() -> utoipa::openapi::OpenApi {
    let frame = OpenApiRouter::with_openapi(openapi::Document::openapi());
    openapi::complete(frame.nest(SDK, sdk()).nest(BACKEND, backend()).into_openapi())
}

/// The router of all operations.
pub fn api(app: &Arc<App>) -> Router<Arc<App>> {
    // Both trees name an environment in their path: one layer makes the `Cx` of both.
    let layered = |operations: OpenApiRouter<Arc<App>>| {
        Router::from(operations)
            .fallback(no_route)
            .layer(DefaultBodyLimit::max(MAX_BODY))
            .layer(middleware::from_fn_with_state(Arc::clone(app), sdk_layer))
    };
    Router::new().nest(SDK, layered(sdk())).nest(BACKEND, layered(backend()))
}

async fn no_route(path: axum::extract::OriginalUri) -> ApiError {
    let rest = path.path().splitn(6, '/').nth(5).map(|rest| format!("/{rest}")).unwrap_or_default();
    let left_out = NOT_SUPPORTED.iter().any(|prefix| rest.starts_with(prefix));
    if left_out { Code::NotSupported.into() } else { Code::NotFound.into() }
}
