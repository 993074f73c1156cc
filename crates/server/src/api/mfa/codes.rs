//! Recovery codes: shown until they are acknowledged, and made anew.

use axum::Json as Answer;
use serde::Serialize;
use stile_core::{Acknowledgement, Event, Principal, policy};
use stile_factors::recovery_code;
use stile_store::{Mutation, sessions, users};
use utoipa::ToSchema;
use zeroize::Zeroizing;

use crate::flows::{Failed, deciding, recovery_codes};
use crate::guard::access::Me;
use crate::guard::context::Cx;
use crate::state::error::{ApiError, Code};
use crate::state::limits::Bucket;

/// Recovery codes that can still be used.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct MFAGetRecoveryCodesResponse {
    /// How many.
    count: usize,
    /// The codes; each works once.
    recovery_codes: Vec<String>,
}

/// A new set of recovery codes.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct MFARegenRecoveryCodesResponse {
    /// How many.
    count: usize,
    /// The codes; each works once.
    recovery_codes: Vec<String>,
}

/// Get the recovery codes
///
/// Until they are acknowledged, for a day at most; makes a set when there is none to show. Needs a passkey or an
/// authenticator app that was proved in this session within ten minutes: a recovery code does not do.
#[utoipa::path(
    get, path = "/users/mfa/recovery", operation_id = "getRecoveryCodes", tag = "Second factors",
    responses((status = 200, body = MFAGetRecoveryCodesResponse)), extensions(("x-stile-access" = json!("session")))
)]
pub async fn show(cx: Cx, me: Me) -> Result<Answer<MFAGetRecoveryCodesResponse>, ApiError> {
    cx.limit(Bucket::SignIn)?;
    let recovery_codes = deciding!(&cx, present = me.0.clone() => present_or_new(&cx, &present).await)?;
    Ok(Answer(MFAGetRecoveryCodesResponse { count: recovery_codes.len(), recovery_codes }))
}

/// Create new recovery codes
///
/// The old ones stop working at once. Needs what showing them needs.
#[utoipa::path(
    post, path = "/users/mfa/recovery", operation_id = "createRecoveryCodes", tag = "Second factors",
    responses((status = 200, body = MFARegenRecoveryCodesResponse)), extensions(("x-stile-access" = json!("session")))
)]
pub async fn renew(cx: Cx, me: Me) -> Result<Answer<MFARegenRecoveryCodesResponse>, ApiError> {
    cx.limit(Bucket::SignIn)?;
    let recovery_codes = deciding!(&cx, present = me.0.clone() => made(&cx, &present).await)?;
    Ok(Answer(MFARegenRecoveryCodesResponse { count: recovery_codes.len(), recovery_codes }))
}

fn may(cx: &Cx, me: &Principal) -> Result<(), ApiError> {
    if !me.has_mfa() {
        return Err(Code::RecoveryCodesNotAvailable.into());
    }
    if policy::may_see_codes(me, cx.now) { Ok(()) } else { Err(Code::RecentMfaRequired.into()) }
}

async fn present_or_new(cx: &Cx, me: &Principal) -> Result<Vec<String>, Failed> {
    may(cx, me)?;
    if me.user.recovery == Some(Acknowledgement::Complete) {
        return Err(Code::RecoveryCodesAcknowledged.into());
    }
    let Some(sealed) = cx.app.store.shown_recovery_codes(me.user.id, cx.now).await? else {
        return made(cx, me).await;
    };
    let plain =
        cx.app.keys.seal.open(&recovery_codes::context(cx, me), &sealed).map_err(ApiError::internal)?;
    let set: Zeroizing<Vec<String>> =
        Zeroizing::new(serde_json::from_slice(&plain).map_err(ApiError::internal)?);
    // Those that were used meanwhile are none any more.
    let left = cx.app.store.recovery_codes(me.user.id).await?;
    let hash = |code: &String| recovery_code::hash(&cx.app.keys, cx.env.id, me.user.id, code);
    Ok(set.iter().filter(|code| left.contains(&hash(code))).cloned().collect())
}

async fn made(cx: &Cx, me: &Principal) -> Result<Vec<String>, Failed> {
    may(cx, me)?;
    if !recovery_codes::are_allowed(cx, me) {
        return Err(Code::RecoveryCodesNotAvailable.into());
    }
    let (set, steps) = recovery_codes::renew(cx, me)?;
    let mutation = Mutation::new([users::bump_version(cx.env.id, &me.user)])
        .and_all(steps)
        .and(sessions::hold(cx.env.id, me.user.id, me.session.id))
        .and_all(cx.record(me, Event::RecoveryCodesMade)?);
    cx.commit(mutation).await?;
    Ok(set.to_vec())
}
