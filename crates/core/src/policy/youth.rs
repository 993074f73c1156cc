//! Young addresses: one that was added a moment ago proves no removal or change of what was there before it. So a stolen
//! step-up that plants an address cannot throw the owner out before the owner has read the notice.

use super::evidence::{Evidence, Refusal};
use crate::credential::Credential;
use crate::id::CredentialId;
use crate::principal::Principal;
use crate::scope::Scope;
use crate::time::Micros;

/// How long an added address is young, in seconds: seven days.
pub const YOUNG_SECONDS: i64 = 7 * 86_400;

/// A credential with the one on whose proof it was added.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Addition {
    /// The credential.
    pub credential: CredentialId,
    /// What was proved for it.
    pub by: CredentialId,
}

/// Refuses evidence by a young address, or by a factor that one enrolled, for removing or changing a credential that was
/// there before that address. `additions` are those of the last seven days.
pub fn may_touch(
    me: &Principal,
    additions: &[Addition],
    by: Evidence,
    target: &Credential,
    now: Micros,
) -> Result<(), Refusal> {
    let proved = me.credential(by.credential).ok_or(Refusal::CredentialNotAccepted)?;
    match young_since(me, additions, proved, now) {
        Some(since) if target.created_at < since => Err(Refusal::AddressTooNew),
        _ => Ok(()),
    }
}

/// The credentials that stand on this one: enrolled on its proof, or on the proof of one that was. They go with it when
/// its addition is undone.
pub fn descendants(additions: &[Addition], of: CredentialId) -> Vec<CredentialId> {
    let mut found = vec![of];
    let mut at = 0;
    while let Some(parent) = found.get(at).copied() {
        let children = additions.iter().filter(|a| a.by == parent).map(|a| a.credential);
        let new: Vec<_> = children.filter(|child| !found.contains(child)).collect();
        found.extend(new);
        at += 1;
    }
    found.split_off(1)
}

/// When the address was added whose youth the credential has; `None` for one that is not young.
fn young_since(
    me: &Principal,
    additions: &[Addition],
    credential: &Credential,
    now: Micros,
) -> Option<Micros> {
    let mut credential = credential;
    // Each step goes to a credential that was there before; the bound is for rows that say otherwise.
    for _ in 0..=additions.len() {
        if is_address(credential) {
            break;
        }
        let by = additions.iter().find(|a| a.credential == credential.id)?.by;
        match me.credential(by) {
            Some(parent) => credential = parent,
            // A young address that is gone enrolled it: other credentials pass on what they stood on when they go.
            None => break,
        }
    }
    is_young(credential, now).then_some(credential.created_at)
}

/// Whether a step-up by this credential may be refused for youth: it is a young address beside something older.
pub(super) fn is_young_beside(me: &Principal, credential: &Credential, now: Micros) -> bool {
    is_young_address(credential, now) && me.credentials.iter().any(|c| c.created_at < credential.created_at)
}

/// Whether actions of this scope remove or change credentials.
pub(super) const fn touches_credentials(scope: &Scope) -> bool {
    matches!(scope, Scope::CredentialUnlink | Scope::CredentialUpdate | Scope::UserDelete)
}

/// Whether this is an address that was added a moment ago. What it enrolled stays as young when it goes.
pub fn is_young_address(credential: &Credential, now: Micros) -> bool {
    is_address(credential) && is_young(credential, now)
}

fn is_young(credential: &Credential, now: Micros) -> bool {
    !credential.created_at.plus_seconds(YOUNG_SECONDS).is_past(now)
}

