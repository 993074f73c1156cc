//! The environment's public keys.

use axum::http::HeaderMap;
use axum::response::Response;
use serde::Serialize;
use utoipa::ToSchema;

use crate::api::settings::stored;
use crate::guard::context::Cx;

/// A JSON web key set (RFC 7517 §5).
#[derive(Serialize, ToSchema)]
pub struct JwksResponse {
    /// The keys.
    keys: Vec<JwksKey>,
}

/// A public key (RFC 7517 §4). `x`, `y` and `crv` for EC and OKP keys, `n` and `e` for RSA.
#[derive(Serialize, ToSchema)]
pub struct JwksKey {
    /// Key id, the key's thumbprint.
    kid: String,
    /// Algorithm.
    alg: String,
    /// Key type.
    kty: String,
    /// Always `sig`.
    #[serde(rename = "use")]
    usage: String,
    /// Curve.
    crv: Option<String>,
    /// First coordinate, or the key itself.
    x: Option<String>,
    /// Second coordinate.
    y: Option<String>,
    /// Modulus.
    n: Option<String>,
    /// Exponent.
    e: Option<String>,
}

/// Get the public keys
///
/// May be kept for an hour: new keys are published that long before they sign.
#[utoipa::path(
    get, path = "/.well-known/jwks", operation_id = "getJwks", tag = "Session",
    responses((status = 200, body = JwksResponse), (status = 304)), extensions(("x-stile-access" = json!("public")))
)]
pub async fn plain(cx: Cx, headers: HeaderMap) -> Response {
    stored(&cx.env.jwks, "public, max-age=3600", &headers)
}

/// Get the public keys under their other usual name
#[utoipa::path(
    get, path = "/.well-known/jwks.json", operation_id = "getJwksJson", tag = "Session",
    responses((status = 200, body = JwksResponse), (status = 304)), extensions(("x-stile-access" = json!("public")))
)]
pub async fn json(cx: Cx, headers: HeaderMap) -> Response {
    stored(&cx.env.jwks, "public, max-age=3600", &headers)
}
