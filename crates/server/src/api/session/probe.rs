//! Whether a session is alive.

use axum::http::StatusCode;

use crate::guard::access::PendingOrFull;

/// Check whether the session is alive
///
/// Answers 204 while it is, also when a second factor is still owed.
#[utoipa::path(
    get, path = "/session", operation_id = "checkSession", tag = "Session",
    responses((status = 204)), extensions(("x-stile-access" = json!("pending")))
)]
pub async fn handle(_me: PendingOrFull) -> StatusCode {
    StatusCode::NO_CONTENT
}
