//! A PostgreSQL of our own for the tests and the bench: in a temporary folder, without a port, gone when this program
//! ends.

use crate::{process, system};
use anyhow::{Context as _, Result, bail};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;
use std::{env, fs, thread};

/// The one cluster of this run.
static RUNNING: Mutex<Option<Cluster>> = Mutex::new(None);

/// A running server, until it is dropped.
pub(crate) struct Cluster {
    folder: PathBuf,
    watcher: Child,
}

/// For the tests nothing is kept, so nothing is synced.
const FOR_TESTS: &str =
    "-c max_connections=1000 -c fsync=off -c full_page_writes=off -c synchronous_commit=off";
/// For the bench everything is as an operator would have it: each commit is on disk before it is answered.
pub(crate) const FOR_BENCH: &str = "-c shared_buffers=1GB -c max_wal_size=4GB";

/// Another server for the tests, which then need none of ours.
const NAMED: &str = "STILE_TEST_POSTGRES";

/// Starts the cluster.
pub(crate) fn start() -> Result<String> {
    if env::var_os(NAMED).is_some() {
        return Ok(format!("the one of {NAMED}"));
    }
    let programs = system::postgres()?;
    let version = process::run(Command::new(programs.join("postgres")).arg("--version"))?;
    let cluster = Cluster::start(&programs, &env::temp_dir(), FOR_TESTS)?;
    *RUNNING.lock().unwrap_or_else(PoisonError::into_inner) = Some(cluster);
    Ok(version.trim().replace("postgres (PostgreSQL)", "PostgreSQL"))
}

/// The URL of its administrator, as the tests want it.
pub(crate) fn url() -> Result<String> {
    if let Ok(named) = env::var(NAMED) {
        return Ok(named);
    }
    let running = RUNNING.lock().unwrap_or_else(PoisonError::into_inner);
    let cluster = running.as_ref().context("PostgreSQL was not started")?;
    Ok(cluster.url())
}

/// One for the bench, on a disk: what is in the folder for temporary files may be in memory only.
pub(crate) fn durable() -> Result<Cluster> {
    let disk = Path::new("/var/tmp");
    let parent = if disk.is_dir() { disk.to_owned() } else { env::temp_dir() };
    Cluster::start(&system::postgres()?, &parent, FOR_BENCH)
}

/// Stops the cluster, if there is one, and waits for its end.
pub(crate) fn stop() {
    RUNNING.lock().unwrap_or_else(PoisonError::into_inner).take();
}

/// Runs the server until nobody holds the other end of its standard input any more: that happens when this
/// program stops it, and just as well when it is interrupted or killed.
const WATCH: &str = r#"
"$0/postgres" -D "$1/data" -k "$1" -c listen_addresses= $2 </dev/null >"$1/log" 2>&1 &
cat >/dev/null
kill -INT $!
wait
rm -rf "$1"
"#;

impl Cluster {
    fn start(programs: &Path, parent: &Path, options: &str) -> Result<Self> {
        let folder = parent.join(format!("stile-postgres-{}", std::process::id()));
        fs::create_dir(&folder).with_context(|| format!("cannot make {}", folder.display()))?;
        let user = user()?;
        let user = user.as_ref();
        if let Some((user, _)) = user {
            process::run(Command::new("chown").arg(user).arg(&folder))?;
        }
        let data = folder.join("data");
        process::run(
            as_user(user, &programs.join("initdb"))
                .args([
                    "--username=postgres",
                    "--auth=trust",
                    "--encoding=UTF8",
                    "--no-locale",
                    "--no-sync",
                    "-D",
                ])
                .arg(&data),
        )?;
        let mut watcher = as_user(user, Path::new("sh"));
        watcher
            .args(["-c", WATCH])
            .args([programs, &folder])
            .arg(options)
            .stdin(Stdio::piped())
            .stdout(Stdio::null());
        // Ctrl-C reaches all processes of a group: the tidying up is left to this one.
        #[cfg(unix)]
        std::os::unix::process::CommandExt::process_group(&mut watcher, 0);
        let watcher = watcher.spawn().context("cannot start PostgreSQL")?;
        let cluster = Self { folder, watcher };
        cluster.wait(programs)?;
        Ok(cluster)
    }

    /// The URL of its administrator.
    pub(crate) fn url(&self) -> String {
        format!("postgres:///postgres?host={}&user=postgres", self.folder.display())
    }

    /// Waits until it answers.
    fn wait(&self, programs: &Path) -> Result<()> {
        for _ in 0..300 {
            let mut ready = Command::new(programs.join("pg_isready"));
            if ready.args(["-q", "-h"]).arg(&self.folder).status().is_ok_and(|status| status.success()) {
                return Ok(());
            }
            thread::sleep(Duration::from_millis(100));
        }
        let log = fs::read_to_string(self.folder.join("log")).unwrap_or_default();
        bail!("PostgreSQL does not start\n{}", log.trim_end())
    }
}

impl Drop for Cluster {
    fn drop(&mut self) {
        drop(self.watcher.stdin.take());
        if let Err(error) = self.watcher.wait() {
            eprintln!("PostgreSQL in {} may still run: {error}", self.folder.display());
        }
    }
}

/// A user, and its group as a number.
type User = (&'static str, String);

/// PostgreSQL refuses to run as root: the user to run it as, or none when we are somebody else already.
fn user() -> Result<Option<User>> {
    if !system::root() {
        return Ok(None);
    }
    let group = |user| {
        let output = Command::new("id").args(["-g", user]).output().ok()?;
        output.status.success().then(|| (user, String::from_utf8_lossy(&output.stdout).trim().to_owned()))
    };
    let user = ["postgres", "nobody"].into_iter().find_map(group);
    Ok(Some(user.context("PostgreSQL does not run as root, and there is no user `postgres` or `nobody`")?))
}

fn as_user(user: Option<&User>, program: &Path) -> Command {
    let Some((user, group)) = user else { return Command::new(program) };
    let mut command = Command::new("setpriv");
    command.args(["--reuid", user, "--regid", group, "--clear-groups", "--"]).arg(program);
    // Its own folder may be closed to that user.
    command.current_dir("/");
    command
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The server ends with the pipe that its watcher reads, and takes its folder with it.
    #[test]
    fn a_cluster_goes_away_with_its_holder() {
        let Some(programs) = system::postgres_found() else { return };
        let cluster = Cluster::start(&programs, &env::temp_dir(), FOR_TESTS).unwrap();
        let folder = cluster.folder.clone();
        assert!(folder.join("data/postmaster.pid").exists());
        drop(cluster);
        assert!(!folder.exists());
    }
}
