//! `stile audit`: read the audit log of an environment.

use std::fmt::Write;
use std::str::FromStr;

use jiff::Timestamp;
use jiff::civil::Date;
use serde_json::{Value, json};
use stile_core::Micros;
use stile_server::flows::environments::OperatorError;
use stile_store::{AuditFilter, AuditRow};

use crate::args::{AuditArgs, AuditCommand, AuditListArgs};
use crate::env::time;
use crate::error::Failure;
use crate::open;
use crate::output::Output;

/// A moment on the command line: `2026-03-01`, `2026-03-01T12:00:00Z`, or how long ago: `45m`, `24h`, `7d`.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Moment {
    At(Micros),
    SecondsAgo(i64),
}

impl Moment {
    fn from(self, now: Micros) -> Micros {
        match self {
            Self::At(at) => at,
            Self::SecondsAgo(seconds) => now.plus_seconds(-seconds),
        }
    }
}

impl FromStr for Moment {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        if let Some(seconds) = ago(text) {
            return Ok(Self::SecondsAgo(seconds));
        }
        let at = match text.parse::<Date>() {
            Ok(date) if text.len() == "2026-03-01".len() => {
                date.in_tz("UTC").map(|day| day.timestamp()).map_err(|_| ())
            }
            _ => text.parse::<Timestamp>().map_err(|_| ()),
        };
        let at = at.map_err(|()| "write 2026-03-01, 2026-03-01T12:00:00Z, or how long ago: 45m, 24h, 7d")?;
        Ok(Self::At(Micros::new(at.as_microsecond())))
    }
}

/// How many seconds ago `45m`, `24h` or `7d` was.
fn ago(text: &str) -> Option<i64> {
    let unit = match text.chars().next_back()? {
        'm' => 60,
        'h' => 3_600,
        'd' => 86_400,
        _ => return None,
    };
    let number = text.get(..text.len() - 1)?;
    let plain = !number.is_empty() && number.bytes().all(|byte| byte.is_ascii_digit());
    number.parse::<u32>().ok().filter(|_| plain).map(|count| i64::from(count) * unit)
}

/// Carries out `stile audit …`.
pub async fn run(args: &AuditArgs, output: Output) -> Result<(), Failure> {
    match &args.command {
        AuditCommand::List(wanted) => {
            let store = args.place.store().await?;
            let mut rows = store.audit(wanted.env, filter(wanted, open::now())).await?;
            // The log of a deleted environment can still be read.
            if rows.is_empty() {
                store.environment(wanted.env).await?.ok_or(OperatorError::NoEnvironment(wanted.env))?;
            }
            // One row more than was asked for tells whether there is another page.
            let more = rows.len() > usize::try_from(wanted.limit).unwrap_or(usize::MAX);
            if more {
                rows.pop();
            }
            let next = rows.last().filter(|_| more).map(|last| last.cursor().to_string());
            let value = json!({ "events": rows.iter().map(described).collect::<Value>(), "next": next });
            output.answer(&page(&rows, next.as_deref()), &value)
        }
    }
}

fn filter(wanted: &AuditListArgs, now: Micros) -> AuditFilter<'_> {
    let all = AuditFilter::newest(wanted.limit.saturating_add(1));
    AuditFilter {
        subject: wanted.user,
        event: wanted.event.as_deref(),
        since: wanted.since.map_or(all.since, |moment| moment.from(now)),
        until: wanted.until.map_or(all.until, |moment| moment.from(now)),
        after: wanted.after,
        ..all
    }
}

fn page(rows: &[AuditRow], next: Option<&str>) -> String {
    if rows.is_empty() {
        return "No events.".into();
    }
    let mut text = String::new();
    for row in rows {
        let _ = write!(text, "{}  {}", time(row.at), row.event);
        if row.count > 1 {
            let _ = write!(text, " ×{}", row.count);
        }
        if let Some(user) = row.subject {
            let _ = write!(text, "  user {user}");
        }
        if let Some(actor) = &row.source.actor {
            let _ = write!(text, "  by {actor}");
        }
        if let Some(address) = &row.source.address {
            let _ = write!(text, "  from {address}");
        }
        let _ = writeln!(text, "  request {}  {}", row.source.request, row.detail);
    }
    if let Some(next) = next {
        let _ = write!(text, "\nOlder events: the same command with --after {next}");
    }
    text
}

fn described(row: &AuditRow) -> Value {
    json!({
        "id": row.id.to_string(), "at": time(row.at), "event": row.event, "count": row.count,
        "user": row.subject.map(|user| user.to_string()), "actor": row.source.actor, "request": row.source.request,
        "clientRequest": row.source.client_request, "address": row.source.address, "detail": row.detail,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn moments_are_dates_times_and_spans() {
        let at = |seconds: i64| Ok(Moment::At(Micros::new(seconds * 1_000_000)));
        assert_eq!("1970-01-02".parse(), at(86_400));
        assert_eq!("1970-01-01T01:00:00Z".parse(), at(3_600));
        assert_eq!("1970-01-01T01:00:00+01:00".parse(), at(0));
        assert_eq!("45m".parse(), Ok(Moment::SecondsAgo(2_700)));
        assert_eq!("24h".parse(), Ok(Moment::SecondsAgo(86_400)));
        assert_eq!("7d".parse(), Ok(Moment::SecondsAgo(604_800)));
        for bad in [
            "",
            "d",
            "-1d",
            "+1d",
            "7w",
            "7",
            "yesterday",
            "2026-13-01",
            "1970-01-01T01:00:00",
            "é",
            "99999999999d",
        ] {
            assert!(bad.parse::<Moment>().is_err(), "{bad}");
        }
    }
}
