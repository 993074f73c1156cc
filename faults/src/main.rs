//! The fault runs: kills, cuts and full disks under load, and then a look at what is left.
//!
//! ```text
//! site      an environment with people        server    the real binary
//! cluster   PostgreSQL that syncs, and a wire to cut
//! mail      a mail server with manners        load      requests, and what came of each
//! check     what was acknowledged is there, what was used up stays used up
//! runs      the faults                        once      what works once, on two servers
//! ```
//! `cargo xtask faults` builds everything and starts this. It fails when anything was lost, used twice, hung, or
//! answered in a way that no fault explains.

mod check;
mod cluster;
mod load;
mod mail;
mod once;
mod runs;
mod server;
mod site;

use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::Result;
use clap::Parser;

/// Faults under load.
#[derive(Parser)]
#[command(name = "stile-faults")]
pub(crate) struct Args {
    /// The server's binary.
    #[arg(long, value_name = "FILE")]
    stile: PathBuf,
    /// How often the server on SQLite is killed; the other runs follow from it.
    #[arg(long, value_name = "N", default_value_t = 1_000)]
    rounds: usize,
    /// PostgreSQL's programs. Without them, that engine is left out.
    #[arg(long, value_name = "DIR")]
    postgres: Option<PathBuf>,
    /// Only this run. Can be given several times.
    #[arg(long = "only", value_name = "NAME")]
    only: Vec<String>,
}

fn main() -> Result<ExitCode> {
    let args = Args::parse();
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build()?;
    runtime.block_on(runs::all(&args))
}
