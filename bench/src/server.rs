//! The server under test: the real binary, `stile serve`.

use std::fs::File;
use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail};
use stile_seed::PUBLIC_URL;

use crate::database::Database;

/// How long a start may take.
const PATIENCE: Duration = Duration::from_secs(20);

/// A running server; it is killed when dropped, which its data survive.
pub(crate) struct Server {
    child: Child,
    /// Where it listens.
    pub(crate) address: SocketAddr,
    /// From the start of its process to the first good answer of `/readyz`.
    pub(crate) cold_start: Duration,
}

impl Server {
    /// Starts it, and waits until it is ready.
    pub(crate) fn start(stile: &Path, database: &Database, mail: SocketAddr) -> Result<Self> {
        // A port that is free now will be free in a moment.
        let address = TcpListener::bind(("127.0.0.1", 0))?.local_addr()?;
        let log = File::create(database.folder().join("stile.log"))?;
        let mut command = Command::new(stile);
        command
            .args(["serve", "--public-url", PUBLIC_URL, "--mail-from", "bench@example.com"])
            .args(["--listen", &address.to_string(), "--smtp-url", &format!("smtp://{mail}")])
            .args(database.options())
            .env("STILE_LOG", "error")
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(log);
        let began = Instant::now();
        let child = command.spawn().with_context(|| format!("cannot start {}", stile.display()))?;
        let mut server = Self { child, address, cold_start: Duration::ZERO };
        while !ready(address) {
            if let Some(status) = server.child.try_wait()? {
                bail!("the server ended ({status}): see stile.log in {}", database.folder().display());
            }
            if began.elapsed() > PATIENCE {
                bail!("the server is not ready after {PATIENCE:?}");
            }
            std::thread::sleep(Duration::from_millis(1));
        }
        server.cold_start = began.elapsed();
        Ok(server)
    }

    /// The process.
    pub(crate) fn pid(&self) -> u32 {
        self.child.id()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // It may be gone already.
        let _gone = self.child.kill();
        let _gone = self.child.wait();
    }
}

/// Whether the server says that it can do its work.
fn ready(address: SocketAddr) -> bool {
    let ask = || -> std::io::Result<String> {
        let mut stream = TcpStream::connect(address)?;
        stream.write_all(b"GET /readyz HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n")?;
        let mut answer = String::new();
        stream.read_to_string(&mut answer)?;
        Ok(answer)
    };
    ask().is_ok_and(|answer| answer.starts_with("HTTP/1.1 20"))
}
