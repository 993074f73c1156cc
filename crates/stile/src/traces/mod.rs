//! OpenTelemetry traces, for `stile serve`: where they go, and sending them from a thread of their own.
//!
//! ```text
//! wanted   what the standard variables ask for      collector   the HTTP client, and telling when it fails
//! ```

mod collector;
mod wanted;

use std::time::Duration;

use opentelemetry::trace::TracerProvider as _;
use opentelemetry::{Key, KeyValue};
use opentelemetry_otlp::{Protocol, SpanExporter, WithExportConfig as _, WithHttpConfig as _};
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::trace::{BatchSpanProcessor, SdkTracerProvider};
use stile_store::TRACES;
use tracing::level_filters::LevelFilter;
use tracing::subscriber::Interest;
use tracing::{Level, Subscriber};
use tracing_subscriber::Layer;
use tracing_subscriber::filter::dynamic_filter_fn;
use tracing_subscriber::registry::LookupSpan;

use crate::error::{Failure, Problem, sentence};
use wanted::Wanted;

/// For how long the end of the process waits for the last spans to be taken.
const FLUSH: Duration = Duration::from_secs(3);

/// Spans on their way to the collector: at most 2048 wait, further ones are dropped.
pub struct Traces {
    provider: SdkTracerProvider,
}

/// Where traces go, as an operator may read it; nothing when no variable asks for them.
pub fn destination() -> Result<Option<String>, Problem> {
    Ok(wanted::read(|name| std::env::var(name).ok())?.map(|wanted| wanted.shown()))
}

/// Begins to send, when the variables ask for it. What is wrong with them is told by [`destination`].
pub fn start() -> Result<Option<Traces>, Failure> {
    let Ok(Some(wanted)) = wanted::read(|name| std::env::var(name).ok()) else { return Ok(None) };
    let Wanted { endpoint, timeout, sampler, authorities } = wanted;
    let exporter = SpanExporter::builder()
        .with_http()
        .with_http_client(collector::Collector::new(timeout, authorities))
        .with_protocol(Protocol::HttpBinary)
        .with_endpoint(endpoint.as_str())
        .with_timeout(timeout)
        .build()
        .map_err(|e| {
            Failure::new(sentence(&format!("traces cannot be sent: {e}")), "Look at the variables OTEL_….")
        })?;
    let provider = SdkTracerProvider::builder()
        .with_sampler(sampler)
        .with_resource(resource())
        .with_span_processor(BatchSpanProcessor::builder(exporter).build())
        .build();
    Ok(Some(Traces { provider }))
}

/// What the variables say of this service, which is `stile` unless they name it.
fn resource() -> Resource {
    let version = KeyValue::new("service.version", env!("CARGO_PKG_VERSION"));
    let said = Resource::builder().build();
    let name = said.get(&Key::new("service.name")).map(|name| name.to_string()).unwrap_or_default();
    let known = Resource::builder().with_attribute(version);
    if name.starts_with("unknown_service") { known.with_service_name("stile").build() } else { known.build() }
}

impl Traces {
    /// Hears of spans that are for traces, and of nothing else: no event of a log becomes part of one.
    pub fn layer<S: Subscriber + for<'a> LookupSpan<'a>>(&self) -> impl Layer<S> + use<S> {
        // A span of a level below INFO is part of something, and nothing by itself.
        let filter = dynamic_filter_fn(|metadata, context| {
            let ours = metadata.is_span() && metadata.target() == TRACES;
            ours && (*metadata.level() <= Level::INFO || context.lookup_current().is_some())
        });
        let filter = filter.with_max_level_hint(LevelFilter::DEBUG).with_callsite_filter(|metadata| {
            if metadata.target() == TRACES { Interest::sometimes() } else { Interest::never() }
        });
        tracing_opentelemetry::layer()
            .with_tracer(self.provider.tracer("stile"))
            .with_location(false)
            .with_threads(false)
            .with_tracked_inactivity(false)
            .with_level(false)
            .with_target(false)
            .with_context_activation(false)
            .with_filter(filter)
    }

    /// Sends what is left, or gives up after a moment.
    pub fn end(self) {
        if let Err(error) = self.provider.shutdown_with_timeout(FLUSH) {
            tracing::warn!(%error, "the last traces were not delivered");
        }
    }
}
