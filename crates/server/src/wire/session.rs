//! Sessions, as every verifying operation answers them, and codes that were sent.

use serde::{Deserialize, Serialize};
use stile_core::{EmailAddress, Principal, VerificationId};
use utoipa::ToSchema;
use zeroize::Zeroizing;

use super::user::SdkUser;

/// The tokens of a session, with their expiry in Unix seconds.
pub struct SessionTokens {
    /// Identity token (`jwt`).
    pub identity: String,
    /// Access token (`minifiedJwt`).
    pub access: String,
    /// When both expire.
    pub expires_at: i64,
}

/// A session with its user: what every verifying operation answers.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct VerifyResponse {
    /// The user.
    user: SdkUser,
    /// Identity token.
    jwt: String,
    /// Access token.
    minified_jwt: String,
    /// When both tokens expire, in Unix seconds.
    expires_at: i64,
    /// For the scopes that were asked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    elevated_access_token: Option<String>,
    /// A legacy MFA token, when one was asked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    mfa_token: Option<String>,
}

impl VerifyResponse {
    /// The session of this principal, with these tokens.
    pub fn new(me: &Principal, new_user: bool, tokens: SessionTokens, elevated: Option<String>) -> Self {
        Self {
            user: SdkUser::of(me, new_user),
            jwt: tokens.identity,
            minified_jwt: tokens.access,
            expires_at: tokens.expires_at,
            elevated_access_token: elevated,
            mfa_token: None,
        }
    }

    /// The same with this elevated token, unless it has one.
    #[must_use]
    pub fn or_elevated(mut self, token: Option<String>) -> Self {
        self.elevated_access_token = self.elevated_access_token.or(token);
        self
    }

    /// The same with a legacy MFA token.
    #[must_use]
    pub fn with_mfa_token(mut self, token: Option<Zeroizing<String>>) -> Self {
        self.mfa_token = token.map(|text| text.as_str().to_owned());
        self
    }
}

/// What the app shows next.
#[derive(Clone, Copy, Serialize, ToSchema)]
#[serde(rename_all = "kebab-case")]
pub enum NextViewEnum {
    /// Nothing is left to do.
    Done,
    /// A code was sent to the new e-mail address.
    VerifyEmail,
}

/// As `VerifyResponse`, with what the app shows next.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct UpdateSelfResponse {
    /// The session.
    #[serde(flatten)]
    pub session: VerifyResponse,
    /// What the app shows next.
    pub next_view: NextViewEnum,
    /// The code that was sent, when one was.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub email_verification: Option<EmailVerificationCreateResponse>,
}

/// A code that was sent.
#[derive(Serialize, ToSchema)]
pub struct EmailVerificationCreateResponse {
    /// To be sent back with the code.
    #[serde(rename = "verificationUUID")]
    pub verification_uuid: String,
    /// The address, normalised.
    pub email: String,
    /// How many digits the code has: 6, or 12 while somebody guesses at codes for this address. Fields for codes take
    /// 6 to 12 digits, as a single code may be longer than is told here.
    #[serde(rename = "codeLength")]
    pub code_length: u32,
}

impl EmailVerificationCreateResponse {
    /// The answer for a code that was sent.
    pub fn new(id: VerificationId, digits: u32, address: &EmailAddress) -> Self {
        Self { verification_uuid: id.to_string(), email: address.to_string(), code_length: digits }
    }
}

/// Asks for a legacy MFA token beside the session: for gates of environments at API version `2026_01_01`.
#[derive(Clone, Copy, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct CreateMfaToken {
    /// Whether the token can be used once only.
    pub single_use: bool,
}
