//! OpenTelemetry: what a collector hears of a running server, and what it does not.

use std::fs::{self, File};
use std::io::{Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::process::Command;

use opentelemetry_proto::tonic::trace::v1::Span;
use opentelemetry_proto::tonic::trace::v1::span::SpanKind;
use serde_json::{Value, json};

use crate::collector::{Collector, attribute, decoded, mail_server};
use crate::world::{Server, World, port, ran};

const ADDRESS: &str = "ann.private@example.com";
const CALLER: &str = "0af7651916cd43dd8448eb211c80319c";

/// `stile serve` on the world's data, which sends its traces there, and its mail to this port.
fn serve(world: &World, endpoint: &str, mail: u16) -> Command {
    let smtp = format!("smtp://localhost:{mail}");
    let options =
        world.serve_options().map(|option| if option.starts_with("smtp:") { &smtp } else { option });
    let mut command = world.command(&["serve", "--json"]);
    command.args(options);
    command.env("OTEL_EXPORTER_OTLP_ENDPOINT", endpoint);
    command
}

fn listening(server: &Server) -> u16 {
    port(&serde_json::from_str::<Value>(&server.printed[0]).unwrap()["address"])
}

struct Page {
    port: u16,
    environment: String,
    /// The heads of all answers.
    heads: Vec<String>,
}

impl Page {
    fn send(&mut self, method: &str, path: &str, bearer: &str, body: &Value) -> Value {
        let (body, port) = (body.to_string(), self.port);
        let mut stream = TcpStream::connect(("127.0.0.1", port)).unwrap();
        write!(
            stream,
            "{method} /api/v0/sdk/{}{path} HTTP/1.1\r\nhost: localhost:{port}\r\norigin: https://app.example.com\r\n\
             x-request-id: traced-1\r\ntraceparent: 00-{CALLER}-b7ad6b7169203331-01\r\ntracestate: who=ann\r\n\
             baggage: who=ann\r\nuser-agent: Probe/9.9\r\nauthorization: Bearer {bearer}\r\n\
             content-type: application/json\r\ncontent-length: {}\r\nconnection: close\r\n\r\n{body}",
            self.environment,
            body.len()
        )
        .unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        let (head, body) = answer.split_once("\r\n\r\n").unwrap();
        assert!(!head.contains("traced-1"), "{head}");
        self.heads.push(head.to_owned());
        serde_json::from_str(body).unwrap_or_default()
    }
}

/// The one span of this name that is a request.
fn request<'a>(spans: &'a [Span], name: &str) -> &'a Span {
    let mut found = spans.iter().filter(|span| span.name == name && span.kind() == SpanKind::Server);
    let span = found.next().unwrap_or_else(|| panic!("no {name} in {spans:#?}"));
    assert!(found.next().is_none(), "{name} more than once");
    span
}

