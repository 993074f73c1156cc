//! `stile openapi`.

use serde_json::Value;

use crate::world::World;

#[test]
fn the_document_is_the_same_every_time() {
    let world = World::new();
    let first = world.run(&["openapi"]);
    assert_eq!((first.code, first.err.as_str()), (0, ""));
    assert!(first.out.starts_with("{\n  \"openapi\": \"3.1") && first.out.ends_with("}\n"));
    let document: Value = serde_json::from_str(&first.out).unwrap();
    assert!(document["paths"].as_object().unwrap().len() > 10);
    for _ in 0..4 {
        assert!(world.run(&["openapi", "--json"]).out == first.out);
    }
    assert!(std::fs::read_dir(world.path("")).unwrap().next().is_none(), "nothing was made");
}

#[test]
fn a_reader_that_goes_is_no_failure_and_a_full_disk_is() {
    let world = World::new();
    let shell = |line: &str| {
        let mut command = std::process::Command::new("sh");
        command.arg("-c").arg(line).arg(env!("CARGO_BIN_EXE_stile")).current_dir(world.path(""));
        crate::world::ran(command)
    };
    let gone = shell("{ \"$0\" openapi; echo $? >code; } | head -c 1 >/dev/null; cat code");
    assert_eq!((gone.out.trim(), gone.err.as_str()), ("0", ""));
    if std::path::Path::new("/dev/full").exists() {
        shell("\"$0\" openapi >/dev/full").refused(1, &["The answer cannot be written"]);
    }
}
