//! What can be said on the command line.
//!
//! Values that `serve` takes are texts here and are read in `checks`, so that everything that is wrong
//! with them is told at once. No help or error of clap's shows what an environment variable holds.

use std::net::{Ipv4Addr, SocketAddr};
use std::path::PathBuf;

use clap::builder::{OsStringValueParser, PossibleValuesParser, TypedValueParser};
use clap::{Args, Parser, Subcommand, ValueEnum};
use stile_core::{ApiTokenId, EnvironmentId, EventName, UserId};
use stile_store::Cursor;

use crate::moments::Moment;
use crate::paths::Assignment;

/// Where both servers listen when nothing else is said.
pub const LISTEN: &str = "127.0.0.1:7845";

/// Self-hosted multi-factor and step-up authentication.
#[derive(Parser)]
#[command(name = "stile", version, disable_help_subcommand = true)]
pub struct Cli {
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
    /// Answer as JSON on standard output, one value on one line.
    #[arg(long, global = true)]
    pub json: bool,
    /// How log lines look; they go to standard error. The variable STILE_LOG sets how much is logged: `debug`,
    /// `warn`, `info,stile_server=debug`.
    #[arg(long, global = true, value_enum, default_value_t = LogFormat::Text, value_name = "FORMAT")]
    pub log_format: LogFormat,
}

/// How log lines look.
#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum LogFormat {
    /// For people.
    Text,
    /// One JSON object on each line.
    Json,
}

/// The commands.
#[derive(Subcommand)]
pub enum Command {
    /// Run a server to try things with: a demo, an outbox that shows every mail, a clock that can be moved.
    ///
    /// Everything it needs is made on the first start and kept in the data directory. Anyone who reaches it can read
    /// its mail, so it is for development alone.
    Dev(DevArgs),
    /// Run the server.
    ///
    /// It starts only when everything that it needs is there, and otherwise lists what is missing, each with the
    /// command that mends it. The first environment is made with `stile env create`.
    ///
    /// Traces are sent when the standard variables of OpenTelemetry say where to, such as
    /// OTEL_EXPORTER_OTLP_ENDPOINT=http://localhost:4318.
    Serve(ServeArgs),
    /// Check what `stile serve` needs, and more, without starting it.
    ///
    /// Takes the options of `serve`. Ends with 1 when something must be mended.
    Doctor(ServeArgs),
    /// Make, show and change environments. A running server follows at once.
    Env(EnvArgs),
    /// Make, list and revoke API tokens, by which an app's own backend speaks to Stile.
    Token(TokenArgs),
    /// Find users, and help one who is locked out.
    User(UserArgs),
    /// Read the audit log: what happened to users and settings.
    Audit(AuditArgs),
    /// Change the keys that sign tokens.
    Keys(KeysArgs),
    /// Write all data into one file, as of one moment, while servers go on.
    ///
    /// Do not copy the database file instead: what is in its log would be lost. The backup holds people's addresses in the
    /// clear, and secrets that only the master key opens. Keep the master key in another place: without it, the backup
    /// cannot be restored.
    Backup(BackupArgs),
    /// Restore a backup into a place where there is no data yet: a new folder, or an empty PostgreSQL database.
    ///
    /// A backup of one can be restored into the other. Sessions, codes and begun enrolments end, and waiting mails are
    /// dropped, so that nothing that was used since the backup counts again. What does come back is told.
    Restore(BackupArgs),
    /// Print the description of the HTTP API (OpenAPI 3.1, JSON).
    Openapi,
}

