//! `stile serve`: the server, with no development surface.

use std::sync::Arc;
use std::time::Duration;

use serde_json::json;
use stile_server::clock::Clock;
use stile_server::{App, Config, Serving};

use crate::args::ServeArgs;
use crate::checks::{Examined, Level, Purpose, examine};
use crate::error::{Failure, Problem};
use crate::output::Output;
use crate::run;

/// Runs the server until it is told to stop, or says all that keeps it from starting.
pub async fn run(args: &ServeArgs, output: Output) -> Result<(), Failure> {
    let stop = run::stop_signal()?;
    let examined = examine(args, Purpose::Serve).await;
    let failed = examined.findings.0.iter().filter(|finding| finding.level == Level::Fail);
    let mut problems: Vec<Problem> = failed.map(|finding| finding.problem.clone()).collect();
    let listener = match examined.listen {
        Some(address) => run::bind(address).await.map_err(|problem| problems.push(problem)).ok(),
        None => None,
    };
    let metrics = match examined.metrics {
        Some(address) => run::bind(address).await.map_err(|problem| problems.push(problem)).ok(),
        None => None,
    };
    let Examined { public_url, trusted_proxies, transport, store, keys, .. } = examined;
    let (Some(listener), Some(public_url), Some(transport), Some(store), Some(keys), true) =
        (listener, public_url, transport, store, keys, problems.is_empty())
    else {
        return Err(Failure::Problems { intro: "stile serve cannot start:".into(), problems });
    };

    let address =
        listener.local_addr().map_err(|e| Failure::new(format!("The port is unknown: {e}."), ""))?;
    let text = format!("Stile is listening on {address} and is reached under {public_url}");
    let value = json!({ "publicUrl": public_url.as_str(), "address": address.to_string() });
    output.answer(&text, &value)?;
    let config = Config { public_url, trusted_proxies, development: None };
    let app = Arc::new(App::new(store, Arc::new(keys), Arc::new(Clock::default()), config, None));
    if let Some(listener) = metrics {
        let (app, stop) = (Arc::clone(&app), stop.clone());
        tokio::spawn(stile_server::serve_metrics(app, listener, stop));
    }
    let serving = Serving { drain: Duration::from_secs(args.drain.into()), ..Serving::default() };
    run::serve(app, listener, transport, serving, stop).await
}
