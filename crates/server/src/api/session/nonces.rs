//! Nonces for device proofs, session signatures and wallet messages.

use axum::Json as Answer;
use axum::extract::Query;
use axum::extract::rejection::QueryRejection;
use serde::{Deserialize, Serialize};
use stile_factors::device::new_nonce;
use utoipa::{IntoParams, ToSchema};

use crate::guard::context::Cx;
use crate::state::error::{ApiError, Code};
use crate::state::limits::Bucket;

const MOST: u32 = 5;

/// How many nonces.
#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct NoncesQuery {
    /// 1 to 5; 1 when absent.
    #[param(minimum = 1, maximum = 5)]
    count: Option<u32>,
}

/// One nonce.
#[derive(Serialize, ToSchema)]
pub struct NonceResponse {
    /// 80 hex digits, for one use within 25 hours.
    nonce: String,
}

/// Several nonces.
#[derive(Serialize, ToSchema)]
pub struct NoncesResponse {
    /// Each 80 hex digits, for one use within 25 hours.
    nonces: Vec<String>,
}

/// Get a nonce
#[utoipa::path(
    get, path = "/nonce", operation_id = "getNonce", tag = "Session",
    responses((status = 200, body = NonceResponse)), extensions(("x-stile-access" = json!("public")))
)]
pub async fn one(cx: Cx) -> Result<Answer<NonceResponse>, ApiError> {
    cx.limit(Bucket::Nonce)?;
    Ok(Answer(NonceResponse { nonce: new_nonce(&cx.app.keys, cx.env.id, cx.now) }))
}

/// Get several nonces
#[utoipa::path(
    get, path = "/nonces", operation_id = "getNonces", tag = "Session", params(NoncesQuery),
    responses((status = 200, body = NoncesResponse)), extensions(("x-stile-access" = json!("public")))
)]
pub async fn many(
    cx: Cx,
    query: Result<Query<NoncesQuery>, QueryRejection>,
) -> Result<Answer<NoncesResponse>, ApiError> {
    let Query(query) = query.map_err(|_| Code::InvalidParameter)?;
    let count = query.count.unwrap_or(1);
    if !(1..=MOST).contains(&count) {
        return Err(ApiError::with(Code::InvalidParameter, "count must lie between 1 and 5."));
    }
    cx.limit(Bucket::Nonce)?;
    let nonces = (0..count).map(|_| new_nonce(&cx.app.keys, cx.env.id, cx.now)).collect();
    Ok(Answer(NoncesResponse { nonces }))
}
