//! The user's second factors.

use axum::Json as Answer;
use axum::extract::Query;
use axum::extract::rejection::QueryRejection;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use crate::access::PendingOrFull;
use crate::api::models::UserPasskey;
use crate::context::Cx;
use crate::error::{ApiError, Code};

/// Which methods.
#[derive(Deserialize, IntoParams)]
#[serde(rename_all = "camelCase")]
#[into_params(parameter_in = Query)]
pub struct MethodsQuery {
    /// Passkeys are verified when they are enrolled, so both values give the same.
    #[serde(rename = "verifiedOnly")]
    #[expect(
        dead_code,
        reason = "part of the contract; it decides nothing while passkeys are the only method"
    )]
    verified_only: Option<bool>,
}

/// Second factors of a user.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct MFAMethodsResponse {
    /// Authenticator apps; none in this version.
    #[schema(value_type = Vec<Object>)]
    devices: Vec<serde_json::Value>,
    /// Passkeys, oldest first.
    passkeys: Vec<UserPasskey>,
    /// Whether the user has a second factor.
    user_has_verified_mfa_methods: bool,
}

/// Lists the user's second factors
#[utoipa::path(
    get, path = "/users/mfa/methods", operation_id = "getMfaMethods", tag = "Users", params(MethodsQuery),
    responses((status = 200, body = MFAMethodsResponse)), extensions(("x-stile-access" = json!("pending")))
)]
pub async fn handle(
    cx: Cx,
    me: PendingOrFull,
    query: Result<Query<MethodsQuery>, QueryRejection>,
) -> Result<Answer<MFAMethodsResponse>, ApiError> {
    query.map_err(|_| Code::InvalidParameter)?;
    let passkeys = cx.app.store.passkeys(cx.env.id, me.user.id).await?;
    Ok(Answer(MFAMethodsResponse {
        devices: Vec::new(),
        passkeys: UserPasskey::all(&passkeys, &me),
        user_has_verified_mfa_methods: me.has_mfa(),
    }))
}
