//! Spends an elevated access token for an action of the app's own, guarded by a scope of the environment's own.

use axum::Json as Answer;
use serde::{Deserialize, Serialize};
use stile_core::claims::ElevatedClaims;
use stile_core::{Event, Level, Scope, UserId};
use stile_store::ledger::{self, Kind};
use stile_store::{CommitError, Miss, Mutation};
use utoipa::ToSchema;

use crate::guard::context::Cx;
use crate::guard::gate;
use crate::guard::operator::{ElevatedTokensConsume, Operator};
use crate::guard::tokens;
use crate::state::error::{ApiError, Code};
use crate::wire::body::Json;

const MAX_USE_ID: usize = 128;
/// How long a use id is remembered, in seconds: longer than any token lives.
const USE_SECONDS: i64 = 86_400;

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
    /// The app's own id for this one action, at most 128 bytes, remembered for a day. A request whose answer was lost
    /// can be repeated: the same id with the same token and scope gets the same answer again, with `replayed: true`. With
    /// another token or scope it is refused (`use_id_taken`), and nothing is spent.
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
    /// Whether this use had happened before: the first answer for a use id says `false`, every repetition `true`. An
    /// addition to the contract.
    #[schema(required = false)]
    replayed: bool,
}

/// Consume an elevated access token
///
/// For an app's own backend. Needs an API token with the scope `elevatedTokens.consume`. The session and the user of
/// the token must still be there, and the credential behind it too.
#[utoipa::path(
    post, path = "/elevated-tokens/consume", operation_id = "consumeElevatedToken", tag = "Backend",
    request_body = ElevatedTokenConsumeRequest,
    responses((status = 200, body = ElevatedTokenConsumeResponse)),
    security(("apiToken" = ["elevatedTokens.consume"])), extensions(("x-stile-access" = json!("apiToken")))
)]
pub async fn handle(
    cx: Operator<ElevatedTokensConsume>,
    Json(body): Json<ElevatedTokenConsumeRequest>,
) -> Result<Answer<ElevatedTokenConsumeResponse>, ApiError> {
    let user: UserId =
        body.user_id.parse().map_err(|_| ApiError::with(Code::InvalidBody, "userId is not an id."))?;
    if body.use_id.is_empty() || body.use_id.len() > MAX_USE_ID {
        return Err(ApiError::with(Code::InvalidBody, "useId has 1 to 128 bytes."));
    }
    let Ok(scope @ Scope::App(_)) = cx.env.settings.scope(&body.scope) else {
        return Err(ApiError::with(Code::InvalidScopes, "scope is not one of the environment's own."));
    };
    match spend(&cx, &body, user, &scope).await {
        Ok((claims, replayed)) => Ok(Answer(ElevatedTokenConsumeResponse {
            user_id: claims.sub.to_string(),
            session_id: claims.sid.to_string(),
            scope: body.scope,
            credential_id: claims.credential_id.to_string(),
            amr: claims.amr,
            acr: claims.acr.as_str(),
            auth_time: claims.auth_time.seconds(),
            expires_at: claims.exp.seconds(),
            single_use: claims.single_use,
            replayed,
        })),
        Err(error) => {
            let (scope, code) = (body.scope, error.code.as_str());
            cx.note(user, Event::ElevatedTokenRefused { scope, code }).await;
            Err(error)
        }
    }
}

/// Spends the token for this use; answers whether the same use had happened before.
async fn spend(
    cx: &Cx,
    body: &ElevatedTokenConsumeRequest,
    user: UserId,
    scope: &Scope,
) -> Result<(ElevatedClaims, bool), ApiError> {
    // A session that still owes a factor has nothing to spend: tokens of its key are none here.
    let claims = tokens::verify_elevated(cx, &body.token, Level::Full)?;
    let me = cx.app.store.principal(cx.env.id, claims.sid).await?.ok_or(Code::ElevatedTokenInvalid)?;
    let over = me.session.expires_at.is_past(cx.now) || me.session.idle_expires_at.is_past(cx.now);
    if over || me.user.id != user || me.session.level != Level::Full {
        return Err(Code::ElevatedTokenInvalid.into());
    }
    gate::belongs(cx, &me, &claims, scope)?;
    let keyed = |parts: &[&[u8]]| cx.app.keys.elevated_use.tag(parts);
    let this_use = keyed(&[b"use", cx.env.id.as_bytes(), body.use_id.as_bytes()]);
    let what_for = keyed(&[b"use-of", claims.jti.as_bytes(), scope.as_str().as_bytes()]);
    let consumed = |replayed| {
        let (scope, session, jti) = (body.scope.clone(), claims.sid, claims.jti.clone());
        cx.record(user, Event::ElevatedTokenConsumed { scope, session, jti, replayed })
    };
    // The use first: of two requests with one use id the later one waits there, and its token stays as it is.
    let until = cx.now.plus_seconds(USE_SECONDS);
    let mutation =
        Mutation::new([ledger::consume_with_note(Kind::Use, &this_use, Some(what_for), cx.now, until)])
            .and(gate::use_up(cx, &claims))
            .and_all(consumed(false)?);
    match cx.app.store.commit(mutation).await {
        Ok(()) => Ok((claims, false)),
        Err(CommitError::Missed(Miss::AlreadyUsed)) => Err(Code::ElevatedTokenUsed.into()),
        Err(CommitError::Missed(Miss::UseKnown)) => {
            if cx.app.store.ledger_note(Kind::Use, &this_use).await? != Some(what_for) {
                return Err(Code::UseIdTaken.into());
            }
            cx.app.store.commit(Mutation::new(consumed(true)?)).await?;
            Ok((claims, true))
        }
        Err(error) => Err(error.into()),
    }
}
