//! What operations answer: users, sessions, passkeys. Names are the wire's.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use stile_core::factor::Channel;
use stile_core::{Acknowledgement, Credential, EmailAddress, Format, Micros, Principal};
use stile_store::Passkey;
use utoipa::openapi::RefOr;
use utoipa::openapi::schema::{ObjectBuilder, Schema, Type};
use utoipa::{PartialSchema, ToSchema};
use zeroize::Zeroizing;

use crate::context::Cx;
use crate::error::ApiError;
use crate::flows::codes::Sent;
use crate::tokens;

/// ISO 8601 in UTC, with milliseconds.
pub fn iso(at: Micros) -> String {
    let millis = at.get().div_euclid(1_000);
    Timestamp::from_millisecond(millis).map_or_else(|_| String::new(), |t| format!("{t:.3}"))
}

/// A credential in its public form.
#[derive(Serialize, ToSchema)]
pub struct JwtVerifiedCredential {
    /// Credential id.
    pub id: String,
    /// Kind of credential.
    pub format: JwtVerifiedCredentialFormatEnum,
    /// What a person knows it by.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub public_identifier: Option<String>,
    /// The address, for e-mail credentials.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub email: Option<String>,
    /// Whether it may open a session.
    #[serde(rename = "signInEnabled")]
    pub sign_in_enabled: bool,
    /// When it was last verified, ISO 8601.
    #[serde(rename = "verifiedAt")]
    pub verified_at: String,
}

/// Kinds of credentials.
#[derive(Clone, Copy, Serialize)]
#[serde(transparent)]
pub struct JwtVerifiedCredentialFormatEnum(Format);

impl PartialSchema for JwtVerifiedCredentialFormatEnum {
    fn schema() -> RefOr<Schema> {
        let texts = Format::ALL.into_iter().map(Format::as_str);
        let shape = ObjectBuilder::new().schema_type(Type::String).enum_values(Some(texts));
        shape.description(Some("Kinds of credentials.")).into()
    }
}

impl ToSchema for JwtVerifiedCredentialFormatEnum {}

impl From<Format> for JwtVerifiedCredentialFormatEnum {
    fn from(format: Format) -> Self {
        Self(format)
    }
}

impl From<&Credential> for JwtVerifiedCredential {
    fn from(credential: &Credential) -> Self {
        Self {
            id: credential.id.to_string(),
            format: credential.format().into(),
            public_identifier: credential.alias().map(str::to_owned),
            email: credential.reached_by(Channel::Mail).map(str::to_owned),
            sign_in_enabled: credential.sign_in,
            verified_at: iso(credential.verified_at),
        }
    }
}

/// The user's credentials in their public form.
pub fn verified_credentials(me: &Principal) -> Vec<JwtVerifiedCredential> {
    me.credentials.iter().map(Into::into).collect()
}

/// The signed-in user.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct SdkUser {
    /// User id.
    id: String,
    /// Environment id.
    project_environment_id: String,
    /// Credentials, oldest first.
    verified_credentials: Vec<JwtVerifiedCredential>,
    /// The credential that was verified last.
    last_verified_credential_id: String,
    /// Session id.
    session_id: String,
    /// The e-mail address that signs in.
    #[serde(skip_serializing_if = "Option::is_none")]
    email: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    alias: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    first_name: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    last_name: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    job_title: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    country: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    username: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    t_shirt_size: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    team: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    policies_consent: Option<bool>,
    /// Whether addresses that are added later sign in; absent as long as it was not set. An addition to the contract.
    #[serde(skip_serializing_if = "Option::is_none")]
    further_emails_sign_in: Option<bool>,
    /// The app's own facts.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<Object>)]
    metadata: Option<serde_json::Map<String, serde_json::Value>>,
    /// First sign-in, ISO 8601.
    first_visit: String,
    /// Latest sign-in, ISO 8601.
    last_visit: String,
    /// Whether this sign-in made the user.
    new_user: bool,
    /// The session's scope: `user:basic`, or `requiresAdditionalAuth` while a second factor is owed.
    scope: String,
    /// Access lists; none.
    lists: Vec<String>,
    /// Profile fields still to be filled; none are demanded.
    #[schema(value_type = Vec<Object>)]
    missing_fields: Vec<serde_json::Value>,
    /// Whether recovery codes are still to be acknowledged (`pending`) or were (`complete`); null without any.
    #[schema(value_type = Option<String>)]
    mfa_backup_code_acknowledgement: Option<&'static str>,
}

