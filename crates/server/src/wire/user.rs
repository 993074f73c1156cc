//! The signed-in user and their credentials.

use serde::Serialize;
use stile_core::factor::Channel;
use stile_core::{Acknowledgement, Credential, Format, Principal};
use utoipa::openapi::RefOr;
use utoipa::openapi::schema::{ObjectBuilder, Schema, Type};
use utoipa::{PartialSchema, ToSchema};

use super::time::iso;

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
