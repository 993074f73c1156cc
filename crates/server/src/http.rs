//! The edge: JSON bodies with clear refusals, CORS, the SDK layer that makes the `Cx`, and what all answers carry.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use axum::body::{Body, to_bytes};
use axum::extract::rejection::JsonRejection;
use axum::extract::{ConnectInfo, FromRequest, OriginalUri, Request, State};
use axum::http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use serde::de::DeserializeOwned;
use stile_store::ApiToken;

use crate::access::stored_api_token;
use crate::app::App;
use crate::config::address_prefix;
use crate::context::{Cx, text};
use crate::environment::Environment;
use crate::error::{ApiError, Code};
use crate::observe::RequestId;

/// The largest body that any operation takes, in bytes.
pub const MAX_BODY: usize = 64 * 1024;

/// A JSON body. What does not fit its type is refused with a text that says where.
pub struct Json<T>(pub T);

impl<T: DeserializeOwned, S: Send + Sync> FromRequest<S> for Json<T> {
    type Rejection = ApiError;
    async fn from_request(request: Request, state: &S) -> Result<Self, ApiError> {
        match axum::Json::<T>::from_request(request, state).await {
            Ok(axum::Json(body)) => Ok(Self(body)),
            Err(JsonRejection::MissingJsonContentType(_)) => Err(Code::UnsupportedMediaType.into()),
            Err(JsonRejection::BytesRejection(e)) if e.status() == StatusCode::PAYLOAD_TOO_LARGE => {
                Err(Code::BodyTooLarge.into())
            }
            Err(e) => {
                let text = e.body_text();
                Err(ApiError::with(Code::InvalidBody, text.chars().take(300).collect::<String>()))
            }
        }
    }
}

/// A JSON body that may be left out: one of no bytes is none, whatever its type.
pub struct MaybeJson<T>(pub Option<T>);

impl<T: DeserializeOwned, S: Send + Sync> FromRequest<S> for MaybeJson<T> {
    type Rejection = ApiError;
    async fn from_request(request: Request, state: &S) -> Result<Self, ApiError> {
        let (parts, body) = request.into_parts();
        let bytes = to_bytes(body, MAX_BODY).await.map_err(|_| Code::BodyTooLarge)?;
        if bytes.is_empty() {
            return Ok(Self(None));
        }
        let request = Request::from_parts(parts, Body::from(bytes));
        Json::from_request(request, state).await.map(|Json(body)| Self(Some(body)))
    }
}

const CORS_METHODS: &str = "GET, POST, PUT, PATCH, DELETE, OPTIONS";
/// Every header that a client of the contract sends; one missing breaks it with an opaque network error.
const CORS_HEADERS: &str = "content-type, authorization, x-dyn-api-version, x-dyn-version, x-dyn-request-id, \
    x-dyn-session-id, x-dyn-session-public-key, x-dynamic-platform, x-dynamic-device-nonce, \
    x-dynamic-device-publickey, x-dynamic-device-signed-nonce, x-dynamic-device-registration-token, \
    x-dyn-elevated-access-token, x-mfa-auth-token, x-dyn-logout-reason, x-idempotency-key, \
    x-dyn-client-session-signature, x-dyn-trace-id, x-dyn-trace-elapsed-time, x-dyn-wallet-sdk-version, \
    x-forward-mpc-client, x-dyn-device-fingerprint, x-dyn-is-global-wallet-popup";
const CORS_MAX_AGE: &str = "7200";

/// Around every SDK operation: environment, origin, limits, `Cx`, CORS.
pub async fn sdk_layer(State(app): State<Arc<App>>, mut request: Request, next: Next) -> Response {
    let origin = text(request.headers(), header::ORIGIN.as_str()).map(str::to_owned);
    // The layer sits inside of a nested router, which has cut the prefix off the request's own path.
    let whole = request.extensions().get::<OriginalUri>().map_or(request.uri(), |original| &original.0);
    let (env, api_token) = match environment_of(&app, whole.path(), request.headers()).await {
        Ok(found) => found,
        Err(error) => {
            // Nothing here is anybody's, so every page may read it: a mistyped id shows as what it is.
            let preflight = request.method() == Method::OPTIONS;
            let response =
                if preflight { StatusCode::NO_CONTENT.into_response() } else { error.into_response() };
            return with_cors(response, Some(HeaderValue::from_static("*")), preflight);
        }
    };
    let allowed = origin.as_deref().filter(|o| env.settings.allows_origin(o) || *o == app.config.origin());
    if origin.is_some() && allowed.is_none() {
        return ApiError::from(Code::OriginNotAllowed).into_response();
    }
    let allowed = allowed.and_then(|o| HeaderValue::from_str(o).ok());
    if request.method() == Method::OPTIONS {
        return with_cors(StatusCode::NO_CONTENT.into_response(), allowed, true);
    }
    let address = client_address(&app, &request);
    let admitted = env.limiter.request(address_prefix(address)).and_then(|()| {
        if env.settings.security.environment_locked { Err(Code::EnvironmentLocked.into()) } else { Ok(()) }
    });
    let request_id = request.extensions().get().map_or_else(String::new, |RequestId(id)| id.clone());
    let response = match admitted {
        Err(error) => error.into_response(),
        Ok(()) => {
            let cx = Cx { now: app.clock.now(), app, env, api_token, address, request_id, origin };
            request.extensions_mut().insert(cx);
            next.run(request).await
        }
    };
    with_cors(response, allowed, false)
}

