//! Tells whether an action needs a step-up, and what would satisfy it.

use axum::Json as Answer;
use serde::{Deserialize, Serialize};
use stile_core::policy::{self, Exemption, Requirement, Terms};
use stile_core::{Credential, Principal, Scope};
use utoipa::ToSchema;

use crate::guard::access::PendingOrFull;
use crate::guard::context::Cx;
use crate::guard::gate;
use crate::state::error::{ApiError, Code};
use crate::wire::body::Json;
use crate::wire::user::JwtVerifiedCredentialFormatEnum;

/// Asks about a scope.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct StepUpCheckRequest {
    /// The scope.
    scope: String,
    /// An operation of this document that the scope gates: the answer is then exactly what its gate would say. Without
    /// it the answer is that of the strictest operation of the scope.
    #[serde(default)]
    operation: Option<String>,
}

/// Whether a step-up is needed.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct StepUpCheckResponse {
    /// Whether an elevated access token is needed.
    is_required: bool,
    /// What can be proved, in the order to offer it; empty when nothing is needed.
    credentials: Vec<StepUpCredential>,
    /// The one to offer first.
    #[serde(skip_serializing_if = "Option::is_none")]
    default_credential_id: Option<String>,
    /// Which rule decided; an addition to the contract.
    #[schema(required = false)]
    reason: &'static str,
    /// What would satisfy it, when something is needed; an addition to the contract.
    #[serde(skip_serializing_if = "Option::is_none")]
    satisfied_by: Option<StepUpTerms>,
}

/// What a proof and its token must be.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct StepUpTerms {
    /// The least proof: `reauthentication`, `mfa`, `phishing_resistant` or `phishing_resistant_verified`.
    strength: &'static str,
    /// How old the proof may be when the action begins, in seconds; absent for as old as the token may become.
    #[serde(skip_serializing_if = "Option::is_none")]
    max_age_seconds: Option<i64>,
    /// Whether the token can be used once only.
    single_use: bool,
    /// The token's life in seconds.
    token_seconds: i64,
}

impl From<Terms> for StepUpTerms {
    fn from(terms: Terms) -> Self {
        Self {
            strength: terms.strength.as_str(),
            max_age_seconds: terms.max_age,
            single_use: terms.single_use,
            token_seconds: terms.seconds,
        }
    }
}

/// Something that can be proved.
#[derive(Serialize, ToSchema)]
pub struct StepUpCredential {
    /// Credential id.
    id: String,
    /// Kind of credential.
    format: JwtVerifiedCredentialFormatEnum,
    /// Kind of second factor, for those that are one.
    #[serde(rename = "type", skip_serializing_if = "Option::is_none")]
    kind: Option<&'static str>,
    /// What a person knows it by.
    #[serde(skip_serializing_if = "Option::is_none")]
    alias: Option<String>,
}

impl From<&Credential> for StepUpCredential {
    fn from(credential: &Credential) -> Self {
        Self {
            id: credential.id.to_string(),
            format: credential.format().into(),
            kind: credential.is_mfa_method().then(|| credential.format().as_str()),
            alias: credential.alias().map(str::to_owned),
        }
    }
}

/// Check whether a step-up is needed
#[utoipa::path(
    post, path = "/stepUp/check", operation_id = "checkStepUp", tag = "Step-up",
    request_body = StepUpCheckRequest,
    responses((status = 200, body = StepUpCheckResponse)), extensions(("x-stile-access" = json!("pending")))
)]
pub async fn handle(
    cx: Cx,
    me: PendingOrFull,
    Json(body): Json<StepUpCheckRequest>,
) -> Result<Answer<StepUpCheckResponse>, ApiError> {
    let scope = cx.env.settings.scope(&body.scope)?;
    let exemption = exemption(&scope, body.operation.as_deref())?;
    let requirement = policy::requirement(&cx.env.settings, &me, &scope, exemption, cx.now);
    let reason = requirement.reason();
    let Requirement::Token(needed) = requirement else {
        return Ok(Answer(StepUpCheckResponse {
            is_required: false,
            credentials: Vec::new(),
            default_credential_id: None,
            reason,
            satisfied_by: None,
        }));
    };
    let credentials = needed.credentials.iter().filter_map(|id| Principal::credential(&me, *id));
    Ok(Answer(StepUpCheckResponse {
        is_required: true,
        credentials: credentials.map(Into::into).collect(),
        default_credential_id: needed.default.map(|id| id.to_string()),
        reason,
        satisfied_by: Some(needed.terms.into()),
    }))
}

/// The exemption of the named operation's row; none when no operation is named, so that nothing is promised that some
/// gate of the scope would refuse.
fn exemption(scope: &Scope, operation: Option<&str>) -> Result<Exemption, ApiError> {
    let Some(operation) = operation else { return Ok(Exemption::None) };
    let row = gate::table().into_iter().find(|row| row.operation == operation && row.scope == *scope);
    let row = row.ok_or_else(|| {
        ApiError::with(Code::InvalidParameter, "No operation of this name needs that scope.")
    })?;
    Ok(row.exemption)
}
