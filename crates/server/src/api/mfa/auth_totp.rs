//! Proves an authenticator app. The first right code verifies the device.

use axum::Json as Answer;
use serde::Deserialize;
use stile_core::guessing::Allowance;
use stile_core::{Credential, CredentialId, Event, Facts, Format, Method, Principal, Proof, Scope, policy};
use stile_factors::totp::{self, Secret};
use stile_store::{
    BegunEnrolment, CommitError, Miss, Mutation, TotpDevice, begun, buckets, credentials,
    sessions as stored_sessions, totp as rows,
};
use utoipa::ToSchema;

use super::{apps, room_for_one, secret_of, waiting, wanted};
use crate::flows::proving::{self, Enrolment, Wanted};
use crate::flows::{Failed, deciding, guesses, sessions};
use crate::guard::access::PendingOrFull;
use crate::guard::context::Cx;
use crate::state::error::{ApiError, Code};
use crate::wire::body::{Json, null_is_absent};
use crate::wire::session::{CreateMfaToken, VerifyResponse};

/// A code of an authenticator app.
#[derive(Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct MFAAuthTotpDevicePostRequest {
    /// Device id; without it the user's default device.
    #[serde(default)]
    id: Option<String>,
    /// Six digits, in any spelling.
    code: String,
    /// Asks for a legacy MFA token.
    #[serde(default)]
    create_mfa_token: Option<CreateMfaToken>,
    /// Scopes for an elevated access token.
    #[serde(default, deserialize_with = "null_is_absent")]
    requested_scopes: Vec<String>,
}

/// Prove an authenticator app
///
/// With `requestedScopes` the answer carries an elevated access token for them. The first right code of a new device
/// verifies it.
#[utoipa::path(
    post, path = "/users/mfa/auth/totp", operation_id = "authenticateTotp", tag = "Second factors",
    request_body = MFAAuthTotpDevicePostRequest,
    responses((status = 200, body = VerifyResponse)),
    extensions(("x-stile-access" = json!("pending")))
)]
pub async fn handle(
    cx: Cx,
    me: PendingOrFull,
    Json(body): Json<MFAAuthTotpDevicePostRequest>,
) -> Result<Answer<VerifyResponse>, ApiError> {
    let wanted = wanted(&cx, &body.code, &body.requested_scopes, body.create_mfa_token.as_ref())?;
    let id = body.id.as_deref().map(str::parse).transpose().map_err(|_| Code::MfaDeviceNotFound)?;
    deciding!(&cx, present = me.0.clone() => prove(&cx, &present, id, &body.code, &wanted).await).map(Answer)
}

async fn prove(
    cx: &Cx,
    me: &Principal,
    id: Option<CredentialId>,
    code: &str,
    wanted: &Wanted<'_>,
) -> Result<VerifyResponse, Failed> {
    if let Some(id) = chosen(me, id) {
        return step_up(cx, me, id, code, wanted).await;
    }
    let device = waiting(cx, me).await?.filter(|device| id.is_none_or(|id| id == device.id));
    verify(cx, me, &device.ok_or(Code::MfaDeviceNotFound)?, code, wanted).await
}

/// The verified device that is meant: the one named, else the default one, else the newest.
fn chosen(me: &Principal, id: Option<CredentialId>) -> Option<CredentialId> {
    if let Some(id) = id {
        return apps(me).map(|c| c.id).find(|app| *app == id);
    }
    let default = me.default_method().map(|c| c.id);
    apps(me).map(|c| c.id).find(|app| Some(*app) == default).or_else(|| apps(me).next_back().map(|c| c.id))
}

