//! `stile user`.

use serde_json::{Value, json};

use crate::observing::post;
use crate::world::{DEMO, NOBODY, Server, World, get, port};

const ADDRESS: &str = "ann@example.com";
/// A user that nobody made.
const NO_USER: &str = "5711e000-0000-4000-8000-0000000000fe";

#[test]
fn a_reset_ends_sessions_and_tells_the_user() {
    let world = World::new();
    let (server, started) = Server::dev(&world, &["--data-dir", "data"]);
    let port = port(&started["url"]);
    let mails =
        || -> Value { serde_json::from_str(&get(port, &format!("/dev/outbox?to={ADDRESS}")).1).unwrap() };

    let created = post(port, "/emailVerifications/create", "", &json!({ "email": ADDRESS }));
    let code = loop {
        if let Some(code) = mails()[0]["code"].as_str() {
            break code.to_owned();
        }
    };
    let answer = json!({ "verificationUUID": created["verificationUUID"], "verificationToken": code });
    let session = post(port, "/emailVerifications/signin", "", &answer);
    let (user, access) = (session["user"]["id"].as_str().unwrap(), session["minifiedJwt"].as_str().unwrap());

    let reset =
        ["user", "reset-mfa", "--data-dir", "data", "--env", DEMO, user, "--reason", "lost the phone"];
    assert_eq!(world.json(&reset), json!({ "user": user, "environment": DEMO, "reset": true }));
    assert_eq!(
        post(port, "/stepUp/check", access, &json!({ "scope": "vault:open" }))["code"],
        "session_ended"
    );
    // The server looks at its outbox by itself.
    while !mails()[0]["subject"].as_str().unwrap().contains("second factors") {}
    assert!(server.stop().0.success());
}

#[test]
fn a_reset_names_what_is_wrong() {
    let world = World::new();
    let id = world.with_environment();
    let reset = |env: &str, reason: &str| {
        let args = ["user", "reset-mfa", "--env", env, NO_USER, "--reason", reason];
        world.run(&world.operator(&args))
    };
    reset(&id, "lost").refused(1, &["there is no user of this id"]);
    reset(NOBODY, "lost").refused(1, &["There is no environment"]);
    reset(&id, " ").refused(2, &["--reason"]);
}
