//! Requests, and what came of each: the only truth that a check may hold the server to.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result};
use serde_json::{Value, json};
use stile_keys::{encoding, random};
use stile_seed::{ENVIRONMENT, ORIGIN, Person};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::mail::Mail;
use crate::site::{Member, Site};

/// The server's own deadline is ten seconds: what takes longer than this hangs.
const DEADLINE: Duration = Duration::from_secs(13);
/// How long a code is waited for before the journey is given up.
const MAIL: Duration = Duration::from_millis(150);

/// What a request came to.
#[derive(Debug)]
pub(crate) enum Seen {
    /// An answer.
    Answer(u16, Value),
    /// The connection broke: it may or may not have happened.
    Lost,
    /// Nothing within the deadline.
    Hung,
}

impl Seen {
    pub(crate) fn is(&self, wanted: u16) -> bool {
        matches!(self, Self::Answer(status, _) if *status == wanted)
    }

    /// Whether it may have happened without our knowing.
    fn in_doubt(&self) -> bool {
        match self {
            Self::Answer(503, body) => {
                body["code"] == "outcome_unknown" || body["code"] == "deadline_exceeded"
            }
            Self::Answer(..) => false,
            Self::Lost | Self::Hung => true,
        }
    }

    pub(crate) fn text(&self, name: &str) -> Option<String> {
        match self {
            Self::Answer(_, body) => body[name].as_str().map(str::to_owned),
            _ => None,
        }
    }

    /// The challenge of passkey options.
    pub(crate) fn challenge(&self) -> Option<String> {
        match self {
            Self::Answer(200, body) => challenge(body),
            _ => None,
        }
    }
}

/// Something that was done, or may have been, and must be found so after the fault.
pub(crate) enum Record {
    /// An elevated token with the ids that it was used under; for each whether that was acknowledged.
    Token { token: String, person: usize, uses: Vec<(String, bool)> },
    /// An answered passkey challenge.
    Assertion { body: String, person: usize },
    /// A code that opened a session, and the session's token, which was revoked or not; `None` when that is in doubt.
    Code { body: String, access: String, revoked: Option<bool> },
}

/// Counts over all rounds.
#[derive(Default)]
pub(crate) struct Counts {
    pub(crate) requests: AtomicUsize,
    pub(crate) acknowledged: AtomicUsize,
    pub(crate) in_doubt: AtomicUsize,
    pub(crate) unavailable: AtomicUsize,
    pub(crate) hung: AtomicUsize,
    pub(crate) used_twice: AtomicUsize,
    pub(crate) lost: AtomicUsize,
    pub(crate) counters_back: AtomicUsize,
    /// Answers that no fault explains.
    pub(crate) strange: AtomicUsize,
}

/// The servers, and everything a worker needs.
pub(crate) struct Load {
    pub(crate) site: Site,
    pub(crate) mail: Mail,
    pub(crate) counts: Counts,
}

pub(crate) fn one(counter: &AtomicUsize) {
    counter.fetch_add(1, Ordering::Relaxed);
}

impl Load {
    /// Sends a request on a connection of its own.
    pub(crate) async fn send(
        &self,
        to: SocketAddr,
        method: &str,
        path: &str,
        bearer: Option<&str>,
        body: Option<&str>,
    ) -> Seen {
        self.send_with(to, method, path, bearer, &[], body).await
    }

    /// The same, with more headers.
    pub(crate) async fn send_with(
        &self,
        to: SocketAddr,
        method: &str,
        path: &str,
        bearer: Option<&str>,
        headers: &[(&str, &str)],
        body: Option<&str>,
    ) -> Seen {
        one(&self.counts.requests);
        let asked = tokio::time::timeout(DEADLINE, exchange(to, method, path, bearer, headers, body)).await;
        let seen = match asked {
            Ok(Ok((status, body))) => Seen::Answer(status, body),
            Ok(Err(_)) => Seen::Lost,
            Err(_) => {
                one(&self.counts.hung);
                Seen::Hung
            }
        };
        match &seen {
            Seen::Answer(503, _) => one(&self.counts.unavailable),
            Seen::Answer(status @ (429 | 500..), body) => {
                println!("strange: {method} {path} was answered {status} {body}");
                one(&self.counts.strange);
            }
            _ => {}
        }
        seen
    }

    /// Counts a write, and says whether it was acknowledged.
    fn wrote(&self, seen: &Seen, wanted: u16) -> bool {
        if seen.in_doubt() {
            one(&self.counts.in_doubt);
        }
        if seen.is(wanted) {
            one(&self.counts.acknowledged);
        }
        seen.is(wanted)
    }

