//! What SDKs are told about an environment: rendered once per version, answered as stored bytes.

use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::Serialize;
use serde_json::{Value, json};
use stile_core::settings::{Kind, Settings};
use utoipa::ToSchema;

use crate::context::{Cx, text};
use crate::environment::Rendered;

/// The public part of an environment's settings.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct ProjectSettings {
    /// `sandbox` or `live`.
    environment_name: &'static str,
    /// Chains for wallets; none.
    #[schema(value_type = Vec<Object>)]
    chains: Vec<Value>,
    /// Networks for wallets; none.
    #[schema(value_type = Vec<Object>)]
    networks: Vec<Value>,
    /// Profile fields to be filled; none.
    #[schema(value_type = Vec<Object>)]
    kyc: Vec<Value>,
    /// Styling; none.
    #[schema(value_type = Object)]
    design: Value,
    /// Names and support contacts.
    #[schema(value_type = Object)]
    general: Value,
    /// What is collected.
    #[schema(value_type = Object)]
    privacy: Value,
    /// Ways to sign in.
    #[schema(value_type = Vec<Object>)]
    providers: Vec<Value>,
    /// What SDKs do.
    #[schema(value_type = Object)]
    sdk: Value,
    /// Sessions, factors and their enforcement.
    #[schema(value_type = Object)]
    security: Value,
}

/// The public settings of an environment.
pub fn public_settings(kind: Kind, s: &Settings) -> ProjectSettings {
    let mut providers = vec![json!({ "provider": "emailOnly" })];
    let mut sections = vec![json!({ "type": "email" })];
    if s.passkeys.sign_in {
        providers.push(json!({ "provider": "passkey" }));
        sections.push(json!({ "type": "passkey" }));
    }
    let mfa = &s.security.mfa;
    ProjectSettings {
        environment_name: kind.as_str(),
        chains: Vec::new(),
        networks: Vec::new(),
        kyc: Vec::new(),
        design: json!({}),
        general: json!({
            "displayName": s.general.display_name,
            "supportEmail": s.general.support_email,
            "supportText": s.general.support_text,
            "appLogo": s.general.app_logo,
        }),
        privacy: json!({ "collectIp": false }),
        providers,
        sdk: json!({
            "minApiVersion": s.sdk.min_api_version,
            "emailSignIn": { "signInProvider": "dynamic" },
            "multiWallet": s.sdk.multi_wallet,
            "preventOrphanedAccounts": s.sdk.prevent_orphaned_accounts,
            "blockEmailSubaddresses": s.sdk.block_email_subaddresses,
            "confirmWalletTransfers": s.sdk.confirm_wallet_transfers,
            "mobile": { "deeplinkUrlsEnabled": !s.sdk.mobile_deeplink_urls.is_empty() },
            "views": [{ "type": "login", "sections": sections }],
        }),
        security: json!({
            "jwtDuration": s.security.jwt_duration,
            "auth": s.security.auth,
            "captcha": { "enabled": s.security.captcha.enabled },
            "hCaptcha": { "enabled": false },
            "externalAuth": { "enabled": s.security.external_auth.enabled },
            "deviceRegistrationRequired": s.security.device_registration_required,
            "environmentLocked": s.security.environment_locked,
            "notifications": s.security.notifications,
            "mfa": {
                "enabled": mfa.enabled,
                "required": mfa.required(),
                "enrollment": mfa.enrollment,
                "availableMethods": mfa.available_methods,
                "methods": mfa.methods,
                "actions": mfa.actions,
            },
        }),
    }
}

/// Get the public settings
///
/// Stored bytes with an entity tag; `sdkVersion` in the query is accepted and changes nothing.
#[utoipa::path(
    get, path = "/settings", operation_id = "getSettings", tag = "Settings",
    params(("sdkVersion" = Option<String>, Query, description = "Ignored")),
    responses((status = 200, body = ProjectSettings), (status = 304)),
    extensions(("x-stile-access" = json!("public")))
)]
pub async fn handle(cx: Cx, headers: HeaderMap) -> Response {
    stored(&cx.env.public, "public, no-cache", &headers)
}

/// Stored bytes, or 304 when the client has them (RFC 9110 §13.1.2).
pub fn stored(rendered: &Rendered, cache: &'static str, headers: &HeaderMap) -> Response {
    let known = text(headers, header::IF_NONE_MATCH.as_str())
        .is_some_and(|tags| tags.split(',').any(|tag| tag.trim().trim_start_matches("W/") == rendered.etag));
    let mut response = if known {
        StatusCode::NOT_MODIFIED.into_response()
    } else {
        ([(header::CONTENT_TYPE, "application/json")], rendered.body.clone()).into_response()
    };
    response.headers_mut().insert(header::CACHE_CONTROL, HeaderValue::from_static(cache));
    if let Ok(etag) = HeaderValue::from_str(&rendered.etag) {
        response.headers_mut().insert(header::ETAG, etag);
    }
    response
}
