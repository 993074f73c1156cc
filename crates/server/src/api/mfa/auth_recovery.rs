//! Uses a recovery code in the place of a second factor.

use axum::Json as Answer;
use serde::Deserialize;
use stile_core::{Event, Method, Principal, Proof};
use stile_factors::recovery_code;
use stile_store::{Mutation, known_devices, recovery_codes, sessions as rows, users};
use utoipa::ToSchema;

use super::wanted;
use crate::flows::proving::{self, Wanted};
use crate::flows::{Failed, deciding, guesses, sessions};
use crate::guard::access::PendingOrFull;
use crate::guard::context::Cx;
use crate::state::error::{ApiError, Code};
use crate::wire::body::{Json, null_is_absent};
use crate::wire::session::{CreateMfaToken, VerifyResponse};

/// A recovery code.
#[derive(Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct MFAAuthRecoveryDevicePostRequest {
    /// One of the user's recovery codes, in any spelling.
    code: String,
    /// Asks for a legacy MFA token.
    #[serde(default)]
    create_mfa_token: Option<CreateMfaToken>,
    /// Scopes for an elevated access token.
    #[serde(default, deserialize_with = "null_is_absent")]
    requested_scopes: Vec<String>,
}

/// Use a recovery code
///
/// It stands in for a second factor, once. Elevated tokens that the user held before stop working, and nothing that
/// was proved before counts any more.
#[utoipa::path(
    post, path = "/users/mfa/auth/recovery", operation_id = "authenticateRecoveryCode", tag = "Second factors",
    request_body = MFAAuthRecoveryDevicePostRequest,
    responses((status = 200, body = VerifyResponse)),
    extensions(("x-stile-access" = json!("pending")))
)]
pub async fn handle(
    cx: Cx,
    me: PendingOrFull,
    Json(body): Json<MFAAuthRecoveryDevicePostRequest>,
) -> Result<Answer<VerifyResponse>, ApiError> {
    let wanted = wanted(&cx, &body.code, &body.requested_scopes, body.create_mfa_token.as_ref())?;
    deciding!(&cx, present = me.0.clone() => recover(&cx, &present, &body.code, &wanted).await).map(Answer)
}

async fn recover(cx: &Cx, me: &Principal, code: &str, wanted: &Wanted<'_>) -> Result<VerifyResponse, Failed> {
    // CVE-2022-36071: a code is worth nothing without a factor that it stands in for.
    let method = me.default_method().map(|c| c.id).ok_or(Code::RecoveryCodesNotAvailable)?;
    // Judged before the code, so that a refusal says nothing about it.
    sessions::elevation(cx, me, Proof::recovery(method, cx.now), &wanted.scopes)?;
    let guess = guesses::admit(cx, me, Method::RecoveryCode).await?;
    let hash = recovery_code::hash(&cx.app.keys, cx.env.id, me.user.id, code);
    let codes = cx.app.store.recovery_codes(me.user.id).await?;
    if !codes.contains(&hash) {
        return Err(guesses::wrong(cx, me, &guess).await.into());
    }
    let left = u32::try_from(codes.len()).unwrap_or(0).saturating_sub(1);
    let mut after = me.clone();
    after.user.version += 1;
    after.user.epoch += 1;
    // What second factors proved before is worth as little as the tokens that they gave: who needs a code has lost one,
    // perhaps to somebody who is signed in.
    after.session.proofs.retain(|proof| !proof.is_mfa());
    let told = cx.record(me, Event::RecoveryCodeUsed { left })?;
    let before = Mutation::new([
        users::bump_version(cx.env.id, &me.user),
        users::bump_epoch(cx.env.id, me.user.id),
        recovery_codes::use_up(me.user.id, hash),
    ])
    .and_all(guesses::right(me, &guess, cx.now))
    // What the sign-in that this finishes makes known comes after this.
    .and_all([
        known_devices::forget_all(me.user.id, None),
        rows::forget_proofs(cx.env.id, me.user.id, me.session.id),
    ]);
    let proof = recovery_code::proof(method, cx.now);
    match proving::prove(cx, &after, before, proof, wanted, told).await {
        Ok(proved) => Ok(proved.answer),
        Err(failed) => Err(guesses::late(cx, me, &guess, failed).await),
    }
}
