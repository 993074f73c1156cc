//! The command line of `cargo xtask`, read without side effects: the documents are checked with it.

use crate::bench::Bench;
use crate::faults::Faults;
use anyhow::{Context as _, Result, bail};

/// What `cargo xtask` alone prints.
pub(crate) const USAGE: &str = "\
cargo xtask up [-- FLAG...]     build everything and start Stile with its demo; FLAGs go to `stile dev`
cargo xtask test [AREA...]      check everything, or only some areas
    --list                      tell what would be done
    --fail-fast                 stop at the first step that fails
cargo xtask bench               measure the server under load and write docs/performance.md
    --quick                     a first impression, not written down
    --users N[,N]               with so many users, instead of 10000 and 1000000; not written down
    --op NAME                   one operation only; not written down
    --runs N, --seconds N       how many runs, and how long each is
    --database postgres         on a PostgreSQL of its own instead of the embedded database
    --database URL              on this database server, by the URL of an administrator
cargo xtask faults              kill, cut off and fill under load, and look what is left (docs/faults.md)
    --rounds N                  so many kills, instead of 1000; the other runs follow from it
    --only NAME                 one run: kills, disk, clock, mail, postgres
cargo xtask codegen             write openapi.json and the types of packages/api anew

areas: format, lint, rust, sdk, docs, e2e
";

/// The parts of the test command, in the order in which they are printed.
pub(crate) const AREAS: [&str; 6] = ["format", "lint", "rust", "sdk", "docs", "e2e"];

/// One invocation.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Command {
    /// Print the usage.
    Help,
    /// Build and start; `flags` go to `stile dev` as they are.
    Up {
        /// Words after `--`.
        flags: Vec<String>,
    },
    /// Check the areas; none named means all.
    Test {
        /// Members of [`AREAS`].
        areas: Vec<String>,
        /// Only tell.
        list: bool,
        /// Stop at the first failure.
        fail_fast: bool,
    },
    /// Measure.
    Bench(Bench),
    /// Break things under load.
    Faults(Faults),
    /// Generate `openapi.json` and what follows from it.
    Codegen,
    /// Not for people: `up` starts this beside the server to open a browser once it answers.
    OpenWhenUp {
        /// Where to knock, `host:port`.
        address: String,
        /// What to open.
        url: String,
    },
}

/// Reads the words after `cargo xtask`.
pub(crate) fn parse(words: &[String]) -> Result<Command> {
    let Some((name, rest)) = words.split_first() else { return Ok(Command::Help) };
    match (name.as_str(), rest) {
        ("help" | "--help" | "-h", _) => Ok(Command::Help),
        ("up", []) => Ok(Command::Up { flags: Vec::new() }),
        ("up", [dashes, flags @ ..]) if dashes == "--" => Ok(Command::Up { flags: flags.to_vec() }),
        ("up", [word, ..]) => bail!("`up` takes flags for the server after `--` only, found `{word}`"),
        ("test", rest) => parse_test(rest),
        ("bench", rest) => parse_bench(rest),
        ("faults", rest) => parse_faults(rest),
        ("codegen", []) => Ok(Command::Codegen),
        ("codegen", [word, ..]) => bail!("`codegen` takes nothing, found `{word}`"),
        ("open-when-up", [address, url]) => {
            Ok(Command::OpenWhenUp { address: address.clone(), url: url.clone() })
        }
        _ => bail!("no such command: `{name}`\n\n{USAGE}"),
    }
}

fn parse_test(words: &[String]) -> Result<Command> {
    let (mut areas, mut list, mut fail_fast) = (Vec::new(), false, false);
    for word in words {
        match word.as_str() {
            "--list" => list = true,
            "--fail-fast" => fail_fast = true,
            area if AREAS.contains(&area) => areas.push(word.clone()),
            _ => bail!("no such area or flag: `{word}`\n\n{USAGE}"),
        }
    }
    Ok(Command::Test { areas, list, fail_fast })
}

fn parse_bench(words: &[String]) -> Result<Command> {
    let mut bench = Bench::default();
    let mut words = words.iter();
    while let Some(word) = words.next() {
        let mut value = || words.next().cloned().map(Some).with_context(|| format!("`{word}` needs a value"));
        match word.as_str() {
            "--quick" => bench.quick = true,
            "--users" => bench.users = value()?,
            "--op" => bench.op = value()?,
            "--runs" => bench.runs = value()?,
            "--seconds" => bench.seconds = value()?,
            "--database" => bench.database = value()?,
            _ => bail!("no such flag: `{word}`\n\n{USAGE}"),
        }
    }
    Ok(Command::Bench(bench))
}

fn parse_faults(words: &[String]) -> Result<Command> {
    let mut faults = Faults::default();
    let mut words = words.iter();
    while let Some(word) = words.next() {
        let mut value = || words.next().cloned().map(Some).with_context(|| format!("`{word}` needs a value"));
        match word.as_str() {
            "--rounds" => faults.rounds = value()?,
            "--only" => faults.only = value()?,
            _ => bail!("no such flag: `{word}`\n\n{USAGE}"),
        }
    }
    Ok(Command::Faults(faults))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(line: &str) -> Result<Command> {
        parse(&line.split_whitespace().map(str::to_owned).collect::<Vec<_>>())
    }

    #[test]
    fn flags_for_the_server_come_after_the_dashes() {
        let up = |flags: &[&str]| Command::Up { flags: flags.iter().map(|&f| f.to_owned()).collect() };
        assert_eq!(read("up").unwrap(), up(&[]));
        assert_eq!(read("up -- --listen 127.0.0.1:9000").unwrap(), up(&["--listen", "127.0.0.1:9000"]));
        assert!(read("up --listen 127.0.0.1:9000").is_err());
    }

    #[test]
    fn areas_and_flags_mix() {
        let expected =
            Command::Test { areas: vec!["rust".into(), "e2e".into()], list: false, fail_fast: true };
        assert_eq!(read("test rust --fail-fast e2e").unwrap(), expected);
        assert!(read("test ruts").is_err());
        assert!(read("deploy").is_err());
    }

    #[test]
    fn the_bench_takes_values() {
        let expected = Bench { quick: true, op: Some("email".into()), ..Bench::default() };
        assert_eq!(read("bench --quick --op email").unwrap(), Command::Bench(expected));
        assert!(read("bench --op").is_err());
        assert!(read("bench --fast").is_err());
    }

    #[test]
    fn faults_take_values() {
        let expected = Faults { rounds: Some("8".into()), ..Faults::default() };
        assert_eq!(read("faults --rounds 8").unwrap(), Command::Faults(expected));
        assert!(read("faults --rounds").is_err());
    }

    #[test]
    fn the_usage_names_every_area() {
        assert!(USAGE.ends_with(&format!("areas: {}\n", AREAS.join(", "))));
    }
}
