//! Related origins (WebAuthn L3 §5.11): which origins outside of a relying-party id's own domain may use its passkeys.
//!
//! A browser asks `https://RP-ID/.well-known/webauthn`, so the answer depends on the host that was asked for.

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;
use std::time::Duration;

use axum::Json;
use axum::extract::{Request, State};
use axum::http::header;
use axum::response::{IntoResponse, Response};
use serde_json::json;
use stile_core::Settings;
use stile_core::origin::OriginPattern;
use stile_store::Store;
use tokio::sync::Mutex;
use tokio::time::Instant;
use url::Url;

use crate::app::App;
use crate::error::{ApiError, Code};

/// Anybody may ask, as often as they like: the database is asked once in so long.
const KEEP: Duration = Duration::from_secs(5);

/// Origins by relying-party id.
type Origins = HashMap<String, BTreeSet<String>>;

/// What the environments said a moment ago.
#[derive(Default)]
pub struct RelatedOrigins(Mutex<Option<(Instant, Arc<Origins>)>>);

impl RelatedOrigins {
    async fn get(&self, store: &Store) -> Result<Arc<Origins>, ApiError> {
        let mut last = self.0.lock().await;
        if let Some((until, origins)) = &*last
            && now() < *until
        {
            return Ok(Arc::clone(origins));
        }
        let mut origins = Origins::new();
        for row in store.environments().await? {
            // An environment whose settings cannot be read is out of use alone; the others go on.
            let Ok(settings) = Settings::stored(&row.settings) else { continue };
            let Some(rp_id) = &settings.passkeys.rp_id else { continue };
            // Patterns name no origin that a browser could compare, and ceremonies on them are refused anyway.
            let exact = settings.allowed_origins.iter().filter_map(|origin| match origin {
                OriginPattern::Exact(origin) if origin.starts_with("https://") => Some(origin.clone()),
                _ => None,
            });
            origins.entry(rp_id.clone()).or_default().extend(exact);
        }
        let origins = Arc::new(origins);
        *last = Some((now() + KEEP, Arc::clone(&origins)));
        Ok(origins)
    }
}

#[expect(clippy::disallowed_methods, reason = "how old an answer is, is measured on no clock that moves")]
fn now() -> Instant {
    Instant::now()
}

/// `GET /.well-known/webauthn`
pub async fn handle(State(app): State<Arc<App>>, request: Request) -> Result<Response, ApiError> {
    let host = asked(&request).ok_or(Code::NotFound)?;
    let all = app.related_origins.get(&app.store).await?;
    let origins = all.get(&host).filter(|origins| !origins.is_empty()).ok_or(Code::NotFound)?;
    let headers = [(header::CACHE_CONTROL, "public, max-age=300"), (header::VARY, "host")];
    Ok((headers, Json(json!({ "origins": origins }))).into_response())
}

/// The host that was asked for, without its port.
fn asked(request: &Request) -> Option<String> {
    let text = |value: &header::HeaderValue| value.to_str().ok().map(str::to_owned);
    let named = request.headers().get(header::HOST).and_then(text);
    let host = named.or_else(|| request.uri().authority().map(|authority| authority.as_str().to_owned()))?;
    let url = Url::parse(&format!("https://{host}")).ok()?;
    let bare = url.path() == "/" && url.username().is_empty() && url.password().is_none();
    url.domain().filter(|_| bare).map(str::to_owned)
}