/// The environment that the path names or, where it names none, the API token; that token too.
async fn environment_of(
    app: &App,
    path: &str,
    headers: &HeaderMap,
) -> Result<(Arc<Environment>, Option<ApiToken>), ApiError> {
    if path.starts_with("/api/v0/users/") {
        let token = stored_api_token(app, headers).await?;
        return Ok((app.environment(token.environment).await?, Some(token)));
    }
    let segment = path.strip_prefix("/api/v0/sdk/").or(path.strip_prefix("/api/v0/environments/"));
    let id = segment.and_then(|rest| rest.split('/').next()).unwrap_or_default();
    let id = id.parse().map_err(|_| ApiError::from(Code::EnvironmentNotFound))?;
    Ok((app.environment(id).await?, None))
}

fn with_cors(mut response: Response, origin: Option<HeaderValue>, preflight: bool) -> Response {
    let headers = response.headers_mut();
    headers.append(header::VARY, HeaderValue::from_static("origin"));
    let Some(origin) = origin else { return response };
    headers.insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, origin);
    headers
        .insert(header::ACCESS_CONTROL_EXPOSE_HEADERS, HeaderValue::from_static("retry-after, x-request-id"));
    if preflight {
        headers.insert(header::ACCESS_CONTROL_ALLOW_METHODS, HeaderValue::from_static(CORS_METHODS));
        headers.insert(header::ACCESS_CONTROL_ALLOW_HEADERS, HeaderValue::from_static(CORS_HEADERS));
        headers.insert(header::ACCESS_CONTROL_MAX_AGE, HeaderValue::from_static(CORS_MAX_AGE));
    }
    response
}

/// The client's address as rate limits see it.
pub fn client_address(app: &App, request: &Request) -> IpAddr {
    let socket = request.extensions().get::<ConnectInfo<SocketAddr>>();
    let socket = socket.map_or(IpAddr::V4(Ipv4Addr::UNSPECIFIED), |info| info.0.ip());
    let forwarded: Vec<&str> =
        request.headers().get_all("x-forwarded-for").iter().filter_map(|v| v.to_str().ok()).collect();
    app.config.client_address(socket, &forwarded)
}

/// Around everything: a deadline, and the headers that every answer carries.
pub async fn outer_layer(State(deadline): State<Duration>, request: Request, next: Next) -> Response {
    let head = format!("{} {}", request.method(), request.uri().path());
    let mut response = match tokio::time::timeout(deadline, next.run(request)).await {
        Ok(response) => response,
        Err(_) => {
            tracing::error!(head, "a request reached its deadline");
            ApiError::from(Code::DeadlineExceeded).into_response()
        }
    };
    if response.status() == StatusCode::METHOD_NOT_ALLOWED {
        // The router answers this one with an empty body; what its headers say stays.
        let (_, body) = ApiError::from(Code::MethodNotAllowed).into_response().into_parts();
        *response.body_mut() = body;
        response.headers_mut().remove(header::CONTENT_LENGTH);
        response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
    }
    let headers = response.headers_mut();
    let set = |headers: &mut HeaderMap, name: HeaderName, value: &'static str| {
        headers.entry(name).or_insert(HeaderValue::from_static(value));
    };
    // ASVS 14.3.2: answers with tokens and personal data stay out of caches; public ones set their own.
    set(headers, header::CACHE_CONTROL, "no-store");
    set(headers, header::X_CONTENT_TYPE_OPTIONS, "nosniff");
    set(headers, header::REFERRER_POLICY, "no-referrer");
    set(headers, header::X_FRAME_OPTIONS, "DENY");
    set(headers, header::CONTENT_SECURITY_POLICY, "default-src 'none'; frame-ancestors 'none'");
    response
}