impl SdkUser {
    /// The user of this session.
    pub fn of(me: &Principal, new_user: bool) -> Self {
        let profile = me.user.profile.clone();
        Self {
            id: me.user.id.to_string(),
            project_environment_id: me.environment.to_string(),
            verified_credentials: verified_credentials(me),
            last_verified_credential_id: me.session.last_credential.to_string(),
            session_id: me.session.id.to_string(),
            email: me.email().map(str::to_owned),
            alias: profile.alias,
            first_name: profile.first_name,
            last_name: profile.last_name,
            job_title: profile.job_title,
            country: profile.country,
            username: profile.username,
            t_shirt_size: profile.t_shirt_size,
            team: profile.team,
            policies_consent: profile.policies_consent,
            further_emails_sign_in: profile.further_emails_sign_in,
            metadata: profile.metadata,
            first_visit: iso(me.user.first_visit),
            last_visit: iso(me.user.last_visit),
            new_user,
            scope: me.session.level.scope().to_owned(),
            lists: Vec::new(),
            missing_fields: Vec::new(),
            mfa_backup_code_acknowledgement: me.user.recovery.map(Acknowledgement::as_str),
        }
    }
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
    /// The session of this principal, with fresh tokens.
    pub fn of(cx: &Cx, me: &Principal, new_user: bool, elevated: Option<String>) -> Result<Self, ApiError> {
        let tokens = tokens::session(cx, me, new_user)?;
        Ok(Self {
            user: SdkUser::of(me, new_user),
            jwt: tokens.identity,
            minified_jwt: tokens.access,
            expires_at: tokens.expires_at,
            elevated_access_token: elevated,
            mfa_token: None,
        })
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
    pub fn new(sent: &Sent, address: &EmailAddress) -> Self {
        Self { verification_uuid: sent.id.to_string(), email: address.to_string(), code_length: sent.digits }
    }
}

/// A passkey as its owner sees it.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct UserPasskey {
    /// Record id.
    id: String,
    /// The name that the user gave it.
    #[serde(skip_serializing_if = "Option::is_none")]
    alias: Option<String>,
    /// Browser that enrolled it.
    user_agent: String,
    /// Origin of the page that enrolled it.
    origin: String,
    /// WebAuthn credential id, base64url.
    credential_id: String,
    /// When it was enrolled, ISO 8601.
    created_at: String,
    /// When it was last used or renamed, ISO 8601.
    updated_at: String,
    /// Where it is kept, when its model is known.
    #[serde(skip_serializing_if = "Option::is_none")]
    storage: Option<PasskeyStorage>,
    /// Whether its key is copied between the owner's devices.
    synced: bool,
}

/// Where a passkey is kept.
#[derive(Serialize, ToSchema)]
pub struct PasskeyStorage {
    /// Name of the model.
    name: String,
    /// Empty: no icons of other vendors are shipped.
    icon: String,
}

impl UserPasskey {
    /// The passkey with the name that its credential carries.
    pub fn of(passkey: &Passkey, alias: Option<&str>) -> Self {
        let storage = stile_webauthn::aaguid_name(&passkey.aaguid);
        Self {
            id: passkey.credential.to_string(),
            alias: alias.map(str::to_owned),
            user_agent: passkey.user_agent.clone(),
            origin: passkey.origin.clone(),
            credential_id: stile_keys::encoding::base64url(&passkey.webauthn_id),
            created_at: iso(passkey.created_at),
            updated_at: iso(passkey.updated_at),
            storage: storage.map(|name| PasskeyStorage { name: name.into(), icon: String::new() }),
            synced: passkey.backup_eligible,
        }
    }

    /// The user's passkeys with their names.
    pub fn all(passkeys: &[Passkey], me: &Principal) -> Vec<Self> {
        passkeys
            .iter()
            .map(|p| Self::of(p, me.credential(p.credential).and_then(Credential::alias)))
            .collect()
    }
}

/// Asks for a legacy MFA token beside the session: for gates of environments at API version `2026_01_01`.
#[derive(Clone, Copy, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct CreateMfaToken {
    /// Whether the token can be used once only.
    pub single_use: bool,
}