const fn is_address(credential: &Credential) -> bool {
    credential.format().rules().channel.is_some()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::credential::Facts;
    use crate::factor::Format;
    use crate::id::{EnvironmentId, SessionId, UserId};
    use crate::principal::{Level, Profile, Session, User};
    use crate::strength::Strength;

    const NOW: Micros = Micros::new(1_000_000_000_000_000);

    fn id(n: u8) -> CredentialId {
        CredentialId::from_bytes([n; 16])
    }

    /// A credential that was added so many seconds ago.
    fn address(n: u8, age: i64) -> Credential {
        let facts = Facts::address(Format::Email, format!("{n}@example.com"));
        Credential { id: id(n), facts, sign_in: true, created_at: NOW.plus_seconds(-age), verified_at: NOW }
    }

    fn app(n: u8, age: i64) -> Credential {
        Credential { facts: Facts::of(Format::Totp), ..address(n, age) }
    }

    fn user(credentials: Vec<Credential>) -> Principal {
        Principal {
            environment: EnvironmentId::from_bytes([9; 16]),
            environment_version: 1,
            user: User {
                id: UserId::from_bytes([3; 16]),
                version: 1,
                profile: Profile::default(),
                default_method: None,
                recovery: None,
                epoch: 0,
                first_visit: NOW,
                last_visit: NOW,
            },
            session: Session {
                id: SessionId::from_bytes([4; 16]),
                level: Level::Full,
                created_at: NOW,
                expires_at: NOW,
                idle_expires_at: NOW,
                sign_in_credential: id(1),
                last_credential: id(1),
                session_key: None,
                device_key: None,
                user_agent: String::new(),
                proofs: Vec::new(),
            },
            credentials,
        }
    }

    fn may(me: &Principal, additions: &[Addition], by: u8, target: u8) -> bool {
        let by = Evidence { credential: id(by), strength: Strength::Mfa, at: NOW };
        let target = me.credential(id(target)).unwrap();
        may_touch(me, additions, by, target, NOW).is_ok()
    }

    #[test]
    fn an_address_is_young_for_seven_days_to_the_second() {
        assert_eq!(YOUNG_SECONDS, 604_800);
        for (age, old_enough) in [
            (0, false),
            (1, false),
            (YOUNG_SECONDS - 1, false),
            (YOUNG_SECONDS, true),
            (YOUNG_SECONDS + 1, true),
        ] {
            let me = user(vec![address(1, YOUNG_SECONDS * 2), address(2, age)]);
            assert_eq!(may(&me, &[], 2, 1), old_enough, "{age}");
            assert!(may(&me, &[], 1, 2) && may(&me, &[], 1, 1) && may(&me, &[], 2, 2), "{age}");
        }
        // To the microsecond, too: what is not older than the address may go by it.
        let me = user(vec![address(1, 60), address(2, 60)]);
        assert!(may(&me, &[], 2, 1));
        let me = user(vec![address(1, 61), address(2, 60)]);
        assert!(!may(&me, &[], 2, 1));
    }

    #[test]
    fn a_factor_has_the_youth_of_the_address_that_enrolled_it() {
        let by = |credential, by| Addition { credential: id(credential), by: id(by) };
        let me = user(vec![address(1, YOUNG_SECONDS * 2), address(2, 600), app(3, 300), app(4, 200)]);
        let additions = [by(3, 2), by(4, 3)];
        assert!(!may(&me, &additions, 3, 1) && !may(&me, &additions, 4, 1));
        assert!(may(&me, &additions, 3, 2) && may(&me, &additions, 4, 2), "not older than the address");
        assert!(may(&me, &[by(3, 1)], 3, 1) && may(&me, &[], 3, 1), "enrolled by an old one, or long ago");
        // The address that enrolled it is gone: its own age counts.
        let me = user(vec![address(1, YOUNG_SECONDS * 2), app(3, 300), app(4, 200)]);
        assert!(!may(&me, &additions, 3, 1) && !may(&me, &additions, 4, 1));
        assert!(may(&me, &additions, 3, 4));
        // Rows that lead in a circle end somewhere.
        may(&me, &[by(3, 4), by(4, 3)], 3, 1);
    }

    #[test]
    fn evidence_by_a_removed_credential_is_none() {
        let me = user(vec![address(1, 0)]);
        assert!(!may(&me, &[], 7, 1));
    }

    #[test]
    fn what_stands_on_a_credential_goes_with_it() {
        let by = |credential, by| Addition { credential: id(credential), by: id(by) };
        let additions = [by(3, 2), by(4, 3), by(5, 1), by(6, 4)];
        assert_eq!(descendants(&additions, id(2)), [id(3), id(4), id(6)]);
        assert_eq!(descendants(&additions, id(6)), []);
        assert_eq!(descendants(&[by(3, 4), by(4, 3)], id(3)), [id(4)], "in a circle");
    }
}
