//! Fresh tokens for a living session. Nothing is proved by it, and the session id stays.

use axum::Json as Answer;
use axum::http::HeaderMap;
use stile_core::Event;
use stile_store::{Mutation, sessions as table};

use crate::access::PendingOrFull;
use crate::api::models::VerifyResponse;
use crate::context::Cx;
use crate::error::{ApiError, Code};
use crate::flows::sessions;

/// Refresh the session's tokens
///
/// May be repeated, from two tabs too. A session that was opened with a device key refreshes only with a proof by
/// that key. Never later than the session's absolute end. A session that still owes a second factor lasts ten minutes,
/// and an hour from sign-in when it is refreshed.
#[utoipa::path(
    post, path = "/refresh", operation_id = "refreshAuth", tag = "Session",
    responses((status = 200, body = VerifyResponse)), extensions(("x-stile-access" = json!("pending")))
)]
pub async fn handle(
    cx: Cx,
    me: PendingOrFull,
    headers: HeaderMap,
) -> Result<Answer<VerifyResponse>, ApiError> {
    let device = cx.device_proof(&headers).await?;
    let proved = device.as_ref().map(|d| d.key.as_str());
    if me.session.device_key.is_some() && me.session.device_key.as_deref() != proved {
        cx.note(
            Event::SessionRefreshRefused,
            Some(me.user.id),
            serde_json::json!({ "device": proved.is_some() }),
        )
        .await;
        return Err(Code::DeviceProofRequired.into());
    }
    let PendingOrFull(mut me) = me;
    me.session.idle_expires_at = sessions::idle_end(&cx.env.settings, me.session.level, cx.now);
    let mutation = Mutation::new([table::refreshed(cx.env.id, me.session.id, me.session.idle_expires_at)])
        .and(device.map(|d| sessions::nonce_used(&cx, &d)));
    cx.commit(mutation).await?;
    VerifyResponse::of(&cx, &me, false, None).map(Answer)
}
