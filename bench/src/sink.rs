//! Mail servers of the bench's own.
//!
//! A black hole takes connections and says nothing, so that mails stay in the outbox and their sender
//! waits. A sink takes every mail at once, to see how fast the outbox empties.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use anyhow::Result;
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
use tokio::net::{TcpListener, TcpStream};

/// Takes connections and never says a word.
pub(crate) struct BlackHole {
    /// Where it listens.
    pub(crate) address: SocketAddr,
}

impl BlackHole {
    /// Opens one, for as long as this process lives.
    pub(crate) fn open() -> Result<Self> {
        let listener = std::net::TcpListener::bind(("127.0.0.1", 0))?;
        let address = listener.local_addr()?;
        std::thread::spawn(move || {
            let mut held = Vec::new();
            for stream in listener.incoming() {
                held.push(stream);
            }
        });
        Ok(Self { address })
    }
}

/// Takes every mail and throws it away.
pub(crate) struct Sink {
    /// Where it listens.
    pub(crate) address: SocketAddr,
    /// How many it took.
    pub(crate) taken: Arc<AtomicUsize>,
}

impl Sink {
    /// Opens one, for as long as the runtime lives.
    pub(crate) async fn open() -> Result<Self> {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await?;
        let address = listener.local_addr()?;
        let taken = Arc::new(AtomicUsize::new(0));
        let count = Arc::clone(&taken);
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(talk(stream, Arc::clone(&count)));
            }
        });
        Ok(Self { address, taken })
    }
}

/// The server's side of RFC 5321, as far as a polite client needs it.
async fn talk(stream: TcpStream, taken: Arc<AtomicUsize>) -> Result<()> {
    stream.set_nodelay(true)?;
    let (from, mut to) = stream.into_split();
    let mut lines = BufReader::new(from).lines();
    to.write_all(b"220 sink\r\n").await?;
    while let Some(line) = lines.next_line().await? {
        let answer: &[u8] = match line.get(..4).unwrap_or_default() {
            "EHLO" => b"250-sink\r\n250 8BITMIME\r\n",
            "DATA" => {
                to.write_all(b"354 go on\r\n").await?;
                while lines.next_line().await?.is_some_and(|line| line != ".") {}
                taken.fetch_add(1, Ordering::Relaxed);
                b"250 taken\r\n"
            }
            "QUIT" => b"221 bye\r\n",
            _ => b"250 ok\r\n",
        };
        to.write_all(answer).await?;
    }
    Ok(())
}
