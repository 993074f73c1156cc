//! The table, on the terminal and in the document.

use std::fmt::Write as _;
use std::fs;
use std::path::Path;

use anyhow::{Context as _, Result};

use crate::Args;
use crate::database::{Database, now};
use crate::load::Measured;
use crate::machine::{Machine, day};
use crate::mail::Mails;
use crate::op::Op;
use crate::start::Start;

const MIB: f64 = 1024.0 * 1024.0;
/// The most that the server's CPU time may be of the crypto floor.
const MOST_OF_FLOOR: f64 = 4.0;
/// The engine that has targets of its own; another is measured against it.
const EMBEDDED: &str = "SQLite";
/// The least that another engine may do of its operations in a second.
const LEAST_OF_EMBEDDED: f64 = 1.0 / 3.0;
/// The most that the median may grow from the fewest users to the most.
const MOST_GROWTH: f64 = 1.2;

/// One operation with so many users.
pub(crate) struct Line {
    /// The operation.
    pub(crate) op: Op,
    /// How many users there are.
    pub(crate) users: u64,
    /// What was measured.
    pub(crate) measured: Measured,
    /// Its crypto floor in CPU microseconds.
    pub(crate) floor: f64,
}

/// Everything that was measured.
pub(crate) struct Report {
    engine: &'static str,
    how: String,
    machine: Machine,
    /// Operations.
    pub(crate) lines: Vec<Line>,
    /// What a start costs.
    pub(crate) start: Option<Start>,
    /// Resident memory after all operations, in bytes.
    pub(crate) memory_after: Option<u64>,
    /// How fast mails leave.
    pub(crate) mail: Option<Mails>,
}

impl Report {
    /// An empty one, with the machine as it is.
    pub(crate) fn new(args: &Args) -> Result<Self> {
        let how = format!(
            "{} connections, {} runs of {} s after {} s of warm-up, profile `{}`",
            args.connections, args.runs, args.seconds, args.warm_up, args.profile
        );
        Ok(Self {
            engine: Database::engine(args.database.as_deref()),
            how,
            machine: Machine::here(&args.data)?,
            lines: Vec::new(),
            start: None,
            memory_after: None,
            mail: None,
        })
    }

    /// The report in Markdown. `others` is what the document says of the embedded database.
    fn text(&self, others: &[Speed]) -> String {
        let mut text = format!(
            "Measured on {} with {}: {}. One flush of 4 KiB to its disk takes {:.0} µs. {}.\n\n",
            day(now()),
            self.engine,
            self.machine.description,
            self.machine.flush_micros,
            self.how,
        );
        text.push_str(
            "| operation | users | op/s | slowest to fastest run | p50 ms | p99 ms | server CPU µs | floor µs | ratio | database CPU µs | load CPU µs | other cores |\n\
             | --- | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: |\n",
        );
        for line in &self.lines {
            let _ = writeln!(text, "{}", row(line));
        }
        self.halves(&mut text);
        self.rest(&mut text);
        let judged = if self.engine == EMBEDDED { self.targets() } else { self.beside(others) };
        if !judged.is_empty() {
            let _ = write!(text, "\nTargets:\n\n{}\n", judged.join("\n"));
        }
        text
    }

    /// Prints the report, and puts it between its marks in the document; what people wrote around them stays.
    pub(crate) fn tell(&self, file: Option<&Path>) -> Result<()> {
        let document = file.map(|file| fs::read_to_string(file).context("the document cannot be read"));
        let document = document.transpose()?.unwrap_or_default();
        let text = self.text(&speeds(between(&document, EMBEDDED).map_or("", |(_, inside, _)| inside)));
        println!("\n{text}");
        let Some(file) = file else { return Ok(()) };
        let (before, _, after) =
            between(&document, self.engine).with_context(|| format!("{} has no marks", file.display()))?;
        fs::write(file, format!("{before}\n{text}{after}"))?;
        println!("written to {}", file.display());
        Ok(())
    }

