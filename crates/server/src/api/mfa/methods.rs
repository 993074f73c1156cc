//! The user's second factors.

use axum::Json as Answer;
use axum::extract::Query;
use axum::extract::rejection::QueryRejection;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::{MFADevice, devices};
use crate::guard::access::PendingOrFull;
use crate::guard::context::Cx;
use crate::state::error::{ApiError, Code};
use crate::wire::passkey::UserPasskey;

/// Which methods.
#[derive(Deserialize, IntoParams)]
#[serde(rename_all = "camelCase")]
#[into_params(parameter_in = Query)]
pub struct MethodsQuery {
    /// Whether a device that waits for its first code in this session is left out; it is unless this is `false`.
    #[serde(rename = "verifiedOnly")]
    verified_only: Option<bool>,
}

/// Second factors of a user.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct MFAMethodsResponse {
    /// Authenticator apps, oldest first.
    devices: Vec<MFADevice>,
    /// Passkeys, oldest first.
    passkeys: Vec<UserPasskey>,
    /// Whether the user has a second factor.
    user_has_verified_mfa_methods: bool,
    /// How many recovery codes can still be used; an addition to the contract.
    #[schema(required = false)]
    recovery_codes_left: i64,
}

/// List the user's second factors
#[utoipa::path(
    get, path = "/users/mfa/methods", operation_id = "getMfaMethods", tag = "Second factors", params(MethodsQuery),
    responses((status = 200, body = MFAMethodsResponse)), extensions(("x-stile-access" = json!("pending")))
)]
pub async fn handle(
    cx: Cx,
    me: PendingOrFull,
    query: Result<Query<MethodsQuery>, QueryRejection>,
) -> Result<Answer<MFAMethodsResponse>, ApiError> {
    let Query(query) = query.map_err(|_| Code::InvalidParameter)?;
    let passkeys = cx.app.store.passkeys(cx.env.id, me.user.id).await?;
    let codes = cx.app.store.recovery_codes(me.user.id).await?;
    Ok(Answer(MFAMethodsResponse {
        devices: devices(&cx, &me, query.verified_only.unwrap_or(true)).await?,
        passkeys: UserPasskey::all(&passkeys, &me),
        user_has_verified_mfa_methods: me.has_mfa(),
        recovery_codes_left: i64::try_from(codes.len()).unwrap_or(0),
    }))
}
