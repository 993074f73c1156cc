//! The user's authenticator apps: listed, named, and which factor is asked for first.

use axum::Json as Answer;
use axum::extract::Path;
use axum::http::StatusCode;
use serde::{Deserialize, Serialize};
use stile_core::{CredentialId, Event, Format};
use stile_store::{Mutation, credentials, sessions, users};
use utoipa::ToSchema;

use super::{MFADevice, devices};
use crate::flows::{Failed, deciding};
use crate::guard::access::{Me, PendingOrFull, Proven};
use crate::guard::context::Cx;
use crate::state::error::{ApiError, Code};
use crate::wire::body::MaybeJson;

/// Authenticator apps of a user, oldest first.
#[derive(Serialize, ToSchema)]
pub struct MFAListDevicesResponse {
    /// How many.
    count: usize,
    /// The devices; one that waits for its first code in this session is among them, unverified.
    devices: Vec<MFADevice>,
}

/// List the user's authenticator apps
#[utoipa::path(
    get, path = "/users/mfa", operation_id = "getMfaDevices", tag = "Second factors",
    responses((status = 200, body = MFAListDevicesResponse)), extensions(("x-stile-access" = json!("pending")))
)]
pub async fn list(cx: Cx, me: PendingOrFull) -> Result<Answer<MFAListDevicesResponse>, ApiError> {
    let devices = devices(&cx, &me, false).await?;
    Ok(Answer(MFAListDevicesResponse { count: devices.len(), devices }))
}

/// Get one of the user's authenticator apps
#[utoipa::path(
    get, path = "/users/mfa/{mfaDeviceId}", operation_id = "getMfaDevice", tag = "Second factors",
    params(("mfaDeviceId" = String, Path, description = "Device id")),
    responses((status = 200, body = MFADevice)), extensions(("x-stile-access" = json!("pending")))
)]
pub async fn one(
    cx: Cx,
    me: PendingOrFull,
    path: Path<(String, String)>,
) -> Result<Answer<MFADevice>, ApiError> {
    let Path((_, id)) = path;
    let mut all = devices(&cx, &me, false).await?;
    let place = all.iter().position(|device| device.id == id).ok_or_else(no_such_device)?;
    Ok(Answer(all.swap_remove(place)))
}

/// What to change; an empty body makes the device the default.
#[derive(Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct MFAUpdateDeviceRequest {
    /// Asked for first; only `true`: another takes the place by being made the default.
    #[serde(default)]
    default: Option<bool>,
    /// At most 64 characters; an empty one takes the name away. An addition to the contract.
    #[serde(default)]
    alias: Option<String>,
}

const MAX_ALIAS: usize = 64;

/// Update a second factor: make it the default, or rename an authenticator app
///
/// A passkey can be the default too; passkeys are named with `PUT /users/passkeys`. Whoever has a second factor must have
/// proved one in this session.
#[utoipa::path(
    put, path = "/users/mfa/{mfaDeviceId}", operation_id = "updateMfaDevice", tag = "Second factors",
    params(("mfaDeviceId" = String, Path, description = "Device id")),
    request_body(content = MFAUpdateDeviceRequest, description = "May be left out: makes the device the default"),
    responses((status = 204)), extensions(("x-stile-access" = json!("level")))
)]
pub async fn update(
    cx: Cx,
    me: Me,
    path: Path<(String, String)>,
    MaybeJson(body): MaybeJson<MFAUpdateDeviceRequest>,
) -> Result<StatusCode, ApiError> {
    let wanted = body.unwrap_or(MFAUpdateDeviceRequest { default: Some(true), alias: None });
    judge(&wanted)?;
    let Path((_, id)) = path;
    let id = id.parse().map_err(|_| no_such_device())?;
    deciding!(&cx, present = me.0.clone() => change(&cx, Proven::of(&present)?, id, &wanted).await)
}

fn judge(wanted: &MFAUpdateDeviceRequest) -> Result<(), ApiError> {
    if wanted.default == Some(false) {
        return Err(ApiError::with(Code::InvalidUpdate, "Make another factor the default instead."));
    }
    if wanted
        .alias
        .as_deref()
        .is_some_and(|a| a.chars().count() > MAX_ALIAS || a.chars().any(char::is_control))
    {
        let text = "A name has at most 64 characters without control characters.";
        return Err(ApiError::with(Code::InvalidBody, text));
    }
    Ok(())
}

async fn change(
    cx: &Cx,
    me: Proven<'_>,
    id: CredentialId,
    wanted: &MFAUpdateDeviceRequest,
) -> Result<StatusCode, Failed> {
    let mut credential = me.mfa_methods().find(|c| c.id == id).cloned().ok_or_else(no_such_device)?;
    let mut mutation = Mutation::new([users::bump_version(cx.env.id, &me.user)]);
    if wanted.default == Some(true) {
        mutation = mutation
            .and(users::prefer(cx.env.id, me.user.id, Some(id)))
            .and_all(cx.record(&*me, Event::MfaDefaultChanged { credential: id })?);
    }
    if let Some(name) = wanted.alias.as_deref().map(str::trim) {
        if credential.format() != Format::Totp {
            return Err(no_such_device().into());
        }
        credential.facts.alias = (!name.is_empty()).then(|| name.to_owned());
        mutation = mutation.and(credentials::describe(cx.env.id, me.user.id, &credential));
    }
    cx.commit(mutation.and(sessions::hold(cx.env.id, me.user.id, me.session.id))).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// What is asked for is not there, or somebody else's.
pub(super) fn no_such_device() -> ApiError {
    ApiError::with(Code::NotFound, "There is no such device on this account.")
}
