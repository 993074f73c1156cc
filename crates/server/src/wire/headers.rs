//! What requests say in their headers.

use axum::http::{HeaderMap, header};
use stile_keys::p256_key::PublicKeyHex;

use crate::state::error::{ApiError, Code};

const MAX_USER_AGENT: usize = 300;

/// A header's text.
pub fn text<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    headers.get(name)?.to_str().ok()
}

/// The page's session key: from the header, or from the body where an operation takes it there.
pub fn session_key(headers: &HeaderMap, body: Option<&str>) -> Result<Option<PublicKeyHex>, ApiError> {
    let sent = body.or_else(|| text(headers, "x-dyn-session-public-key")).filter(|key| !key.is_empty());
    sent.map(|key| PublicKeyHex::parse(key).map_err(|_| Code::InvalidSessionKey.into())).transpose()
}

/// The browser, as it calls itself; at most 300 characters.
pub fn user_agent(headers: &HeaderMap) -> String {
    text(headers, header::USER_AGENT.as_str()).unwrap_or_default().chars().take(MAX_USER_AGENT).collect()
}

/// The bearer token, if there is one.
pub fn bearer(headers: &HeaderMap) -> Option<&str> {
    let (scheme, token) = text(headers, header::AUTHORIZATION.as_str())?.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then(|| token.trim()).filter(|token| !token.is_empty())
}

/// The headers of a device proof: the nonce, the key and the signature.
pub const DEVICE_HEADERS: [&str; 3] =
    ["x-dynamic-device-nonce", "x-dynamic-device-publickey", "x-dynamic-device-signed-nonce"];

/// The nonce, the key and the signature of a device proof, as far as they were sent.
pub fn device_headers(headers: &HeaderMap) -> (Option<&str>, Option<&str>, Option<&str>) {
    let [nonce, key, signature] =
        DEVICE_HEADERS.map(|name| text(headers, name).filter(|value| !value.is_empty()));
    (nonce, key, signature)
}
