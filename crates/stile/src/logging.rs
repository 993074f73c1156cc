//! Log lines, on standard error. Nothing that is logged holds a secret.

use std::io::{self, IsTerminal};

use tracing::{Dispatch, Subscriber};
use tracing_subscriber::filter::ParseError;
use tracing_subscriber::layer::SubscriberExt as _;
use tracing_subscriber::registry::LookupSpan;
use tracing_subscriber::util::SubscriberInitExt as _;
use tracing_subscriber::{EnvFilter, Layer, fmt, registry};

use crate::args::LogFormat;
use crate::error::Failure;
use crate::traces::Traces;

const VARIABLE: &str = "STILE_LOG";
/// Spans for traces say nothing to whoever reads lines, and the client that delivers them would print its headers, which
/// can hold a key.
const NEVER: &str = "stile_traces=off,ureq=off,ureq_proto=off";

/// Starts logging, as much as the variable `STILE_LOG` asks for, and tracing.
pub fn start(format: LogFormat, traces: Option<&Traces>) -> Result<(), Failure> {
    let wanted = std::env::var(VARIABLE).ok().filter(|text| !text.trim().is_empty());
    let heard = heard(format, wanted.as_deref().unwrap_or("info"), traces).map_err(|e| {
        Failure::usage(
            format!("{VARIABLE} cannot be understood: {e}."),
            format!(
                "Write a level, such as {VARIABLE}=debug, or one for a part, such as info,stile_server=debug."
            ),
        )
    })?;
    heard.init();
    Ok(())
}

/// Those who hear what the program says.
fn heard(format: LogFormat, wanted: &str, traces: Option<&Traces>) -> Result<Dispatch, ParseError> {
    let filter = EnvFilter::try_new(format!("{wanted},{NEVER}"))?;
    Ok(match traces {
        // With no layer but one and a filter around it, what is not wanted costs a look at a number.
        None => registry().with(filter).with(lines(format)).into(),
        Some(traces) => registry().with(lines(format).with_filter(filter)).with(traces.layer()).into(),
    })
}

fn lines<S: Subscriber + for<'a> LookupSpan<'a>>(format: LogFormat) -> Box<dyn Layer<S> + Send + Sync> {
    let lines = fmt::layer()
        .with_writer(io::stderr)
        // A line that cannot be written, as on a full disk, is lost. Said on the same stream, this would fail again,
        // and end the thread that it befalls.
        .log_internal_errors(false)
        .with_ansi(io::stderr().is_terminal());
    match format {
        LogFormat::Text => lines.boxed(),
        LogFormat::Json => lines.json().boxed(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use stile_store::TRACES;
    use tracing::level_filters::LevelFilter;

    #[test]
    fn nobody_hears_of_spans_that_no_collector_wants() {
        for wanted in ["info", "trace", "info,stile_traces=trace", "warn,"] {
            let heard = heard(LogFormat::Json, wanted, None).ok().unwrap();
            tracing::dispatcher::with_default(&heard, || {
                assert!(
                    wanted != "info" || LevelFilter::current() == LevelFilter::INFO,
                    "one look is enough"
                );
                assert!(tracing::info_span!(target: TRACES, "request").is_disabled(), "{wanted}");
                assert!(!tracing::error_span!("request").is_disabled(), "{wanted}");
            });
        }
        assert!(heard(LogFormat::Text, "info,=x=", None).is_err());
    }
}