    /// The same request on two servers at once, or twice on one: at most one may succeed.
    async fn race(
        &self,
        to: [SocketAddr; 2],
        path: &str,
        bearer: Option<&str>,
        bodies: [&str; 2],
    ) -> [Seen; 2] {
        let send = |at: usize| self.send(to[at], "POST", path, bearer, Some(bodies[at]));
        let (first, second) = tokio::join!(send(0), send(1));
        if first.is(200) && second.is(200) {
            println!("used twice at once: {path}");
            one(&self.counts.used_twice);
        }
        [first, second]
    }

    pub(crate) async fn consume(&self, to: SocketAddr, token: &str, person: &Person, use_id: &str) -> Seen {
        let body = spend(token, person, use_id);
        self.send(to, "POST", &consume_path(), Some(&self.site.environment.api_token), Some(&body)).await
    }

    /// Uses a token twice, under two ids.
    async fn token(&self, to: [SocketAddr; 2], person: usize) -> Result<Record> {
        let who = &self.site.people[person].person;
        let token = self.site.elevated(who)?;
        let ids = [(); 2].map(|()| encoding::hex(&random::bytes::<16>()));
        let bodies = [spend(&token, who, &ids[0]), spend(&token, who, &ids[1])];
        let seen = self
            .race(to, &consume_path(), Some(&self.site.environment.api_token), [&bodies[0], &bodies[1]])
            .await;
        let [first, second] = ids;
        let uses = vec![(first, self.wrote(&seen[0], 200)), (second, self.wrote(&seen[1], 200))];
        Ok(Record::Token { token, person, uses })
    }

    /// Answers a passkey challenge, twice.
    async fn step_up(&self, to: [SocketAddr; 2], person: usize) -> Result<Option<Record>> {
        let who = &self.site.people[person];
        let counter = who.count();
        let Some(body) = self.assertion(to[0], who, counter).await? else { return Ok(None) };
        let path = sdk("/users/mfa/auth/passkey");
        let seen = self.race(to, &path, Some(&who.access), [&body, &body]).await;
        // Both are counted, whatever they came to.
        let done = [self.wrote(&seen[0], 200), self.wrote(&seen[1], 200)];
        if !done.contains(&true) {
            return Ok(None);
        }
        who.accepted.fetch_max(counter, Ordering::SeqCst);
        Ok(Some(Record::Assertion { body, person }))
    }

    /// The answer to a fresh challenge, if there is one.
    pub(crate) async fn assertion(
        &self,
        to: SocketAddr,
        who: &Member,
        counter: u32,
    ) -> Result<Option<String>> {
        let seen = self.send(to, "GET", &sdk("/users/passkeys/authenticate"), Some(&who.access), None).await;
        let Some(challenge) = seen.challenge() else { return Ok(None) };
        who.passkey.answer(&challenge, counter, &who.person.webauthn_id, who.person.user.as_bytes()).map(Some)
    }

    /// Signs in with a code, twice; and now and then out again.
    async fn code(&self, to: [SocketAddr; 2], person: usize) -> Option<Record> {
        let who = &self.site.people[person].person;
        self.mail.clear(&who.email);
        let ask = json!({ "email": who.email }).to_string();
        let asked = self.send(to[0], "POST", &sdk("/emailVerifications/create"), None, Some(&ask)).await;
        let id = if self.wrote(&asked, 201) { asked.text("verificationUUID") } else { None }?;
        let code = self.mail.code(&who.email, MAIL).await?;
        let body = json!({ "verificationUUID": id, "verificationToken": code }).to_string();
        let seen = self.race(to, &sdk("/emailVerifications/signin"), None, [&body, &body]).await;
        let done = [self.wrote(&seen[0], 200), self.wrote(&seen[1], 200)];
        let access =
            seen.iter().zip(done).find_map(|(seen, done)| seen.text("minifiedJwt").filter(|_| done))?;
        let mut revoked = Some(false);
        if random::uniform(2) == 0 {
            let seen = self.send(to[1], "POST", &sdk("/revoke"), Some(&access), None).await;
            revoked =
                if self.wrote(&seen, 204) { Some(true) } else { Some(false).filter(|_| !seen.in_doubt()) };
        }
        Some(Record::Code { body, access, revoked })
    }

