//! `stile backup` and `stile restore`.

use std::fs;

use rusqlite::Connection;
use serde_json::{Value, json};

use crate::deleting::crowd;
use crate::users::signed_in;
use crate::world::{DEMO, KEY, OTHER_KEY, Server, World, mode, port};

/// A world with the file `backup`, made from this one's data, and nothing else but the key.
fn moved(from: &World, to: World) -> World {
    fs::copy(from.path("backup"), to.path("backup")).unwrap();
    to.file("key", KEY, 0o600);
    to
}

/// Two worlds of each engine, and of both.
fn on_both(test: impl Fn(World, World)) {
    test(World::new(), World::new());
    let servers = || World::on_server().zip(World::on_server());
    if let Some((from, to)) = servers() {
        test(from, to);
    }
    if let Some((one, other)) = servers() {
        test(World::new(), one);
        test(other, World::new());
    }
}

/// The older program could not restore a backup that this one makes, and this one would have changed its data before.
#[test]
fn data_of_an_older_version_are_left_as_they_are() {
    let world = World::new();
    world.with_environment();
    let db = Connection::open(world.path("data/stile.db")).unwrap();
    let newest = "SELECT MAX(version) FROM migrations";
    db.execute(&format!("DELETE FROM migrations WHERE version = ({newest})"), []).unwrap();
    let version = || db.query_row(newest, [], |row| row.get::<_, i64>(0)).unwrap();
    let before = version();
    world.run(&world.operator(&["backup", "backup"])).refused(1, &["with the program that made the data"]);
    assert_eq!(version(), before);
    assert!(!world.path("backup").exists());
}

#[test]
fn everything_comes_back_also_into_the_other_engine() {
    on_both(|from, to| {
        let id = from.with_environment();
        crowd(&from, &id);
        let token = from.json(&from.operator(&["token", "create", "--env", &id, "--note", "backend"]));
        let made = from.json(&from.operator(&["backup", "backup"]));
        assert_eq!((&made["rows"]["users"], &made["rows"]["api_tokens"]), (&json!(450), &json!(1)));
        assert_eq!(mode(&from.path("backup")), 0o600);
        from.run(&from.operator(&["backup", "backup"])).refused(1, &["There is a file backup already."]);

        let to = moved(&from, to);
        let restored = to.json(&to.operator(&["restore", "backup"]));
        assert_eq!((&restored["rows"], &restored["madeAt"]), (&made["rows"], &made["madeAt"]));
        let (was, is) =
            (from.json(&from.operator(&["env", "show", &id])), to.json(&to.operator(&["env", "show", &id])));
        for what in ["name", "kind", "users", "settings", "keys", "createdAt"] {
            assert_eq!(was[what], is[what], "{what}");
        }
        let tokens = to.json(&to.operator(&["token", "list", "--env", &id]));
        assert_eq!(tokens[0]["id"], token["id"]);
        // Nothing is overwritten.
        to.run(&to.operator(&["restore", "backup"]))
            .refused(1, &["There is data in ", "and a restore overwrites none.", "--data-dir"]);
        // It is served as ever.
        let mut args = vec!["serve", "--json"];
        args.extend(to.options());
        let server = Server::start(to.command(&args), |_| true);
        let port = port(&serde_json::from_str::<Value>(&server.printed[0]).unwrap()["address"]);
        assert_eq!(crate::world::get(port, &format!("/api/v0/sdk/{id}/settings")).0, 200);
        assert_eq!(server.stop().0.code(), Some(0));
    });
}

#[test]
fn a_restore_tells_what_ends_and_what_comes_back() {
    let world = World::new();
    world.with_environment();
    assert_eq!(world.run(&world.operator(&["backup", "backup"])).code, 0);
    let to = moved(&world, World::new());
    let told = to.run(&to.operator(&["restore", "backup"])).out;
    for text in [
        "Everybody must sign in again.",
        "Recovery codes that were used since the backup work again.",
        "API tokens, signing keys",
        "stile token revoke",
        "Wrong answers are counted as they were at the backup",
        "Links in mails that undo an addition work again until seven days after",
    ] {
        assert!(told.contains(text), "{text}: {told}");
    }
    let path = to.path("data/stile.db");
    assert_eq!(mode(&to.path("data")), 0o700);
    let events: i64 = Connection::open(path)
        .unwrap()
        .query_row("SELECT COUNT(*) FROM audit WHERE event = 'data.restored'", [], |row| row.get(0))
        .unwrap();
    assert_eq!(events, 1, "the audit log says so");
    let left: Vec<_> = fs::read_dir(to.path("data")).unwrap().map(|file| file.unwrap().file_name()).collect();
    assert!(!left.iter().any(|name| name.to_string_lossy().starts_with(".restore")), "{left:?}");
}

