//! Access tokens whose signature was verified: the same bytes come with every request of a session. What is kept is
//! what the bytes say, never what the session is now.

use std::sync::{Arc, Mutex, PoisonError};

use stile_core::claims::SessionClaims;

/// How many tokens are kept; a newer one takes the place of another.
const SLOTS: usize = 4_096;

type Slot = Mutex<Option<([u8; 32], Arc<SessionClaims>)>>;

/// The tokens of one environment at one version: other keys are another version, and begin with none.
pub struct Verified(Box<[Slot]>);

impl Default for Verified {
    fn default() -> Self {
        Self((0..SLOTS).map(|_| Slot::default()).collect())
    }
}

impl Verified {
    /// The claims of the token with this hash, verified now unless they were before. The hash must be keyed, so that
    /// nobody can make tokens that push others out.
    pub fn claims<E>(
        &self,
        hash: [u8; 32],
        verify: impl FnOnce() -> Result<SessionClaims, E>,
    ) -> Result<Arc<SessionClaims>, E> {
        let place = usize::from(u16::from_be_bytes([hash[0], hash[1]])) % SLOTS;
        let Some(slot) = self.0.get(place) else { return verify().map(Arc::new) };
        if let Some((kept, claims)) = &*slot.lock().unwrap_or_else(PoisonError::into_inner)
            && *kept == hash
        {
            return Ok(Arc::clone(claims));
        }
        let claims = Arc::new(verify()?);
        *slot.lock().unwrap_or_else(PoisonError::into_inner) = Some((hash, Arc::clone(&claims)));
        Ok(claims)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn claims(sid: &str) -> SessionClaims {
        serde_json::from_value(serde_json::json!({
            "kid": "", "aud": "", "iss": "", "sub": "", "sid": sid, "environment_id": "",
            "last_verified_credential_id": "", "signin_credential_id": "", "scope": "", "originalSid": "",
            "refreshExp": 0, "verifiedCredentialsHashes": {}, "roles": [], "amr": [], "auth_time": 0, "iat": 0, "exp": 0,
        }))
        .unwrap()
    }

    #[test]
    fn a_token_is_verified_once_and_a_refused_one_each_time() {
        let kept = Verified::default();
        let refused: Result<_, ()> = kept.claims([1; 32], || Err(()));
        assert!(refused.is_err());
        assert_eq!(kept.claims([1; 32], || Ok::<_, ()>(claims("a"))).unwrap().sid, "a");
        assert_eq!(kept.claims([1; 32], || Err(())).unwrap().sid, "a");
        let mut other = [1; 32];
        other[31] = 2;
        assert!(kept.claims(other, || Err(())).is_err(), "another token of the same place");
        assert_eq!(kept.claims(other, || Ok::<_, ()>(claims("b"))).unwrap().sid, "b");
        assert!(kept.claims([1; 32], || Err(())).is_err(), "pushed out");
    }
}