    /// Works until told to stop; answers what it did. Worker `lane` of `lanes` has people of its own.
    async fn work(
        self: Arc<Self>,
        to: [SocketAddr; 2],
        lane: usize,
        lanes: usize,
        stop: Arc<AtomicBool>,
    ) -> Result<Vec<Record>> {
        let mut records = Vec::new();
        let mine: Vec<usize> = (lane..self.site.people.len()).step_by(lanes).collect();
        let pick = |n: usize| random::uniform(u32::try_from(n).unwrap_or(1)) as usize;
        while !stop.load(Ordering::Relaxed) {
            let person = mine[pick(mine.len())];
            let to = if pick(2) == 0 { to } else { [to[1], to[0]] };
            match pick(3) {
                0 => records.push(self.token(to, person).await?),
                1 => records.extend(self.step_up(to, person).await?),
                _ => records.extend(self.code(to, person).await),
            }
        }
        Ok(records)
    }

    /// Begins to work, with so many workers.
    pub(crate) fn begin(self: &Arc<Self>, to: [SocketAddr; 2], lanes: usize) -> UnderWay {
        let stop = Arc::new(AtomicBool::new(false));
        let workers = (0..lanes)
            .map(|lane| tokio::spawn(Arc::clone(self).work(to, lane, lanes, Arc::clone(&stop))))
            .collect();
        UnderWay { stop, workers }
    }
}

/// Workers who are at it.
pub(crate) struct UnderWay {
    stop: Arc<AtomicBool>,
    workers: Vec<tokio::task::JoinHandle<Result<Vec<Record>>>>,
}

impl UnderWay {
    /// Ends it, and answers what was done.
    pub(crate) async fn end(self) -> Result<Vec<Record>> {
        self.stop.store(true, Ordering::Relaxed);
        let mut all = Vec::new();
        for worker in self.workers {
            all.extend(worker.await??);
        }
        Ok(all)
    }
}

pub(crate) fn sdk(path: &str) -> String {
    format!("/api/v0/sdk/{ENVIRONMENT}{path}")
}

pub(crate) fn consume_path() -> String {
    format!("/api/v0/environments/{ENVIRONMENT}/elevated-tokens/consume")
}

pub(crate) fn spend(token: &str, who: &Person, use_id: &str) -> String {
    json!({ "token": token, "scope": "vault:open", "userId": who.user.to_string(), "useId": use_id })
        .to_string()
}

/// The challenge, wherever it is in the options.
fn challenge(value: &Value) -> Option<String> {
    match value {
        Value::Object(fields) => match fields.get("challenge") {
            Some(Value::String(text)) => Some(text.clone()),
            _ => fields.values().find_map(challenge),
        },
        _ => None,
    }
}

async fn exchange(
    to: SocketAddr,
    method: &str,
    path: &str,
    bearer: Option<&str>,
    headers: &[(&str, &str)],
    body: Option<&str>,
) -> Result<(u16, Value)> {
    let mut stream = TcpStream::connect(to).await?;
    let origin =
        if path.starts_with("/api/v0/sdk/") { format!("origin: {ORIGIN}\r\n") } else { String::new() };
    let bearer = bearer.map(|token| format!("authorization: Bearer {token}\r\n")).unwrap_or_default();
    let more: String = headers.iter().map(|(name, value)| format!("{name}: {value}\r\n")).collect();
    let body = body.unwrap_or_default();
    let request = format!(
        "{method} {path} HTTP/1.1\r\nhost: localhost:7845\r\nconnection: close\r\n{origin}{bearer}{more}content-type: \
         application/json\r\ncontent-length: {}\r\n\r\n{body}",
        body.len()
    );
    stream.write_all(request.as_bytes()).await?;
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).await?;
    let text = String::from_utf8_lossy(&answer);
    let (head, body) = text.split_once("\r\n\r\n").context("half an answer")?;
    let status = head.get(9..12).and_then(|code| code.parse().ok()).context("not HTTP")?;
    let length = head
        .lines()
        .find_map(|line| line.to_ascii_lowercase().strip_prefix("content-length: ")?.parse().ok());
    anyhow::ensure!(length.is_none_or(|length: usize| length == body.len()), "half a body");
    Ok((status, serde_json::from_str(body).unwrap_or(Value::Null)))
}

/// Asks until the server is ready; answers how long that took.
pub(crate) async fn until_ready(to: SocketAddr, patience: Duration) -> Result<Duration> {
    let began = Instant::now();
    while began.elapsed() < patience {
        if matches!(exchange(to, "GET", "/readyz", None, &[], None).await, Ok((204, _))) {
            return Ok(began.elapsed());
        }
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    anyhow::bail!("the server at {to} is not ready after {patience:?}")
}

/// Whether the server says that it is ready.
pub(crate) async fn ready(to: SocketAddr) -> bool {
    matches!(exchange(to, "GET", "/readyz", None, &[], None).await, Ok((204, _)))
}
