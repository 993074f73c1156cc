//! Sends a code. The same call serves sign-in, linking and step-up.

use axum::Json as Answer;
use axum::http::{HeaderMap, StatusCode};
use serde::Deserialize;
use stile_core::{EmailAddress, Level};
use utoipa::ToSchema;

use crate::api::openapi::DeviceHeaders;
use crate::flows::codes::{self, Creator};
use crate::guard::access;
use crate::guard::context::Cx;
use crate::state::error::{ApiError, Code};
use crate::state::limits::Bucket;
use crate::wire::body::Json;
use crate::wire::headers::{bearer, session_key};
use crate::wire::session::EmailVerificationCreateResponse;

/// Asks for a code.
#[derive(Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct EmailVerificationCreateRequest {
    /// Where to send it.
    email: String,
    /// Ignored: captchas are not demanded here.
    #[serde(default)]
    #[expect(dead_code, reason = "clients of the contract send it; refusing it would break them")]
    captcha_token: Option<String>,
}

/// Send a code
///
/// The answer is the same whether or not the address has an account. A bearer token that is no longer valid is
/// ignored, and the code then belongs to no session. A device proof may come along: a device that the user is known to
/// sign in with goes on working while strangers guess. Fields for codes take 6 to 12 digits.
#[utoipa::path(
    post, path = "/emailVerifications/create", operation_id = "createEmailVerification", tag = "Codes",
    request_body = EmailVerificationCreateRequest, params(DeviceHeaders),
    responses((status = 201, body = EmailVerificationCreateResponse)),
    extensions(("x-stile-access" = json!("public")))
)]
pub async fn handle(
    cx: Cx,
    headers: HeaderMap,
    Json(body): Json<EmailVerificationCreateRequest>,
) -> Result<(StatusCode, Answer<EmailVerificationCreateResponse>), ApiError> {
    cx.limit(Bucket::Code)?;
    let address = EmailAddress::parse(&body.email).map_err(|_| Code::InvalidEmail)?;
    let creator = creator(&cx, &headers).await?;
    let device = cx.device_proof(&headers).await?;
    let sent = codes::send(&cx, &address, creator, device.as_ref(), None).await?;
    Ok((StatusCode::CREATED, Answer(EmailVerificationCreateResponse::new(sent.id, sent.digits, &address))))
}

/// Who asks: a live full session, or nobody.
pub(super) async fn creator(cx: &Cx, headers: &HeaderMap) -> Result<Creator, ApiError> {
    let key = session_key(headers, None)?;
    let me = match bearer(headers) {
        None => None,
        Some(_) => access::principal(cx, headers).await.ok().filter(|me| me.session.level == Level::Full),
    };
    Ok(Creator::new(cx, me.as_ref(), key.as_ref()))
}
