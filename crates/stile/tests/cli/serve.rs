//! `stile serve`.

use std::path::PathBuf;

use rusqlite::Connection;

use crate::world::{KEY, Server, World, get, port, ran};

fn list(world: &World, args: &[&str]) -> Vec<String> {
    let mut all = vec!["serve", "--json"];
    all.extend(args);
    let ran = world.run(&all);
    assert_eq!(ran.code, 1, "{}", ran.err);
    let value: serde_json::Value = serde_json::from_str(&ran.out).unwrap();
    let problems = value["problems"].as_array().unwrap();
    for problem in problems {
        assert!(!problem["mend"].as_str().unwrap().is_empty(), "{problem}");
        assert!(ran.err.contains(problem["what"].as_str().unwrap()), "{}", ran.err);
    }
    problems.iter().map(|p| p["what"].as_str().unwrap().to_owned()).collect()
}

#[test]
fn it_lists_all_that_is_missing() {
    let world = World::new();
    let found = list(&world, &[]);
    assert_eq!(found.len(), 5, "{found:?}");
    for (text, what) in
        ["public URL", "mail server", "sender", "master key", "no data directory and no database"]
            .iter()
            .zip(&found)
    {
        assert!(what.contains(text), "{found:?}");
    }
    let ran = world.run(&["serve"]);
    ran.refused(
        1,
        &[
            "stile serve cannot start:\n\n1. ",
            "5. ",
            "--public-url https://",
            "--smtp-url smtps://",
            "--mail-from ",
            "(umask 077; head -c 32 /dev/urandom | base64 > master.key)",
            "--data-dir ",
        ],
    );
    assert!(std::fs::read_dir(world.path("")).unwrap().next().is_none(), "nothing was made");
}

#[test]
fn empty_variables_are_missing_ones() {
    let world = World::new();
    let mut command = world.command(&["serve"]);
    for name in [
        "PUBLIC_URL",
        "LISTEN",
        "DATA_DIR",
        "SMTP_URL",
        "MAIL_FROM",
        "MASTER_KEY_FILE",
        "TRUSTED_PROXY",
        "DATABASE",
    ] {
        command.env(format!("STILE_{name}"), "");
    }
    let ran = ran(command);
    ran.refused(1, &["5. "]);
    assert!(!ran.err.contains("6. "), "{}", ran.err);
}

#[test]
fn it_lists_all_that_is_wrong() {
    let world = World::new();
    world.file("key", "not a key", 0o600);
    let found = list(
        &world,
        &[
            "--public-url",
            "http://auth.example.com",
            "--listen",
            "nowhere",
            "--data-dir",
            "data",
            "--master-key-file",
            "key",
            "--smtp-url",
            "http://u:hunter2@mail.example.com",
            "--mail-from",
            "nobody",
            "--trusted-proxy",
            "proxy",
        ],
    );
    let expected = [
        "http://",
        "`nowhere` is no address",
        "`proxy` is no network",
        "smtps://",
        "sender",
        "no master key",
        "data is not there",
    ];
    assert_eq!(found.len(), expected.len(), "{found:?}");
    for (text, what) in expected.iter().zip(&found) {
        assert!(what.contains(text), "{text}: {found:?}");
        assert!(!what.contains("hunter2"), "{what}");
    }
}

#[test]
fn it_wants_an_environment_with_origins() {
    let world = World::new();
    std::fs::create_dir(world.path("data")).unwrap();
    world.file("key", KEY, 0o600);
    let mut args = vec!["serve"];
    args.extend(world.serve_options());
    world.run(&args).refused(
        1,
        &["no environment in data yet", "stile env create --data-dir data --master-key-file key --name"],
    );
    assert!(!world.path("data/stile.db").exists());

    let made = world.run(&world.operator(&[
        "env",
        "create",
        "--name",
        "Bare",
        "--set",
        "passkeys.rpId=example.com",
    ]));
    assert!(made.out.contains("No origin may call it yet"), "{}", made.out);
    world
        .run(&args)
        .refused(1, &["No origin may call the environment Bare.", "stile env set --data-dir data "]);
}

/// The lines of a log with one JSON object each.
fn log_of(world: &World, args: &[&str]) -> (Server, PathBuf) {
    let path = world.path("log");
    let mut all = vec!["serve", "--json", "--log-format", "json"];
    all.extend(args);
    let mut command = world.command(&all);
    command.stderr(std::fs::File::create(&path).unwrap());
    (Server::logging(command), path)
}

#[test]
fn an_environment_that_cannot_be_used_keeps_no_other_from_being_served() {
    let world = World::new();
    let id = world.with_environment();
    let bare = world.json(&world.operator(&["env", "create", "--name", "Bare"]));
    let broken =
        world.json(&world.operator(&["env", "create", "--name", "Broken", "--origin", "https://b.example"]));
    Connection::open(world.path("data/stile.db"))
        .unwrap()
        .execute("UPDATE environments SET settings = '{\"nonsense\":1}' WHERE name = 'Broken'", [])
        .unwrap();
    let (server, log) = log_of(&world, &world.serve_options());
    let said: serde_json::Value = serde_json::from_str(&server.printed[0]).unwrap();
    let port = port(&said["address"]);
    assert_eq!(get(port, &format!("/api/v0/sdk/{id}/settings")).0, 200);
    let broken = get(port, &format!("/api/v0/sdk/{}/settings", broken["id"].as_str().unwrap()));
    assert_eq!(broken.0, 500);
    assert_eq!(server.stop().0.code(), Some(0));

    let log = std::fs::read_to_string(log).unwrap();
    let command = format!("stile env set --data-dir data {}", bare["id"].as_str().unwrap());
    let warned = |text: &str| log.lines().any(|line| line.contains("\"WARN\"") && line.contains(text));
    assert!(warned("No origin may call the environment Bare.") && warned(&command), "{log}");
    assert!(warned("environment Broken: The settings of the environment"), "{log}");
    let mut doctor = vec!["doctor"];
    doctor.extend(world.serve_options());
    let told = world.run(&doctor).out;
    assert!(told.contains("WARN  environment Bare") && told.contains("FAIL  environment Broken"), "{told}");
}

