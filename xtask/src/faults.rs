//! `cargo xtask faults`: the server killed, cut off and out of room under load.

use crate::{process, server, system};
use anyhow::{Context as _, Result};
use std::process::{Command, ExitCode};

/// What was asked for.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Faults {
    /// How many kills, as `stile-faults` takes it.
    pub(crate) rounds: Option<String>,
    /// Only this run.
    pub(crate) only: Option<String>,
}

/// Builds the server and the faults, and runs them.
pub(crate) fn faults(asked: &Faults) -> Result<ExitCode> {
    build()?;
    let mut command = command()?;
    for (name, value) in [("--rounds", &asked.rounds), ("--only", &asked.only)] {
        command.args(value.iter().flat_map(|value| [name, value]));
    }
    println!("       {}\n", process::line(&command));
    let status = command.status().context("cannot start the faults")?;
    Ok(if status.success() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// A few rounds of each, as a step of the test.
pub(crate) fn some() -> Result<String> {
    build()?;
    let output = process::run(command()?.args(["--rounds", "6"]))?;
    let runs = output.lines().filter(|line| line.contains(" | ")).count().saturating_sub(1);
    Ok(format!("{runs} runs, nothing lost, nothing used twice"))
}

/// With the features that the tests use, so that nothing is compiled twice.
fn build() -> Result<()> {
    server::build()?;
    process::run(&mut process::cargo(&["build", "--workspace", "--bin", "stile-faults", "--examples"]))?;
    Ok(())
}

fn command() -> Result<Command> {
    let stile = server::path()?;
    let mut command =
        Command::new(stile.with_file_name(format!("stile-faults{}", std::env::consts::EXE_SUFFIX)));
    command.arg("--stile").arg(stile).arg("--postgres").arg(system::postgres()?);
    Ok(command)
}
