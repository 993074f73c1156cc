//! Before an operation runs: whom the request counts for, and whether it may come in now.

use std::sync::Arc;

use axum::http::HeaderMap;
use stile_core::Actor;
use stile_factors::device;
use stile_keys::api_token;
use stile_store::ledger::Kind;

use crate::guard::access;
use crate::guard::context::Cx;
use crate::guard::tokens;
use crate::state::error::{ApiError, Code};
use crate::state::limits::{Party, Prefixes};
use crate::wire::headers::{bearer, device_headers};

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
    if matches!(cx.party, Party::User(_)) {
        return Ok(());
    }
    let Err(wait) = cx.env.limiter.request(&cx.party) else { return Ok(()) };
    if matches!(cx.party, Party::Stranger(_))
        && let Some(device) = known_device(cx, headers, &prefixes).await?
    {
        cx.env.limiter.request(&device)?;
        cx.party = device;
        return Ok(());
    }
    Err(wait.into())
}

/// A device that signs in here, with a proof that was not used. It is looked for only when strangers have to wait, so
/// that nobody pays for it otherwise.
async fn known_device(cx: &Cx, headers: &HeaderMap, prefixes: &Prefixes) -> Result<Option<Party>, ApiError> {
    let (Some(nonce), Some(key), Some(signature)) = device_headers(headers) else { return Ok(None) };
    if !cx.env.limiter.believes(prefixes) {
        return Ok(None);
    }
    let keys = &cx.app.keys;
    if let Ok(proof) = device::verify(keys, cx.env.id, nonce, key, signature, cx.now)
        && cx.app.store.is_known_device(cx.env.id, proof.key.as_str(), cx.now).await?
        && !cx.app.store.is_used(Kind::Nonce, &proof.nonce).await?
    {
        let tag = keys.counter.tag(&[b"device-budget", cx.env.id.as_bytes(), proof.key.as_str().as_bytes()]);
        let mut short = [0; 16];
        short.copy_from_slice(&tag[..16]);
        return Ok(Some(Party::Device(short)));
    }
    cx.env.limiter.doubt(prefixes);
    Ok(None)
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
        cx.act.actor = Actor::ApiToken(token.id);
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
            cx.act.actor = Actor::User(me.user.id);
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
