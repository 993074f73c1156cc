//! What every operation answers, recorded: status, headers, members and the claims of tokens, with the rows of the audit
//! log and the mails that a request caused. What differs from run to run is masked (`mask`).
//!
//! Each operation has a file in `tests/snapshots`; `STILE_WRITE_SNAPSHOTS=1 cargo test --workspace --test suite snapshots`
//! writes them anew.

mod backend;
mod codes;
mod compatibility;
mod mask;
mod mfa;
mod pages;
mod passkeys;
mod refusals;
mod session;
mod users;

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;
use std::sync::{Arc, Mutex};

use axum::body::{Body, Bytes, to_bytes};
use axum::extract::{Request, State};
use axum::http::{HeaderMap, Method, StatusCode};
use axum::middleware::{Next, from_fn_with_state};
use axum::response::Response;
use serde_json::{Map, Value, json};
use stile_core::Micros;
use stile_core::settings::Settings;
use stile_server::clock::Clock;
use stile_server::delivery::Letter;
use stile_server::{App, Config};
use stile_store::{AuditFilter, AuditRow, Mutation, outbox};

use crate::access::{Operation, operations};
use crate::documents::compare;
use crate::world::{ENVIRONMENT, ORIGIN, World, config, settings};
use mask::Mask;

const FOLDER: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/snapshots");
/// What is recorded beside the operations.
const APART: [&str; 4] = ["-development", "-edge", "-metrics", "-pages"];
/// All tapes begin at 2030-01-01T00:00:00Z.
const BEGIN: Micros = Micros::new(1_893_456_000_000_000);
const ADDRESS: &str = "203.0.113.7";

/// The cases of one file. All its worlds share a clock that stands: it moves on by a second with each request, and to the
/// next minute after each case, so that refusals of one case are counted in rows of their own.
pub struct Tape {
    name: &'static str,
    operation: Option<Operation>,
    clock: Arc<Clock>,
    last: Arc<Mutex<Option<Exchange>>>,
    cases: RefCell<Vec<(String, Value)>>,
    /// Their data last as long as the tape.
    worlds: RefCell<Vec<Rc<World>>>,
}

impl Tape {
    /// Begins with what the operation refuses whatever it does.
    pub async fn of(operation: &'static str) -> Self {
        let mut tape = Self::apart(operation);
        tape.operation = operations().into_iter().find(|op| op.id == operation);
        refusals::record(&tape, tape.operation.as_ref().expect("an operation")).await;
        tape
    }

    /// A tape of something beside the operations.
    pub fn apart(name: &'static str) -> Self {
        let clock = Arc::new(Clock::standing(BEGIN));
        let (last, cases, worlds) = (Arc::default(), RefCell::default(), RefCell::default());
        Self { name, operation: None, clock, last, cases, worlds }
    }

    /// A server whose answers the tape can record.
    pub async fn world(&self, settings: Settings) -> Rc<World> {
        self.configured(settings, config()).await
    }

    pub async fn plain(&self) -> Rc<World> {
        self.world(settings()).await
    }

    pub async fn configured(&self, settings: Settings, config: Config) -> Rc<World> {
        let mut world = World::at(Arc::clone(&self.clock), settings, config).await;
        let deck = Deck { app: Arc::clone(&world.app), last: Arc::clone(&self.last) };
        world.router = world.router.layer(from_fn_with_state(deck, listen));
        let world = Rc::new(world);
        self.worlds.borrow_mut().push(Rc::clone(&world));
        world
    }

    /// Records the answer to the last request of this.
    pub async fn case<T>(&self, name: &str, done: impl Future<Output = T>) -> T {
        let done = done.await;
        let last = self.last.lock().unwrap().take();
        let exchange = last.expect("a request");
        if let Some(operation) = &self.operation {
            assert!(exchange.is_of(operation), "{name:?} ends with {}", exchange.line());
        }
        self.add(name, exchange.shown());
        exchange.deliver().await;
        self.clock.advance(60 - self.clock.now().seconds().rem_euclid(60));
        done
    }

    pub fn add(&self, name: &str, shown: Value) {
        self.cases.borrow_mut().push((name.to_owned(), shown));
    }

