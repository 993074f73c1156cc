//! `stile dev`: the server with development surfaces, on data that it makes itself.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;

use serde_json::json;
use stile_core::EnvironmentId;
use stile_core::origin::OriginPattern;
use stile_core::settings::{
    Action, ActionRule, ApiVersion, Enrollment, General, Kind, Limits, Passkeys, ScopeRule, Settings,
};
use stile_keys::{Keyring, random};
use stile_server::clock::Clock;
use stile_server::delivery::{Hello, Transport};
use stile_server::flows::environments::{self, OperatorError};
use stile_server::{
    App, Config, DEMO_ACCOUNT, DEMO_ACTIONS, DEMO_ENVIRONMENT, DevOutbox, Development, Serving,
};
use stile_store::Store;
use url::Url;
use zeroize::Zeroizing;

use crate::args::DevArgs;
use crate::data::Data;
use crate::error::Failure;
use crate::machine;
use crate::open;
use crate::output::Output;
use crate::{lock, run, smtp};

/// How the demo backend's tokens are told from others.
const TOKEN_NOTE: &str = "demo backend (made by stile dev)";

/// Letters in the token that guards development pages on a network: 238 random bits.
const ACCESS_TOKEN: usize = 40;

/// Runs the development server until it is told to stop.
pub async fn run(args: &DevArgs, output: Output) -> Result<(), Failure> {
    let transport = match &args.smtp_url {
        Some(url) => smtp::transport(url, &args.mail_from, &Hello::default())?,
        None => Transport::DevOnly,
    };
    let stop = run::stop_signal()?;
    // Port and folder first of all: a second server beside a running one must not revoke the token of its demo.
    let listener = run::bind(run::LISTEN, args.listen).await?;
    let address =
        listener.local_addr().map_err(|e| Failure::new(format!("The port is unknown: {e}."), ""))?;
    let local = format!("http://localhost:{}", address.port());
    let public_url = public_url(args.public_url.as_deref().unwrap_or(&local))?;

    open::make_folder(&args.data_dir)?;
    let lock = lock::take(&args.data_dir)?;
    keep_out_of_git(&args.data_dir);
    let key = open::development_key(&args.data_dir)?;
    let data = Data::Folder(args.data_dir.clone());
    let store = data.store(true).await?;
    let keys = open::keyring(&store, &key).await?;
    let mut demo_api_tokens = BTreeMap::new();
    for (environment, name, settings) in demo_environments() {
        demo_environment(&store, &keys, environment, name, &settings).await?;
        let token = demo_token(&store, &keys, environment).await?;
        demo_api_tokens.insert(environment, token.as_str().to_owned());
    }

    let access_token =
        (!address.ip().is_loopback()).then(|| random::alphanumeric(ACCESS_TOKEN).as_str().to_owned());
    tracing::info!(version = env!("CARGO_PKG_VERSION"), data = data.name(), %address, "Stile starts");
    announce(output, &local, access_token.as_deref(), address, &data)?;
    let development = Some(Development { access_token, demo_api_tokens });
    let config = Config { public_url, trusted_proxies: Vec::new(), development, place: data.option() };
    let outbox = Some(Arc::new(DevOutbox::default()));
    let app = Arc::new(App::new(store, Arc::new(keys), Arc::new(Clock::default()), config, outbox));
    let served = run::serve(app, listener, transport, Serving::default(), stop).await;
    // The folder is this process's until here.
    drop(lock);
    served
}

fn public_url(text: &str) -> Result<Url, Failure> {
    let url = Url::parse(text).ok().filter(|url| matches!(url.scheme(), "http" | "https") && url.has_host());
    url.ok_or_else(|| {
        Failure::usage(
            format!("`{text}` is no public URL."),
            "Write it with its scheme: --public-url http://localhost:7845",
        )
    })
}

/// The folder lies in somebody's project, and holds a key.
fn keep_out_of_git(folder: &Path) {
    let file = folder.join(".gitignore");
    if !file.exists()
        && let Err(error) = std::fs::write(&file, "*\n")
    {
        tracing::warn!(%error, "the data directory has no .gitignore: do not commit it");
    }
}

