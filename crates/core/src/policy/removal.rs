//! What a removed credential takes along: the sessions that stood on it.

use super::session::level_of;
use crate::credential::Credential;
use crate::id::CredentialId;
use crate::principal::Level;
use crate::proof::Proof;
use crate::settings::Settings;

/// What a session stands on.
#[derive(Clone, Copy, Debug)]
pub struct Standing<'a> {
    /// The credential that opened it.
    pub sign_in_credential: CredentialId,
    /// Its level before the removal.
    pub level: Level,
    /// What was proved in it.
    pub proofs: &'a [Proof],
    /// Whether the removal is asked for in this session.
    pub removes: bool,
}

/// What is left of a session when `left` are the user's credentials after a removal: its level and its proofs, or `None`
/// when the session ends. `opener_goes` says whether the credential that opened it is removed now.
///
/// A session ends with the credential that opened it. The one that removes it stays while something else that signs
/// in was proved in it. A level that the other proofs do not give is lost.
pub fn left_of(
    settings: &Settings,
    left: &[Credential],
    opener_goes: bool,
    session: Standing<'_>,
) -> Option<(Level, Vec<Proof>)> {
    let credential = |id| left.iter().find(|c| c.id == id);
    let proofs: Vec<Proof> =
        session.proofs.iter().filter(|p| credential(p.credential).is_some()).copied().collect();
    if opener_goes && !session.removes {
        return None;
    }
    let signed_in = credential(session.sign_in_credential).is_some()
        || proofs.iter().any(|p| credential(p.credential).is_some_and(|c| c.sign_in));
    if !signed_in {
        return None;
    }
    let has_mfa = left.iter().any(Credential::is_mfa_method);
    let level = match session.level {
        Level::Full => level_of(settings, has_mfa, &proofs),
        Level::Pending => Level::Pending,
    };
    Some((level, proofs))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::credential::{Authenticator, Facts};
    use crate::factor::Format;
    use crate::proof::Method;
    use crate::settings::Enrollment;
    use crate::time::Micros;

    const NOW: Micros = Micros::new(1_000_000_000_000_000);
    const EMAIL: CredentialId = CredentialId::from_bytes([1; 16]);
    const PASSKEY: CredentialId = CredentialId::from_bytes([2; 16]);
    const APP: CredentialId = CredentialId::from_bytes([3; 16]);

    fn credential(id: CredentialId) -> Credential {
        let facts = match id {
            EMAIL => Facts::address(Format::Email, "ann@example.com".into()),
            PASSKEY => Facts::key(Format::Passkey, Authenticator { user_verified: true, synced: false }),
            _ => Facts::of(Format::Totp),
        };
        Credential { id, facts, sign_in: id != APP, created_at: NOW, verified_at: NOW }
    }

    fn proof(id: CredentialId) -> Proof {
        match id {
            EMAIL => Proof::code(Format::Email, id, NOW),
            PASSKEY => Proof {
                credential: id,
                method: Method::Of(Format::Passkey),
                at: NOW,
                user_verified: true,
                synced: false,
            },
            _ => Proof::code(Format::Totp, id, NOW),
        }
    }

    #[test]
    fn what_is_left_of_a_session() {
        let (full, pending) = (Some(Level::Full), Some(Level::Pending));
        let all = [EMAIL, PASSKEY, APP];
        type Ids<'a> = &'a [CredentialId];
        type Case<'a> = (Ids<'a>, CredentialId, CredentialId, Ids<'a>, bool, Option<Level>, Option<Level>);
        // credentials before, removed, session opened by, proved in it, removes, left where every sign-in needs a
        // second factor, left where none does
        let table: [Case<'_>; 12] = [
            (&all, PASSKEY, EMAIL, &[EMAIL, PASSKEY], false, pending, full),
            (&all, PASSKEY, EMAIL, &[EMAIL, PASSKEY, APP], false, full, full),
            (&all, PASSKEY, EMAIL, &[EMAIL, APP], false, full, full),
            (&all, PASSKEY, EMAIL, &[], false, pending, full),
            (&all, PASSKEY, PASSKEY, &[PASSKEY, EMAIL, APP], false, None, None),
            (&all, PASSKEY, PASSKEY, &[PASSKEY, EMAIL, APP], true, full, full),
            (&all, PASSKEY, PASSKEY, &[PASSKEY, EMAIL], true, pending, full),
            // An app alone opens no session, and keeps none.
            (&all, PASSKEY, PASSKEY, &[PASSKEY, APP], true, None, None),
            (&all, PASSKEY, PASSKEY, &[PASSKEY], true, None, None),
            (&[EMAIL, PASSKEY], PASSKEY, EMAIL, &[EMAIL, PASSKEY], true, full, full),
            // Opened by a credential that it removed before.
            (&[EMAIL, APP], APP, PASSKEY, &[EMAIL, APP], false, full, full),
            (&[EMAIL, APP], EMAIL, PASSKEY, &[EMAIL, APP], false, None, None),
        ];
        for (row, (before, removed, opener, proved, removes, owing, open)) in table.into_iter().enumerate() {
            let left: Vec<_> = before.iter().filter(|id| **id != removed).map(|id| credential(*id)).collect();
            let proofs: Vec<_> = proved.iter().map(|id| proof(*id)).collect();
            let mut settings = Settings::default();
            settings.security.mfa.enabled = true;
            for (settings, expected) in [(&settings, owing), (&Settings::default(), open)] {
                let session =
                    Standing { sign_in_credential: opener, level: Level::Full, proofs: &proofs, removes };
                let kept = left_of(settings, &left, opener == removed, session);
                assert_eq!(kept.as_ref().map(|(level, _)| *level), expected, "row {row}");
                let held = kept.into_iter().flat_map(|(_, proofs)| proofs);
                assert!(held.into_iter().all(|p| left.iter().any(|c| c.id == p.credential)), "row {row}");
                let owing = Standing { level: Level::Pending, ..session };
                let level = left_of(settings, &left, opener == removed, owing).map(|(level, _)| level);
                assert_eq!(level, expected.map(|_| Level::Pending), "row {row}: a removal raises nothing");
            }
        }
    }

    #[test]
    fn the_last_factor_gone_leaves_the_enrolment_owed_where_it_is_demanded() {
        let mut settings = Settings::default();
        settings.security.mfa.enrollment = Enrollment::Signup;
        let proofs = [proof(EMAIL), proof(PASSKEY)];
        let session =
            Standing { sign_in_credential: EMAIL, level: Level::Full, proofs: &proofs, removes: true };
        let left = left_of(&settings, &[credential(EMAIL)], false, session);
        assert_eq!(left, Some((Level::Pending, vec![proof(EMAIL)])));
    }
}
