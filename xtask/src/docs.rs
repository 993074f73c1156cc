//! The documents must tell the truth: their commands exist, their links lead somewhere.

use crate::{args, server};
use anyhow::{Context as _, Result, bail};
use std::path::{Path, PathBuf};
use std::{fs, process};

/// The two commands that a reader of the README types.
const SETUP: [&str; 2] = ["cargo xtask up", "cargo xtask test"];

/// Every command in the documents is one that `cargo xtask` or `stile` knows, and the README asks
/// for nothing beside [`SETUP`]. Needs the server binary.
pub(crate) fn commands() -> Result<String> {
    each_command(|command, readme| check(command, readme).and_then(|()| known_to_stile(command)))
}

/// As [`commands`], without those of `stile`.
#[cfg(test)]
pub(crate) fn commands_of_xtask() -> Result<String> {
    each_command(check)
}

fn each_command(check: impl Fn(&str, bool) -> Result<()>) -> Result<String> {
    let mut wrong = Vec::new();
    let mut checked = 0;
    for file in documents()? {
        let text = fs::read_to_string(&file)?;
        for (line, command) in shell_lines(&text) {
            checked += 1;
            if let Err(error) = check(&command, file.ends_with("README.md")) {
                wrong.push(format!("{}:{line}: {command}\n    {error:#}", file.display()));
            }
        }
    }
    if !wrong.is_empty() {
        bail!("{}", wrong.join("\n"));
    }
    Ok(format!("{checked} commands"))
}

/// Every relative link in the documents leads to a file.
pub(crate) fn links() -> Result<String> {
    let mut wrong = Vec::new();
    let mut checked = 0;
    for file in documents()? {
        let text = fs::read_to_string(&file)?;
        let folder = file.parent().unwrap_or(Path::new("."));
        for target in link_targets(&text) {
            checked += 1;
            if !folder.join(&target).exists() {
                wrong.push(format!("{}: {target} does not exist", file.display()));
            }
        }
    }
    if !wrong.is_empty() {
        bail!("{}", wrong.join("\n"));
    }
    Ok(format!("{checked} links"))
}

/// The Markdown files at the top and under `docs/`.
pub(crate) fn documents() -> Result<Vec<PathBuf>> {
    let mut found = Vec::new();
    let mut folders = vec![PathBuf::from("."), PathBuf::from("docs")];
    while let Some(folder) = folders.pop() {
        let Ok(entries) = fs::read_dir(&folder) else { continue };
        for entry in entries {
            let path = entry?.path();
            if path.extension().is_some_and(|ending| ending == "md") {
                found.push(path);
            } else if path.is_dir() && folder.starts_with("docs") {
                folders.push(path);
            }
        }
    }
    found.sort();
    Ok(found)
}

fn check(command: &str, readme: bool) -> Result<()> {
    if readme && !SETUP.iter().any(|setup| command.starts_with(setup)) {
        bail!("the README sets up with {} alone", SETUP.join(" and "));
    }
    if let Some(words) = command.strip_prefix("cargo xtask") {
        let words: Vec<String> = words.split_whitespace().map(str::to_owned).collect();
        args::parse(&words)?;
    }
    Ok(())
}

/// Asks the binary itself: the subcommand must have a help page, and the page every flag.
fn known_to_stile(command: &str) -> Result<()> {
    let mut words = command.split_whitespace().peekable();
    if words.next() != Some("stile") {
        return Ok(());
    }
    // The first word must be a subcommand; a further one may be, or is a value.
    let mut names: Vec<&str> = words.next_if(|word| !word.starts_with('-')).into_iter().collect();
    let mut page = help(&names).context("`stile` has no such command")?;
    while let Some(name) = words.next_if(|word| !word.starts_with('-')) {
        names.push(name);
        match help(&names) {
            Ok(deeper) => page = deeper,
            Err(_) => break,
        }
    }
    for flag in words.filter(|word| word.starts_with("--")) {
        let name = flag.split('=').next().unwrap_or(flag);
        if !page.contains(name) {
            bail!("`{name}` is not a flag of it");
        }
    }
    Ok(())
}

fn help(names: &[&str]) -> Result<String> {
    let output = process::Command::new(server::path()?).args(names).arg("--help").output()?;
    if !output.status.success() {
        bail!("no help page");
    }
    Ok(String::from_utf8_lossy(&output.stdout).into_owned())
}

/// The commands in fenced shell blocks, and the `cargo xtask` ones between backticks, with their
/// line numbers. A word in capitals is a placeholder; such a command is left out.
fn shell_lines(text: &str) -> Vec<(usize, String)> {
    let mut found = Vec::new();
    let mut fence: Option<bool> = None;
    for (at, line) in text.lines().enumerate() {
        if let Some(label) = line.trim_start().strip_prefix("```") {
            fence = match fence {
                Some(_) => None,
                None => Some(["", "sh", "bash", "shell", "console"].contains(&label.trim())),
            };
            continue;
        }
        match fence {
            Some(true) => {
                let command = line.split(" #").next().unwrap_or(line).trim().trim_start_matches("$ ");
                if !command.is_empty() && !command.starts_with('#') {
                    found.push((at + 1, command.to_owned()));
                }
            }
            Some(false) => {}
            None => {
                let spans = line.split('`').skip(1).step_by(2);
                let ours = spans.filter(|span| span.starts_with("cargo xtask "));
                found.extend(ours.map(|span| (at + 1, span.to_owned())));
            }
        }
    }
    let placeholder =
        |word: &str| word.len() > 1 && word.chars().all(|c| c.is_ascii_uppercase() || "[]…_.".contains(c));
    found.retain(|(_, command)| !command.split_whitespace().any(placeholder));
    found
}

/// The targets of Markdown links that name a file, without their anchors.
fn link_targets(text: &str) -> Vec<String> {
    let targets = text.split("](").skip(1).filter_map(|rest| rest.split([')', ' ']).next());
    let files = targets.map(|target| target.split('#').next().unwrap_or(target));
    files.filter(|target| !target.is_empty() && !target.contains(':')).map(str::to_owned).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn commands_are_found_in_shell_blocks_and_in_passing() {
        let text = "Say `cargo xtask test rust`, not `cargo xtask test AREA`.\n\n```sh\n$ cargo xtask up # now\n\n# note\nstile dev --listen x\n```\n```json\n{}\n```\n";
        let lines = shell_lines(text);
        let found: Vec<&str> = lines.iter().map(|(_, command)| command.as_str()).collect();
        assert_eq!(found, ["cargo xtask test rust", "cargo xtask up", "stile dev --listen x"]);
        assert_eq!(lines[1].0, 4);
    }

    #[test]
    fn the_readme_asks_for_the_two_commands_alone() {
        assert!(check("cargo xtask up", true).is_ok());
        assert!(check("npm ci", true).is_err());
        assert!(check("npm ci", false).is_ok());
        assert!(check("cargo xtask deploy", false).is_err());
    }

    #[test]
    fn links_to_files_are_told_from_others() {
        let text = "[a](SECURITY.md#how) [b](http://localhost:7845/demo) [c](#here) [d](docs/x.md)";
        assert_eq!(link_targets(text), ["SECURITY.md", "docs/x.md"]);
    }
}
