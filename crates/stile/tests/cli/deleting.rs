//! `stile env delete`.

use std::io::Write as _;
use std::process::Stdio;

use rusqlite::Connection;
use serde_json::{Value, json};

use crate::database::apart;
use crate::world::{NOBODY, Ran, Server, World, get, port};

/// Answers the question that the command asks.
fn typed(world: &World, args: &[&str], answer: &str) -> Ran {
    let mut command = world.command(args);
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().unwrap();
    child.stdin.take().unwrap().write_all(answer.as_bytes()).unwrap();
    let output = child.wait_with_output().unwrap();
    let text = |bytes| String::from_utf8(bytes).unwrap();
    Ran { code: output.status.code().unwrap(), out: text(output.stdout), err: text(output.stderr) }
}

fn execute(world: &World, sqlite: &str, postgres: String) {
    match &world.database {
        None => Connection::open(world.path("data/stile.db")).unwrap().execute_batch(sqlite).unwrap(),
        Some(database) => {
            let url = database.url();
            apart(
                async move { crate::database::connect(&url).await.batch_execute(&postgres).await.unwrap() },
            );
        }
    }
}

/// More users than are deleted at once.
pub fn crowd(world: &World, environment: &str) {
    let id = environment.replace('-', "");
    let columns = "INSERT INTO users (id, environment, version, profile, first_visit, last_visit) SELECT";
    execute(
        world,
        &format!(
            "WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 450)
             {columns} randomblob(16), x'{id}', 1, '{{}}', 0, 0 FROM n"
        ),
        format!(
            "{columns} decode(md5('{id}' || i), 'hex'), decode('{id}', 'hex'), 1, '{{}}', 0, 0
             FROM generate_series(1, 450) i"
        ),
    );
}

fn users(world: &World, environment: &str) -> Value {
    world.json(&world.operator(&["env", "show", environment]))["users"].clone()
}

fn on_both(test: impl Fn(World)) {
    test(World::new());
    World::on_server().into_iter().for_each(test);
}

#[test]
fn a_deleted_environment_is_gone_at_once_and_no_other_is_touched() {
    on_both(|world| {
        let id = world.with_environment();
        let other = world.json(&world.operator(&[
            "env",
            "create",
            "--name",
            "Other",
            "--origin",
            "https://other.example",
        ]));
        let other = other["id"].as_str().unwrap();
        crowd(&world, &id);
        crowd(&world, other);
        world.json(&world.operator(&["token", "create", "--env", &id, "--note", "backend"]));
        let mut args = vec!["serve", "--json"];
        args.extend(world.options());
        let server = Server::start(world.command(&args), |_| true);
        let port = port(&serde_json::from_str::<Value>(&server.printed[0]).unwrap()["address"]);
        let settings = |id: &str| get(port, &format!("/api/v0/sdk/{id}/settings")).0;
        assert_eq!((settings(&id), settings(other)), (200, 200));

        let deleted = world.json(&world.operator(&["env", "delete", "Acme", "--yes"]));
        assert_eq!((&deleted["id"], &deleted["users"]), (&json!(id), &json!(450)));
        assert_eq!((&deleted["apiTokens"], &deleted["signingKeys"]), (&json!(1), &json!(1)));
        assert_eq!((settings(&id), settings(other)), (404, 200), "a running server follows at once");
        assert_eq!(server.stop().0.code(), Some(0));
        world.run(&world.operator(&["env", "show", &id])).refused(1, &["There is no environment"]);
        world.run(&world.operator(&["env", "delete", &id, "--yes"])).refused(1, &["There is no environment"]);
        assert_eq!(users(&world, other), json!(450));
    });
}

#[test]
fn it_asks_and_names_what_goes() {
    let world = World::new();
    let id = world.with_environment();
    crowd(&world, &id);
    let delete = world.operator(&["env", "delete", &id]);
    for answer in ["", "\n", "yes\n", "Acm\n", "acme\n"] {
        let ran = typed(&world, &delete, answer);
        ran.refused(
            1,
            &[
                &format!("With the live environment Acme ({id}) go 450 users, 0 credentials, 0 sessions, 0 API tokens, 1 signing key and 0 mails that wait."),
                "Nothing was deleted",
                &format!("stile env delete {id} --yes"),
            ],
        );
        assert_eq!(users(&world, &id), json!(450));
    }
    let ran = typed(&world, &delete, "Acme\n");
    assert!(ran.code == 0 && ran.out.contains("is deleted"), "{}{}", ran.out, ran.err);
    world.run(&world.operator(&["env", "delete", NOBODY])).refused(1, &["There is no environment"]);
    world.run(&world.operator(&["env", "delete", "Acme"])).refused(1, &["no environment of the name Acme"]);
}

#[test]
fn of_two_with_one_name_the_id_decides() {
    let world = World::new();
    let first = world.with_environment();
    let second = world.json(&world.operator(&["env", "create", "--name", "Acme"]));
    let second = second["id"].as_str().unwrap();
    let by_name = world.run(&world.operator(&["env", "delete", "Acme", "--yes"]));
    by_name.refused(1, &["There are 2 environments of the name Acme.", &first, second]);
    world.json(&world.operator(&["env", "delete", second, "--yes"]));
    assert_eq!(world.json(&world.operator(&["env", "list"]))[0]["id"], json!(first));
}

/// As after a process that was killed in the middle.
#[test]
fn an_interrupted_deletion_goes_on() {
    on_both(|world| {
        let id = world.with_environment();
        crowd(&world, &id);
        let mark = "UPDATE environments SET gone_at = 1";
        execute(&world, mark, mark.into());
        let listed = world.run(&world.operator(&["env", "list"])).out;
        let advice = format!("The deletion of Acme is not finished. Go on with it: stile env delete {id}");
        assert!(listed.contains(&advice), "{listed}");
        let again = world.run(&world.operator(&["env", "create", "--name", "Again", "--id", &id]));
        again.refused(1, &["There is an environment"]);
        assert_eq!(world.json(&world.operator(&["env", "delete", "Acme", "--yes"]))["users"], 450);
        assert!(!world.run(&world.operator(&["env", "list"])).out.contains("not finished"));
        world.json(&world.operator(&["env", "create", "--name", "Again", "--id", &id]));
        assert_eq!(users(&world, &id), json!(0), "none of the old ones came back");
    });
}

#[test]
fn whoever_takes_over_a_domain_hears_of_it() {
    on_both(|world| {
        let id = world.with_environment();
        world.json(&world.operator(&["env", "delete", &id, "--yes"]));
        let args = world.operator(&["env", "create", "--name", "New", "--rp-id", "example.com"]);
        let ran = world.run(&args);
        assert_eq!(ran.code, 0, "{}", ran.err);
        let says = format!("Its domain was that of the environment Acme ({id}), which was deleted ");
        assert!(ran.out.contains(&says), "{}", ran.out);
        let other = world.run(&world.operator(&["env", "create", "--name", "X", "--rp-id", "other.example"]));
        assert!(!other.out.contains("Its domain was"), "{}", other.out);
    });
}
