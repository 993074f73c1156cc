//! A mail server that can be slow, silent or away, and remembers the codes that it was given.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicU8, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use anyhow::Result;
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
use tokio::net::{TcpListener, TcpStream};

/// How it behaves.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[repr(u8)]
pub(crate) enum Manner {
    /// It takes every mail at once.
    Quick,
    /// It thinks for a while before every answer.
    Slow,
    /// It takes connections and never says a word.
    Silent,
    /// It hangs up.
    Refusing,
}

/// The server.
pub(crate) struct Mail {
    pub(crate) address: SocketAddr,
    manner: Arc<AtomicU8>,
    codes: Arc<Codes>,
}

/// The codes that came for each address, oldest first.
type Codes = Mutex<HashMap<String, Vec<String>>>;

impl Mail {
    pub(crate) async fn open() -> Result<Self> {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await?;
        let address = listener.local_addr()?;
        let (manner, codes) = (Arc::new(AtomicU8::new(Manner::Quick as u8)), Arc::new(Codes::default()));
        let mail = Self { address, manner: Arc::clone(&manner), codes: Arc::clone(&codes) };
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(talk(stream, Arc::clone(&manner), Arc::clone(&codes)));
            }
        });
        Ok(mail)
    }

    pub(crate) fn set(&self, manner: Manner) {
        self.manner.store(manner as u8, Ordering::SeqCst);
    }

    /// Forgets what came for an address; asked before a new code is.
    pub(crate) fn clear(&self, address: &str) {
        self.codes.lock().unwrap_or_else(PoisonError::into_inner).remove(address);
    }

    /// The newest code for an address, if one comes soon.
    pub(crate) async fn code(&self, address: &str, patience: Duration) -> Option<String> {
        let step = Duration::from_millis(2);
        for _ in 0..patience.as_millis() / step.as_millis() {
            if let Some(code) = self.newest(address) {
                return Some(code);
            }
            tokio::time::sleep(step).await;
        }
        None
    }

    fn newest(&self, address: &str) -> Option<String> {
        let codes = self.codes.lock().unwrap_or_else(PoisonError::into_inner);
        codes.get(address).and_then(|all| all.last().cloned())
    }
}

/// The server's side of RFC 5321, as far as a polite client needs it.
async fn talk(stream: TcpStream, manner: Arc<AtomicU8>, codes: Arc<Codes>) -> Result<()> {
    let is = |wanted: Manner| manner.load(Ordering::SeqCst) == wanted as u8;
    if is(Manner::Refusing) {
        return Ok(());
    }
    let (from, mut to) = stream.into_split();
    let mut lines = BufReader::new(from).lines();
    if is(Manner::Silent) {
        while lines.next_line().await?.is_some() {}
        return Ok(());
    }
    to.write_all(b"220 sink\r\n").await?;
    let mut recipient = String::new();
    while let Some(line) = lines.next_line().await? {
        if is(Manner::Slow) {
            tokio::time::sleep(Duration::from_millis(700)).await;
        }
        let answer: &[u8] = match line.get(..4).unwrap_or_default() {
            "EHLO" => b"250-sink\r\n250 8BITMIME\r\n",
            "RCPT" => {
                recipient = line.split(['<', '>']).nth(1).unwrap_or_default().to_owned();
                b"250 ok\r\n"
            }
            "DATA" => {
                to.write_all(b"354 go on\r\n").await?;
                let mut code = None;
                while let Some(line) = lines.next_line().await?.filter(|line| line != ".") {
                    let told = line.strip_prefix("Your code to ").and_then(|rest| rest.rsplit_once(": "));
                    code = code.or(told.map(|(_, code)| code.replace(' ', "")));
                }
                let mut codes = codes.lock().unwrap_or_else(PoisonError::into_inner);
                codes.entry(recipient.clone()).or_default().extend(code);
                drop(codes);
                b"250 taken\r\n"
            }
            "QUIT" => b"221 bye\r\n",
            _ => b"250 ok\r\n",
        };
        to.write_all(answer).await?;
    }
    Ok(())
}
