//! Connections that never rest, and what they measured.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result};
use tokio::sync::RwLock;
use tokio::task::JoinSet;

use crate::codes::Codes;
use crate::op::Op;
use crate::proc;
use crate::seed::Site;
use crate::server::Server;
use crate::worker::{Times, Worker};

/// How long to measure.
pub(crate) struct Plan {
    /// Runs; the median counts.
    pub(crate) runs: usize,
    /// Seconds of one run.
    pub(crate) seconds: f64,
    /// Seconds before the first run.
    pub(crate) warm_up: f64,
}

/// Medians over the runs.
#[derive(Clone, Debug, Default)]
pub(crate) struct Measured {
    /// Operations in a second.
    pub(crate) per_second: f64,
    /// The slowest and the fastest run.
    pub(crate) range: [f64; 2],
    /// Milliseconds that half of the operations stay under.
    pub(crate) p50: f64,
    /// Milliseconds that 99 of 100 stay under.
    pub(crate) p99: f64,
    /// The same of each half of the operation: p50 and p99.
    pub(crate) halves: [[f64; 2]; 2],
    /// CPU microseconds of the server for one operation.
    pub(crate) server_cpu: f64,
    /// CPU microseconds of the database server for one operation, where there is one and it can be seen.
    pub(crate) database_cpu: Option<f64>,
    /// CPU microseconds of the load for one operation.
    pub(crate) load_cpu: f64,
    /// Cores that other programs, and the kernel on nobody's account, were using.
    pub(crate) others: f64,
}

/// What the connections are told.
#[derive(Default)]
struct Pace {
    /// Which run it is; 0 does not count.
    run: AtomicUsize,
    /// Held by each operation, and between runs by who must be alone with the database.
    turn: RwLock<()>,
}

const STOP: usize = usize::MAX;

/// Measures one operation.
pub(crate) async fn measure(
    site: &Arc<Site>,
    server: &Server,
    op: Op,
    connections: usize,
    plan: &Plan,
) -> Result<Measured> {
    let codes = Arc::<Codes>::default();
    let pace = Arc::<Pace>::default();
    let mut tasks = JoinSet::new();
    for lane in 0..connections {
        let worker = Worker::open(site, &codes, server.address, lane, connections).await?;
        tasks.spawn(work(worker, op, Arc::clone(&pace), plan.runs));
    }
    let clocks = tokio::select! {
        clocks = conduct(&pace, site, server, op, plan) => clocks?,
        // A worker ends before its time only with an error.
        Some(ended) = tasks.join_next() => {
            ended??;
            anyhow::bail!("a connection ended");
        }
    };
    let mut samples: Vec<Vec<Times>> = vec![Vec::new(); plan.runs];
    while let Some(ended) = tasks.join_next().await {
        for (all, more) in samples.iter_mut().zip(ended??) {
            all.extend(more);
        }
    }
    summary(&samples, &clocks).context("no runs")
}

/// What the clocks said when a run began or ended.
struct Clocks {
    at: Instant,
    server: u64,
    database: Option<u64>,
    load: u64,
    machine: u64,
}

impl Clocks {
    fn read(site: &Site, server: &Server) -> Result<Self> {
        Ok(Self {
            at: Instant::now(),
            server: proc::cpu_micros(server.pid())?,
            database: site.beside.cpu_micros()?,
            load: proc::cpu_micros(std::process::id())?,
            machine: proc::machine_micros()?,
        })
    }
}

/// The clocks before and after each run.
async fn conduct(pace: &Pace, site: &Site, server: &Server, op: Op, plan: &Plan) -> Result<Vec<[Clocks; 2]>> {
    tokio::time::sleep(Duration::from_secs_f64(plan.warm_up)).await;
    let mut clocks = Vec::with_capacity(plan.runs);
    for number in 1..=plan.runs {
        if op == Op::Totp {
            let _alone = pace.turn.write().await;
            site.beside.put_back().await?;
            site.put_back.fetch_add(1, Ordering::Relaxed);
        }
        let before = Clocks::read(site, server)?;
        pace.run.store(number, Ordering::Relaxed);
        tokio::time::sleep(Duration::from_secs_f64(plan.seconds)).await;
        pace.run.store(0, Ordering::Relaxed);
        clocks.push([before, Clocks::read(site, server)?]);
    }
    pace.run.store(STOP, Ordering::Relaxed);
    Ok(clocks)
}

