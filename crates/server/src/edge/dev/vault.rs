//! The demo app's own backend: a vault whose door is the scope `vault:open`. It does what any app's backend does,
//! through the public API: it knows the user from the access token, and spends the elevated token before it acts.

use std::sync::Arc;

use axum::body::{Body, to_bytes};
use axum::extract::State;
use axum::http::{HeaderMap, Method, Request, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::{Extension, Json, Router};
use serde_json::{Value, json};
use stile_core::EnvironmentId;
use stile_keys::{encoding, random};
use tower::ServiceExt;

use crate::state::app::App;
use crate::state::error::{ApiError, Code};
use crate::wire::body::MAX_BODY;
use crate::wire::headers::{bearer, text};

/// The public API of this server.
#[derive(Clone)]
pub(super) struct Public(pub(super) Router);

const SCOPE: &str = "vault:open";

/// Opens the vault, once for each elevated token.
pub(super) async fn open(
    State(app): State<Arc<App>>,
    Extension(Public(public)): Extension<Public>,
    headers: HeaderMap,
) -> Result<Response, ApiError> {
    let access = bearer(&headers).ok_or(Code::Unauthorized)?;
    // Which environment's API to ask; what the token is worth, that API says.
    let development = app.config.development.as_ref().ok_or(Code::NotFound)?;
    let environment = environment_of(access).ok_or(Code::Unauthorized)?;
    let api_token = development.demo_api_tokens.get(&environment).ok_or(Code::Unauthorized)?;
    let path = format!("/api/v0/sdk/{environment}/users");
    let (status, user) = call(&public, Method::GET, &path, access, None).await?;
    if status != StatusCode::OK {
        return Ok((status, Json(user)).into_response());
    }
    let Some(token) = text(&headers, "x-dyn-elevated-access-token").filter(|token| !token.is_empty()) else {
        return Err(ApiError::from(Code::ElevatedTokenRequired).for_scope(SCOPE));
    };
    let path = format!("/api/v0/environments/{environment}/elevated-tokens/consume");
    let use_id = encoding::hex(&random::bytes::<16>());
    let spend = json!({ "token": token, "scope": SCOPE, "userId": user["id"], "useId": use_id });
    let (status, spent) = call(&public, Method::POST, &path, api_token, Some(spend)).await?;
    if status != StatusCode::OK {
        return Ok((status, Json(spent)).into_response());
    }
    let contents = json!([
        { "label": "Deed to the meadow", "value": "Lot 12, from the brook to the old stile" },
        { "label": "Combination of the gate", "value": "7 – 84 – 5" },
        { "label": "Grandmother's plum jam", "value": "2 kg plums, 1 kg sugar, one vanilla pod, patience" },
    ]);
    Ok(Json(json!({ "opened": true, "contents": contents, "spent": spent })).into_response())
}

/// The environment that an access token claims to be of.
fn environment_of(access: &str) -> Option<EnvironmentId> {
    let claims = encoding::unbase64url(access.split('.').nth(1)?)?;
    let claims: Value = serde_json::from_slice(&claims).ok()?;
    claims["environment_id"].as_str()?.parse().ok()
}

/// A request to this server's own public API, as a backend on another machine would make it.
async fn call(
    public: &Router,
    method: Method,
    path: &str,
    bearer: &str,
    body: Option<Value>,
) -> Result<(StatusCode, Value), ApiError> {
    let request = Request::builder()
        .method(method)
        .uri(path)
        .header(header::AUTHORIZATION, format!("Bearer {bearer}"))
        .header(header::CONTENT_TYPE, "application/json")
        .body(body.map_or_else(Body::empty, |body| Body::from(body.to_string())))
        .map_err(ApiError::internal)?;
    let answer = public.clone().oneshot(request).await;
    let response = answer.unwrap_or_else(|never| match never {});
    let status = response.status();
    let bytes = to_bytes(response.into_body(), MAX_BODY).await.map_err(ApiError::internal)?;
    Ok((status, serde_json::from_slice(&bytes).unwrap_or(Value::Null)))
}