/// Options of `stile dev`. It reads no environment variables, so that nothing of a real server slips in.
#[derive(Args)]
pub struct DevArgs {
    /// Address and port to listen on; port 0 takes any free one.
    #[arg(long, value_name = "ADDR", default_value = LISTEN, value_parser = listen)]
    pub listen: SocketAddr,
    /// Folder for the data, made when missing.
    #[arg(long, value_name = "DIR", default_value = "./.stile")]
    pub data_dir: PathBuf,
    /// Also send mail through this server, such as smtp://localhost:1025.
    #[arg(long, value_name = "URL")]
    pub smtp_url: Option<String>,
    /// Sender of those mails.
    #[arg(long, value_name = "ADDR", default_value = "stile@localhost")]
    pub mail_from: String,
    /// The URL under which browsers reach this server. Default: http://localhost and the port.
    #[arg(long, value_name = "URL")]
    pub public_url: Option<String>,
}

/// Options of `stile serve` and `stile doctor`.
#[derive(Args)]
pub struct ServeArgs {
    /// The URL under which browsers and apps reach this server, such as https://auth.example.com.
    #[arg(long, value_name = "URL", env = "STILE_PUBLIC_URL", hide_env_values = true)]
    pub public_url: Option<String>,
    /// Address and port to listen on.
    #[arg(long, value_name = "ADDR", env = "STILE_LISTEN", default_value = LISTEN, hide_env_values = true)]
    pub listen: String,
    /// Folder with the data, for one server on one machine.
    #[arg(long, value_name = "DIR", env = "STILE_DATA_DIR", hide_env_values = true, value_parser = path())]
    pub data_dir: Option<PathBuf>,
    /// PostgreSQL database with the data, instead of a folder; several servers can share it:
    /// postgres://USER:PASSWORD@HOST/DATABASE. Rather in the variable: other users can see a command line.
    #[arg(long, value_name = "URL", env = "STILE_DATABASE", hide_env_values = true)]
    pub database: Option<String>,
    /// The mail server: smtps://user:password@mail.example.com, or smtp:// for STARTTLS.
    #[arg(long, value_name = "URL", env = "STILE_SMTP_URL", hide_env_values = true)]
    pub smtp_url: Option<String>,
    /// The full name that mail servers are greeted with. Default: the host of the public URL.
    #[arg(long, value_name = "NAME", env = "STILE_SMTP_HELLO", hide_env_values = true)]
    pub smtp_hello: Option<String>,
    /// Sender of mails: no-reply@example.com, or `Acme <no-reply@example.com>`.
    #[arg(long, value_name = "ADDR", env = "STILE_MAIL_FROM", hide_env_values = true)]
    pub mail_from: Option<String>,
    /// File with the master key: 32 bytes in hex or base64. Without it, the key is taken from the variable
    /// STILE_MASTER_KEY.
    #[arg(long, value_name = "FILE", env = "STILE_MASTER_KEY_FILE", hide_env_values = true, value_parser = path())]
    pub master_key_file: Option<PathBuf>,
    /// A proxy in front, as an address or a network such as 10.0.0.0/8, whose X-Forwarded-For is believed. Can be
    /// given several times; in the variable, separate them by commas.
    #[arg(
        long,
        value_name = "CIDR",
        env = "STILE_TRUSTED_PROXY",
        value_delimiter = ',',
        hide_env_values = true
    )]
    pub trusted_proxy: Vec<String>,
    /// Address and port for Prometheus, which asks for /metrics there. Nobody else should reach it. Default: none.
    #[arg(long, value_name = "ADDR", env = "STILE_METRICS_LISTEN", hide_env_values = true)]
    pub metrics_listen: Option<String>,
    /// After the signal to stop, `readyz` says no for this many seconds before connections are refused, so that a load
    /// balancer can send its clients elsewhere.
    #[arg(long, value_name = "SECONDS", env = "STILE_DRAIN", default_value_t = 5, hide_env_values = true)]
    pub drain: u16,
}

