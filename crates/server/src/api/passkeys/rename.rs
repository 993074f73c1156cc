//! Gives a passkey another name.

use axum::Json as Answer;
use serde::Deserialize;
use stile_core::{CredentialId, Format};
use stile_store::{Mutation, credentials, passkeys, sessions, users};
use utoipa::ToSchema;

use crate::flows::{Failed, deciding};
use crate::guard::access::{Me, Proven};
use crate::guard::context::Cx;
use crate::state::error::{ApiError, Code};
use crate::wire::body::Json;
use crate::wire::passkey::UserPasskey;

const MAX_ALIAS: usize = 64;

/// Another name.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct UpdateUserPasskeyRequest {
    /// Record id.
    id: String,
    /// At most 64 characters; absent or empty takes the name away.
    #[serde(default)]
    alias: Option<String>,
}

/// Rename a passkey
///
/// Whoever has a second factor must have proved one in this session.
#[utoipa::path(
    put, path = "/users/passkeys", operation_id = "renamePasskey", tag = "Passkeys",
    request_body = UpdateUserPasskeyRequest,
    responses((status = 200, body = UserPasskey)), extensions(("x-stile-access" = json!("level")))
)]
pub async fn handle(
    cx: Cx,
    me: Me,
    Json(body): Json<UpdateUserPasskeyRequest>,
) -> Result<Answer<UserPasskey>, ApiError> {
    let alias = body.alias.as_deref().map(str::trim).filter(|alias| !alias.is_empty());
    if alias.is_some_and(|a| a.chars().count() > MAX_ALIAS || a.chars().any(char::is_control)) {
        return Err(ApiError::with(
            Code::InvalidBody,
            "A name has at most 64 characters without control characters.",
        ));
    }
    let id = body.id.parse().map_err(|_| Code::PasskeyNotFound)?;
    deciding!(&cx, present = me.0.clone() => rename(&cx, Proven::of(&present)?, id, alias).await)
}

async fn rename(
    cx: &Cx,
    me: Proven<'_>,
    id: CredentialId,
    alias: Option<&str>,
) -> Result<Answer<UserPasskey>, Failed> {
    let mut credential = me.credential(id).cloned().ok_or(Code::PasskeyNotFound)?;
    if credential.format() != Format::Passkey {
        return Err(Code::PasskeyNotFound.into());
    }
    credential.facts.alias = alias.map(str::to_owned);
    let mutation = Mutation::new([
        users::bump_version(cx.env.id, &me.user),
        credentials::describe(cx.env.id, me.user.id, &credential),
        passkeys::mark_renamed(id, cx.now),
        sessions::hold(cx.env.id, me.user.id, me.session.id),
    ]);
    cx.commit(mutation).await?;
    let all = cx.app.store.passkeys(cx.env.id, me.user.id).await?;
    let passkey = all.iter().find(|p| p.credential == id).ok_or(Code::PasskeyNotFound)?;
    Ok(Answer(UserPasskey::of(passkey, alias)))
}
