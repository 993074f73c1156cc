//! Deciding: an attempt reads, judges and commits, and is made again when the user changed in between (invariant 6).

use stile_core::policy::Refusal;
use stile_factors::passkey::PasskeyError;
use stile_store::{CommitError, Miss, StoreError};

use crate::state::error::{ApiError, Code};

/// How often an attempt is made at most.
pub(crate) const ATTEMPTS: usize = 3;

/// Why an attempt did not come to its end.
#[derive(Debug)]
pub enum Failed {
    /// The user changed since they were read: nothing was written, and the decision is to be taken again.
    Again,
    /// A guard of the mutation missed. The flow that put it there says what that means ([`Failed::when`]).
    Missed(Miss),
    /// It is refused.
    Refused(ApiError),
}

impl Failed {
    /// The failure, where a miss means this to the flow.
    #[must_use]
    pub fn when(self, meant: impl FnOnce(Miss) -> Option<Code>) -> Self {
        match self {
            Self::Missed(miss) => meant(miss).map_or(self, Self::from),
            Self::Again | Self::Refused(_) => self,
        }
    }
}

impl From<CommitError> for Failed {
    fn from(error: CommitError) -> Self {
        match error {
            CommitError::Missed(Miss::UserChanged) => Self::Again,
            CommitError::Missed(miss) => Self::Missed(miss),
            other => Self::Refused(other.into()),
        }
    }
}

macro_rules! refused_by {
    ($($error:ty),*) => { $(
        impl From<$error> for Failed {
            fn from(error: $error) -> Self {
                Self::Refused(error.into())
            }
        }
    )* };
}
refused_by!(ApiError, Code, StoreError, Refusal, PasskeyError);

impl From<Failed> for ApiError {
    fn from(failed: Failed) -> Self {
        match failed {
            Failed::Again => Code::Conflict.into(),
            Failed::Missed(miss) => miss.into(),
            Failed::Refused(error) => error,
        }
    }
}

/// Makes attempts until one comes to its end.
///
/// With a principal, `deciding!(cx, me = present => attempt)`, the first attempt decides on it as it is, since its
/// mutation begins with the version that was read; later ones on it as it is stored then.
///
/// A macro because the future of an async closure that borrows cannot yet be shown to be `Send`.
macro_rules! deciding {
    ($cx:expr, $me:ident = $present:expr => $attempt:expr) => {{
        let mut $me = $present;
        let mut left = $crate::flows::ATTEMPTS;
        loop {
            left -= 1;
            match $attempt {
                Err($crate::flows::Failed::Again) if left > 0 => {
                    $me = $crate::guard::access::reload($cx, &$me).await?;
                }
                ended => break ended.map_err($crate::state::error::ApiError::from),
            }
        }
    }};
    ($attempt:expr) => {{
        let mut left = $crate::flows::ATTEMPTS;
        loop {
            left -= 1;
            match $attempt {
                Err($crate::flows::Failed::Again) if left > 0 => {}
                ended => break ended.map_err($crate::state::error::ApiError::from),
            }
        }
    }};
}
pub(crate) use deciding;

#[cfg(test)]
mod tests {
    use std::net::{IpAddr, Ipv4Addr};
    use std::sync::Arc;

    use stile_core::{Principal, User};
    use stile_keys::{Keyring, MasterKey};
    use stile_seed::{ENVIRONMENT, Environment, PUBLIC_URL, Passkey, Person};
    use stile_store::{Mutation, Step, Store, sessions, users};

    use super::*;
    use crate::guard::access::reload;
    use crate::guard::act::{Act, RequestId};
    use crate::guard::context::Cx;
    use crate::state::app::App;
    use crate::state::clock::Clock;
    use crate::state::config::Config;
    use crate::state::limits::{Party, Prefixes};

    /// Somebody who decides, and what a request of theirs carries.
    async fn deciding_on(folder: &tempfile::TempDir) -> (Cx, Principal) {
        let clock = Arc::new(Clock::default());
        let (now, keys) = (clock.now(), Arc::new(Keyring::new(&MasterKey::generate()).unwrap()));
        let store = Store::sqlite(&folder.path().join("stile.db"), now).unwrap();
        Environment::create(&store, &keys, "test", now).await.unwrap();
        let mut steps = Vec::new();
        let who = Person::new("ann@example.com".into(), &Passkey::new().unwrap(), now, &mut steps);
        store.commit(Mutation::new(steps)).await.unwrap();
        let public_url = PUBLIC_URL.parse().unwrap();
        let config =
            Config { public_url, trusted_proxies: Vec::new(), development: None, place: String::new() };
        let app = Arc::new(App::new(store, keys, clock, config, None));
        let env = app.environment(ENVIRONMENT).await.unwrap();
        let me = app.store.principal(ENVIRONMENT, who.session).await.unwrap().unwrap();
        let address = IpAddr::V4(Ipv4Addr::LOCALHOST);
        let act = Act::new(&app, env, now, RequestId::default(), address);
        let party = Party::Stranger(Prefixes::of(address));
        let cx = Cx { act, app, api_token: None, address, party, me: None, spent: None, origin: None };
        (cx, me)
    }

    /// What happens between a decision and its commit: the user as they are then changes.
    async fn meanwhile(cx: &Cx, user: &User, more: Option<Step>) {
        let steps = [users::bump_version(ENVIRONMENT, user)].into_iter().chain(more);
        cx.app.store.commit(Mutation::new(steps.collect::<Vec<_>>())).await.unwrap();
    }

    /// Decides again and again, each time overtaken by this; answers how often, and how it ended.
    async fn overtaken(cx: &Cx, me: &Principal, by: impl Fn(&User) -> Option<Step>) -> (usize, Code) {
        let mut attempts = 0;
        let mut attempt = async |present: Principal| -> Result<(), Failed> {
            attempts += 1;
            meanwhile(cx, &present.user, by(&present.user)).await;
            Err(Failed::Again)
        };
        let ended: Result<(), ApiError> =
            async { deciding!(cx, present = me.clone() => attempt(present.clone()).await) }.await;
        (attempts, ended.err().unwrap().code)
    }

    #[tokio::test]
    async fn a_retry_goes_on_after_a_change_and_not_after_a_recovery() {
        let folder = tempfile::tempdir().unwrap();
        let (cx, me) = deciding_on(&folder).await;
        assert_eq!(reload(&cx, &me).await.ok(), Some(me.clone()));

        assert_eq!(overtaken(&cx, &me, |_| None).await, (ATTEMPTS, Code::Conflict));
        let me = reload(&cx, &me).await.unwrap_or(me);
        assert_eq!(me.user.version, 4, "each attempt was overtaken once");

        // A recovery begins the next epoch, as a reset does: the first retry is refused, and there is no second.
        let recovery = |user: &User| Some(users::bump_epoch(ENVIRONMENT, user.id));
        assert_eq!(overtaken(&cx, &me, recovery).await, (1, Code::Conflict));
        assert_eq!(reload(&cx, &me).await.err().map(|e| e.code), Some(Code::Conflict));
    }

    #[tokio::test]
    async fn no_retry_outlives_its_session() {
        let folder = tempfile::tempdir().unwrap();
        let (cx, me) = deciding_on(&folder).await;
        let session = me.session.id;
        let end = |_: &User| Some(sessions::end(ENVIRONMENT, session));
        assert_eq!(overtaken(&cx, &me, end).await, (1, Code::SessionEnded));
    }
}