#[test]
fn a_sign_in_and_a_refusal_are_traced_without_saying_who() {
    let world = World::new();
    let environment = world.with_environment();
    let (mail, mails) = mail_server();
    let collector = Collector::new();
    let mut command = serve(&world, &format!("http://{}", collector.address), mail);
    command
        .env("OTEL_EXPORTER_OTLP_HEADERS", "x-team=blue%20sky")
        .env("OTEL_RESOURCE_ATTRIBUTES", "deployment.environment.name=test")
        .env("STILE_LOG", "trace,ureq=trace");
    let log = world.path("log");
    command.stderr(File::create(&log).unwrap());
    let server = Server::logging(command);
    let mut page = Page { port: listening(&server), environment, heads: Vec::new() };

    let none = Value::Null;
    let created =
        page.send("POST", "/emailVerifications/create?who=ann-query", "", &json!({ "email": ADDRESS }));
    let mail = mails.recv().unwrap();
    let code = mail.split("Your code to sign in to Acme: ").nth(1).unwrap()[..6].to_owned();
    let answer = json!({ "verificationUUID": created["verificationUUID"], "verificationToken": code });
    let session = page.send("POST", "/emailVerifications/signin", "", &answer);
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    let (access, identity) = (text(&session["minifiedJwt"]), text(&session["jwt"]));
    let refused = page.send("DELETE", "/users", &access, &none);
    assert_eq!(refused["code"], "elevated_token_required", "{refused}");
    page.send("GET", "/no/such/thing", &access, &none);
    assert_eq!(crate::world::get(page.port, "/readyz").0, 204);
    assert_eq!(server.stop().0.code(), Some(0));

    let exports = collector.taken();
    let (spans, sender) = decoded(&exports);
    assert!(exports[0].head.starts_with("POST /v1/traces HTTP/1.1\r\n"), "{}", exports[0].head);
    assert!(exports[0].head.to_lowercase().contains("x-team: blue sky\r\n"), "{}", exports[0].head);
    assert_eq!(attribute(&sender, "service.name").as_deref(), Some("stile"));
    assert_eq!(attribute(&sender, "deployment.environment.name").as_deref(), Some("test"));

    for (name, status) in
        [("createEmailVerification", "201"), ("signInWithEmail", "200"), ("deleteUser", "403")]
    {
        let span = request(&spans, name);
        let said = |key| attribute(&span.attributes, key);
        assert_eq!(said("http.response.status_code").as_deref(), Some(status), "{name}");
        assert_eq!(said("stile.request.id").unwrap().len(), 32);
        assert_eq!(said("stile.request.client_id").as_deref(), Some("traced-1"));
        assert!(span.parent_span_id.is_empty() && hex(&span.trace_id) != CALLER, "a trace of our own");
        assert_eq!(span.links.iter().map(|link| hex(&link.trace_id)).collect::<Vec<_>>(), [CALLER]);
        assert!(span.links[0].trace_state.is_empty());
        let inside = |kind: &str| spans.iter().any(|child| child.name == kind && is_in(child, span));
        assert!(inside("read"), "{name}: {spans:#?}");
        // Refusals of many requests are counted together, in commits that are nobody's.
        assert_eq!(inside("commit"), name != "deleteUser", "{name}: {spans:#?}");
    }
    let refusal = &request(&spans, "deleteUser").attributes;
    assert_eq!(attribute(refusal, "http.route").as_deref(), Some("/api/v0/sdk/{environmentId}/users"));
    assert_eq!(attribute(refusal, "http.request.method").as_deref(), Some("DELETE"));
    assert_eq!(attribute(refusal, "error.type").as_deref(), Some("elevated_token_required"));
    assert_eq!(attribute(&request(&spans, "signInWithEmail").attributes, "error.type"), None);

    let mail = spans.iter().find(|span| span.name == "deliverMail").unwrap();
    assert_eq!(attribute(&mail.attributes, "error.type"), None);
    assert!(spans.iter().any(|span| span.name == "sendMail" && is_in(span, mail)), "{spans:#?}");
    let roots: Vec<_> =
        spans.iter().filter(|span| span.parent_span_id.is_empty()).map(|s| &*s.name).collect();
    assert!(!roots.contains(&"commit") && !roots.contains(&"read"), "nothing of background work: {roots:?}");
    assert_eq!(roots.len(), 4, "no pages and no health checks: {roots:?}");

    let claims = |token: &str| token.split('.').map(str::to_owned).collect::<Vec<_>>();
    let mut secrets =
        vec![ADDRESS.to_owned(), "ann".into(), code, page.environment, "Probe".into(), "127.0.0.1".into()];
    secrets.extend(claims(&access).into_iter().chain(claims(&identity)));
    secrets.extend(["verificationUUID"].map(|name| text(&created[name])));
    secrets.push(text(&session["user"]["id"]));
    let cookies =
        page.heads.iter().flat_map(|head| head.lines()).filter_map(|l| l.strip_prefix("set-cookie: "));
    secrets
        .extend(cookies.filter_map(|cookie| Some(cookie.split(';').next()?.split_once('=')?.1.to_owned())));
    let log = fs::read_to_string(log).unwrap();
    assert!(!log.contains("sky") && !log.contains("http.route"), "neither its key nor its spans: {log}");
    for export in &exports {
        let heard = String::from_utf8_lossy(&export.body);
        for secret in secrets.iter().filter(|secret| !secret.is_empty()) {
            assert!(!heard.contains(secret.as_str()), "{secret} in {spans:#?}");
        }
    }
}

