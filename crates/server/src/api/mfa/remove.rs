//! Removes an authenticator app.

use axum::extract::Path;
use axum::http::{HeaderMap, StatusCode};
use stile_core::{CredentialId, Event, Format, Principal};
use stile_store::{Mutation, users};

use super::devices::no_such_device;
use crate::flows::{Failed, deciding, removal};
use crate::guard::access::Me;
use crate::guard::context::Cx;
use crate::guard::gate::{self, Permit};
use crate::state::error::ApiError;

/// Delete an authenticator app
///
/// Needs `credential:unlink`. Sessions that the app raised owe a second factor again, this one too unless its other
/// proofs give its level. With the last second factor the recovery codes stop working.
#[utoipa::path(
    delete, path = "/users/mfa/{mfaDeviceId}", operation_id = "deleteMfaDevice", tag = "Second factors",
    params(("mfaDeviceId" = String, Path, description = "Device id")),
    responses((status = 204)), extensions(("x-stile-access" = json!("gated")))
)]
pub async fn handle(
    cx: Cx,
    me: Me,
    headers: HeaderMap,
    path: Path<(String, String)>,
) -> Result<StatusCode, ApiError> {
    let Path((_, id)) = path;
    let id: Result<CredentialId, _> = id.parse();
    let target = id.as_ref().ok().and_then(|id| me.credential(*id));
    let permit = gate::pass_over(&cx, &me, &gate::MFA_DEVICE_DELETE, &headers, target).await?;
    let id = id.map_err(|_| no_such_device())?;
    deciding!(&cx, present = me.0.clone() => remove(&cx, &present, &permit, id).await)
}

async fn remove(
    cx: &Cx,
    me: &Principal,
    permit: &Permit<gate::CredentialUnlink>,
    id: CredentialId,
) -> Result<StatusCode, Failed> {
    permit.still_holds(cx, me)?;
    let app = me.credential(id).filter(|c| c.format() == Format::Totp).ok_or_else(no_such_device)?;
    let name = app.alias().unwrap_or("Authenticator app").to_owned();
    let event = Event::TotpRemoved { credential: id, permit: permit.how().into(), name };
    let mut after = me.clone();
    let removed = removal::removed(cx, &mut after, id).await?;
    let mutation = Mutation::new([users::bump_version(cx.env.id, &me.user)])
        .and_all(removed)
        .and_all(cx.record(me, event)?);
    cx.commit(mutation).await?;
    Ok(StatusCode::NO_CONTENT)
}
