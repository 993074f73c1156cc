//! Log lines about refused requests: a few a minute for each error code, with the number of those that were left out.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use axum::response::Response;
use tokio::time::Instant;

use crate::state::error::Code;

const MINUTE: Duration = Duration::from_secs(60);
/// How many lines each code gets in a minute.
const LINES: u32 = 10;

/// What was logged lately. There are as many entries as codes.
#[derive(Default)]
pub(crate) struct RefusalLines(Mutex<HashMap<&'static str, Window>>);

struct Window {
    began: Instant,
    lines: u32,
    left_out: u64,
}

impl RefusalLines {
    /// Logs a refusal, unless its code has had its lines for this minute.
    pub(crate) fn tell(&self, operation: Option<&str>, response: &Response, now: Instant) {
        let Some(code) = response.extensions().get::<Code>().map(|code| code.as_str()) else { return };
        let Some(left_out) = self.admit(code, now) else { return };
        let status = response.status().as_u16();
        tracing::info!(code, status, operation, left_out, "a request was refused");
    }

    /// Whether a refusal gets a line, and how many before it got none.
    fn admit(&self, code: &'static str, now: Instant) -> Option<u64> {
        let mut windows = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let window = windows.entry(code).or_insert(Window { began: now, lines: 0, left_out: 0 });
        if now.duration_since(window.began) >= MINUTE {
            (window.began, window.lines) = (now, 0);
        }
        if window.lines >= LINES {
            window.left_out += 1;
            return None;
        }
        window.lines += 1;
        Some(std::mem::take(&mut window.left_out))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    #[expect(clippy::disallowed_methods, reason = "any moment serves as the first one")]
    fn each_code_gets_some_lines_a_minute() {
        let lines = RefusalLines::default();
        let began = Instant::now();
        for _ in 0..LINES {
            assert_eq!(lines.admit("conflict", began), Some(0));
        }
        for _ in 0..7 {
            assert_eq!(lines.admit("conflict", began + Duration::from_secs(59)), None);
        }
        assert_eq!(lines.admit("not_found", began), Some(0), "another code has its own");
        assert_eq!(lines.admit("conflict", began + MINUTE), Some(7));
        assert_eq!(lines.admit("conflict", began + MINUTE), Some(0));
    }
}
