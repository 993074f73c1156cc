//! Who may call: the extractors behind the access classes. Each operation takes exactly one of them, or none
//! when it is public.

use std::ops::Deref;

use axum::extract::FromRequestParts;
use axum::http::HeaderMap;
use axum::http::request::Parts;
use stile_core::{Level, Principal, policy};
use stile_keys::api_token;
use stile_store::ApiToken;

use crate::guard::context::Cx;
use crate::guard::tokens;
use crate::state::app::App;
use crate::state::error::{ApiError, Code};
use crate::wire::headers::bearer;

/// A full session: class `session`, and the base of class `gated`.
pub struct Me(pub Principal);

/// A session that may still owe a second factor: class `pending`.
pub struct PendingOrFull(pub Principal);

impl Deref for Me {
    type Target = Principal;
    fn deref(&self) -> &Principal {
        &self.0
    }
}

impl Deref for PendingOrFull {
    type Target = Principal;
    fn deref(&self) -> &Principal {
        &self.0
    }
}

impl<S: Send + Sync> FromRequestParts<S> for PendingOrFull {
    type Rejection = ApiError;
    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, ApiError> {
        let cx = Cx::from_request_parts(parts, state).await?;
        let me = principal(&cx, &parts.headers).await?;
        if let Some(wait) = cx.spent {
            return Err(wait.into());
        }
        Ok(Self(me))
    }
}

impl<S: Send + Sync> FromRequestParts<S> for Me {
    type Rejection = ApiError;
    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, ApiError> {
        let PendingOrFull(me) = PendingOrFull::from_request_parts(parts, state).await?;
        match me.session.level {
            Level::Full => Ok(Self(me)),
            Level::Pending => Err(Code::AdditionalAuthRequired.into()),
        }
    }
}

/// A principal whose session is at the user's own level: class `level`. Use cases that change factors, sessions or the
/// profile take it, so that none can be called by a session of the first factor alone.
#[derive(Clone, Copy)]
pub struct Proven<'a>(&'a Principal);

impl<'a> Proven<'a> {
    /// Judges the session. Call this on the principal as it was read for the decision, each time it is read anew.
    pub fn of(me: &'a Principal) -> Result<Self, ApiError> {
        if policy::has_own_level(me) {
            return Ok(Self(me));
        }
        let text = "Confirm with a second factor first: none was confirmed in this session.";
        Err(ApiError::with(Code::MfaRequired, text))
    }
}

impl Deref for Proven<'_> {
    type Target = Principal;
    fn deref(&self) -> &Principal {
        self.0
    }
}

/// The principal of the bearer token: the token's signature, and the session as it is stored now.
pub async fn principal(cx: &Cx, headers: &HeaderMap) -> Result<Principal, ApiError> {
    if let Some(me) = &cx.me {
        return Ok(Principal::clone(me));
    }
    let token = bearer(headers).ok_or(Code::Unauthorized)?;
    let access = tokens::verify_access(cx, token)?;
    let me = cx.app.store.principal(cx.env.id, access.session).await?.ok_or(Code::SessionEnded)?;
    // Invariant 9: identity comes from the session; the token only says which one.
    // The key of pending sessions opens no full one, whatever the token says.
    if me.user.id != access.user || (access.level == Level::Pending && me.session.level == Level::Full) {
        return Err(Code::Unauthorized.into());
    }
    if me.session.expires_at.is_past(cx.now) || me.session.idle_expires_at.is_past(cx.now) {
        return Err(Code::SessionEnded.into());
    }
    Ok(me)
}

/// The request's API token, as it is stored.
pub async fn stored_api_token(app: &App, headers: &HeaderMap) -> Result<ApiToken, ApiError> {
    let hash = bearer(headers).and_then(|token| api_token::hash(&app.keys.api_token, token));
    let token = app.store.api_token(hash.ok_or(Code::InvalidApiToken)?).await?;
    Ok(token.ok_or(Code::InvalidApiToken)?)
}

/// The principal as it is stored now: for deciding again after somebody changed it. A recovery or a reset in between ends
/// what was permitted before it: whoever wants to go on asks again.
pub async fn reload(cx: &Cx, me: &Principal) -> Result<Principal, ApiError> {
    let present = cx.app.store.principal(cx.env.id, me.session.id).await?.ok_or(Code::SessionEnded)?;
    if present.user.epoch == me.user.epoch { Ok(present) } else { Err(Code::Conflict.into()) }
}
