//! `cargo xtask up`: from a fresh clone to a running server with its demo.

use crate::step::{self, PREPARE, Step};
use crate::{node, process, server, system};
use anyhow::{Context as _, Result};
use std::net::TcpStream;
use std::process::{Command, ExitCode, Stdio};
use std::time::Duration;
use std::{env, thread};

/// Where `stile dev` listens when nothing else is said.
const PORT: &str = "7845";

const STEPS: [Step; 3] = [
    Step { area: PREPARE, name: "install the packages", needs: &[], work: node::install },
    Step { area: PREPARE, name: "build the packages and the demo", needs: &[], work: node::build },
    Step { area: PREPARE, name: "build the server", needs: &[], work: server::build },
];

/// Builds everything, then becomes `stile dev` with these flags.
pub(crate) fn up(flags: &[String]) -> Result<ExitCode> {
    step::prepare(&STEPS.iter().collect::<Vec<_>>())?;
    let mut command = server::stile(&["dev"])?;
    command.args(flags);
    println!("\n{}", process::line(&command));
    open_later(port(flags));
    become_process(command)
}

/// On Unix this process turns into the server, so Ctrl-C and every other signal reach it directly.
#[cfg(unix)]
fn become_process(mut command: Command) -> Result<ExitCode> {
    use std::os::unix::process::CommandExt as _;
    Err(command.exec()).context("cannot start the server")
}

/// Elsewhere the console sends Ctrl-C to both.
#[cfg(not(unix))]
fn become_process(mut command: Command) -> Result<ExitCode> {
    let status = command.status().context("cannot start the server")?;
    Ok(if status.success() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// The port in `--listen`, if any.
fn port(flags: &[String]) -> &str {
    let after = flags.iter().position(|flag| flag == "--listen").and_then(|at| flags.get(at + 1));
    let joined = || flags.iter().find_map(|flag| flag.strip_prefix("--listen="));
    let address = after.map(String::as_str).or_else(joined);
    address.and_then(|address| address.rsplit(':').next()).unwrap_or(PORT)
}

/// Starts a helper that opens the demo, where there is a desktop to open it on. Whatever goes wrong
/// with it is no concern of the server's.
fn open_later(port: &str) {
    let desktop = cfg!(any(windows, target_os = "macos"))
        || ["DISPLAY", "WAYLAND_DISPLAY"].iter().any(|name| env::var_os(name).is_some_and(|v| !v.is_empty()));
    if !desktop || env::var_os("CI").is_some() || port == "0" {
        return;
    }
    let Ok(here) = env::current_exe() else { return };
    let address = format!("127.0.0.1:{port}");
    let url = format!("http://localhost:{port}/demo");
    let _ = quiet(Command::new(here).args(["open-when-up", &address, &url])).spawn();
}

/// The helper: knocks for a minute, and opens the page when somebody answers.
pub(crate) fn open_when_up(address: &str, url: &str) {
    for _ in 0..240 {
        if TcpStream::connect(address).is_ok() {
            if let Some(mut command) = opener(url) {
                let _ = quiet(&mut command).status();
            }
            return;
        }
        thread::sleep(Duration::from_millis(250));
    }
}

fn opener(url: &str) -> Option<Command> {
    if cfg!(windows) {
        let mut command = Command::new("cmd");
        command.args(["/C", "start", "", url]);
        return Some(command);
    }
    let mut command = Command::new(system::find(&["xdg-open", "open"])?);
    command.arg(url);
    Some(command)
}

fn quiet(command: &mut Command) -> &mut Command {
    command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_browser_goes_where_the_server_listens() {
        let of = |flags: &[&str]| port(&flags.iter().map(|&f| f.to_owned()).collect::<Vec<_>>()).to_owned();
        assert_eq!(of(&[]), "7845");
        assert_eq!(of(&["--listen", "127.0.0.1:9000"]), "9000");
        assert_eq!(of(&["--data-dir", "x", "--listen=[::1]:9001"]), "9001");
    }
}
