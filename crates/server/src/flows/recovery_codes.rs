//! Recovery codes: a set beside the second factors that it stands in for.

use stile_core::{Acknowledgement, Format, Principal};
use stile_factors::recovery_code;
use stile_store::{Step, recovery_codes, users};
use zeroize::Zeroizing;

use crate::guard::act::Act;
use crate::state::error::ApiError;

/// How long a set of recovery codes is kept to be seen, in seconds.
const SHOWN_SECONDS: i64 = 86_400;

/// A new set of recovery codes in the place of any other, to be acknowledged.
pub fn renew(act: &Act, me: &Principal) -> Result<(Zeroizing<Vec<String>>, Vec<Step>), ApiError> {
    let set = recovery_code::new_set();
    // Texts always serialise.
    let plain = Zeroizing::new(serde_json::to_vec(&*set).map_err(ApiError::internal)?);
    let sealed = act.keys.seal.seal(&context(act, me), &plain).map_err(ApiError::internal)?;
    let owner = me.user.id;
    // The user's row first: it is held even where the version's guard has missed, so that parallel sets wait for one
    // another instead of holding what the other needs.
    let mut steps = vec![
        users::set_recovery(act.env.id, owner, Some(Acknowledgement::Pending)),
        recovery_codes::delete_all(owner),
        recovery_codes::show(owner, &sealed, act.now.plus_seconds(SHOWN_SECONDS)),
    ];
    let hash = |code: &String| recovery_code::hash(&act.keys, act.env.id, owner, code);
    steps.extend(set.iter().map(|code| recovery_codes::insert(owner, hash(code))));
    Ok((set, steps))
}

/// The associated data of a sealed set.
pub fn context<'a>(act: &'a Act, me: &'a Principal) -> [&'a [u8]; 3] {
    [b"recovery_shown", act.env.id.as_bytes(), me.user.id.as_bytes()]
}

/// Recovery codes for a user who gets a factor of this kind and has none yet. `after` is told of them.
pub fn beside(act: &Act, after: &mut Principal, format: Format) -> Result<Vec<Step>, ApiError> {
    let wanted = after.has_mfa() && act.env.settings.security.mfa.allows_recovery_codes(format);
    if !wanted || after.user.recovery.is_some() {
        return Ok(Vec::new());
    }
    let (_, steps) = renew(act, after)?;
    after.user.recovery = Some(Acknowledgement::Pending);
    Ok(steps)
}

/// Whether recovery codes may stand beside any factor that the user has.
pub fn are_allowed(act: &Act, me: &Principal) -> bool {
    let mfa = &act.env.settings.security.mfa;
    me.mfa_methods().any(|c| mfa.allows_recovery_codes(c.format()))
}
