//! Signs in with a passkey alone (discoverable credential, conditional UI).

use axum::Json as Answer;
use axum::extract::Query;
use axum::extract::rejection::QueryRejection;
use axum::http::HeaderMap;
use stile_core::{Event, Format, Scopes};
use stile_factors::passkey::{self, Asserted, Purpose};
use stile_store::Passkey;

use super::authenticate::{find, use_up, verify};
use super::{GetPasskeyAuthenticationOptionsResponse, OptionsQuery, PasskeyAuthRequest, noted};
use crate::api::openapi::DeviceHeaders;
use crate::flows::proving::{self, Arrival};
use crate::flows::sessions::{self, Browser};
use crate::flows::{Failed, deciding};
use crate::guard::act::About;
use crate::guard::context::Cx;
use crate::state::error::{ApiError, Code};
use crate::state::limits::Bucket;
use crate::wire::body::Json;
use crate::wire::session::VerifyResponse;

/// Get the options for signing in with a passkey
#[utoipa::path(
    get, path = "/users/passkeys/signin", operation_id = "getPasskeySignInOptions", tag = "Passkeys",
    params(OptionsQuery), responses((status = 200, body = GetPasskeyAuthenticationOptionsResponse)),
    extensions(("x-stile-access" = json!("public")))
)]
pub async fn options(
    cx: Cx,
    query: Result<Query<OptionsQuery>, QueryRejection>,
) -> Result<Answer<GetPasskeyAuthenticationOptionsResponse>, ApiError> {
    query.map_err(|_| Code::InvalidParameter)?.check(&cx)?;
    offered(&cx)?;
    let challenge = passkey::new_challenge(&cx.app.keys, cx.env.id, Purpose::SignIn, cx.now);
    GetPasskeyAuthenticationOptionsResponse::new(&cx, &challenge, None).map(Answer)
}

/// Sign in with a passkey
///
/// A device proof that comes along binds the session to its key.
#[utoipa::path(
    post, path = "/users/passkeys/signin", operation_id = "signInWithPasskey", tag = "Passkeys",
    request_body = PasskeyAuthRequest, params(DeviceHeaders),
    responses((status = 200, body = VerifyResponse)),
    extensions(("x-stile-access" = json!("public")))
)]
pub async fn handle(
    cx: Cx,
    headers: HeaderMap,
    Json(body): Json<PasskeyAuthRequest>,
) -> Result<Answer<VerifyResponse>, ApiError> {
    cx.limit(Bucket::SignIn)?;
    offered(&cx)?;
    let browser = Browser::of(&cx, &headers, None).await?;
    let scopes = cx.env.settings.requested(&body.requested_scopes)?;
    deciding!(attempt(&cx, &body, &browser, &scopes).await).map(Answer)
}

/// Reads the passkey and verifies the answer anew each time: the counter may have moved.
async fn attempt(
    cx: &Cx,
    body: &PasskeyAuthRequest,
    browser: &Browser,
    scopes: &Scopes,
) -> Result<VerifyResponse, Failed> {
    let Some(passkey) = find(cx, body).await? else {
        // Nobody's, but somebody tried: a passkey that was removed, or one that was made up.
        let reason = Code::PasskeyNotFound.as_str().to_owned();
        cx.note(About::Nobody, Event::PasskeyRefused { reason }).await;
        return Err(Code::PasskeyNotFound.into());
    };
    let asserted = verify(cx, &passkey, body, Purpose::SignIn).await?;
    let done = sign_in(cx, &passkey, asserted, browser, scopes).await;
    noted(cx, passkey.owner, done).await
}

async fn sign_in(
    cx: &Cx,
    passkey: &Passkey,
    asserted: Asserted,
    browser: &Browser,
    scopes: &Scopes,
) -> Result<VerifyResponse, Failed> {
    let account =
        cx.app.store.account_by_identifier(cx.env.id, Format::Passkey, &passkey.webauthn_id).await?;
    let account = account.ok_or(Code::PasskeyNotFound)?;
    let credential =
        account.credentials.iter().find(|c| c.id == passkey.credential).ok_or(Code::PasskeyNotFound)?;
    if !credential.sign_in {
        return Err(Code::CredentialNotEnabledForSignIn.into());
    }
    let proof = asserted.proof.as_enrolled(credential);
    let hold_user = sessions::visit(cx, &account);
    let arrival = Arrival { account, hold_user, new_user: false, browser: browser.clone() };
    proving::sign_in(cx, arrival, proof, scopes, |me| use_up(cx, me, passkey, &asserted)).await
}

fn offered(cx: &Cx) -> Result<(), ApiError> {
    if Format::Passkey.may_sign_in(&cx.env.settings) {
        Ok(())
    } else {
        Err(ApiError::with(
            Code::PasskeysNotConfigured,
            "Signing in with a passkey is off in this environment.",
        ))
    }
}