#[test]
fn the_doctor_says_where_traces_go() {
    let world = World::new();
    world.with_environment();
    let mut args = vec!["doctor"];
    args.extend(world.serve_options());
    for (endpoint, says) in [
        ("https://c.example/in?key=hunter2", "OK    traces: go to https://c.example/in\n"),
        (
            "c.example:4318",
            "FAIL  traces: The variable OTEL_EXPORTER_OTLP_TRACES_ENDPOINT does not begin with",
        ),
    ] {
        let mut command = world.command(&args);
        command.env("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", endpoint);
        let ran = ran(command);
        assert!(ran.out.contains(says) && !ran.out.contains("hunter2"), "{}", ran.out);
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn is_in(child: &Span, parent: &Span) -> bool {
    child.trace_id == parent.trace_id && child.parent_span_id == parent.span_id
}

/// One that takes connections and never answers holds the end up for a moment only; one that is not there, not at all.
#[test]
fn a_dead_collector_disturbs_nobody() {
    let silent = TcpListener::bind("127.0.0.1:0").unwrap();
    let gone = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    for address in [silent.local_addr().unwrap(), gone] {
        let world = World::new();
        let environment = world.with_environment();
        let server = Server::start(serve(&world, &format!("http://{address}"), 1), |_| true);
        let mut page = Page { port: listening(&server), environment, heads: Vec::new() };
        for _ in 0..3 {
            assert!(page.send("GET", "/settings", "", &Value::Null).is_object());
        }
        assert_eq!(server.stop().0.code(), Some(0));
    }
}

#[test]
fn what_the_variables_cannot_mean_keeps_it_from_starting() {
    let world = World::new();
    world.with_environment();
    let mut command = serve(&world, "localhost:4318", 1);
    command.env("OTEL_EXPORTER_OTLP_HEADERS", "x-key=hunter2");
    let ran = ran(command);
    ran.refused(1, &["1. The variable OTEL_EXPORTER_OTLP_ENDPOINT", "http://localhost:4318"]);
    assert!(!ran.err.contains("2. ") && !ran.err.contains("hunter2"), "{}", ran.err);
}

#[test]
fn nothing_is_sent_where_none_is_wanted() {
    let world = World::new();
    let environment = world.with_environment();
    for (name, value) in [
        ("OTEL_SDK_DISABLED", "true"),
        ("OTEL_TRACES_EXPORTER", "none"),
        ("OTEL_TRACES_SAMPLER", "always_off"),
    ] {
        let collector = Collector::new();
        let mut command = serve(&world, &format!("http://{}", collector.address), 1);
        command.env(name, value);
        let server = Server::start(command, |_| true);
        let mut page = Page { port: listening(&server), environment: environment.clone(), heads: Vec::new() };
        page.send("GET", "/settings", "", &Value::Null);
        assert_eq!(server.stop().0.code(), Some(0));
        assert!(collector.taken().is_empty(), "{name}");
    }
}

#[test]
fn a_collector_must_prove_its_name() {
    let world = World::new();
    let environment = world.with_environment();
    let (collector, certificate) = Collector::secure();
    world.file("collector.pem", &certificate, 0o600);
    for (trusted, exports) in [(false, 0), (true, 1)] {
        let mut command = serve(&world, &format!("https://localhost:{}", collector.address.port()), 1);
        if trusted {
            command.env("OTEL_EXPORTER_OTLP_CERTIFICATE", "collector.pem");
        }
        let log = world.path("log");
        command.stderr(File::create(&log).unwrap());
        let server = Server::logging(command);
        let mut page = Page { port: listening(&server), environment: environment.clone(), heads: Vec::new() };
        page.send("GET", "/settings", "", &Value::Null);
        assert_eq!(server.stop().0.code(), Some(0));
        assert_eq!(collector.taken().len(), exports);
        let log = fs::read_to_string(log).unwrap();
        assert_eq!(log.contains("traces are not delivered"), !trusted, "{log}");
    }
}
