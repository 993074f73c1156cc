//! Sends another code for the address of a verification.

use axum::Json as Answer;
use axum::http::{HeaderMap, StatusCode};
use serde::Deserialize;
use stile_core::{EmailAddress, Format, VerificationId};
use stile_factors::email_code;
use stile_store::begun;
use utoipa::ToSchema;

use super::create::creator;
use crate::api::openapi::DeviceHeaders;
use crate::flows::codes;
use crate::guard::context::Cx;
use crate::state::error::{ApiError, Code};
use crate::state::limits::Bucket;
use crate::wire::body::Json;
use crate::wire::session::EmailVerificationCreateResponse;

/// Asks for another code.
#[derive(Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct EmailVerificationRetryRequest {
    /// From the answer of `create`.
    #[serde(rename = "verificationUUID")]
    verification_uuid: String,
    /// The same address.
    email: String,
    /// Ignored: captchas are not demanded here.
    #[serde(default)]
    #[expect(dead_code, reason = "clients of the contract send it; refusing it would break them")]
    captcha_token: Option<String>,
}

/// Send another code
///
/// The code that is on its way stays valid; the new one has a verification of its own.
#[utoipa::path(
    post, path = "/emailVerifications/retry", operation_id = "retryEmailVerification", tag = "Codes",
    request_body = EmailVerificationRetryRequest, params(DeviceHeaders),
    responses((status = 201, body = EmailVerificationCreateResponse)),
    extensions(("x-stile-access" = json!("public")))
)]
pub async fn handle(
    cx: Cx,
    headers: HeaderMap,
    Json(body): Json<EmailVerificationRetryRequest>,
) -> Result<(StatusCode, Answer<EmailVerificationCreateResponse>), ApiError> {
    cx.limit(Bucket::Code)?;
    let address = EmailAddress::parse(&body.email).map_err(|_| Code::InvalidEmail)?;
    let id: VerificationId = body.verification_uuid.parse().map_err(|_| Code::InvalidEmailVerification)?;
    let creator = creator(&cx, &headers).await?;
    let hash = email_code::address_hash(&cx.app.keys, cx.env.id, &address);
    let previous = cx.app.store.verification(cx.env.id, id).await?;
    let previous = previous.filter(|v| v.address == hash && v.session == creator.session);
    let previous = previous.ok_or(Code::InvalidEmailVerification)?;
    // A permitted change is not kept alive by asking again: its end stays where it was when the change was begun.
    let begun = match previous.begun.zip(previous.session) {
        None => None,
        Some((id, session)) => {
            let begun = cx.app.store.begun(session, id, cx.now).await?;
            Some(begun.filter(|begun| begun.format == Format::Email).ok_or(Code::InvalidEmailVerification)?)
        }
    };
    let begun = begun.as_ref().map(|begun| (begun, begun::hold(begun.session, begun.id)));
    let device = cx.device_proof(&headers).await?;
    let sent = codes::send(&cx, &address, creator, device.as_ref(), begun).await?;
    Ok((StatusCode::CREATED, Answer(EmailVerificationCreateResponse::new(sent.id, sent.digits, &address))))
}
