//! What `serve` needs, as findings: all of them, so that nobody mends one thing only to be told of the next.

use std::net::{IpAddr, SocketAddr};
use std::path::Path;

use ipnet::IpNet;
use serde::Serialize;
use stile_core::Settings;
use stile_keys::Keyring;
use stile_server::delivery::{Hello, Transport};
use stile_store::{Environment, Schema, Store};
use url::{Host, Url};

use crate::args::{self, ServeArgs};
use crate::data::Data;
use crate::env::read_settings;
use crate::error::{Failure, Problem};
use crate::lock::{self, Lock};
use crate::machine::given;
use crate::open;
use crate::{smtp, traces};

/// How a check went.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Level {
    /// As it should be.
    Ok,
    /// It works, but look at it.
    Warn,
    /// It must be mended.
    Fail,
}

/// One check's outcome.
#[derive(Debug, Serialize)]
pub struct Finding {
    /// How it went.
    pub level: Level,
    /// What was looked at.
    pub about: String,
    /// What was found, and how to mend it.
    #[serde(flatten)]
    pub problem: Problem,
}

/// Outcomes, in the order of the checks.
#[derive(Default)]
pub struct Findings(pub Vec<Finding>);

impl Findings {
    /// Notes that something is as it should be.
    pub fn ok(&mut self, about: &str, says: impl Into<String>) {
        self.note(Level::Ok, about, Problem::new(says, ""));
    }

    /// Notes something that works but should be looked at.
    pub fn warn(&mut self, about: &str, problem: Problem) {
        self.note(Level::Warn, about, problem);
    }

    /// Notes something that must be mended.
    pub fn fail(&mut self, about: &str, problem: Problem) {
        self.note(Level::Fail, about, problem);
    }

    /// Notes an outcome, and answers what there is to go on with.
    pub fn take<T>(
        &mut self,
        about: &str,
        outcome: Result<T, impl Into<Failure>>,
        says: impl FnOnce(&T) -> String,
    ) -> Option<T> {
        match outcome {
            Ok(value) => {
                self.ok(about, says(&value));
                Some(value)
            }
            Err(failure) => {
                self.fail(about, failure.into().into_problem());
                None
            }
        }
    }

    /// Notes an outcome.
    fn note(&mut self, level: Level, about: &str, problem: Problem) {
        self.0.push(Finding { level, about: about.to_owned(), problem });
    }
}

/// What the options and the data came to; what is missing has its finding.
pub struct Examined {
    /// All outcomes.
    pub findings: Findings,
    /// `--public-url`.
    pub public_url: Option<Url>,
    /// `--listen`.
    pub listen: Option<SocketAddr>,
    /// `--metrics-listen`.
    pub metrics: Option<SocketAddr>,
    /// `--trusted-proxy`.
    pub trusted_proxies: Vec<IpNet>,
    /// `--smtp-url` and `--mail-from`.
    pub transport: Option<Transport>,
    /// `--data-dir` or `--database`, usable.
    pub data: Option<Data>,
    /// The folder's lock, for [`Purpose::Serve`].
    pub lock: Option<Lock>,
    /// Its database.
    pub store: Option<Store>,
    /// The keys, when they are those of the data.
    pub keys: Option<Keyring>,
    /// The environments with their settings.
    pub environments: Vec<(Environment, Settings)>,
}

/// What a database that an older Stile made is looked at for.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Purpose {
    /// To run on it: it is brought up to date.
    Serve,
    /// To tell: it stays as it is.
    Tell,
}

/// Looks at everything that `serve` needs. Makes no database.
pub async fn examine(args: &ServeArgs, purpose: Purpose) -> Examined {
    let mut findings = Findings::default();
    let public_url = findings.take("public URL", public_url(args.public_url.as_deref()), ToString::to_string);
    let listen = findings.take("address", listen(&args.listen), |address| format!("listens on {address}"));
    let metrics = said(args.metrics_listen.as_deref())
        .and_then(|text| findings.take("metrics", self::listen(text), |address| format!("on {address}")));
    if let Some(outcome) = traces::destination().transpose() {
        findings.take("traces", outcome, |url| format!("go to {url}"));
    }
    let trusted_proxies = proxies(&args.trusted_proxy, &mut findings);
    let transport = mail(args, public_url.as_ref(), &mut findings);

    let key_file = given(args.master_key_file.as_ref());
    let key = findings.take("master key", open::master_key(key_file), |_| "can be read".into());
    let data = findings.take("data", data(args), |data| format!("in {}", data.name()));
    // Before the database is opened: bringing it up to date below a server that runs would break that server.
    let (data, lock) = match (data, purpose) {
        (Some(data), Purpose::Serve) => locked(data, &mut findings),
        (data, _) => (data, None),
    };
    let store = match &data {
        Some(data) => database(data, key_file, purpose, &mut findings).await,
        None => None,
    };
    let mut keys = None;
    if let (Some(store), Some(key)) = (&store, &key) {
        let outcome = open::keyring(store, key).await;
        keys = findings.take("master key", outcome, |_| "is the one that the data was made with".into());
    }
    let environments = match (&store, &data) {
        (Some(store), Some(data)) => environments(store, data, key_file, purpose, &mut findings).await,
        _ => Vec::new(),
    };
    Examined {
        findings,
        public_url,
        listen,
        metrics,
        trusted_proxies,
        transport,
        data,
        lock,
        store,
        keys,
        environments,
    }
}

