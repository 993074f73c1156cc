//! Begins enrolling an authenticator app: a secret, that counts for nothing until its first code.

use axum::Json as Answer;
use axum::http::HeaderMap;
use serde::Serialize;
use stile_core::{CredentialId, Event, Format, Principal, Scope};
use stile_factors::totp::{Secret, UNVERIFIED_SECONDS};
use stile_keys::random;
use stile_store::{BegunEnrolment, Mutation, begun, sessions, users};
use utoipa::ToSchema;

use super::{MFADeviceType, room_for_one, secret_of, waiting};
use crate::guard::access::PendingOrFull;
use crate::guard::context::Cx;
use crate::guard::gate::{self, Permit};
use crate::guard::tokens;
use crate::state::error::{ApiError, Code};
use crate::state::limits::Bucket;
use crate::wire::headers::text;

/// An authenticator app to be set up.
#[derive(Serialize, ToSchema)]
pub struct MFARegisterTotpDeviceGetResponse {
    /// Device id.
    id: String,
    #[serde(rename = "type")]
    kind: MFADeviceType,
    /// The secret in base32, for typing it in.
    secret: String,
    /// `otpauth://` URI, for a QR code.
    uri: String,
}

/// Begin enrolling an authenticator app
///
/// Needs `credential:link`, or, for the first factor, a proof given in this session within
/// `recentProof.firstFactorSeconds`. The device waits ten minutes for its first code in this session, and replaces one
/// that waited. Repeating the request with the same elevated token gives the same device.
#[utoipa::path(
    get, path = "/users/mfa/register/totp", operation_id = "registerTotpDevice", tag = "Second factors",
    responses((status = 200, body = MFARegisterTotpDeviceGetResponse)),
    extensions(("x-stile-access" = json!("gated")))
)]
pub async fn handle(
    cx: Cx,
    me: PendingOrFull,
    headers: HeaderMap,
) -> Result<Answer<MFARegisterTotpDeviceGetResponse>, ApiError> {
    cx.limit(Bucket::SignIn)?;
    if !cx.env.settings.security.mfa.offers(Format::Totp) {
        return Err(Code::MfaMethodNotOffered.into());
    }
    if let Some(device) = repeated(&cx, &me, &headers).await? {
        return Ok(Answer(shown(&cx, &me, device.id, &secret_of(&cx, &device)?)));
    }
    room_for_one(&cx, &me)?;
    let permit = gate::pass(&cx, &me, &gate::TOTP_REGISTER, &headers).await?;
    begin(&cx, &me, &permit).await.map(Answer)
}

/// The device that this very token asked for before in this session. Whoever holds the token has proved a factor; a
/// bearer alone never gets a secret twice.
async fn repeated(cx: &Cx, me: &Principal, headers: &HeaderMap) -> Result<Option<BegunEnrolment>, ApiError> {
    let Some(token) = text(headers, "x-dyn-elevated-access-token").filter(|token| !token.is_empty()) else {
        return Ok(None);
    };
    let Some(device) = waiting(cx, me).await? else { return Ok(None) };
    // A token that does not hold is the gate's to judge: a recent proof may do without it.
    let Ok(claims) = tokens::verify_elevated(cx, token, me.session.level) else { return Ok(None) };
    if gate::belongs(cx, me, &claims, &Scope::CredentialLink).is_err() {
        return Ok(None);
    }
    let same = device.token == Some(gate::ledger_key(cx, &claims)) && device.permit.epoch == me.user.epoch;
    Ok(Some(device).filter(|_| same))
}

async fn begin(
    cx: &Cx,
    me: &Principal,
    permit: &Permit<gate::CredentialLink>,
) -> Result<MFARegisterTotpDeviceGetResponse, ApiError> {
    // `credential:link` is protected always: there is no permit for it without evidence.
    let ends_at = cx.now.plus_seconds(UNVERIFIED_SECONDS);
    let begun = permit.begun(me, ends_at).ok_or(Code::ElevatedTokenRequired)?;
    let id = CredentialId::new(cx.now, random::bytes());
    let secret = Secret::generate();
    let device = BegunEnrolment {
        id,
        session: me.session.id,
        format: Format::Totp,
        permit: begun,
        token: permit.claims().map(|claims| gate::ledger_key(cx, claims)),
        sealed: Some(secret.seal(&cx.app.keys, cx.env.id, id).map_err(ApiError::internal)?),
        created_at: cx.now,
    };
    // The permit was judged for the factors of the user as read: the device is one of that version.
    let mutation = Mutation::new([
        users::hold_version(cx.env.id, &me.user),
        sessions::hold(cx.env.id, me.user.id, me.session.id),
        begun::give_up_all(me.session.id, Format::Totp),
        begun::insert(&device),
    ])
    .and_all(cx.record(me, Event::TotpBegun { credential: id, permit: permit.how().into() })?);
    cx.commit(mutation).await?;
    Ok(shown(cx, me, id, &secret))
}

fn shown(cx: &Cx, me: &Principal, id: CredentialId, secret: &Secret) -> MFARegisterTotpDeviceGetResponse {
    let user = me.user.id.to_string();
    let account = me.email().or(me.user.profile.username.as_deref()).unwrap_or(&user);
    MFARegisterTotpDeviceGetResponse {
        id: id.to_string(),
        kind: MFADeviceType(Format::Totp),
        secret: secret.text().to_string(),
        uri: secret.uri(&cx.env.settings.general.display_name, account).to_string(),
    }
}
