//! Proves a passkey in a session: a second factor at sign-in, or a step-up.

use axum::Json as Answer;
use axum::extract::Query;
use axum::extract::rejection::QueryRejection;
use stile_core::{Event, Principal};
use stile_factors::passkey::{self, Asserted, Purpose};
use stile_store::ledger::{self, Kind};
use stile_store::{Passkey, Step, credentials, failures, passkeys, users};

use super::{GetPasskeyAuthenticationOptionsResponse, OptionsQuery, PasskeyAuthRequest, known, noted, party};
use crate::flows::proving::{self, Wanted};
use crate::flows::{Failed, deciding};
use crate::guard::access::PendingOrFull;
use crate::guard::context::Cx;
use crate::state::error::{ApiError, Code};
use crate::state::limits::Bucket;
use crate::wire::body::Json;
use crate::wire::session::VerifyResponse;

/// Get the options for proving a passkey
///
/// `allowCredentials` holds the user's passkeys; there are none to prove when it is empty.
#[utoipa::path(
    get, path = "/users/passkeys/authenticate", operation_id = "getPasskeyAuthenticationOptions", tag = "Passkeys",
    params(OptionsQuery), responses((status = 200, body = GetPasskeyAuthenticationOptionsResponse)),
    extensions(("x-stile-access" = json!("pending")))
)]
pub async fn options(
    cx: Cx,
    me: PendingOrFull,
    query: Result<Query<OptionsQuery>, QueryRejection>,
) -> Result<Answer<GetPasskeyAuthenticationOptionsResponse>, ApiError> {
    query.map_err(|_| Code::InvalidParameter)?.check(&cx)?;
    let purpose = Purpose::Authenticate(me.session.id, me.user.id);
    let challenge = passkey::new_challenge(&cx.app.keys, cx.env.id, purpose, cx.now);
    let passkeys = cx.app.store.passkeys(cx.env.id, me.user.id).await?;
    let allowed = passkeys.iter().map(Into::into).collect();
    GetPasskeyAuthenticationOptionsResponse::new(&cx, &challenge, Some(allowed)).map(Answer)
}

/// Prove a passkey
///
/// With `requestedScopes` the answer carries an elevated access token for them.
#[utoipa::path(
    post, path = "/users/mfa/auth/passkey", operation_id = "authenticatePasskey", tag = "Passkeys",
    request_body = PasskeyAuthRequest,
    responses((status = 200, body = VerifyResponse)),
    extensions(("x-stile-access" = json!("pending")))
)]
pub async fn handle(
    cx: Cx,
    me: PendingOrFull,
    Json(body): Json<PasskeyAuthRequest>,
) -> Result<Answer<VerifyResponse>, ApiError> {
    cx.limit(Bucket::SignIn)?;
    let scopes = cx.env.settings.requested(&body.requested_scopes)?;
    let wanted = Wanted { scopes, mfa_token: body.create_mfa_token.as_ref() };
    deciding!(&cx, present = me.0.clone() => attempt(&cx, &present, &body, &wanted).await).map(Answer)
}

/// Reads the passkey and verifies the answer anew each time: the counter may have moved.
async fn attempt(
    cx: &Cx,
    me: &Principal,
    body: &PasskeyAuthRequest,
    wanted: &Wanted<'_>,
) -> Result<VerifyResponse, Failed> {
    let passkey = find(cx, body).await?.filter(|p| p.owner == me.user.id).ok_or(Code::PasskeyNotFound)?;
    let purpose = Purpose::Authenticate(me.session.id, me.user.id);
    let asserted = verify(cx, &passkey, body, purpose).await?;
    let done = prove(cx, me, &passkey, asserted, wanted).await;
    noted(cx, passkey.owner, done).await
}

async fn prove(
    cx: &Cx,
    me: &Principal,
    passkey: &Passkey,
    asserted: Asserted,
    wanted: &Wanted<'_>,
) -> Result<VerifyResponse, Failed> {
    let credential = me.credential(passkey.credential).ok_or(Code::PasskeyNotFound)?;
    let proof = asserted.proof.as_enrolled(credential);
    let mut uses_up = use_up(cx, me, passkey, &asserted)?;
    // Another method has passed: those that were guessed at may be tried again.
    uses_up.extend(proof.is_mfa().then(|| failures::forget(cx.env.id, me.user.id)));
    proving::step_up(cx, me, proof, wanted, uses_up).await
}

/// The passkey that an answer names, whoever's it is.
pub(super) async fn find(cx: &Cx, body: &PasskeyAuthRequest) -> Result<Option<Passkey>, ApiError> {
    let id = body.answer().credential_id()?;
    Ok(cx.app.store.passkey(cx.env.id, &id).await?)
}

/// Verifies an answer; a refusal is written down.
pub(super) async fn verify(
    cx: &Cx,
    passkey: &Passkey,
    body: &PasskeyAuthRequest,
    purpose: Purpose,
) -> Result<Asserted, ApiError> {
    let keys = &cx.app.keys;
    let verified =
        passkey::authenticate(keys, party(cx)?, cx.env.id, purpose, known(passkey), body.answer(), cx.now);
    match verified {
        Ok(asserted) => Ok(asserted),
        Err(error) => {
            cx.note(passkey.owner, Event::PasskeyRefused { reason: error.to_string() }).await;
            Err(error.into())
        }
    }
}

/// What a verified answer uses up and writes down: the challenge, the counter, the use, and what the passkey became.
pub(super) fn use_up(
    cx: &Cx,
    me: &Principal,
    passkey: &Passkey,
    asserted: &Asserted,
) -> Result<Vec<Step>, ApiError> {
    let until = cx.now.plus_seconds(passkey::LIFETIME_SECONDS + 120);
    let Asserted { sign_count, backup_eligible, backed_up, .. } = *asserted;
    let mut steps = vec![
        ledger::consume(Kind::Challenge, &asserted.challenge, cx.now, until),
        passkeys::mark_used(
            passkey,
            &Passkey { sign_count, backup_eligible, backed_up, ..passkey.clone() },
            cx.now,
        ),
        credentials::mark_verified(cx.env.id, passkey.owner, passkey.credential, cx.now),
    ];
    let credential = passkey.credential;
    if passkey.sign_count > 0 && sign_count == 0 {
        steps.extend(cx.record(passkey.owner, Event::PasskeyCounterStopped { credential })?);
    }
    if backup_eligible && !passkey.backup_eligible {
        steps.extend(became_synced(cx, me, passkey)?);
    }
    Ok(steps)
}

/// The passkey counts as synced from now on, and its owner is told: its key may be on other devices, too.
fn became_synced(cx: &Cx, me: &Principal, passkey: &Passkey) -> Result<Vec<Step>, ApiError> {
    let mut credential = me.credential(passkey.credential).cloned().ok_or(Code::PasskeyNotFound)?;
    let event = Event::PasskeyBecameSynced {
        credential: credential.id,
        name: credential.alias().unwrap_or("Passkey").to_owned(),
    };
    if let Some(authenticator) = &mut credential.facts.authenticator {
        authenticator.synced = true;
    }
    // A rename that was decided on the passkey as it was must not write that back.
    let mut steps = vec![
        users::bump_version(cx.env.id, &me.user),
        credentials::describe(cx.env.id, me.user.id, &credential),
    ];
    steps.extend(cx.record(me, event)?);
    Ok(steps)
}