/// Where an operator's command finds the data.
#[derive(Args)]
pub struct Place {
    /// Folder with the data. Default: ./.stile when there is one.
    #[arg(long, global = true, value_name = "DIR", env = "STILE_DATA_DIR", hide_env_values = true, value_parser = path())]
    pub data_dir: Option<PathBuf>,
    /// PostgreSQL database with the data, instead of a folder: postgres://USER:PASSWORD@HOST/DATABASE. Rather in the
    /// variable: other users can see a command line.
    #[arg(long, global = true, value_name = "URL", env = "STILE_DATABASE", hide_env_values = true)]
    pub database: Option<String>,
    /// File with the master key. Without it, the key is taken from the variable STILE_MASTER_KEY, or else from
    /// master.key in the data folder. Commands that touch no secret need none.
    #[arg(long, global = true, value_name = "FILE", env = "STILE_MASTER_KEY_FILE", hide_env_values = true, value_parser = path())]
    pub master_key_file: Option<PathBuf>,
}

/// `stile backup` and `stile restore`.
#[derive(Args)]
pub struct BackupArgs {
    /// Where the data is.
    #[command(flatten)]
    pub place: Place,
    /// The file of the backup.
    #[arg(value_name = "FILE")]
    pub file: PathBuf,
}

/// `stile env`.
#[derive(Args)]
pub struct EnvArgs {
    /// Where the data is.
    #[command(flatten)]
    pub place: Place,
    /// What to do.
    #[command(subcommand)]
    pub command: EnvCommand,
}

/// `stile env …`.
#[derive(Subcommand)]
pub enum EnvCommand {
    /// Make an environment with its first signing key, and the data folder when there is none yet.
    Create(EnvCreateArgs),
    /// List the environments, oldest first.
    List,
    /// Show an environment: its settings, how many users it has, its keys.
    Show {
        /// The environment.
        id: EnvironmentId,
    },
    /// Change settings of an environment.
    ///
    /// Names are those of `stile env show`, with dots between levels. A value is JSON when it can be read as JSON,
    /// and text otherwise; `path=null` goes back to the default.
    ///
    ///   stile env set ID general.displayName=Acme 'allowedOrigins=["https://app.example.com"]'
    #[command(verbatim_doc_comment)]
    Set(EnvSetArgs),
    /// Delete an environment with its users and everything else that is in it. This cannot be undone.
    ///
    /// Tells what goes and asks for the name again. A running server refuses every request to it at once. The audit log
    /// of the environment stays. When the command is interrupted, run it again: it goes on.
    Delete {
        /// The environment's name or id.
        #[arg(value_name = "NAME|ID")]
        environment: String,
        /// Do not ask.
        #[arg(long)]
        yes: bool,
    },
}

/// `stile env create`.
#[derive(Args)]
pub struct EnvCreateArgs {
    /// A name for operators. Users see it too, until general.displayName is set.
    #[arg(long)]
    pub name: String,
    /// The id. Default: a new one.
    #[arg(long, value_name = "UUID")]
    pub id: Option<EnvironmentId>,
    /// For real users: localhost is refused. Without it, the environment is a sandbox.
    #[arg(long)]
    pub live: bool,
    /// An origin that may call it: https://app.example.com, https://*.example.com, or http://localhost:* in a
    /// sandbox. Can be given several times.
    #[arg(long = "origin", value_name = "ORIGIN")]
    pub origins: Vec<String>,
    /// The domain that passkeys are bound to, such as example.com. It cannot change later.
    #[arg(long, value_name = "DOMAIN")]
    pub rp_id: Option<String>,
    /// A setting, as in `stile env set`. Can be given several times.
    #[arg(long = "set", value_name = "PATH=VALUE")]
    pub set: Vec<Assignment>,
    /// Take the domain of --rp-id even though its passkeys do not work on every allowed origin by themselves.
    #[arg(long)]
    pub yes: bool,
}

