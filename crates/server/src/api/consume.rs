//! Spends an elevated access token for an action of the app's own, guarded by a scope of the environment's own.

use axum::Json as Answer;
use axum::http::HeaderMap;
use serde::{Deserialize, Serialize};
use serde_json::json;
use stile_core::claims::ElevatedClaims;
use stile_core::{Event, Scope, UserId};
use stile_store::ledger::Kind;
use stile_store::{CommitError, Miss};
use utoipa::ToSchema;

use crate::access::api_token;
use crate::context::Cx;
use crate::error::{ApiError, Code};
use crate::gate;
use crate::http::Json;
use crate::tokens;

const MAX_USE_ID: usize = 128;

/// A token to spend.
#[derive(Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ElevatedTokenConsumeRequest {
    /// The elevated access token, as the app's page sent it.
    token: String,
    /// The scope that the action needs: one of the environment's own.
    scope: String,
    /// The user whom the action is for, as the app knows from its own session.
    user_id: String,
    /// The app's own id for this one action, at most 128 bytes. The same id gets the same answer again, so that a
    /// request whose answer was lost can be repeated.
    use_id: String,
}

/// What the token was.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct ElevatedTokenConsumeResponse {
    /// The user.
    user_id: String,
    /// The session.
    session_id: String,
    /// The scope that was asked about.
    scope: String,
    /// The credential that was proved.
    credential_id: String,
    /// How it was proved (RFC 8176).
    amr: Vec<String>,
    /// How strong the proof was: `reauthentication`, `mfa`, `phishing_resistant` or `phishing_resistant_verified`.
    acr: &'static str,
    /// When it was proved, in Unix seconds.
    auth_time: i64,
    /// When the token expires, in Unix seconds.
    expires_at: i64,
    /// Whether it is now used up.
    single_use: bool,
}

/// Consume an elevated access token
///
/// For an app's own backend. Needs an API token with the scope `elevatedTokens.consume`. The session and the user of
/// the token must still be there, and the credential behind it too.
#[utoipa::path(
    post, path = "/elevated-tokens/consume", operation_id = "consumeElevatedToken", tag = "Backend",
    request_body = ElevatedTokenConsumeRequest,
    responses((status = 200, body = ElevatedTokenConsumeResponse)),
    extensions(("x-stile-access" = json!("apiToken")))
)]
pub async fn handle(
    cx: Cx,
    headers: HeaderMap,
    Json(body): Json<ElevatedTokenConsumeRequest>,
) -> Result<Answer<ElevatedTokenConsumeResponse>, ApiError> {
    api_token(&cx, &headers, "elevatedTokens.consume").await?;
    let user: UserId =
        body.user_id.parse().map_err(|_| ApiError::with(Code::InvalidBody, "userId is not an id."))?;
    if body.use_id.is_empty() || body.use_id.len() > MAX_USE_ID {
        return Err(ApiError::with(Code::InvalidBody, "useId has 1 to 128 bytes."));
    }
    let Ok(scope @ Scope::App(_)) = Scope::parse(&body.scope, &cx.env.settings) else {
        return Err(ApiError::with(Code::InvalidScopes, "scope is not one of the environment's own."));
    };
    match spend(&cx, &body, user, &scope).await {
        Ok(claims) => Ok(Answer(ElevatedTokenConsumeResponse {
            user_id: claims.sub,
            session_id: claims.sid,
            scope: body.scope,
            credential_id: claims.credential_id,
            amr: claims.amr,
            acr: claims.acr.as_str(),
            auth_time: claims.auth_time,
            expires_at: claims.exp,
            single_use: claims.single_use,
        })),
        Err(error) => {
            let detail = json!({ "scope": body.scope, "code": error.code.as_str() });
            cx.note(Event::ElevatedTokenRefused, Some(user), detail).await;
            Err(error)
        }
    }
}

async fn spend(
    cx: &Cx,
    body: &ElevatedTokenConsumeRequest,
    user: UserId,
    scope: &Scope,
) -> Result<ElevatedClaims, ApiError> {
    let claims = tokens::verify_elevated(cx, &body.token)?;
    let sid = claims.sid.parse().map_err(|_| Code::ElevatedTokenInvalid)?;
    let me = cx.app.store.principal(cx.env.id, sid).await?.ok_or(Code::ElevatedTokenInvalid)?;
    let over = me.session.expires_at.is_past(cx.now) || me.session.idle_expires_at.is_past(cx.now);
    if over || me.user.id != user {
        return Err(Code::ElevatedTokenInvalid.into());
    }
    gate::belongs(cx, &me, &claims, scope)?;
    let note = cx.app.keys.elevated_use.tag(&[b"use", body.use_id.as_bytes(), scope.as_str().as_bytes()]);
    let detail = json!({ "scope": body.scope, "session": claims.sid, "jti": claims.jti });
    let consumed = cx.audit(Event::ElevatedTokenConsumed, Some(user), detail);
    match gate::use_up(cx, &claims, Some(note), Some(consumed)).await {
        Ok(()) => Ok(claims),
        Err(CommitError::Missed(Miss::AlreadyUsed)) => {
            let used_by =
                cx.app.store.ledger_note(Kind::ElevatedToken, &gate::ledger_key(cx, &claims)).await?;
            if used_by == Some(note) { Ok(claims) } else { Err(Code::ElevatedTokenUsed.into()) }
        }
        Err(error) => Err(error.into()),
    }
}
