//! Static files in the binary: the API viewer, and the demo that the front-end build made.

use std::sync::Arc;

use axum::Router;
use axum::extract::Path;
use axum::http::{HeaderValue, header};
use axum::response::{IntoResponse, Redirect, Response};
use axum::routing::get;
use rust_embed::{EmbeddedFile, RustEmbed};

use crate::app::App;
use crate::error::{ApiError, Code};

#[derive(RustEmbed)]
#[folder = "assets/docs"]
struct Docs;

/// Empty when the binary was built without the front-end build.
#[derive(RustEmbed)]
#[folder = "../../packages/demo/dist"]
#[allow_missing = true]
struct Demo;

/// Pages load from this server alone, and nobody may frame them.
const PAGE_POLICY: &str = "default-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; \
    base-uri 'none'; form-action 'self'; frame-ancestors 'none'";

/// `/docs/api`: the viewer of the OpenAPI document.
pub fn docs() -> Router<Arc<App>> {
    Router::new().route("/docs/api", get(|| async { page(Docs::get("index.html"), "index.html") })).route(
        "/docs/api/{file}",
        get(|Path(file): Path<String>| async move { page(Docs::get(&file), &file) }),
    )
}

/// `/demo`: the example app.
pub fn demo() -> Router<Arc<App>> {
    Router::new()
        .route("/demo", get(|| async { Redirect::permanent("/demo/") }))
        .route("/demo/", get(|| async { page(Demo::get("index.html"), "index.html") }))
        .route("/demo/{*file}", get(|Path(file): Path<String>| async move { page(Demo::get(&file), &file) }))
}

fn page(file: Option<EmbeddedFile>, name: &str) -> Response {
    let Some(file) = file else {
        let text = "This file is not in the binary. The demo is built by `cargo xtask up`.";
        return ApiError::with(Code::NotFound, text).into_response();
    };
    let kind = HeaderValue::from_str(file.metadata.mimetype());
    let mut response = file.data.into_response();
    let headers = response.headers_mut();
    if let Ok(kind) = kind {
        headers.insert(header::CONTENT_TYPE, kind);
    }
    headers.insert(header::CONTENT_SECURITY_POLICY, HeaderValue::from_static(PAGE_POLICY));
    // The front-end build names files by their content; pages themselves are asked for every time.
    let cache = if name.starts_with("assets/") { "public, max-age=31536000, immutable" } else { "no-cache" };
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static(cache));
    response
}
