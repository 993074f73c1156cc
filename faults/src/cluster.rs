//! A PostgreSQL of our own that syncs to disk, and can be restarted and killed; and a wire to it that can be cut.

use std::fs;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use anyhow::{Context as _, Result, bail};
use tokio::io::copy_bidirectional;
use tokio::net::{TcpListener, UnixStream};
use tokio::sync::watch;
use tokio_postgres::NoTls;

/// The server with its folder.
pub(crate) struct Cluster {
    programs: PathBuf,
    folder: PathBuf,
    child: Option<Child>,
}

impl Cluster {
    /// A new one, in a folder that its user may enter.
    pub(crate) async fn start(programs: &Path, folder: &Path) -> Result<Self> {
        fs::create_dir_all(folder)?;
        let root = fs::metadata("/proc/self").is_ok_and(|me| std::os::unix::fs::MetadataExt::uid(&me) == 0);
        if root {
            run(Command::new("chown").arg("postgres").arg(folder))?;
        }
        let mut cluster = Self { programs: programs.to_owned(), folder: folder.to_owned(), child: None };
        let data = cluster.data();
        run(cluster
            .program("initdb")
            .args([
                "--username=postgres",
                "--auth=trust",
                "--encoding=UTF8",
                "--no-locale",
                "--no-sync",
                "-D",
            ])
            .arg(data)
            .stdout(Stdio::null()))?;
        cluster.up().await?;
        Ok(cluster)
    }

    fn data(&self) -> PathBuf {
        self.folder.join("data")
    }

    /// A program of PostgreSQL's, as its user: it does not run as root.
    fn program(&self, name: &str) -> Command {
        let root = fs::metadata("/proc/self").is_ok_and(|me| std::os::unix::fs::MetadataExt::uid(&me) == 0);
        if !root {
            return Command::new(self.programs.join(name));
        }
        let mut command = Command::new("setpriv");
        command.args(["--reuid", "postgres", "--regid", "postgres", "--clear-groups", "--"]);
        command.arg(self.programs.join(name)).current_dir("/");
        command
    }

    /// Starts the server, and waits until it answers.
    async fn up(&mut self) -> Result<()> {
        for _ in 0..600 {
            if let Some(child) = &mut self.child
                && child.try_wait()?.is_none()
            {
                if self.admin().await.is_ok() {
                    return Ok(());
                }
            } else {
                // After a kill, its processes may hold the folder for a moment: then it ends, and is started again.
                let log = fs::File::options().append(true).create(true).open(self.folder.join("log"))?;
                let mut command = self.program("postgres");
                command.arg("-D").arg(self.data()).arg("-k").arg(&self.folder);
                command.args(["-c", "listen_addresses=", "-c", "max_connections=200", "-c", "fsync=on"]);
                command.stdin(Stdio::null()).stdout(log.try_clone()?).stderr(log);
                self.child = Some(command.spawn().context("PostgreSQL cannot be started")?);
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        bail!("PostgreSQL does not start")
    }

    async fn admin(&self) -> Result<tokio_postgres::Client> {
        let url = format!("postgres:///postgres?host={}&user=postgres", self.folder.display());
        let (client, connection) = tokio_postgres::connect(&url, NoTls).await?;
        tokio::spawn(connection);
        Ok(client)
    }

    /// A fresh database; answers its name.
    pub(crate) async fn database(&self) -> Result<&'static str> {
        self.admin().await?.batch_execute("CREATE DATABASE stile").await?;
        Ok("stile")
    }

    pub(crate) async fn terminate_backends(&self) -> Result<()> {
        let sql = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = 'stile'";
        self.admin().await?.batch_execute(sql).await?;
        Ok(())
    }

    /// Ends the server in this manner, and starts it again: SIGINT is a fast shutdown, SIGQUIT one without a
    /// checkpoint, SIGKILL a crash.
    pub(crate) async fn restart(&mut self, signal: &str) -> Result<()> {
        if let Some(mut child) = self.child.take() {
            run(Command::new("kill").args([signal, &child.id().to_string()]))?;
            child.wait()?;
        }
        self.up().await
    }
}

impl Drop for Cluster {
    fn drop(&mut self) {
        if let Some(mut child) = self.child.take() {
            let _told = run(Command::new("kill").args(["-QUIT", &child.id().to_string()]));
            let _ended = child.wait();
        }
    }
}

fn run(command: &mut Command) -> Result<()> {
    let status = command.status().with_context(|| format!("{command:?}"))?;
    anyhow::ensure!(status.success(), "{command:?} ended with {status}");
    Ok(())
}

/// A wire from a port to the cluster's socket. What is cut stays cut; new connections are carried.
pub(crate) struct Wire {
    pub(crate) address: SocketAddr,
    cuts: watch::Sender<usize>,
    /// For so many milliseconds nothing is carried.
    dead: Arc<AtomicUsize>,
}

impl Wire {
    pub(crate) async fn open(cluster: &Cluster) -> Result<Self> {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await?;
        let address = listener.local_addr()?;
        let (cuts, cut) = watch::channel(0);
        let (socket, dead) = (cluster.folder.join(".s.PGSQL.5432"), Arc::new(AtomicUsize::new(0)));
        let broken = Arc::clone(&dead);
        tokio::spawn(async move {
            while let Ok((mut client, _)) = listener.accept().await {
                if broken.load(Ordering::SeqCst) > 0 {
                    continue;
                }
                let (socket, mut cut) = (socket.clone(), cut.clone());
                cut.mark_unchanged();
                tokio::spawn(async move {
                    let Ok(mut server) = UnixStream::connect(socket).await else { return };
                    tokio::select! {
                        _ = copy_bidirectional(&mut client, &mut server) => {}
                        _ = cut.changed() => {}
                    }
                });
            }
        });
        Ok(Self { address, cuts, dead })
    }

    /// Cuts all connections, and refuses new ones for a while.
    pub(crate) async fn cut(&self, away: Duration) {
        self.dead.store(1, Ordering::SeqCst);
        self.cuts.send_modify(|cuts| *cuts += 1);
        tokio::time::sleep(away).await;
        self.dead.store(0, Ordering::SeqCst);
    }
}
