//! `stile keys`.

use crate::world::{NOBODY, World};

#[test]
fn keys_rotate_quietly() {
    let world = World::new();
    let id = world.with_environment();
    let rotated = world.json(&world.operator(&["keys", "rotate", "--env", &id]));
    assert_eq!(rotated["sessionsEnded"], false);
    let shown = world.json(&["env", "show", &id, "--data-dir", "data"]);
    let keys = shown["keys"].as_array().unwrap();
    assert_eq!(keys.len(), 2);
    assert_eq!(keys[0]["kid"], rotated["kid"]);
    assert_eq!(keys[0]["signsFrom"], rotated["signsFrom"]);
    assert!(keys[0]["verifiesUntil"].is_null() && keys[1]["verifiesUntil"].is_string(), "{shown}");
    let text = world.run(&world.operator(&["keys", "rotate", "--env", &id])).out;
    assert!(text.contains("is published now and signs from"), "{text}");
}

#[test]
fn a_leaked_key_is_forgotten() {
    let world = World::new();
    let id = world.with_environment();
    let rotated = world.json(&world.operator(&["keys", "rotate", "--env", &id, "--now"]));
    assert_eq!(rotated["sessionsEnded"], true);
    assert_eq!(rotated["signsFrom"], rotated["publishedAt"]);
    let shown = world.json(&["env", "show", &id, "--data-dir", "data"]);
    let keys = shown["keys"].as_array().unwrap();
    assert!(keys.len() == 1 && keys[0]["kid"] == rotated["kid"], "{shown}");
    let text = world.run(&world.operator(&["keys", "rotate", "--env", &id, "--now"])).out;
    assert!(text.contains("every session must sign in again"), "{text}");
    world.run(&world.operator(&["keys", "rotate", "--env", NOBODY])).refused(1, &["There is no environment"]);
}
