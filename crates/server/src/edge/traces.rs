//! Spans for traces. They are built only where somebody wants [`stile_store::TRACES`], and hold names that are fixed
//! here: no path, address, id of a user, token, or anything else of a client's but the request's id.
//!
//! A span of the level `INFO` begins a trace; one of `DEBUG` belongs into another, and is dropped outside of one.

use axum::extract::{MatchedPath, Request};
use axum::http::HeaderMap;
use axum::response::Response;
use opentelemetry::trace::{SpanContext, SpanId, TraceContextExt as _, TraceFlags, TraceId, TraceState};
use stile_store::TRACES;
use tracing::Span;
use tracing::field::Empty;
use tracing_opentelemetry::OpenTelemetrySpanExt as _;

use crate::guard::act::RequestId;
use crate::state::error::Code;
use crate::wire::headers::text;

/// The span of a request for an operation (OpenTelemetry's conventions for HTTP servers, without `url.path`, which
/// holds ids).
pub(crate) fn begin(request: &Request, operation: &str, id: &RequestId) -> Span {
    let span = tracing::info_span!(
        target: TRACES, "request", otel.name = operation, otel.kind = "server", otel.status_code = Empty,
        http.request.method = request.method().as_str(), http.route = Empty, http.response.status_code = Empty,
        error.type = Empty, stile.request.id = id.own, stile.request.client_id = id.client,
    );
    if span.is_disabled() {
        return span;
    }
    if let Some(route) = request.extensions().get::<MatchedPath>() {
        span.record("http.route", route.as_str());
    }
    // A link and no parent: whoever may name the trace can choose an id that every sampler takes, and add to the traces
    // of others.
    if let Some(caller) = caller(request.headers()) {
        span.add_link(caller);
    }
    span
}

/// Notes what was answered.
pub(crate) fn end(span: &Span, response: &Response) {
    if span.is_disabled() {
        return;
    }
    span.record("http.response.status_code", i64::from(response.status().as_u16()));
    if let Some(code) = response.extensions().get::<Code>() {
        span.record("error.type", code.as_str());
    }
    if response.status().is_server_error() {
        span.record("otel.status_code", "error");
    }
}

/// The trace's id, for log lines, when the trace is kept.
pub(crate) fn id(span: &Span) -> Option<String> {
    if span.is_disabled() {
        return None;
    }
    let context = span.context();
    let context = context.span().span_context().clone();
    context.is_sampled().then(|| context.trace_id().to_string())
}

/// The span of the client's that a request belongs to (W3C Trace Context §3.2, version 00).
fn caller(headers: &HeaderMap) -> Option<SpanContext> {
    let mut parts = text(headers, "traceparent")?.split('-');
    let mut part = |length| {
        let is_hex = |c: u8| c.is_ascii_digit() || (b'a'..=b'f').contains(&c);
        parts.next().filter(|part| part.len() == length && part.bytes().all(is_hex))
    };
    let (version, trace, span, flags) = (part(2)?, part(32)?, part(16)?, part(2)?);
    if version != "00" || parts.next().is_some() {
        return None;
    }
    let (trace, span) = (TraceId::from_hex(trace).ok()?, SpanId::from_hex(span).ok()?);
    let flags = TraceFlags::new(u8::from_str_radix(flags, 16).ok()?) & TraceFlags::SAMPLED;
    Some(SpanContext::new(trace, span, flags, true, TraceState::default())).filter(SpanContext::is_valid)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_whole_traceparent_names_a_caller() {
        let read = |text: &str| {
            let mut headers = HeaderMap::new();
            headers.insert("traceparent", text.parse().unwrap());
            caller(&headers)
        };
        let (trace, span) = ("0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331");
        let context = read(&format!("00-{trace}-{span}-01")).unwrap();
        assert_eq!(
            (context.trace_id().to_string(), context.span_id().to_string()),
            (trace.into(), span.into())
        );
        for bad in [
            String::new(),
            "00".into(),
            format!("00-{trace}-{span}"),
            format!("01-{trace}-{span}-01"),
            format!("00-{trace}-{span}-01-x"),
            format!("00-{}-{span}-01", trace.to_uppercase()),
            format!("00-{}-{span}-01", "0".repeat(32)),
            format!("00-{trace}-{}-01", "0".repeat(16)),
            format!("00-{trace}x-{span}-01"),
        ] {
            assert!(read(&bad).is_none(), "{bad}");
        }
        assert!(caller(&HeaderMap::new()).is_none());
    }
}
