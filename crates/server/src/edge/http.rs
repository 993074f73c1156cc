//! Layers: the environment of a request, its origin (CORS) and its `Cx`; and what all answers carry.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll};
use std::time::Duration;

use axum::body::{Body, Bytes, HttpBody};
use axum::extract::{ConnectInfo, OriginalUri, Request, State};
use axum::http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use http_body::{Frame, SizeHint};
use stile_store::ApiToken;

use crate::edge::admission::admit;
use crate::guard::access::stored_api_token;
use crate::guard::act::{Act, RequestId};
use crate::guard::context::Cx;
use crate::state::app::App;
use crate::state::environment::Environment;
use crate::state::error::{ApiError, Code};
use crate::state::limits::{Party, Prefixes};
use crate::wire::headers::text;

const CORS_METHODS: &str = "GET, POST, PUT, PATCH, DELETE, OPTIONS";
/// Every header that a client of the contract sends; one missing breaks it with an opaque network error. Pages add others,
/// such as those of tracing libraries: these are granted as the preflight asks for them, within bounds. No cookies are
/// used, and the origin is checked.
const CORS_HEADERS: &str = "content-type, authorization, x-dyn-api-version, x-dyn-version, x-dyn-request-id, \
    x-dyn-session-id, x-dyn-session-public-key, x-dynamic-platform, x-dynamic-device-nonce, \
    x-dynamic-device-publickey, x-dynamic-device-signed-nonce, x-dynamic-device-registration-token, \
    x-dyn-elevated-access-token, x-mfa-auth-token, x-dyn-logout-reason, x-idempotency-key, \
    x-dyn-client-session-signature, x-dyn-trace-id, x-dyn-trace-elapsed-time, x-dyn-wallet-sdk-version, \
    x-forward-mpc-client, x-dyn-device-fingerprint, x-dyn-is-global-wallet-popup";
/// How many other headers a preflight can ask for, and how long a name may be.
const MORE_HEADERS: usize = 50;
const HEADER_NAME: usize = 100;
const CORS_MAX_AGE: &str = "7200";

/// What a request says about the environment that it is for.
type Named = Result<(Arc<Environment>, Option<ApiToken>), ApiError>;

/// Around the operations of the environment that the path names.
pub async fn named_by_path(
    State(app): State<Arc<App>>,
    OriginalUri(whole): OriginalUri,
    request: Request,
    next: Next,
) -> Response {
    let address = client_address(&app, &request);
    // The nest has cut off what ends with the id. It counts as it was written: one in percent-encoding is none.
    let cut = whole.path().strip_suffix(request.uri().path()).unwrap_or(whole.path());
    let id = cut.rsplit('/').next().and_then(|id| id.parse().ok());
    let named = match id {
        None => Err(Code::EnvironmentNotFound.into()),
        Some(id) => match app.environment(id).await {
            Err(error) if error.code == Code::EnvironmentNotFound => nowhere(&app, address).and(Err(error)),
            found => found.map(|env| (env, None)),
        },
    };
    within(app, named, address, request, next).await
}

/// Around the operations of the environment whose API token the request carries.
pub async fn named_by_api_token(State(app): State<Arc<App>>, request: Request, next: Next) -> Response {
    let address = client_address(&app, &request);
    let named = match stored_api_token(&app, request.headers()).await {
        Ok(token) => app.environment(token.environment).await.map(|env| (env, Some(token))),
        Err(error) if error.code == Code::InvalidApiToken => nowhere(&app, address).and(Err(error)),
        Err(error) => Err(error),
    };
    within(app, named, address, request, next).await
}

/// Counts a request that names no environment: it has no other limits than these.
fn nowhere(app: &App, address: IpAddr) -> Result<(), ApiError> {
    Ok(app.nowhere.request(&Party::Stranger(Prefixes::of(address)))?)
}

/// Origin, limits, `Cx` and CORS of a request within an environment.
async fn within(app: Arc<App>, named: Named, address: IpAddr, mut request: Request, next: Next) -> Response {
    let origin = text(request.headers(), header::ORIGIN.as_str()).map(str::to_owned);
    let preflight = (request.method() == Method::OPTIONS).then(|| asked_headers(request.headers()));
    // These errors hold no data, so every page may read them: developers see that they mistyped an id or forgot an origin.
    let tell_everybody = |error: ApiError| {
        let response =
            if preflight.is_some() { StatusCode::NO_CONTENT.into_response() } else { error.into_response() };
        with_cors(response, Some(HeaderValue::from_static("*")), preflight.as_deref())
    };
    let (env, api_token) = match named {
        Ok(found) => found,
        Err(error) => return tell_everybody(error),
    };
    let allowed = origin.as_deref().filter(|o| env.settings.allows_origin(o) || *o == app.config.origin());
    if origin.is_some() && allowed.is_none() {
        app.refused_origins.tell(&app.config.place, &env, origin.as_deref().unwrap_or_default(), address);
        return tell_everybody(Code::OriginNotAllowed.into());
    }
    let allowed = allowed.and_then(|o| HeaderValue::from_str(o).ok());
    if preflight.is_some() {
        return with_cors(StatusCode::NO_CONTENT.into_response(), allowed, preflight.as_deref());
    }
    let request_id = request.extensions().get::<RequestId>().cloned().unwrap_or_default();
    let party = Party::Stranger(Prefixes::of(address));
    let now = app.clock.now();
    let act = Act::new(&app, env, now, request_id, address);
    let mut cx = Cx { act, app, api_token, address, party, me: None, spent: None, origin };
    let response = match Box::pin(admit(&mut cx, request.headers())).await {
        Err(error) => error.into_response(),
        Ok(()) => {
            request.extensions_mut().insert(cx);
            next.run(request).await
        }
    };
    with_cors(response, allowed, None)
}

