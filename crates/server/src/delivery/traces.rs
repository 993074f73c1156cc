//! Spans for traces of deliveries. They hold no recipient and nothing of a mail's text.

use stile_store::TRACES;
use tracing::Span;
use tracing::field::Empty;

/// The span of an attempt to deliver a mail. It has no parent: the request that queued the mail may have
/// gone to another node.
pub(super) fn delivery(template: &str) -> Span {
    tracing::info_span!(
        target: TRACES, "deliverMail", stile.mail.template = template, error.type = Empty, otel.status_code = Empty
    )
}

/// Notes why the attempt of the current span failed, if it did.
pub(super) fn delivered(error: Option<&'static str>) {
    if let Some(error) = error {
        Span::current().record("error.type", error).record("otel.status_code", "error");
    }
}

/// The span of what the mail server takes.
pub(super) fn sending() -> Span {
    tracing::debug_span!(target: TRACES, "sendMail", otel.kind = "client")
}
