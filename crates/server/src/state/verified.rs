//! Access tokens that were verified: the same bytes come with every request of a session. What is kept is what the
//! bytes say, never what the session is now.

use std::sync::{Mutex, MutexGuard, PoisonError};

use stile_core::{Level, SessionId, UserId};

/// How many tokens are kept, in 3 MiB; a newer one may take the place of another.
const SLOTS: usize = 32_768;

/// What an access token says that requests need.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Access {
    /// The level of the sessions for which its key signs.
    pub level: Level,
    /// Which session.
    pub session: SessionId,
    /// Whose.
    pub user: UserId,
    /// Issued at, in Unix seconds.
    pub issued_at: i64,
    /// Expires at, in Unix seconds.
    pub expires_at: i64,
}

type Hash = [u8; 32];
type Slot = Mutex<Option<(Hash, Access)>>;

/// Verified tokens of all environments.
pub struct Verified(Box<[Slot]>);

impl Default for Verified {
    fn default() -> Self {
        Self((0..SLOTS).map(|_| Slot::default()).collect())
    }
}

impl Verified {
    /// What the token with this hash says, verified now unless it was before. The hash must be keyed, so that nobody can
    /// make tokens that push others out, and it must cover what the verification depends on.
    pub fn access<E>(&self, hash: Hash, verify: impl FnOnce() -> Result<Access, E>) -> Result<Access, E> {
        let [first, second] = self.slots(&hash);
        for slot in [first, second] {
            if let Some((kept, access)) = *held(slot)
                && kept == hash
            {
                return Ok(access);
            }
        }
        let access = verify()?;
        self.keep(hash, access);
        Ok(access)
    }

    /// Whether the token with this hash was verified before, and is still kept.
    pub fn knows(&self, hash: &Hash) -> bool {
        self.slots(hash).into_iter().any(|slot| held(slot).is_some_and(|(kept, _)| kept == *hash))
    }

    fn keep(&self, hash: Hash, access: Access) {
        let [first, second] = self.slots(&hash);
        let slot = if held(second).is_none() { second } else { first };
        *held(slot) = Some((hash, access));
    }

    /// Forgets a token: its session has ended.
    pub fn forget(&self, hash: &Hash) {
        for slot in self.slots(hash) {
            held(slot).take_if(|(kept, _)| kept == hash);
        }
    }

    /// The two slots where a token may be: two hardly ever have both in common.
    fn slots(&self, hash: &Hash) -> [&Slot; 2] {
        let [a, b, c, d, ..] = *hash;
        [[a, b], [c, d]].map(|bytes| &self.0[usize::from(u16::from_be_bytes(bytes)) % SLOTS])
    }
}

fn held(slot: &Slot) -> MutexGuard<'_, Option<(Hash, Access)>> {
    slot.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn access(expires_at: i64) -> Access {
        let (session, user) = (SessionId::from_bytes([1; 16]), UserId::from_bytes([2; 16]));
        Access { level: Level::Full, session, user, issued_at: 0, expires_at }
    }

    #[test]
    fn a_token_is_verified_once_and_a_refused_one_each_time() {
        let kept = Verified::default();
        assert!(kept.access([1; 32], || Err(())).is_err());
        assert_eq!(kept.access([1; 32], || Ok::<_, ()>(access(1))), Ok(access(1)));
        assert_eq!(kept.access([1; 32], || Err(())), Ok(access(1)));
        let mut other = [1; 32];
        other[31] = 2;
        assert!(kept.access(other, || Err(())).is_err(), "another token of the same places");
        assert_eq!(kept.access(other, || Ok::<_, ()>(access(2))), Ok(access(2)));
        assert!(kept.access([1; 32], || Err(())).is_err(), "pushed out");
    }

    #[test]
    fn a_token_is_known_until_it_is_forgotten() {
        let kept = Verified::default();
        assert!(!kept.knows(&[1; 32]));
        kept.keep([1; 32], access(1));
        kept.forget(&[2; 32]);
        assert!(kept.knows(&[1; 32]));
        kept.forget(&[1; 32]);
        assert!(!kept.knows(&[1; 32]));
    }

    #[test]
    fn tokens_with_one_place_in_common_are_kept_beside_each_other() {
        let kept = Verified::default();
        let mut other = [1; 32];
        other[2] = 2;
        for (hash, expires_at) in [([1; 32], 1), (other, 2)] {
            assert_eq!(kept.access(hash, || Ok::<_, ()>(access(expires_at))), Ok(access(expires_at)));
        }
        for (hash, expires_at) in [([1; 32], 1), (other, 2)] {
            assert_eq!(kept.access(hash, || Err(())), Ok(access(expires_at)));
        }
    }
}
