//! Running other programs: their output is kept, and shown only when they fail.

use anyhow::{Context as _, Result, bail};
use std::env;
use std::io::{BufRead as _, BufReader, Read};
use std::process::{Command, Stdio};
use std::sync::mpsc::{self, RecvTimeoutError, Sender};
use std::thread;
use std::time::{Duration, Instant};

/// How long a silent step may last before a sign of life is printed.
const SIGN_OF_LIFE: Duration = Duration::from_secs(20);

/// The cargo that started this program.
pub(crate) fn cargo(args: &[&str]) -> Command {
    let mut command = Command::new(env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    // `cargo run` describes this package in the environment. Passed on, it could make a build
    // script believe that something changed.
    for (name, _) in env::vars_os() {
        let text = name.to_string_lossy();
        if text.starts_with("CARGO_PKG_") || text.starts_with("CARGO_MANIFEST_") {
            command.env_remove(&name);
        }
    }
    command.args(args);
    command
}

/// A program of npm's, which is a script with an ending of its own on Windows.
pub(crate) fn npm(program: &str, args: &[&str]) -> Command {
    let mut command = Command::new(if cfg!(windows) { format!("{program}.cmd") } else { program.to_owned() });
    command.args(args);
    command
}

/// Node itself.
pub(crate) fn node(args: &[&str]) -> Command {
    let mut command = Command::new("node");
    command.args(args);
    command
}

/// The command as one would type it.
pub(crate) fn line(command: &Command) -> String {
    let program = std::path::Path::new(command.get_program());
    let mut words = vec![program.file_stem().unwrap_or(command.get_program()).to_string_lossy()];
    words.extend(command.get_args().map(|word| word.to_string_lossy()));
    words.join(" ")
}

/// Runs to the end, and gives what was printed on either stream. An unsuccessful end is an error
/// that carries the output.
pub(crate) fn run(command: &mut Command) -> Result<String> {
    println!("       {}", line(command));
    let mut child = command
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .with_context(|| format!("cannot start `{}`", line(command)))?;

    let (sender, lines) = mpsc::channel();
    if let Some(stream) = child.stdout.take() {
        forward(stream, sender.clone());
    }
    if let Some(stream) = child.stderr.take() {
        forward(stream, sender);
    }

    let started = Instant::now();
    let mut said = started;
    let mut output = String::new();
    let mut last = String::new();
    loop {
        match lines.recv_timeout(SIGN_OF_LIFE) {
            Ok(text) => {
                output.push_str(&text);
                output.push('\n');
                if !text.trim().is_empty() {
                    last = text;
                }
            }
            Err(RecvTimeoutError::Timeout) => {}
            Err(RecvTimeoutError::Disconnected) => break,
        }
        if said.elapsed() >= SIGN_OF_LIFE {
            said = Instant::now();
            let short: String = last.trim().chars().take(80).collect();
            println!("       … {} s, at: {short}", started.elapsed().as_secs());
        }
    }

    let status = child.wait().context("lost sight of the program")?;
    if !status.success() {
        bail!("`{}` failed ({status})\n{}", line(command), output.trim_end());
    }
    Ok(output)
}

/// Sends the lines of a stream from a thread of its own, which ends with the stream.
fn forward(stream: impl Read + Send + 'static, lines: Sender<String>) {
    thread::spawn(move || {
        let mut reader = BufReader::new(stream);
        let mut bytes = Vec::new();
        while reader.read_until(b'\n', &mut bytes).is_ok_and(|count| count > 0) {
            let text = String::from_utf8_lossy(&bytes).trim_end().to_owned();
            bytes.clear();
            if lines.send(text).is_err() {
                return;
            }
        }
    });
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn output_is_kept() {
        assert!(run(&mut cargo(&["--version"])).unwrap().starts_with("cargo "));
    }

    #[test]
    fn failure_carries_the_output() {
        let error = run(&mut cargo(&["--no-such-flag"])).unwrap_err().to_string();
        assert!(error.starts_with("`cargo --no-such-flag` failed"), "{error}");
        assert!(error.contains("unexpected argument"), "{error}");
    }

    #[test]
    fn missing_program_is_named() {
        let error = run(&mut Command::new("no-such-program")).unwrap_err().to_string();
        assert_eq!(error, "cannot start `no-such-program`");
    }
}
