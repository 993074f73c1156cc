//! `stile doctor`: what `serve` needs, and what it would run into later.

use std::fmt::Write;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use ipnet::IpNet;
use serde_json::json;
use stile_core::origin::OriginPattern;
use stile_core::{Level as SessionLevel, Settings};
use stile_keys::Keyring;
use stile_server::clock::Clock;
use stile_server::{App, Config};
use stile_store::{Environment, Store};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;
use url::Url;

use crate::args::ServeArgs;
use crate::checks::{Examined, Findings, Level, Purpose, about, examine, is_local};
use crate::data::{DATABASE, Data};
use crate::error::{Failure, Problem, full_stop};
use crate::machine::{self, given, shown};
use crate::open::mode;
use crate::output::Output;
use crate::rp_id::covers;
use crate::{run, smtp};

/// How long a server may take to answer.
const PATIENCE: Duration = Duration::from_secs(3);

/// Looks at everything, tells, and fails when something must be mended.
pub async fn run(args: &ServeArgs, output: Output) -> Result<(), Failure> {
    let Examined {
        mut findings,
        public_url,
        listen,
        metrics,
        trusted_proxies,
        transport,
        data,
        lock: _,
        store,
        keys,
        environments,
    } = examine(args, Purpose::Tell).await;
    if let Some(url) = public_url.as_ref().filter(|url| is_local(url)) {
        let what = format!("{url} leads to this machine alone.");
        findings
            .warn("public URL", Problem::new(what, "For others, name an https:// URL that they can reach."));
    }
    proxies(public_url.as_ref(), &trusted_proxies, &mut findings);
    let folder = data.as_ref().and_then(Data::folder);
    permissions(given(args.master_key_file.as_ref()), folder, &mut findings);
    if let Some(data) = &data {
        for (row, settings) in &environments {
            environment(data, row, settings, &mut findings);
        }
        if let (Some(store), Some(keys)) = (store, keys) {
            signing_keys(data, store, keys, &environments, &mut findings).await;
        }
    }
    if let Some(address) = listen {
        port(run::LISTEN, address, HEALTHY, &mut findings).await;
    }
    if let Some(address) = metrics {
        port(run::METRICS_LISTEN, address, METRICS, &mut findings).await;
    }
    if let (Some(url), Some(_)) = (args.smtp_url.as_deref(), transport) {
        mail_server(url, &mut findings).await;
    }
    tell(&findings, output)
}

fn tell(findings: &Findings, output: Output) -> Result<(), Failure> {
    let count = |level| findings.0.iter().filter(|finding| finding.level == level).count();
    let (failed, warned) = (count(Level::Fail), count(Level::Warn));
    let mut text = String::new();
    for finding in &findings.0 {
        let level = match finding.level {
            Level::Ok => "OK  ",
            Level::Warn => "WARN",
            Level::Fail => "FAIL",
        };
        let says = finding.problem.to_string().replace('\n', "\n      ");
        let _ = writeln!(text, "{level}  {}: {says}", finding.about);
    }
    let _ = match (failed, warned) {
        (0, 0) => write!(text, "\nAll is well."),
        (0, _) => write!(text, "\nstile serve can start. Worth a look: {warned}."),
        _ => write!(text, "\nTo be mended: {failed}. Worth a look: {warned}."),
    };
    output.answer(&text, &json!({ "ok": failed == 0, "findings": findings.0 }))?;
    if failed == 0 { Ok(()) } else { Err(Failure::Shown) }
}

fn proxies(public_url: Option<&Url>, nets: &[IpNet], findings: &mut Findings) {
    if public_url.is_some_and(|url| url.scheme() == "https") && nets.is_empty() {
        let what = "No proxy is trusted. Stile itself speaks plain HTTP, so a proxy stands in front of an https:// URL, and \
                    all clients behind it share the rate limits of its one address.";
        let mend =
            "Name the address from which it connects: --trusted-proxy 127.0.0.1 for a proxy on this machine.";
        findings.warn("trusted proxy", Problem::new(what, mend));
    }
    for net in nets.iter().filter(|net| net.prefix_len() == 0) {
        let what =
            format!("{net} is everybody: anyone can pretend to be at any address, and escape rate limits.");
        findings
            .warn("trusted proxy", Problem::new(what, "Name your proxy alone: --trusted-proxy 10.0.0.0/8"));
    }
}

fn permissions(key_file: Option<&Path>, folder: Option<&Path>, findings: &mut Findings) {
    let bits = |path: &Path| std::fs::metadata(path).map_or(0, |metadata| mode(&metadata));
    if let Some(file) = key_file {
        match bits(file) {
            // Open to everybody is a failure, which was found when the file was read.
            bits if bits & 0o077 == 0 => {
                findings.ok("permissions", "the master key file is this user's alone")
            }
            bits if bits & 0o007 == 0 => findings.warn(
                "permissions",
                Problem::new(
                    "A group of users can open the master key file.",
                    format!("Unless it must be so: chmod 600 {}", shown(file)),
                ),
            ),
            _ => {}
        }
    }
    let Some(folder) = folder else { return };
    let open = bits(folder) & 0o007 != 0 && bits(&folder.join(DATABASE)) & 0o007 != 0;
    if open {
        findings.warn(
            "permissions",
            Problem::new(
                "Every user of this machine can read the database, which holds people's addresses.",
                format!("Close the folder: chmod 700 {}", shown(folder)),
            ),
        );
    } else {
        findings.ok("permissions", "the database is not open to everybody");
    }
}