/// The text, unless it is empty, as from an empty variable.
fn said(text: Option<&str>) -> Option<&str> {
    text.map(str::trim).filter(|text| !text.is_empty())
}

/// Whether the URL leads to this machine alone.
pub fn is_local(url: &Url) -> bool {
    match url.host() {
        Some(Host::Domain(name)) => name == "localhost" || name.ends_with(".localhost"),
        Some(Host::Ipv4(ip)) => ip.is_loopback(),
        Some(Host::Ipv6(ip)) => ip.is_loopback(),
        None => false,
    }
}

fn public_url(text: Option<&str>) -> Result<Url, Problem> {
    let mend = "Give it as --public-url https://auth.example.com, or set STILE_PUBLIC_URL.";
    let refuse = |what: &str| Problem::new(what, mend);
    let text =
        said(text).ok_or_else(|| refuse("There is no public URL, under which browsers reach Stile."))?;
    let url = Url::parse(text).map_err(|_| refuse("The public URL is not a URL."))?;
    let bare = matches!(url.path(), "" | "/") && url.query().is_none() && url.fragment().is_none();
    if !bare || !url.username().is_empty() || url.password().is_some() {
        return Err(refuse("The public URL has more than scheme, host and port."));
    }
    match url.scheme() {
        "https" => Ok(url),
        "http" if is_local(&url) => Ok(url),
        "http" => Err(refuse("The public URL begins with http://, and tokens must not travel in the clear.")),
        _ => Err(refuse("The public URL does not begin with https://.")),
    }
}

fn listen(text: &str) -> Result<SocketAddr, Problem> {
    args::listen(said(Some(text)).unwrap_or(args::LISTEN)).map_err(|form| {
        Problem::new(
            format!("`{text}` is no address to listen on."),
            format!("Give it as --listen 127.0.0.1:7845: {form}."),
        )
    })
}

fn proxies(texts: &[String], findings: &mut Findings) -> Vec<IpNet> {
    let mut nets = Vec::new();
    for text in texts.iter().filter_map(|text| said(Some(text))) {
        let net = text.parse::<IpNet>().or_else(|_| text.parse::<IpAddr>().map(IpNet::from));
        let outcome = net.map_err(|_| {
            Problem::new(
                format!("`{text}` is no network."),
                "Give the proxy's address or network: --trusted-proxy 10.0.0.0/8",
            )
        });
        nets.extend(findings.take("trusted proxy", outcome, |net| format!("{net} is believed")));
    }
    nets
}

fn mail(args: &ServeArgs, public_url: Option<&Url>, findings: &mut Findings) -> Option<Transport> {
    let url = said(args.smtp_url.as_deref()).ok_or_else(|| {
        Problem::new(
            "There is no mail server, and codes go out by mail.",
            "Give it as --smtp-url smtps://user:password@mail.example.com, or set STILE_SMTP_URL.",
        )
    });
    let from = said(args.mail_from.as_deref()).ok_or_else(|| {
        Problem::new(
            "Mails have no sender.",
            "Give it as --mail-from no-reply@example.com, or set STILE_MAIL_FROM.",
        )
    });
    // Each is read with a partner that is good, so that both are heard of.
    let plain = Hello::default();
    let url = url.and_then(|url| smtp::transport(url, "stile@localhost", &plain).map(|_| url));
    let from = from.and_then(|from| smtp::transport("smtp://localhost", from, &plain).map(|_| from));
    let hello = match said(args.smtp_hello.as_deref()) {
        Some(text) => smtp::hello(text),
        None => Ok(public_url.map(Hello::of).unwrap_or_default()),
    };
    let url = findings.take("mail server", url, |_| "is named".into());
    let from = findings.take("sender of mails", from, |from| (*from).to_owned());
    let hello = findings.take("greeting", hello, |hello| format!("mail servers are greeted as {hello}"));
    smtp::transport(url?, from?, &hello?).ok()
}

