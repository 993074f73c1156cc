//! Mails that went out, as a page and as JSON.

use std::sync::Arc;

use axum::Json;
use axum::extract::{Query, State};
use axum::http::{HeaderMap, HeaderValue, header};
use axum::response::{Html, IntoResponse, Response};
use serde::Deserialize;
use stile_keys::{encoding, random};

use crate::delivery::dev_page;
use crate::state::app::App;
use crate::wire::headers::text;

/// Whose mails.
#[derive(Deserialize)]
pub(super) struct Filter {
    to: Option<String>,
}

/// A page for browsers, JSON for everybody else and for `?to=`.
pub(super) async fn handle(
    State(app): State<Arc<App>>,
    headers: HeaderMap,
    Query(filter): Query<Filter>,
) -> Response {
    let wants_page = filter.to.is_none()
        && text(&headers, header::ACCEPT.as_str()).is_some_and(|accept| accept.contains("text/html"));
    if !wants_page {
        let mails =
            app.dev_outbox.as_ref().map(|outbox| outbox.list(filter.to.as_deref())).unwrap_or_default();
        return Json(mails).into_response();
    }
    let nonce = encoding::base64url(&random::bytes::<16>());
    let mut response = Html(dev_page::page(&nonce)).into_response();
    let policy = format!(
        "default-src 'none'; script-src 'nonce-{nonce}'; style-src 'nonce-{nonce}'; connect-src 'self'; \
         base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    );
    if let Ok(policy) = HeaderValue::from_str(&policy) {
        response.headers_mut().insert(header::CONTENT_SECURITY_POLICY, policy);
    }
    response
}
