//! `stile audit list`.

use serde_json::{Value, json};

use crate::observing::post;
use crate::world::{DEMO, NOBODY, Server, World, get, port};

const LIST: [&str; 6] = ["audit", "list", "--data-dir", "data", "--env", DEMO];

fn listed(world: &World, filters: &[&str]) -> Value {
    world.json(&[&LIST, filters].concat())
}

fn events(page: &Value) -> Vec<&str> {
    page["events"].as_array().unwrap().iter().map(|row| row["event"].as_str().unwrap()).collect()
}

#[test]
fn events_of_a_running_server_are_listed_filtered_and_paged() {
    let world = World::new();
    let (server, started) = Server::dev(&world, &["--data-dir", "data"]);
    let port = port(&started["url"]);
    let answer = json!({ "verificationUUID": NOBODY, "verificationToken": "000000" });
    let refused = post(port, "/emailVerifications/signin", "", &answer);
    assert_eq!(refused["code"], "invalid_email_verification");
    let created = post(port, "/emailVerifications/create", "", &json!({ "email": "ann@example.com" }));
    let outbox =
        || -> Value { serde_json::from_str(&get(port, "/dev/outbox?to=ann@example.com").1).unwrap() };
    let code = loop {
        if let Some(code) = outbox()[0]["code"].as_str() {
            break code.to_owned();
        }
    };
    let answer = json!({ "verificationUUID": created["verificationUUID"], "verificationToken": code });
    let session = post(port, "/emailVerifications/signin", "", &answer);
    let user = session["user"]["id"].as_str().unwrap();

    let all = listed(&world, &[]);
    assert_eq!(all["next"], Value::Null);
    let names = events(&all);
    assert_eq!(&names[names.len() - 1..], ["environment.created"], "newest first");
    let mine = listed(&world, &["--user", user]);
    assert_eq!(events(&mine).len(), 2);
    assert!(events(&mine).contains(&"user.created") && events(&mine).contains(&"session.opened"));
    let opened = listed(&world, &["--user", user, "--event", "session.opened"]);
    let row = &opened["events"][0];
    assert_eq!((&row["user"], &row["count"]), (&json!(user), &json!(1)));
    assert_eq!((&row["clientRequest"], &row["address"]), (&json!("traced-1"), &json!("127.0.0.1")));
    assert_eq!((row["request"].as_str().unwrap().len(), &row["actor"]), (32, &Value::Null));
    let first = all["events"].as_array().unwrap().last().unwrap();
    assert_eq!((&first["event"], &first["actor"]), (&json!("environment.created"), &json!("command_line")));

    let (at, tomorrow) = (row["at"].as_str().unwrap(), "2999-01-01");
    assert!(events(&listed(&world, &["--since", at])).contains(&"session.opened"));
    assert!(!events(&listed(&world, &["--until", at])).contains(&"session.opened"));
    assert_eq!(events(&listed(&world, &["--since", "1d"])), names);
    assert_eq!(events(&listed(&world, &["--since", tomorrow])), Vec::<&str>::new());

    let (mut paged, mut after) = (Vec::new(), None::<String>);
    loop {
        let mut filters = vec!["--limit", "2"];
        filters.extend(after.iter().flat_map(|cursor| ["--after", cursor]));
        let page = listed(&world, &filters);
        assert!(events(&page).len() <= 2);
        paged.extend(page["events"].as_array().unwrap().clone());
        let Some(next) = page["next"].as_str() else { break };
        after = Some(next.to_owned());
    }
    assert_eq!(Value::from(paged), all["events"]);

    let printed = world.run(&[&LIST[..], &["--limit", "1"]].concat());
    assert_eq!(printed.code, 0, "{}", printed.err);
    assert!(printed.out.contains(names[0]) && printed.out.contains("--after "), "{}", printed.out);
    let printed = world.run(&[&LIST[..], &["--event", "environment.created"]].concat());
    assert!(printed.out.contains("  by command_line"), "{}", printed.out);
    let none = world.run(&[&LIST[..], &["--since", tomorrow]].concat());
    assert_eq!(none.out, "No events.\n");
    assert!(server.stop().0.success());
}

#[test]
fn wrong_filters_are_refused() {
    let world = World::new();
    let id = world.with_environment();
    let list = |args: &[&str]| {
        let all = [&["audit", "list", "--data-dir", "data"], args].concat();
        world.run(&all)
    };
    list(&["--env", NOBODY]).refused(1, &["There is no environment"]);
    list(&["--env", &id, "--event", "session.open"]).refused(2, &["--event", "session.opened"]);
    list(&["--env", &id, "--since", "yesterday"]).refused(2, &["--since", "24h"]);
    list(&["--env", &id, "--after", "1"]).refused(2, &["--after"]);
    list(&["--env", &id, "--limit", "0"]).refused(2, &["--limit"]);
    list(&["--env", &id, "--limit", "1001"]).refused(2, &["--limit"]);
    list(&[]).refused(2, &["--env"]);
}