/// What the write-ahead log holds is in the backup, and whole, while people go on signing up.
#[test]
fn a_backup_of_a_running_server_is_whole() {
    let world = World::new();
    let (server, started) = Server::dev(&world, &["--data-dir", "data"]);
    let port = port(&started["url"]);
    signed_in(port, "first@example.com");
    let more = std::thread::spawn(move || {
        for n in 0..5 {
            signed_in(port, &format!("user{n}@example.com"));
        }
    });
    let backup = |name: &str| world.json(&["backup", name, "--data-dir", "data"]);
    let first = backup("first");
    assert!(first["rows"]["users"].as_i64().unwrap() >= 1, "{first}");
    more.join().unwrap();
    assert_eq!(backup("backup")["rows"]["users"], 6);
    assert!(server.stop().0.success());

    fs::copy(world.path("data/master.key"), world.path("key")).unwrap();
    for name in ["first", "backup"] {
        let place = ["--data-dir", name, "--master-key-file", "key"];
        fs::rename(world.path(name), world.path("file")).unwrap();
        let restored = world.json(&[&["restore", "file"][..], &place].concat());
        let users = restored["rows"]["users"].as_i64().unwrap();
        let db = Connection::open(world.path(name).join("stile.db")).unwrap();
        let number = |sql: &str| db.query_row(sql, [], |row| row.get::<_, i64>(0)).unwrap();
        assert_eq!(number("SELECT COUNT(DISTINCT owner) FROM credentials"), users);
        assert_eq!(number("SELECT COUNT(*) FROM pragma_foreign_key_check"), 0);
        assert_eq!(number("SELECT COUNT(*) FROM sessions"), 0);
        assert!(number("SELECT COUNT(*) FROM outbox") == 0);
    }
    let found = world.json(&["user", "find", "user4@example.com", "--data-dir", "backup", "--env", DEMO]);
    assert_eq!(found.as_array().unwrap().len(), 1);
}

#[test]
fn what_cannot_be_restored_is_refused_and_leaves_nothing() {
    let world = World::new();
    world.with_environment();
    assert_eq!(world.run(&world.operator(&["backup", "backup"])).code, 0);
    let whole = fs::read_to_string(world.path("backup")).unwrap();
    let lines: Vec<&str> = whole.lines().collect();
    let cut = lines[..lines.len() - 1].join("\n") + "\n";
    let newer = whole.replacen("\"schema\":[", "\"schema\":[[999,0],", 1);
    for (name, text, says) in [
        ("cut", cut.as_str(), "it is cut off"),
        ("changed", &whole.replacen("Acme", "Adme", 1), "it was changed after it was made"),
        ("newer", &newer, "made by a newer Stile (schema 999"),
        ("letter", "Dear aunt,\n", "its first line is not that of a backup"),
        ("empty", "", "its first line is not that of a backup"),
    ] {
        world.file(name, text, 0o600);
        let place = ["--data-dir", "new", "--master-key-file", "key"];
        let ran = world.run(&[&["restore", name][..], &place].concat());
        ran.refused(1, &[says, "Nothing was changed."]);
        assert!(!world.path("new/stile.db").exists(), "{name}");
    }
    world.run(&world.operator(&["restore", "missing"])).refused(1, &["The file missing cannot be read"]);
    world.file("other", OTHER_KEY, 0o600);
    let ran = world.run(&["restore", "backup", "--data-dir", "new", "--master-key-file", "other"]);
    ran.refused(1, &["not the master key that the backup was made with"]);
    world.run(&["backup", "nowhere/file", "--data-dir", "data"]).refused(1, &["cannot be written"]);
    world.run(&["backup", "file", "--data-dir", "nowhere"]).refused(1, &["There is no database in nowhere."]);
    assert!(!world.path("file").exists());
    // A log without its database is not nothing.
    fs::create_dir_all(world.path("new")).unwrap();
    world.file("new/stile.db-wal", "", 0o600);
    let ran = world.run(&["restore", "backup", "--data-dir", "new", "--master-key-file", "key"]);
    ran.refused(1, &["There is data in new already"]);
}
