//! `stile serve`: the server, with no development surface.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use serde_json::json;
use stile_server::clock::Clock;
use stile_server::{App, Config, Serving};
use tokio::net::TcpListener;

use crate::args::ServeArgs;
use crate::checks::{Examined, Finding, Level, Purpose, examine};
use crate::error::{Failure, Problem};
use crate::output::Output;
use crate::run;

/// Runs the server until it is told to stop, or says all that keeps it from starting.
pub async fn run(args: &ServeArgs, output: Output) -> Result<(), Failure> {
    let stop = run::stop_signal()?;
    let examined = examine(args, Purpose::Serve).await;
    let failed = examined.findings.0.iter().filter(|finding| finding.level == Level::Fail);
    let mut problems: Vec<Problem> = failed.map(|finding| finding.problem.clone()).collect();
    let listener = take_port(run::LISTEN, examined.listen, &mut problems).await;
    let metrics = take_port(run::METRICS_LISTEN, examined.metrics, &mut problems).await;
    let Examined { findings, public_url, trusted_proxies, transport, data, lock, store, keys, .. } = examined;
    let (Some(listener), Some(public_url), Some(transport), Some(data), Some(store), Some(keys), true) =
        (listener, public_url, transport, data, store, keys, problems.is_empty())
    else {
        return Err(Failure::Problems { intro: "stile serve cannot start:".into(), problems });
    };

    let address =
        listener.local_addr().map_err(|e| Failure::new(format!("The port is unknown: {e}."), ""))?;
    let (version, place) = (env!("CARGO_PKG_VERSION"), data.name());
    tracing::info!(version, data = place, %address, "Stile starts");
    for Finding { about, problem, .. } in findings.0.iter().filter(|finding| finding.level == Level::Warn) {
        tracing::warn!("{about}: {}", problem.to_string().replace('\n', " "));
    }
    let text = format!(
        "Stile {version} is listening on {address}, is reached under {public_url} and keeps its data in {place}"
    );
    let value = json!({
        "version": version, "publicUrl": public_url.as_str(), "address": address.to_string(), "data": place,
    });
    output.answer(&text, &value)?;
    let config = Config { public_url, trusted_proxies, development: None, place: data.option() };
    let app = Arc::new(App::new(store, Arc::new(keys), Arc::new(Clock::default()), config, None));
    if let Some(listener) = metrics {
        let (app, stop) = (Arc::clone(&app), stop.clone());
        tokio::spawn(stile_server::serve_metrics(app, listener, stop));
    }
    let serving = Serving { drain: Duration::from_secs(args.drain.into()), ..Serving::default() };
    let served = run::serve(app, listener, transport, serving, stop).await;
    // The folder is this process's until here.
    drop(lock);
    served
}

async fn take_port(
    option: &str,
    address: Option<SocketAddr>,
    problems: &mut Vec<Problem>,
) -> Option<TcpListener> {
    run::bind(option, address?).await.map_err(|problem| problems.push(problem)).ok()
}
