//! `/.well-known/webauthn`: which origins may use the passkeys of the host that is asked for (WebAuthn L3 §5.11).

use std::sync::Arc;

use axum::Json;
use axum::extract::{Request, State};
use axum::http::header;
use axum::response::{IntoResponse, Response};
use serde_json::json;
use url::Url;

use crate::state::app::App;
use crate::state::error::{ApiError, Code};

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
