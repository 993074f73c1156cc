//! One connection that does one operation after the other, for users of its own.

use std::fmt::Write as _;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Instant;

use anyhow::{Context as _, Result, bail};
use stile_factors::recovery_code;
use stile_keys::{encoding, random};
use stile_seed::{ENVIRONMENT, ORIGIN};

use crate::codes::Codes;
use crate::database::now;
use crate::http::Connection;
use crate::op::Op;
use crate::seed::{Active, Site};
use crate::totp;

/// How long the halves of an operation took, in microseconds; the second is zero where there is one only.
pub(crate) type Times = [u32; 2];

/// A connection with its users: every `lanes`-th of the active ones, so that no two meet.
pub(crate) struct Worker {
    site: Arc<Site>,
    codes: Arc<Codes>,
    connection: Connection,
    lane: usize,
    lanes: usize,
    /// Whose turn it is where codes run out.
    turn: usize,
    /// For each of the users, where codes run out: the last step, or how many recovery codes, were used.
    used: Vec<i64>,
    /// How often the codes of authenticator apps had been put back then.
    put_back: usize,
    /// The entity tag of the settings, where they are known.
    tag: Option<String>,
    request: String,
}

/// What is sent: everything but the lengths.
struct Request<'a> {
    method: &'static str,
    path: &'a str,
    bearer: Option<&'a str>,
    body: Option<&'a str>,
}

impl Worker {
    /// Connects.
    pub(crate) async fn open(
        site: &Arc<Site>,
        codes: &Arc<Codes>,
        address: SocketAddr,
        lane: usize,
        lanes: usize,
    ) -> Result<Self> {
        Ok(Self {
            site: Arc::clone(site),
            codes: Arc::clone(codes),
            connection: Connection::open(address).await?,
            lane,
            lanes,
            turn: 0,
            used: vec![0; (site.active.len() - lane).div_ceil(lanes)],
            put_back: site.put_back.load(Ordering::Relaxed),
            tag: None,
            request: String::new(),
        })
    }

    /// Does the operation once, and answers how long it took.
    pub(crate) async fn perform(&mut self, op: Op) -> Result<Times> {
        let site = Arc::clone(&self.site);
        let who = self.somebody(&site)?;
        match op {
            Op::StepUpCheck => {
                let body = r#"{"scope":"vault:open"}"#;
                let ask = Request { body: Some(body), ..post("/stepUp/check", &who.access) };
                one(self.send(ask, 200).await?)
            }
            Op::Refresh => one(self.send(post("/refresh", &who.access), 200).await?),
            Op::Email => self.email(&site, who).await,
            Op::Passkey => self.passkey(&site, who).await,
            Op::Totp => self.totp(&site).await,
            Op::Recovery => self.recovery(&site).await,
            Op::Consume => self.consume(&site, who).await,
            Op::Settings => one(self.send(get("/settings"), 200).await?),
            Op::Jwks => one(self.send(get("/.well-known/jwks"), 200).await?),
            Op::SettingsKnown => {
                if self.tag.is_none() {
                    let (_, body) = self.send(get("/settings"), 200).await?;
                    self.tag = Some(etag(body.as_bytes()));
                }
                one(self.send(get("/settings"), 304).await?)
            }
        }
    }

