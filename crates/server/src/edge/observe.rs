//! Around every request: its id, which its log lines and its answer carry, its trace, and its count.

use std::sync::Arc;

use axum::extract::{MatchedPath, Request, State};
use axum::http::{HeaderMap, HeaderName, HeaderValue};
use axum::middleware::Next;
use axum::response::Response;
use stile_keys::{encoding, random};
use tracing::field::Empty;
use tracing::{Instrument as _, Span};

use crate::edge::operations::operation;
use crate::edge::traces;
use crate::guard::act::RequestId;
use crate::state::app::App;
use crate::state::clock::instant;
use crate::wire::headers::text;

const MAX_REQUEST_ID: usize = 100;

/// Around everything.
pub async fn layer(State(app): State<Arc<App>>, mut request: Request, next: Next) -> Response {
    let began = instant();
    let id = RequestId {
        own: encoding::hex(&random::bytes::<16>()),
        client: client_request_id(request.headers()),
    };
    let known = operation(request.method(), request.extensions().get::<MatchedPath>());
    // Pages, health checks and mistyped paths are not traced.
    let trace = known.as_deref().map_or_else(Span::none, |operation| traces::begin(&request, operation, &id));
    let lines = tracing::error_span!("request", id = id.own, client_id = id.client, trace_id = Empty);
    if let Some(trace_id) = traces::id(&trace) {
        lines.record("trace_id", trace_id);
    }
    let header = HeaderValue::from_str(&id.own);
    request.extensions_mut().insert(id);
    let mut response = next.run(request).instrument(lines.clone()).instrument(trace.clone()).await;
    traces::end(&trace, &response);
    lines.in_scope(|| app.refusal_lines.tell(known.as_deref(), &response, instant()));
    app.metrics.count(known, &response, instant() - began);
    if let Ok(id) = header {
        response.headers_mut().insert(HeaderName::from_static("x-request-id"), id);
    }
    response
}

/// The SDK's id for the request, or else that of a proxy, when it is a plain word.
fn client_request_id(headers: &HeaderMap) -> Option<String> {
    let plain = |id: &&str| {
        (1..=MAX_REQUEST_ID).contains(&id.len()) && id.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-')
    };
    let sent = |name| text(headers, name).filter(plain);
    sent("x-dyn-request-id").or_else(|| sent("x-request-id")).map(str::to_owned)
}
