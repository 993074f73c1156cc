//! What the server counts, for Prometheus (text format 0.0.4). Labels are operation ids, status classes and error codes:
//! never a path, an address or anything else that a client can make up.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use axum::response::Response;

use crate::state::error::Code;

/// Upper ends of the durations' buckets, in microseconds.
const BUCKETS: [u64; 12] =
    [500, 1_000, 2_500, 5_000, 10_000, 25_000, 50_000, 100_000, 250_000, 500_000, 1_000_000, 5_000_000];
/// In a second.
pub(crate) const MICROS: f64 = 1e6;
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
    other: Arc<str>,
    requests: Mutex<BTreeMap<(Arc<str>, u16), Series>>,
    refusals: Mutex<BTreeMap<&'static str, u64>>,
    /// Elevated access tokens that were signed.
    pub elevated_issued: AtomicU64,
}

impl Default for Metrics {
    fn default() -> Self {
        Self {
            other: OTHER.into(),
            requests: Mutex::default(),
            refusals: Mutex::default(),
            elevated_issued: AtomicU64::new(0),
        }
    }
}

impl Metrics {
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

    /// The lines of these counters.
    pub(crate) fn text(&self) -> String {
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

pub(crate) fn head(out: &mut String, name: &str, kind: &str, help: &str) {
    let _ = writeln!(out, "# HELP {name} {help}\n# TYPE {name} {kind}");
}

/// The lines of a histogram: `counts` has one for each end and one for what is beyond. Ends and sum are divided by `unit`.
pub(crate) fn spread(
    out: &mut String,
    name: &str,
    labels: &str,
    (ends, unit): (&[u64], f64),
    counts: &[u64],
    sum: u64,
) {
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

pub(crate) fn one(out: &mut String, name: &str, kind: &str, help: &str, value: impl std::fmt::Display) {
    head(out, name, kind, help);
    let _ = writeln!(out, "{name} {value}");
}

#[cfg(test)]
mod tests {
    use axum::http::StatusCode;
    use axum::response::IntoResponse;

    use super::*;

    #[test]
    fn what_is_no_operation_is_counted_together() {
        let metrics = Metrics::default();
        metrics.count(None, &StatusCode::NOT_FOUND.into_response(), Duration::ZERO);
        let text = metrics.text();
        assert!(text.contains("_count{operation=\"other\",status=\"4xx\"} 1\n"), "{text}");
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
