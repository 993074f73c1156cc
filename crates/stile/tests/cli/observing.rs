//! What others may see of a running server: numbers without names, and log lines without secrets.

use std::fs::{self, File};
use std::io::{Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::Stdio;

use serde_json::{Value, json};

use crate::collector::{Collector, attribute, decoded};
use crate::world::{DEMO, Server, World, get, port};

const ADDRESS: &str = "ann.private@example.com";

#[test]
fn metrics_are_on_a_port_of_their_own() {
    let world = World::new();
    let id = world.with_environment();
    let free = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let at = free.to_string();
    let mut args = vec!["serve", "--json", "--metrics-listen", &at];
    args.extend(world.serve_options());
    let server = Server::start(world.command(&args), |_| true);
    let said: Value = serde_json::from_str(&server.printed[0]).unwrap();
    let main = port(&said["address"]);
    assert_eq!(get(main, &format!("/api/v0/sdk/{id}/settings")).0, 200);
    assert_eq!(get(main, &format!("/api/v0/sdk/{id}/users")).0, 401);
    assert_eq!(get(main, "/some/secret/path").0, 404);
    assert_eq!(get(main, "/readyz").0, 204);
    assert_eq!(get(main, "/metrics").0, 404);

    let (status, text) = get(free.port(), "/metrics");
    assert_eq!(status, 200);
    for line in [
        "stile_request_duration_seconds_count{operation=\"getUser\",status=\"4xx\"} 1",
        "stile_request_duration_seconds_count{operation=\"other\",status=\"4xx\"} 2",
        "stile_refusals_total{code=\"unauthorized\"} 1",
        "stile_elevated_tokens_issued_total 0",
        "stile_store_waiting 0",
        "# TYPE stile_store_commit_mutations histogram",
        "stile_store_commit_mutations_bucket{le=\"1\"} 1\n",
        "stile_store_commit_mutations_sum 1\n",
        "stile_store_commit_mutations_count 1\n",
        "# TYPE stile_store_commit_seconds histogram",
        "stile_store_commit_seconds_bucket{le=\"+Inf\"} 1\n",
        "stile_store_commit_seconds_count 1\n",
        "stile_outbox_messages 0",
    ] {
        assert!(text.contains(line), "{line}\n{text}");
    }
    assert!(!text.contains("secret") && !text.contains(&id), "{text}");
    // The documented list is this one.
    let told = include_str!("../../../../docs/operations.md").lines();
    let mut told: Vec<&str> = told
        .filter_map(|line| line.strip_prefix("| `stile_")?.split_once('`'))
        .map(|(name, _)| name)
        .collect();
    let types = text.lines().filter_map(|line| line.strip_prefix("# TYPE stile_")?.split_once(' '));
    let mut counted: Vec<&str> = types.map(|(name, _)| name).collect();
    told.sort_unstable();
    counted.sort_unstable();
    assert_eq!(told, counted);
    assert_eq!(get(free.port(), "/healthz").0, 404);
    assert_eq!(server.stop().0.code(), Some(0));
}

pub fn post(port: u16, path: &str, bearer: &str, body: &Value) -> Value {
    let body = body.to_string();
    let mut stream = TcpStream::connect(("127.0.0.1", port)).unwrap();
    write!(
        stream,
        "POST /api/v0/sdk/{DEMO}{path} HTTP/1.1\r\nhost: localhost:{port}\r\norigin: http://localhost:{port}\r\n\
         x-request-id: traced-1\r\nauthorization: Bearer {bearer}\r\ncontent-type: application/json\r\n\
         content-length: {}\r\nconnection: close\r\n\r\n{body}",
        body.len()
    )
    .unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    let (head, body) = answer.split_once("\r\n\r\n").unwrap();
    assert!(!head.contains("traced-1"), "{head}");
    serde_json::from_str(body).unwrap_or_default()
}

/// What a signed-in page reads.
pub fn bearing(port: u16, path: &str, bearer: &str) -> Value {
    let mut stream = TcpStream::connect(("127.0.0.1", port)).unwrap();
    write!(
        stream,
        "GET /api/v0/sdk/{DEMO}{path} HTTP/1.1\r\nhost: localhost:{port}\r\norigin: http://localhost:{port}\r\n\
         authorization: Bearer {bearer}\r\nconnection: close\r\n\r\n"
    )
    .unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    serde_json::from_str(answer.split_once("\r\n\r\n").unwrap().1).unwrap_or_default()
}

/// A whole sign-in and a few refusals, with everything logged that can be.
#[test]
fn no_log_line_holds_a_secret_or_says_who() {
    let world = World::new();
    let log = world.path("log");
    let mut command = world.command(&["dev", "--json", "--log-format", "json", "--listen", "127.0.0.1:0"]);
    command.env("STILE_LOG", "trace").stdout(Stdio::piped()).stderr(File::create(&log).unwrap());
    let server = Server::logging(command);
    let said: Value = serde_json::from_str(&server.printed[0]).unwrap();
    let port = port(&said["url"]);

    let created = post(port, "/emailVerifications/create", "", &json!({ "email": ADDRESS }));
    let id = created["verificationUUID"].as_str().unwrap();
    let outbox = format!("/dev/outbox?to={ADDRESS}");
    let code = loop {
        let mails: Value = serde_json::from_str(&get(port, &outbox).1).unwrap();
        if let Some(code) = mails[0]["code"].as_str() {
            break code.to_owned();
        }
    };
    let answer = |code: &str| json!({ "verificationUUID": id, "verificationToken": code });
    assert_eq!(
        post(port, "/emailVerifications/signin", "", &answer("000000x"))["code"],
        "wrong_email_verification_token"
    );
    let session = post(port, "/emailVerifications/signin", "", &answer(&code));
    let (access, identity) = (session["minifiedJwt"].as_str().unwrap(), session["jwt"].as_str().unwrap());
    post(port, "/stepUp/check", access, &json!({ "scope": "vault:open" }));
    post(port, "/stepUp/check", "no-token-at-all", &json!({ "scope": "vault:open" }));
    post(port, "/revoke", access, &json!({}));
    assert_eq!(server.stop().0.code(), Some(0));

    let log = fs::read_to_string(log).unwrap();
    assert!(log.lines().count() >= 2, "{log}");
    for line in log.lines() {
        assert!(serde_json::from_str::<Value>(line).is_ok(), "{line}");
        let signature = access.rsplit('.').next().unwrap();
        for secret in [ADDRESS, "ann.private", &code, access, identity, signature, "no-token-at-all"] {
            assert!(!line.contains(secret), "{line}");
        }
    }
}

/// An operation that cannot be carried out says so in the log, under the id that its answer carries.
#[test]
fn log_lines_of_a_request_carry_its_id() {
    let world = World::new();
    let id = world.with_environment();
    let (log, collector) = (world.path("log"), Collector::new());
    let mut args = vec!["serve", "--json", "--log-format", "json", "--trusted-proxy", "127.0.0.1"];
    args.extend(world.serve_options());
    let mut command = world.command(&args);
    command.env("OTEL_EXPORTER_OTLP_ENDPOINT", format!("http://{}", collector.address));
    command.stderr(File::create(&log).unwrap());
    let server = Server::logging(command);
    let port = port(&serde_json::from_str::<Value>(&server.printed[0]).unwrap()["address"]);
    rusqlite::Connection::open(world.path("data/stile.db"))
        .unwrap()
        .execute_batch("ALTER TABLE verifications RENAME TO elsewhere")
        .unwrap();

    // Each from an address of its own, which rate limits count by.
    let mut address = 0;
    let mut ask = |headers: &str| {
        address += 1;
        let body = json!({ "email": ADDRESS }).to_string();
        let mut stream = TcpStream::connect(("127.0.0.1", port)).unwrap();
        write!(
            stream,
            "POST /api/v0/sdk/{id}/emailVerifications/create HTTP/1.1\r\nhost: localhost\r\n{headers}\
             x-forwarded-for: 198.51.100.{address}\r\ncontent-type: application/json\r\ncontent-length: {}\r\nconnection: close\r\n\r\n{body}",
            body.len()
        )
        .unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        assert!(answer.starts_with("HTTP/1.1 503 "), "{answer}");
        let carried = answer.lines().find_map(|line| line.strip_prefix("x-request-id: "));
        carried.unwrap().to_owned()
    };
    let mut ids = vec![ask("x-request-id: proxy-1\r\nx-dyn-request-id: client-1\r\n")];
    ids.push(ask("x-request-id: proxy-2\r\n"));
    let long = "x".repeat(101);
    for hostile in ["a\", \"level\": \"FORGED", "FORGED\tline", "FORGED%0Aline", "FORGED\u{e9}", "", &long] {
        let made = ask(&format!("x-dyn-request-id: {hostile}\r\n"));
        assert!(made.len() == 32 && made.bytes().all(|byte| byte.is_ascii_hexdigit()), "{made}");
        ids.push(made);
    }
    let unique: std::collections::HashSet<_> = ids.iter().collect();
    assert_eq!(unique.len(), ids.len());
    // A header that is two is read as two, or not at all.
    let mut stream = TcpStream::connect(("127.0.0.1", port)).unwrap();
    write!(stream, "GET /api/v0/sdk/{id}/settings HTTP/1.1\r\nhost: x\r\nx-request-id: a\nFORGED\r\n\r\n")
        .unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    assert!(answer.starts_with("HTTP/1.1 400 "), "{answer}");
    assert_eq!(server.stop().0.code(), Some(0));

    let log = fs::read_to_string(log).unwrap();
    assert!(!log.contains("FORGED") && !log.contains(&long), "{log}");
    assert!(!log.contains(ADDRESS) && !log.contains("198.51.100"), "{log}");
    let lines: Vec<Value> = log.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let (spans, _) = decoded(&collector.taken());
    let beside =
        |id: &str| lines.iter().find(|line| line["span"]["id"] == *id).unwrap()["span"]["client_id"].clone();
    assert_eq!(
        (beside(&ids[0]), beside(&ids[1]), beside(&ids[2])),
        ("client-1".into(), "proxy-2".into(), Value::Null)
    );
    for id in ids {
        let line = lines
            .iter()
            .rfind(|line| line["span"]["id"] == *id)
            .unwrap_or_else(|| panic!("no {id} in {log}"));
        assert_eq!(line["fields"]["code"], "storage_unavailable");
        let span =
            spans.iter().find(|span| attribute(&span.attributes, "stile.request.id").as_ref() == Some(&id));
        let trace = span.unwrap().trace_id.iter().map(|byte| format!("{byte:02x}")).collect::<String>();
        assert_eq!(line["span"]["trace_id"], trace, "{line}");
    }
}

/// The answer to somebody of this address who asks for a code by mail.
fn asking_for_a_code(port: u16, id: &str, address: &str) -> String {
    let body = json!({ "email": ADDRESS }).to_string();
    let mut stream = TcpStream::connect(("127.0.0.1", port)).unwrap();
    write!(
        stream,
        "POST /api/v0/sdk/{id}/emailVerifications/create HTTP/1.1\r\nhost: localhost\r\nx-forwarded-for: {address}\r\n\
         content-type: application/json\r\ncontent-length: {}\r\nconnection: close\r\n\r\n{body}",
        body.len()
    )
    .unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    answer
}

/// Operators see at the usual level what is refused, and cannot be flooded with it.
#[test]
fn refusals_and_outages_are_told_in_a_few_lines() {
    let world = World::new();
    let (id, log) = (world.with_environment(), world.path("log"));
    let mut args = vec!["serve", "--json", "--log-format", "json", "--trusted-proxy", "127.0.0.1"];
    args.extend(world.serve_options());
    let mut command = world.command(&args);
    command.stderr(File::create(&log).unwrap());
    let server = Server::logging(command);
    let port = port(&serde_json::from_str::<Value>(&server.printed[0]).unwrap()["address"]);
    let ask = |from: u8| asking_for_a_code(port, &id, &format!("198.51.100.{from}"));
    for n in 0..15 {
        assert_eq!(get(port, &format!("/api/v0/sdk/{id}/users?private={n}")).0, 401);
    }
    assert_eq!(get(port, "/some/private/path").0, 404);
    let db = rusqlite::Connection::open(world.path("data/stile.db")).unwrap();
    db.execute_batch("ALTER TABLE verifications RENAME TO elsewhere").unwrap();
    for from in 1..=3 {
        let answer = ask(from);
        assert!(answer.starts_with("HTTP/1.1 503 ") && answer.contains("\r\nretry-after: 5\r\n"), "{answer}");
    }
    db.execute_batch("ALTER TABLE elsewhere RENAME TO verifications").unwrap();
    let answer = ask(4);
    assert!(answer.starts_with("HTTP/1.1 201 "), "{answer}");
    assert_eq!(server.stop().0.code(), Some(0));

    let log = fs::read_to_string(log).unwrap();
    assert!(!log.contains("private") && !log.contains("198.51.100"), "{log}");
    let lines: Vec<Value> = log.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let of = |code: &str| lines.iter().filter(|line| line["fields"]["code"] == code).collect::<Vec<_>>();
    assert_eq!(
        (of("unauthorized").len(), of("not_found").len(), of("storage_unavailable").len()),
        (10, 1, 3)
    );
    let line = of("unauthorized")[9];
    assert_eq!((&line["level"], &line["fields"]["status"]), (&json!("INFO"), &json!(401)));
    assert_eq!(line["fields"]["operation"], "getUser");
    assert_eq!(line["span"]["id"].as_str().unwrap().len(), 32);
    let at =
        |text: &str| lines.iter().position(|line| line["fields"]["message"].as_str().unwrap().contains(text));
    let failed = at("the database does not").unwrap();
    assert!(lines[failed]["fields"]["cause"].as_str().unwrap().contains("verifications"), "{log}");
    assert!(failed < at("the database is back").unwrap(), "{log}");
    let failures = lines.iter().filter(|line| line["level"] == "ERROR").count();
    assert!(failures <= 2, "one for reads and one for writes: {log}");
}

/// The answer to a request for the environment's settings, with these headers.
fn asking(port: u16, id: &str, headers: &str) -> String {
    let mut stream = TcpStream::connect(("127.0.0.1", port)).unwrap();
    write!(
        stream,
        "GET /api/v0/sdk/{id}/settings HTTP/1.1\r\nhost: localhost\r\n{headers}connection: close\r\n\r\n"
    )
    .unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    answer
}

/// A server that logs JSON lines to a file, its port and that file.
fn logging(world: &World, more: &[&str]) -> (Server, u16, PathBuf) {
    let log = world.path("log");
    let mut args = vec!["serve", "--json", "--log-format", "json"];
    args.extend(world.serve_options());
    args.extend(more);
    let mut command = world.command(&args);
    command.stderr(File::create(&log).unwrap());
    let server = Server::logging(command);
    let port = port(&serde_json::from_str::<Value>(&server.printed[0]).unwrap()["address"]);
    (server, port, log)
}

/// What the log's warnings say of this.
fn warnings(log: &Path, text: &str) -> Vec<Value> {
    let log = fs::read_to_string(log).unwrap();
    let lines = log.lines().map(|line| serde_json::from_str::<Value>(line).unwrap());
    let told = |line: &Value| line["fields"]["message"].as_str().is_some_and(|said| said.contains(text));
    lines.filter(|line| line["level"] == "WARN" && told(line)).map(|line| line["fields"].clone()).collect()
}

/// Whoever has forgotten an origin finds the command that allows it in the log, and it works as it is printed.
#[test]
fn the_log_names_the_command_that_allows_a_refused_origin() {
    let world = World::new();
    let id = world.with_environment();
    let (server, port, log) = logging(&world, &[]);
    let of = |origin: &str| asking(port, &id, &format!("origin: {origin}\r\n"));
    let (app, shop) = ("https://app.example.com", "https://shop.example.com");
    assert!(of(app).starts_with("HTTP/1.1 200 "));
    for _ in 0..3 {
        assert!(of(shop).contains("\"code\":\"origin_not_allowed\""));
    }
    // A live environment refuses these: no command could allow them.
    for origin in ["http://shop.example.com", "http://localhost:3000"] {
        assert!(of(origin).starts_with("HTTP/1.1 403 "), "{origin}");
    }
    for odd in ["null", "https://a'b.example.com", "https://$(id).example.com"] {
        assert!(of(odd).starts_with("HTTP/1.1 403 "), "{odd}");
    }
    let told = warnings(&log, "an origin that is not allowed");
    assert_eq!(told.len(), 3, "one for each: {told:?}");
    let said = |n: usize| told[n]["message"].as_str().unwrap();
    assert_eq!((&told[0]["origin"], &told[0]["environment"]), (&json!(shop), &json!(id)));
    let command = said(0).split_once("if it is yours: ").unwrap().1;
    assert_eq!(
        command,
        format!("stile env set --data-dir data {id} 'allowedOrigins=[\"{app}\",\"{shop}\"]'")
    );
    for n in [1, 2] {
        let why = said(n);
        assert!(why.contains("a live environment refuses") && !why.contains("stile env set"), "{why}");
    }
    assert_eq!(warnings(&log, "without an origin of its own").len(), 1);

    let ran = world.paste(command);
    assert_eq!(ran.code, 0, "{}", ran.err);
    for origin in [app, shop] {
        let answer = of(origin);
        let granted = format!("access-control-allow-origin: {origin}\r\n");
        assert!(answer.starts_with("HTTP/1.1 200 ") && answer.contains(&granted), "{answer}");
    }
    assert_eq!(server.stop().0.code(), Some(0));
}

/// Behind a proxy that nobody has named all clients share one limit. The log says so once.
#[test]
fn forwarding_headers_of_an_unnamed_proxy_are_told_of_once() {
    let world = World::new();
    let id = world.with_environment();
    let about = "forwarding headers from an address that is not trusted";
    let (server, port, log) = logging(&world, &[]);
    for header in ["x-forwarded-for: 203.0.113.7", "forwarded: for=203.0.113.8", "x-real-ip: 203.0.113.9"] {
        assert!(asking(port, &id, &format!("{header}\r\n")).starts_with("HTTP/1.1 200 "));
    }
    let told = warnings(&log, about);
    assert_eq!(told.len(), 1, "{told:?}");
    assert_eq!(told[0]["from"], "127.0.0.1");
    assert!(told[0]["message"].as_str().unwrap().contains("--trusted-proxy"), "{told:?}");
    assert!(!fs::read_to_string(&log).unwrap().contains("203.0.113"));
    assert_eq!(server.stop().0.code(), Some(0));

    let (server, port, log) = logging(&world, &["--trusted-proxy", "127.0.0.1"]);
    let address = |hop: &str| asking(port, &id, &format!("x-forwarded-for: {hop}\r\n"));
    assert!(address("203.0.113.7").starts_with("HTTP/1.1 200 "));
    let unreadable = "an X-Forwarded-For that holds no address";
    assert_eq!((warnings(&log, about).len(), warnings(&log, unreadable).len()), (0, 0));
    for _ in 0..2 {
        assert!(address("unknown").starts_with("HTTP/1.1 200 "));
    }
    assert_eq!(warnings(&log, unreadable).len(), 1);
    assert_eq!(server.stop().0.code(), Some(0));
}

/// A write waits for a neighbour, but not for ever.
#[test]
fn a_database_that_another_process_keeps_locked_is_busy() {
    let world = World::new();
    let id = world.with_environment();
    let mut args = vec!["serve", "--json"];
    args.extend(world.serve_options());
    let server = Server::start(world.command(&args), |_| true);
    let port = port(&serde_json::from_str::<Value>(&server.printed[0]).unwrap()["address"]);
    let db = rusqlite::Connection::open(world.path("data/stile.db")).unwrap();
    db.execute_batch("BEGIN IMMEDIATE").unwrap();
    let answer = asking_for_a_code(port, &id, "198.51.100.1");
    assert!(answer.starts_with("HTTP/1.1 503 ") && answer.contains("\r\nretry-after: 1\r\n"), "{answer}");
    assert!(answer.contains("\"code\":\"busy\""), "{answer}");
    assert_eq!(get(port, &format!("/api/v0/sdk/{id}/settings")).0, 200, "reads wait for nobody");
    db.execute_batch("ROLLBACK").unwrap();
    assert_eq!(server.stop().0.code(), Some(0));
}

/// Where few files may be open there are few places. Whoever finds none is told so, and Prometheus is answered still.
#[test]
fn clients_beyond_the_limit_of_connections_are_told_to_come_back() {
    let world = World::new();
    world.with_environment();
    let log = world.path("log");
    let metrics = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let at = metrics.to_string();
    let mut args = vec!["serve", "--json", "--metrics-listen", &at];
    args.extend(world.serve_options());
    let mut command = world.command_with_files(64, &args);
    command.stderr(File::create(&log).unwrap());
    let server = Server::logging(command);
    let port = port(&serde_json::from_str::<Value>(&server.printed[0]).unwrap()["address"]);
    let mut inside = Vec::new();
    for _ in 0..16 {
        let mut stream = TcpStream::connect(("127.0.0.1", port)).unwrap();
        stream.write_all(b"GET /readyz HTTP/1.1\r\nhost: x\r\n\r\n").unwrap();
        let mut answer = [0; 12];
        stream.read_exact(&mut answer).unwrap();
        assert_eq!(&answer, b"HTTP/1.1 204");
        inside.push(stream);
    }
    let (status, body) = get(port, "/readyz");
    assert_eq!((status, body.contains("\"code\":\"busy\"")), (503, true), "{body}");
    assert_eq!(get(metrics.port(), "/metrics").0, 200);
    inside.pop();
    while get(port, "/readyz").0 == 503 {}
    assert_eq!(server.stop().0.code(), Some(0));
    let log = fs::read_to_string(log).unwrap();
    assert!(log.contains("the limit of open files leaves room for few connections"), "{log}");
    assert!(log.contains("all connections are taken"), "{log}");
}
