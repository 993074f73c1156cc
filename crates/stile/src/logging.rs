//! Log lines, on standard error. Nothing that is logged holds a secret.

use std::io::{self, IsTerminal};

use tracing_subscriber::EnvFilter;

use crate::args::LogFormat;
use crate::error::Failure;

const VARIABLE: &str = "STILE_LOG";

/// Starts logging, as much as the variable `STILE_LOG` asks for.
pub fn start(format: LogFormat) -> Result<(), Failure> {
    let wanted = std::env::var(VARIABLE).ok().filter(|text| !text.trim().is_empty());
    let filter = EnvFilter::try_new(wanted.as_deref().unwrap_or("info")).map_err(|e| {
        Failure::usage(
            format!("{VARIABLE} cannot be understood: {e}."),
            format!(
                "Write a level, such as {VARIABLE}=debug, or one for a part, such as info,stile_server=debug."
            ),
        )
    })?;
    let lines = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(io::stderr)
        // A line that cannot be written, as on a full disk, is lost. Said on the same stream, this would fail again,
        // and end the thread that it befalls.
        .log_internal_errors(false)
        .with_ansi(io::stderr().is_terminal());
    match format {
        LogFormat::Text => lines.init(),
        LogFormat::Json => lines.json().init(),
    }
    Ok(())
}