/// The headers that a preflight may be granted: those of the contract and, within bounds, those that it asks for.
fn asked_headers(headers: &HeaderMap) -> String {
    let mut granted = CORS_HEADERS.to_owned();
    let asked = text(headers, header::ACCESS_CONTROL_REQUEST_HEADERS.as_str()).unwrap_or_default();
    for name in asked.split(',').map(str::trim).take(MORE_HEADERS) {
        let known = granted.split(", ").any(|other| other.eq_ignore_ascii_case(name));
        if let Ok(name) = HeaderName::from_bytes(name.as_bytes())
            && !known
            && name != "*"
            && name.as_str().len() <= HEADER_NAME
        {
            granted.push_str(", ");
            granted.push_str(name.as_str());
        }
    }
    granted
}

/// `preflight` holds the headers that a preflight is granted.
fn with_cors(mut response: Response, origin: Option<HeaderValue>, preflight: Option<&str>) -> Response {
    let headers = response.headers_mut();
    headers.append(header::VARY, HeaderValue::from_static("origin"));
    let Some(origin) = origin else { return response };
    headers.insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, origin);
    headers
        .insert(header::ACCESS_CONTROL_EXPOSE_HEADERS, HeaderValue::from_static("retry-after, x-request-id"));
    if let Some(granted) = preflight {
        headers.append(header::VARY, HeaderValue::from_static("access-control-request-headers"));
        let granted = HeaderValue::from_str(granted).unwrap_or(HeaderValue::from_static(CORS_HEADERS));
        headers.insert(header::ACCESS_CONTROL_ALLOW_METHODS, HeaderValue::from_static(CORS_METHODS));
        headers.insert(header::ACCESS_CONTROL_ALLOW_HEADERS, granted);
        headers.insert(header::ACCESS_CONTROL_MAX_AGE, HeaderValue::from_static(CORS_MAX_AGE));
    }
    response
}

/// The client's address as rate limits see it.
pub fn client_address(app: &App, request: &Request) -> IpAddr {
    let socket = request.extensions().get::<ConnectInfo<SocketAddr>>();
    let socket = socket.map_or(IpAddr::V4(Ipv4Addr::UNSPECIFIED), |info| info.0.ip());
    app.forwarding.client(&app.config, socket, request.headers())
}

/// Whether the request says once which host it is for (RFC 9112 §3.2, RFC 9113 §8.3.1): what stands in front might
/// otherwise have read the other one.
fn names_one_host(request: &Request) -> bool {
    let mut hosts = request.headers().get_all(header::HOST).iter();
    let (host, another) = (hosts.next(), hosts.next());
    let differs = match (host, request.uri().authority()) {
        (Some(host), Some(authority)) => !host.as_bytes().eq_ignore_ascii_case(authority.as_str().as_bytes()),
        _ => false,
    };
    another.is_none() && !differs
}

/// The body, and whether somebody waits for more of it to come from the client.
fn awaited(body: Body) -> (Body, Arc<AtomicBool>) {
    let waits = Arc::new(AtomicBool::new(false));
    (Body::new(Awaited { body, waits: Arc::clone(&waits) }), waits)
}

struct Awaited {
    body: Body,
    waits: Arc<AtomicBool>,
}

impl HttpBody for Awaited {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        let polled = Pin::new(&mut self.body).poll_frame(cx);
        self.waits.store(polled.is_pending(), Ordering::Relaxed);
        polled
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

/// Around everything: a deadline, and the headers that every answer carries.
pub async fn outer_layer(State(deadline): State<Duration>, request: Request, next: Next) -> Response {
    let head = format!("{} {}", request.method(), request.uri().path());
    let one_host = names_one_host(&request);
    let (parts, body) = request.into_parts();
    let (body, awaited) = awaited(body);
    let request = Request::from_parts(parts, body);
    let answer = async {
        if one_host { next.run(request).await } else { ApiError::from(Code::InvalidHost).into_response() }
    };
    let mut response = match tokio::time::timeout(deadline, answer).await {
        Ok(response) => response,
        Err(_) if awaited.load(Ordering::Relaxed) => {
            // The client did not send the body that it had announced; the server is well.
            tracing::debug!(head, "a request body did not come in time");
            ApiError::from(Code::DeadlineExceeded).into_response()
        }
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

#[cfg(test)]
mod tests;
