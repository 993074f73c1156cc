//! HTTP/1.1 over one connection that is kept: as little work as a client can do.

use std::net::SocketAddr;

use anyhow::{Context as _, Result, bail};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

/// A kept connection.
pub(crate) struct Connection {
    stream: TcpStream,
    buffer: Vec<u8>,
    filled: usize,
}

/// What came back; the body lies in the connection's buffer until the next request.
pub(crate) struct Answer<'a> {
    /// The status.
    pub(crate) status: u16,
    /// The body.
    pub(crate) body: &'a [u8],
}

impl Connection {
    /// Connects.
    pub(crate) async fn open(address: SocketAddr) -> Result<Self> {
        let stream = TcpStream::connect(address).await.context("the server cannot be reached")?;
        stream.set_nodelay(true)?;
        Ok(Self { stream, buffer: vec![0; 32 * 1024], filled: 0 })
    }

    /// Sends a whole request, as bytes, and waits for its answer.
    pub(crate) async fn send(&mut self, request: &[u8]) -> Result<Answer<'_>> {
        self.stream.write_all(request).await.context("the server hung up")?;
        self.filled = 0;
        loop {
            if let Some(head) = Head::read(&self.buffer[..self.filled])? {
                let end = head.length + head.body;
                if end > self.buffer.len() {
                    self.buffer.resize(end, 0);
                }
                while self.filled < end {
                    self.fill().await?;
                }
                return Ok(Answer { status: head.status, body: &self.buffer[head.length..end] });
            }
            self.fill().await?;
        }
    }

    async fn fill(&mut self) -> Result<()> {
        match self.stream.read(&mut self.buffer[self.filled..]).await? {
            0 => bail!("the server hung up in the middle of an answer"),
            more => self.filled += more,
        }
        Ok(())
    }
}

#[derive(PartialEq, Eq, Debug)]
struct Head {
    status: u16,
    /// Bytes of the head, with the empty line.
    length: usize,
    /// Bytes of the body.
    body: usize,
}

impl Head {
    /// The head, once it is there as a whole.
    fn read(bytes: &[u8]) -> Result<Option<Self>> {
        let Some(end) = bytes.windows(4).position(|four| four == b"\r\n\r\n") else { return Ok(None) };
        let text = std::str::from_utf8(&bytes[..end]).context("a head that is not text")?;
        let mut lines = text.split("\r\n");
        let status = lines.next().and_then(|line| line.get(9..12)).and_then(|code| code.parse().ok());
        let status = status.context("not HTTP/1.1")?;
        let mut body = 0;
        for line in lines {
            let Some((name, value)) = line.split_once(':') else { continue };
            if name.eq_ignore_ascii_case("content-length") && status != 304 {
                body = value.trim().parse().context("a length that is no number")?;
            } else if name.eq_ignore_ascii_case("transfer-encoding") {
                bail!("an answer in chunks, which this client does not read");
            }
        }
        Ok(Some(Self { status, length: end + 4, body }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn heads_are_read_when_they_are_whole() {
        let whole = b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\nx: y\r\n\r\nhello";
        let head = Head { status: 200, length: 44, body: 5 };
        assert_eq!(Head::read(whole).unwrap(), Some(head));
        assert_eq!(Head::read(&whole[..40]).unwrap(), None);
        let empty = Head::read(b"HTTP/1.1 304 Not Modified\r\ncontent-length: 9\r\n\r\n").unwrap().unwrap();
        assert_eq!((empty.status, empty.body), (304, 0));
        assert!(Head::read(b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n").is_err());
    }
}
