//! Around every request: its id, which its log lines and its answer carry, its trace, and its count.

use std::sync::Arc;

use axum::extract::{MatchedPath, Request, State};
use axum::http::{HeaderMap, HeaderName, HeaderValue};
use axum::middleware::Next;
use axum::response::Response;
use stile_keys::{encoding, random};
use tokio::time::Instant;
use tracing::field::Empty;
use tracing::{Instrument as _, Span};

use crate::app::App;
use crate::context::text;
use crate::traces;

const MAX_REQUEST_ID: usize = 100;

/// The id of a request.
#[derive(Clone)]
pub struct RequestId(pub String);

/// Around everything.
pub async fn layer(State(app): State<Arc<App>>, mut request: Request, next: Next) -> Response {
    let began = now();
    let id = request_id(request.headers());
    let known = app.metrics.operation(request.method(), request.extensions().get::<MatchedPath>());
    // Pages, health checks and mistyped paths are nobody's trace.
    let trace = known.as_deref().map_or_else(Span::none, |operation| traces::begin(&request, operation, &id));
    let lines = tracing::error_span!("request", id, trace_id = Empty);
    if let Some(trace_id) = traces::id(&trace) {
        lines.record("trace_id", trace_id);
    }
    let header = HeaderValue::from_str(&id);
    request.extensions_mut().insert(RequestId(id));
    let mut response = next.run(request).instrument(lines).instrument(trace.clone()).await;
    traces::end(&trace, &response);
    app.metrics.count(known, &response, now() - began);
    if let Ok(id) = header {
        response.headers_mut().insert(HeaderName::from_static("x-request-id"), id);
    }
    response
}

/// The SDK's id for the request, or else that of a proxy, when it is a plain word; else a new one.
fn request_id(headers: &HeaderMap) -> String {
    let plain = |id: &&str| {
        (1..=MAX_REQUEST_ID).contains(&id.len()) && id.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-')
    };
    let sent = |name| text(headers, name).filter(plain);
    let sent = sent("x-dyn-request-id").or_else(|| sent("x-request-id"));
    sent.map_or_else(|| encoding::hex(&random::bytes::<16>()), str::to_owned)
}

#[expect(clippy::disallowed_methods, reason = "a duration is measured on no clock that moves")]
fn now() -> Instant {
    Instant::now()
}
