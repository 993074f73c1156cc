//! The user's sessions: seen, and ended.

use axum::Json as Answer;
use axum::extract::Path;
use axum::http::StatusCode;
use serde::Serialize;
use stile_core::event::Ending;
use stile_core::{Event, Level, Principal, Proof, Session, SessionId, policy};
use stile_store::{CommitError, Miss, Mutation, Step, known_devices, sessions, users};
use utoipa::ToSchema;

use crate::flows::{Failed, deciding};
use crate::guard::access::{Me, Proven};
use crate::guard::context::Cx;
use crate::state::error::{ApiError, Code};
use crate::wire::time::iso;

/// A signed-in browser as its user sees it.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct UserSession {
    /// Session id.
    id: String,
    /// When it was opened, ISO 8601.
    created_at: String,
    /// When it was last refreshed or proved something, ISO 8601.
    last_used_at: String,
    /// Whether it is the one that asks.
    current: bool,
    /// The browser that opened it, as it calls itself.
    #[serde(skip_serializing_if = "Option::is_none")]
    user_agent: Option<String>,
    /// Whether a second factor was proved in it.
    mfa: bool,
    /// Whether it still owes a second factor.
    pending: bool,
}

/// Sessions of a user, newest first, at most 100.
#[derive(Serialize, ToSchema)]
pub struct UserSessionsResponse {
    /// How many are listed.
    count: usize,
    /// The sessions.
    sessions: Vec<UserSession>,
}

/// How many were ended.
#[derive(Serialize, ToSchema)]
pub struct EndedSessionsResponse {
    /// How many.
    ended: usize,
}

const MAX_LISTED: u32 = 100;

/// List the user's sessions
#[utoipa::path(
    get, path = "/users/sessions", operation_id = "getSessions", tag = "Users",
    responses((status = 200, body = UserSessionsResponse)), extensions(("x-stile-access" = json!("session")))
)]
pub async fn list(cx: Cx, me: Me) -> Result<Answer<UserSessionsResponse>, ApiError> {
    let rows = cx.app.store.sessions(cx.env.id, me.user.id, cx.now, MAX_LISTED).await?;
    let sessions: Vec<UserSession> = rows.iter().map(|row| shown(&cx, row, me.session.id)).collect();
    Ok(Answer(UserSessionsResponse { count: sessions.len(), sessions }))
}

fn shown(cx: &Cx, row: &Session, current: SessionId) -> UserSession {
    // What moves the idle limit on is what uses a session.
    let idle = policy::lifetime(&cx.env.settings, row.level).idle;
    let last_used = row.idle_expires_at.plus_seconds(-idle).clamp(row.created_at, cx.now.max(row.created_at));
    UserSession {
        id: row.id.to_string(),
        created_at: iso(row.created_at),
        last_used_at: iso(last_used),
        current: row.id == current,
        user_agent: Some(row.user_agent.clone()).filter(|agent| !agent.is_empty()),
        mfa: row.proofs.iter().any(Proof::is_mfa),
        pending: row.level == Level::Pending,
    }
}

/// End one of the user's other sessions
///
/// Whoever has a second factor must have proved one in this session. Signing out of this one is `POST /revoke`; its own
/// id is taken here, too, and needs no proof.
#[utoipa::path(
    delete, path = "/users/sessions/{sessionId}", operation_id = "endSession", tag = "Users",
    params(("sessionId" = String, Path, description = "Session id")),
    responses((status = 204)), extensions(("x-stile-access" = json!("level")))
)]
pub async fn end(cx: Cx, me: Me, path: Path<(String, String)>) -> Result<StatusCode, ApiError> {
    let Path((_, id)) = path;
    let id: SessionId = id.parse().map_err(|_| none())?;
    if id == me.session.id {
        return Ok(ended(&cx, &me, id, None).await?);
    }
    deciding!(&cx, present = me.0.clone() => end_other(&cx, Proven::of(&present)?, id).await)
}

async fn end_other(cx: &Cx, me: Proven<'_>, id: SessionId) -> Result<StatusCode, Failed> {
    ended(cx, &me, id, Some(users::hold_version(cx.env.id, &me.user))).await
}

async fn ended(cx: &Cx, me: &Principal, id: SessionId, held: Option<Step>) -> Result<StatusCode, Failed> {
    let event = Event::SessionEnded { session: id, how: Ending::By { by: me.session.id } };
    let mutation = Mutation::new(held)
        .and(known_devices::forget_device_of(me.user.id, id))
        .and(sessions::hold(cx.env.id, me.user.id, me.session.id))
        .and(sessions::revoke(cx.env.id, me.user.id, id))
        .and_all(cx.record(me, event)?);
    match cx.commit(mutation).await {
        Ok(()) => Ok(StatusCode::NO_CONTENT),
        Err(CommitError::Missed(Miss::NotFound)) => Err(none().into()),
        Err(error) => Err(error.into()),
    }
}

fn none() -> ApiError {
    ApiError::with(Code::NotFound, "There is no such session on this account.")
}

/// End all of the user's other sessions
///
/// Whoever has a second factor must have proved one in this session.
#[utoipa::path(
    delete, path = "/users/sessions", operation_id = "endOtherSessions", tag = "Users",
    responses((status = 200, body = EndedSessionsResponse)), extensions(("x-stile-access" = json!("level")))
)]
pub async fn end_others(cx: Cx, me: Me) -> Result<Answer<EndedSessionsResponse>, ApiError> {
    deciding!(&cx, present = me.0.clone() => all_others(&cx, Proven::of(&present)?).await)
}

async fn all_others(cx: &Cx, me: Proven<'_>) -> Result<Answer<EndedSessionsResponse>, Failed> {
    let rows = cx.app.store.sessions(cx.env.id, me.user.id, cx.now, u32::MAX).await?;
    let ended = rows.iter().filter(|row| row.id != me.session.id).count();
    let event = Event::SessionOthersEnded { by: me.session.id, ended };
    let mutation = Mutation::new([
        users::hold_version(cx.env.id, &me.user),
        known_devices::forget_all(me.user.id, me.session.device_key.as_deref()),
        sessions::hold(cx.env.id, me.user.id, me.session.id),
        sessions::end_all(cx.env.id, me.user.id, Some(me.session.id)),
    ])
    .and_all(cx.record(&*me, event)?);
    cx.commit(mutation).await?;
    Ok(Answer(EndedSessionsResponse { ended }))
}
