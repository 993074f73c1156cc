//! `stile token`.

use serde_json::json;

use crate::world::{NOBODY, World};

#[test]
fn a_token_is_shown_once() {
    let world = World::new();
    let id = world.with_environment();
    let made = world.json(&world.operator(&["token", "create", "--env", &id, "--note", "shop"]));
    let text = made["token"].as_str().unwrap();
    assert!(text.starts_with("stile_") && text.len() == 62);
    assert_eq!(made["scopes"], json!(["elevatedTokens.consume"]));

    let plain = world.run(&world.operator(&["token", "create", "--env", &id, "--note", "two"]));
    let second = plain.out.lines().next().unwrap().to_owned();
    assert!(second.starts_with("stile_") && second.len() == 62, "{}", plain.out);

    let listed = world.json(&["token", "list", "--env", &id, "--data-dir", "data"]);
    let notes: Vec<&str> = listed.as_array().unwrap().iter().map(|t| t["note"].as_str().unwrap()).collect();
    assert_eq!(notes, ["shop", "two"]);
    assert_eq!(listed[0]["lastSix"], text[56..]);
    let printed = world.run(&["token", "list", "--env", &id, "--data-dir", "data"]).out;
    for secret in [text, &second] {
        assert!(!listed.to_string().contains(&secret[..50]) && !printed.contains(&secret[..50]));
    }
    let database = std::fs::read(world.path("data/stile.db")).unwrap();
    let log = std::fs::read(world.path("data/stile.db-wal")).unwrap_or_default();
    for bytes in [database, log] {
        assert!(!bytes.windows(62).any(|window| window == text.as_bytes()));
    }
}

#[test]
fn a_token_can_be_revoked() {
    let world = World::new();
    let id = world.with_environment();
    let made = world.json(&world.operator(&["token", "create", "--env", &id, "--note", "shop"]));
    let token = made["id"].as_str().unwrap();
    let revoke = ["token", "revoke", "--env", &id, token, "--data-dir", "data"];
    assert_eq!(world.json(&revoke), json!({ "id": token, "revoked": true }));
    assert_eq!(world.json(&["token", "list", "--env", &id, "--data-dir", "data"]), json!([]));
    world.run(&revoke).refused(1, &["There is no token", "stile token list"]);
}

#[test]
fn wrong_scopes_and_environments_are_refused() {
    let world = World::new();
    let id = world.with_environment();
    world
        .run(&world.operator(&["token", "create", "--env", &id, "--note", "x", "--scope", "everything"]))
        .refused(1, &["choose from elevatedTokens.consume, environment.users.write."]);
    for args in
        [&["token", "create", "--env", NOBODY, "--note", "x"][..], &["token", "list", "--env", NOBODY][..]]
    {
        world.run(&world.operator(args)).refused(1, &["There is no environment"]);
    }
}
