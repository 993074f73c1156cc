//! `stile serve`.

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
