//! What the numbers were measured on.

use std::fs;
use std::io::Write as _;
use std::path::Path;
use std::time::Instant;

use anyhow::Result;
use stile_core::Micros;

/// Flushes of the probe.
const FLUSHES: usize = 200;

/// A machine, in words.
pub(crate) struct Machine {
    /// Cores, processor, memory, kernel.
    pub(crate) description: String,
    /// Microseconds of one flush of 4 KiB to the disk that holds the data; the median.
    pub(crate) flush_micros: f64,
}

impl Machine {
    /// This machine, with the disk that this folder is on.
    pub(crate) fn here(folder: &Path) -> Result<Self> {
        let first = |file: &str, key: &str| {
            let text = fs::read_to_string(file).unwrap_or_default();
            let line = text.lines().find(|line| line.starts_with(key)).unwrap_or_default();
            line.split_once(':').map(|(_, value)| value.trim().to_owned()).unwrap_or_default()
        };
        let kib: f64 = first("/proc/meminfo", "MemTotal").trim_end_matches(" kB").parse().unwrap_or(0.0);
        let kernel = fs::read_to_string("/proc/sys/kernel/osrelease").unwrap_or_default();
        let description = format!(
            "{} cores of {} at {} MHz, {:.0} GiB of memory, Linux {}",
            std::thread::available_parallelism()?,
            first("/proc/cpuinfo", "model name"),
            first("/proc/cpuinfo", "cpu MHz").split('.').next().unwrap_or_default(),
            kib / 1024.0 / 1024.0,
            kernel.trim(),
        );
        Ok(Self { description, flush_micros: flush(folder)? })
    }
}

fn flush(folder: &Path) -> Result<f64> {
    fs::create_dir_all(folder)?;
    let path = folder.join("flush");
    let mut file = fs::File::create(&path)?;
    let mut micros = Vec::with_capacity(FLUSHES);
    for _ in 0..FLUSHES {
        let began = Instant::now();
        file.write_all(&[0; 4096])?;
        file.sync_data()?;
        micros.push(began.elapsed().as_secs_f64() * 1e6);
    }
    fs::remove_file(path)?;
    micros.sort_by(f64::total_cmp);
    Ok(micros[FLUSHES / 2])
}

/// The day in UTC, as in RFC 3339.
pub(crate) fn day(now: Micros) -> String {
    // Civil from days, Howard Hinnant: eras of 400 years, years that begin in March.
    let days = now.seconds().div_euclid(86_400) + 719_468;
    let (era, day_of_era) = (days.div_euclid(146_097), days.rem_euclid(146_097));
    let year = (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year + year / 4 - year / 100);
    let month = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * month + 2) / 5 + 1;
    let month = if month < 10 { month + 3 } else { month - 9 };
    format!("{:04}-{month:02}-{day:02}", year + era * 400 + i64::from(month <= 2))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn days_are_told() {
        for (seconds, text) in [(0, "1970-01-01"), (951_782_400, "2000-02-29"), (1_795_305_600, "2026-11-22")]
        {
            assert_eq!(day(Micros::new(seconds * 1_000_000)), text);
        }
    }
}
