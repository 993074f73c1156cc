//! `docs/operations.md` as somebody meets it who follows it: each of its commands is run as it stands there, below another
//! root and on other ports. What only root can do is played by small programs that come first in the path.

use std::fs;
use std::net::TcpListener;
use std::path::Path;
use std::process::Command;

use crate::world::World;

const DOCUMENT: &str = include_str!("../../../../docs/operations.md");
const BEGINNING: &str = "## From an empty folder to a live server";

/// The sections from the beginning to the end of the one on backups.
fn walk() -> &'static str {
    let from = DOCUMENT.find(BEGINNING).unwrap();
    let to = DOCUMENT.find("## Where the data is").unwrap();
    &DOCUMENT[from..to]
}

/// The fenced blocks of this kind.
fn blocks(kind: &str) -> Vec<&'static str> {
    let mut found = Vec::new();
    for block in walk().split("\n```").skip(1).step_by(2) {
        if let Some(text) = block.strip_prefix(kind).and_then(|rest| rest.strip_prefix('\n')) {
            found.push(text);
        }
    }
    found
}

fn free_port() -> String {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port().to_string()
}

/// A program of this name that does this.
fn program(folder: &Path, name: &str, script: &str) {
    use std::os::unix::fs::PermissionsExt;
    let path = folder.join(name);
    fs::write(&path, format!("#!/bin/sh\nset -e\n{script}")).unwrap();
    fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
}

/// Plays the service manager: starts what the unit says, with its environment, and stops it as systemd would.
const SYSTEMCTL: &str = r#"
stop() {
  [ -f "$ROOT/pid" ] || return 0
  kill -TERM "$(cat "$ROOT/pid")" && tail --pid="$(cat "$ROOT/pid")" -f /dev/null
  rm "$ROOT/pid"
}
start() {
  unit=$ROOT/etc/systemd/system/stile.service
  file=$(sed -n 's/^EnvironmentFile=//p' "$unit"); command=$(sed -n 's/^ExecStart=//p' "$unit")
  rm -f "$ROOT/said"; mkfifo "$ROOT/said"
  (set -a; . "$file"; STILE_DRAIN=0; exec $command) >"$ROOT/said" 2>>"$ROOT/errors" &
  echo $! >"$ROOT/pid"
  # Its first line, or nothing when it ends before.
  head -n 1 "$ROOT/said" >>"$ROOT/log"
}
case "$1" in
  daemon-reload) ;;
  enable) start ;;
  restart) stop; start ;;
  stop) stop ;;
esac
"#;

/// `install`, without owners that this machine may not have.
const INSTALL: &str = r#"
mode= folders=
while [ $# -gt 0 ]; do
  case "$1" in
    -o|-g) shift ;;
    -m) shift; mode=$1 ;;
    -d) folders=yes ;;
    *) break ;;
  esac
  shift
done
if [ $folders ]; then exec /usr/bin/env -i PATH=/usr/bin:/bin install -d -m "$mode" "$@"; fi
exec /usr/bin/env -i PATH=/usr/bin:/bin install -m "$mode" "$@"
"#;

#[test]
fn the_documented_way_leads_to_a_live_server() {
    let world = World::new();
    let root = world.path("root");
    let (bin, here) = (world.path("bin"), world.path("here"));
    for folder in
        [&bin, &here, &root.join("etc/systemd/system"), &root.join("usr/local/bin"), &root.join("var/lib")]
    {
        fs::create_dir_all(folder).unwrap();
    }
    fs::copy(env!("CARGO_BIN_EXE_stile"), here.join("stile")).unwrap();
    program(&bin, "useradd", "echo \"$@\" | grep -q -- '--home-dir .*stile'\n");
    program(&bin, "systemctl", SYSTEMCTL);
    program(&bin, "install", INSTALL);
    // A mail server that can be reached.
    let mail = TcpListener::bind("127.0.0.1:0").unwrap();
    let (port, metrics) = (free_port(), free_port());
    let below = |text: &str| {
        let root = root.display();
        ["/etc/stile", "/etc/systemd", "/var/lib/stile", "/usr/local/bin"]
            .iter()
            .fold(text.to_owned(), |text, path| text.replace(path, &format!("{root}{path}")))
            .replace(
                "smtps://user:password@mail.example.com",
                &format!("smtp://{}", mail.local_addr().unwrap()),
            )
            .replace("127.0.0.1:9464", &format!("127.0.0.1:{metrics}"))
            .replace("127.0.0.1:7845", &format!("127.0.0.1:{port}"))
    };
    let [unit] = blocks("ini")[..] else { panic!("one unit") };
    fs::write(root.join("etc/systemd/system/stile.service"), below(unit)).unwrap();

    let shell = blocks("sh");
    assert!(shell.len() >= 8, "{shell:?}");
    let mut script =
        format!("set -e\ntrap 'systemctl stop stile || true' EXIT\nexport STILE_LISTEN=127.0.0.1:{port}\n");
    for block in shell {
        script.push_str(&below(block).replace("ENVIRONMENT", "$(stile env list | cut -d' ' -f1)"));
        script.push('\n');
    }
    script.push_str("echo \"ALL $STILE_DATA_DIR\"\n");
    let path = format!("{}:{}/usr/local/bin:/usr/bin:/bin", bin.display(), root.display());
    let mut command = Command::new("sh");
    command.arg("-c").arg(&script).current_dir(&here).env_clear();
    command.env("PATH", path).env("ROOT", &root).env("HOME", &here);
    let output = command.output().unwrap();
    let (out, err) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    let log = fs::read_to_string(root.join("log")).unwrap_or_default();
    let errors = fs::read_to_string(root.join("errors")).unwrap_or_default();
    assert!(output.status.success(), "{script}\n{out}\n{err}\n{log}\n{errors}");
    for told in ["The live environment Acme is made", "stile_", "All is well.", "is restored in", "ALL "] {
        assert!(out.contains(told), "{told}: {out}\n{err}");
    }
    assert!(!out.contains("FAIL") && !out.contains("WARN"), "{out}");
    assert_eq!(log.matches(" is listening on 127.0.0.1:").count(), 2, "started and started again: {log}");
    assert!(root.join("var/lib/stile/restored/stile.db").exists());
}

/// Address, certificate and forwarding are those that the rest of the page speaks of.
#[test]
fn the_proxies_lead_to_the_server() {
    let [nginx] = blocks("nginx")[..] else { panic!("one for nginx") };
    let [caddy] = blocks("text")[..] else { panic!("one for Caddy") };
    let settings = blocks("sh").into_iter().find(|block| block.contains("STILE_PUBLIC_URL=")).unwrap();
    assert!(settings.contains("STILE_PUBLIC_URL=https://auth.example.com"));
    assert!(settings.contains("STILE_TRUSTED_PROXY=127.0.0.1"), "both speak from this machine");
    for proxy in [nginx, caddy] {
        assert!(proxy.contains("auth.example.com") && proxy.contains("127.0.0.1:7845"), "{proxy}");
    }
    assert!(nginx.contains("proxy_set_header X-Forwarded-For $proxy_add_x_forwarded_for;"));
    assert!(nginx.contains("proxy_set_header Host $host;"));
    let manifest = include_str!("../../../../Cargo.toml");
    assert!(
        walk().contains("`cargo build --profile dist --bin stile`") && manifest.contains("[profile.dist]")
    );
}