    /// Compares with what is stored.
    pub fn end(self) {
        let path = format!("{FOLDER}/{}.json", self.name);
        let cases = self.cases.into_inner();
        if std::env::var_os("STILE_WRITE_SNAPSHOTS").is_some() {
            std::fs::create_dir_all(FOLDER).unwrap();
            std::fs::write(&path, written(&cases)).unwrap();
        }
        let stored = stored(self.name);
        let now: BTreeMap<String, Value> = cases.iter().cloned().collect();
        assert_eq!(now.len(), cases.len(), "each case has a name of its own");
        let mut found = Vec::new();
        for name in stored.keys().chain(now.keys()).collect::<BTreeSet<_>>() {
            match (stored.get(name), now.get(name)) {
                (Some(stored), Some(now)) => compare(&format!("{name:?}: "), stored, now, &mut found),
                (Some(_), None) => found.push(format!("{name:?}: committed, and not recorded any more")),
                (None, _) => found.push(format!("{name:?}: recorded, and not committed")),
            }
        }
        assert!(
            found.is_empty(),
            "{} is not answered as committed (STILE_WRITE_SNAPSHOTS=1 writes the file anew):\n{}",
            self.name,
            found.join("\n")
        );
    }
}

/// The cases of a file, by name.
fn stored(name: &str) -> BTreeMap<String, Value> {
    let text = std::fs::read_to_string(format!("{FOLDER}/{name}.json")).unwrap_or_default();
    let cases: Vec<Map<String, Value>> = serde_json::from_str(&text).unwrap_or_default();
    let named = cases.into_iter().map(|mut case| {
        let name = case.remove("case").unwrap_or_default();
        (name.as_str().unwrap_or_default().to_owned(), Value::Object(case))
    });
    named.collect()
}

const WIDTH: usize = 118;

fn written(cases: &[(String, Value)]) -> String {
    let case = |(name, shown): &(String, Value)| {
        let mut members = vec![format!("    \"case\": {}", json!(name))];
        for member in ["request", "status", "headers", "body", "audit", "mails"] {
            if let Some(value) = shown.get(member) {
                members.push(format!("    {member:?}: {}", pretty(value, 4)));
            }
        }
        format!("  {{\n{}\n  }}", members.join(",\n"))
    };
    format!("[\n{}\n]\n", cases.iter().map(case).collect::<Vec<_>>().join(",\n"))
}

/// JSON whose short parts stand on one line.
fn pretty(value: &Value, indent: usize) -> String {
    let flat = value.to_string();
    let (inner, outer) = (" ".repeat(indent + 2), " ".repeat(indent));
    match value {
        _ if indent + flat.len() <= WIDTH => flat,
        Value::Object(members) => {
            let member = |(name, value)| format!("{inner}{}: {}", json!(name), pretty(value, indent + 2));
            format!("{{\n{}\n{outer}}}", members.iter().map(member).collect::<Vec<_>>().join(",\n"))
        }
        Value::Array(items) => {
            let item = |value| format!("{inner}{}", pretty(value, indent + 2));
            format!("[\n{}\n{outer}]", items.iter().map(item).collect::<Vec<_>>().join(",\n"))
        }
        _ => flat,
    }
}

/// A request with its answer and its traces.
struct Exchange {
    app: Arc<App>,
    method: Method,
    uri: String,
    now: Micros,
    status: StatusCode,
    headers: HeaderMap,
    body: Bytes,
    /// Rows that are new, or count more than before.
    audit: Vec<AuditRow>,
    mails: Vec<Value>,
}

#[derive(Clone)]
struct Deck {
    app: Arc<App>,
    last: Arc<Mutex<Option<Exchange>>>,
}

/// Around a whole router.
async fn listen(State(deck): State<Deck>, request: Request, next: Next) -> Response {
    let Deck { app, last } = deck;
    app.clock.advance(1);
    let (method, uri, now) = (request.method().clone(), request.uri().to_string(), app.clock.now());
    let before = rows(&app).await;
    let (parts, body) = next.run(request).await.into_parts();
    let body = to_bytes(body, usize::MAX).await.unwrap();
    let audit = rows(&app).await.into_iter().filter(|row| !before.contains(row)).collect();
    let mails = mails(&app, now).await;
    let (status, headers) = (parts.status, parts.headers.clone());
    let exchange = Exchange { app, method, uri, now, status, headers, body: body.clone(), audit, mails };
    *last.lock().unwrap() = Some(exchange);
    Response::from_parts(parts, Body::from(body))
}

