//! A folder, the executable, and requests to a server that it runs.

use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::mpsc::{self, Receiver};
use std::time::Duration;

use serde_json::Value;

use crate::database::{self, Database};

/// No step of a test takes longer, unless something hangs.
const PATIENCE: Duration = Duration::from_secs(60);

/// A master key in hex.
pub const KEY: &str = "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f";
/// Another.
pub const OTHER_KEY: &str = "100102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f";
/// An environment that nobody made.
pub const NOBODY: &str = "5711e000-0000-4000-8000-0000000000ff";
/// The demo's environment.
pub const DEMO: &str = "5711e000-0000-4000-8000-000000000001";

/// An empty folder in which commands run.
pub struct World {
    folder: tempfile::TempDir,
    /// The database on a server, for worlds whose data is there.
    pub database: Option<Database>,
}

/// What a command did.
pub struct Ran {
    pub code: i32,
    pub out: String,
    pub err: String,
}

impl World {
    pub fn new() -> Self {
        Self { folder: tempfile::tempdir().unwrap(), database: None }
    }

    /// With an empty database on the server of `STILE_TEST_POSTGRES`; nothing where no server is named, unless
    /// `STILE_TEST_ENGINE=postgres` demands one.
    pub fn on_server() -> Option<Self> {
        if database::server().is_none() {
            let engine = std::env::var("STILE_TEST_ENGINE").unwrap_or_default();
            assert_ne!(
                engine, "postgres",
                "STILE_TEST_ENGINE=postgres needs a server in STILE_TEST_POSTGRES"
            );
            return None;
        }
        let database = Some(Database::empty());
        Some(Self { folder: tempfile::tempdir().unwrap(), database })
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// A file with these permissions.
    pub fn file(&self, name: &str, text: &str, mode: u32) -> String {
        use std::os::unix::fs::PermissionsExt;
        let path = self.path(name);
        fs::write(&path, text).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(mode)).unwrap();
        path.display().to_string()
    }

    /// A command that sees none of the variables of whoever runs the tests.
    pub fn command(&self, args: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_stile"));
        command.args(args);
        self.at_home(command)
    }

    /// The same, with so many open files at most.
    pub fn command_with_files(&self, most: u32, args: &[&str]) -> Command {
        let mut command = Command::new("sh");
        command.args(["-c", &format!("ulimit -n {most} && exec \"$0\" \"$@\""), env!("CARGO_BIN_EXE_stile")]);
        command.args(args);
        self.at_home(command)
    }

    /// A line as an operator pastes it into a shell.
    pub fn paste(&self, line: &str) -> Ran {
        let mut command = Command::new("sh");
        let script = format!("stile() {{ \"$0\" \"$@\"; }}\n{line}");
        command.args(["-c", &script, env!("CARGO_BIN_EXE_stile")]);
        ran(self.at_home(command))
    }

    fn at_home(&self, mut command: Command) -> Command {
        for (name, _) in std::env::vars_os() {
            let text = name.to_string_lossy();
            if text.starts_with("STILE_") || text.starts_with("OTEL_") {
                command.env_remove(name);
            }
        }
        if let Some(database) = &self.database {
            command.env("STILE_DATABASE", database.url());
        }
        command.current_dir(self.folder.path()).stdin(Stdio::null());
        command
    }

    pub fn run(&self, args: &[&str]) -> Ran {
        ran(self.command(args))
    }

    /// With `--json`, successfully.
    pub fn json(&self, args: &[&str]) -> Value {
        let mut all = args.to_vec();
        all.push("--json");
        let ran = self.run(&all);
        assert_eq!(ran.code, 0, "{args:?}\n{}", ran.err);
        assert_eq!(ran.out.lines().count(), 1, "{}", ran.out);
        serde_json::from_str(&ran.out).unwrap()
    }

    /// Data with one live environment; its key file is `key`. Answers the environment's id.
    pub fn with_environment(&self) -> String {
        self.file("key", KEY, 0o600);
        let made = self.json(&self.operator(&[
            "env",
            "create",
            "--name",
            "Acme",
            "--live",
            "--origin",
            "https://app.example.com",
            "--rp-id",
            "example.com",
        ]));
        made["id"].as_str().unwrap().to_owned()
    }

    /// An operator's command on the world's data, with the right key.
    pub fn operator<'a>(&self, args: &[&'a str]) -> Vec<&'a str> {
        let place = self.database.is_none().then_some(["--data-dir", "data"]);
        let place = place.into_iter().flatten().chain(["--master-key-file", "key"]);
        args.iter().copied().chain(place).collect()
    }

    /// The options that `serve` needs on the world's data.
    pub fn options(&self) -> Vec<&'static str> {
        let options = self.serve_options();
        let of_folder = |option: &&str| ["--data-dir", "data"].contains(option);
        options.into_iter().filter(|option| self.database.is_none() || !of_folder(option)).collect()
    }

    /// The options that `serve` needs on `data`.
    pub fn serve_options(&self) -> [&'static str; 14] {
        [
            "--public-url",
            "https://auth.example.com",
            "--listen",
            "127.0.0.1:0",
            "--data-dir",
            "data",
            "--master-key-file",
            "key",
            "--smtp-url",
            "smtp://localhost:1",
            "--mail-from",
            "no-reply@example.com",
            "--drain",
            "0",
        ]
    }
}

