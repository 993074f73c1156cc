//! The HTTP API: one folder per area, one file per operation. Router and OpenAPI document come from the same
//! declarations.

mod admin;
mod codes;
mod compat;
mod consume;
mod mfa;
pub mod openapi;
mod passkeys;
mod session;
pub mod settings;
mod step_up;
mod users;

use std::sync::{Arc, LazyLock};

use utoipa::OpenApi;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::state::app::App;

/// What SDKs call.
pub fn sdk() -> OpenApiRouter<Arc<App>> {
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
        .routes(routes!(users::unlink::handle))
        .routes(routes!(users::sessions::list, users::sessions::end_others))
        .routes(routes!(users::sessions::end))
        .routes(routes!(mfa::methods::handle))
        .routes(routes!(mfa::devices::list))
        .routes(routes!(mfa::devices::one, mfa::devices::update, mfa::remove::handle))
        .routes(routes!(mfa::register_totp::handle))
        .routes(routes!(mfa::auth_totp::handle))
        .routes(routes!(mfa::auth_recovery::handle))
        .routes(routes!(mfa::codes::show, mfa::codes::renew))
        .routes(routes!(step_up::handle))
        .routes(routes!(compat::connect))
        .routes(routes!(compat::prefetch))
        .routes(routes!(compat::events))
        .routes(routes!(compat::sdk_settings))
        .routes(routes!(compat::networks))
        .routes(routes!(compat::healthcheck))
}

/// What an app's own backend calls.
pub fn backend() -> OpenApiRouter<Arc<App>> {
    OpenApiRouter::new().routes(routes!(consume::handle))
}

/// What an operator's backend calls.
pub fn admin() -> OpenApiRouter<Arc<App>> {
    OpenApiRouter::new().routes(routes!(admin::delete_mfa)).routes(routes!(admin::reset_mfa))
}

/// Where they are.
pub const SDK: &str = "/api/v0/sdk/{environmentId}";
/// Where they are.
pub const BACKEND: &str = "/api/v0/environments/{environmentId}";
/// Where they are.
pub const ADMIN: &str = "/api/v0/users";

/// The OpenAPI document of all operations.
pub fn openapi_document() -> &'static utoipa::openapi::OpenApi {
    static DOCUMENT: LazyLock<utoipa::openapi::OpenApi> = LazyLock::new(document);
    &DOCUMENT
}

fn document() -> utoipa::openapi::OpenApi {
    let frame = OpenApiRouter::with_openapi(openapi::Document::openapi());
    openapi::complete(frame.nest(SDK, sdk()).nest(BACKEND, backend()).nest(ADMIN, admin()).into_openapi())
}
