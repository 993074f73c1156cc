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

/// Whether the request's API token is one of the environment's with this scope.
pub async fn api_token(cx: &Cx, headers: &HeaderMap, scope: &str) -> Result<(), ApiError> {
    let token = match &cx.api_token {
        Some(token) => token,
        None => &stored_api_token(&cx.app, headers).await?,
    };
    let allowed = token.environment == cx.env.id && token.scopes.iter().any(|s| s == scope);
    if allowed { Ok(()) } else { Err(Code::ApiTokenForbidden.into()) }
}

/// The principal as it is stored now: for deciding again after somebody changed it. A recovery or a reset in between ends
/// what was permitted before it: whoever wants to go on asks again.
pub async fn reload(cx: &Cx, me: &Principal) -> Result<Principal, ApiError> {
    let present = cx.app.store.principal(cx.env.id, me.session.id).await?.ok_or(Code::SessionEnded)?;
    if present.user.epoch == me.user.epoch { Ok(present) } else { Err(Code::Conflict.into()) }
}

#[cfg(test)]
mod tests {
    use std::net::{IpAddr, Ipv4Addr};
    use std::sync::Arc;

    use stile_core::User;
    use stile_keys::{Keyring, MasterKey};
    use stile_seed::{ENVIRONMENT, Environment, PUBLIC_URL, Passkey, Person};
    use stile_store::{Mutation, Step, Store, sessions, users};

    use super::*;
    use crate::flows::{ATTEMPTS, deciding};
    use crate::guard::context::RequestId;
    use crate::state::clock::Clock;
    use crate::state::config::Config;
    use crate::state::limits::{Party, Prefixes};

    /// Somebody who decides, and what a request of theirs carries.
    async fn deciding_on(folder: &tempfile::TempDir) -> (Cx, Principal) {
        let clock = Arc::new(Clock::default());
        let (now, keys) = (clock.now(), Arc::new(Keyring::new(&MasterKey::generate()).unwrap()));
        let store = Store::sqlite(&folder.path().join("stile.db"), now).unwrap();
        Environment::create(&store, &keys, "test", now).await.unwrap();
        let mut steps = Vec::new();
        let who = Person::new("ann@example.com".into(), &Passkey::new().unwrap(), now, &mut steps);
        store.commit(Mutation::new(steps)).await.unwrap();
        let public_url = PUBLIC_URL.parse().unwrap();
        let config =
            Config { public_url, trusted_proxies: Vec::new(), development: None, place: String::new() };
        let app = Arc::new(App::new(store, keys, clock, config, None));
        let env = app.environment(ENVIRONMENT).await.unwrap();
        let me = app.store.principal(ENVIRONMENT, who.session).await.unwrap().unwrap();
        let (address, request_id) = (IpAddr::V4(Ipv4Addr::LOCALHOST), RequestId::default());
        let party = Party::Stranger(Prefixes::of(address));
        let cx = Cx {
            app,
            env,
            api_token: None,
            now,
            address,
            party,
            me: None,
            spent: None,
            request_id,
            origin: None,
        };
        (cx, me)
    }

    /// What happens between a decision and its commit: the user as they are then changes.
    async fn meanwhile(cx: &Cx, user: &User, more: Option<Step>) {
        let steps = [users::bump_version(ENVIRONMENT, user)].into_iter().chain(more);
        cx.app.store.commit(Mutation::new(steps.collect::<Vec<_>>())).await.unwrap();
    }

    /// Decides again and again, each time overtaken by this; answers how often, and how it ended.
    async fn overtaken(cx: &Cx, me: &Principal, by: impl Fn(&User) -> Option<Step>) -> (usize, Code) {
        let mut attempts = 0;
        let mut attempt = async |present: Principal| -> Result<(), ApiError> {
            attempts += 1;
            meanwhile(cx, &present.user, by(&present.user)).await;
            Err(Code::Conflict.into())
        };
        let ended: Result<(), ApiError> =
            async { deciding!(cx, present = me.clone() => attempt(present.clone()).await) }.await;
        (attempts, ended.err().unwrap().code)
    }

    #[tokio::test]
    async fn a_retry_goes_on_after_a_change_and_not_after_a_recovery() {
        let folder = tempfile::tempdir().unwrap();
        let (cx, me) = deciding_on(&folder).await;
        assert_eq!(reload(&cx, &me).await.ok(), Some(me.clone()));

        assert_eq!(overtaken(&cx, &me, |_| None).await, (ATTEMPTS, Code::Conflict));
        let me = reload(&cx, &me).await.unwrap_or(me);
        assert_eq!(me.user.version, 4, "each attempt was overtaken once");

        // A recovery begins the next epoch, as a reset does: the first retry is refused, and there is no second.
        let recovery = |user: &User| Some(users::bump_epoch(ENVIRONMENT, user.id));
        assert_eq!(overtaken(&cx, &me, recovery).await, (1, Code::Conflict));
        assert_eq!(reload(&cx, &me).await.err().map(|e| e.code), Some(Code::Conflict));
    }

    #[tokio::test]
    async fn no_retry_outlives_its_session() {
        let folder = tempfile::tempdir().unwrap();
        let (cx, me) = deciding_on(&folder).await;
        let session = me.session.id;
        let end = |_: &User| Some(sessions::end(ENVIRONMENT, session));
        assert_eq!(overtaken(&cx, &me, end).await, (1, Code::SessionEnded));
    }
}