pub fn ran(mut command: Command) -> Ran {
    let output = command.output().unwrap();
    let text = |bytes| String::from_utf8(bytes).unwrap();
    Ran { code: output.status.code().unwrap_or(-1), out: text(output.stdout), err: text(output.stderr) }
}

impl Ran {
    /// Refused, and calmly: no debug output, and every one of these texts is there.
    #[track_caller]
    pub fn refused(&self, code: i32, texts: &[&str]) {
        assert_eq!(self.code, code, "{}\n{}", self.out, self.err);
        for text in texts {
            assert!(self.err.contains(text), "no {text:?} in:\n{}", self.err);
        }
        for ugly in
            ["panicked", "Error {", "Err(", "Some(", "[\"elev", "Missed", "NotFound", "RUST_BACKTRACE"]
        {
            assert!(!self.err.contains(ugly), "{}", self.err);
        }
        let numbered = |line: &&str| line.split_once(". ").is_some_and(|(n, _)| n.parse::<u32>().is_ok());
        for line in self.err.lines().take(1).chain(self.err.lines().filter(numbered)) {
            // The parser of the command line has its own form.
            let whole = line.ends_with(['.', '?', '!', ':']) || line.starts_with("error: ");
            assert!(whole && !line.ends_with(".."), "{line:?} is no sentence");
        }
    }
}

/// A server that runs; killed when a test ends without stopping it.
pub struct Server {
    child: Child,
    lines: Receiver<String>,
    pub printed: Vec<String>,
}

impl Server {
    /// Starts it and waits for the first line that satisfies `ready`.
    pub fn start(mut command: Command, ready: impl Fn(&str) -> bool) -> Self {
        command.stderr(Stdio::piped());
        let mut server = Self::spawn(command);
        server.wait_for(ready);
        server
    }

    /// Starts one whose standard error goes where the command says, and waits for its first line.
    pub fn logging(command: Command) -> Self {
        let mut server = Self::spawn(command);
        server.wait_for(|_| true);
        server
    }

    fn spawn(mut command: Command) -> Self {
        let mut child = command.stdout(Stdio::piped()).spawn().unwrap();
        let (send, lines) = mpsc::channel();
        let out = child.stdout.take().unwrap();
        std::thread::spawn(move || {
            BufReader::new(out).lines().map_while(Result::ok).all(|line| send.send(line).is_ok())
        });
        Self { child, lines, printed: Vec::new() }
    }

    /// Reads lines until one satisfies `wanted`.
    pub fn wait_for(&mut self, wanted: impl Fn(&str) -> bool) {
        loop {
            let Ok(line) = self.lines.recv_timeout(PATIENCE) else {
                let mut err = String::new();
                let _killed = self.child.kill();
                if let Some(mut stderr) = self.child.stderr.take() {
                    stderr.read_to_string(&mut err).unwrap();
                }
                panic!("the line did not come: {:?}\n{err}", self.printed);
            };
            self.printed.push(line);
            if wanted(self.printed.last().unwrap()) {
                return;
            }
        }
    }

    /// Its process.
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// Asks it to end, as a service manager would.
    pub fn signal(&self) {
        let pid = self.id().to_string();
        assert!(Command::new("kill").args(["-TERM", &pid]).status().unwrap().success());
    }

    /// `stile dev --json` on a free port; answers the line too.
    pub fn dev(world: &World, args: &[&str]) -> (Self, Value) {
        let mut all = vec!["dev", "--json", "--listen", "127.0.0.1:0"];
        all.extend(args);
        let server = Self::start(world.command(&all), |_| true);
        let value = serde_json::from_str(&server.printed[0]).unwrap();
        (server, value)
    }

    /// Ends it; answers how it ended and what else it printed.
    pub fn stop(mut self) -> (ExitStatus, Vec<String>) {
        self.signal();
        let mut rest = Vec::new();
        // Its end closes the stream.
        loop {
            match self.lines.recv_timeout(PATIENCE) {
                Ok(line) => rest.push(line),
                Err(mpsc::RecvTimeoutError::Disconnected) => break,
                Err(mpsc::RecvTimeoutError::Timeout) => panic!("the server does not stop"),
            }
        }
        (self.child.wait().unwrap(), rest)
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ended = self.child.kill();
        let _status = self.child.wait();
    }
}

/// A request by hand; answers status and body.
pub fn get(port: u16, path: &str) -> (u16, String) {
    let mut stream = TcpStream::connect(("127.0.0.1", port)).unwrap();
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    write!(stream, "GET {path} HTTP/1.1\r\nHost: localhost:{port}\r\nConnection: close\r\n\r\n").unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    let (head, body) = answer.split_once("\r\n\r\n").unwrap();
    (head.split(' ').nth(1).unwrap().parse().unwrap(), body.to_owned())
}

/// The port at the end of a URL or an address.
pub fn port(value: &Value) -> u16 {
    value.as_str().unwrap().rsplit(':').next().unwrap().parse().unwrap()
}

/// Permission bits.
pub fn mode(path: &Path) -> u32 {
    std::os::unix::fs::MetadataExt::mode(&fs::metadata(path).unwrap()) & 0o777
}
