//! The faults, each under load.

use std::net::SocketAddr;
use std::path::Path;
use std::process::{Command, ExitCode};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, ensure};
use serde_json::json;
use stile_keys::random;

use crate::Args;
use crate::check;
use crate::cluster::{Cluster, Wire};
use crate::load::{Counts, Load, ready, until_ready};
use crate::mail::{Mail, Manner};
use crate::once;
use crate::server::Server;
use crate::site::Site;

const WORKERS: usize = 8;
/// Users whose two last credentials are removed at once.
const REMOVALS: usize = 100;
/// How long a server or a database may need to be back.
const BACK: Duration = Duration::from_secs(30);
/// The first retry of a mail comes after five seconds, and the outbox is looked at every five.
const DELIVERED: Duration = Duration::from_secs(60);

/// One line of the report.
struct Line {
    name: &'static str,
    faults: usize,
    load: Arc<Load>,
    took: Duration,
    /// The end of the server's log.
    last_words: String,
}

impl Line {
    fn new(name: &'static str, faults: usize, load: Arc<Load>, began: Instant) -> Self {
        let log = std::fs::read_to_string(load.site.folder.join("stile.log")).unwrap_or_default();
        let lines: Vec<&str> = log.lines().collect();
        let last_words = lines[lines.len().saturating_sub(20)..].join("\n");
        Self { name, faults, load, took: began.elapsed(), last_words }
    }
}

