//! Undoing the addition of an address: by a link that is mailed to the older addresses alone, once, for seven days.

use std::net::IpAddr;

use serde_json::json;
use stile_core::factor::Channel;
use stile_core::policy::{self, YOUNG_SECONDS};
use stile_core::{AuditId, Credential, CredentialId, EmailAddress, Event, Micros, OutboxId, Principal};
use stile_keys::random;
use stile_store::{
    Account, AuditEvent, CommitError, Miss, Mutation, Source, Step, UndoLink, additions, audit, outbox, users,
};

use super::deciding;
use super::removal::{self, Place};
use crate::delivery::{Content, Letter, NOTICE_SECONDS};
use crate::guard::context::RequestId;
use crate::guard::context::{Cx, shown_address};
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
    let mut steps = vec![cx.session_notice(me, address.as_str(), content(None))?];
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
        steps.push(cx.session_notice(me, address, content(Some(link)))?);
    }
    Ok(steps)
}

fn hash(app: &App, token: &str) -> [u8; 32] {
    app.keys.undo_link.tag(&[token.as_bytes()])
}

/// Who presses the button.
pub struct By {
    /// The request.
    pub request: RequestId,
    /// From where.
    pub address: IpAddr,
}

/// An addition that a link would undo.
pub struct Offer {
    link: UndoLink,
    account: Account,
    environment: std::sync::Arc<Environment>,
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
/// `None` as for `offered`.
pub async fn undo(app: &App, token: &str, by: &By) -> Result<Option<Offer>, ApiError> {
    deciding!(attempt(app, token, by).await)
}

async fn attempt(app: &App, token: &str, by: &By) -> Result<Option<Offer>, ApiError> {
    let Some(offer) = offered(app, token).await? else { return Ok(None) };
    let Offer { link, account, environment, gone } = &offer;
    let now = app.clock.now();
    let left: Vec<Credential> =
        account.credentials.iter().filter(|c| !gone.contains(&c.id)).cloned().collect();
    if !removal::another_way_in(&environment.settings, &left, link.credential) {
        return Err(Code::LastSignInCredential.into());
    }
    let place =
        Place { store: &app.store, settings: &environment.settings, environment: link.environment, now };
    let mut mutation = Mutation::new([
        users::bump_version(link.environment, &account.user),
        additions::use_up(link.hash, now),
    ]);
    let mut user = account.user.clone();
    mutation = mutation.and_all(removal::removed_from_outside(&place, &mut user, &left, gone).await?);
    mutation = mutation.and(audit::insert(&AuditEvent {
        id: AuditId::new(now, random::bytes()),
        environment: link.environment,
        subject: Some(link.owner),
        event: Event::EmailUndone,
        detail: json!({ "credential": link.credential.to_string(), "removed": gone.len() }),
        source: Source {
            request: by.request.own.clone(),
            client_request: by.request.client.clone(),
            address: shown_address(app, environment, by.address),
        },
        at: now,
    }));
    for credential in &account.credentials {
        if let Some(address) = credential.reached_by(Channel::Mail) {
            mutation = mutation.and(notice(app, environment, address, &link.masked, now)?);
        }
    }
    match app.store.commit(mutation).await {
        Ok(()) => {
            app.mail_waiting.notify_one();
            Ok(Some(offer))
        }
        Err(CommitError::Missed(Miss::AlreadyUsed)) => Ok(None),
        Err(error) => Err(error.into()),
    }
}

fn notice(
    app: &App,
    environment: &Environment,
    to: &str,
    masked: &str,
    now: Micros,
) -> Result<Step, ApiError> {
    let general = &environment.settings.general;
    let letter = Letter {
        to: to.to_owned(),
        app: general.display_name.clone(),
        support: general.support_email.clone(),
        by: None,
        content: Content::EmailUndone { masked: masked.to_owned(), at: now },
    };
    let id = OutboxId::new(now, random::bytes());
    let mail = letter.seal(&app.keys, id, environment.id, now, NOTICE_SECONDS).map_err(ApiError::internal)?;
    Ok(outbox::insert(&mail))
}
