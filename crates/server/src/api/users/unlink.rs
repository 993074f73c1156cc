//! Removes an e-mail address from the account.

use axum::Json as Answer;
use axum::http::HeaderMap;
use serde::Deserialize;
use stile_core::factor::Channel;
use stile_core::{CredentialId, EmailAddress, Event, Principal};
use stile_store::{Mutation, users};
use utoipa::ToSchema;

use crate::flows::{Failed, deciding, removal, sessions};
use crate::guard::access::Me;
use crate::guard::context::Cx;
use crate::guard::gate::{self, Permit};
use crate::guard::tokens;
use crate::state::error::{ApiError, Code};
use crate::wire::body::Json;
use crate::wire::session::VerifyResponse;

/// What to remove.
#[derive(Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
#[derive(Default)]
pub struct VerifyUnlinkRequest {
    /// The credential's id.
    verified_credential_id: Option<String>,
    /// The same; the contract has both spellings.
    verified_crential_id: Option<String>,
    /// Wallets are not set up in this version: only the credential's id again.
    wallet_id: Option<String>,
    /// Wallets are not set up in this version.
    primary_wallet_id: Option<String>,
}

impl VerifyUnlinkRequest {
    /// The one credential that is named. Ids of the contract may carry a suffix after the UUID.
    fn named(&self) -> Option<CredentialId> {
        let ids = [&self.verified_credential_id, &self.verified_crential_id, &self.wallet_id];
        let mut ids = ids.into_iter().flatten().map(|text| {
            let whole =
                text.split_at_checked(36).filter(|(_, rest)| rest.is_empty() || rest.starts_with('-'));
            whole.and_then(|(id, _)| id.parse::<CredentialId>().ok())
        });
        let first = ids.next()??;
        (self.primary_wallet_id.is_none() && ids.all(|id| id == Some(first))).then_some(first)
    }
}

/// Unlink an address
///
/// Needs `credential:unlink`. Sessions that the address opened end, and proofs by it count no more; the session that
/// asks stays as long as its other proofs give its level. When the user's main address goes, the oldest other one that
/// signs in takes its place. An address that was added within seven days confirms no removal of an older credential
/// (`address_too_new`). The last way to sign in is never removed (`cannot_delete_last_sign_in_verified_credential`).
/// `invalid_unlink_request` means that no address of the user is named.
#[utoipa::path(
    post, path = "/verify/unlink", operation_id = "unlinkCredential", tag = "Users",
    request_body = VerifyUnlinkRequest,
    responses((status = 200, body = VerifyResponse)), extensions(("x-stile-access" = json!("gated")))
)]
pub async fn handle(
    cx: Cx,
    me: Me,
    headers: HeaderMap,
    Json(body): Json<VerifyUnlinkRequest>,
) -> Result<Answer<VerifyResponse>, ApiError> {
    let id = body.named();
    let target = id.and_then(|id| me.credential(id));
    let permit = gate::pass_over(&cx, &me, &gate::UNLINK, &headers, target).await?;
    let id = id.ok_or(Code::InvalidUnlinkRequest)?;
    let mut after = deciding!(&cx, present = me.0.clone() => remove(&cx, &present, &permit, id).await)?;
    tokens::no_longer_than_sent(&cx, &mut after, &headers)?;
    sessions::answer(&cx, &after, false, None).map(Answer)
}

async fn remove(
    cx: &Cx,
    me: &Principal,
    permit: &Permit<gate::CredentialUnlink>,
    id: CredentialId,
) -> Result<Principal, Failed> {
    permit.still_holds(cx, me)?;
    let address = me.credential(id).and_then(|c| c.reached_by(Channel::Mail));
    let address = address.and_then(|address| EmailAddress::parse(address).ok());
    let masked = address.ok_or(Code::InvalidUnlinkRequest)?.masked();
    if !removal::another_way_in(&cx.env.settings, &me.credentials, id) {
        return Err(Code::LastSignInCredential.into());
    }
    let mut after = me.clone();
    after.user.version += 1;
    let removed = removal::removed(cx, &mut after, id).await?;
    let event = Event::EmailUnlinked { credential: id, permit: permit.how().into(), masked };
    let mutation = Mutation::new([users::bump_version(cx.env.id, &me.user)])
        .and_all(removed)
        .and_all(cx.record(me, event)?);
    cx.commit(mutation).await?;
    Ok(after)
}
