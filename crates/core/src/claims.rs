//! Claims of the tokens that Stile signs. Each kind has its own `typ`, so that none passes as another
//! (RFC 8725 §3.11).

use serde::{Deserialize, Serialize};

use crate::id::{CredentialId, EnvironmentId, SessionId, UserId};
use crate::scope::Scopes;
use crate::strength::Strength;
use crate::time::{Micros, numeric_date};

/// `typ` of access tokens.
pub const ACCESS: &str = "at+jwt";
/// `typ` of identity tokens.
pub const IDENTITY: &str = "id+jwt";
/// `typ` of elevated access tokens.
pub const ELEVATED: &str = "elevated+jwt";

/// What every token of a session says.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct SessionClaims {
    /// Id of the signing key; also in the header.
    pub kid: String,
    /// The web origin that the token was issued to.
    pub aud: String,
    /// `<host of the server>/<environment id>`.
    pub iss: String,
    /// User id.
    pub sub: UserId,
    /// Session id.
    pub sid: SessionId,
    /// Environment id.
    pub environment_id: EnvironmentId,
    /// The credential that was verified last.
    pub last_verified_credential_id: CredentialId,
    /// The credential that opened the session.
    pub signin_credential_id: CredentialId,
    /// The page's session key.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub session_public_key: Option<String>,
    /// The session's scope.
    pub scope: String,
    /// The user's e-mail address.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub email: Option<String>,
    /// The user's name in the app.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub username: Option<String>,
    /// First session id of the refresh chain.
    #[serde(rename = "originalSid")]
    pub original_sid: SessionId,
    /// Until when the session may be refreshed, in Unix seconds.
    #[serde(rename = "refreshExp")]
    pub refresh_exp: i64,
    /// Hashes over the ids of the user's credentials, by format.
    #[serde(rename = "verifiedCredentialsHashes")]
    pub verified_credentials_hashes: serde_json::Map<String, serde_json::Value>,
    /// Roles; empty.
    pub roles: Vec<String>,
    /// How the user was authenticated in this session (RFC 8176).
    pub amr: Vec<String>,
    /// When the user last proved something in this session, in Unix seconds.
    pub auth_time: i64,
    /// Issued at, in Unix seconds.
    pub iat: i64,
    /// Expires at, in Unix seconds.
    pub exp: i64,
}

/// The identity token: the session's claims with the profile.
#[derive(Clone, PartialEq, Debug, Serialize)]
pub struct IdentityClaims {
    /// What every token of the session says.
    #[serde(flatten)]
    pub session: SessionClaims,
    /// Shown name.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub alias: Option<String>,
    /// Given name.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub given_name: Option<String>,
    /// Family name.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub family_name: Option<String>,
    /// Country.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub country: Option<String>,
    /// The app's own facts.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub metadata: Option<serde_json::Map<String, serde_json::Value>>,
    /// Profile fields still to be filled; none are demanded.
    pub missing_fields: Vec<serde_json::Value>,
    /// The user's credentials in their public form.
    pub verified_credentials: serde_json::Value,
    /// First sign-in, ISO 8601.
    pub first_visit: String,
    /// Latest sign-in, ISO 8601.
    pub last_visit: String,
    /// Whether the user was made by this sign-in.
    pub new_user: bool,
}

/// An elevated access token: proof that a factor was shown for these scopes.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ElevatedClaims {
    /// Id of the signing key.
    pub kid: String,
    /// The web origin that the token was issued to.
    pub aud: String,
    /// `<host of the server>/<environment id>`.
    pub iss: String,
    /// User id.
    pub sub: UserId,
    /// Session id: the token dies with it.
    pub sid: SessionId,
    /// Environment id.
    pub environment_id: EnvironmentId,
    /// The token's own id, used up at most once when `singleUse`.
    pub jti: String,
    /// What it allows.
    pub scope: Scopes,
    /// Whether it can be used once only.
    #[serde(rename = "singleUse")]
    pub single_use: bool,
    /// The credential that was proved; the token dies with it.
    pub credential_id: CredentialId,
    /// How it was proved (RFC 8176).
    pub amr: Vec<String>,
    /// How strong the proof was (RFC 9470 §5).
    pub acr: Strength,
    /// The user's epoch: the token dies when the next one begins.
    pub epoch: i64,
    /// When it was proved.
    #[serde(with = "numeric_date")]
    pub auth_time: Micros,
    /// Issued at.
    #[serde(with = "numeric_date")]
    pub iat: Micros,
    /// Expires at.
    #[serde(with = "numeric_date")]
    pub exp: Micros,
}
