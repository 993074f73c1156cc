//! `stile env`.

use serde_json::json;

use crate::world::{KEY, NOBODY, World};

#[test]
fn environments_are_made_listed_and_shown() {
    let world = World::new();
    let id = world.with_environment();
    let fixed = "5711e000-0000-4000-8000-0000000000aa";
    let made = world.json(&world.operator(&[
        "env",
        "create",
        "--name",
        "Play ground",
        "--id",
        fixed,
        "--origin",
        "http://localhost:*",
        "--origin",
        "https://*.example.com",
        "--set",
        "security.mfa.enabled=true",
        "--set",
        "general.displayName=Play",
        "--set",
        "general.supportEmail=null",
    ]));
    assert_eq!(made["id"], fixed);
    assert_eq!(made["kind"], "sandbox");
    assert_eq!(made["settings"]["security"]["mfa"]["enabled"], true);
    assert_eq!(made["notes"].as_array().unwrap().len(), 1, "passkeys have no domain: {made}");

    let all = world.json(&["env", "list", "--data-dir", "data"]);
    let names: Vec<&str> = all.as_array().unwrap().iter().map(|e| e["name"].as_str().unwrap()).collect();
    assert_eq!(names, ["Acme", "Play ground"]);
    let text = world.run(&["env", "list", "--data-dir", "data"]).out;
    assert!(text.lines().count() == 2 && text.contains(&id) && text.contains("live"), "{text}");

    let shown = world.json(&["env", "show", &id, "--data-dir", "data"]);
    assert_eq!(shown["settings"]["general"]["displayName"], "Acme");
    assert_eq!(shown["settings"]["allowedOrigins"], json!(["https://app.example.com"]));
    assert_eq!((&shown["users"], &shown["version"]), (&json!(0), &json!(1)));
    let key = &shown["keys"][0];
    assert_eq!((&key["algorithm"], &key["verifiesUntil"]), (&json!("ES256"), &json!(null)));
    assert!(key["signsFrom"].as_str().unwrap().ends_with('Z'), "{key}");
    let text = world.run(&["env", "show", &id, "--data-dir", "data"]).out;
    assert!(text.contains("0 users") && text.contains("\"displayName\": \"Acme\""), "{text}");
}

#[test]
fn the_same_id_is_not_made_twice() {
    let world = World::new();
    let id = world.with_environment();
    world
        .run(&world.operator(&["env", "create", "--name", "Again", "--id", &id]))
        .refused(1, &["There is an environment", &id]);
}

