//! How fast the server is there, and how little it needs when nobody calls.

use std::path::Path;
use std::time::Duration;

use anyhow::Result;

use crate::database::Database;
use crate::proc;
use crate::server::Server;
use crate::sink::BlackHole;

/// Starts; the median counts.
const STARTS: usize = 11;
/// How long the server is left alone before its memory is read.
const IDLE: Duration = Duration::from_secs(2);

/// What a start costs.
pub(crate) struct Start {
    /// Milliseconds from the start of the process to the first good answer of `/readyz`.
    pub(crate) cold_ms: f64,
    /// Resident memory of an idle server, in bytes.
    pub(crate) idle_memory: u64,
    /// The binary, in bytes.
    pub(crate) binary: u64,
}

/// Starts the server several times on this data.
pub(crate) fn measure(stile: &Path, database: &Database) -> Result<Start> {
    let sink = BlackHole::open()?;
    let mut times = Vec::with_capacity(STARTS);
    for _ in 0..STARTS {
        times.push(Server::start(stile, database, sink.address)?.cold_start.as_secs_f64() * 1e3);
    }
    times.sort_by(f64::total_cmp);
    let idle = Server::start(stile, database, sink.address)?;
    std::thread::sleep(IDLE);
    Ok(Start {
        cold_ms: times[STARTS / 2],
        idle_memory: proc::memory(idle.pid())?,
        binary: std::fs::metadata(stile)?.len(),
    })
}
