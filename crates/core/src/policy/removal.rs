//! What a removed credential takes along: the sessions that stood on it.

use super::level_of;
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

/// What is left of a session when `removed` is gone and `left` are the user's credentials: its level and its proofs, or
/// `None` when the session ends.
///
/// A session ends with the credential that opened it. The one that removes it stays while something else that signs
/// in was proved in it. A level that the other proofs do not give is lost.
pub fn left_of(
    settings: &Settings,
    left: &[Credential],
    removed: CredentialId,
    session: Standing<'_>,
) -> Option<(Level, Vec<Proof>)> {
    let credential = |id| left.iter().find(|c| c.id == id);
    let proofs: Vec<Proof> =
        session.proofs.iter().filter(|p| credential(p.credential).is_some()).copied().collect();
    let opener = session.sign_in_credential;
    if opener == removed && !session.removes {
        return None;
    }
    let signed_in =
        credential(opener).is_some() || proofs.iter().any(|p| credential(p.credential).is_some_and(|c| c.sign_in));
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
