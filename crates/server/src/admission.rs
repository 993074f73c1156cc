//! Before an operation runs: whom the request counts for, and whether it may come in now.

use std::sync::Arc;

use axum::http::HeaderMap;
use stile_keys::api_token;

use crate::access;
use crate::context::{Cx, bearer};
use crate::error::{ApiError, Code};
use crate::limits::{Party, Prefixes};
use crate::tokens;

/// Finds out whom the request counts for, and counts it. Without a valid bearer token it counts for a stranger.
pub async fn admit(cx: &mut Cx, headers: &HeaderMap) -> Result<(), ApiError> {
    if cx.env.settings.security.environment_locked {
        return Err(Code::EnvironmentLocked.into());
    }
    let prefixes = Prefixes::of(cx.address);
    match bearer(headers) {
        Some(token) if token.starts_with(api_token::PREFIX) => backend(cx, headers).await?,
        Some(token) => user(cx, headers, token, &prefixes).await?,
        None => {}
    }
    // The budget of a signed-in user was asked already.
    if !matches!(cx.party, Party::User(_)) {
        cx.env.limiter.request(&cx.party)?;
    }
    Ok(())
}

/// A backend with a live API token of this environment.
async fn backend(cx: &mut Cx, headers: &HeaderMap) -> Result<(), ApiError> {
    if cx.api_token.is_none() {
        match access::stored_api_token(&cx.app, headers).await {
            Ok(token) => cx.api_token = Some(token),
            Err(error) if error.code == Code::InvalidApiToken => return Ok(()),
            Err(error) => return Err(error),
        }
    }
    if let Some(token) = cx.api_token.as_ref().filter(|token| token.environment == cx.env.id) {
        cx.party = Party::Token(token.id);
    }
    Ok(())
}

/// A user with a live session. Whoever has spent their own budget may still do what strangers may, such as signing out.
async fn user(cx: &mut Cx, headers: &HeaderMap, token: &str, prefixes: &Prefixes) -> Result<(), ApiError> {
    let known = tokens::knows_access(cx, token);
    if !known && !cx.env.limiter.believes(prefixes) {
        return Ok(());
    }
    match access::principal(cx, headers).await {
        Ok(me) => {
            let party = Party::User(me.user.id);
            cx.me = Some(Arc::new(me));
            match cx.env.limiter.request(&party) {
                Ok(()) => cx.party = party,
                Err(wait) => cx.spent = Some(wait),
            }
            Ok(())
        }
        Err(error) if matches!(error.code, Code::Unauthorized | Code::SessionEnded) => {
            cx.env.limiter.doubt(prefixes);
            tokens::forget_access(cx, token);
            Ok(())
        }
        Err(error) => Err(error),
    }
}
