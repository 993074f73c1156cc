//! An operator resets a user's second factors: for somebody who has lost them all. It starts anew and chooses nothing
//! for the user (ASVS 6.4.6).

use serde_json::json;
use stile_core::factor::Channel;
use stile_core::{Credential, EnvironmentId, Event, Micros, OutboxId, UserId};
use stile_keys::{Keyring, random};
use stile_store::{
    AuditEvent, CommitError, Miss, Mutation, Source, Step, Store, audit, credentials, failures,
    known_devices, outbox, recovery_codes, sessions, users,
};

use super::ATTEMPTS;
use crate::delivery::{Content, Letter, NOTICE_SECONDS};

/// Who asks for the reset, and why.
pub struct Order<'a> {
    /// The environment, with the name that its users know.
    pub environment: EnvironmentId,
    /// The app's name in the notice.
    pub app: &'a str,
    /// The support line of the notice.
    pub support: Option<&'a str>,
    /// Whose factors.
    pub user: UserId,
    /// Why, in the operator's words.
    pub reason: Option<&'a str>,
    /// Who asks for it.
    pub source: Source,
    /// When.
    pub now: Micros,
}

/// Why factors were not reset.
#[derive(Debug, thiserror::Error)]
pub enum ResetError {
    /// There is no such user in the environment.
    #[error("there is no user of this id in the environment")]
    NoUser,
    /// Without passkeys the user could not sign in any more.
    #[error("the user signs in with a passkey alone: without it there would be no way in")]
    LastWayIn,
    /// The store could not be read.
    #[error(transparent)]
    Store(#[from] stile_store::StoreError),
    /// The store could not be written.
    #[error(transparent)]
    Commit(#[from] CommitError),
    /// The notice could not be sealed.
    #[error(transparent)]
    Seal(#[from] stile_keys::seal::SealError),
}

/// Removes every second factor and passkey, recovery codes, failure counters, elevated tokens and sessions of the user.
pub async fn reset(store: &Store, keys: &Keyring, order: &Order<'_>) -> Result<(), ResetError> {
    let mut left = ATTEMPTS;
    loop {
        left -= 1;
        match attempt(store, keys, order).await {
            Err(ResetError::Commit(CommitError::Missed(Miss::UserChanged))) if left > 0 => {}
            done => return done,
        }
    }
}

async fn attempt(store: &Store, keys: &Keyring, order: &Order<'_>) -> Result<(), ResetError> {
    let (environment, owner) = (order.environment, order.user);
    let account = store.account(environment, owner).await?.ok_or(ResetError::NoUser)?;
    let goes = |c: &&Credential| c.format().rules().removed_by_reset;
    if !account.credentials.iter().any(|c| c.sign_in && !goes(&c)) {
        return Err(ResetError::LastWayIn);
    }
    let factors: Vec<_> = account.credentials.iter().filter(goes).collect();
    let detail = json!({ "reason": order.reason, "factors": factors.len() });
    let mut mutation = Mutation::new([
        users::bump_version(environment, &account.user),
        users::bump_epoch(environment, owner),
        users::prefer(environment, owner, None),
        users::set_recovery(environment, owner, None),
        recovery_codes::delete_all(owner),
        recovery_codes::hide(owner),
        failures::forget(environment, owner),
    ])
    .and_all(factors.iter().map(|c| credentials::delete(environment, owner, c.id)))
    .and_all([
        sessions::end_all(environment, owner, None),
        known_devices::forget_all(owner, None),
        audit::insert(&AuditEvent {
            id: stile_core::AuditId::new(order.now, random::bytes()),
            environment,
            subject: Some(owner),
            event: Event::MfaReset,
            detail,
            source: order.source.clone(),
            at: order.now,
        }),
    ]);
    for address in account.credentials.iter().filter_map(|c| c.reached_by(Channel::Mail)) {
        mutation = mutation.and(notice(keys, order, address)?);
    }
    Ok(store.commit(mutation).await?)
}

fn notice(keys: &Keyring, order: &Order<'_>, to: &str) -> Result<Step, ResetError> {
    let letter = Letter {
        to: to.to_owned(),
        app: order.app.to_owned(),
        support: order.support.map(str::to_owned),
        by: None,
        content: Content::MfaReset { at: order.now },
    };
    let id = OutboxId::new(order.now, random::bytes());
    Ok(outbox::insert(&letter.seal(keys, id, order.environment, order.now, NOTICE_SECONDS)?))
}
