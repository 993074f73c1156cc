//! What the server counts, for Prometheus (text format 0.0.4). Labels are operation ids, status classes and error codes:
//! never a path, an address or anything else that a client can make up.

use std::collections::{BTreeMap, HashMap};
use std::fmt::Write as _;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use axum::extract::{MatchedPath, Request, State};
use axum::http::{Method, StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use axum::{Router, serve};
use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio::time::Instant;

use crate::app::App;
use crate::error::Code;

/// Upper ends of the durations' buckets, in seconds.
const BUCKETS: [f64; 12] = [0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 5.0];
/// What is not in the OpenAPI document: pages, health, mistyped paths.
const OTHER: &str = "other";

#[derive(Default)]
struct Series {
    buckets: [u64; BUCKETS.len()],
    count: u64,
    sum: Duration,
}

/// The counters of this process.
pub struct Metrics {
    /// Operation ids by path pattern and method.
    operations: HashMap<String, HashMap<String, Arc<str>>>,
    other: Arc<str>,
    requests: Mutex<BTreeMap<(Arc<str>, u16), Series>>,
    refusals: Mutex<BTreeMap<&'static str, u64>>,
    /// Elevated access tokens that were signed.
    pub elevated_issued: AtomicU64,
}

impl Default for Metrics {
    fn default() -> Self {
        let document = serde_json::to_value(crate::openapi_document()).unwrap_or_default();
        let mut operations: HashMap<String, HashMap<String, Arc<str>>> = HashMap::new();
        for (path, methods) in document["paths"].as_object().into_iter().flatten() {
            for (method, operation) in methods.as_object().into_iter().flatten() {
                if let Some(id) = operation["operationId"].as_str() {
                    operations
                        .entry(path.clone())
                        .or_default()
                        .insert(method.to_ascii_uppercase(), id.into());
                }
            }
        }
        Self {
            operations,
            other: OTHER.into(),
            requests: Mutex::default(),
            refusals: Mutex::default(),
            elevated_issued: AtomicU64::new(0),
        }
    }
}

impl Metrics {
    fn operation(&self, method: &Method, path: Option<&MatchedPath>) -> Arc<str> {
        let known = path.and_then(|path| self.operations.get(path.as_str())?.get(method.as_str()));
        Arc::clone(known.unwrap_or(&self.other))
    }

    fn count(&self, operation: Arc<str>, response: &Response, took: Duration) {
        let class = response.status().as_u16() / 100;
        let mut requests = self.requests.lock().unwrap_or_else(PoisonError::into_inner);
        let series = requests.entry((operation, class)).or_default();
        series.count += 1;
        series.sum += took;
        for (bucket, end) in series.buckets.iter_mut().zip(BUCKETS) {
            *bucket += u64::from(took.as_secs_f64() <= end);
        }
        drop(requests);
        if let Some(code) = response.extensions().get::<Code>() {
            let mut refusals = self.refusals.lock().unwrap_or_else(PoisonError::into_inner);
            *refusals.entry(code.as_str()).or_default() += 1;
        }
    }

    fn text(&self) -> String {
        let mut out = String::new();
        head(
            &mut out,
            "stile_request_duration_seconds",
            "histogram",
            "Requests by operation and status class",
        );
        let requests = self.requests.lock().unwrap_or_else(PoisonError::into_inner);
        for ((operation, class), series) in requests.iter() {
            let labels = format!("operation=\"{operation}\",status=\"{class}xx\"");
            let name = "stile_request_duration_seconds";
            for (count, end) in series.buckets.iter().zip(BUCKETS) {
                let _ = writeln!(out, "{name}_bucket{{{labels},le=\"{end}\"}} {count}");
            }
            let _ = writeln!(out, "{name}_bucket{{{labels},le=\"+Inf\"}} {}", series.count);
            let _ = writeln!(out, "{name}_sum{{{labels}}} {}", series.sum.as_secs_f64());
            let _ = writeln!(out, "{name}_count{{{labels}}} {}", series.count);
        }
        drop(requests);
        head(&mut out, "stile_refusals_total", "counter", "Refused requests by error code");
        for (code, count) in self.refusals.lock().unwrap_or_else(PoisonError::into_inner).iter() {
            let _ = writeln!(out, "stile_refusals_total{{code=\"{code}\"}} {count}");
        }
        let issued = self.elevated_issued.load(Ordering::Relaxed);
        one(
            &mut out,
            "stile_elevated_tokens_issued_total",
            "counter",
            "Elevated access tokens signed",
            issued,
        );
        out
    }
}

fn head(out: &mut String, name: &str, kind: &str, help: &str) {
    let _ = writeln!(out, "# HELP {name} {help}\n# TYPE {name} {kind}");
}

fn one(out: &mut String, name: &str, kind: &str, help: &str, value: impl std::fmt::Display) {
    head(out, name, kind, help);
    let _ = writeln!(out, "{name} {value}");
}

/// Counts every request.
pub async fn layer(State(app): State<Arc<App>>, request: Request, next: Next) -> Response {
    let operation = app.metrics.operation(request.method(), request.extensions().get::<MatchedPath>());
    let began = now();
    let response = next.run(request).await;
    app.metrics.count(operation, &response, now() - began);
    response
}

#[expect(clippy::disallowed_methods, reason = "a duration is measured on no clock that moves")]
fn now() -> Instant {
    Instant::now()
}

/// Answers `GET /metrics` on a listener of its own until `stop` turns true.
pub async fn listen(
    app: Arc<App>,
    listener: TcpListener,
    mut stop: watch::Receiver<bool>,
) -> std::io::Result<()> {
    let router = Router::new().route("/metrics", get(page)).with_state(app);
    serve(listener, router)
        .with_graceful_shutdown(async move {
            let _closed = stop.wait_for(|stop| *stop).await.map(drop);
        })
        .await
}

async fn page(State(app): State<Arc<App>>) -> Response {
    let mut text = app.metrics.text();
    let load = app.store.load();
    one(&mut text, "stile_store_waiting", "gauge", "Mutations that wait to be written", load.waiting);
    one(
        &mut text,
        "stile_store_commits_total",
        "counter",
        "Commits, each of one or more mutations",
        load.commits,
    );
    one(&mut text, "stile_store_mutations_total", "counter", "Mutations in these commits", load.mutations);
    let seconds = Duration::from_micros(load.micros).as_secs_f64();
    one(&mut text, "stile_store_commit_seconds_total", "counter", "Time that the commits took", seconds);
    match app.store.mail_count().await {
        Ok(count) => {
            one(&mut text, "stile_outbox_messages", "gauge", "Mails that are not delivered yet", count)
        }
        // The rest is worth knowing just then.
        Err(error) => tracing::warn!(%error, "the outbox could not be counted"),
    }
    let kind = [(header::CONTENT_TYPE, "text/plain; version=0.0.4")];
    (StatusCode::OK, kind, text).into_response()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_operation_is_known_by_its_id() {
        let metrics = Metrics::default();
        assert!(metrics.operations.len() > 20, "{}", metrics.operations.len());
        assert!(
            metrics.operations.values().flat_map(HashMap::values).any(|id| &**id == "consumeElevatedToken")
        );
        assert_eq!(metrics.operation(&Method::GET, None).as_ref(), OTHER);
    }

    #[test]
    fn durations_fall_into_their_buckets() {
        let metrics = Metrics::default();
        for micros in [400, 3_000, 9_000_000] {
            metrics.count("x".into(), &StatusCode::OK.into_response(), Duration::from_micros(micros));
        }
        let text = metrics.text();
        for (end, count) in [("0.0005", 1), ("0.0025", 1), ("0.005", 2), ("5", 2), ("+Inf", 3)] {
            let line = format!("_bucket{{operation=\"x\",status=\"2xx\",le=\"{end}\"}} {count}\n");
            assert!(text.contains(&line), "{line}{text}");
        }
    }
}
