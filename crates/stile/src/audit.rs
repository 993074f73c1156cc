//! `stile audit`: read the audit log of an environment.

use std::fmt::Write;

use serde_json::{Value, json};
use stile_core::Micros;
use stile_server::flows::environments::OperatorError;
use stile_store::{AuditFilter, AuditRow};

use crate::args::{AuditArgs, AuditCommand, AuditListArgs};
use crate::env::time;
use crate::error::Failure;
use crate::machine;
use crate::output::Output;

/// Carries out `stile audit …`.
pub async fn run(args: &AuditArgs, output: Output) -> Result<(), Failure> {
    match &args.command {
        AuditCommand::List(wanted) => {
            let store = args.place.store().await?;
            let mut rows = store.audit(wanted.env, filter(wanted, machine::now())).await?;
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
