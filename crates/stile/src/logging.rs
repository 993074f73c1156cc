//! Log lines, on standard error. Nothing that is logged holds a secret.

use std::io::{self, IsTerminal};

use tracing_subscriber::layer::SubscriberExt as _;
use tracing_subscriber::util::SubscriberInitExt as _;
use tracing_subscriber::{EnvFilter, Layer as _, fmt, registry};

use crate::args::LogFormat;
use crate::error::Failure;
use crate::traces::Traces;

const VARIABLE: &str = "STILE_LOG";
/// Spans for traces say nothing to whoever reads lines, and the client that delivers them would print its headers, which
/// can hold a key.
const NEVER: &str = "stile_traces=off,ureq=warn,ureq_proto=warn";

/// Starts logging, as much as the variable `STILE_LOG` asks for, and tracing.
pub fn start(format: LogFormat, traces: Option<&Traces>) -> Result<(), Failure> {
    let wanted = std::env::var(VARIABLE).ok().filter(|text| !text.trim().is_empty());
    let wanted = wanted.as_deref().unwrap_or("info");
    let filter = EnvFilter::try_new(format!("{wanted},{NEVER}")).map_err(|e| {
        Failure::usage(
            format!("{VARIABLE} cannot be understood: {e}."),
            format!(
                "Write a level, such as {VARIABLE}=debug, or one for a part, such as info,stile_server=debug."
            ),
        )
    })?;
    let lines = fmt::layer()
        .with_writer(io::stderr)
        // A line that cannot be written, as on a full disk, is lost. Said on the same stream, this would fail again,
        // and end the thread that it befalls.
        .log_internal_errors(false)
        .with_ansi(io::stderr().is_terminal());
    let lines = match format {
        LogFormat::Text => lines.boxed(),
        LogFormat::Json => lines.json().boxed(),
    };
    registry().with(lines.with_filter(filter)).with(traces.map(Traces::layer)).init();
    Ok(())
}
