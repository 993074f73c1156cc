//! API tokens: what an app's own backend may do.

use std::marker::PhantomData;
use std::ops::Deref;

use axum::extract::FromRequestParts;
use axum::http::request::Parts;

use crate::guard::context::Cx;
use crate::state::error::{ApiError, Code};

/// A scope of API tokens as a type, so that a token for one operation is none for another.
pub trait ApiScope {
    /// Its text in tokens.
    const TEXT: &'static str;
}

macro_rules! api_scopes {
    ($($(#[$doc:meta])* $name:ident = $text:literal,)*) => {
        $(
            $(#[$doc])*
            pub struct $name;
            impl ApiScope for $name {
                const TEXT: &'static str = $text;
            }
        )*
        /// Every scope that an API token can have.
        pub const API_SCOPES: &[&str] = &[$($text),*];
    };
}
api_scopes! {
    /// Spends elevated access tokens.
    ElevatedTokensConsume = "elevatedTokens.consume",
    /// Changes users.
    UsersWrite = "environment.users.write",
}

/// A request with an API token of the environment that has the scope: class `apiToken`. An operation takes this in place
/// of a `Cx`.
pub struct Operator<S> {
    cx: Cx,
    scope: PhantomData<S>,
}

impl<S> Deref for Operator<S> {
    type Target = Cx;
    fn deref(&self) -> &Cx {
        &self.cx
    }
}

impl<S: ApiScope, T: Send + Sync> FromRequestParts<T> for Operator<S> {
    type Rejection = ApiError;
    async fn from_request_parts(parts: &mut Parts, state: &T) -> Result<Self, ApiError> {
        let cx = Cx::from_request_parts(parts, state).await?;
        // The layer around the operation has looked for the token.
        let token = cx.api_token.as_ref().ok_or(Code::InvalidApiToken)?;
        let allowed = token.environment == cx.env.id && token.scopes.iter().any(|scope| scope == S::TEXT);
        if allowed { Ok(Self { cx, scope: PhantomData }) } else { Err(Code::ApiTokenForbidden.into()) }
    }
}
