//! What an operator's own backend may do to users, with an API token. The token says which environment is meant.

use axum::extract::Path;
use axum::http::StatusCode;
use serde::Deserialize;
use utoipa::ToSchema;

use crate::flows::reset;
use crate::guard::operator::{Operator, UsersWrite};
use crate::state::error::{ApiError, Code};
use crate::wire::body::MaybeJson;

const MAX_REASON: usize = 200;

/// Why.
#[derive(Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ResetMfaRequest {
    /// In the operator's words, for the audit log; at most 200 characters.
    #[serde(default)]
    reason: Option<String>,
}

/// Reset a user's second factors
///
/// Removes passkeys, authenticator apps and recovery codes, ends sessions and elevated tokens, and tells the user. Needs
/// an API token with the scope `environment.users.write`.
#[utoipa::path(
    post, path = "/{userId}/mfa/reset", operation_id = "resetUserMfa", tag = "Backend",
    params(("userId" = String, Path, description = "User id")),
    request_body(content = ResetMfaRequest, description = "May be left out"),
    responses((status = 204)), security(("apiToken" = ["environment.users.write"])),
    extensions(("x-stile-access" = json!("apiToken")))
)]
pub async fn reset_mfa(
    cx: Operator<UsersWrite>,
    Path(user): Path<String>,
    MaybeJson(body): MaybeJson<ResetMfaRequest>,
) -> Result<StatusCode, ApiError> {
    let order = body.unwrap_or_default();
    let reason = order.reason.as_deref();
    if reason.is_some_and(|r| r.chars().count() > MAX_REASON || r.chars().any(char::is_control)) {
        return Err(ApiError::with(Code::InvalidBody, "reason has at most 200 characters on one line."));
    }
    reset(&cx, &user, reason).await
}

/// Delete a user's second factors
///
/// The same as `resetUserMfa`, without a reason.
#[utoipa::path(
    delete, path = "/{userId}/mfa", operation_id = "deleteUserMfa", tag = "Backend",
    params(("userId" = String, Path, description = "User id")),
    responses((status = 204)), security(("apiToken" = ["environment.users.write"])),
    extensions(("x-stile-access" = json!("apiToken")))
)]
pub async fn delete_mfa(cx: Operator<UsersWrite>, Path(user): Path<String>) -> Result<StatusCode, ApiError> {
    reset(&cx, &user, None).await
}

async fn reset(cx: &Operator<UsersWrite>, user: &str, reason: Option<&str>) -> Result<StatusCode, ApiError> {
    reset::reset(cx, user.parse().map_err(|_| Code::UserNotFound)?, reason).await?;
    Ok(StatusCode::NO_CONTENT)
}
