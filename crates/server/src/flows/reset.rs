//! An operator or a backend resets a user's second factors: for somebody who has lost them all. It starts anew and chooses
//! nothing for the user (ASVS 6.4.6).

use stile_core::{Credential, Event, UserId};
use stile_store::{Mutation, credentials, failures, known_devices, recovery_codes, sessions, users};

use super::{Failed, deciding};
use crate::guard::act::Act;
use crate::state::error::{ApiError, Code};

/// Removes every second factor and passkey, recovery codes, failure counters, elevated tokens and sessions of the user.
/// Why, in the operator's words, goes to the audit log.
pub async fn reset(act: &Act, owner: UserId, reason: Option<&str>) -> Result<(), ApiError> {
    deciding!(attempt(act, owner, reason).await)
}

async fn attempt(act: &Act, owner: UserId, reason: Option<&str>) -> Result<(), Failed> {
    let environment = act.env.id;
    let account = act.store.account(environment, owner).await?.ok_or(Code::UserNotFound)?;
    let goes = |c: &&Credential| c.format().rules().removed_by_reset;
    if !account.credentials.iter().any(|c| c.sign_in && !goes(&c)) {
        return Err(Code::LastSignInCredential.into());
    }
    let factors: Vec<_> = account.credentials.iter().filter(goes).collect();
    let event = Event::MfaReset { reason: reason.map(str::to_owned), factors: factors.len() };
    let mutation = Mutation::new([
        users::bump_version(environment, &account.user),
        users::bump_epoch(environment, owner),
        users::prefer(environment, owner, None),
        users::set_recovery(environment, owner, None),
        recovery_codes::delete_all(owner),
        recovery_codes::hide(owner),
        failures::forget(environment, owner),
    ])
    .and_all(factors.iter().map(|c| credentials::delete(environment, owner, c.id)))
    .and_all([sessions::end_all(environment, owner, None), known_devices::forget_all(owner, None)])
    .and_all(act.record(&account, event)?);
    Ok(act.commit(mutation).await?)
}
