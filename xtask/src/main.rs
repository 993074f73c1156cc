//! The project's chores, behind `cargo xtask`.
//!
//! `up` and `test` are the two commands of the README: on a machine that has Rust and Node they
//! install, build and start, or check, everything. Both can be repeated, and need no network the
//! second time.

mod args;
mod bench;
mod codegen;
mod docs;
mod faults;
mod node;
mod postgres;
mod process;
#[cfg(test)]
mod rules;
mod server;
mod step;
mod system;
mod test;
mod up;

use anyhow::{Context as _, Result};
use args::Command;
use std::path::Path;
use std::process::ExitCode;

/// The top of the work tree.
fn root() -> &'static Path {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    here.parent().unwrap_or(here)
}

fn main() -> ExitCode {
    match run() {
        Ok(code) => code,
        Err(error) => {
            eprintln!("{error:#}");
            ExitCode::FAILURE
        }
    }
}

fn run() -> Result<ExitCode> {
    let words: Vec<String> = std::env::args().skip(1).collect();
    let command = args::parse(&words)?;
    // Everything below may name files from the top of the work tree.
    std::env::set_current_dir(root()).context("the work tree is gone")?;
    match command {
        Command::Help => {
            print!("{}", args::USAGE);
            Ok(ExitCode::SUCCESS)
        }
        Command::Up { flags } => up::up(&flags),
        Command::Test { areas, list: true, .. } => {
            test::list(&areas);
            Ok(ExitCode::SUCCESS)
        }
        Command::Test { areas, fail_fast, .. } => Ok(test::test(&areas, fail_fast)),
        Command::Bench(asked) => bench::bench(&asked),
        Command::Faults(asked) => faults::faults(&asked),
        Command::Codegen => codegen::codegen(),
        Command::OpenWhenUp { address, url } => {
            up::open_when_up(&address, &url);
            Ok(ExitCode::SUCCESS)
        }
    }
}
