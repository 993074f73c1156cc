//! Sends a code. The same call serves sign-in, linking and step-up.

use axum::Json as Answer;
use axum::http::{HeaderMap, StatusCode};
use serde::Deserialize;
use stile_core::{EmailAddress, Level, Principal};
use utoipa::ToSchema;

use crate::access;
use crate::api::models::EmailVerificationCreateResponse;
use crate::context::{Cx, bearer, session_key};
use crate::delivery::Purpose;
use crate::error::{ApiError, Code};
use crate::flows::codes::{self, Creator};
use crate::http::Json;
use crate::limits::Bucket;

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
/// ignored, and the code then belongs to no session.
#[utoipa::path(
    post, path = "/emailVerifications/create", operation_id = "createEmailVerification", tag = "Codes",
    request_body = EmailVerificationCreateRequest,
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
    let (creator, me) = creator(&cx, &headers).await?;
    let id = codes::send(&cx, &address, creator, purpose(me.as_ref(), &address), None).await?;
    let answer =
        EmailVerificationCreateResponse { verification_uuid: id.to_string(), email: address.to_string() };
    Ok((StatusCode::CREATED, Answer(answer)))
}

/// What a code for this address is for, when this user asks for it.
pub(super) fn purpose(me: Option<&Principal>, address: &EmailAddress) -> Purpose {
    match me {
        None => Purpose::SignIn,
        Some(me) if me.emails().any(|own| own == address.as_str()) => Purpose::Confirm,
        Some(_) => Purpose::AddEmail,
    }
}

/// Who asks: a live full session with its user, or nobody.
pub(super) async fn creator(cx: &Cx, headers: &HeaderMap) -> Result<(Creator, Option<Principal>), ApiError> {
    let key = session_key(headers, None)?;
    let me = match bearer(headers) {
        None => None,
        Some(_) => access::principal(cx, headers).await.ok().filter(|me| me.session.level == Level::Full),
    };
    Ok((Creator::new(cx, me.as_ref().map(|me| me.session.id), key.as_ref()), me))
}
