//! `stile user`.

use serde_json::{Value, json};

use crate::observing::{bearing, post};
use crate::world::{DEMO, NOBODY, Server, World, get, port};

const ADDRESS: &str = "ann@example.com";
/// A user that nobody made.
const NO_USER: &str = "5711e000-0000-4000-8000-0000000000fe";

/// Signs in by the code that the development server shows; answers the session.
pub fn signed_in(port: u16, address: &str) -> Value {
    let created = post(port, "/emailVerifications/create", "", &json!({ "email": address }));
    let code = loop {
        let mails: Value = serde_json::from_str(&get(port, &format!("/dev/outbox?to={address}")).1).unwrap();
        if let Some(code) = mails[0]["code"].as_str() {
            break code.to_owned();
        }
    };
    let answer = json!({ "verificationUUID": created["verificationUUID"], "verificationToken": code });
    post(port, "/emailVerifications/signin", "", &answer)
}

#[test]
fn users_are_found_and_shown_without_secrets() {
    let world = World::new();
    let (server, started) = Server::dev(&world, &["--data-dir", "data"]);
    let port = port(&started["url"]);
    let session = signed_in(port, ADDRESS);
    let (user, access) = (session["user"]["id"].as_str().unwrap(), session["minifiedJwt"].as_str().unwrap());
    signed_in(port, "bea@example.com");
    let totp = bearing(port, "/users/mfa/register/totp", access);
    let secret = totp["secret"].as_str().unwrap();

    let place = |args: &[&'static str]| [args, &["--data-dir", "data"]].concat();
    for who in [ADDRESS, " Ann@EXAMPLE.com", user] {
        let mut args: Vec<&str> = vec!["user", "find", who];
        args.extend(place(&[]));
        let found = world.json(&args);
        assert_eq!((found[0]["id"].as_str(), found.as_array().unwrap().len()), (Some(user), 1), "{found}");
        assert_eq!((&found[0]["environment"], &found[0]["emails"]), (&json!(DEMO), &json!([ADDRESS])));
        args[1] = "show";
        let shown = world.json(&args);
        assert_eq!((shown["id"].as_str(), &shown["credentials"][0]["name"]), (Some(user), &json!(ADDRESS)));
        assert_eq!(shown["sessions"].as_array().unwrap().len(), 1);
        assert_eq!((&shown["recoveryCodesLeft"], &shown["lockedUntil"]), (&json!(0), &Value::Null));
        let text = world.run(&args).out;
        assert!(text.contains(user) && text.contains(ADDRESS) && text.contains("Sessions:"), "{text}");
        for told in [shown.to_string(), text] {
            for hidden in [access, secret, "bea@example.com", "last_step", "sealed"] {
                assert!(!told.contains(hidden), "{told}");
            }
        }
    }
    for args in [&["user", "find", "carl@example.com"][..], &["user", "show", NO_USER]] {
        world
            .run(&[args, &["--data-dir", "data"]].concat())
            .refused(1, &["There is no user of the address or id"]);
    }
    world.run(&place(&["user", "find", "carl"])).refused(2, &["neither an e-mail address nor an id"]);
    world
        .run(&[&place(&["user", "show", ADDRESS])[..], &["--env", NOBODY]].concat())
        .refused(1, &["There is no environment"]);
    assert!(server.stop().0.success());
}

#[test]
fn one_address_in_two_environments_is_two_users() {
    let world = World::new();
    let (server, started) = Server::dev(&world, &["--data-dir", "data"]);
    let session = signed_in(port(&started["url"]), ADDRESS);
    let user = session["user"]["id"].as_str().unwrap().replace('-', "");
    assert!(server.stop().0.success());
    let other = "5711e000-0000-4000-8000-000000000002";
    let environment = other.replace('-', "");
    rusqlite::Connection::open(world.path("data/stile.db"))
        .unwrap()
        .execute_batch(&format!(
            "INSERT INTO users (id, environment, version, profile, first_visit, last_visit)
               VALUES (x'{environment}', x'{environment}', 1, '{{}}', 0, 0);
             INSERT INTO credentials SELECT x'{environment}', x'{environment}', x'{environment}', format, identifier, facts,
               sign_in, created_at, verified_at FROM credentials WHERE owner = x'{user}'"
        ))
        .unwrap();
    let found = world.json(&["user", "find", ADDRESS, "--data-dir", "data"]);
    assert_eq!(found.as_array().unwrap().len(), 2, "{found}");
    let show = ["user", "show", ADDRESS, "--data-dir", "data"];
    world.run(&show).refused(1, &["There are 2 users of that address", DEMO, other]);
    let shown = world.json(&[&show[..], &["--env", other]].concat());
    assert_eq!(shown["environment"], other);
}

#[test]
fn a_reset_ends_sessions_and_tells_the_user() {
    let world = World::new();
    let (server, started) = Server::dev(&world, &["--data-dir", "data"]);
    let port = port(&started["url"]);
    let mails =
        || -> Value { serde_json::from_str(&get(port, &format!("/dev/outbox?to={ADDRESS}")).1).unwrap() };

    let session = signed_in(port, ADDRESS);
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
