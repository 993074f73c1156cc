//! What the kernel counts: CPU time and memory of processes.

use std::fs;

use anyhow::{Context as _, Result, anyhow};

/// `USER_HZ`: the unit of CPU time in `/proc`, the same on every architecture that we build for.
const MICROS_PER_TICK: u64 = 10_000;

/// CPU time of a process so far, with all of its threads, in microseconds.
pub(crate) fn cpu_micros(pid: u32) -> Result<u64> {
    let [user, system, ..] = times(&stat(pid)?)?;
    Ok((user + system) * MICROS_PER_TICK)
}

/// CPU time of a process and its children so far, those that have ended included, in microseconds.
pub(crate) fn family_micros(first: u32) -> Result<u64> {
    let mut ticks: u64 = times(&stat(first)?)?.iter().sum();
    for entry in fs::read_dir("/proc")?.flatten() {
        let Some(pid) = entry.file_name().to_str().and_then(|name| name.parse().ok()) else { continue };
        // One that has just ended is counted with its parent the next time.
        let Ok(text) = stat(pid) else { continue };
        if parent_of(&text) == Some(first) {
            let [user, system, ..] = times(&text)?;
            ticks += user + system;
        }
    }
    Ok(ticks * MICROS_PER_TICK)
}

/// The process that started this one.
pub(crate) fn parent(pid: u32) -> Result<u32> {
    parent_of(&stat(pid)?).context("an unknown form of stat")
}

/// A process's line of `stat`, from behind its name: that stands in parentheses and may hold anything (proc(5)).
fn stat(pid: u32) -> Result<String> {
    let text = fs::read_to_string(format!("/proc/{pid}/stat")).context("the process is gone")?;
    Ok(text.rsplit_once(')').context("an unknown form of stat")?.1.to_owned())
}

fn parent_of(stat: &str) -> Option<u32> {
    stat.split_whitespace().nth(1)?.parse().ok()
}

/// User and system time, its own and that of children that have ended.
fn times(stat: &str) -> Result<[u64; 4]> {
    let ticks: Vec<u64> = stat.split_whitespace().skip(11).take(4).filter_map(|f| f.parse().ok()).collect();
    ticks.try_into().map_err(|_| anyhow!("an unknown form of stat"))
}

/// CPU time of the whole machine so far, all cores together and idle time apart, in microseconds.
pub(crate) fn machine_micros() -> Result<u64> {
    let text = fs::read_to_string("/proc/stat")?;
    let first = text.lines().next().unwrap_or_default();
    let ticks: Vec<u64> = first.split_whitespace().skip(1).filter_map(|f| f.parse().ok()).collect();
    // user nice system idle iowait irq softirq steal; guests are within user.
    let busy = ticks.iter().take(8).enumerate().filter(|(at, _)| ![3, 4].contains(at));
    Ok(busy.map(|(_, ticks)| ticks * MICROS_PER_TICK).sum())
}

/// CPU time of this thread so far, in nanoseconds.
pub(crate) fn thread_nanos() -> Result<u64> {
    // The kernel counts when it schedules, at a tick at the latest: this makes it count now.
    std::thread::yield_now();
    let text = fs::read_to_string("/proc/thread-self/schedstat").context("no schedstat here")?;
    text.split_whitespace().next().and_then(|f| f.parse().ok()).context("an unknown form of schedstat")
}

/// Resident memory of a process, in bytes.
pub(crate) fn memory(pid: u32) -> Result<u64> {
    let text = fs::read_to_string(format!("/proc/{pid}/status")).context("the process is gone")?;
    let line = text.lines().find_map(|line| line.strip_prefix("VmRSS:")).context("no VmRSS")?;
    let kib: u64 = line.trim().trim_end_matches(" kB").parse()?;
    Ok(kib * 1024)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn this_process_is_counted() {
        assert!(memory(std::process::id()).unwrap() > 100_000);
        let before = thread_nanos().unwrap();
        let spent = (0..200_000_u64).fold(0_u64, |sum, n| std::hint::black_box(sum ^ n));
        assert!(thread_nanos().unwrap() > before, "{spent}");
        assert!(machine_micros().unwrap() >= cpu_micros(std::process::id()).unwrap());
        let parent = parent(std::process::id()).unwrap();
        assert!(family_micros(parent).unwrap() >= cpu_micros(std::process::id()).unwrap());
    }
}
