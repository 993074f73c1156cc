//! Second factors: authenticator apps, recovery codes, and what both have in common.

pub mod auth_recovery;
pub mod auth_totp;
pub mod codes;
pub mod devices;
pub mod methods;
pub mod register_totp;
pub mod remove;

use serde::Serialize;
use stile_core::{Credential, Format, Principal};
use stile_factors::totp::Secret;
use stile_store::BegunEnrolment;
use utoipa::openapi::RefOr;
use utoipa::openapi::schema::{ObjectBuilder, Schema, Type};
use utoipa::{PartialSchema, ToSchema};

use crate::flows::proving::Wanted;
use crate::guard::context::Cx;
use crate::state::error::{ApiError, Code};
use crate::state::limits::Bucket;
use crate::wire::session::CreateMfaToken;
use crate::wire::time::iso;

/// Kinds of second factors.
#[derive(Clone, Copy, Serialize)]
#[serde(transparent)]
pub struct MFADeviceType(Format);

impl PartialSchema for MFADeviceType {
    fn schema() -> RefOr<Schema> {
        // The contract names e-mail codes, too. They are no second factor here.
        let texts = Format::second_factors().map(Format::as_str).chain(["email"]);
        let shape = ObjectBuilder::new().schema_type(Type::String).enum_values(Some(texts));
        shape.description(Some("Kinds of second factors.")).into()
    }
}

impl ToSchema for MFADeviceType {}

/// An authenticator app as its owner sees it.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct MFADevice {
    #[serde(rename = "type")]
    kind: MFADeviceType,
    /// Whether a right code has been shown. Until then it counts for nothing.
    verified: bool,
    /// Device id.
    id: String,
    /// When it was added, ISO 8601.
    created_at: String,
    /// When its first code was verified, ISO 8601; null before.
    #[schema(required = true)]
    verified_at: Option<String>,
    /// Whether it is asked for first.
    default: bool,
    /// The name that the user gave it.
    #[serde(skip_serializing_if = "Option::is_none")]
    alias: Option<String>,
}

impl MFADevice {
    fn verified(credential: &Credential, me: &Principal) -> Self {
        let default = me.default_method().is_some_and(|method| method.id == credential.id);
        Self {
            kind: MFADeviceType(Format::Totp),
            verified: true,
            id: credential.id.to_string(),
            created_at: iso(credential.created_at),
            verified_at: Some(iso(credential.created_at)),
            default,
            alias: credential.alias().map(str::to_owned),
        }
    }

    fn unverified(device: &BegunEnrolment) -> Self {
        Self {
            kind: MFADeviceType(Format::Totp),
            verified: false,
            id: device.id.to_string(),
            created_at: iso(device.created_at),
            verified_at: None,
            default: false,
            alias: None,
        }
    }
}

/// The user's verified authenticator apps, oldest first.
fn apps(me: &Principal) -> impl DoubleEndedIterator<Item = &Credential> {
    me.credentials.iter().filter(|c| c.format() == Format::Totp)
}

/// The user's devices: the verified ones, and the one that waits for its first code in this session.
async fn devices(cx: &Cx, me: &Principal, verified_only: bool) -> Result<Vec<MFADevice>, ApiError> {
    let mut devices: Vec<MFADevice> = apps(me).map(|c| MFADevice::verified(c, me)).collect();
    if !verified_only {
        let waiting = waiting(cx, me).await?;
        devices.extend(waiting.as_ref().map(MFADevice::unverified));
    }
    Ok(devices)
}

/// The device that waits for its first code in this session.
async fn waiting(cx: &Cx, me: &Principal) -> Result<Option<BegunEnrolment>, ApiError> {
    Ok(cx.app.store.begun_last(me.session.id, Format::Totp, cx.now).await?)
}

/// The secret of a device that waits.
fn secret_of(cx: &Cx, device: &BegunEnrolment) -> Result<Secret, ApiError> {
    let sealed =
        device.sealed.as_deref().ok_or_else(|| ApiError::internal("a device waits without a secret"))?;
    Secret::open(&cx.app.keys, cx.env.id, device.id, sealed).map_err(ApiError::internal)
}

/// Whether the user may hold one more authenticator app.
fn room_for_one(cx: &Cx, me: &Principal) -> Result<(), ApiError> {
    let max = cx.env.settings.security.mfa.max_totp_per_user;
    if apps(me).count() < usize::try_from(max).unwrap_or(usize::MAX) {
        Ok(())
    } else {
        Err(Code::MaxMfaDevices.into())
    }
}

/// The longest answer that is looked at, in bytes; codes are far shorter.
const MAX_ANSWER: usize = 200;

/// What a code is shown for. Refuses what is nothing to ask for, and what cannot be a code at all: nothing is judged, and
/// nothing counted.
fn wanted<'a>(
    cx: &Cx,
    code: &str,
    scopes: &[String],
    mfa_token: Option<&'a CreateMfaToken>,
) -> Result<Wanted<'a>, ApiError> {
    cx.limit(Bucket::SignIn)?;
    let scopes = cx.env.settings.requested(scopes)?;
    if code.trim().is_empty() || code.len() > MAX_ANSWER {
        return Err(Code::MfaInvalidRequest.into());
    }
    Ok(Wanted { scopes, mfa_token })
}
