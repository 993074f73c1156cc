//! The commands on a database server. Without one these tests pass and prove nothing; `cargo xtask test` has one.

use serde_json::{Value, json};

use crate::database::apart;
use crate::world::{KEY, NOBODY, OTHER_KEY, Server, World, get, port, ran};

/// The options that `serve` needs where the database is in its variable.
const SERVE: [&str; 12] = [
    "--public-url",
    "https://auth.example.com",
    "--listen",
    "127.0.0.1:0",
    "--master-key-file",
    "key",
    "--smtp-url",
    "smtp://localhost:1",
    "--mail-from",
    "no-reply@example.com",
    "--drain",
    "0",
];

fn serve(world: &World) -> (Server, u16) {
    let mut args = vec!["serve", "--json"];
    args.extend(SERVE);
    let server = Server::start(world.command(&args), |_| true);
    let said: Value = serde_json::from_str(&server.printed[0]).unwrap();
    let port = port(&said["address"]);
    (server, port)
}

/// One number that the database answers.
fn number(world: &World, sql: &'static str) -> i64 {
    let url = world.database.as_ref().unwrap().url();
    apart(async move { crate::database::connect(&url).await.query_one(sql, &[]).await.unwrap().get(0) })
}

fn tables(world: &World) -> i64 {
    number(world, "SELECT count(*) FROM pg_tables WHERE schemaname = current_schema()")
}

fn execute(world: &World, sql: &'static str) {
    let url = world.database.as_ref().unwrap().url();
    apart(async move { crate::database::connect(&url).await.batch_execute(sql).await.unwrap() });
}

#[test]
fn an_operators_commands() {
    let Some(world) = World::on_server() else { return };
    let id = world.with_environment();
    assert_eq!(world.json(&["env", "list"])[0]["id"], json!(id));
    let set = world.json(&["env", "set", &id, "general.displayName=Acme & Sons"]);
    assert_eq!(set["settings"]["general"]["displayName"], "Acme & Sons");
    let made = world.json(&world.operator(&["token", "create", "--env", &id, "--note", "backend"]));
    let token = made["id"].as_str().unwrap();
    assert_eq!(world.json(&["token", "list", "--env", &id]).as_array().unwrap().len(), 1);
    assert_eq!(world.json(&["token", "revoke", "--env", &id, token])["revoked"], true);
    world.json(&world.operator(&["keys", "rotate", "--env", &id]));
    assert_eq!(world.json(&["env", "show", &id])["keys"].as_array().unwrap().len(), 2);
    assert!(!world.path("data").exists() && !world.path(".stile").exists(), "nothing is kept in a folder");
}

#[test]
fn another_master_key_is_refused() {
    let Some(world) = World::on_server() else { return };
    world.with_environment();
    world.file("key", OTHER_KEY, 0o600);
    let create = world.operator(&["env", "create", "--name", "B", "--origin", "https://b.example"]);
    world.run(&create).refused(1, &["not the master key that the data was made with", "--database"]);
}

#[test]
fn only_making_an_environment_makes_tables() {
    let Some(world) = World::on_server() else { return };
    world.file("key", KEY, 0o600);
    let nothing = "no environment in PostgreSQL at ";
    for command in ["serve", "doctor"] {
        let mut args = vec![command];
        args.extend(SERVE);
        let ran = world.run(&args);
        assert_eq!(ran.code, 1, "{}", ran.err);
        let told = format!("{}{}", ran.out, ran.err);
        assert!(told.contains(nothing), "{told}");
        assert!(told.contains("stile env create --master-key-file key --name"), "{told}");
    }
    world.run(&["env", "list"]).refused(1, &["There is no database in PostgreSQL at "]);
    let show = world.run(&world.operator(&["keys", "rotate", "--env", NOBODY]));
    show.refused(1, &["There is no database in PostgreSQL at "]);
    assert_eq!(tables(&world), 0);
}

#[test]
fn doctor_looks_and_changes_nothing() {
    let Some(world) = World::on_server() else { return };
    world.with_environment();
    let mut args = vec!["doctor", "--json"];
    args.extend(SERVE);
    let ran = world.run(&args);
    let value: Value = serde_json::from_str(&ran.out).unwrap();
    let said = |level: &str| -> Vec<String> {
        let all = value["findings"].as_array().unwrap().iter().filter(|f| f["level"] == level);
        all.map(|f| format!("{} {}", f["about"].as_str().unwrap(), f["what"].as_str().unwrap())).collect()
    };
    let failed = said("fail");
    assert!(failed.len() == 1 && failed[0].contains("cannot be reached"), "{failed:?}");
    for text in ["data in PostgreSQL at ", "database is sound", "its signing keys can be used"] {
        assert!(said("ok").iter().any(|what| what.contains(text)), "{text}: {:?}", said("ok"));
    }

    // A database that an older Stile made has fewer migrations than this one; a newer one has more.
    execute(&world, "INSERT INTO migrations VALUES (999, 0, 0)");
    let ran = world.run(&args);
    assert!(ran.out.contains("made by a newer Stile (schema 999"), "{}", ran.out);
    assert_eq!(number(&world, "SELECT count(*) FROM migrations WHERE version = 999"), 1);
}