/// `stile env set`.
#[derive(Args)]
pub struct EnvSetArgs {
    /// The environment.
    pub id: EnvironmentId,
    /// What to change.
    #[arg(value_name = "PATH=VALUE", required_unless_present = "file")]
    pub set: Vec<Assignment>,
    /// File with a JSON merge patch (RFC 7396) of the settings, applied before the others.
    #[arg(long, value_name = "FILE")]
    pub file: Option<PathBuf>,
    /// Take a first passkeys.rpId even though its passkeys do not work on every allowed origin by themselves.
    #[arg(long)]
    pub yes: bool,
}

/// `stile token`.
#[derive(Args)]
pub struct TokenArgs {
    /// Where the data is.
    #[command(flatten)]
    pub place: Place,
    /// What to do.
    #[command(subcommand)]
    pub command: TokenCommand,
}

/// `stile token …`.
#[derive(Subcommand)]
pub enum TokenCommand {
    /// Make an API token. Its text is shown once.
    Create {
        /// The environment that it is for.
        #[arg(long, value_name = "ID")]
        env: EnvironmentId,
        /// What it is for, in your words.
        #[arg(long)]
        note: String,
        /// What it may do. Can be given several times.
        #[arg(long = "scope", value_name = "SCOPE", default_value = "elevatedTokens.consume")]
        scopes: Vec<String>,
    },
    /// List the API tokens of an environment, without their texts.
    List {
        /// The environment.
        #[arg(long, value_name = "ID")]
        env: EnvironmentId,
    },
    /// Revoke an API token. It stops working at once.
    Revoke {
        /// The environment that it is for.
        #[arg(long, value_name = "ID")]
        env: EnvironmentId,
        /// The token's id, as `stile token list` shows it.
        #[arg(value_name = "TOKENID")]
        token: ApiTokenId,
    },
}

/// `stile user`.
#[derive(Args)]
pub struct UserArgs {
    /// Where the data is.
    #[command(flatten)]
    pub place: Place,
    /// What to do.
    #[command(subcommand)]
    pub command: UserCommand,
}

/// `stile user …`.
#[derive(Subcommand)]
pub enum UserCommand {
    /// Find a user by an e-mail address or an id, in all environments or in one.
    Find(WhichUser),
    /// Show a user: addresses, second factors, sessions, locks. No secret is shown.
    Show(WhichUser),
    /// Remove all second factors of a user who has lost them.
    ///
    /// Passkeys, authenticator apps and recovery codes are removed, sessions and elevated tokens end, and the user gets
    /// a notice. Signing in by e-mail goes on working, and a new factor can be enrolled after it. Be sure of whom you
    /// are helping: whoever reads the user's e-mail gets in after this.
    ResetMfa {
        /// The environment.
        #[arg(long, value_name = "ID")]
        env: EnvironmentId,
        /// The user's id.
        #[arg(value_name = "USERID")]
        user: UserId,
        /// Why, for the audit log; at most 200 characters.
        #[arg(long, value_parser = reason)]
        reason: String,
    },
}

/// Whom `stile user find` and `show` mean.
#[derive(Args)]
pub struct WhichUser {
    /// The user's e-mail address or id.
    #[arg(value_name = "EMAIL|ID")]
    pub user: String,
    /// The environment. Default: all.
    #[arg(long, value_name = "ID")]
    pub env: Option<EnvironmentId>,
}

fn reason(text: &str) -> Result<String, String> {
    let fits = (1..=200).contains(&text.trim().chars().count()) && !text.chars().any(char::is_control);
    if fits { Ok(text.trim().to_owned()) } else { Err("write 1 to 200 characters on one line".into()) }
}

/// `stile audit`.
#[derive(Args)]
pub struct AuditArgs {
    /// Where the data is.
    #[command(flatten)]
    pub place: Place,
    /// What to do.
    #[command(subcommand)]
    pub command: AuditCommand,
}

/// `stile audit …`.
#[derive(Subcommand)]
pub enum AuditCommand {
    /// List events, newest first.
    ///
    /// A row counts the refusals of the same minute, event, user and method. It shows the time, the actor, the
    /// request and the address of the first one.
    List(AuditListArgs),
}