async fn rows(app: &App) -> Vec<AuditRow> {
    app.store.audit(ENVIRONMENT, AuditFilter::newest(10_000)).await.unwrap()
}

/// The mails that were written at this time, and when they end.
async fn mails(app: &App, at: Micros) -> Vec<Value> {
    let due = app.store.due_mail(at).await.unwrap();
    let written = due.into_iter().filter(|slot| slot.mail.created_at == at).map(|slot| {
        let letter = Letter::open(&app.keys, &slot.mail).unwrap();
        json!({ "letter": letter, "ends": slot.mail.expires_at.get() })
    });
    let mut mails: Vec<Value> = written.collect();
    mails.sort_by_key(|mail| mail["letter"]["to"].to_string());
    mails
}

/// Headers that most answers carry: only what differs from them is shown. Lengths are not, nor is the request's id, which
/// every answer has.
const USUAL: [(&str, &str); 9] = [
    ("access-control-allow-origin", ORIGIN),
    ("access-control-expose-headers", "retry-after, x-request-id"),
    ("cache-control", "no-store"),
    ("content-security-policy", "default-src 'none'; frame-ancestors 'none'"),
    ("content-type", "application/json"),
    ("referrer-policy", "no-referrer"),
    ("vary", "origin"),
    ("x-content-type-options", "nosniff"),
    ("x-frame-options", "DENY"),
];

impl Exchange {
    fn line(&self) -> String {
        format!("{} {}", self.method, self.uri)
    }

    fn is_of(&self, operation: &Operation) -> bool {
        let path = self.uri.split('?').next().unwrap();
        let (ours, theirs): (Vec<&str>, Vec<&str>) =
            (path.split('/').collect(), operation.path.split('/').collect());
        let same = |(ours, theirs): (&&str, &&str)| ours == theirs || theirs.starts_with('{');
        self.method == operation.method && ours.len() == theirs.len() && ours.iter().zip(&theirs).all(same)
    }

    fn shown(&self) -> Value {
        let mut mask = Mask::at(self.now);
        let mut shown = Map::new();
        let mut show = |name: &str, value| drop(shown.insert(name.to_owned(), value));
        show("request", mask.text("", &self.line()));
        show("status", json!(self.status.as_u16()));
        show("headers", self.headers(&mut mask));
        if !self.body.is_empty() {
            show("body", self.body(&mut mask));
        }
        show("audit", self.audit(&mut mask));
        show("mails", mask.value("mails", &json!(self.mails)));
        let nothing = |value: &Value| *value == json!([]) || *value == json!({});
        shown.retain(|name, value| name == "body" || !nothing(value));
        Value::Object(shown)
    }

    fn headers(&self, mask: &mut Mask) -> Value {
        assert_eq!(self.headers["x-request-id"].len(), 32);
        let refused: Value = serde_json::from_slice(&self.body).unwrap_or_default();
        let mut shown = Map::new();
        let usual = |name: &str| USUAL.iter().find(|(n, _)| *n == name).map(|(_, value)| *value);
        for name in self.headers.keys().map(|name| name.as_str()).collect::<BTreeSet<_>>() {
            let all: Vec<&str> = self.headers.get_all(name).iter().map(|v| v.to_str().unwrap()).collect();
            let text = all.join(" | ");
            match name {
                "content-length" | "x-request-id" => {}
                // Limits that are kept in memory go by a clock of their own.
                "retry-after" if refused["code"] == "too_many_requests" => {
                    shown.insert(name.into(), json!("<seconds>"));
                }
                _ if usual(name) == Some(text.as_str()) => {}
                _ => drop(shown.insert(name.into(), mask.text(name, &text))),
            }
        }
        for (name, _) in USUAL {
            let expected = name != "content-type" || !self.body.is_empty();
            if expected && !self.headers.contains_key(name) {
                shown.insert(name.into(), Value::Null);
            }
        }
        Value::Object(shown)
    }

