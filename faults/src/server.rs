//! The server under test: the real binary.

use std::fs::File;
use std::net::{SocketAddr, TcpListener};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use anyhow::{Context as _, Result};
use stile_seed::PUBLIC_URL;

use crate::load::until_ready;
use crate::site::Site;

const PATIENCE: Duration = Duration::from_secs(30);

/// A running server; killed when dropped.
pub(crate) struct Server {
    child: Child,
    pub(crate) address: SocketAddr,
}

impl Server {
    /// `stile serve`, ready.
    pub(crate) async fn serve(stile: &Path, site: &Site, mail: SocketAddr) -> Result<Self> {
        Self::start(site, |address| {
            // A write past a limit on the size of files fails then, as on a full disk, and kills nobody.
            let mut command = Command::new("bash");
            command.args(["-c", "trap '' XFSZ; exec \"$@\"", "bash"]).arg(stile);
            command
                .args([
                    "serve",
                    "--public-url",
                    PUBLIC_URL,
                    "--mail-from",
                    "faults@example.com",
                    "--drain",
                    "0",
                ])
                .args(["--listen", &address.to_string(), "--smtp-url", &format!("smtp://{mail}")])
                .arg("--master-key-file")
                .arg(site.folder.join("master.key"));
            match &site.url {
                Some(url) => command.env("STILE_DATABASE", url),
                None => command.arg("--data-dir").arg(&site.folder),
            };
            command
        })
        .await
    }

    /// `stile dev`, whose clock can be moved, ready.
    pub(crate) async fn dev(stile: &Path, site: &Site, mail: SocketAddr) -> Result<Self> {
        Self::start(site, |address| {
            let mut command = Command::new(stile);
            command
                .args(["dev", "--public-url", PUBLIC_URL, "--listen", &address.to_string()])
                .args(["--smtp-url", &format!("smtp://{mail}")])
                .arg("--data-dir")
                .arg(&site.folder);
            command
        })
        .await
    }

    async fn start(site: &Site, command: impl Fn(SocketAddr) -> Command) -> Result<Self> {
        // A port that is free now will be free in a moment.
        let address = TcpListener::bind(("127.0.0.1", 0))?.local_addr()?;
        let log = File::options().append(true).create(true).open(site.folder.join("stile.log"))?;
        let mut command = command(address);
        command.env("STILE_LOG", "error").stdin(Stdio::null()).stdout(Stdio::null()).stderr(log);
        let child = command.spawn().context("the server cannot be started")?;
        let server = Self { child, address };
        until_ready(address, PATIENCE).await?;
        Ok(server)
    }

    pub(crate) fn pid(&self) -> u32 {
        self.child.id()
    }

    /// `kill -9`.
    pub(crate) fn kill(mut self) -> Result<()> {
        self.child.kill()?;
        self.child.wait()?;
        Ok(())
    }

    /// Whether it still runs: a fault that is not meant for it must not end it.
    pub(crate) fn lives(&mut self) -> Result<bool> {
        Ok(self.child.try_wait()?.is_none())
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // It may be gone already.
        let _gone = self.child.kill();
        let _gone = self.child.wait();
    }
}
