//! `cargo xtask codegen`: the server's own description of its API, and the types made from it.

use crate::step::{self, PREPARE, Step};
use crate::{node, process, server};
use anyhow::{Context as _, Result, bail};
use std::fs;
use std::process::{ExitCode, Stdio};

/// The server's description of its API, kept with the sources.
const DOCUMENT: &str = "openapi.json";

const STEPS: [Step; 4] = [
    Step { area: PREPARE, name: "install the packages", needs: &[], work: node::install },
    Step { area: PREPARE, name: "build the server", needs: &[], work: server::build },
    Step { area: PREPARE, name: "write openapi.json", needs: &[], work: document },
    Step { area: PREPARE, name: "write packages/api", needs: &[], work: types },
];

/// Writes `openapi.json`, then the generated sources of `packages/api`.
pub(crate) fn codegen() -> Result<ExitCode> {
    step::prepare(&STEPS.iter().collect::<Vec<_>>())?;
    Ok(ExitCode::SUCCESS)
}

fn document() -> Result<String> {
    let text = openapi()?;
    fs::write(DOCUMENT, &text)?;
    Ok(format!("{} kB", text.len() / 1000))
}

/// Fails when the server describes itself otherwise than the file that is kept.
pub(crate) fn is_current() -> Result<String> {
    if fs::read(DOCUMENT).context(DOCUMENT)? != openapi()? {
        bail!("the API has changed: run `cargo xtask codegen`, and look at what it changes");
    }
    Ok(String::new())
}

fn openapi() -> Result<Vec<u8>> {
    let output =
        server::stile(&["openapi"])?.stdin(Stdio::null()).output().context("cannot start the server")?;
    if !output.status.success() {
        bail!("`stile openapi` failed\n{}", String::from_utf8_lossy(&output.stderr));
    }
    Ok(output.stdout)
}

fn types() -> Result<String> {
    process::run(&mut process::node(&["packages/api/codegen.mjs"]))?;
    Ok(String::new())
}