#[test]
fn two_servers_share_one_database() {
    let Some(world) = World::on_server() else { return };
    let id = world.with_environment();
    let ((one, first), (two, second)) = (serve(&world), serve(&world));
    let settings = format!("/api/v0/sdk/{id}/settings");
    for port in [first, second] {
        assert_eq!(get(port, "/readyz").0, 204);
        assert!(get(port, &settings).1.contains("\"Acme\""));
    }
    world.json(&["env", "set", &id, "general.displayName=Renamed"]);
    for port in [first, second] {
        assert!(get(port, &settings).1.contains("\"Renamed\""), "both follow at once");
    }
    let keys = format!("/api/v0/sdk/{id}/.well-known/jwks");
    world.json(&world.operator(&["keys", "rotate", "--env", &id]));
    let published = get(first, &keys);
    assert_eq!(published, get(second, &keys));
    assert_eq!(one.stop().0.code(), Some(0));
    assert_eq!(get(second, "/readyz").0, 204, "the other goes on");
    assert_eq!(two.stop().0.code(), Some(0));
}

/// Needs no server: nobody listens on port 1.
#[test]
fn a_servers_password_is_never_told() {
    let world = World::new();
    world.file("key", KEY, 0o600);
    let unreachable = "postgres://ann:hunter2@127.0.0.1:1/stile";
    let unreadable = ["mysql://ann:hunter2@h/d", "postgres://ann:hunter2@h:port/d", "hunter2"];
    let mut commands: Vec<Vec<&str>> = vec![
        vec!["env", "list"],
        vec!["env", "create", "--name", "X", "--master-key-file", "key"],
        vec!["token", "list", "--env", NOBODY],
        vec!["keys", "rotate", "--env", NOBODY, "--master-key-file", "key"],
    ];
    for command in ["serve", "doctor"] {
        commands.push([command].into_iter().chain(SERVE).collect());
    }
    for args in &commands {
        for url in unreadable.into_iter().chain([unreachable]) {
            let mut by_option = args.clone();
            by_option.extend(["--database", url]);
            let mut by_option = world.command(&by_option);
            by_option.env("STILE_LOG", "trace");
            let mut by_variable = world.command(args);
            by_variable.env("STILE_LOG", "trace").env("STILE_DATABASE", url);
            for command in [by_option, by_variable] {
                let ran = ran(command);
                assert_ne!(ran.code, 0, "{args:?} {url}");
                let told = format!("{}{}", ran.out, ran.err);
                assert!(!told.contains("hunter2"), "{args:?} {url}\n{told}");
                let reason = if url == unreachable { "PostgreSQL at 127.0.0.1" } else { "cannot be used" };
                assert!(told.contains(reason), "{args:?} {url}\n{told}");
            }
        }
    }
}

#[test]
fn the_data_is_in_one_place_only() {
    let world = World::new();
    let text = "Both --database and --data-dir are given";
    let (url, more) = ("postgres://ann:hunter2@127.0.0.1:1/d", "STILE_DATABASE and STILE_DATA_DIR count too");
    world.run(&["env", "list", "--data-dir", "d", "--database", url]).refused(2, &[text, more]);
    let mut command = world.command(&["env", "list", "--data-dir", "d"]);
    command.env("STILE_DATABASE", url);
    ran(command).refused(2, &[text]);
    let mut command = world.command(&["serve", "--database", url]);
    command.env("STILE_DATA_DIR", "d");
    ran(command).refused(1, &[text]);
    let mut command = world.command(&["env", "list", "--data-dir", "nowhere"]);
    command.env("STILE_DATABASE", "");
    ran(command).refused(1, &["There is no database in nowhere."]);
}

#[test]
fn development_has_its_own_folder() {
    let world = World::new();
    let mut command = world.command(&["dev", "--json", "--listen", "127.0.0.1:0"]);
    command.env("STILE_DATABASE", "postgres://127.0.0.1:1/d");
    drop(Server::start(command, |line| line.contains("\"url\"")));
    assert!(world.path(".stile/stile.db").exists());
}
