//! One-time codes by e-mail.

pub mod create;
pub mod retry;
pub mod signin;
pub mod verify;

use serde::Deserialize;
use stile_core::policy::Begun;
use stile_core::{CredentialId, Format, Principal};
use stile_keys::random;
use stile_store::BegunEnrolment;
use utoipa::ToSchema;

use crate::guard::context::Cx;
use crate::wire::body::null_is_absent;

/// The answer to a code.
#[derive(Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct EmailVerificationVerifyRequest {
    /// From the answer of `create`.
    #[serde(rename = "verificationUUID")]
    pub verification_uuid: String,
    /// What the user typed: spaces, hyphens and case do not matter.
    pub verification_token: String,
    /// Ignored: captchas are not demanded here.
    #[serde(default)]
    #[expect(dead_code, reason = "clients of the contract send it; refusing it would break them")]
    captcha_token: Option<String>,
    /// The page's session key, instead of the header.
    #[serde(default)]
    pub session_public_key: Option<String>,
    /// Scopes for an elevated access token.
    #[serde(default, deserialize_with = "null_is_absent")]
    pub requested_scopes: Vec<String>,
    /// At sign-in: asks for a `credential:link` token when the user has no second factor and none is demanded.
    #[serde(default, rename = "allowNewMFALinking", deserialize_with = "null_is_absent")]
    pub allow_new_mfa_linking: bool,
}

/// A change of the user's address that this permit allows.
pub fn begun_change(cx: &Cx, me: &Principal, permit: Begun) -> BegunEnrolment {
    BegunEnrolment {
        id: CredentialId::new(cx.now, random::bytes()),
        session: me.session.id,
        format: Format::Email,
        permit,
        token: None,
        sealed: None,
        created_at: cx.now,
    }
}