    /// JSON with its masks, or the lines of a page without its style.
    fn body(&self, mask: &mut Mask) -> Value {
        if self.uri == "/openapi.json" {
            return json!("<the document>");
        }
        if let Ok(body) = serde_json::from_slice(&self.body) {
            return beside_the_access_token(mask.value("", &body));
        }
        let text = String::from_utf8_lossy(&self.body);
        let mut in_style = false;
        let mut lines = Vec::new();
        for line in text.lines() {
            in_style |= line.starts_with("<style");
            if !in_style {
                lines.push(mask.text("", line));
            }
            in_style &= !line.starts_with("</style>");
        }
        Value::Array(lines)
    }

    /// What the request wrote into the audit log. `from` and `request` are shown where they are not the request's own,
    /// `actor` where somebody was known.
    fn audit(&self, mask: &mut Mask) -> Value {
        let own = self.headers["x-request-id"].to_str().unwrap();
        let mut rows: Vec<&AuditRow> = self.audit.iter().collect();
        rows.sort_by_key(|row| &row.event);
        let shown = rows.into_iter().map(|row| {
            let mut shown = json!({ "event": row.event, "detail": mask.value("detail", &row.detail) });
            if let Some(subject) = row.subject {
                shown["subject"] = mask.text("", &subject.to_string());
            }
            if row.count != 1 {
                shown["count"] = json!(row.count);
            }
            if let Some(actor) = &row.source.actor {
                shown["actor"] = mask.text("", actor);
            }
            if row.source.request != own {
                shown["request"] = json!("another");
            }
            if row.source.address.as_deref() != Some(ADDRESS) {
                shown["from"] = json!(row.source.address);
            }
            if row.at != self.now {
                shown["at"] = mask.value("", &json!(row.at.get()));
            }
            shown
        });
        shown.collect()
    }

    /// Lets the mails go.
    async fn deliver(&self) {
        while let Some(slot) = self.app.store.due_mail(self.now).await.unwrap().first() {
            self.app.store.commit(Mutation::new([outbox::delete(slot.mail.id)])).await.unwrap();
        }
    }
}

/// Of the identity token's claims, those that differ from the access token's.
fn beside_the_access_token(mut body: Value) -> Value {
    let access = body.pointer("/minifiedJwt/claims").cloned();
    let identity = body.pointer_mut("/jwt/claims").and_then(Value::as_object_mut);
    if let (Some(Value::Object(access)), Some(identity)) = (access, identity) {
        for (name, value) in access {
            if identity.get(&name) == Some(&value) {
                identity.remove(&name);
            } else {
                identity.entry(name).or_insert(Value::Null);
            }
        }
    }
    body
}

#[test]
fn every_operation_is_recorded_with_a_success() {
    let sources = [
        include_str!("snapshots/backend.rs"),
        include_str!("snapshots/codes.rs"),
        include_str!("snapshots/compatibility.rs"),
        include_str!("snapshots/mfa.rs"),
        include_str!("snapshots/pages.rs"),
        include_str!("snapshots/passkeys.rs"),
        include_str!("snapshots/session.rs"),
        include_str!("snapshots/users.rs"),
    ]
    .concat();
    let ids = operations().into_iter().map(|op| op.id);
    let wanted: BTreeSet<String> = ids.chain(APART.map(str::to_owned)).collect();
    let files = std::fs::read_dir(FOLDER).unwrap().map(|file| file.unwrap().file_name());
    let files = files.map(|name| name.into_string().unwrap().trim_end_matches(".json").to_owned());
    assert_eq!(files.collect::<BTreeSet<_>>(), wanted, "one file for each operation, and no other");
    for name in wanted {
        assert!(sources.contains(&format!("({name:?})")), "{name}: no test records it");
        let succeeds = |case: &Value| case["status"].as_u64().is_some_and(|status| status < 400);
        assert!(stored(&name).values().any(succeeds), "{name}: no success is recorded");
    }
}
