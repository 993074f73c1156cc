//! How fast queued mails leave: the other half of signing in with a code, which the black hole hides.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use anyhow::{Result, bail};
use tokio::task::JoinSet;

use crate::database::Database;
use crate::proc;
use crate::seed;
use crate::server::Server;
use crate::sink::Sink;
use crate::worker::Worker;

/// Connections that ask for codes, and codes for each.
const CONNECTIONS: usize = 16;
const CODES: usize = 200;
const USERS: u64 = 1_000;
const PATIENCE: Duration = Duration::from_secs(120);

/// How fast mails leave.
pub(crate) struct Mails {
    /// Mails in a second, from the first request to the last mail.
    pub(crate) per_second: f64,
    /// CPU microseconds of the server for one mail, asking for it included.
    pub(crate) server_cpu: f64,
}

/// Asks for many codes at once, and waits until all have left.
pub(crate) async fn measure(stile: &Path, folder: &Path, url: Option<&str>) -> Result<Mails> {
    let sink = Sink::open().await?;
    // Data of its own: the black hole has left an outbox full of mails.
    let database = Database::create(folder, url).await?;
    let site = Arc::new(seed::seed(&database, USERS, CONNECTIONS).await?);
    let server = Server::start(stile, &database, sink.address)?;
    let spent = proc::cpu_micros(server.pid())?;
    let began = Instant::now();
    let mut tasks = JoinSet::new();
    for lane in 0..CONNECTIONS {
        let mut worker = Worker::open(&site, &Arc::default(), server.address, lane, CONNECTIONS).await?;
        tasks.spawn(async move {
            for _ in 0..CODES {
                worker.ask_for_code().await?;
            }
            anyhow::Ok(())
        });
    }
    while let Some(ended) = tasks.join_next().await {
        ended??;
    }
    let all = CONNECTIONS * CODES;
    while sink.taken.load(Ordering::Relaxed) < all {
        if began.elapsed() > PATIENCE {
            bail!("only {} of {all} mails have left", sink.taken.load(Ordering::Relaxed));
        }
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    let seconds = began.elapsed().as_secs_f64();
    let spent = proc::cpu_micros(server.pid())?.saturating_sub(spent);
    Ok(Mails { per_second: all as f64 / seconds, server_cpu: spent as f64 / all as f64 })
}