#[test]
fn settings_change() {
    let world = World::new();
    let id = world.with_environment();
    let set = |args: &[&str]| {
        let mut all = vec!["env", "set", &id, "--data-dir", "data"];
        all.extend(args);
        world.json(&all)["settings"].clone()
    };
    let settings = set(&[
        "general.displayName=Acme Ltd",
        "sdk.multiWallet=false",
        "security.jwtDuration={\"amount\":1,\"unit\":\"hours\"}",
        "allowedOrigins=[\"https://app.example.com\",\"https://b.example.com\"]",
    ]);
    assert_eq!(settings["general"]["displayName"], "Acme Ltd");
    assert_eq!(settings["sdk"]["multiWallet"], false);
    assert_eq!(settings["security"]["jwtDuration"], json!({ "amount": 1, "unit": "hours" }));
    assert_eq!(settings["allowedOrigins"].as_array().unwrap().len(), 2);
    assert_eq!(set(&["sdk.multiWallet=null"])["sdk"]["multiWallet"], true, "null is the default");

    let file = world.file("patch.json", r#"{"general":{"supportText":"Ask us","displayName":"F"}}"#, 0o644);
    let settings = set(&["--file", &file, "general.displayName=Last"]);
    assert_eq!(settings["general"]["supportText"], "Ask us");
    assert_eq!(settings["general"]["displayName"], "Last", "paths come after the file");
    let settings = set(&["--file", &file]);
    assert_eq!(settings["general"]["displayName"], "F");
    assert_eq!(world.json(&["env", "show", &id, "--data-dir", "data"])["settings"], settings);
}

#[test]
fn settings_that_cannot_be_used_are_listed_and_not_taken() {
    let world = World::new();
    let id = world.with_environment();
    let before = world.json(&["env", "show", &id, "--data-dir", "data"]);
    let set = |args: &[&str]| {
        let mut all = vec!["env", "set", &id, "--data-dir", "data"];
        all.extend(args);
        world.run(&all)
    };
    set(&[
        "security.captcha.enabled=true",
        "allowedOrigins=[\"http://localhost:*\"]",
        "general.displayName=",
    ])
    .refused(1, &["1. general.displayName", "2. allowedOrigins", "3. security.captcha"]);
    set(&["passkeys.rpId=other.example"]).refused(1, &["passkeys.rpId cannot change"]);
    set(&["passkeys.rpId=null"]).refused(1, &["passkeys.rpId cannot change"]);
    set(&["secuirty.mfa=1"]).refused(1, &["unknown field `secuirty`"]);
    set(&["sdk.multiWallet=maybe"]).refused(1, &["expected a boolean"]);
    set(&["sdk.multiWallet"]).refused(2, &["path=value"]);
    set(&["sdk=1", "sdk.multiWallet=true"]).refused(2, &["as a whole and in part"]);
    set(&[]).refused(2, &["PATH=VALUE"]);
    set(&["--file", "missing.json"]).refused(1, &["missing.json cannot be read"]);
    world.file("list.json", "[]", 0o644);
    set(&["--file", "list.json"]).refused(1, &["list.json holds no JSON object"]);
    assert_eq!(world.json(&["env", "show", &id, "--data-dir", "data"]), before);
}

#[test]
fn bad_settings_make_no_environment_and_no_folder() {
    let world = World::new();
    world.file("key", KEY, 0o600);
    world
        .run(&world.operator(&[
            "env",
            "create",
            "--name",
            "Live",
            "--live",
            "--origin",
            "http://localhost:*",
            "--rp-id",
            "https://x",
        ]))
        .refused(1, &["allowedOrigins names localhost", "passkeys.rpId is not a domain name"]);
    world
        .run(&world.operator(&["env", "create", "--name", "X", "--origin", "example.com"]))
        .refused(1, &["`example.com` is not an origin"]);
    world.run(&world.operator(&["env", "create", "--name", " "])).refused(2, &["name is empty"]);
    assert!(!world.path("data").exists());
}

#[test]
fn what_is_not_there_is_said() {
    let world = World::new();
    world.with_environment();
    for args in [&["env", "show", NOBODY][..], &["env", "set", NOBODY, "sdk.multiWallet=true"]] {
        world.run(&world.operator(args)).refused(1, &["There is no environment", "stile env list"]);
    }
    world.run(&world.operator(&["env", "show", "acme"])).refused(2, &["expected a UUID"]);
}

#[test]
fn a_domain_that_is_not_the_apps_needs_a_yes() {
    let world = World::new();
    world.file("key", KEY, 0o600);
    let create = |origins: &[&'static str], rp_id: &'static str, yes: bool| {
        let mut args = vec!["env", "create", "--name", "X", "--rp-id", rp_id];
        origins.iter().for_each(|origin| args.extend(["--origin", origin]));
        args.extend(yes.then_some("--yes"));
        world.run(&world.operator(&args))
    };
    for (origins, rp_id) in [
        (&["https://app.example.com"][..], "other.org"),
        (&["https://app.example.com"], "a.app.example.com"),
        (&["https://app.example.com"], "ple.com"),
        (&["https://app.example.com", "https://app.example.net"], "example.com"),
        (&["https://*.example.com"], "app.example.com"),
    ] {
        let ran = create(origins, rp_id, false);
        ran.refused(1, &[&format!("Passkeys of {rp_id} do not work on https://"), "--yes"]);
    }
    assert!(!world.path("data").exists(), "nothing was made");
    for (origins, rp_id, yes) in [
        (&["https://app.example.com"][..], "app.example.com", false),
        (&["https://app.example.com", "https://*.example.com"], "example.com", false),
        (&[], "elsewhere.org", false),
        (&["https://app.example.com"], "other.org", true),
    ] {
        assert_eq!(create(origins, rp_id, yes).code, 0, "{rp_id}");
    }

    // The same later: the first rpId of an environment is its last.
    let made =
        world.json(&world.operator(&["env", "create", "--name", "Y", "--origin", "https://y.example"]));
    let id = made["id"].as_str().unwrap();
    let set = ["env", "set", id, "passkeys.rpId=z.example", "--data-dir", "data"];
    world.run(&set).refused(1, &["Passkeys of z.example do not work on https://y.example"]);
    world.json(&[&set[..], &["--yes"]].concat());
}