/// All runs, and their table.
pub(crate) async fn all(args: &Args) -> Result<ExitCode> {
    let asked = |name: &str| args.only.is_empty() || args.only.iter().any(|only| only == name);
    let few = (args.rounds / 20).max(1);
    let mut lines = Vec::new();
    let mut report = |line: Line| {
        println!("{}", row(&line));
        if !good(&line.load.counts) {
            println!("{}", line.last_words);
        }
        lines.push(line);
    };
    println!("{HEAD}");
    if asked("kills") {
        report(kills(args, args.rounds).await?);
    }
    if asked("disk") {
        report(disk(args, few.min(20)).await?);
    }
    if asked("clock") {
        report(clock(args, few).await?);
    }
    if asked("mail") && args.rounds >= 20 {
        report(mail(args, few.min(3)).await?);
    }
    if asked("once") {
        match &args.postgres {
            Some(programs) => report(once(args, programs).await?),
            None => println!("{LEFT_OUT}"),
        }
    }
    if asked("postgres") {
        match &args.postgres {
            Some(programs) => report(postgres(args, programs, (args.rounds / 8).max(1)).await?),
            None => println!("{LEFT_OUT}"),
        }
    }
    let bad = lines.iter().filter(|line| !good(&line.load.counts)).count();
    Ok(if bad == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

const LEFT_OUT: &str = "PostgreSQL is left out: --postgres names no programs";
const HEAD: &str = "run       | faults | requests | acknowledged | in doubt | 503   | lost | used twice | counters back | hung | strange | seconds";

fn row(line: &Line) -> String {
    let counts = &line.load.counts;
    let of = |counter: &std::sync::atomic::AtomicUsize| counter.load(Ordering::Relaxed);
    format!(
        "{:<9} | {:>6} | {:>8} | {:>12} | {:>8} | {:>5} | {:>4} | {:>10} | {:>13} | {:>4} | {:>7} | {:>7.0}",
        line.name,
        line.faults,
        of(&counts.requests),
        of(&counts.acknowledged),
        of(&counts.in_doubt),
        of(&counts.unavailable),
        of(&counts.lost),
        of(&counts.used_twice),
        of(&counts.counters_back),
        of(&counts.hung),
        of(&counts.strange),
        line.took.as_secs_f64()
    )
}

fn good(counts: &Counts) -> bool {
    let bad = [&counts.lost, &counts.used_twice, &counts.counters_back, &counts.hung, &counts.strange];
    bad.iter().all(|counter| counter.load(Ordering::Relaxed) == 0)
}

/// A sign of life in a long run.
fn progress(name: &'static str, round: usize, load: &Arc<Load>, began: Instant) {
    if round > 0 && round.is_multiple_of(20) {
        println!("{} …", row(&Line::new(name, round, Arc::clone(load), began)));
    }
}

async fn load(folder: &Path, url: Option<String>) -> Result<Arc<Load>> {
    Ok(Arc::new(Load {
        site: Site::new(folder, url).await?,
        mail: Mail::open().await?,
        counts: Counts::default(),
    }))
}

fn a_while(most: u32) -> Duration {
    Duration::from_millis(5 + u64::from(random::uniform(most)))
}

/// `kill -9` at a random moment.
async fn kills(args: &Args, rounds: usize) -> Result<Line> {
    let began = Instant::now();
    let folder = tempfile::tempdir()?;
    let load = load(folder.path(), None).await?;
    let mut server = Server::serve(&args.stile, &load.site, load.mail.address).await?;
    for round in 0..rounds {
        progress("kills", round, &load, began);
        let under_way = load.begin([server.address; 2], WORKERS);
        tokio::time::sleep(a_while(250)).await;
        server.kill()?;
        let records = under_way.end().await?;
        server = Server::serve(&args.stile, &load.site, load.mail.address).await?;
        check::all(&load, server.address, records).await?;
    }
    Ok(Line::new("kills", rounds, load, began))
}

/// Files that may not grow any more, which is what a full disk looks like; and room again.
async fn disk(args: &Args, rounds: usize) -> Result<Line> {
    let began = Instant::now();
    let folder = tempfile::tempdir()?;
    let load = load(folder.path(), None).await?;
    let mut server = Server::serve(&args.stile, &load.site, load.mail.address).await?;
    for round in 0..rounds {
        let before = load.counts.unavailable.load(Ordering::Relaxed);
        let under_way = load.begin([server.address; 2], WORKERS);
        tokio::time::sleep(a_while(100)).await;
        limit(server.pid(), "4096")?;
        while load.counts.unavailable.load(Ordering::Relaxed) < before + 5 {
            ensure!(began.elapsed() < BACK * (1 + u32::try_from(round)?), "the disk never got full");
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        // What it said a moment ago may be repeated for a second.
        let full = Instant::now();
        while ready(server.address).await {
            ensure!(full.elapsed() < Duration::from_secs(5), "readyz says that a full disk can be written");
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        limit(server.pid(), "unlimited")?;
        until_ready(server.address, BACK).await?;
        let records = under_way.end().await?;
        ensure!(server.lives()?, "a full disk has ended the server");
        check::all(&load, server.address, records).await?;
    }
    Ok(Line::new("disk", rounds, load, began))
}

fn limit(pid: u32, size: &str) -> Result<()> {
    let limit = format!("--fsize={size}:unlimited");
    let status = Command::new("prlimit").args(["--pid", &pid.to_string(), &limit]).status();
    ensure!(status.context("there is no prlimit(1)")?.success(), "prlimit failed");
    Ok(())
}

/// A clock that jumps ahead and back again.
async fn clock(args: &Args, rounds: usize) -> Result<Line> {
    let began = Instant::now();
    let folder = tempfile::tempdir()?;
    let load = load(folder.path(), None).await?;
    let server = Server::dev(&args.stile, &load.site, load.mail.address).await?;
    for _ in 0..rounds {
        // Short of a token's life; beyond it, and beyond a day; and never where it began.
        for seconds in [90, -180, 90, 600, -600, 100_000, -100_000] {
            let under_way = load.begin([server.address; 2], WORKERS);
            tokio::time::sleep(a_while(60)).await;
            advance(&load, server.address, seconds).await?;
            tokio::time::sleep(a_while(60)).await;
            let records = under_way.end().await?;
            // Sessions and tokens may have run out meanwhile: only that nothing works twice is looked at.
            check::used_up(&load, server.address, records).await?;
        }
    }
    Ok(Line::new("clock", rounds * 7, load, began))
}

async fn advance(load: &Load, to: SocketAddr, seconds: i64) -> Result<()> {
    let body = json!({ "advanceSeconds": seconds }).to_string();
    let seen = load.send(to, "POST", "/dev/clock", None, Some(&body)).await;
    ensure!(seen.is(200), "the clock was not moved");
    Ok(())
}

/// A mail server that is slow, silent or away: requests go on, and every mail arrives in the end.
async fn mail(args: &Args, rounds: usize) -> Result<Line> {
    let began = Instant::now();
    let folder = tempfile::tempdir()?;
    let load = load(folder.path(), None).await?;
    let mut server = Server::serve(&args.stile, &load.site, load.mail.address).await?;
    let manners = [Manner::Slow, Manner::Refusing, Manner::Silent];
    for round in 0..rounds {
        load.mail.set(manners[round % manners.len()]);
        let under_way = load.begin([server.address; 2], WORKERS);
        tokio::time::sleep(Duration::from_secs(3)).await;
        let records = under_way.end().await?;
        check::all(&load, server.address, records).await?;
        // One whose mail was asked for while nobody took it, and who waits.
        let who = &load.site.people[0].person;
        load.mail.clear(&who.email);
        let body = json!({ "email": who.email }).to_string();
        let path = crate::load::sdk("/emailVerifications/create");
        let asked = Instant::now();
        let seen = load.send(server.address, "POST", &path, None, Some(&body)).await;
        ensure!(
            seen.is(201) && asked.elapsed() < Duration::from_secs(1),
            "a request waited for the mail server"
        );
        load.mail.set(Manner::Quick);
        ensure!(load.mail.code(&who.email, DELIVERED).await.is_some(), "a mail never came");
        ensure!(server.lives()?, "a mail server has ended ours");
    }
    Ok(Line::new("mail", rounds, load, began))
}

/// A database server in this folder, with an empty database behind a wire.
async fn cluster(programs: &Path, home: &Path) -> Result<(Cluster, Wire, String)> {
    // The database's user must come through to its folder.
    std::fs::set_permissions(home, std::os::unix::fs::PermissionsExt::from_mode(0o755))?;
    let cluster = Cluster::start(programs, &home.join("postgres")).await?;
    let wire = Wire::open(&cluster).await?;
    let url = format!("postgres://postgres@{}/{}", wire.address, cluster.database().await?);
    Ok((cluster, wire, url))
}

/// Two servers on one database, and no fault but haste.
async fn once(args: &Args, programs: &Path) -> Result<Line> {
    let began = Instant::now();
    let (folder, home) = (tempfile::tempdir()?, tempfile::tempdir()?);
    let (_cluster, _wire, url) = cluster(programs, home.path()).await?;
    let load = load(folder.path(), Some(url)).await?;
    once::run(&args.stile, &load, REMOVALS).await?;
    Ok(Line::new("once", 0, load, began))
}

/// Two servers on one database that is restarted, killed and cut off.
async fn postgres(args: &Args, programs: &Path, rounds: usize) -> Result<Line> {
    let began = Instant::now();
    let (folder, home) = (tempfile::tempdir()?, tempfile::tempdir()?);
    let (mut cluster, wire, url) = cluster(programs, home.path()).await?;
    let load = load(folder.path(), Some(url)).await?;
    let start = || Server::serve(&args.stile, &load.site, load.mail.address);
    let (mut one, mut two) = (start().await?, start().await?);
    for round in 0..rounds {
        progress("postgres", round, &load, began);
        let under_way = load.begin([one.address, two.address], WORKERS);
        tokio::time::sleep(a_while(300)).await;
        // Restarts take longest, so they come once in a while: orderly, in a hurry, and as a crash.
        match round % 6 {
            0 | 3 => cluster.terminate_backends().await?,
            1 | 4 => wire.cut(a_while(200)).await,
            2 => cluster.restart(["-KILL", "-INT", "-QUIT"][round / 6 % 3]).await?,
            _ => {
                one.kill()?;
                one = start().await?;
            }
        }
        tokio::time::sleep(a_while(200)).await;
        let records = under_way.end().await?;
        for server in [&mut one, &mut two] {
            until_ready(server.address, BACK).await?;
            ensure!(server.lives()?, "a fault of the database has ended a server");
        }
        check::all(&load, if round % 2 == 0 { one.address } else { two.address }, records).await?;
    }
    Ok(Line::new("postgres", rounds, load, began))
}