#[test]
fn the_first_lines_say_which_version_serves_which_data() {
    let world = World::new();
    world.with_environment();
    let (server, log) = log_of(&world, &world.serve_options());
    let said: serde_json::Value = serde_json::from_str(&server.printed[0]).unwrap();
    assert_eq!((&said["version"], &said["data"]), (&env!("CARGO_PKG_VERSION").into(), &"data".into()));
    assert_eq!(server.stop().0.code(), Some(0));
    let log = std::fs::read_to_string(log).unwrap();
    let first: serde_json::Value = serde_json::from_str(log.lines().next().unwrap()).unwrap();
    let fields = &first["fields"];
    assert_eq!((&fields["version"], &fields["data"]), (&env!("CARGO_PKG_VERSION").into(), &"data".into()));
}

#[test]
fn one_folder_serves_one_server() {
    let world = World::new();
    world.with_environment();
    let mut args = vec!["serve", "--json"];
    args.extend(world.serve_options());
    let first = Server::start(world.command(&args), |_| true);
    let says = format!("Another server (process {}) uses the data directory data already.", first.id());
    world.run(&args[..1].iter().chain(&args[2..]).copied().collect::<Vec<_>>()).refused(1, &[&says]);
    std::fs::copy(world.path("key"), world.path("data/master.key")).unwrap();
    world.run(&["dev", "--listen", "127.0.0.1:0", "--data-dir", "data"]).refused(1, &[&says]);
    // Whoever only writes now and then works beside it.
    world.json(&["env", "list", "--data-dir", "data"]);
    world.json(&world.operator(&["env", "create", "--name", "B", "--origin", "https://b.example"]));
    let mut doctor = vec!["doctor"];
    doctor.extend(world.serve_options());
    assert!(!world.run(&doctor).out.contains("Another server"));

    // Killed, it leaves its file, which is in nobody's way.
    drop(first);
    assert!(world.path("data/stile.lock").exists());
    let next = Server::start(world.command(&args), |_| true);
    assert_eq!(next.stop().0.code(), Some(0));
}

/// A newer version that is started by mistake must not change the schema below the one that runs.
#[test]
fn a_server_that_is_refused_has_not_opened_the_database() {
    let world = World::new();
    world.with_environment();
    let mut args = vec!["serve", "--json"];
    args.extend(world.serve_options());
    let _first = Server::start(world.command(&args), |_| true);
    Connection::open(world.path("data/stile.db"))
        .unwrap()
        .execute("INSERT INTO migrations VALUES (999, 0, 0)", [])
        .unwrap();
    let ran = world.run(&args);
    ran.refused(1, &["Another server"]);
    assert!(!ran.err.contains("newer Stile"), "{}", ran.err);
}

#[test]
fn it_serves_without_development_pages() {
    let world = World::new();
    let id = world.with_environment();
    let mut args = vec!["serve", "--json", "--trusted-proxy", "10.0.0.0/8,192.0.2.1"];
    args.extend(world.serve_options());
    let server = Server::start(world.command(&args), |_| true);
    let said: serde_json::Value = serde_json::from_str(&server.printed[0]).unwrap();
    assert_eq!(said["publicUrl"], "https://auth.example.com/");
    let port = port(&said["address"]);
    assert_eq!(get(port, "/healthz").0, 204);
    assert_eq!(get(port, &format!("/api/v0/sdk/{id}/settings")).0, 200);
    for path in ["/", "/demo/", "/dev/outbox", "/dev/clock"] {
        assert_eq!(get(port, path).0, 404, "{path}");
    }
    assert_eq!(server.stop().0.code(), Some(0));
}

#[test]
fn every_option_can_come_from_a_variable() {
    let world = World::new();
    world.with_environment();
    let mut command = world.command(&["serve"]);
    for (name, value) in [
        ("STILE_PUBLIC_URL", "https://auth.example.com"),
        ("STILE_LISTEN", "127.0.0.1:0"),
        ("STILE_DATA_DIR", "data"),
        ("STILE_MASTER_KEY", KEY),
        ("STILE_SMTP_URL", "smtp://localhost:1"),
        ("STILE_MAIL_FROM", "Acme <no-reply@example.com>"),
        ("STILE_TRUSTED_PROXY", "10.0.0.0/8"),
        ("STILE_DRAIN", "0"),
    ] {
        command.env(name, value);
    }
    let server = Server::start(command, |line| line.contains("https://auth.example.com/"));
    assert_eq!(server.stop().0.code(), Some(0));
}

#[test]
fn help_shows_no_values_of_variables() {
    let world = World::new();
    let mut command = world.command(&["serve", "--help"]);
    command.env("STILE_SMTP_URL", "smtp://ann:hunter2@mail.example.com");
    let ran = ran(command);
    assert_eq!(ran.code, 0);
    assert!(ran.out.contains("STILE_SMTP_URL") && !ran.out.contains("hunter2"), "{}", ran.out);
}
