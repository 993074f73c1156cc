//! Development surfaces: outbox, clock, demo. They exist under `stile dev` alone.
//!
//! They answer localhost host names only (a page elsewhere cannot rebind its name to reach them), same-origin requests
//! only, and need a printed token when the listener is not loopback.

mod clock;
mod outbox;
mod vault;

use std::sync::Arc;

use axum::extract::{Request, State};
use axum::http::{HeaderMap, header};
use axum::middleware::{self, Next};
use axum::response::{IntoResponse, Redirect, Response};
use axum::routing::{get, post};
use axum::{Extension, Json, Router};
use serde::{Deserialize, Serialize};
use stile_core::EnvironmentId;

use crate::edge::assets;
use crate::state::app::App;
use crate::state::error::{ApiError, Code};
use crate::wire::headers::text;

/// The environment that the demo opens with: step-up enforced, second factors optional.
pub const DEMO_ENVIRONMENT: EnvironmentId = demo_environment(1);
/// Action-based MFA with legacy MFA tokens, at API version `2026_01_01`.
pub const DEMO_ACTIONS: EnvironmentId = demo_environment(2);
/// Account-level MFA, to be enrolled at sign-up.
pub const DEMO_ACCOUNT: EnvironmentId = demo_environment(3);

/// `5711e000-0000-4000-8000-00000000000N`.
const fn demo_environment(n: u8) -> EnvironmentId {
    EnvironmentId::from_bytes([0x57, 0x11, 0xe0, 0, 0, 0, 0x40, 0, 0x80, 0, 0, 0, 0, 0, 0, n])
}

/// All development surfaces behind their guard. `public` is the API that the demo's backend asks.
pub fn routes(app: &Arc<App>, public: Router) -> Router<Arc<App>> {
    Router::new()
        .route("/", get(|| async { Redirect::temporary("/demo/") }))
        .route("/dev/outbox", get(outbox::handle))
        .route("/dev/clock", get(clock::read).post(clock::advance))
        .route("/demo/api/vault/open", post(vault::open).layer(Extension(vault::Public(public))))
        .merge(assets::demo())
        .layer(middleware::from_fn_with_state(Arc::clone(app), guard))
}

const COOKIE: &str = "stile_dev";

async fn guard(State(app): State<Arc<App>>, request: Request, next: Next) -> Response {
    let headers = request.headers();
    if !is_localhost(text(headers, header::HOST.as_str()).unwrap_or_default()) {
        return ApiError::with(Code::OriginNotAllowed, "Development pages answer under localhost alone.")
            .into_response();
    }
    if !same_origin(headers) {
        return ApiError::from(Code::OriginNotAllowed).into_response();
    }
    let wanted = app.config.development.as_ref().and_then(|dev| dev.access_token.as_deref());
    let Some(wanted) = wanted else { return next.run(request).await };
    let from_query =
        request.uri().query().and_then(|query| query.strip_prefix("devToken=")).map(str::to_owned);
    let from_cookie = text(headers, header::COOKIE.as_str())
        .and_then(|all| all.split(';').find_map(|c| c.trim().strip_prefix("stile_dev=").map(str::to_owned)));
    let sent = from_query.as_ref().or(from_cookie.as_ref());
    // Compared as keyed hashes, so that the time it takes tells nothing.
    let tag = app.keys.api_token.tag(&[b"dev", wanted.as_bytes()]);
    if !sent.is_some_and(|sent| app.keys.api_token.verify(&[b"dev", sent.as_bytes()], &tag)) {
        return ApiError::with(Code::Unauthorized, "Open this page with the link that `stile dev` printed.")
            .into_response();
    }
    let mut response = next.run(request).await;
    if let Some(token) = from_query
        && let Ok(cookie) = format!("{COOKIE}={token}; Path=/; HttpOnly; SameSite=Strict").parse()
    {
        response.headers_mut().insert(header::SET_COOKIE, cookie);
    }
    response
}

fn is_localhost(host: &str) -> bool {
    let name = match host.rsplit_once(':') {
        Some((name, port)) if port.bytes().all(|b| b.is_ascii_digit()) => name,
        _ => host,
    };
    matches!(name, "localhost" | "127.0.0.1" | "[::1]")
}

/// A request of this server's own pages, or of no page at all.
fn same_origin(headers: &HeaderMap) -> bool {
    let site = text(headers, "sec-fetch-site").is_none_or(|site| matches!(site, "same-origin" | "none"));
    let origin = text(headers, header::ORIGIN.as_str());
    let host = text(headers, header::HOST.as_str()).unwrap_or_default();
    // A plain navigation from elsewhere is harmless; what reads data or changes something sends an origin.
    site && origin.is_none_or(|origin| origin.strip_prefix("http://") == Some(host))
}

/// The time as the server sees it.
#[derive(Serialize)]
struct Now {
    now: String,
}

/// How far to move the clock.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Advance {
    advance_seconds: i64,
}

type Answer<T> = Result<Json<T>, ApiError>;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_localhost_names_pass() {
        for host in ["localhost", "localhost:7845", "127.0.0.1:7845", "[::1]:7845", "[::1]"] {
            assert!(is_localhost(host), "{host}");
        }
        for host in [
            "",
            "evil.example",
            "localhost.evil.example:7845",
            "localhost:1.evil.example",
            "evil.example:80",
            "0.0.0.0:7845",
        ] {
            assert!(!is_localhost(host), "{host}");
        }
    }
}
