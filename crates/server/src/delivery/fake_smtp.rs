//! A real SMTP server on loopback for tests: as much of RFC 5321 as a client needs, and moods.

use std::collections::{HashMap, VecDeque};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader, Lines};
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Notify, mpsc};

/// A message that the server took.
pub(super) struct Received {
    pub(super) to: String,
    pub(super) data: String,
}

#[derive(Default)]
pub(super) struct Moods {
    /// Answers to the next commands with this verb (or to `CONNECT`, `CONTENT`), before the usual ones.
    replies: Mutex<HashMap<&'static str, VecDeque<&'static str>>>,
    /// The server thinks about this recipient until it is notified.
    pub(super) slow: Mutex<Option<(String, Arc<Notify>)>>,
    /// Tells when it begins to.
    pub(super) thinking: Notify,
    /// The line that greeted it last.
    pub(super) greeting: Mutex<String>,
    /// How many connections were made, and how many recipients were named.
    pub(super) connections: AtomicUsize,
    pub(super) recipients: AtomicUsize,
}

pub(super) struct FakeSmtp {
    pub(super) port: u16,
    pub(super) received: mpsc::UnboundedReceiver<Received>,
    pub(super) moods: Arc<Moods>,
}

impl FakeSmtp {
    pub(super) async fn start() -> Self {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let moods = Arc::new(Moods::default());
        let (taken, received) = mpsc::unbounded_channel();
        let shared = Arc::clone(&moods);
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(Dialogue::new(stream, Arc::clone(&shared), taken.clone()).run());
            }
        });
        Self { port, received, moods }
    }

    pub(super) fn url(&self) -> String {
        format!("smtp://127.0.0.1:{}", self.port)
    }

    /// The next command with this verb gets this answer.
    pub(super) fn answer(&self, verb: &'static str, reply: &'static str) {
        self.moods.replies.lock().unwrap().entry(verb).or_default().push_back(reply);
    }

    pub(super) fn all_received(&mut self) -> Vec<Received> {
        std::iter::from_fn(|| self.received.try_recv().ok()).collect()
    }

    pub(super) fn recipients(&self) -> usize {
        self.moods.recipients.load(Ordering::SeqCst)
    }

    pub(super) fn connections(&self) -> usize {
        self.moods.connections.load(Ordering::SeqCst)
    }
}

struct Dialogue {
    lines: Lines<BufReader<OwnedReadHalf>>,
    writer: OwnedWriteHalf,
    moods: Arc<Moods>,
    taken: mpsc::UnboundedSender<Received>,
}

impl Dialogue {
    fn new(stream: TcpStream, moods: Arc<Moods>, taken: mpsc::UnboundedSender<Received>) -> Self {
        moods.connections.fetch_add(1, Ordering::SeqCst);
        let (reader, writer) = stream.into_split();
        Self { lines: BufReader::new(reader).lines(), writer, moods, taken }
    }

    async fn run(mut self) {
        self.reply("CONNECT", "220 fake").await;
        let mut to = String::new();
        while let Ok(Some(line)) = self.lines.next_line().await {
            let verb = line.split(' ').next().unwrap_or_default().to_ascii_uppercase();
            match verb.as_str() {
                "EHLO" => {
                    self.moods.greeting.lock().unwrap().clone_from(&line);
                    self.reply("EHLO", "250-fake\r\n250 8BITMIME").await;
                }
                "MAIL" => drop(self.reply("MAIL", "250 ok").await),
                "RCPT" => {
                    self.moods.recipients.fetch_add(1, Ordering::SeqCst);
                    to = line.trim_start_matches("RCPT TO:<").trim_end_matches('>').to_owned();
                    self.think(&to).await;
                    self.reply("RCPT", "250 ok").await;
                }
                "DATA" => {
                    if !self.reply("DATA", "354 go on").await {
                        continue;
                    }
                    let data = self.content().await;
                    if self.reply("CONTENT", "250 taken").await {
                        let _test_is_over = self.taken.send(Received { to: to.clone(), data });
                    }
                }
                "QUIT" => {
                    self.reply("QUIT", "221 bye").await;
                    return;
                }
                verb => drop(self.reply(verb, "250 ok").await),
            }
        }
    }

    /// Whether the answer was the usual one.
    async fn reply(&mut self, verb: &str, usual: &str) -> bool {
        let mood = self.moods.replies.lock().unwrap().get_mut(verb).and_then(VecDeque::pop_front);
        let _client_is_gone =
            self.writer.write_all(format!("{}\r\n", mood.unwrap_or(usual)).as_bytes()).await;
        mood.is_none()
    }

    async fn think(&self, to: &str) {
        let slow = self.moods.slow.lock().unwrap().clone();
        if let Some((_, done)) = slow.filter(|(address, _)| address == to) {
            self.moods.thinking.notify_one();
            done.notified().await;
        }
    }

    async fn content(&mut self) -> String {
        let mut data = String::new();
        while let Ok(Some(line)) = self.lines.next_line().await {
            if line == "." {
                break;
            }
            data.push_str(line.strip_prefix('.').unwrap_or(&line));
            data.push('\n');
        }
        data
    }
}
