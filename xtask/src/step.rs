//! A plan of named steps: what each does is said before, how long it took after, and all together
//! at the end.

use anyhow::{Result, bail};
use std::process::ExitCode;
use std::time::{Duration, Instant};

/// One thing to do. Its name is unique in its table.
pub(crate) struct Step {
    /// The area it belongs to; [`PREPARE`] for what several areas need.
    pub(crate) area: &'static str,
    /// Short name, as in the summary.
    pub(crate) name: &'static str,
    /// Names of steps further up in the table that must have passed.
    pub(crate) needs: &'static [&'static str],
    /// Does it; a note worth a place in the summary comes back, or nothing.
    pub(crate) work: fn() -> Result<String>,
}

/// The area of steps that run when an asked one needs them.
pub(crate) const PREPARE: &str = "prepare";

/// The steps of these areas with everything that they need, in the order of the table.
pub(crate) fn plan<'a>(table: &'a [Step], areas: &[String]) -> Vec<&'a Step> {
    let asked =
        |step: &Step| step.area != PREPARE && (areas.is_empty() || areas.iter().any(|a| a == step.area));
    let mut wanted: Vec<bool> = table.iter().map(asked).collect();
    // Needs point upwards, so one walk from the bottom finds all of them.
    for at in (0..table.len()).rev() {
        if wanted[at] {
            for above in 0..at {
                wanted[above] |= table[at].needs.contains(&table[above].name);
            }
        }
    }
    table.iter().zip(wanted).filter_map(|(step, wanted)| wanted.then_some(step)).collect()
}

struct Outcome {
    passed: bool,
    /// As the summary says it.
    result: &'static str,
    note: String,
    time: Duration,
}

/// Runs a plan and prints its summary. A step whose needs failed is not run, and counts as failed.
pub(crate) fn run(plan: &[&Step], fail_fast: bool) -> ExitCode {
    let mut done: Vec<(&Step, Outcome)> = Vec::new();
    for (at, step) in plan.iter().enumerate() {
        println!("[{}/{}] {}: {}", at + 1, plan.len(), step.area, step.name);
        let outcome = attempt(step, &done);
        let passed = outcome.passed;
        done.push((step, outcome));
        if !passed && fail_fast {
            println!("\nstopped at the first failure, {} more not run", plan.len() - at - 1);
            break;
        }
    }
    summary(&done)
}

/// Like [`run`], for the way to something else: stops at the first failure, prints no summary.
pub(crate) fn prepare(plan: &[&Step]) -> Result<()> {
    let mut done = Vec::new();
    for (at, step) in plan.iter().enumerate() {
        println!("[{}/{}] {}", at + 1, plan.len(), step.name);
        let outcome = attempt(step, &done);
        if !outcome.passed {
            bail!("stopped: `{}` failed", step.name);
        }
        done.push((step, outcome));
    }
    Ok(())
}

fn attempt(step: &Step, done: &[(&Step, Outcome)]) -> Outcome {
    let failed = |need: &&&str| done.iter().any(|(other, o)| other.name == **need && !o.passed);
    if let Some(need) = step.needs.iter().find(failed) {
        println!("       not run, because `{need}` failed");
        return Outcome { passed: false, result: "not run", note: String::new(), time: Duration::ZERO };
    }
    let started = Instant::now();
    let result = (step.work)();
    let time = started.elapsed();
    match result {
        Ok(note) => {
            let comma = if note.is_empty() { "" } else { ", " };
            println!("       passed in {}{comma}{note}", seconds(time));
            Outcome { passed: true, result: "passed", note, time }
        }
        Err(error) => {
            for text in format!("{error:#}").lines() {
                println!("       | {text}");
            }
            println!("       FAILED after {}", seconds(time));
            Outcome { passed: false, result: "FAILED", note: String::new(), time }
        }
    }
}

fn summary(done: &[(&Step, Outcome)]) -> ExitCode {
    println!();
    for (step, outcome) in done {
        let text = format!(
            "{:<8} {:<34} {:<7} {:>9}  {}",
            step.area,
            step.name,
            outcome.result,
            seconds(outcome.time),
            outcome.note
        );
        println!("{}", text.trim_end());
    }
    let passed = done.iter().filter(|(_, outcome)| outcome.passed).count();
    println!("\n{passed} passed, {} failed", done.len() - passed);
    if passed == done.len() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

fn seconds(time: Duration) -> String {
    format!("{:.1} s", time.as_secs_f64())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn step(area: &'static str, name: &'static str, needs: &'static [&'static str]) -> Step {
        Step { area, name, needs, work: || Ok(String::new()) }
    }

    fn table() -> Vec<Step> {
        vec![
            step(PREPARE, "install", &[]),
            step(PREPARE, "build", &["install"]),
            step("format", "fmt", &[]),
            step("e2e", "journeys", &["build"]),
        ]
    }

    fn names(areas: &[&str]) -> Vec<&'static str> {
        let areas: Vec<String> = areas.iter().map(|&area| area.to_owned()).collect();
        plan(&table(), &areas).iter().map(|step| step.name).collect()
    }

    #[test]
    fn needs_come_along_and_nothing_else() {
        assert_eq!(names(&["e2e"]), ["install", "build", "journeys"]);
        assert_eq!(names(&["format"]), ["fmt"]);
        assert_eq!(names(&[]), ["install", "build", "fmt", "journeys"]);
    }

    #[test]
    fn a_step_is_not_run_when_what_it_needs_failed() {
        let below = Step { work: || bail!("must not run"), ..step("e2e", "journeys", &["build"]) };
        let above = step(PREPARE, "build", &[]);
        let failed = Outcome { passed: false, result: "FAILED", note: String::new(), time: Duration::ZERO };
        assert_eq!(attempt(&below, &[(&above, failed)]).result, "not run");
    }
}
