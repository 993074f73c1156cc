//! What keeps a command from starting, and what it says then.

use std::fs;
use std::net::TcpListener;

use rusqlite::Connection;

use crate::world::{KEY, OTHER_KEY, Server, World, ran};

#[test]
fn a_taken_port() {
    let world = World::new();
    let (server, _) = Server::dev(&world, &[]);
    let tokens = world.json(&["token", "list", "--env", crate::world::DEMO]);
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap();
    let says = format!("Port {} on 127.0.0.1 is taken", address.port());
    world.run(&["dev", "--listen", &address.to_string()]).refused(1, &[&says, "--listen 127.0.0.1:"]);
    assert_eq!(
        world.json(&["token", "list", "--env", crate::world::DEMO]),
        tokens,
        "the running server's demo keeps its token"
    );
    drop(server);

    world.with_environment();
    let text = address.to_string();
    let mut options = world.serve_options().to_vec();
    options[3] = &text;
    options.insert(0, "serve");
    world.run(&options).refused(1, &["stile serve cannot start", &says]);
}

/// The advice for a taken port names the option that chose it.
#[test]
fn a_taken_port_for_metrics() {
    let world = World::new();
    world.with_environment();
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    for command in ["serve", "doctor"] {
        let mut args = vec![command, "--metrics-listen", &address];
        args.extend(world.serve_options());
        let ran = world.run(&args);
        assert_eq!(ran.code, 1);
        let told = format!("{}{}", ran.out, ran.err);
        assert!(told.contains("or take another port: --metrics-listen 127.0.0.1:"), "{told}");
        assert!(!told.contains("another port: --listen"), "{told}");
    }
}

#[test]
fn an_address_that_is_not_this_machines() {
    let world = World::new();
    world
        .run(&["dev", "--listen", "203.0.113.7:7845"])
        .refused(1, &["This machine has no address 203.0.113.7.", "--listen 127.0.0.1:7845"]);
    world.run(&["dev", "--listen", "example.com:80"]).refused(2, &["an IP address and a port"]);
    assert!(!world.path(".stile").exists());
}

/// Below a file, not even root can make a folder.
#[test]
fn a_folder_that_cannot_be_made() {
    let world = World::new();
    world.file("file", "", 0o600);
    world.file("key", KEY, 0o600);
    for folder in ["file/data", "file"] {
        world
            .run(&["dev", "--listen", "127.0.0.1:0", "--data-dir", folder])
            .refused(1, &[&format!("The data directory {folder} cannot be made"), "--data-dir"]);
        let create = ["env", "create", "--name", "X", "--data-dir", folder, "--master-key-file", "key"];
        world.run(&create).refused(1, &["cannot be made"]);
    }
    let mut options = world.serve_options().to_vec();
    options[5] = "file";
    options.insert(0, "serve");
    world.run(&options).refused(1, &["The data directory file is a file."]);
}

#[test]
fn no_folder_at_all() {
    let world = World::new();
    world.run(&["env", "list"]).refused(2, &["There is no folder ./.stile here.", "--data-dir"]);
    world.run(&["env", "list", "--data-dir", "nowhere"]).refused(1, &["There is no database in nowhere."]);
    fs::create_dir(world.path("empty")).unwrap();
    world.run(&["env", "list", "--data-dir", "empty"]).refused(1, &["stile env create --data-dir empty"]);
    assert!(fs::read_dir(world.path("empty")).unwrap().next().is_none(), "nothing was made");
}

/// Everything that opens the database says this.
fn everybody_refuses(world: &World, texts: &[&str]) {
    let mut serve = vec!["serve"];
    serve.extend(world.serve_options());
    world.run(&serve).refused(1, texts);
    world.run(&["env", "list", "--data-dir", "data"]).refused(1, texts);
    fs::copy(world.path("key"), world.path("data/master.key")).unwrap();
    world.run(&["dev", "--listen", "127.0.0.1:0", "--data-dir", "data"]).refused(1, texts);
}

#[test]
fn a_database_that_is_none() {
    let world = World::new();
    fs::create_dir(world.path("data")).unwrap();
    world.file("key", KEY, 0o600);
    world.file("data/stile.db", &"This is a letter to my aunt. ".repeat(200), 0o600);
    everybody_refuses(&world, &["Cannot use the database", "stile.db", "restore a backup"]);
}

#[test]
fn a_database_of_a_newer_stile() {
    let world = World::new();
    world.with_environment();
    let db = Connection::open(world.path("data/stile.db")).unwrap();
    db.execute("INSERT INTO migrations VALUES (999, 0, 0)", []).unwrap();
    everybody_refuses(&world, &["made by a newer Stile (schema 999", "Nothing was changed"]);
}

#[test]
fn a_database_with_another_history() {
    let world = World::new();
    world.with_environment();
    let db = Connection::open(world.path("data/stile.db")).unwrap();
    db.execute("UPDATE migrations SET checksum = checksum + 1", []).unwrap();
    everybody_refuses(&world, &["Migration 1 in the database differs"]);
}

