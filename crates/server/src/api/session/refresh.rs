//! Fresh tokens for a living session. Nothing is proved by it, and the session id stays.

use axum::Json as Answer;
use axum::http::HeaderMap;
use stile_core::{Event, Principal};
use stile_factors::device::DeviceProof;
use stile_store::{Mutation, sessions as table};

use crate::api::openapi::DeviceHeaders;
use crate::flows::{Failed, deciding, sessions};
use crate::guard::access::PendingOrFull;
use crate::guard::context::Cx;
use crate::state::error::{ApiError, Code};
use crate::wire::session::VerifyResponse;

/// Refresh the session's tokens
///
/// May be repeated, from two tabs too. A session that was opened with a device key refreshes only with a proof by
/// that key. Never later than the session's absolute end. A session that still owes a second factor lasts ten minutes,
/// and an hour from sign-in when it is refreshed.
#[utoipa::path(
    post, path = "/refresh", operation_id = "refreshAuth", tag = "Session",
    params(DeviceHeaders), responses((status = 200, body = VerifyResponse)),
    extensions(("x-stile-access" = json!("pending")))
)]
pub async fn handle(
    cx: Cx,
    me: PendingOrFull,
    headers: HeaderMap,
) -> Result<Answer<VerifyResponse>, ApiError> {
    let device = cx.device_proof(&headers).await?;
    let proved = device.as_ref().map(|d| d.key.as_str());
    if me.session.device_key.is_some() && me.session.device_key.as_deref() != proved {
        cx.note(&*me, Event::SessionRefreshRefused { device: proved.is_some() }).await;
        return Err(Code::DeviceProofRequired.into());
    }
    let PendingOrFull(me) = me;
    deciding!(&cx, present = me => refresh(&cx, &present, device.as_ref()).await)
}

/// Answers by the level that the session has now: the removal of a factor may have lowered it since it was read.
async fn refresh(
    cx: &Cx,
    me: &Principal,
    device: Option<&DeviceProof>,
) -> Result<Answer<VerifyResponse>, Failed> {
    let mut me = me.clone();
    let level = me.session.level;
    me.session.idle_expires_at = sessions::idle_end(&cx.env.settings, level, cx.now);
    let refreshed = table::refresh(cx.env.id, me.session.id, level, me.session.idle_expires_at);
    let mutation = Mutation::new([refreshed]).and(device.map(|d| sessions::nonce_used(cx, d)));
    cx.commit(mutation).await?;
    Ok(Answer(sessions::answer(cx, &me, false, None)?))
}