/// `stile audit list`.
#[derive(Args)]
pub struct AuditListArgs {
    /// The environment.
    #[arg(long, value_name = "ID")]
    pub env: EnvironmentId,
    /// Only events about this user.
    #[arg(long, value_name = "USERID")]
    pub user: Option<UserId>,
    /// Only events of this name, such as session.opened. A wrong name lists them all.
    #[arg(long, value_name = "NAME", hide_possible_values = true, value_parser = events())]
    pub event: Option<String>,
    /// Only events from this time on: 2026-03-01, 2026-03-01T12:00:00Z, or how long ago: 45m, 24h, 7d.
    #[arg(long, value_name = "TIME")]
    pub since: Option<Moment>,
    /// Only events before this time.
    #[arg(long, value_name = "TIME")]
    pub until: Option<Moment>,
    /// How many at most, up to 1000.
    #[arg(long, value_name = "NUMBER", default_value_t = 50, value_parser = clap::value_parser!(u32).range(1..=1000))]
    pub limit: u32,
    /// The next page: the value that the page before ended with.
    #[arg(long, value_name = "CURSOR")]
    pub after: Option<Cursor>,
}

fn events() -> PossibleValuesParser {
    PossibleValuesParser::new(EventName::ALL.iter().map(|event| event.as_str()))
}

/// `stile keys`.
#[derive(Args)]
pub struct KeysArgs {
    /// Where the data is.
    #[command(flatten)]
    pub place: Place,
    /// What to do.
    #[command(subcommand)]
    pub command: KeysCommand,
}

/// `stile keys …`.
#[derive(Subcommand)]
pub enum KeysCommand {
    /// Make a new signing key for an environment.
    ///
    /// It is published now and signs an hour later, when every backend that keeps the published keys has asked again.
    /// What the present keys signed stays valid until it expires, so nobody notices.
    Rotate {
        /// The environment.
        #[arg(long, value_name = "ID")]
        env: EnvironmentId,
        /// For a key that has leaked: the new key signs now and all others are forgotten. Every session must sign in
        /// again.
        #[arg(long)]
        now: bool,
    },
}

/// A path; an empty one, as from an empty variable, is left to the command to take as none.
fn path() -> impl TypedValueParser<Value = PathBuf> {
    OsStringValueParser::new().map(PathBuf::from)
}

/// An address to listen on: an IP address and a port, or `localhost` and a port.
pub fn listen(text: &str) -> Result<SocketAddr, String> {
    let localhost = text.strip_prefix("localhost:").and_then(|port| port.parse().ok());
    localhost
        .map(|port: u16| SocketAddr::from((Ipv4Addr::LOCALHOST, port)))
        .or_else(|| text.parse().ok())
        .ok_or_else(|| "write an IP address and a port, such as 127.0.0.1:7845 or 0.0.0.0:7845".into())
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory;

    #[test]
    fn the_command_line_is_sound() {
        Cli::command().debug_assert();
    }

    #[test]
    fn every_command_and_option_is_explained() {
        fn look(command: &clap::Command) {
            assert!(command.get_about().is_some(), "{}", command.get_name());
            for arg in command.get_arguments() {
                assert!(arg.get_help().is_some(), "{} {}", command.get_name(), arg.get_id());
                assert!(arg.get_env().is_none() || arg.is_hide_env_values_set(), "{}", arg.get_id());
            }
            command.get_subcommands().for_each(look);
        }
        look(&Cli::command());
    }

    #[test]
    fn addresses_are_read() {
        assert_eq!(listen("localhost:80").map(|a| a.to_string()), Ok("127.0.0.1:80".into()));
        assert_eq!(listen("[::1]:0").map(|a| a.to_string()), Ok("[::1]:0".into()));
        for bad in ["", "7845", "localhost", "localhost:x", "example.com:80", "127.0.0.1"] {
            assert!(listen(bad).is_err(), "{bad}");
        }
    }
}