async fn step_up(
    cx: &Cx,
    me: &Principal,
    id: CredentialId,
    code: &str,
    wanted: &Wanted<'_>,
) -> Result<VerifyResponse, Failed> {
    // Judged before the code, so that a refusal says nothing about it.
    sessions::elevation(cx, me, Proof::code(Format::Totp, id, cx.now), &wanted.scopes)?;
    let guess = guesses::admit(cx, me, Method::Of(Format::Totp)).await?;
    let device = cx.app.store.totp_device(cx.env.id, me.user.id, id).await?.ok_or(Code::MfaDeviceNotFound)?;
    let secret = Secret::open(&cx.app.keys, cx.env.id, id, &device.sealed).map_err(ApiError::internal)?;
    let Some(right) = totp::judge(&secret, device.last_step, code, cx.now) else {
        return Err(guesses::wrong(cx, me, &guess).await.into());
    };
    let mut uses_up =
        vec![rows::advance(id, right.step()), credentials::mark_verified(cx.env.id, me.user.id, id, cx.now)];
    uses_up.extend(guesses::right(me, &guess, cx.now));
    match proving::step_up(cx, me, right.proof(id), wanted, uses_up).await {
        Err(failed) => Err(guesses::late(cx, me, &guess, failed).await),
        proved => proved,
    }
}

/// The first code of a device. Wrong ones lock nothing: a device that counts for nothing locks nobody out.
async fn verify(
    cx: &Cx,
    me: &Principal,
    device: &BegunEnrolment,
    code: &str,
    wanted: &Wanted<'_>,
) -> Result<VerifyResponse, Failed> {
    if !cx.env.settings.security.mfa.offers(Format::Totp) {
        return Err(Code::MfaMethodNotOffered.into());
    }
    // The permit was for the factors, the rules and the time of then. A device is not enrolled beside a factor that came
    // since (CVE-2023-3597), nor by one that was removed since, nor across a recovery or a reset.
    if !policy::may_complete(&cx.env.settings, me, &device.permit, &Scope::CredentialLink, cx.now) {
        return Err(Code::MfaRequired.into());
    }
    room_for_one(cx, me)?;
    let id = device.id;
    let facts = Facts::of(Format::Totp);
    let credential = Credential { id, facts, sign_in: false, created_at: cx.now, verified_at: cx.now };
    let told =
        cx.record(me, Event::TotpAdded { credential: id, permit: device.permit.how.clone().into() })?;
    let mut enrolment = Enrolment {
        credential,
        identifier: id.as_bytes(),
        keep: None,
        by: Some(device.permit.evidence.credential),
        told,
    };
    // Judged before the code, so that a refusal says nothing about it.
    let proof = Proof::code(Format::Totp, id, cx.now);
    sessions::elevation(cx, &enrolment.after(me), proof, &wanted.scopes)?;
    let Some(right) = totp::judge(&secret_of(cx, device)?, -1, code, cx.now) else {
        return Err(wrong_first(cx, me, id).await.into());
    };
    enrolment.keep = Some(rows::insert(&TotpDevice {
        credential: id,
        sealed: device.sealed.clone().unwrap_or_default(),
        last_step: right.step(),
    }));
    let uses_up =
        vec![stored_sessions::hold(cx.env.id, me.user.id, me.session.id), begun::use_up(me.session.id, id)];
    let proved = proving::enrol(cx, me, enrolment, right.proof(id), wanted, uses_up).await;
    Ok(proved.map_err(|failed| failed.when(guesses::missed))?.answer)
}

/// So many wrong first codes give a device up. Who scanned its secret needs few; who stole the bearer alone cannot go
/// on guessing at the owner's enrolment.
const FIRST_CODES: Allowance = Allowance::new(10, 600);

async fn wrong_first(cx: &Cx, me: &Principal, id: CredentialId) -> ApiError {
    let tries = cx.app.keys.counter.tag(&[b"first-codes", id.as_bytes()]);
    let refused = || cx.refused(me, &Event::TotpRefused { credential: id });
    let counted = Mutation::new([buckets::spend(tries, FIRST_CODES, cx.now), refused()]);
    match cx.commit(counted).await {
        Ok(()) => Code::MfaInvalidCode.into(),
        Err(CommitError::Missed(Miss::LockedOut)) => {
            let given_up = Mutation::new([begun::use_up(me.session.id, id), refused()]);
            match cx.commit(given_up).await {
                Ok(()) | Err(CommitError::Missed(Miss::AlreadyUsed)) => Code::MfaDeviceNotFound.into(),
                Err(error) => error.into(),
            }
        }
        Err(error) => error.into(),
    }
}
