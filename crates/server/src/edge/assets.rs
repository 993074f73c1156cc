//! Static files in the binary: the API viewer, the OpenAPI document, and the demo that the front-end build made.

use std::borrow::Cow;
use std::sync::Arc;

use axum::Router;
use axum::extract::Path;
use axum::http::{HeaderMap, HeaderValue, header};
use axum::response::{IntoResponse, Redirect, Response};
use axum::routing::get;
use rust_embed::RustEmbed;

use crate::state::app::App;
use crate::state::error::{ApiError, Code};

/// What `build.rs` compressed: the API viewer under `docs/`, and `openapi.json`, which a test compares with what the
/// operations declare.
static BUILT: &[(&str, &[u8])] = include!(concat!(env!("OUT_DIR"), "/packed.rs"));

fn built(name: &str) -> Option<Cow<'static, [u8]>> {
    BUILT.iter().find(|(known, _)| *known == name).map(|(_, content)| Cow::Borrowed(*content))
}

/// Empty when the binary was built without the front-end build.
#[derive(RustEmbed)]
#[folder = "../../packages/demo/dist"]
#[allow_missing = true]
struct Demo;

fn demo_file(name: &str) -> Option<Cow<'static, [u8]>> {
    Demo::get(name).map(|file| file.data)
}

/// Pages load from this server alone, and nobody may frame them.
const PAGE_POLICY: &str = "default-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; \
    base-uri 'none'; form-action 'self'; frame-ancestors 'none'";

/// `/openapi.json`, and its viewer under `/docs/api`.
pub fn docs() -> Router<Arc<App>> {
    Router::new()
        .route(
            "/openapi.json",
            get(|headers: HeaderMap| async move { packed(built, "openapi.json", &headers) }),
        )
        .route(
            "/docs/api",
            get(|headers: HeaderMap| async move { packed(built, "docs/index.html", &headers) }),
        )
        .route(
            "/docs/api/{file}",
            get(|Path(file): Path<String>, headers: HeaderMap| async move {
                packed(built, &format!("docs/{file}"), &headers)
            }),
        )
}

/// `/demo`: the example app.
pub fn demo() -> Router<Arc<App>> {
    Router::new()
        .route("/demo", get(|| async { Redirect::permanent("/demo/") }))
        .route("/demo/", get(|headers: HeaderMap| async move { packed(demo_file, "index.html", &headers) }))
        .route(
            "/demo/{*file}",
            get(
                |Path(file): Path<String>, headers: HeaderMap| async move { packed(demo_file, &file, &headers) },
            ),
        )
}

/// The content codings that both builds write beside their files, and how their names end. The one that
/// makes files smaller comes first.
const CODINGS: [(&str, &str); 2] = [("br", "br"), ("gzip", "gz")];

/// A file, compressed where the build made that and the client takes it.
fn packed(find: fn(&str) -> Option<Cow<'static, [u8]>>, name: &str, headers: &HeaderMap) -> Response {
    let mut response = page(find(name), name);
    if !response.status().is_success() {
        return response;
    }
    response.headers_mut().append(header::VARY, HeaderValue::from_static("accept-encoding"));
    let smaller = CODINGS
        .into_iter()
        .filter(|(coding, _)| takes(headers, coding))
        .find_map(|(coding, ending)| Some((coding, find(&format!("{name}.{ending}"))?)));
    if let Some((coding, file)) = smaller {
        *response.body_mut() = file.into();
        response.headers_mut().insert(header::CONTENT_ENCODING, HeaderValue::from_static(coding));
    }
    response
}

/// Whether a request takes a content coding: it names it, or `*`, with a weight above zero (RFC 9110 §12.5.3).
fn takes(headers: &HeaderMap, coding: &str) -> bool {
    let lines = headers.get_all(header::ACCEPT_ENCODING).iter().filter_map(|line| line.to_str().ok());
    let mut takes_any = false;
    for item in lines.flat_map(|line| line.split(',')) {
        let (name, weight) = item.split_once(';').unwrap_or((item, ""));
        let name = name.trim();
        let is_taken = !is_zero(weight);
        if name.eq_ignore_ascii_case(coding) {
            return is_taken;
        }
        if name == "*" {
            takes_any = is_taken;
        }
    }
    takes_any
}

/// `q=0`, with up to three further zeros.
fn is_zero(weight: &str) -> bool {
    let value = weight.trim().to_ascii_lowercase();
    value.strip_prefix("q=").and_then(|number| number.parse::<f32>().ok()).is_some_and(|weight| weight <= 0.0)
}

fn page(file: Option<Cow<'static, [u8]>>, name: &str) -> Response {
    let Some(file) = file else {
        let text = "This file is not in the binary. The demo is built by `cargo xtask up`.";
        return ApiError::with(Code::NotFound, text).into_response();
    };
    let kind = mime_guess::from_path(name).first_or_octet_stream();
    let mut response = file.into_response();
    let headers = response.headers_mut();
    if let Ok(kind) = HeaderValue::from_str(kind.as_ref()) {
        headers.insert(header::CONTENT_TYPE, kind);
    }
    headers.insert(header::CONTENT_SECURITY_POLICY, HeaderValue::from_static(PAGE_POLICY));
    // The front-end build names files by their content; pages themselves are asked for every time.
    let cache = if name.starts_with("assets/") { "public, max-age=31536000, immutable" } else { "no-cache" };
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static(cache));
    response
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_coding_is_taken_when_it_is_named_with_a_weight_above_zero() {
        for (sent, brotli, gzip) in [
            ("gzip, deflate, br, zstd", true, true),
            ("gzip", false, true),
            ("BR;q=0.5,GZIP ; q=1.0", true, true),
            ("br;q=0, gzip;q=0.000", false, false),
            ("*", true, true),
            ("*;q=0, gzip", false, true),
            ("br;q=0, *", false, true),
            ("identity", false, false),
            ("brotli, x-br", false, false),
            ("", false, false),
            (";;,,q=1", false, false),
        ] {
            let headers = HeaderMap::from_iter([(header::ACCEPT_ENCODING, sent.parse().unwrap())]);
            assert_eq!((takes(&headers, "br"), takes(&headers, "gzip")), (brotli, gzip), "{sent}");
        }
        assert!(!takes(&HeaderMap::new(), "br"));
    }
}
