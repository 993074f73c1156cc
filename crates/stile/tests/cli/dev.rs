//! `stile dev`.

use std::io::{Read, Write};
use std::net::TcpStream;

use crate::world::{DEMO, Server, World, get, mode, port};

#[test]
fn it_starts_answers_and_stops() {
    let world = World::new();
    let command = world.command(&["dev", "--listen", "127.0.0.1:0"]);
    let server = Server::start(command, |line| line.starts_with("For development"));
    let lines: Vec<&String> = server.printed.iter().filter(|line| line.contains("listening on")).collect();
    let [line] = lines[..] else { panic!("{:?}", server.printed) };
    let url = line.split("listening on ").nth(1).unwrap().to_owned();
    let port: u16 = url.strip_prefix("http://localhost:").unwrap().parse().unwrap();
    assert_ne!(port, 0);
    for path in ["/demo/", "/docs/api", "/dev/outbox"] {
        let link = format!("{url}{path}");
        assert!(server.printed.iter().any(|line| line.ends_with(&link)), "{:?}", server.printed);
    }

    let printed = server.printed.join("\n");
    assert!(
        printed.starts_with(concat!("Stile ", env!("CARGO_PKG_VERSION"), " is listening on ")),
        "{printed}"
    );
    assert!(printed.contains(&format!("  Environment  {DEMO}\n")), "{printed}");
    // The printed command works as it stands.
    let command = server.printed.iter().find_map(|line| line.trim().strip_prefix("stile token create"));
    let words: Vec<&str> =
        ["token", "create"].into_iter().chain(command.unwrap().split_whitespace()).collect();
    assert!(world.run(&words).out.starts_with("stile_"), "{words:?}");

    assert_eq!(get(port, "/healthz").0, 204);
    assert_eq!(get(port, "/readyz").0, 204);
    let (status, document) = get(port, "/openapi.json");
    assert_eq!((status, document.contains("\"openapi\"")), (200, true));
    assert_eq!(get(port, "/docs/api").0, 200);
    assert_eq!(get(port, "/dev/outbox").0, 200);
    let (status, settings) = get(port, &format!("/api/v0/sdk/{DEMO}/settings"));
    assert!(status == 200 && settings.contains("Stile demo"), "{status} {settings}");

    let (status, rest) = server.stop();
    assert_eq!(status.code(), Some(0));
    assert!(!rest.iter().any(|line| line.contains("listening on")), "{rest:?}");
    assert_eq!((mode(&world.path(".stile")), mode(&world.path(".stile/master.key"))), (0o700, 0o600));
    assert_eq!(std::fs::read_to_string(world.path(".stile/.gitignore")).unwrap(), "*\n");
}

#[test]
fn the_next_start_finds_its_data_and_changes_the_demos_token() {
    let world = World::new();
    let mut ids = Vec::new();
    for _ in 0..2 {
        let (server, said) = Server::dev(&world, &[]);
        assert_eq!(said["environment"], DEMO);
        assert_eq!(server.stop().0.code(), Some(0));
        // Without --data-dir and without a key: both are found in ./.stile.
        let tokens = world.json(&["token", "list", "--env", DEMO]);
        let [token] = tokens.as_array().unwrap().as_slice() else { panic!("{tokens}") };
        assert_eq!(token["note"], "demo backend (made by stile dev)");
        assert_eq!(token["scopes"], serde_json::json!(["elevatedTokens.consume"]));
        ids.push(token["id"].clone());
    }
    assert_ne!(ids[0], ids[1]);
    let shown = world.json(&["env", "show", DEMO]);
    assert_eq!((&shown["name"], &shown["kind"]), (&"demo".into(), &"sandbox".into()));
    let settings = &shown["settings"];
    assert_eq!(settings["general"]["displayName"], "Stile demo");
    assert_eq!(settings["allowedOrigins"], serde_json::json!(["http://localhost:*"]));
    assert_eq!(settings["passkeys"]["rpId"], "localhost");
    assert_eq!(settings["scopes"][0]["scope"], "vault:open");
    assert_eq!(settings["limits"]["code"]["requests"], 30);
    assert_eq!(shown["keys"].as_array().unwrap().len(), 1);
}