/// One operation after the other; each counts in the run in which it ended.
async fn work(mut worker: Worker, op: Op, pace: Arc<Pace>, runs: usize) -> Result<Vec<Vec<Times>>> {
    let mut samples: Vec<Vec<Times>> = vec![Vec::new(); runs];
    loop {
        let turn = pace.turn.read().await;
        let times = worker.perform(op).await?;
        drop(turn);
        match pace.run.load(Ordering::Relaxed) {
            STOP => return Ok(samples),
            0 => {}
            number => samples[number - 1].push(times),
        }
    }
}

fn summary(samples: &[Vec<Times>], clocks: &[[Clocks; 2]]) -> Option<Measured> {
    let runs: Vec<Measured> =
        samples.iter().zip(clocks).map(|(times, [began, ended])| one_run(times, began, ended)).collect();
    let median = |of: &dyn Fn(&Measured) -> f64| {
        let mut all: Vec<f64> = runs.iter().map(of).collect();
        all.sort_by(f64::total_cmp);
        all.get(all.len() / 2).copied()
    };
    let half = |n: usize| Some([median(&|m| m.halves[n][0])?, median(&|m| m.halves[n][1])?]);
    Some(Measured {
        per_second: median(&|m| m.per_second)?,
        range: runs.iter().fold([f64::MAX, 0.0], |r, m| [r[0].min(m.per_second), r[1].max(m.per_second)]),
        p50: median(&|m| m.p50)?,
        p99: median(&|m| m.p99)?,
        halves: [half(0)?, half(1)?],
        server_cpu: median(&|m| m.server_cpu)?,
        database_cpu: runs.first()?.database_cpu.and(median(&|m| m.database_cpu.unwrap_or_default())),
        load_cpu: median(&|m| m.load_cpu)?,
        others: median(&|m| m.others)?,
    })
}

fn one_run(times: &[Times], began: &Clocks, ended: &Clocks) -> Measured {
    let count = times.len().max(1) as f64;
    let seconds = ended.at.duration_since(began.at).as_secs_f64();
    let (server, load) = (ended.server - began.server, ended.load - began.load);
    let database = ended.database.zip(began.database).map(|(ended, began)| ended.saturating_sub(began));
    let ours = server + load + database.unwrap_or(0);
    let others = (ended.machine - began.machine).saturating_sub(ours);
    let [p50, p99] = quantiles(times.iter().map(|[first, second]| first.saturating_add(*second)));
    Measured {
        per_second: times.len() as f64 / seconds,
        range: [0.0; 2],
        p50,
        p99,
        halves: [quantiles(times.iter().map(|t| t[0])), quantiles(times.iter().map(|t| t[1]))],
        server_cpu: server as f64 / count,
        database_cpu: database.map(|micros| micros as f64 / count),
        load_cpu: load as f64 / count,
        others: others as f64 / 1e6 / seconds,
    }
}

/// The median and the 99th of 100, from microseconds to milliseconds.
fn quantiles(micros: impl Iterator<Item = u32>) -> [f64; 2] {
    let mut sorted: Vec<u32> = micros.collect();
    sorted.sort_unstable();
    let at = |part: f64| sorted.get((sorted.len() as f64 * part) as usize).copied().unwrap_or(0);
    [f64::from(at(0.5)) / 1e3, f64::from(at(0.99)) / 1e3]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantiles_are_found() {
        assert_eq!(quantiles((1..=1_000).rev().map(|n| n * 1_000)), [501.0, 991.0]);
        assert_eq!(quantiles(std::iter::empty()), [0.0, 0.0]);
    }
}
