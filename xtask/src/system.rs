//! What a step needs from the machine, and getting it where that is possible.

use crate::process;
use anyhow::{Context as _, Result, bail};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;
use std::{env, fs};

/// The oldest Node that everything runs with.
const NODE: u32 = 20;

/// The first of these programs that is on the search path.
pub(crate) fn find(programs: &[&str]) -> Option<PathBuf> {
    let path = env::var_os("PATH")?;
    programs.iter().find_map(|program| {
        env::split_paths(&path)
            .map(|folder| folder.join(format!("{program}{}", env::consts::EXE_SUFFIX)))
            .find(|file| file.is_file())
    })
}

/// Fails with a plain sentence when Node is missing or too old.
pub(crate) fn check_node() -> Result<()> {
    let output = process::node(&["--version"])
        .output()
        .with_context(|| format!("Node {NODE} or newer is needed and was not found"))?;
    let version = String::from_utf8_lossy(&output.stdout).trim().to_owned();
    let major = version.trim_start_matches('v').split('.').next().and_then(|text| text.parse::<u32>().ok());
    if major.is_none_or(|major| major < NODE) {
        bail!("Node {NODE} or newer is needed, this is {version}");
    }
    Ok(())
}

/// A Chromium for the browser journeys. The variable `CHROMIUM` names another one.
pub(crate) fn chromium() -> Result<PathBuf> {
    if let Some(named) = env::var_os("CHROMIUM").map(PathBuf::from) {
        return Ok(named);
    }
    let app = Path::new("/Applications/Google Chrome.app/Contents/MacOS/Google Chrome");
    if app.is_file() {
        return Ok(app.to_owned());
    }
    program(&["chromium", "chromium-browser", "google-chrome", "google-chrome-stable"], "chromium")
}

/// The folder of PostgreSQL's programs.
pub(crate) fn postgres() -> Result<PathBuf> {
    if let Some(found) = postgres_found() {
        return Ok(found);
    }
    may_install("postgresql", "put the folder of `initdb` and `postgres` on the PATH")?;
    update()?;
    // By itself the package would make a cluster for the whole machine and start it.
    process::run(&mut apt(&["install", "-y", "postgresql-common"]))?;
    let settings = Path::new("/etc/postgresql-common/createcluster.conf");
    let text = fs::read_to_string(settings).unwrap_or_default();
    fs::write(settings, format!("{text}\ncreate_main_cluster = false\n"))?;
    process::run(&mut apt(&["install", "-y", "postgresql"]))?;
    fs::write(settings, text)?;
    postgres_found().context("postgresql was installed, but its programs are not where they were looked for")
}

/// As [`postgres`], without installing anything. Debian keeps the programs of each version in a folder off the PATH;
/// links to some of them may be on it.
pub(crate) fn postgres_found() -> Option<PathBuf> {
    let versions = fs::read_dir("/usr/lib/postgresql").into_iter().flatten().flatten();
    let mut folders: Vec<PathBuf> = versions.map(|entry| entry.path().join("bin")).collect();
    folders.sort();
    folders.reverse();
    folders
        .extend(["postgres", "initdb"].iter().filter_map(|name| find(&[name])?.parent().map(Path::to_owned)));
    folders.push("/usr/local/bin".into());
    folders
        .into_iter()
        .find(|folder| ["postgres", "initdb", "pg_isready"].iter().all(|name| folder.join(name).is_file()))
}

/// The first of `programs` on this machine. When there is none, the Debian package is installed if
/// we may; if not, the error is the command to type.
fn program(programs: &[&str], package: &str) -> Result<PathBuf> {
    if let Some(found) = find(programs) {
        return Ok(found);
    }
    may_install(package, &format!("put one of these on the PATH: {}", programs.join(", ")))?;
    update()?;
    process::run(&mut apt(&["install", "-y", package]))?;
    find(programs)
        .with_context(|| format!("{package} was installed, but none of {programs:?} is on the PATH"))
}

/// Fails with what to type when we cannot install packages ourselves.
fn may_install(package: &str, otherwise: &str) -> Result<()> {
    if find(&["apt-get"]).is_none() || !root() {
        bail!(
            "{package} is missing. On Debian or Ubuntu, install it with\n    \
             sudo apt-get update && sudo apt-get install -y {package}\n\
             or {otherwise}"
        );
    }
    Ok(())
}

/// Reads the package lists, once for this run.
fn update() -> Result<()> {
    static DONE: OnceLock<()> = OnceLock::new();
    if DONE.get().is_none() {
        process::run(&mut apt(&["update"]))?;
        DONE.get_or_init(|| ());
    }
    Ok(())
}

fn apt(args: &[&str]) -> Command {
    let mut command = Command::new("apt-get");
    command.args(args).env("DEBIAN_FRONTEND", "noninteractive");
    command
}

/// Whether we may do everything on this machine.
pub(crate) fn root() -> bool {
    Command::new("id").arg("-u").output().is_ok_and(|output| output.stdout.trim_ascii() == b"0")
}
