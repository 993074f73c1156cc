//! `stile openapi`: the description of the HTTP API.

use crate::error::Failure;
use crate::output;

/// Prints the document: indented JSON, in the same order every time, with or without `--json`.
pub fn run() -> Result<(), Failure> {
    let document = serde_json::to_string_pretty(stile_server::openapi_document())
        .map_err(|e| Failure::new(format!("The document cannot be written as JSON: {e}."), ""))?;
    output::raw(&format!("{document}\n"))
}
