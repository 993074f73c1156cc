//! What SDKs are told about an environment: rendered once per version, answered as stored bytes.

use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};

use crate::guard::context::Cx;
use crate::state::environment::Rendered;
use crate::state::public_settings::ProjectSettings;
use crate::wire::headers::text;

/// Get the public settings
///
/// Stored bytes with an entity tag; `sdkVersion` in the query is accepted and changes nothing.
#[utoipa::path(
    get, path = "/settings", operation_id = "getSettings", tag = "Settings",
    params(("sdkVersion" = Option<String>, Query, description = "Ignored")),
    responses((status = 200, body = ProjectSettings), (status = 304)),
    extensions(("x-stile-access" = json!("public")))
)]
pub async fn handle(cx: Cx, headers: HeaderMap) -> Response {
    stored(&cx.env.public, "public, no-cache", &headers)
}

/// Stored bytes, or 304 when the client has them (RFC 9110 §13.1.2).
pub fn stored(rendered: &Rendered, cache: &'static str, headers: &HeaderMap) -> Response {
    let known = text(headers, header::IF_NONE_MATCH.as_str())
        .is_some_and(|tags| tags.split(',').any(|tag| tag.trim().trim_start_matches("W/") == rendered.etag));
    let mut response = if known {
        StatusCode::NOT_MODIFIED.into_response()
    } else {
        ([(header::CONTENT_TYPE, "application/json")], rendered.body.clone()).into_response()
    };
    response.headers_mut().insert(header::CACHE_CONTROL, HeaderValue::from_static(cache));
    if let Ok(etag) = HeaderValue::from_str(&rendered.etag) {
        response.headers_mut().insert(header::ETAG, etag);
    }
    response
}
