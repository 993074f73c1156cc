//! Answers that clients of the contract expect and that decide nothing here: what they send is read, bounded and
//! forgotten.

use axum::Json as Answer;
use axum::http::StatusCode;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::state::error::{ApiError, Code};
use crate::wire::body::Json;

/// A wallet was connected.
#[derive(Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[expect(dead_code, reason = "the contract's members are named, so that unknown ones can be refused")]
pub struct ConnectRequest {
    address: String,
    chain: String,
    provider: String,
    wallet_name: String,
    #[serde(default)]
    auth_mode: Option<String>,
}

/// Accept a connected wallet
#[utoipa::path(
    post, path = "/connect", operation_id = "connect", tag = "Compatibility", request_body = ConnectRequest,
    responses((status = 202)), extensions(("x-stile-access" = json!("public")))
)]
pub async fn connect(_body: Json<ConnectRequest>) -> StatusCode {
    StatusCode::ACCEPTED
}

/// A wallet address will be looked up.
#[derive(Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[expect(dead_code, reason = "the contract's members are named, so that unknown ones can be refused")]
pub struct PrefetchRequest {
    chain: String,
    public_wallet_address: String,
}

/// Accept a hint and discard it
#[utoipa::path(
    post, path = "/prefetch", operation_id = "prefetch", tag = "Compatibility", request_body = PrefetchRequest,
    responses((status = 202)), extensions(("x-stile-access" = json!("public")))
)]
pub async fn prefetch(_body: Json<PrefetchRequest>) -> StatusCode {
    StatusCode::ACCEPTED
}

/// Analytics of older SDKs.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct PublishEvents {
    /// 1 to 10 events.
    #[schema(value_type = Vec<Object>)]
    events: Vec<serde_json::Map<String, serde_json::Value>>,
}

/// Accept analytics and discard them
#[utoipa::path(
    post, path = "/events", operation_id = "publishEvents", tag = "Compatibility", request_body = PublishEvents,
    responses((status = 204)), extensions(("x-stile-access" = json!("public")))
)]
pub async fn events(Json(body): Json<PublishEvents>) -> Result<StatusCode, ApiError> {
    if (1..=10).contains(&body.events.len()) {
        Ok(StatusCode::NO_CONTENT)
    } else {
        Err(Code::InvalidBody.into())
    }
}

/// What an older SDK is set to.
#[derive(Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
#[derive(Default)]
pub struct SdkSettingsRequest {
    #[schema(value_type = Option<Object>)]
    dynamic_context_props: Option<serde_json::Map<String, serde_json::Value>>,
    #[schema(value_type = Option<Object>)]
    dynamic_wagmi_settings: Option<serde_json::Map<String, serde_json::Value>>,
    #[schema(value_type = Option<Object>)]
    framework_settings: Option<serde_json::Map<String, serde_json::Value>>,
}

/// Accept an SDK's own settings and discard them
#[utoipa::path(
    post, path = "/sdkSettings", operation_id = "publishSdkSettings", tag = "Compatibility",
    request_body = SdkSettingsRequest,
    responses((status = 204)), extensions(("x-stile-access" = json!("public")))
)]
pub async fn sdk_settings(_body: Json<SdkSettingsRequest>) -> StatusCode {
    StatusCode::NO_CONTENT
}

/// Networks of one chain.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct NetworkConfigurationResponse {
    chain_name: String,
    #[schema(value_type = Vec<Object>)]
    networks: Vec<serde_json::Value>,
}

/// List the networks for wallets (none in this version)
#[utoipa::path(
    get, path = "/networks", operation_id = "getNetworks", tag = "Compatibility",
    responses((status = 200, body = Vec<NetworkConfigurationResponse>)),
    extensions(("x-stile-access" = json!("public")))
)]
pub async fn networks() -> Answer<Vec<NetworkConfigurationResponse>> {
    Answer(Vec::new())
}

/// Whether the server is well.
#[derive(Serialize, ToSchema)]
pub struct HealthcheckResponse {
    status: HealthcheckStatus,
}

/// Health.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "lowercase")]
#[expect(
    dead_code,
    reason = "the contract has both values; a server that cannot read its environment answers 503 instead"
)]
pub enum HealthcheckStatus {
    /// It answers.
    Healthy,
    /// It does not.
    Unhealthy,
}

/// Check that the environment can be read
#[utoipa::path(
    get, path = "/healthcheck", operation_id = "healthcheck", tag = "Compatibility",
    responses((status = 200, body = HealthcheckResponse)), extensions(("x-stile-access" = json!("public")))
)]
pub async fn healthcheck() -> Answer<HealthcheckResponse> {
    Answer(HealthcheckResponse { status: HealthcheckStatus::Healthy })
}