fn data(args: &ServeArgs) -> Result<Data, Failure> {
    let data = Data::said(args.database.as_deref(), args.data_dir.as_ref())?.ok_or_else(|| {
        Problem::new(
            "There is no data directory and no database.",
            "Name a folder with --data-dir /var/lib/stile or STILE_DATA_DIR, or a PostgreSQL database with --database \
             postgres://USER:PASSWORD@HOST/DATABASE or STILE_DATABASE.",
        )
    })?;
    let Some(folder) = data.folder() else { return Ok(data) };
    if !folder.exists() {
        return Err(Failure::new(
            format!("The data directory {} is not there.", folder.display()),
            format!(
                "Name the right one, or make it with its first environment:\n  {}",
                data.create_command(given(args.master_key_file.as_ref()))
            ),
        ));
    }
    if !folder.is_dir() {
        return Err(Failure::new(
            format!("The data directory {} is a file.", folder.display()),
            "Name a folder with --data-dir.",
        ));
    }
    open::writable(folder)?;
    Ok(data)
}

/// The data with its folder's lock, or nothing when another server has it.
fn locked(data: Data, findings: &mut Findings) -> (Option<Data>, Option<Lock>) {
    let outcome = data.folder().map(lock::take).transpose();
    match outcome {
        Ok(lock) => (Some(data), lock),
        Err(problem) => {
            findings.fail("data", problem);
            (None, None)
        }
    }
}

async fn database(
    data: &Data,
    key_file: Option<&Path>,
    purpose: Purpose,
    findings: &mut Findings,
) -> Option<Store> {
    let outcome = match data.schema().await {
        Ok(Schema::Empty) => Err(data.no_environment(key_file).into()),
        Ok(Schema::Older { found, known }) if purpose == Purpose::Tell => {
            findings.warn(
                "database",
                Problem::new(
                    format!("An older Stile made it: `stile serve` will bring its schema from {found} to {known}."),
                    "Make a backup with the older program first: it cannot use the data then. What it holds was not looked at.",
                ),
            );
            return None;
        }
        Ok(Schema::Older { .. } | Schema::Current) => data.store(false).await,
        Err(failure) => Err(failure),
    };
    findings.take("database", outcome, |_| "is sound and of this version".into())
}

/// The environments whose settings can be read. One that cannot be used keeps no other from being served: it fails the
/// start only when there is none that can.
async fn environments(
    store: &Store,
    data: &Data,
    key_file: Option<&Path>,
    purpose: Purpose,
    findings: &mut Findings,
) -> Vec<(Environment, Settings)> {
    let rows = match store.environments().await {
        Ok(rows) => rows,
        Err(error) => {
            findings.fail("environments", Failure::from(error).into_problem());
            return Vec::new();
        }
    };
    if rows.is_empty() {
        findings.fail("environments", data.no_environment(key_file));
    }
    let read: Vec<_> = rows.into_iter().map(|row| (read_settings(&row), row)).collect();
    let usable = |settings: &Result<Settings, Problem>| {
        settings.as_ref().is_ok_and(|settings| !settings.allowed_origins.is_empty())
    };
    let skipped = if read.iter().any(|(settings, _)| usable(settings)) { Level::Warn } else { Level::Fail };
    let mut environments = Vec::new();
    for (settings, row) in read {
        let about = about(&row);
        match settings {
            Ok(settings) => {
                match settings.allowed_origins.len() {
                    0 => findings.note(skipped, &about, no_origin(data, &row)),
                    count => findings.ok(&about, format!("{}, allowed origins: {count}", row.kind.as_str())),
                }
                environments.push((row, settings));
            }
            // `doctor` fails for it in any case: it must be mended.
            Err(problem) if purpose == Purpose::Tell => findings.fail(&about, problem),
            Err(problem) => findings.note(skipped, &about, problem),
        }
    }
    environments
}

fn no_origin(data: &Data, row: &Environment) -> Problem {
    Problem::new(
        format!("No origin may call the environment {}.", row.name),
        format!(
            "Name your app's:\n  {}",
            data.set_command(row.id, "'allowedOrigins=[\"https://app.example.com\"]'")
        ),
    )
}

/// How findings call an environment.
pub fn about(row: &Environment) -> String {
    format!("environment {}", row.name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn public_urls() {
        for good in
            ["https://auth.example.com", "https://a.example:8443/", "http://localhost:7845", "http://[::1]"]
        {
            assert!(public_url(Some(good)).is_ok(), "{good}");
        }
        for bad in [
            "",
            " ",
            "auth.example.com",
            "http://auth.example.com",
            "http://localhost.example.com",
            "https://auth.example.com/stile",
            "https://auth.example.com?x",
            "https://u@auth.example.com",
            "ftp://auth.example.com",
        ] {
            assert!(public_url(Some(bad)).is_err(), "{bad}");
        }
        assert!(public_url(None).is_err());
    }

    #[test]
    fn proxies_are_addresses_or_networks() {
        let mut findings = Findings::default();
        let texts = ["10.0.0.0/8", "192.0.2.1", " ::1 ", "", "proxy"].map(str::to_owned);
        let nets: Vec<String> = proxies(&texts, &mut findings).iter().map(ToString::to_string).collect();
        assert_eq!(nets, ["10.0.0.0/8", "192.0.2.1/32", "::1/128"]);
        assert_eq!(findings.0.iter().filter(|f| f.level == Level::Fail).count(), 1);
    }
}
