//! Connections that never rest, and what they measured.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result};
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
    /// CPU microseconds of the load for one operation.
    pub(crate) load_cpu: f64,
    /// Cores that other programs, and the kernel on nobody's account, were using.
    pub(crate) others: f64,
}

/// Which run it is: 0 is the warm-up.
const STOP: usize = usize::MAX;

/// Measures one operation.
pub(crate) async fn measure(
    site: &Arc<Site>,
    server: &Server,
    op: Op,
    connections: usize,
    plan: &Plan,
) -> Result<Measured> {
    let codes = if op == Op::Email { Some(Arc::new(Codes::open(&site.file)?)) } else { None };
    let run = Arc::new(AtomicUsize::new(0));
    let mut tasks = JoinSet::new();
    for lane in 0..connections {
        let worker = Worker::open(site, codes.as_ref(), server.address, lane, connections).await?;
        tasks.spawn(work(worker, op, Arc::clone(&run), plan.runs));
    }
    let clocks = tokio::select! {
        clocks = conduct(&run, server, plan) => clocks?,
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
    load: u64,
    machine: u64,
}

impl Clocks {
    fn read(server: &Server) -> Result<Self> {
        Ok(Self {
            at: Instant::now(),
            server: proc::cpu_micros(server.pid())?,
            load: proc::cpu_micros(std::process::id())?,
            machine: proc::machine_micros()?,
        })
    }
}

async fn conduct(run: &AtomicUsize, server: &Server, plan: &Plan) -> Result<Vec<Clocks>> {
    tokio::time::sleep(Duration::from_secs_f64(plan.warm_up)).await;
    let mut clocks = Vec::with_capacity(plan.runs + 1);
    for number in 1..=plan.runs {
        clocks.push(Clocks::read(server)?);
        run.store(number, Ordering::Relaxed);
        tokio::time::sleep(Duration::from_secs_f64(plan.seconds)).await;
    }
    clocks.push(Clocks::read(server)?);
    run.store(STOP, Ordering::Relaxed);
    Ok(clocks)
}

/// One operation after the other; each counts in the run in which it ended.
async fn work(mut worker: Worker, op: Op, run: Arc<AtomicUsize>, runs: usize) -> Result<Vec<Vec<Times>>> {
    let mut samples: Vec<Vec<Times>> = vec![Vec::new(); runs];
    loop {
        let times = worker.perform(op).await?;
        match run.load(Ordering::Relaxed) {
            STOP => return Ok(samples),
            0 => {}
            number => samples[number - 1].push(times),
        }
    }
}

fn summary(samples: &[Vec<Times>], clocks: &[Clocks]) -> Option<Measured> {
    let runs: Vec<Measured> = samples
        .iter()
        .zip(clocks.windows(2))
        .map(|(times, ends)| one_run(times, &ends[0], &ends[1]))
        .collect();
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
        load_cpu: median(&|m| m.load_cpu)?,
        others: median(&|m| m.others)?,
    })
}

fn one_run(times: &[Times], began: &Clocks, ended: &Clocks) -> Measured {
    let count = times.len().max(1) as f64;
    let seconds = ended.at.duration_since(began.at).as_secs_f64();
    let (server, load) = (ended.server - began.server, ended.load - began.load);
    let others = (ended.machine - began.machine).saturating_sub(server + load);
    let [p50, p99] = quantiles(times.iter().map(|[first, second]| first.saturating_add(*second)));
    Measured {
        per_second: times.len() as f64 / seconds,
        range: [0.0; 2],
        p50,
        p99,
        halves: [quantiles(times.iter().map(|t| t[0])), quantiles(times.iter().map(|t| t[1]))],
        server_cpu: server as f64 / count,
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
