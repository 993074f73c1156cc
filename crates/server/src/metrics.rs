//! What the server counts, for Prometheus (text format 0.0.4). Labels are operation ids, status classes and error codes:
//! never a path, an address or anything else that a client can make up.

use std::collections::{BTreeMap, HashMap};
use std::fmt::Write as _;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use axum::extract::{MatchedPath, State};
use axum::http::{Method, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use axum::{Router, serve};
use tokio::net::TcpListener;
use tokio::sync::watch;

use crate::app::App;
use crate::error::Code;

/// Upper ends of the durations' buckets, in microseconds.
const BUCKETS: [u64; 12] =
    [500, 1_000, 2_500, 5_000, 10_000, 25_000, 50_000, 100_000, 250_000, 500_000, 1_000_000, 5_000_000];
/// In a second.
const MICROS: f64 = 1e6;
/// What is not in the OpenAPI document: pages, health, mistyped paths.
const OTHER: &str = "other";

/// Durations in each bucket, and at last those beyond all.
#[derive(Default)]
struct Series {
    counts: [u64; BUCKETS.len() + 1],
    /// In microseconds.
    sum: u64,
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
    /// The id of the operation, when the OpenAPI document has it.
    pub(crate) fn operation(&self, method: &Method, path: Option<&MatchedPath>) -> Option<Arc<str>> {
        self.operations.get(path?.as_str())?.get(method.as_str()).map(Arc::clone)
    }

    /// Counts a request. This takes less than a microsecond, so it is done even where nobody asks for the numbers.
    pub(crate) fn count(&self, operation: Option<Arc<str>>, response: &Response, took: Duration) {
        let operation = operation.unwrap_or_else(|| Arc::clone(&self.other));
        let class = response.status().as_u16() / 100;
        let mut requests = self.requests.lock().unwrap_or_else(PoisonError::into_inner);
        let series = requests.entry((operation, class)).or_default();
        let micros = u64::try_from(took.as_micros()).unwrap_or(u64::MAX);
        series.sum = series.sum.saturating_add(micros);
        let bucket = BUCKETS.iter().position(|end| micros <= *end).unwrap_or(BUCKETS.len());
        series.counts[bucket] += 1;
        drop(requests);
        if let Some(code) = response.extensions().get::<Code>() {
            let mut refusals = self.refusals.lock().unwrap_or_else(PoisonError::into_inner);
            *refusals.entry(code.as_str()).or_default() += 1;
        }
    }

    fn text(&self) -> String {
        let mut out = String::new();
        let name = "stile_request_duration_seconds";
        head(&mut out, name, "histogram", "Requests by operation and status class");
        let requests = self.requests.lock().unwrap_or_else(PoisonError::into_inner);
        for ((operation, class), series) in requests.iter() {
            let labels = format!("operation=\"{operation}\",status=\"{class}xx\"");
            spread(&mut out, name, &labels, (&BUCKETS, MICROS), &series.counts, series.sum);
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

/// The lines of a histogram: `counts` has one for each end and one for what is beyond. Ends and sum are divided by `unit`.
fn spread(out: &mut String, name: &str, labels: &str, (ends, unit): (&[u64], f64), counts: &[u64], sum: u64) {
    let mut count = 0;
    let ends = ends.iter().map(|end| (*end as f64 / unit).to_string());
    let comma = if labels.is_empty() { "" } else { "," };
    for (end, more) in ends.chain(["+Inf".to_owned()]).zip(counts) {
        count += more;
        let _ = writeln!(out, "{name}_bucket{{{labels}{comma}le=\"{end}\"}} {count}");
    }
    let braces = if labels.is_empty() { String::new() } else { format!("{{{labels}}}") };
    let _ = writeln!(out, "{name}_sum{braces} {}", sum as f64 / unit);
    let _ = writeln!(out, "{name}_count{braces} {count}");
}

fn one(out: &mut String, name: &str, kind: &str, help: &str, value: impl std::fmt::Display) {
    head(out, name, kind, help);
    let _ = writeln!(out, "{name} {value}");
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
    let (name, help) = ("stile_store_commit_mutations", "Mutations in each commit");
    head(&mut text, name, "histogram", help);
    spread(&mut text, name, "", (load.mutations.ends, 1.0), &load.mutations.counts, load.mutations.sum);
    let (name, help) = ("stile_store_commit_seconds", "Time that each commit took");
    head(&mut text, name, "histogram", help);
    spread(&mut text, name, "", (load.micros.ends, MICROS), &load.micros.counts, load.micros.sum);
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
        assert!(metrics.operation(&Method::GET, None).is_none());
        metrics.count(None, &StatusCode::NOT_FOUND.into_response(), Duration::ZERO);
        assert!(
            metrics.text().contains("_count{operation=\"other\",status=\"4xx\"} 1\n"),
            "{}",
            metrics.text()
        );
    }

    #[test]
    fn durations_fall_into_their_buckets() {
        let metrics = Metrics::default();
        for micros in [400, 3_000, 9_000_000] {
            metrics.count(Some("x".into()), &StatusCode::OK.into_response(), Duration::from_micros(micros));
        }
        let text = metrics.text();
        for (end, count) in [("0.0005", 1), ("0.0025", 1), ("0.005", 2), ("5", 2), ("+Inf", 3)] {
            let line = format!("_bucket{{operation=\"x\",status=\"2xx\",le=\"{end}\"}} {count}\n");
            assert!(text.contains(&line), "{line}{text}");
        }
        assert!(text.contains("_sum{operation=\"x\",status=\"2xx\"} 9.0034\n"), "{text}");
        assert!(text.contains("_count{operation=\"x\",status=\"2xx\"} 3\n"), "{text}");
    }

    #[test]
    fn a_histogram_adds_up() {
        let mut text = String::new();
        spread(&mut text, "a", "", (&[100, 5_000_000], MICROS), &[2, 0, 1], 7_000_150);
        let lines = [
            "a_bucket{le=\"0.0001\"} 2",
            "a_bucket{le=\"5\"} 2",
            "a_bucket{le=\"+Inf\"} 3",
            "a_sum 7.00015",
            "a_count 3",
        ];
        assert_eq!(text.lines().collect::<Vec<_>>(), lines);
    }
}
