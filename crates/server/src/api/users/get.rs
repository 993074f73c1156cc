//! The user as it is now.

use axum::Json as Answer;

use crate::guard::access::PendingOrFull;
use crate::wire::user::SdkUser;

/// Get the signed-in user
#[utoipa::path(
    get, path = "/users", operation_id = "getUser", tag = "Users",
    responses((status = 200, body = SdkUser)), extensions(("x-stile-access" = json!("pending")))
)]
pub async fn handle(me: PendingOrFull) -> Answer<SdkUser> {
    Answer(SdkUser::of(&me, false))
}