/// The three environments, each with its rules.
fn demo_environments() -> [(EnvironmentId, &'static str, Settings); 3] {
    let demo = || Settings {
        general: General { display_name: "Stile demo".into(), ..General::default() },
        allowed_origins: vec![OriginPattern::Localhost],
        passkeys: Passkeys { rp_id: Some("localhost".into()), ..Passkeys::default() },
        scopes: vec![ScopeRule::new("vault:open")],
        limits: Limits::default().relaxed(10),
        ..Settings::default()
    };
    let mut actions = demo();
    actions.sdk.min_api_version = ApiVersion::V20260101;
    let every = [
        Action::WalletSign,
        Action::WalletExport,
        Action::WalletReshare,
        Action::WalletRefresh,
        Action::UserUpdate,
    ];
    let rule =
        |action| ActionRule { action, required: true, token_behavior: None, token_expiry_seconds: None };
    actions.security.mfa.actions = every.map(rule).to_vec();
    let mut account = demo();
    account.security.mfa.enabled = true;
    account.security.mfa.enrollment = Enrollment::Signup;
    [
        (DEMO_ENVIRONMENT, "demo", demo()),
        (DEMO_ACTIONS, "demo: MFA for actions, legacy tokens", actions),
        (DEMO_ACCOUNT, "demo: MFA for the account", account),
    ]
}

/// Makes one of the demo's environments unless it is there.
async fn demo_environment(
    store: &Store,
    keys: &Keyring,
    id: EnvironmentId,
    name: &str,
    settings: &Settings,
) -> Result<(), Failure> {
    if store.environment(id).await?.is_some() {
        return Ok(());
    }
    match environments::create(store, keys, machine::now(), id, Kind::Sandbox, name, settings).await {
        Err(OperatorError::Exists(_)) => Ok(()),
        other => Ok(other?),
    }
}

/// A fresh token for the demo's backend; those of earlier starts end.
async fn demo_token(
    store: &Store,
    keys: &Keyring,
    environment: EnvironmentId,
) -> Result<Zeroizing<String>, Failure> {
    let scopes = ["elevatedTokens.consume".to_owned()];
    let now = machine::now();
    for old in store.api_tokens(environment).await? {
        if old.note == TOKEN_NOTE {
            match environments::revoke_token(store, now, environment, old.id).await {
                Ok(()) | Err(OperatorError::NoToken(_)) => {}
                Err(error) => return Err(error.into()),
            }
        }
    }
    let (_, text) = environments::create_token(store, keys, now, environment, TOKEN_NOTE, &scopes).await?;
    Ok(text)
}

fn announce(
    output: Output,
    local: &str,
    access: Option<&str>,
    address: SocketAddr,
    data: &Data,
) -> Result<(), Failure> {
    let key = access.map(|token| format!("?devToken={token}")).unwrap_or_default();
    let (demo, api, mails) =
        (format!("{local}/demo/{key}"), format!("{local}/docs/api"), format!("{local}/dev/outbox{key}"));
    let (version, place) = (env!("CARGO_PKG_VERSION"), data.name());
    let token = format!("stile token create{} --env {DEMO_ENVIRONMENT} --note backend", data.option());
    let mut text = format!(
        "Stile {version} is listening on {local}\n\n  Demo         {demo}\n  API          {api}\n  Mails        {mails}\n  \
         Data         {place}\n  Environment  {DEMO_ENVIRONMENT}\n\nFor your own backend, make an API token:\n  {token}\n"
    );
    if access.is_some() {
        let reach = format!(
            "\nOthers on the network can reach {address}. The demo and the mails open with these links alone, under \
             localhost: forward the port to your machine.\n"
        );
        text.push_str(&reach);
    }
    text.push_str("\nFor development alone. Ctrl-C stops it.");
    let value = json!({
        "version": version, "url": local, "address": address.to_string(), "demo": demo, "apiDocs": api, "outbox": mails,
        "dataDir": place, "environment": DEMO_ENVIRONMENT.to_string(), "tokenCommand": token, "devToken": access,
    });
    output.answer(&text, &value)
}
