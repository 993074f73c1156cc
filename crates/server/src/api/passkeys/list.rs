//! The user's passkeys.

use axum::Json as Answer;
use serde::Serialize;
use utoipa::ToSchema;

use crate::guard::access::PendingOrFull;
use crate::guard::context::Cx;
use crate::state::error::ApiError;
use crate::wire::passkey::UserPasskey;

/// Passkeys of a user, oldest first.
#[derive(Serialize, ToSchema)]
pub struct GetUserPasskeysResponse {
    /// How many.
    count: usize,
    /// The passkeys.
    passkeys: Vec<UserPasskey>,
}

/// List the user's passkeys
#[utoipa::path(
    get, path = "/users/passkeys", operation_id = "getPasskeys", tag = "Passkeys",
    responses((status = 200, body = GetUserPasskeysResponse)), extensions(("x-stile-access" = json!("pending")))
)]
pub async fn handle(cx: Cx, me: PendingOrFull) -> Result<Answer<GetUserPasskeysResponse>, ApiError> {
    let passkeys = cx.app.store.passkeys(cx.env.id, me.user.id).await?;
    let passkeys = UserPasskey::all(&passkeys, &me);
    Ok(Answer(GetUserPasskeysResponse { count: passkeys.len(), passkeys }))
}
