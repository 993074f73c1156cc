//! Passkeys: enrolling, listing, naming, removing, proving and signing in.

pub mod authenticate;
pub mod delete;
pub mod list;
pub mod register;
pub mod rename;
pub mod signin;

use serde::{Deserialize, Serialize};
use stile_core::settings::{Settings, UserVerification};
use stile_core::{Event, UserId};
use stile_factors::passkey::{AssertionAnswer, Known, LIFETIME_SECONDS, Party};
use stile_keys::encoding::base64url;
use stile_store::{Miss, Passkey};
use utoipa::{IntoParams, ToSchema};

use crate::flows::Failed;
use crate::guard::context::Cx;
use crate::state::error::{ApiError, Code};
use crate::wire::body::null_is_absent;
use crate::wire::session::CreateMfaToken;

/// The environment's relying party.
pub fn party(cx: &Cx) -> Result<&Party, ApiError> {
    cx.env.party.as_ref().map_err(|e| (*e).into())
}

/// Passes on what became of a verified answer; a refusal, such as of a challenge that was used before, is written down.
pub async fn noted<T>(cx: &Cx, owner: UserId, done: Result<T, Failed>) -> Result<T, Failed> {
    let failed = match done {
        Ok(done) => return Ok(done),
        // The next attempt reads the passkey anew.
        Err(Failed::Again | Failed::Missed(Miss::CounterMoved)) => return Err(Failed::Again),
        Err(failed) => failed,
    };
    let used = |miss| (miss == Miss::AlreadyUsed).then_some(Code::InvalidChallenge);
    let refused = ApiError::from(failed.when(used));
    cx.note(owner, Event::PasskeyRefused { reason: refused.code.as_str().to_owned() }).await;
    Err(refused.into())
}

/// What an answer is checked against.
pub fn known(passkey: &Passkey) -> Known<'_> {
    Known {
        credential: passkey.credential,
        owner: passkey.owner,
        webauthn_id: &passkey.webauthn_id,
        public_key: &passkey.public_key,
        sign_count: passkey.sign_count,
        backup_eligible: passkey.backup_eligible,
    }
}

/// A passkey that a dialog may offer, or must not.
#[derive(Serialize, ToSchema)]
pub struct PasskeyDescriptor {
    /// WebAuthn credential id, base64url.
    id: String,
    /// Always `public-key`.
    #[serde(rename = "type")]
    kind: &'static str,
    /// How the authenticator was reached when it was enrolled.
    transports: Vec<String>,
}

impl From<&Passkey> for PasskeyDescriptor {
    fn from(passkey: &Passkey) -> Self {
        Self {
            id: base64url(&passkey.webauthn_id),
            kind: "public-key",
            transports: passkey.transports.clone(),
        }
    }
}

/// Options for `navigator.credentials.get()` (WebAuthn L3 §5.5), base64url for bytes.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct GetPasskeyAuthenticationOptionsResponse {
    /// 40 bytes.
    challenge: String,
    /// Milliseconds.
    timeout: u64,
    /// Relying-party id.
    rp_id: String,
    /// `required` or `preferred`.
    user_verification: &'static str,
    /// The user's passkeys; absent at sign-in, where the browser offers what it has.
    #[serde(skip_serializing_if = "Option::is_none")]
    allow_credentials: Option<Vec<PasskeyDescriptor>>,
    /// What to offer first.
    hints: Vec<&'static str>,
}

impl GetPasskeyAuthenticationOptionsResponse {
    /// Options for this challenge and these passkeys.
    pub fn new(cx: &Cx, challenge: &[u8], allowed: Option<Vec<PasskeyDescriptor>>) -> Result<Self, ApiError> {
        Ok(Self {
            challenge: base64url(challenge),
            timeout: TIMEOUT_MS,
            rp_id: party(cx)?.id.clone(),
            user_verification: user_verification(&cx.env.settings),
            allow_credentials: allowed,
            hints: hints(&cx.env.settings),
        })
    }
}

const TIMEOUT_MS: u64 = LIFETIME_SECONDS.unsigned_abs() * 1_000;

fn user_verification(settings: &Settings) -> &'static str {
    match settings.passkeys.user_verification {
        UserVerification::Required => "required",
        UserVerification::Preferred => "preferred",
    }
}

fn hints(settings: &Settings) -> Vec<&'static str> {
    settings.passkeys.hints.iter().map(|hint| hint.as_str()).collect()
}

/// Asks for options under another relying-party id.
#[derive(Deserialize, IntoParams)]
#[serde(rename_all = "camelCase")]
#[into_params(parameter_in = Query)]
pub struct OptionsQuery {
    /// The relying-party id that the page expects: the environment's own.
    related_origin_rp_id: Option<String>,
}

impl OptionsQuery {
    /// Refuses a relying-party id that is not the environment's.
    pub fn check(&self, cx: &Cx) -> Result<(), ApiError> {
        match &self.related_origin_rp_id {
            Some(id) if *id != party(cx)?.id => Err(ApiError::with(
                Code::InvalidParameter,
                "relatedOriginRpId is not the environment's relying-party id.",
            )),
            _ => Ok(()),
        }
    }
}

/// The answer of `navigator.credentials.get()`.
#[derive(Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[expect(dead_code, reason = "the contract's members are all named, so that unknown ones can be refused")]
pub struct PasskeyAuthRequest {
    /// Same as `rawId`.
    id: String,
    /// WebAuthn credential id, base64url.
    raw_id: String,
    /// What the authenticator signed.
    response: AuthenticatorAssertionResponse,
    /// `platform` or `cross-platform`.
    #[serde(default)]
    authenticator_attachment: Option<String>,
    /// Extension outputs; not used by the server.
    #[serde(default)]
    #[schema(value_type = Option<Object>)]
    client_extension_results: Option<serde_json::Map<String, serde_json::Value>>,
    /// Always `public-key`.
    #[serde(rename = "type")]
    kind: PublicKeyCredentialType,
    /// Asks for a legacy MFA token.
    #[serde(default)]
    pub create_mfa_token: Option<CreateMfaToken>,
    /// Scopes for an elevated access token.
    #[serde(default, deserialize_with = "null_is_absent")]
    pub requested_scopes: Vec<String>,
}

/// What the authenticator signed, base64url.
#[derive(Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct AuthenticatorAssertionResponse {
    #[serde(rename = "clientDataJSON")]
    client_data_json: String,
    authenticator_data: String,
    signature: String,
    #[serde(default)]
    user_handle: Option<String>,
}

/// The only type of credential.
#[derive(Clone, Copy, Deserialize, ToSchema)]
pub enum PublicKeyCredentialType {
    /// A public key.
    #[serde(rename = "public-key")]
    PublicKey,
}

impl PasskeyAuthRequest {
    /// The answer as the factor takes it.
    pub fn answer(&self) -> AssertionAnswer<'_> {
        AssertionAnswer {
            id: &self.id,
            raw_id: &self.raw_id,
            client_data_json: &self.response.client_data_json,
            authenticator_data: &self.response.authenticator_data,
            signature: &self.response.signature,
            user_handle: self.response.user_handle.as_deref(),
        }
    }
}
