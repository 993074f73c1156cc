//! Deletes the user with everything that is theirs.

use axum::http::{HeaderMap, StatusCode};
use stile_core::{Event, Principal};
use stile_store::{Mutation, sessions, users};

use crate::flows::{Failed, deciding};
use crate::guard::access::Me;
use crate::guard::context::Cx;
use crate::guard::gate::{self, Permit};
use crate::state::error::ApiError;

/// Delete the user
///
/// Needs `user:delete`. All sessions end; nothing can be brought back.
#[utoipa::path(
    delete, path = "/users", operation_id = "deleteUser", tag = "Users",
    responses((status = 204)), extensions(("x-stile-access" = json!("gated")))
)]
pub async fn handle(cx: Cx, me: Me, headers: HeaderMap) -> Result<StatusCode, ApiError> {
    let permit = gate::pass_over(&cx, &me, &gate::USER_DELETE, &headers, me.credentials.first()).await?;
    deciding!(&cx, present = me.0.clone() => delete(&cx, &present, &permit).await)
}

async fn delete(cx: &Cx, me: &Principal, permit: &Permit<gate::UserDelete>) -> Result<StatusCode, Failed> {
    permit.still_holds(cx, me)?;
    let mutation = Mutation::new([
        users::bump_version(cx.env.id, &me.user),
        sessions::hold(cx.env.id, me.user.id, me.session.id),
        users::delete(cx.env.id, me.user.id),
    ])
    .and_all(cx.record(me, Event::UserDeleted { permit: permit.how().into() })?);
    cx.commit(mutation).await?;
    Ok(StatusCode::NO_CONTENT)
}
