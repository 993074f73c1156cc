//! A wire between the store and the server that can be cut.

use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};

use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream, UnixStream};
use tokio_postgres::Config;
use tokio_postgres::config::Host;

use super::database::Database;

/// What the wire does.
#[derive(Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub(super) enum Mode {
    /// It carries everything.
    Whole,
    /// It breaks just before a COMMIT.
    CutBeforeCommit,
    /// It carries a COMMIT and breaks before the answer.
    CutAfterCommit,
    /// It carries a COMMIT, and never an answer.
    SilentAfterCommit,
    /// It carries nothing, and breaks where it is used.
    Broken,
}

pub(super) struct Proxy {
    pub(super) url: String,
    mode: Arc<AtomicU8>,
}

impl Proxy {
    pub(super) async fn new(database: &Database) -> Self {
        let config: Config = database.url().parse().unwrap();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let user = config.get_user().unwrap();
        let password = String::from_utf8_lossy(config.get_password().unwrap_or_default()).into_owned();
        let url = format!("postgres://{user}:{password}@127.0.0.1:{port}/{}", config.get_dbname().unwrap());
        let mode = Arc::new(AtomicU8::new(Mode::Whole as u8));
        tokio::spawn(serve(listener, config, Arc::clone(&mode)));
        Self { url, mode }
    }

    pub(super) fn set(&self, mode: Mode) {
        self.mode.store(mode as u8, Ordering::SeqCst);
    }
}

async fn serve(listener: TcpListener, config: Config, mode: Arc<AtomicU8>) {
    loop {
        let (client, _) = listener.accept().await.unwrap();
        let port = config.get_ports().first().copied().unwrap_or(5432);
        match &config.get_hosts()[0] {
            Host::Tcp(host) => {
                let server = TcpStream::connect((host.as_str(), port)).await.unwrap();
                tokio::spawn(carry(client, server, Arc::clone(&mode)));
            }
            Host::Unix(folder) => {
                let server = UnixStream::connect(folder.join(format!(".s.PGSQL.{port}"))).await.unwrap();
                tokio::spawn(carry(client, server, Arc::clone(&mode)));
            }
        }
    }
}

async fn carry(mut client: TcpStream, mut server: impl AsyncRead + AsyncWrite + Unpin, mode: Arc<AtomicU8>) {
    let (mut there, mut back) = (vec![0; 1 << 16], vec![0; 1 << 16]);
    let mut silent = false;
    loop {
        tokio::select! {
            count = client.read(&mut there) => {
                let Ok(1..) = count else { return };
                let bytes = &there[..count.unwrap()];
                let mode = mode.load(Ordering::SeqCst);
                let commit = bytes.windows(7).any(|w| w == b"COMMIT\0");
                if mode == Mode::Broken as u8 || (commit && mode == Mode::CutBeforeCommit as u8) {
                    return;
                }
                server.write_all(bytes).await.unwrap();
                if commit && mode == Mode::CutAfterCommit as u8 {
                    // Cut off at once, the server would still carry out what it has.
                    server.flush().await.unwrap();
                    return;
                }
                silent |= commit && mode == Mode::SilentAfterCommit as u8;
            }
            count = server.read(&mut back) => {
                let Ok(1..) = count else { return };
                if !silent && client.write_all(&back[..count.unwrap()]).await.is_err() {
                    return;
                }
            }
        }
    }
}