#[test]
fn operators_work_beside_it() {
    let world = World::new();
    let (server, said) = Server::dev(&world, &["--data-dir", "data"]);
    let path = format!("/api/v0/sdk/{DEMO}/settings");
    assert!(get(port(&said["url"]), &path).1.contains("Stile demo"));
    world.json(&["env", "set", DEMO, "general.displayName=Renamed", "--data-dir", "data"]);
    assert!(get(port(&said["url"]), &path).1.contains("Renamed"), "a running server follows at once");
    world.json(&["token", "create", "--env", DEMO, "--note", "x", "--data-dir", "data"]);
    world.json(&["keys", "rotate", "--env", DEMO, "--data-dir", "data"]);
    let keys = get(port(&said["url"]), &format!("/api/v0/sdk/{DEMO}/.well-known/jwks")).1;
    assert_eq!(keys.matches("\"kid\"").count(), 2, "{keys}");
    assert_eq!(server.stop().0.code(), Some(0));
}

#[test]
fn on_a_network_its_pages_need_the_printed_token() {
    let world = World::new();
    let (server, said) = Server::dev(&world, &[]);
    assert!(said["devToken"].is_null() && !said["demo"].as_str().unwrap().contains("devToken"));
    drop(server);

    let command = world.command(&["dev", "--json", "--listen", "0.0.0.0:0"]);
    let server = Server::start(command, |_| true);
    let said: serde_json::Value = serde_json::from_str(&server.printed[0]).unwrap();
    let token = said["devToken"].as_str().unwrap();
    assert_eq!(token.len(), 40);
    for page in ["demo", "outbox"] {
        assert!(said[page].as_str().unwrap().ends_with(&format!("?devToken={token}")), "{said}");
    }
    let port = port(&said["url"]);
    assert_eq!(get(port, "/dev/outbox").0, 401);
    assert_eq!(get(port, &format!("/dev/outbox?devToken={token}")).0, 200);
    assert_eq!(server.stop().0.code(), Some(0));
}

#[test]
fn no_secret_is_logged() {
    let world = World::new();
    let mut command = world.command(&["dev", "--listen", "127.0.0.1:0", "--log-format", "json"]);
    let log = world.path("log");
    command.env("STILE_LOG", "debug").env("STILE_MASTER_KEY", "never read");
    command.args(["--smtp-url", "smtp://ann:hunter2@127.0.0.1:1"]);
    // The server's own stderr is a pipe in `start`; a shell sends it to a file instead.
    let mut shell = std::process::Command::new("sh");
    shell.arg("-c").arg("exec \"$0\" \"$@\" 2>\"$LOG\"").arg(command.get_program()).args(command.get_args());
    shell.current_dir(world.path("")).env("LOG", &log).env("STILE_LOG", "debug");
    let server = Server::start(shell, |line| line.starts_with("For development"));
    assert_eq!(server.stop().0.code(), Some(0));
    let text = std::fs::read_to_string(&log).unwrap();
    let key = std::fs::read_to_string(world.path(".stile/master.key")).unwrap();
    assert!(text.lines().all(|line| line.starts_with('{')), "{text}");
    assert!(text.contains("stopping"), "{text}");
    assert!(!text.contains("hunter2") && !text.contains(key.trim()) && !text.contains("stile_"), "{text}");
}

/// A request that never ends holds a server that was asked to stop, but not one that was told twice.
#[test]
fn the_second_signal_ends_it_at_once() {
    let world = World::new();
    let mut shell = std::process::Command::new("sh");
    shell.arg("-c").arg("exec \"$0\" dev --listen 127.0.0.1:0 2>&1").arg(env!("CARGO_BIN_EXE_stile"));
    shell.current_dir(world.path(""));
    let mut server = Server::start(shell, |line| line.starts_with("For development"));
    let url = server.printed.iter().find_map(|line| line.split("listening on ").nth(1)).unwrap().to_owned();
    let mut stream = TcpStream::connect(url.strip_prefix("http://").unwrap()).unwrap();
    let head = format!(
        "POST /api/v0/sdk/{DEMO}/emailVerifications/create HTTP/1.1\r\nHost: localhost\r\nExpect: 100-continue\r\n\
         Content-Type: application/json\r\nContent-Length: 100\r\n\r\n"
    );
    stream.write_all(head.as_bytes()).unwrap();
    let mut answer = [0; 12];
    stream.read_exact(&mut answer).unwrap();
    assert_eq!(&answer, b"HTTP/1.1 100", "{}", String::from_utf8_lossy(&answer));
    server.signal();
    server.wait_for(|line| line.contains("stopping"));
    assert_eq!(server.stop().0.code(), Some(143));
}
