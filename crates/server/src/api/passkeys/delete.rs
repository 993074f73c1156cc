//! Removes a passkey.

use axum::http::{HeaderMap, StatusCode};
use serde::Deserialize;
use stile_core::{CredentialId, Event, Format, Principal};
use stile_store::{Mutation, users};
use utoipa::ToSchema;

use crate::guard::access::Me;

use crate::flows::{Failed, deciding, removal};
use crate::guard::context::Cx;
use crate::guard::gate::{self, Permit};
use crate::state::error::{ApiError, Code};
use crate::wire::body::Json;

/// Which passkey.
#[derive(Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct DeleteUserPasskeyRequest {
    /// Record id, not the WebAuthn credential id.
    passkey_id: String,
}

/// Delete a passkey
///
/// Needs `credential:unlink`. Sessions that the passkey opened end; those that it raised owe a second factor again. The
/// session that asks stays as long as its other proofs give its level.
#[utoipa::path(
    delete, path = "/users/passkeys", operation_id = "deletePasskey", tag = "Passkeys",
    request_body = DeleteUserPasskeyRequest,
    responses((status = 204)), extensions(("x-stile-access" = json!("gated")))
)]
pub async fn handle(
    cx: Cx,
    me: Me,
    headers: HeaderMap,
    Json(body): Json<DeleteUserPasskeyRequest>,
) -> Result<StatusCode, ApiError> {
    let id: Result<CredentialId, _> = body.passkey_id.parse();
    let target = id.as_ref().ok().and_then(|id| me.credential(*id));
    let permit = gate::pass_over(&cx, &me, &gate::PASSKEY_DELETE, &headers, target).await?;
    let id = id.map_err(|_| Code::PasskeyNotFound)?;
    deciding!(&cx, present = me.0.clone() => remove(&cx, &present, &permit, id).await)
}

async fn remove(
    cx: &Cx,
    me: &Principal,
    permit: &Permit<gate::CredentialUnlink>,
    id: CredentialId,
) -> Result<StatusCode, Failed> {
    permit.still_holds(cx, me)?;
    let passkey = me.credential(id).filter(|c| c.format() == Format::Passkey).ok_or(Code::PasskeyNotFound)?;
    removal::keep_a_way_in(cx, me, id)?;
    let name = passkey.alias().unwrap_or("Passkey").to_owned();
    let event = Event::PasskeyRemoved { credential: id, permit: permit.how().into(), name };
    let mut after = me.clone();
    let removed = removal::removed(cx, &mut after, id).await?;
    let mutation = Mutation::new([users::bump_version(cx.env.id, &me.user)])
        .and_all(removed)
        .and_all(cx.record(me, event)?);
    cx.commit(mutation).await?;
    Ok(StatusCode::NO_CONTENT)
}