#[test]
fn another_master_key() {
    const SAYS: &str = "This is not the master key that the data was made with.";
    let world = World::new();
    let id = world.with_environment();
    world.file("key", OTHER_KEY, 0o600);
    let mut serve = vec!["serve"];
    serve.extend(world.serve_options());
    world.run(&serve).refused(1, &[SAYS]);
    for args in [
        &["env", "create", "--name", "X"][..],
        &["token", "create", "--env", &id, "--note", "x"],
        &["keys", "rotate", "--env", &id],
    ] {
        world.run(&world.operator(args)).refused(1, &[SAYS]);
    }
    let mut command = world.command(&["token", "create", "--env", &id, "--note", "x", "--data-dir", "data"]);
    command.env("STILE_MASTER_KEY", OTHER_KEY);
    ran(command).refused(1, &[SAYS]);
}

#[test]
fn the_key_can_come_from_a_file_or_a_variable() {
    let world = World::new();
    let id = world.with_environment();
    let create = ["token", "create", "--env", &id, "--note", "x", "--data-dir", "data"];
    world.run(&create).refused(1, &["There is no master key.", "--master-key-file", "STILE_MASTER_KEY"]);
    let mut command = world.command(&create);
    command.env("STILE_MASTER_KEY", format!("{KEY}\n"));
    assert_eq!(ran(command).code, 0);
    let mut command = world.command(&create);
    command.env("STILE_MASTER_KEY_FILE", "key");
    assert_eq!(ran(command).code, 0);
    let mut command = world.command(&create);
    command.env("STILE_MASTER_KEY", "short");
    ran(command).refused(1, &["STILE_MASTER_KEY is no master key", "32 bytes"]);
}

#[test]
fn a_key_file_that_cannot_be_used() {
    let world = World::new();
    let id = world.with_environment();
    let rotate = world.operator(&["keys", "rotate", "--env", &id]);
    for mode in [0o644, 0o604, 0o602] {
        world.file("key", KEY, mode);
        world.run(&rotate).refused(1, &["open to every user", "chmod 600 key"]);
    }
    for (text, says) in
        [("", "32 bytes"), (&KEY.replace('0', "x"), "neither hex"), (&"0".repeat(64), "one byte repeated")]
    {
        world.file("key", text, 0o600);
        let ran = world.run(&rotate);
        ran.refused(1, &["The file key holds no master key", says]);
        assert!(text.is_empty() || !ran.err.contains(text), "{}", ran.err);
    }
    fs::remove_file(world.path("key")).unwrap();
    world.run(&rotate).refused(1, &["The master key file key cannot be read"]);
}

#[test]
fn a_development_key_that_cannot_be_used() {
    let world = World::new();
    let (server, _) = Server::dev(&world, &[]);
    server.stop();
    let dev = ["dev", "--listen", "127.0.0.1:0"];
    let key = fs::read_to_string(world.path(".stile/master.key")).unwrap();
    world.file(".stile/master.key", &key, 0o644);
    world.run(&dev).refused(1, &["open to every user", "chmod 600 ./.stile/master.key"]);
    world.file(".stile/master.key", "?", 0o600);
    world.run(&dev).refused(1, &["holds no master key"]);
    world.file(".stile/master.key", OTHER_KEY, 0o600);
    world.run(&dev).refused(1, &["not the master key that the data was made with"]);
    fs::remove_file(world.path(".stile/master.key")).unwrap();
    world.run(&dev).refused(1, &["its key master.key is gone", "stile dev --data-dir DIR"]);
}

#[test]
fn mail_and_urls_that_cannot_be_read() {
    let world = World::new();
    let dev = ["dev", "--listen", "127.0.0.1:0"];
    let with = |more: &[&'static str]| world.run(&[&dev[..], more].concat());
    let ran = with(&["--smtp-url", "http://ann:hunter2@mail.example.com"]);
    ran.refused(1, &["must begin with smtps:// or smtp://", "--smtp-url smtps://"]);
    assert!(!ran.err.contains("hunter2"));
    with(&["--smtp-url", "smtp://localhost", "--mail-from", "x"]).refused(1, &["--mail-from"]);
    with(&["--public-url", "localhost:7845"]).refused(2, &["is no public URL"]);
    assert!(!world.path(".stile").exists(), "nothing was made");
}

#[test]
fn programs_hear_of_it_too() {
    let world = World::new();
    let ran = world.run(&["env", "list", "--data-dir", "nowhere", "--json"]);
    ran.refused(1, &["There is no database"]);
    let value: serde_json::Value = serde_json::from_str(&ran.out).unwrap();
    assert!(value["problems"][0]["mend"].as_str().unwrap().contains("stile env create"), "{value}");
    let mut command = world.command(&["env", "list"]);
    command.env("STILE_LOG", "stile=loud");
    crate::world::ran(command).refused(2, &["STILE_LOG cannot be understood"]);
}
