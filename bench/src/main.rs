//! The bench: what the server does in a second, how long one request takes, and how much of that is
//! cryptography that nobody can save.
//!
//! ```text
//! database  data of its own: environment, users, passkeys, sessions   seed
//! server    the real binary on it: start, CPU time, memory            proc, sink
//! load      64 connections that never rest: warm-up, five runs        http, worker, totp
//! beside    codes out of the outbox, used ones put back               beside, codes
//! floor     the cryptography alone                                    floor
//! report    the table, and docs/performance.md                        machine
//! ```
//! `cargo xtask bench` builds everything and starts this.

mod beside;
mod codes;
mod database;
mod floor;
mod http;
mod load;
mod machine;
mod mail;
mod op;
mod proc;
mod report;
mod seed;
mod server;
mod sink;
mod start;
mod totp;
mod worker;

use std::path::PathBuf;
use std::sync::Arc;

use anyhow::{Context as _, Result};
use clap::Parser;

use database::Database;
use op::Op;
use report::{Line, Report};
use server::Server;
use sink::BlackHole;

/// Measures Stile under load.
#[derive(Parser)]
#[command(name = "stile-bench")]
struct Args {
    /// The server's binary.
    #[arg(long, value_name = "FILE")]
    stile: PathBuf,
    /// The profile that it was built with, for the report; `dist` is what is shipped.
    #[arg(long, value_name = "NAME", default_value = "release")]
    profile: String,
    /// Folder for data, made anew; on the disk that is to be measured.
    #[arg(long, value_name = "DIR")]
    data: PathBuf,
    /// A database server instead of the embedded one: the URL of an administrator. The bench makes a database of its
    /// own there.
    #[arg(long, value_name = "URL")]
    database: Option<String>,
    /// How many users there are. Several, separated by commas, are measured one after the other.
    #[arg(long, value_name = "N", value_delimiter = ',', default_value = "10000,1000000")]
    users: Vec<u64>,
    /// Only these operations. Can be given several times.
    #[arg(long = "op", value_name = "NAME", value_parser = Op::parse)]
    ops: Vec<Op>,
    /// Connections.
    #[arg(long, value_name = "N", default_value_t = 64)]
    connections: usize,
    /// Runs; the median counts.
    #[arg(long, value_name = "N", default_value_t = 5)]
    runs: usize,
    /// Seconds of one run.
    #[arg(long, value_name = "N", default_value_t = 5.0)]
    seconds: f64,
    /// Seconds before the first run that do not count.
    #[arg(long, value_name = "N", default_value_t = 3.0)]
    warm_up: f64,
    /// Write the report into this document.
    #[arg(long, value_name = "FILE")]
    write: Option<PathBuf>,
}

fn main() -> Result<()> {
    let args = Args::parse();
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build()?;
    runtime.block_on(run(args))
}

async fn run(args: Args) -> Result<()> {
    let mut report = Report::new(&args)?;
    let ops = if args.ops.is_empty() { Op::ALL.to_vec() } else { args.ops.clone() };
    for &users in &args.users {
        let database = Database::create(&args.data, args.database.as_deref()).await?;
        println!("{users} users: seeding");
        let site = Arc::new(seed::seed(&database, users, args.connections).await?);
        if report.start.is_none() {
            report.start = Some(start::measure(&args.stile, &database)?);
        }
        let sink = BlackHole::open()?;
        let server = Server::start(&args.stile, &database, sink.address)?;
        for &op in &ops {
            let plan = load::Plan { runs: args.runs, seconds: args.seconds, warm_up: args.warm_up };
            let floor = floor::of(op)?;
            let measured = load::measure(&site, &server, op, args.connections, &plan)
                .await
                .with_context(|| format!("{} with {users} users", op.name()))?;
            let line = Line { op, users, measured, floor };
            println!("{}", report::row(&line));
            report.lines.push(line);
        }
        report.memory_after = Some(proc::memory(server.pid())?);
        drop(server);
        if args.ops.is_empty() && report.mail.is_none() {
            report.mail = Some(mail::measure(&args.stile, &args.data, args.database.as_deref()).await?);
        }
    }
    report.tell(args.write.as_deref())
}
