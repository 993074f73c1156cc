//! `cargo xtask test`: the table of everything that is checked.

use crate::step::{self, PREPARE, Step};
use crate::{codegen, docs, faults, node, postgres, process, server, system};
use anyhow::{Result, bail};
use std::fs;
use std::process::ExitCode;

const INSTALL: &str = "install the packages";
const BUILD: &str = "build the packages and the demo";
const SERVER: &str = "build the server";
const POSTGRES: &str = "find or install PostgreSQL, start it";
const CHROMIUM: &str = "find or install Chromium";

/// In the order of running: cheap ones first, and whatever compiles Rust shares one build.
const TABLE: [Step; 18] = [
    Step { area: "format", name: "Rust sources", needs: &[], work: rustfmt },
    Step { area: PREPARE, name: INSTALL, needs: &[], work: node::install },
    Step { area: "format", name: "TypeScript sources", needs: &[INSTALL], work: biome },
    Step { area: PREPARE, name: BUILD, needs: &[INSTALL], work: node::build },
    Step { area: "lint", name: "clippy", needs: &[BUILD], work: clippy },
    Step { area: "rust", name: "tests of the crates, on SQLite", needs: &[BUILD], work: cargo_test },
    Step { area: PREPARE, name: POSTGRES, needs: &[], work: postgres::start },
    Step {
        area: "rust",
        name: "suites and commands, on PostgreSQL",
        needs: &[BUILD, POSTGRES],
        work: on_postgres,
    },
    Step { area: "sdk", name: "types of the packages", needs: &[BUILD], work: types },
    Step { area: "sdk", name: "tests of the packages", needs: &[BUILD], work: vitest },
    Step { area: "sdk", name: "packages/api is current", needs: &[INSTALL], work: generated },
    Step { area: "docs", name: "links lead somewhere", needs: &[], work: docs::links },
    Step { area: PREPARE, name: SERVER, needs: &[BUILD], work: server::build },
    Step { area: "rust", name: "faults, a few of each", needs: &[SERVER, POSTGRES], work: faults::some },
    Step { area: "sdk", name: "openapi.json is current", needs: &[SERVER], work: codegen::is_current },
    Step { area: "docs", name: "commands exist", needs: &[SERVER], work: docs::commands },
    Step { area: PREPARE, name: CHROMIUM, needs: &[], work: chromium },
    Step { area: "e2e", name: "browser journeys", needs: &[INSTALL, SERVER, CHROMIUM], work: journeys },
];

/// Checks the areas, all when none is named.
pub(crate) fn test(areas: &[String], fail_fast: bool) -> ExitCode {
    let code = step::run(&step::plan(&TABLE, areas), fail_fast);
    postgres::stop();
    code
}

/// Tells what [`test`] would do.
pub(crate) fn list(areas: &[String]) {
    for step in step::plan(&TABLE, areas) {
        println!("{:<8} {}", step.area, step.name);
    }
}

fn rustfmt() -> Result<String> {
    process::run(&mut process::cargo(&["fmt", "--all", "--check"]))?;
    Ok(String::new())
}

fn biome() -> Result<String> {
    process::run(&mut process::npm("npx", &["--no", "biome", "ci"]))?;
    Ok(String::new())
}

fn clippy() -> Result<String> {
    process::run(&mut process::cargo(&["clippy", "--workspace", "--all-targets", "--", "-D", "warnings"]))?;
    Ok(String::new())
}

fn cargo_test() -> Result<String> {
    let mut command = process::cargo(&["test", "--workspace"]);
    let output = process::run(command.env("STILE_TEST_ENGINE", "sqlite"))?;
    counted(count(&output, "test result: ok. ", ""))
}

/// The suites that take an engine; what is true of the other engine alone is left out. And the commands.
fn on_postgres() -> Result<String> {
    let suites = ["test", "--workspace", "--test", "suite", "--", "--skip", "sqlite::"];
    // With the workspace's features, so that nothing is built anew.
    let commands = ["test", "--workspace", "--test", "cli", "--", "postgres::"];
    let plans = ["test", "--workspace", "--lib", "--", "on_postgres_"];
    let mut tests = 0;
    for words in [&suites[..], &commands, &plans] {
        let mut command = process::cargo(words);
        command.env("STILE_TEST_ENGINE", "postgres").env("STILE_TEST_POSTGRES", postgres::url()?);
        let ran = count(&process::run(&mut command)?, "test result: ok. ", "");
        counted(ran)?;
        tests += ran;
    }
    counted(tests)
}

fn types() -> Result<String> {
    process::run(&mut process::npm("npm", &["run", "check", "--workspaces", "--if-present"]))?;
    Ok(String::new())
}

fn vitest() -> Result<String> {
    let output = process::run(process::npm("npm", &["test"]).env("NO_COLOR", "1"))?;
    counted(count(&output, "Tests  ", "passed"))
}

fn generated() -> Result<String> {
    process::run(&mut process::node(&["packages/api/codegen.mjs", "--check"]))?;
    Ok(String::new())
}

fn chromium() -> Result<String> {
    Ok(system::chromium()?.display().to_string())
}

fn journeys() -> Result<String> {
    let mut files = Vec::new();
    for entry in fs::read_dir("e2e")? {
        let path = entry?.path();
        if path.to_string_lossy().ends_with(".test.mjs") {
            files.push(path);
        }
    }
    files.sort();
    let mut command =
        process::node(&["--test", "--test-concurrency=2", "--test-timeout=600000", "--test-reporter=tap"]);
    command.args(files).env("STILE", server::path()?).env("CHROMIUM", system::chromium()?);
    let output = process::run(&mut command)?;
    counted(count(&output, "# pass ", ""))
}

/// A runner that ran nothing has not passed.
fn counted(tests: u32) -> Result<String> {
    if tests == 0 {
        bail!("no test was run");
    }
    Ok(format!("{tests} tests"))
}

/// Adds up the numbers that follow `before` on lines that have it, and `with` somewhere after.
fn count(output: &str, before: &str, with: &str) -> u32 {
    let number = |line: &str| -> Option<u32> {
        let (_, rest) = line.split_once(before)?;
        rest.contains(with).then(|| rest.split_whitespace().next()?.parse().ok())?
    };
    output.lines().filter_map(number).sum()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::args::AREAS;

    #[test]
    fn every_area_has_a_step_and_every_need_stands_above() {
        for area in AREAS {
            assert!(TABLE.iter().any(|step| step.area == area), "{area}");
        }
        for (at, step) in TABLE.iter().enumerate() {
            assert!(step.area == PREPARE || AREAS.contains(&step.area), "{}", step.area);
            for need in step.needs {
                assert!(TABLE[..at].iter().any(|above| above.name == *need), "{} needs {need}", step.name);
            }
        }
    }

    #[test]
    fn tests_are_counted_as_the_runners_print_them() {
        let cargo = "test result: ok. 12 passed; 0 failed\nnoise\ntest result: ok. 30 passed; 0 failed\n";
        assert_eq!(count(cargo, "test result: ok. ", ""), 42);
        assert_eq!(count(" Test Files  2 passed (2)\n      Tests  9 passed (9)\n", "Tests  ", "passed"), 9);
        assert_eq!(count("# tests 3\n# pass 3\n# fail 0\n", "# pass ", ""), 3);
    }
}