fn environment(data: &Data, row: &Environment, settings: &Settings, findings: &mut Findings) {
    let (id, about) = (row.id, about(row));
    for problem in settings.problems(row.kind) {
        let mend = format!("Change it: {}", data.set_command(id, "PATH=VALUE"));
        findings.fail(&about, Problem::new(full_stop(&problem), mend));
    }
    let Some(domain) = settings.passkeys.rp_id.as_deref() else {
        findings.warn(
            &about,
            Problem::new(
                "passkeys.rpId is not set, so passkeys work on localhost at most.",
                format!(
                    "Set the domain that all your apps share: {}",
                    data.set_command(id, "passkeys.rpId=example.com")
                ),
            ),
        );
        return;
    };
    let (covered, strange): (Vec<_>, Vec<_>) =
        settings.allowed_origins.iter().partition(|origin| covers(domain, origin));
    if strange.is_empty() {
        findings.ok(&about, format!("passkeys of {domain} cover every allowed origin"));
    } else {
        let names = strange.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ");
        let problem = Problem::new(
            format!(
                "Passkeys of {domain} work on {names} only where https://{domain}/.well-known/webauthn leads here."
            ),
            "Let that one path of the domain lead to Stile, which tells browsers there which origins are related \
             (WebAuthn L3 §5.11); browsers accept five domains or so. Or give those apps an environment of their own.",
        );
        findings.warn(&about, problem);
    }
    for origin in covered.iter().filter(|origin| matches!(origin, OriginPattern::AnyLabel { .. })) {
        findings.warn(
            &about,
            Problem::new(
                format!("Passkeys are refused on origins that only {origin} names."),
                "Add each origin that uses passkeys by its full name.",
            ),
        );
    }
}

/// Whether the keys of every environment can be opened, which no other check touches.
async fn signing_keys(
    data: &Data,
    store: Store,
    keys: Keyring,
    environments: &[(Environment, Settings)],
    findings: &mut Findings,
) {
    let Ok(public_url) = Url::parse("http://localhost") else { return };
    let config = Config { public_url, trusted_proxies: Vec::new(), development: None, place: String::new() };
    let clock = Arc::new(Clock::default());
    let app = App::new(store, Arc::new(keys), clock, config, None);
    for (row, _) in environments {
        let signs = match app.environment(row.id).await {
            Ok(environment) => environment.signing_key(SessionLevel::Full, machine::now()).is_ok(),
            Err(_) => false,
        };
        if signs {
            findings.ok(&about(row), "its signing keys can be used");
        } else {
            let mend = format!(
                "Restore a backup, or make a new key, which ends every session: stile keys rotate{} --env {} --now",
                data.option(),
                row.id
            );
            findings.fail(&about(row), Problem::new("Its signing keys cannot be used.", mend));
        }
    }
}

/// A path, and how a Stile that runs begins its answer.
type Sign = (&'static str, &'static [u8]);
const HEALTHY: Sign = ("/healthz", b"HTTP/1.1 204");
const METRICS: Sign = ("/metrics", b"HTTP/1.1 200");

async fn port(option: &str, address: SocketAddr, sign: Sign, findings: &mut Findings) {
    match run::bind(option, address).await {
        Ok(_) => findings.ok("port", format!("{} is free", address.port())),
        Err(_) if answers(address, sign).await => {
            findings.ok("port", format!("a Stile answers on {} already", address.port()));
        }
        Err(problem) => findings.fail("port", problem),
    }
}

/// Whether what listens there answers as a Stile does.
async fn answers(address: SocketAddr, (path, expected): Sign) -> bool {
    let ip = if address.ip().is_unspecified() { IpAddr::V4(Ipv4Addr::LOCALHOST) } else { address.ip() };
    let request = format!("GET {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n");
    let ask = async {
        let mut stream = TcpStream::connect((ip, address.port())).await?;
        stream.write_all(request.as_bytes()).await?;
        let mut start = [0; 12];
        stream.read_exact(&mut start).await?;
        std::io::Result::Ok(start)
    };
    matches!(timeout(PATIENCE, ask).await, Ok(Ok(start)) if start == expected)
}

async fn mail_server(url: &str, findings: &mut Findings) {
    let Some((host, port)) = smtp::address(url.trim()) else { return };
    let problem = match timeout(PATIENCE, TcpStream::connect((host.as_str(), port))).await {
        Ok(Ok(_)) => return findings.ok("mail server", format!("{host}:{port} can be reached")),
        Ok(Err(e)) => format!("{host}:{port} cannot be reached: {e}."),
        Err(_) => format!("{host}:{port} does not answer within {} seconds.", PATIENCE.as_secs()),
    };
    let mend =
        "See that name and port are right, that the mail server runs, and that no firewall lies between.";
    findings.fail("mail server", Problem::new(problem, mend));
}
