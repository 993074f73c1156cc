//! Undoing the addition of an address: by a link that is mailed to the older addresses alone, once, for seven days.

use std::net::IpAddr;
use std::sync::Arc;

use stile_core::factor::Channel;
use stile_core::policy::{self, YOUNG_SECONDS};
use stile_core::{Credential, CredentialId, EmailAddress, Event, Principal};
use stile_keys::random;
use stile_store::{Account, CommitError, Miss, Mutation, Step, UndoLink, additions, users};

use super::removal;
use super::{Failed, deciding};
use crate::delivery::Content;
use crate::guard::act::{Act, RequestId};
use crate::guard::context::Cx;
use crate::state::app::App;
use crate::state::environment::Environment;
use crate::state::error::{ApiError, Code};

/// Where the links lead.
pub const PATH: &str = "/undo";
/// Letters and digits of a link's token: 256 random bits.
pub const TOKEN: usize = 43;

/// Notices of an added address: to each older one with a link of its own, to the new one without.
pub fn notices(
    cx: &Cx,
    me: &Principal,
    new: &Credential,
    address: &EmailAddress,
) -> Result<Vec<Step>, ApiError> {
    let masked = address.masked();
    let content = |undo| Content::EmailAdded { masked: masked.clone(), at: cx.now, undo };
    let mut steps = vec![cx.notice(me, address.as_str(), content(None))?];
    for older in &me.credentials {
        let Some(address) = older.reached_by(Channel::Mail) else { continue };
        let token = random::alphanumeric(TOKEN);
        steps.push(additions::offer(&UndoLink {
            hash: hash(&cx.app, &token),
            environment: cx.env.id,
            owner: me.user.id,
            credential: new.id,
            masked: masked.clone(),
            recipient: older.id,
            expires_at: cx.now.plus_seconds(YOUNG_SECONDS),
        }));
        let link = format!("{}{PATH}?token={}", cx.app.config.origin(), token.as_str());
        steps.push(cx.notice(me, address, content(Some(link)))?);
    }
    Ok(steps)
}

fn hash(app: &App, token: &str) -> [u8; 32] {
    app.keys.undo_link.tag(&[token.as_bytes()])
}

/// An addition that a link would undo.
pub struct Offer {
    link: UndoLink,
    account: Account,
    environment: Arc<Environment>,
    /// What goes: the address, unless it has gone, and what was enrolled on its proof.
    gone: Vec<CredentialId>,
}

impl Offer {
    /// The app's name, as its users know it.
    pub fn app_name(&self) -> &str {
        &self.environment.settings.general.display_name
    }

    /// The address that was added, masked.
    pub fn masked(&self) -> &str {
        &self.link.masked
    }
}

/// What the link would undo; `None` when it was used, has ended, or never was, and when nothing of it is left.
pub async fn offered(app: &App, token: &str) -> Result<Option<Offer>, ApiError> {
    if token.len() != TOKEN {
        return Ok(None);
    }
    let Some(link) = app.store.undo_link(hash(app, token), app.clock.now()).await? else { return Ok(None) };
    let environment = app.environment(link.environment).await?;
    let Some(account) = app.store.account(link.environment, link.owner).await? else { return Ok(None) };
    let noted = app.store.additions(link.owner).await?;
    let gone: Vec<CredentialId> = std::iter::once(link.credential)
        .chain(policy::descendants(&noted, link.credential))
        .filter(|id| account.credentials.iter().any(|c| c.id == *id))
        .collect();
    Ok((!gone.is_empty()).then_some(Offer { link, account, environment, gone }))
}

/// Undoes the addition: the address goes, with what was enrolled on its proof and every session that stood on either.
/// `None` as for `offered`. The request comes from whoever presses the button.
pub async fn undo(
    app: &App,
    token: &str,
    request: &RequestId,
    from: IpAddr,
) -> Result<Option<Offer>, ApiError> {
    deciding!(attempt(app, token, request.clone(), from).await)
}

async fn attempt(app: &App, token: &str, request: RequestId, from: IpAddr) -> Result<Option<Offer>, Failed> {
    let Some(offer) = offered(app, token).await? else { return Ok(None) };
    let Offer { link, account, environment, gone } = &offer;
    let act = Act::new(app, Arc::clone(environment), app.clock.now(), request, from);
    let left: Vec<Credential> =
        account.credentials.iter().filter(|c| !gone.contains(&c.id)).cloned().collect();
    if !removal::another_way_in(&environment.settings, &left, link.credential) {
        return Err(Code::LastSignInCredential.into());
    }
    let (mut user, masked) = (account.user.clone(), link.masked.clone());
    let event = Event::EmailUndone { credential: link.credential, removed: gone.len(), masked };
    let mutation = Mutation::new([
        users::bump_version(link.environment, &account.user),
        additions::use_up(link.hash, act.now),
    ])
    .and_all(removal::removed_from_outside(&act, &mut user, &left, gone).await?)
    .and_all(act.record(account, event)?);
    match act.commit(mutation).await {
        Ok(()) => Ok(Some(offer)),
        Err(CommitError::Missed(Miss::AlreadyUsed)) => Ok(None),
        Err(error) => Err(error.into()),
    }
}
