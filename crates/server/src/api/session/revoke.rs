//! Signing out.

use axum::http::{HeaderMap, StatusCode};
use stile_core::Event;
use stile_core::event::Ending;
use stile_store::{Mutation, sessions};

use crate::guard::context::Cx;
use crate::guard::tokens;
use crate::state::error::{ApiError, Code};
use crate::wire::headers::{bearer, text};

const REASONS: [&str; 10] = [
    "user-intent",
    "token-expired",
    "keychain-migration-failed",
    "keychain-key-missing",
    "session-refresh-unauthorized",
    "user-refresh-failed",
    "user-deleted",
    "device-revoked",
    "all-devices-revoked",
    "business-account-ownership-transferred",
];

/// Sign out
///
/// Ends the session of the token, also when the token has expired or the user is gone. Ending it twice is no error.
#[utoipa::path(
    post, path = "/revoke", operation_id = "revokeSession", tag = "Session",
    responses((status = 204)), extensions(("x-stile-access" = json!("pending")))
)]
pub async fn handle(cx: Cx, headers: HeaderMap) -> Result<StatusCode, ApiError> {
    let access = tokens::access_even_expired(&cx, bearer(&headers).ok_or(Code::Unauthorized)?)?;
    let sent = text(&headers, "x-dyn-logout-reason").unwrap_or_default();
    let reason = REASONS.into_iter().find(|reason| *reason == sent);
    let event = Event::SessionEnded { session: access.session, how: Ending::SignedOut { reason } };
    let mutation =
        Mutation::new([sessions::end(cx.env.id, access.session)]).and_all(cx.record(access.user, event)?);
    cx.commit(mutation).await?;
    Ok(StatusCode::NO_CONTENT)
}
