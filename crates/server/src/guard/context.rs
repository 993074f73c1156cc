//! `Cx`: made once per request. An [`Act`] with the request that asks for it.

use std::net::IpAddr;
use std::ops::Deref;
use std::sync::Arc;

use axum::extract::FromRequestParts;
use axum::http::HeaderMap;
use axum::http::request::Parts;
use stile_core::{Event, Principal};
use stile_factors::device::{self, DeviceProof};
use stile_store::ApiToken;

use super::act::{About, Act};
use crate::state::app::App;
use crate::state::error::{ApiError, Code};
use crate::state::limits::{Bucket, Party, Wait};
use crate::wire::headers::device_headers;

/// The circumstances of one request.
#[derive(Clone)]
pub struct Cx {
    /// Who acts, in the environment that the path names.
    pub act: Act,
    /// What all requests share.
    pub app: Arc<App>,
    /// The API token that named the environment, where the path does not.
    pub api_token: Option<ApiToken>,
    /// The client's address.
    pub address: IpAddr,
    /// Whom the request counts for in rate limits.
    pub party: Party,
    /// The principal of a live session, as it was read when the request came.
    pub me: Option<Arc<Principal>>,
    /// Set when the signed-in user has spent their own budget. The request then counts for a stranger, and nothing that
    /// needs a session is answered.
    pub spent: Option<Wait>,
    /// The page's web origin, checked against the environment's.
    pub origin: Option<String>,
}

impl Deref for Cx {
    type Target = Act;
    fn deref(&self) -> &Act {
        &self.act
    }
}

impl<S: Sync> FromRequestParts<S> for Cx {
    type Rejection = ApiError;
    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, ApiError> {
        parts
            .extensions
            .get::<Self>()
            .cloned()
            .ok_or_else(|| ApiError::internal("a route outside of its layer"))
    }
}

impl Cx {
    /// Counts the request under a narrower limit.
    pub fn limit(&self, bucket: Bucket) -> Result<(), ApiError> {
        Ok(self.env.limiter.within(bucket, &self.party)?)
    }

    /// The device proof that came along, verified; its nonce is still to be used up.
    pub async fn device_proof(&self, headers: &HeaderMap) -> Result<Option<DeviceProof>, ApiError> {
        let (nonce, key, signature) = match device_headers(headers) {
            (None, None, None) => return Ok(None),
            (Some(nonce), Some(key), Some(signature)) => (nonce, key, signature),
            _ => {
                return Err(ApiError::with(
                    Code::InvalidDeviceProof,
                    "A device proof needs all of its three headers.",
                ));
            }
        };
        match device::verify(&self.app.keys, self.env.id, nonce, key, signature, self.now) {
            Ok(proof) => Ok(Some(proof)),
            Err(error) => {
                self.note(About::Nobody, Event::DeviceProofRefused { reason: error.to_string() }).await;
                Err(error.into())
            }
        }
    }

    /// The web origin that tokens of this request are for.
    pub fn audience(&self) -> String {
        self.origin.clone().unwrap_or_else(|| self.app.config.origin())
    }
}
