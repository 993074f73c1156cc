//! Refused origins: the log names them, with the command that allows them.

use std::collections::{HashMap, VecDeque};
use std::net::IpAddr;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use stile_core::EnvironmentId;
use stile_core::origin::{OriginPattern, is_normal};
use tokio::time::Instant;

use crate::state::clock::instant;
use crate::state::environment::Environment;
use crate::state::limits::{Prefix, Prefixes};

/// Each origin has one line in this time.
const HOUR: Duration = Duration::from_secs(3_600);
/// So many lines an hour are about one environment, since anybody can make origins up.
const LINES: usize = 20;
/// So many of them come from one client network, so that one stranger leaves room for the operator's own page.
const LINES_OF_ONE: usize = 5;

/// The origins that the log has named within the last hour.
#[derive(Default)]
pub(crate) struct Refused(Mutex<HashMap<EnvironmentId, Told>>);

#[derive(Default)]
struct Told {
    /// The oldest first.
    lines: VecDeque<Line>,
    left_out: u64,
}

struct Line {
    at: Instant,
    origin: String,
    client: Prefix,
}

impl Refused {
    /// Writes a line about an origin that was refused, unless there was one lately.
    pub(crate) fn tell(&self, place: &str, env: &Environment, origin: &str, address: IpAddr) {
        let origin = Some(origin).filter(|origin| is_plain(origin));
        let client = Prefixes::of(address).widest();
        let Some(left_out) = self.admit(env.id, origin.unwrap_or_default(), client, instant()) else {
            return;
        };
        match origin.and_then(|origin| Some((origin, advice(env, origin, place)?))) {
            Some((origin, advice)) => tracing::warn!(
                environment = %env.id, origin, left_out,
                "a web page of an origin that is not allowed asked for this environment; if it is yours: {advice}"
            ),
            // `null` comes from sandboxed frames and files; nobody should paste the others into a shell.
            None => tracing::warn!(
                environment = %env.id, left_out,
                "a page without an origin of its own, or with a malformed one, was refused; it cannot be allowed"
            ),
        }
    }

    /// Whether an origin gets a line, and how many refused requests before it got none.
    fn admit(&self, environment: EnvironmentId, origin: &str, client: Prefix, now: Instant) -> Option<u64> {
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        for told in all.values_mut() {
            while told.lines.front().is_some_and(|line| now.duration_since(line.at) >= HOUR) {
                told.lines.pop_front();
            }
        }
        // What was left out is told with the next line, as long as there was one within the hour.
        all.retain(|_, told| !told.lines.is_empty());
        let Told { lines, left_out } = all.entry(environment).or_default();
        if lines.iter().any(|line| line.origin == origin) {
            return None;
        }
        let of_client = lines.iter().filter(|line| line.client == client).count();
        if lines.len() >= LINES || of_client >= LINES_OF_ONE {
            *left_out += 1;
            return None;
        }
        lines.push_back(Line { at: now, origin: origin.to_owned(), client });
        Some(std::mem::take(left_out))
    }
}

/// Whether this is an origin as browsers send it, without characters that mean something to a shell.
fn is_plain(origin: &str) -> bool {
    let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, ':' | '/' | '.' | '-' | '_' | '[' | ']');
    is_normal(origin) && origin.chars().all(plain)
}

/// The command that allows the origin beside those that are allowed now, or why none would.
fn advice(env: &Environment, origin: &str, place: &str) -> Option<String> {
    let mut settings = env.settings.clone();
    settings.allowed_origins.push(OriginPattern::parse(origin).ok()?);
    let problems = settings.problems(env.kind);
    if !problems.is_empty() {
        return Some(format!("it cannot be allowed as it is, because {}", problems.join("; ")));
    }
    // The setting is replaced as a whole, so the command repeats what it holds.
    let list = serde_json::to_string(&settings.allowed_origins).ok()?.replace('\'', r"'\''");
    Some(format!("stile env set{place} {} 'allowedOrigins={list}'", env.id))
}

#[cfg(test)]
mod tests {
    use super::*;

    const HERE: EnvironmentId = EnvironmentId::from_bytes([1; 16]);
    const THERE: EnvironmentId = EnvironmentId::from_bytes([2; 16]);
    const OWN: &str = "https://own.example.com";

    fn network(n: usize) -> Prefix {
        Prefixes::of(format!("198.51.{n}.7").parse().unwrap()).widest()
    }

    #[test]
    fn made_up_origins_leave_room_for_the_operators_own() {
        let (refused, began) = (Refused::default(), instant());
        let made_up = |n: usize, from: usize| {
            refused.admit(HERE, &format!("https://{n}.example"), network(from), began).is_some()
        };
        assert_eq!((0..100).filter(|n| made_up(*n, 0)).count(), LINES_OF_ONE, "one stranger");
        assert_eq!(refused.admit(HERE, OWN, network(1), began), Some(95));
        assert_eq!(refused.admit(HERE, OWN, network(2), began + HOUR / 2), None, "once an hour");
        // Many strangers use the lines of this hour up, in this environment alone.
        assert_eq!((100..999).filter(|n| made_up(*n, n % 200)).count(), LINES - LINES_OF_ONE - 1);
        let other = "https://other.example.com";
        assert_eq!(refused.admit(HERE, other, network(3), began + HOUR / 2), None);
        assert_eq!(refused.admit(THERE, other, network(3), began), Some(0));
        for origin in [OWN, other] {
            assert!(refused.admit(HERE, origin, network(3), began + HOUR).is_some(), "an hour later");
        }
        assert_eq!(refused.0.lock().unwrap()[&HERE].lines.len(), 2, "the older ones are forgotten");
    }

    #[test]
    fn what_a_shell_would_read_is_no_origin_to_name() {
        assert!(is_plain(OWN) && is_plain("http://[::1]:3000") && is_plain("http://localhost:3000"));
        for odd in [
            "null",
            "",
            "https://a'b.example",
            "https://$(x).example",
            "https://A.example",
            "https://a.example/",
        ] {
            assert!(!is_plain(odd), "{odd}");
        }
    }
}