    /// Asks for a code and nothing more.
    pub(crate) async fn ask_for_code(&mut self) -> Result<()> {
        let site = Arc::clone(&self.site);
        let who = self.somebody(&site)?;
        let body = format!(r#"{{"email":"{}"}}"#, who.person.email);
        let ask = Request { bearer: None, body: Some(&body), ..post("/emailVerifications/create", "") };
        self.send(ask, 201).await.map(drop)
    }

    /// One of this connection's users, at random.
    fn somebody<'a>(&self, site: &'a Site) -> Result<&'a Active> {
        self.user(site, random::uniform(u32::try_from(self.used.len())?) as usize)
    }

    fn user<'a>(&self, site: &'a Site, at: usize) -> Result<&'a Active> {
        site.active.get(self.lane + at * self.lanes).context("nobody")
    }

    /// The next of this connection's users who has a code left, by what `next` makes of what was used; in turn, so that
    /// codes last as long as they can.
    fn next_code(&mut self, next: impl Fn(i64) -> Option<i64>) -> Result<(usize, i64)> {
        let users = self.used.len();
        for _ in 0..users {
            self.turn = (self.turn + 1) % users;
            if let Some(step) = next(self.used[self.turn]) {
                self.used[self.turn] = step;
                return Ok((self.turn, step));
            }
        }
        bail!("every code of all users is used up: measure for a shorter time, or with more users")
    }

    async fn email(&mut self, site: &Site, who: &Active) -> Result<Times> {
        let body = format!(r#"{{"email":"{}"}}"#, who.person.email);
        let ask = Request { bearer: None, body: Some(&body), ..post("/emailVerifications/create", "") };
        let since = now();
        let (created, answer) = self.send(ask, 201).await?;
        let id = member(&answer, "verificationUUID")?;
        let code = self.codes.take(&site.beside, &site.keyring, &who.person.email, since).await?;
        let body = format!(r#"{{"verificationUUID":"{id}","verificationToken":"{code}"}}"#);
        let ask = Request { bearer: None, body: Some(&body), ..post("/emailVerifications/signin", "") };
        let (signed_in, _) = self.send(ask, 200).await?;
        Ok([created, signed_in])
    }

    async fn passkey(&mut self, site: &Site, who: &Active) -> Result<Times> {
        let ask = Request { bearer: Some(&who.access), ..get("/users/passkeys/authenticate") };
        let (options, answer) = self.send(ask, 200).await?;
        let challenge = member(&answer, "challenge")?;
        let passkey = site.passkeys.get(who.passkey).context("no passkey")?;
        let body = passkey.answer(challenge, 0, &who.person.webauthn_id, who.person.user.as_bytes())?;
        let ask = Request { body: Some(&body), ..post("/users/mfa/auth/passkey", &who.access) };
        let (finish, answer) = self.send(ask, 200).await?;
        member(&answer, "elevatedAccessToken")?;
        Ok([options, finish])
    }

    async fn totp(&mut self, site: &Site) -> Result<Times> {
        let put_back = site.put_back.load(Ordering::Relaxed);
        if put_back != self.put_back {
            self.put_back = put_back;
            self.used.fill(0);
        }
        let steps = totp::steps(now().seconds());
        let (at, step) =
            self.next_code(|used| Some((used + 1).max(*steps.start())).filter(|step| steps.contains(step)))?;
        let who = self.user(site, at)?;
        let code = totp::code(&who.secret, step);
        let body = format!(r#"{{"id":"{}","code":"{code}","requestedScopes":["vault:open"]}}"#, who.app);
        let ask = Request { body: Some(&body), ..post("/users/mfa/auth/totp", &who.access) };
        self.step_up(ask).await
    }

    async fn recovery(&mut self, site: &Site) -> Result<Times> {
        let codes = i64::try_from(recovery_code::COUNT)?;
        let (at, used) = self.next_code(|used| Some(used + 1).filter(|used| *used <= codes))?;
        let who = self.user(site, at)?;
        let code = who.recovery.get(usize::try_from(used - 1)?).context("no such code")?;
        let body = format!(r#"{{"code":"{code}","requestedScopes":["vault:open"]}}"#);
        let ask = Request { body: Some(&body), ..post("/users/mfa/auth/recovery", &who.access) };
        self.step_up(ask).await
    }

    async fn step_up(&mut self, ask: Request<'_>) -> Result<Times> {
        let (micros, answer) = self.send(ask, 200).await?;
        member(&answer, "elevatedAccessToken")?;
        Ok([micros, 0])
    }

    async fn consume(&mut self, site: &Site, who: &Active) -> Result<Times> {
        let token = site.environment.elevated(&who.person, who.person.passkey, "vault:open", now())?;
        let use_id = encoding::hex(&random::bytes::<16>());
        let body = format!(
            r#"{{"token":"{token}","scope":"vault:open","userId":"{}","useId":"{use_id}"}}"#,
            who.person.user
        );
        let path = format!("/api/v0/environments/{ENVIRONMENT}/elevated-tokens/consume");
        let ask = Request {
            method: "POST",
            path: &path,
            bearer: Some(&site.environment.api_token),
            body: Some(&body),
        };
        one(self.send(ask, 200).await?)
    }

    /// Sends a request and refuses any other status: a 429 would look like speed.
    async fn send(&mut self, ask: Request<'_>, expected: u16) -> Result<(u32, String)> {
        let text = &mut self.request;
        text.clear();
        // Paths that are not whole are the SDK's.
        let base = format!("/api/v0/sdk/{ENVIRONMENT}");
        let base = if ask.path.starts_with("/api/") { "" } else { &base };
        write!(text, "{} {base}{} HTTP/1.1\r\nhost: localhost:7845\r\n", ask.method, ask.path)?;
        if let Some(bearer) = ask.bearer {
            write!(text, "authorization: Bearer {bearer}\r\n")?;
        }
        if base.is_empty() {
            // A backend, not a page.
        } else {
            write!(text, "origin: {ORIGIN}\r\n")?;
        }
        if let Some(tag) = self.tag.as_ref().filter(|_| expected == 304) {
            write!(text, "if-none-match: {tag}\r\n")?;
        }
        match ask.body {
            Some(body) => {
                let length = body.len();
                write!(text, "content-type: application/json\r\ncontent-length: {length}\r\n\r\n{body}")?;
            }
            None if ask.method == "POST" => text.push_str("content-length: 0\r\n\r\n"),
            None => text.push_str("\r\n"),
        }
        let began = Instant::now();
        let answer = self.connection.send(text.as_bytes()).await?;
        let micros = u32::try_from(began.elapsed().as_micros()).unwrap_or(u32::MAX);
        let body = String::from_utf8_lossy(answer.body);
        if answer.status != expected {
            bail!("{} {} was answered {}: {body}", ask.method, ask.path, answer.status);
        }
        Ok((micros, body.into_owned()))
    }
}

const fn get(path: &str) -> Request<'_> {
    Request { method: "GET", path, bearer: None, body: None }
}

const fn post<'a>(path: &'a str, bearer: &'a str) -> Request<'a> {
    Request { method: "POST", path, bearer: Some(bearer), body: None }
}

fn one((micros, _): (u32, String)) -> Result<Times> {
    Ok([micros, 0])
}

/// The text of a member, wherever it is in the answer; enough for ids and challenges.
fn member<'a>(answer: &'a str, name: &str) -> Result<&'a str> {
    let key = format!("\"{name}\":\"");
    let after = answer.find(&key).map(|at| &answer[at + key.len()..]);
    after.and_then(|rest| rest.split('"').next()).with_context(|| format!("no {name} in {answer}"))
}

/// The server's entity tag of these bytes: FNV-1a and the length.
fn etag(body: &[u8]) -> String {
    let hash = body
        .iter()
        .fold(0xcbf2_9ce4_8422_2325_u64, |h, b| (h ^ u64::from(*b)).wrapping_mul(0x0100_0000_01b3));
    format!("\"{hash:016x}-{:x}\"", body.len())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn members_are_found() {
        assert_eq!(member(r#"{"a":1,"b":"c"}"#, "b").unwrap(), "c");
        assert!(member("{}", "b").is_err());
    }
}