    fn halves(&self, text: &mut String) {
        let split: Vec<_> = self.lines.iter().filter_map(|line| Some((line, line.op.halves()?))).collect();
        if split.is_empty() {
            return;
        }
        text.push_str("\nThe two requests of an operation:\n\n| request | users | p50 ms | p99 ms |\n| --- | ---: | ---: | ---: |\n");
        for (line, names) in split {
            for (name, [p50, p99]) in names.iter().zip(line.measured.halves) {
                let _ =
                    writeln!(text, "| {}: {name} | {} | {p50:.2} | {p99:.2} |", line.op.title(), line.users);
            }
        }
    }

    fn rest(&self, text: &mut String) {
        text.push_str("\n| what | value |\n| --- | ---: |\n");
        let mut say = |what: &str, value: String| {
            let _ = writeln!(text, "| {what} | {value} |");
        };
        if let Some(start) = &self.start {
            say(
                "cold start, from process to the first answer of `/readyz`",
                format!("{:.0} ms", start.cold_ms),
            );
            say("idle memory", format!("{:.1} MiB", start.idle_memory as f64 / MIB));
            say("binary", format!("{:.1} MB", start.binary as f64 / 1e6));
        }
        if let Some(memory) = self.memory_after {
            say("memory after all operations", format!("{:.1} MiB", memory as f64 / MIB));
        }
        if let Some(mail) = &self.mail {
            say(
                "mails leaving, to a mail server that takes them at once",
                format!("{:.0}/s", mail.per_second),
            );
            say("server CPU for a mail, asking for the code included", format!("{:.0} µs", mail.server_cpu));
        }
    }

    /// A database server against the embedded database on the same machine.
    fn beside(&self, others: &[Speed]) -> Vec<String> {
        let pairs = self.lines.iter().filter_map(|line| {
            let other = others.iter().find(|o| o.title == line.op.title() && o.users == line.users)?;
            Some((line, other.per_second))
        });
        let judged = pairs.map(|(line, embedded)| {
            let part = line.measured.per_second / embedded.max(1.0);
            let name = format!("{} with {} users", line.op.title(), line.users);
            let what = format!("{name}: {:.0} % of {EMBEDDED}'s, at least a third", part * 100.0);
            judged(part >= LEAST_OF_EMBEDDED, &what)
        });
        judged.collect()
    }

    fn targets(&self) -> Vec<String> {
        let mut lines = Vec::new();
        let mut judge = |reached: bool, what: String| lines.push(judged(reached, &what));
        for line in &self.lines {
            let (m, name) = (&line.measured, format!("{} with {} users", line.op.title(), line.users));
            if let Some(target) = line.op.target() {
                let reached = m.per_second >= target.per_second;
                judge(reached, format!("{name}: {:.0}/s of {:.0}/s", m.per_second, target.per_second));
                if let Some(most) = target.p99_ms {
                    judge(m.p99 < most, format!("{name}: p99 {:.1} ms, under {most} ms", m.p99));
                }
            }
            if line.floor > 0.0 {
                let ratio = m.server_cpu / line.floor;
                judge(
                    ratio <= MOST_OF_FLOOR,
                    format!("{name}: {ratio:.1} times the floor, at most {MOST_OF_FLOOR}"),
                );
            }
        }
        for (few, many) in self.growths() {
            let times = many.measured.p50 / few.measured.p50.max(0.001);
            let percent = (times - 1.0) * 100.0;
            let what =
                format!("{}: p50 {percent:+.0} % from {} to {} users", few.op.title(), few.users, many.users);
            judge(times <= MOST_GROWTH, what);
        }
        if let Some(start) = &self.start {
            judge(start.cold_ms < 200.0, format!("cold start {:.0} ms, under 200 ms", start.cold_ms));
            let memory = start.idle_memory as f64 / MIB;
            judge(memory < 40.0, format!("idle memory {memory:.1} MiB, under 40 MiB"));
            let size = start.binary as f64 / 1e6;
            judge(size < 25.0, format!("binary {size:.1} MB, under 25 MB"));
        }
        lines
    }

