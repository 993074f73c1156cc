//! Removing credentials: what goes with them, and what stays.

use stile_core::policy::{self, Standing};
use stile_core::{Credential, CredentialId, Level, Micros, Principal, SessionId, Settings, User, UserId};
use stile_store::{Step, StoreError, additions, credentials, known_devices, recovery_codes, sessions, users};

use crate::guard::act::Act;
use crate::state::error::{ApiError, Code};

/// When a session that now has this level ends at the latest, unused or at all.
fn ends(act: &Act, level: Level) -> (Micros, Micros) {
    let life = policy::lifetime(&act.env.settings, level);
    (act.now.plus_seconds(life.idle), act.now.plus_seconds(life.absolute))
}

/// Removes a credential from the user in `me`, with all that stood on it: sessions that it opened or raised, proofs by
/// it in every session, known devices, the user's choice of it, and with the last factor the recovery codes. Elevated tokens, legacy
/// tokens and begun enrolments that stand on it are refused from then on, since each is judged by the credential behind
/// it.
///
/// `me` becomes the principal after the removal. Whoever calls begins with the user's version.
pub async fn removed(act: &Act, me: &mut Principal, id: CredentialId) -> Result<Vec<Step>, ApiError> {
    let (environment, owner, own) = (act.env.id, me.user.id, me.session.id);
    // What a young address enrolled stays young when that address goes.
    let passes_on = me.credential(id).is_some_and(|c| !policy::is_young_address(c, act.now));
    me.credentials.retain(|c| c.id != id);
    let mut steps = forgotten(act, &mut me.user, &me.credentials, &[id]);
    if passes_on {
        steps.extend(additions::inherit(owner, id));
    }
    steps.extend(others_left(act, owner, &me.credentials, &[id], Some(own)).await?);
    let standing = Standing {
        sign_in_credential: me.session.sign_in_credential,
        level: me.session.level,
        proofs: &me.session.proofs,
        removes: true,
    };
    let opener_goes = me.session.sign_in_credential == id;
    let stays = policy::left_of(&act.env.settings, &me.credentials, opener_goes, standing);
    let except = stays.as_ref().map(|_| own);
    // Nothing says by which credential a device became known, so all are forgotten but the one that removes.
    let here = stays.as_ref().and(me.session.device_key.as_deref());
    steps.push(known_devices::forget_all(owner, here));
    steps.push(sessions::hold(environment, owner, own));
    match stays {
        None => {
            // Tokens of a session that has ended are over at once.
            me.session.idle_expires_at = act.now;
            steps.push(sessions::end(environment, own));
        }
        Some((level, proofs)) => {
            if me.session.last_credential == id {
                let opener = me.session.sign_in_credential;
                me.session.last_credential = proofs.last().map_or(opener, |p| p.credential);
            }
            let ends = ends(act, level);
            steps.push(sessions::cut_back(
                environment,
                owner,
                own,
                level,
                me.session.last_credential,
                &proofs,
                ends,
            ));
            me.session.idle_expires_at = me.session.idle_expires_at.min(ends.0);
            me.session.expires_at = me.session.expires_at.min(ends.1);
            me.session.level = level;
            me.session.proofs = proofs;
        }
    }
    steps.push(sessions::end_standing_on(environment, owner, id, except));
    Ok(steps)
}

/// The same for several at once where no session asks. `left` are the credentials without them.
pub async fn removed_from_outside(
    act: &Act,
    user: &mut User,
    left: &[Credential],
    ids: &[CredentialId],
) -> Result<Vec<Step>, StoreError> {
    let owner = user.id;
    let mut steps = forgotten(act, user, left, ids);
    steps.extend(others_left(act, owner, left, ids, None).await?);
    steps.extend(ids.iter().map(|id| sessions::end_standing_on(act.env.id, owner, *id, None)));
    steps.push(known_devices::forget_all(owner, None));
    Ok(steps)
}

/// The credentials, and what the user's record says of them.
fn forgotten(act: &Act, user: &mut User, left: &[Credential], ids: &[CredentialId]) -> Vec<Step> {
    let (environment, owner) = (act.env.id, user.id);
    let mut steps = Vec::new();
    // The user's row first: these steps hold it even where the version's guard has missed, so that parallel removals wait
    // for one another. Then the credentials, the sessions and the devices, in this order everywhere.
    if user.default_method.is_some_and(|id| ids.contains(&id)) {
        user.default_method = None;
        steps.push(users::prefer(environment, owner, None));
    }
    if !left.iter().any(Credential::is_mfa_method) {
        user.recovery = None;
        steps.extend([
            users::set_recovery(environment, owner, None),
            recovery_codes::delete_all(owner),
            recovery_codes::hide(owner),
        ]);
    }
    steps.extend(ids.iter().map(|id| credentials::delete(environment, owner, *id)));
    steps
}

/// What the removal leaves of the user's sessions beside `own`. One that is pending afterwards owes a factor again. One
/// that has nothing left to stand on ends; those that stand on what is removed are left to `end_standing_on`, because
/// there can be very many of them.
async fn others_left(
    act: &Act,
    owner: UserId,
    left: &[Credential],
    ids: &[CredentialId],
    own: Option<SessionId>,
) -> Result<Vec<Step>, StoreError> {
    let environment = act.env.id;
    let mut steps = Vec::new();
    for row in act.store.sessions(environment, owner, act.now, u32::MAX).await? {
        if Some(row.id) == own {
            continue;
        }
        let standing = Standing {
            sign_in_credential: row.sign_in_credential,
            level: row.level,
            proofs: &row.proofs,
            removes: false,
        };
        let goes = |id: CredentialId| ids.contains(&id);
        let opener_goes = goes(row.sign_in_credential);
        match policy::left_of(&act.env.settings, left, opener_goes, standing) {
            None if opener_goes || row.proofs.iter().any(|p| goes(p.credential)) => {}
            None => steps.push(sessions::end(environment, row.id)),
            Some((to, proofs)) if to != row.level || proofs != row.proofs || goes(row.last_credential) => {
                let last = proofs.last().map_or(row.sign_in_credential, |p| p.credential);
                steps.push(sessions::cut_back(environment, owner, row.id, to, last, &proofs, ends(act, to)));
            }
            Some(_) => {}
        }
    }
    Ok(steps)
}

/// Whether something beside this credential still signs in.
pub fn another_way_in(settings: &Settings, held: &[Credential], id: CredentialId) -> bool {
    held.iter().any(|c| c.id != id && c.sign_in && c.format().may_sign_in(settings))
}

/// Refuses taking away what signs in when nothing else does, unless the environment allows it.
pub fn keep_a_way_in(act: &Act, me: &Principal, id: CredentialId) -> Result<(), ApiError> {
    let settings = &act.env.settings;
    if settings.sdk.prevent_orphaned_accounts && !another_way_in(settings, &me.credentials, id) {
        return Err(Code::LastSignInCredential.into());
    }
    Ok(())
}
