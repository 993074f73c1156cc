//! `Cx`: made once per request. Who asks from where, in which environment, at what time.

use std::net::{IpAddr, Ipv6Addr};
use std::sync::Arc;

use axum::extract::FromRequestParts;
use axum::http::HeaderMap;
use axum::http::request::Parts;
use serde_json::json;
use stile_core::settings::ClientAddress;
use stile_core::{AuditId, Event, Micros, OutboxId, Principal, UserId};
use stile_factors::device::{self, DeviceProof};
use stile_keys::{encoding, random};
use stile_store::{ApiToken, AuditEvent, Mutation, Source, Step, audit, outbox};

use crate::delivery::{By, Content, Letter, NOTICE_SECONDS};
use crate::state::app::App;
use crate::state::environment::Environment;
use crate::state::error::{ApiError, Code};
use crate::state::limits::{Bucket, Party, Wait};
use crate::state::refusals;
use crate::wire::headers::device_headers;

/// The ids of a request.
#[derive(Clone, Default)]
pub struct RequestId {
    /// Ours, which nobody else can choose.
    pub own: String,
    /// The SDK's or else a proxy's, when it is a plain word.
    pub client: Option<String>,
}

/// The circumstances of one request.
#[derive(Clone)]
pub struct Cx {
    /// What all requests share.
    pub app: Arc<App>,
    /// The environment that the path names.
    pub env: Arc<Environment>,
    /// The API token that named the environment, where the path does not.
    pub api_token: Option<ApiToken>,
    /// When the request came.
    pub now: Micros,
    /// The client's address.
    pub address: IpAddr,
    /// Whom the request counts for in rate limits.
    pub party: Party,
    /// The principal of a live session, as it was read when the request came.
    pub me: Option<Arc<Principal>>,
    /// Set when the signed-in user has spent their own budget. The request then counts for a stranger, and nothing that
    /// needs a session is answered.
    pub spent: Option<Wait>,
    /// For logs and the audit trail.
    pub request_id: RequestId,
    /// The page's web origin, checked against the environment's.
    pub origin: Option<String>,
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

    /// An audit step: what happened, to whom.
    pub fn audit(&self, event: Event, subject: Option<UserId>, detail: serde_json::Value) -> Step {
        audit::insert(&self.event(event, subject, detail))
    }

    /// An audit step for a refusal: it counts in one row for each minute, event, user and `method` of the detail.
    pub fn refused(&self, event: Event, subject: Option<UserId>, detail: serde_json::Value) -> Step {
        audit::count(&self.refusal(event, subject, detail), 1)
    }

    /// Counts a refusal that changes nothing else, as [`Cx::refused`] does. The refusal stands if it cannot be written.
    pub async fn note(&self, event: Event, subject: Option<UserId>, detail: serde_json::Value) {
        refusals::note(&self.app.refusals, &self.app.store, self.refusal(event, subject, detail)).await;
    }

    fn refusal(&self, event: Event, subject: Option<UserId>, detail: serde_json::Value) -> AuditEvent {
        let mut event = self.event(event, subject, detail);
        event.id = refusals::row_id(&self.app.keys, &event, self.now);
        event
    }

    fn event(&self, event: Event, subject: Option<UserId>, detail: serde_json::Value) -> AuditEvent {
        AuditEvent {
            id: AuditId::new(self.now, random::bytes()),
            environment: self.env.id,
            subject,
            event,
            detail,
            source: self.source(),
            at: self.now,
        }
    }

    /// Who asks, as the audit log names them.
    pub fn source(&self) -> Source {
        Source {
            request: self.request_id.own.clone(),
            client_request: self.request_id.client.clone(),
            address: shown_address(&self.app, &self.env, self.address),
        }
    }

    /// A step that queues a mail.
    pub fn mail(&self, to: &str, content: Content, lifetime_seconds: i64) -> Result<Step, ApiError> {
        self.queued(to, content, None, lifetime_seconds)
    }

    fn queued(
        &self,
        to: &str,
        content: Content,
        by: Option<By>,
        lifetime_seconds: i64,
    ) -> Result<Step, ApiError> {
        let id = OutboxId::new(self.now, random::bytes());
        let general = &self.env.settings.general;
        let letter = Letter {
            to: to.to_owned(),
            app: general.display_name.clone(),
            support: general.support_email.clone(),
            by,
            content,
        };
        let mail = letter
            .seal(&self.app.keys, id, self.env.id, self.now, lifetime_seconds)
            .map_err(ApiError::internal)?;
        Ok(outbox::insert(&mail))
    }

    /// A security notice to every address of the user, kept for a day of trying.
    pub fn notice(&self, me: &Principal, content: &Content) -> Result<Vec<Step>, ApiError> {
        me.emails().map(|to| self.session_notice(me, to, content.clone())).collect()
    }

    /// A security notice to one address. It names the session in which the thing was done.
    pub fn session_notice(&self, me: &Principal, to: &str, content: Content) -> Result<Step, ApiError> {
        let by = By { browser: me.session.user_agent.clone(), opened_at: me.session.created_at };
        self.queued(to, content, Some(by), NOTICE_SECONDS)
    }

    /// Commits, and wakes the mail sender.
    pub async fn commit(&self, mutation: Mutation) -> Result<(), stile_store::CommitError> {
        self.app.store.commit(mutation).await?;
        self.app.mail_waiting.notify_one();
        Ok(())
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
                self.note(Event::DeviceProofRefused, None, json!({ "reason": error.to_string() })).await;
                Err(error.into())
            }
        }
    }

    /// The web origin that tokens of this request are for.
    pub fn audience(&self) -> String {
        self.origin.clone().unwrap_or_else(|| self.app.config.origin())
    }
}

/// As much of a client's address as the environment's settings keep.
pub fn shown_address(app: &App, environment: &Environment, address: IpAddr) -> Option<String> {
    let address = address.to_canonical();
    match environment.settings.audit.client_address {
        ClientAddress::Whole => Some(address.to_string()),
        ClientAddress::Prefix => Some(prefix(address)),
        ClientAddress::Hashed => {
            let text = address.to_string();
            let tag = app.keys.counter.tag16(&[b"audit", environment.id.as_bytes(), text.as_bytes()]);
            Some(encoding::hex(&tag))
        }
        ClientAddress::None => None,
    }
}

/// The network of an address, which says about where somebody is and not who: a /24, or a /48 for IPv6.
fn prefix(address: IpAddr) -> String {
    match address {
        IpAddr::V4(v4) => {
            let [a, b, c, _] = v4.octets();
            format!("{a}.{b}.{c}.0/24")
        }
        IpAddr::V6(v6) => {
            let [a, b, c, ..] = v6.segments();
            format!("{}/48", Ipv6Addr::new(a, b, c, 0, 0, 0, 0, 0))
        }
    }
}