    /// Operations with the fewest users beside the same with the most.
    fn growths(&self) -> Vec<(&Line, &Line)> {
        let few = self.lines.iter().map(|line| line.users).min();
        let many = self.lines.iter().map(|line| line.users).max();
        let of = |users, op| self.lines.iter().find(|line| Some(line.users) == users && line.op == op);
        let pairs = Op::ALL.iter().filter_map(|op| Some((of(few, *op)?, of(many, *op)?)));
        pairs.filter(|(few, many)| few.users < many.users).collect()
    }
}

fn judged(reached: bool, what: &str) -> String {
    format!("- {}: {what}", if reached { "reached" } else { "**missed**" })
}

/// What the document says of an operation.
#[derive(Debug, PartialEq)]
struct Speed {
    title: String,
    users: u64,
    per_second: f64,
}

/// The speeds in a table of operations.
fn speeds(table: &str) -> Vec<Speed> {
    let row = |line: &str| {
        let mut cells = line.strip_prefix("| ")?.split(" | ");
        let (title, users, per_second) = (cells.next()?, cells.next()?, cells.next()?);
        let (users, per_second) = (users.parse().ok()?, per_second.parse().ok()?);
        // Other tables have fewer cells.
        (cells.count() > 5).then(|| Speed { title: title.to_owned(), users, per_second })
    };
    table.lines().filter_map(row).collect()
}

/// The document up to the mark before an engine's report, the report, and the rest from the mark after it.
fn between<'a>(document: &'a str, engine: &str) -> Option<(&'a str, &'a str, &'a str)> {
    let [first, last] = marks(engine);
    let from = document.find(&first)? + first.len();
    let to = from + document.get(from..)?.find(&last)?;
    Some((document.get(..from)?, document.get(from..to)?, document.get(to..)?))
}

/// Between which lines of the document an engine's report stands.
fn marks(engine: &str) -> [String; 2] {
    let name = engine.to_lowercase();
    [format!("<!-- bench: {name} -->"), format!("<!-- bench: {name}, end -->")]
}

/// A line of the table.
pub(crate) fn row(line: &Line) -> String {
    let m = &line.measured;
    let [floor, ratio] = if line.floor > 0.0 {
        [format!("{:.0}", line.floor), format!("{:.1}", m.server_cpu / line.floor)]
    } else {
        ["–".to_owned(), "–".to_owned()]
    };
    let database = m.database_cpu.map_or("–".to_owned(), |micros| format!("{micros:.0}"));
    format!(
        "| {} | {} | {:.0} | {:.0}–{:.0} | {:.2} | {:.2} | {:.0} | {floor} | {ratio} | {database} | {:.0} | {:.2} |",
        line.op.title(),
        line.users,
        m.per_second,
        m.range[0],
        m.range[1],
        m.p50,
        m.p99,
        m.server_cpu,
        m.load_cpu,
        m.others,
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_report_stands_between_the_marks_of_its_engine() {
        let document = "a<!-- bench: sqlite -->b<!-- bench: sqlite, end -->c";
        let found = Some(("a<!-- bench: sqlite -->", "b", "<!-- bench: sqlite, end -->c"));
        assert_eq!(between(document, "SQLite"), found);
        assert_eq!(between(document, "PostgreSQL"), None);
    }

    /// Else a measurement of half an hour would end without a place to write to.
    #[test]
    fn the_document_has_a_place_for_each_engine() {
        let document = include_str!("../../docs/performance.md");
        for engine in [None, Some("postgres://x")].map(Database::engine) {
            assert!(between(document, engine).is_some(), "{engine}");
        }
    }

    #[test]
    fn speeds_are_read_from_a_table() {
        let line = Line { op: Op::Totp, users: 10_000, measured: Measured::default(), floor: 150.0 };
        let text = format!(
            "| operation | users |\n| --- | ---: |\n{}\n| a: b | 10000 | 1.00 | 2.00 |\n",
            row(&line)
        );
        let expected = Speed { title: Op::Totp.title().to_owned(), users: 10_000, per_second: 0.0 };
        assert_eq!(speeds(&text), [expected]);
    }
}
