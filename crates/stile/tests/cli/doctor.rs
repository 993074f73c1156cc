//! `stile doctor`.

use std::net::TcpListener;

use serde_json::Value;

use crate::world::{Ran, Server, World, port};

fn ask(world: &World, args: &[&str]) -> (Ran, Value) {
    let mut all = vec!["doctor", "--json"];
    all.extend(args);
    let ran = world.run(&all);
    let value = serde_json::from_str(&ran.out).unwrap();
    (ran, value)
}

fn with<'a, const N: usize>(mut options: [&'a str; N], name: &str, value: &'a str) -> [&'a str; N] {
    let at = options.iter().position(|option| *option == name).unwrap();
    options[at + 1] = value;
    options
}

fn levels(value: &Value, level: &str) -> Vec<String> {
    let all = value["findings"].as_array().unwrap();
    all.iter().filter(|f| f["level"] == level).map(|f| f["what"].as_str().unwrap().to_owned()).collect()
}

#[test]
fn all_is_well() {
    let world = World::new();
    world.with_environment();
    let mail = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("smtp://{}", mail.local_addr().unwrap());
    let options = with(world.serve_options(), "--smtp-url", &url);
    let options = [&options[..], &["--trusted-proxy", "127.0.0.1"]].concat();
    let (ran, value) = ask(&world, &options);
    assert_eq!((ran.code, &value["ok"]), (0, &Value::Bool(true)), "{}", ran.out);
    assert_eq!((levels(&value, "fail"), levels(&value, "warn")), (vec![], vec![]));
    let mut args = vec!["doctor"];
    args.extend(options);
    let ran = world.run(&args);
    assert!(ran.code == 0 && ran.out.ends_with("\n\nAll is well.\n"), "{}", ran.out);
    assert!(ran.out.lines().take(10).all(|line| line.starts_with("OK    ")), "{}", ran.out);
}

#[test]
fn what_must_be_mended_fails() {
    let world = World::new();
    world.with_environment();
    // Nobody listens on port 1.
    let (ran, value) = ask(&world, &world.serve_options());
    assert_eq!((ran.code, ran.err.as_str()), (1, ""));
    let failed = levels(&value, "fail");
    assert!(failed.len() == 1 && failed[0].contains("cannot be reached"), "{failed:?}");

    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    let url = format!("smtp://{address}");
    let options = with(with(world.serve_options(), "--smtp-url", &url), "--public-url", "");
    // It listens, but it does not answer as a Stile does: closed at once.
    let closer = std::thread::spawn(move || {
        for stream in taken.incoming().take(2) {
            drop(stream);
        }
    });
    let (ran, value) = ask(&world, &with(options, "--listen", &address));
    assert_eq!(ran.code, 1);
    let failed = levels(&value, "fail");
    assert!(
        failed.len() == 2 && failed[0].contains("public URL") && failed[1].contains("taken"),
        "{failed:?}"
    );
    closer.join().unwrap();
}

#[test]
fn without_options_it_says_what_serve_would() {
    let world = World::new();
    let (ran, value) = ask(&world, &[]);
    assert_eq!(ran.code, 1);
    assert_eq!(levels(&value, "fail").len(), 5, "{value}");
    assert!(std::fs::read_dir(world.path("")).unwrap().next().is_none(), "nothing was made");
}

/// The public URL of `serve_options` is https.
#[test]
fn a_forgotten_trusted_proxy_warns() {
    let world = World::new();
    world.with_environment();
    let about_proxies = |options: &[&str]| {
        let (_, value) = ask(&world, options);
        levels(&value, "warn").into_iter().filter(|what| what.contains("No proxy is trusted")).count()
    };
    let options = world.serve_options();
    assert_eq!(about_proxies(&options), 1);
    assert_eq!(about_proxies(&[&options[..], &["--trusted-proxy", "10.0.0.1"]].concat()), 0);
    assert_eq!(about_proxies(&with(options, "--public-url", "http://localhost:7845")), 0);
}

