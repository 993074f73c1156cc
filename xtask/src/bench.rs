//! `cargo xtask bench`: the shipped binary under load, and the table of docs/performance.md.

use crate::{postgres, process};
use anyhow::{Context as _, Result};
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};

/// The database of this name is a PostgreSQL of our own, for as long as it is measured.
const OWN: &str = "postgres";
/// Where the report is written.
const DOCUMENT: &str = "docs/performance.md";

/// What was asked for.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Bench {
    /// A first impression in two minutes: few users, short runs, the binary of the profile `release`.
    pub(crate) quick: bool,
    /// How many users, as `stile-bench` takes it.
    pub(crate) users: Option<String>,
    /// Only this operation.
    pub(crate) op: Option<String>,
    /// How many runs, as `stile-bench` takes it.
    pub(crate) runs: Option<String>,
    /// Seconds of one run, as `stile-bench` takes it.
    pub(crate) seconds: Option<String>,
    /// A database server instead of the embedded one: its URL, or [`OWN`].
    pub(crate) database: Option<String>,
}

impl Bench {
    /// Whether everything is measured: only then the document is written anew.
    fn whole(&self) -> bool {
        !self.quick && self.users.is_none() && self.op.is_none()
    }

    /// Of which profile the server is.
    fn profile(&self) -> &'static str {
        if self.quick { "release" } else { "dist" }
    }

    /// The arguments of `stile-bench`, with the database's URL.
    fn arguments(&self, target: &Path, url: Option<&str>) -> Vec<String> {
        let text = |path: PathBuf| path.display().to_string();
        let profile = self.profile();
        let mut all = vec![
            "--stile".to_owned(),
            text(target.join(profile).join(program("stile"))),
            "--profile".to_owned(),
            profile.to_owned(),
            "--data".to_owned(),
            text(target.join("bench")),
        ];
        let quick = self.quick.then_some(["--runs", "3", "--seconds", "2", "--warm-up", "1"]);
        all.extend(quick.into_iter().flatten().map(str::to_owned));
        let users = self.users.clone().or_else(|| self.quick.then(|| "10000".to_owned()));
        let pairs = [
            ("--users", users.as_deref()),
            ("--op", self.op.as_deref()),
            ("--runs", self.runs.as_deref()),
            ("--seconds", self.seconds.as_deref()),
            ("--database", url),
        ];
        for (name, value) in pairs {
            all.extend(value.iter().flat_map(|value| [name, value].map(str::to_owned)));
        }
        if self.whole() {
            all.extend(["--write", DOCUMENT].map(str::to_owned));
        }
        all
    }
}

/// Builds the server and the bench, and runs it.
pub(crate) fn bench(bench: &Bench) -> Result<ExitCode> {
    process::run(&mut process::cargo(&["build", "--profile", bench.profile(), "--bin", "stile"]))?;
    process::run(&mut process::cargo(&["build", "--release", "--bin", "stile-bench"]))?;
    let here = std::env::current_exe().context("where is xtask?")?;
    let target = here.ancestors().nth(2).context("xtask lies in no target folder")?;
    let own =
        bench.database.as_deref().filter(|name| *name == OWN).map(|_| postgres::durable()).transpose()?;
    let url = own.as_ref().map(postgres::Cluster::url).or_else(|| bench.database.clone());
    let mut command = Command::new(target.join("release").join(program("stile-bench")));
    command.args(bench.arguments(target, url.as_deref()));
    println!("       {}\n", process::line(&command));
    let status = command.status().context("cannot start the bench")?;
    Ok(if status.success() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

fn program(name: &str) -> String {
    format!("{name}{}", std::env::consts::EXE_SUFFIX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_whole_run_writes_the_document() {
        let target = Path::new("target");
        let writes = |bench: &Bench| bench.arguments(target, None).contains(&"--write".to_owned());
        assert!(writes(&Bench::default()));
        assert!(writes(&Bench { database: Some(OWN.into()), ..Bench::default() }));
        assert!(writes(&Bench { runs: Some("7".into()), ..Bench::default() }));
        assert!(!writes(&Bench { quick: true, ..Bench::default() }));
        assert!(!writes(&Bench { op: Some("email".into()), ..Bench::default() }));
    }
}
