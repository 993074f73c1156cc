//! The server binary.

use crate::process;
use anyhow::{Context as _, Result};
use std::path::PathBuf;
use std::process::Command;

/// Builds `stile`.
///
/// `--workspace --examples` is there for its side effect: cargo then unites the features of all
/// crates and of their dev-dependencies, as `cargo test --workspace` does, and both share every
/// compiled crate. `cargo build -p stile` would compile a tenth of the tree a second time.
pub(crate) fn build() -> Result<String> {
    process::run(&mut process::cargo(&["build", "--workspace", "--bin", "stile", "--examples"]))?;
    Ok(String::new())
}

/// Where the binary is: beside this one, in whatever target folder cargo uses.
pub(crate) fn path() -> Result<PathBuf> {
    let here = std::env::current_exe().context("where is xtask?")?;
    let folder = here.parent().context("xtask lies in no folder")?;
    Ok(folder.join(format!("stile{}", std::env::consts::EXE_SUFFIX)))
}

/// The binary with these arguments.
pub(crate) fn stile(args: &[&str]) -> Result<Command> {
    let mut command = Command::new(path()?);
    command.args(args);
    Ok(command)
}
