//! Whether a unique profile field is free.

use axum::Json as Answer;
use axum::extract::Query;
use axum::extract::rejection::QueryRejection;
use serde::{Deserialize, Serialize};
use stile_core::Username;
use utoipa::{IntoParams, ToSchema};

use crate::guard::access::Me;
use crate::guard::context::Cx;
use crate::state::error::{ApiError, Code};

/// Which value of which field.
#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct CheckQuery {
    /// `username`: whether an address or number is taken is nobody's business.
    #[serde(rename = "filter[field]", alias = "field")]
    #[param(rename = "filter[field]")]
    field: String,
    /// The value.
    #[serde(rename = "filter[value]", alias = "value")]
    #[param(rename = "filter[value]")]
    value: String,
}

/// Whether the value is free.
#[derive(Serialize, ToSchema)]
pub struct UserFieldsCheckResponse {
    field: String,
    value: String,
    /// Free, or the caller's own.
    available: bool,
}

/// Check whether a username is free
#[utoipa::path(
    get, path = "/users/check", operation_id = "checkUserField", tag = "Users", params(CheckQuery),
    responses((status = 200, body = UserFieldsCheckResponse)), extensions(("x-stile-access" = json!("session")))
)]
pub async fn handle(
    cx: Cx,
    me: Me,
    query: Result<Query<CheckQuery>, QueryRejection>,
) -> Result<Answer<UserFieldsCheckResponse>, ApiError> {
    let Query(CheckQuery { field, value }) = query.map_err(|_| Code::InvalidParameter)?;
    if field != "username" {
        return Err(ApiError::with(Code::InvalidParameter, "Only the field `username` can be checked."));
    }
    let wanted = Username::parse(&value).map_err(|_| Code::InvalidUsername)?;
    let own = me.user.profile.username.as_deref() == Some(wanted.as_str());
    let available = own || !cx.app.store.username_taken(cx.env.id, wanted.as_str()).await?;
    Ok(Answer(UserFieldsCheckResponse { field, value, available }))
}