#[test]
fn environments_are_looked_at() {
    let world = World::new();
    world.with_environment();
    let more = [
        ["Plain", "--origin=https://a.example", "--set=general.supportText=x"],
        ["Astray", "--origin=https://b.example", "--rp-id=other.example"],
        ["Wild", "--origin=https://*.c.example", "--rp-id=c.example"],
    ];
    for [name, origin, option] in more {
        world.json(&world.operator(&["env", "create", "--yes", "--name", name, origin, option]));
    }
    let (ran, value) = ask(&world, &world.serve_options());
    let (failed, warned) = (levels(&value, "fail"), levels(&value, "warn"));
    assert_eq!((ran.code, failed.len()), (1, 1), "nothing but the mail server that nobody is: {failed:?}");
    let related =
        "work on https://b.example only where https://other.example/.well-known/webauthn leads here";
    assert!(warned.iter().any(|what| what.contains(related)), "{warned:?}");
    assert!(warned.iter().any(|what| what.contains("passkeys.rpId is not set")), "{warned:?}");
    assert!(warned.iter().any(|what| what.contains("https://*.c.example")), "{warned:?}");
    assert_eq!(levels(&value, "ok").iter().filter(|what| what.contains("signing keys")).count(), 4);
}

#[test]
fn what_should_be_looked_at_warns() {
    let world = World::new();
    world.with_environment();
    world.file("key", crate::world::KEY, 0o640);
    let mail = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("smtp://{}", mail.local_addr().unwrap());
    let mut options =
        with(with(world.serve_options(), "--smtp-url", &url), "--public-url", "http://localhost:7845")
            .to_vec();
    options.extend(["--trusted-proxy", "0.0.0.0/0"]);
    let (ran, value) = ask(&world, &options);
    let warned = levels(&value, "warn");
    assert_eq!((ran.code, warned.len()), (0, 3), "{}", ran.out);
    for text in ["this machine alone", "everybody", "A group of users"] {
        assert!(warned.iter().any(|what| what.contains(text)), "{text}: {warned:?}");
    }
}

#[test]
fn a_port_that_stile_itself_has_is_well() {
    let world = World::new();
    world.with_environment();
    let metrics = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().to_string();
    let mut args = vec!["serve", "--json", "--metrics-listen", &metrics];
    args.extend(world.serve_options());
    let server = Server::start(world.command(&args), |_| true);
    let said: Value = serde_json::from_str(&server.printed[0]).unwrap();
    let address = format!("127.0.0.1:{}", port(&said["address"]));
    let mut options = with(world.serve_options(), "--listen", &address).to_vec();
    options.extend(["--metrics-listen", &metrics]);
    let (_, value) = ask(&world, &options);
    let answering = levels(&value, "ok").iter().filter(|what| what.starts_with("a Stile answers on")).count();
    assert_eq!(answering, 2, "{value}");
    drop(server);
}

/// getprobo/probo#1284: the name of a container was refused by every relay that wants a full one.
#[test]
fn it_names_what_mail_servers_are_greeted_with() {
    let world = World::new();
    world.with_environment();
    let greeting = |more: &[&str]| {
        let mut options = world.serve_options().to_vec();
        options.extend(more);
        let (_, value) = ask(&world, &options);
        let said: Vec<String> = ["ok", "fail"].iter().flat_map(|level| levels(&value, level)).collect();
        said.into_iter().find(|what| what.contains("greet")).unwrap()
    };
    assert!(greeting(&[]).contains("auth.example.com"));
    assert!(greeting(&["--smtp-hello", "mail.example.com"]).contains("mail.example.com"));
    assert!(greeting(&["--smtp-hello", "[192.0.2.1]"]).contains("[192.0.2.1]"));
    assert!(greeting(&["--smtp-hello", "vm"]).contains("must be a full one"));
}
