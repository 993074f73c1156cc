//! The one error that leaves the server: a stable code, a status and a text that says what to do.
//!
//! On the wire errors are flat: `{"error": "text", "code": "stable_code", …}`.

use std::borrow::Cow;

use axum::Json;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::Serialize;
use stile_core::policy::Refusal;
use stile_core::scope::ScopeError;
use stile_factors::device::DeviceProofError;
use stile_factors::passkey::PasskeyError;
use stile_store::{CommitError, Miss, StoreError};
use stile_webauthn::Error as Refused;
use utoipa::ToSchema;

use crate::state::limits::Wait;

macro_rules! codes {
    ($($(#[$doc:meta])* $name:ident = $status:literal $wire:literal $text:literal),* $(,)?) => {
        /// Every error code, with its status and its standard text.
        #[derive(Clone, Copy, PartialEq, Eq, Debug)]
        pub enum Code { $($(#[$doc])* $name),* }
        impl Code {
            /// Every code, in the order of the documentation.
            pub const ALL: &'static [Self] = &[$(Self::$name),*];
            /// The stable text on the wire.
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$name => $wire),* }
            }
            /// The HTTP status.
            pub const fn status(self) -> u16 {
                match self { $(Self::$name => $status),* }
            }
            /// What a person reads.
            pub const fn text(self) -> &'static str {
                match self { $(Self::$name => $text),* }
            }
        }
    };
}

codes! {
    /// The body is not the JSON that the operation asks for.
    InvalidBody = 400 "invalid_body" "The request body is not what this operation asks for.",
    /// A path or query parameter is malformed.
    InvalidParameter = 400 "invalid_parameter" "A parameter of the request is malformed.",
    /// Two `Host` headers, or one that differs from the request's authority.
    InvalidHost = 400 "invalid_host" "The request names more than one host.",
    /// No usable access token.
    Unauthorized = 401 "unauthorized" "No valid access token was sent: sign in.",
    /// The session has ended.
    SessionEnded = 401 "session_ended" "The session has ended: sign in again.",
    /// The session was opened with a device key, and no proof by it came along.
    DeviceProofRequired = 401 "device_proof_required" "This session can only be refreshed by the device that opened it.",
    /// No usable API token.
    InvalidApiToken = 401 "invalid_api_token" "No valid API token was sent.",
    /// The API token lacks the scope or belongs to another environment.
    ApiTokenForbidden = 403 "api_token_forbidden" "This API token may not do that.",
    /// A second factor is still owed in this session.
    AdditionalAuthRequired = 403 "additional_auth_required" "Finish signing in first: a second factor is still needed.",
    /// The web origin may not call this environment.
    OriginNotAllowed = 403 "origin_not_allowed" "This web origin may not use the environment: add it to allowedOrigins.",
    /// The environment is locked.
    EnvironmentLocked = 403 "environment_locked" "This environment is locked by its operator.",
    /// A gated action without evidence.
    ElevatedTokenRequired = 403 "elevated_token_required" "Elevated access token required",
    /// The token is not one of ours, of this session, or for this scope.
    ElevatedTokenInvalid = 403 "elevated_token_invalid" "The elevated access token is not valid for this action.",
    /// The token has expired.
    ElevatedTokenExpired = 403 "elevated_token_expired" "The elevated access token has expired: confirm again.",
    /// A single-use token was used before.
    ElevatedTokenUsed = 403 "elevated_token_used" "The elevated access token was used already: confirm again.",
    /// The proof is too weak for what was asked.
    MfaRequired = 403 "mfa_required" "A second factor is needed for this: use one of the methods that the step-up check lists.",
    /// The proof is weaker than a rule of the environment demands.
    StrongerFactorRequired = 403 "stronger_factor_required" "A stronger factor is needed for this: use one of the methods that the step-up check lists.",
    /// Recovery codes are read and made only on a factor proved just now.
    RecentMfaRequired = 403 "recent_mfa_required" "Confirm with a passkey or an authenticator app first: this needs one that was confirmed in the last 10 minutes.",
    /// A legacy MFA token of another session, or one that was used, has ended, or is too weak.
    MfaTokenInvalid = 403 "mfa_token_invalid" "The MFA token is not valid for this action: confirm again.",
    /// A method with too many wrong answers in a row.
    MfaMethodLocked = 403 "mfa_method_locked" "There were too many wrong codes in a row: confirm with another method.",
    /// The credential may not answer for an action.
    CredentialNotAccepted = 403 "credential_not_accepted" "This credential cannot be used to confirm an action.",
    /// An address that was added within seven days, or what it enrolled, confirms no removal or change of an older one.
    AddressTooNew = 403 "address_too_new" "This way of confirming was added less than seven days ago, and what you remove or change is older: confirm with an older one.",
    /// A rule demands a second factor and the user has none.
    EnrolmentRequired = 403 "mfa_enrolment_required" "A second factor must be set up first.",
    /// No user of that id.
    UserNotFound = 404 "user_not_found" "There is no user of this id.",
    /// No such route.
    NotFound = 404 "not_found" "There is nothing here.",
    /// A part of the reference API that Stile leaves out.
    NotSupported = 404 "not_supported" "Stile does not offer this part of the API.",
    /// No such environment.
    EnvironmentNotFound = 404 "environment_not_found" "There is no environment of this id.",
    /// The route exists, with other methods.
    MethodNotAllowed = 405 "method_not_allowed" "This path does not take this method.",
    /// Somebody else changed the same thing at the same time.
    Conflict = 409 "conflict" "The account was changed at the same time: try again.",
    /// The use id stands for another use: of another token, or for another scope.
    UseIdTaken = 409 "use_id_taken" "This useId was given to the use of another token or scope: give each action an id of its own.",
    /// The body is too large.
    BodyTooLarge = 413 "body_too_large" "The request body is too large.",
    /// The body is not JSON.
    UnsupportedMediaType = 415 "unsupported_media_type" "Send the body as application/json.",
    /// A scope that the environment does not know.
    InvalidScopes = 422 "invalid_scopes" "A requested scope is not known in this environment.",
    /// Not an e-mail address.
    InvalidEmail = 422 "invalid_email" "That is not an e-mail address.",
    /// The address belongs to another user.
    EmailAlreadyExists = 422 "email_already_exists" "That e-mail address is in use by another account.",
    /// A wrong code.
    WrongEmailCode = 422 "wrong_email_verification_token" "That code is wrong.",
    /// The verification is unknown, expired, used, or was begun elsewhere.
    InvalidEmailVerification = 422 "invalid_email_verification" "That code is no longer valid: ask for a new one.",
    /// Too many wrong codes.
    TooManyEmailAttempts = 422 "too_many_email_verification_attempts" "Too many wrong codes: ask for a new one later.",
    /// The credential may not open sessions.
    CredentialNotEnabledForSignIn = 422 "credential_not_enabled_for_sign_in" "This credential cannot be used to sign in.",
    /// The passkey response was refused.
    InvalidPasskey = 422 "invalid_passkey_response" "The passkey could not be verified.",
    /// A stored key that would not be taken today.
    PasskeyKeyRefused = 422 "passkey_key_refused" "The key of this passkey is too weak to be trusted: sign in another way, remove this passkey, and add a new one.",
    /// A passkey that could be synced, and says that it cannot any more.
    PasskeyNotSynced = 422 "passkey_no_longer_synced" "This passkey could be synced before and says that it cannot any more: sign in another way, remove this passkey, and add a new one.",
    /// A counter that did not grow: somebody may use a copy.
    PasskeyCounter = 422 "passkey_counter_regressed" "This passkey may have been copied, since its counter went back: sign in another way, remove this passkey, and add a new one.",
    /// The challenge was used, is too old, or belongs elsewhere.
    InvalidChallenge = 422 "invalid_challenge" "This passkey dialog is no longer valid: start again.",
    /// No passkey of that id belongs to the user.
    PasskeyNotFound = 422 "passkey_not_found" "There is no such passkey.",
    /// The passkey is enrolled already.
    PasskeyExists = 422 "passkey_already_registered" "This passkey is registered already.",
    /// The user has as many passkeys as allowed.
    MaxPasskeys = 422 "max_passkeys_per_user" "You have as many passkeys as allowed: remove one first.",
    /// The user has as many addresses as allowed.
    MaxEmails = 422 "max_emails_per_user" "You have as many e-mail addresses as allowed: remove one first.",
    /// The environment's passkey settings are incomplete or off.
    PasskeysNotConfigured = 422 "passkeys_not_configured" "Passkeys are not set up for this environment.",
    /// A code that is wrong, used, or of another moment.
    MfaInvalidCode = 422 "mfa_invalid_code" "That code is wrong, or was used already: enter the present one.",
    /// No device of that id, or none at all.
    MfaDeviceNotFound = 422 "mfa_device_not_found" "There is no such authenticator app on this account.",
    /// An answer that cannot be one.
    MfaInvalidRequest = 422 "mfa_invalid_request" "A code is needed.",
    /// The user has as many authenticator apps as allowed.
    MaxMfaDevices = 422 "max_mfa_devices_per_user" "You have as many authenticator apps as allowed: remove one first.",
    /// The environment does not let users enrol this kind of factor.
    MfaMethodNotOffered = 422 "mfa_method_not_offered" "Authenticator apps are not set up for this environment.",
    /// The codes were shown and acknowledged.
    RecoveryCodesAcknowledged = 422 "recovery_codes_acknowledged" "The recovery codes were shown and saved. Make new ones if they are lost.",
    /// No recovery codes beside this user's factors.
    RecoveryCodesNotAvailable = 422 "recovery_codes_not_available" "There are no recovery codes for this account.",
    /// A session key that is no key.
    InvalidSessionKey = 422 "invalid_session_public_key" "The session public key is not a compressed P-256 point.",
    /// A device proof that does not hold.
    InvalidDeviceProof = 422 "invalid_device_proof" "The device proof does not hold.",
    /// A nonce that is unknown, expired or used.
    InvalidNonce = 422 "invalid_nonce" "The nonce is not valid any more: fetch a new one.",
    /// The username is taken.
    UsernameTaken = 422 "username_already_exists" "That username is taken.",
    /// A username that cannot be one.
    InvalidUsername = 422 "invalid_username" "A username has 1 to 64 letters, digits and other visible characters, without spaces.",
    /// Fields that cannot be changed, or not together.
    InvalidUpdate = 422 "invalid_update" "These fields cannot be changed like this.",
    /// No SMS provider is set up.
    NoSmsProvider = 422 "no_enabled_sms_provider" "Phone numbers are not set up for this environment.",
    /// What to unlink is not named, or is nothing that this operation removes.
    InvalidUnlinkRequest = 422 "invalid_unlink_request" "Name one of the account's e-mail addresses by its credential id: passkeys and authenticator apps have operations of their own, and there are no wallets here.",
    /// Removing it would leave the user without a way to sign in.
    LastSignInCredential = 422 "cannot_delete_last_sign_in_verified_credential" "This is the last way to sign in to the account: add another first.",
    /// Too many wrong codes.
    MfaRateLimited = 429 "mfa_rate_limited" "Too many wrong codes: wait a while before the next one.",
    /// Too many requests.
    TooManyRequests = 429 "too_many_requests" "Too many requests: wait a moment.",
    /// A bug.
    Internal = 500 "internal_error" "Something went wrong on the server. Nothing was changed.",
    /// Too many writes are waiting.
    Busy = 503 "busy" "The server is busy: try again in a moment.",
    /// The database cannot write.
    StorageUnavailable = 503 "storage_unavailable" "The server cannot store anything at the moment. Nothing was changed.",
    /// The connection to the database was lost while committing.
    OutcomeUnknown = 503 "outcome_unknown" "It is unknown whether this was done: look before trying again.",
    /// This node cannot do its work, or is about to end.
    NotReady = 503 "not_ready" "This server is not ready: its database takes no writes, or it is about to stop.",
    /// The request took too long.
    DeadlineExceeded = 503 "deadline_exceeded" "The request took too long.",
}

/// An error on its way out.
#[derive(Debug)]
pub struct ApiError {
    /// Which error.
    pub code: Code,
    text: Cow<'static, str>,
    retry_after: Option<u64>,
    scope: Option<String>,
}

/// The body of every error.
#[derive(Serialize, ToSchema)]
pub struct ErrorBody {
    /// What happened and what to do, for people.
    error: String,
    /// What happened, for programs; stable.
    code: String,
    /// The scope that a gated action needs.
    #[serde(skip_serializing_if = "Option::is_none")]
    scope: Option<String>,
}

impl ApiError {
    /// The error with another text than its standard one.
    pub fn with(code: Code, text: impl Into<Cow<'static, str>>) -> Self {
        Self { code, text: text.into(), retry_after: None, scope: None }
    }

    /// Names the scope that is missing.
    #[must_use]
    pub fn for_scope(mut self, scope: &str) -> Self {
        self.scope = Some(scope.to_owned());
        self
    }

    /// Too many requests, with the seconds to wait.
    pub fn too_many(seconds: u64) -> Self {
        Self { retry_after: Some(seconds.max(1)), ..Code::TooManyRequests.into() }
    }

    /// Too many wrong second factors, with the seconds to wait.
    pub fn too_many_codes(seconds: u64) -> Self {
        Self { retry_after: Some(seconds.max(1)), ..Code::MfaRateLimited.into() }
    }

    /// A bug or a failing dependency: logged here, told to nobody.
    pub fn internal(cause: impl std::fmt::Display) -> Self {
        tracing::error!(%cause, "internal error");
        Code::Internal.into()
    }
}

impl From<Code> for ApiError {
    fn from(code: Code) -> Self {
        let retry_after = match code {
            Code::StorageUnavailable | Code::NotReady => Some(5),
            _ if code.status() == 503 => Some(1),
            _ => None,
        };
        Self { code, text: Cow::Borrowed(code.text()), retry_after, scope: None }
    }
}

impl From<Wait> for ApiError {
    fn from(wait: Wait) -> Self {
        Self::too_many(wait.seconds())
    }
}

impl From<StoreError> for ApiError {
    fn from(error: StoreError) -> Self {
        match error {
            StoreError::Engine(_) => {
                // The log gets the cause at most every ten seconds, from the store.
                tracing::debug!(%error, "a read failed");
                Code::StorageUnavailable.into()
            }
            StoreError::Corrupt(_) | StoreError::Settings { .. } => Self::internal(error),
        }
    }
}

impl From<CommitError> for ApiError {
    fn from(error: CommitError) -> Self {
        match error {
            CommitError::Missed(miss) => miss.into(),
            CommitError::Busy => Code::Busy.into(),
            CommitError::Failed(cause) => {
                tracing::debug!(cause, "a write failed");
                Code::StorageUnavailable.into()
            }
            CommitError::Unknown => Code::OutcomeUnknown.into(),
        }
    }
}

/// What a missed guard means where its flow says nothing else: the session and the nonce of a device are known to all.
impl From<Miss> for ApiError {
    fn from(miss: Miss) -> Self {
        match miss {
            Miss::SessionGone => Code::SessionEnded.into(),
            Miss::NonceUsed => Code::InvalidNonce.into(),
            Miss::UserChanged
            | Miss::CounterMoved
            | Miss::EnvironmentChanged
            | Miss::Taken
            | Miss::NotFound
            | Miss::AlreadyUsed
            | Miss::UseKnown
            | Miss::TriesSpent
            | Miss::LockedOut => Code::Conflict.into(),
        }
    }
}

impl From<ScopeError> for ApiError {
    fn from(_: ScopeError) -> Self {
        Code::InvalidScopes.into()
    }
}

impl From<Refusal> for ApiError {
    fn from(refusal: Refusal) -> Self {
        match refusal {
            Refusal::SecondFactorNeeded => Code::MfaRequired.into(),
            Refusal::StrongerFactorNeeded => Code::StrongerFactorRequired.into(),
            Refusal::CredentialNotAccepted => Code::CredentialNotAccepted.into(),
            Refusal::EnrolmentRequired => Code::EnrolmentRequired.into(),
            Refusal::AddressTooNew => Code::AddressTooNew.into(),
        }
    }
}

impl From<PasskeyError> for ApiError {
    fn from(error: PasskeyError) -> Self {
        let code = match error {
            PasskeyError::Challenge | PasskeyError::Expired => Code::InvalidChallenge,
            PasskeyError::NotConfigured => Code::PasskeysNotConfigured,
            PasskeyError::WebAuthn(Refused::StoredKeyRefused) => Code::PasskeyKeyRefused,
            PasskeyError::WebAuthn(Refused::BackupEligibilityLost) => Code::PasskeyNotSynced,
            PasskeyError::WebAuthn(Refused::CounterRegressed { .. }) => Code::PasskeyCounter,
            PasskeyError::Id | PasskeyError::Encoding | PasskeyError::WebAuthn(_) => Code::InvalidPasskey,
        };
        Self::with(code, format!("{} ({error})", code.text()))
    }
}

impl From<DeviceProofError> for ApiError {
    fn from(error: DeviceProofError) -> Self {
        let code = match error {
            DeviceProofError::Nonce | DeviceProofError::Expired => Code::InvalidNonce,
            DeviceProofError::Key | DeviceProofError::Signature => Code::InvalidDeviceProof,
        };
        Self::with(code, format!("{} ({error})", code.text()))
    }
}

impl IntoResponse for ApiError {
    fn into_response(self) -> Response {
        let status = StatusCode::from_u16(self.code.status()).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        let body =
            ErrorBody { error: self.text.into_owned(), code: self.code.as_str().into(), scope: self.scope };
        let mut response = (status, Json(body)).into_response();
        response.extensions_mut().insert(self.code);
        if let Some(seconds) = self.retry_after {
            response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from(seconds));
        }
        response
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// RFC 9110 §15.6.4: clients that wait come back when there may be room, and not all at once.
    #[test]
    fn every_503_says_when_to_come_back() {
        let mut seen = 0;
        for code in Code::ALL.iter().filter(|code| code.status() == 503) {
            let answer = ApiError::from(*code).into_response();
            assert_eq!(answer.status(), 503);
            let seconds = answer.headers().get(header::RETRY_AFTER).unwrap().to_str().unwrap();
            assert!((1..=60).contains(&seconds.parse::<u32>().unwrap()), "{code:?}");
            seen += 1;
        }
        assert!(seen >= 5);
        let crowd = ApiError::from(CommitError::Busy);
        assert_eq!((crowd.code, crowd.retry_after), (Code::Busy, Some(1)));
    }
}
