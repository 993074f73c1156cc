//! Who is asking: what one query of the store says about a session.

use serde::{Deserialize, Serialize};

use crate::credential::Credential;
use crate::factor::Channel;
use crate::id::{CredentialId, EnvironmentId, SessionId, UserId};
use crate::proof::Proof;
use crate::time::Micros;

/// A live session with its user and the user's credentials, oldest first.
#[derive(Clone, PartialEq, Debug)]
pub struct Principal {
    /// The tenant.
    pub environment: EnvironmentId,
    /// The environment's version when this was read; settings and keys are cached by it.
    pub environment_version: i64,
    /// The person.
    pub user: User,
    /// The signed-in browser.
    pub session: Session,
    /// What is verified and belongs to the user.
    pub credentials: Vec<Credential>,
}

/// A person in an environment.
#[derive(Clone, PartialEq, Debug)]
pub struct User {
    /// The id.
    pub id: UserId,
    /// Counts every change of factors, credentials or codes (invariant 6).
    pub version: i64,
    /// Profile fields.
    pub profile: Profile,
    /// The second factor to ask for first, as the user chose; it may be gone meanwhile.
    pub default_method: Option<CredentialId>,
    /// Whether the user has seen the present recovery codes; `None` without any.
    pub recovery: Option<Acknowledgement>,
    /// Elevated tokens are of one epoch: a recovery and an admin's reset begin the next, and end those before.
    pub epoch: i64,
    /// First sign-in.
    pub first_visit: Micros,
    /// Latest sign-in.
    pub last_visit: Micros,
}

/// Profile fields that a user fills in. Names are the wire's.
#[derive(Clone, PartialEq, Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Profile {
    /// Shown name.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub alias: Option<String>,
    /// Given name.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub first_name: Option<String>,
    /// Family name.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub last_name: Option<String>,
    /// Occupation.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub job_title: Option<String>,
    /// ISO 3166 alpha-2 code.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub country: Option<String>,
    /// Unique in the environment.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub username: Option<String>,
    /// Shirt size.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub t_shirt_size: Option<String>,
    /// Team.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub team: Option<String>,
    /// Whether the user agreed to the app's policies.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub policies_consent: Option<bool>,
    /// Whether addresses that are added later sign in; they do unless this is `false`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub further_emails_sign_in: Option<bool>,
    /// The app's own facts: a JSON object.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub metadata: Option<serde_json::Map<String, serde_json::Value>>,
}

/// Whether the user has seen the present recovery codes.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Acknowledgement {
    /// Not yet.
    Pending,
    /// The user says so.
    Complete,
}

impl Acknowledgement {
    /// The text on the wire.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::Complete => "complete",
        }
    }
}

/// How far a session has come.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Level {
    /// Everything that the environment asks for at sign-in is done (`user:basic`).
    Full,
    /// A second factor is still owed (`requiresAdditionalAuth`).
    Pending,
}

impl Level {
    /// The session's scope string, in the access token and in `user.scope`.
    pub const fn scope(self) -> &'static str {
        match self {
            Self::Full => "user:basic",
            Self::Pending => "requiresAdditionalAuth",
        }
    }
}

/// A signed-in browser.
#[derive(Clone, PartialEq, Debug)]
pub struct Session {
    /// The id, `sid` in tokens.
    pub id: SessionId,
    /// How far it has come.
    pub level: Level,
    /// When it was opened.
    pub created_at: Micros,
    /// When it ends whatever happens.
    pub expires_at: Micros,
    /// When it ends unless it is refreshed or stepped up before.
    pub idle_expires_at: Micros,
    /// The credential that opened it.
    pub sign_in_credential: CredentialId,
    /// The credential that was verified last in it.
    pub last_credential: CredentialId,
    /// The page's session key: compressed P-256 point, lower-case hex.
    pub session_key: Option<String>,
    /// The device key that opened it, same form; refreshing needs a proof by it.
    pub device_key: Option<String>,
    /// The browser that opened it, as it calls itself; at most 300 characters.
    pub user_agent: String,
    /// What was proved in it, newest last, one per credential, method and strength, at most ten.
    pub proofs: Vec<Proof>,
}

/// How many proofs a session remembers.
const MAX_PROOFS: usize = 10;

impl Session {
    /// The proofs with this one added: it replaces an older one of its credential, method and strength. When there are too
    /// many, the oldest goes that is not the newest of its method and strength: neither a weaker proof nor any number of
    /// addresses pushes a second factor out.
    pub fn proofs_with(&self, proof: Proof) -> Vec<Proof> {
        let kind = |p: &Proof| (p.credential, p.method, p.strength());
        let same = |p: &Proof| kind(p) == kind(&proof);
        let mut proofs: Vec<Proof> = self.proofs.iter().filter(|p| !same(p)).copied().collect();
        proofs.push(proof);
        // There are fewer methods and strengths than places, so one that may go is always found.
        while proofs.len() > MAX_PROOFS
            && let Some(oldest) = (0..proofs.len()).find(|at| has_newer_like_it(&proofs, *at))
        {
            proofs.remove(oldest);
        }
        proofs
    }
}

/// Whether a later proof has the method and the strength of the one at this place.
fn has_newer_like_it(proofs: &[Proof], at: usize) -> bool {
    let mut from_here = proofs.iter().skip(at).map(|p| (p.method, p.strength()));
    let this = from_here.next();
    from_here.any(|newer| Some(newer) == this)
}

impl Principal {
    /// The credential of that id, if it is this user's.
    pub fn credential(&self, id: CredentialId) -> Option<&Credential> {
        self.credentials.iter().find(|c| c.id == id)
    }

    /// Verified second factors, oldest first. The level is always derived from them, never from a stored flag.
    pub fn mfa_methods(&self) -> impl DoubleEndedIterator<Item = &Credential> {
        self.credentials.iter().filter(|c| c.is_mfa_method())
    }

    /// Whether the user has a second factor.
    pub fn has_mfa(&self) -> bool {
        self.mfa_methods().next().is_some()
    }

    /// The second factor to ask for first: the user's choice, else the newest.
    pub fn default_method(&self) -> Option<&Credential> {
        let chosen = self.user.default_method;
        self.mfa_methods().find(|c| Some(c.id) == chosen).or_else(|| self.mfa_methods().next_back())
    }

    /// The user's e-mail address: the oldest that can sign in, so that linking another does not take its place.
    pub fn email(&self) -> Option<&str> {
        self.email_credential().and_then(Credential::alias)
    }

    /// The credential of the user's e-mail address.
    pub fn email_credential(&self) -> Option<&Credential> {
        self.credentials.iter().find(|c| c.sign_in && c.reached_by(Channel::Mail).is_some())
    }

    /// Every e-mail address of the user: all of them get security notices.
    pub fn emails(&self) -> impl Iterator<Item = &str> {
        self.credentials.iter().filter_map(|c| c.reached_by(Channel::Mail))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::factor::Format;
    use crate::proof::Method;
    use proptest::prelude::*;

    fn session() -> Session {
        let (credential, now) = (CredentialId::from_bytes([1; 16]), Micros::new(0));
        Session {
            id: SessionId::from_bytes([2; 16]),
            level: Level::Full,
            created_at: now,
            expires_at: now,
            idle_expires_at: now,
            sign_in_credential: credential,
            last_credential: credential,
            session_key: None,
            device_key: None,
            user_agent: String::new(),
            proofs: Vec::new(),
        }
    }

    fn any_proof() -> impl Strategy<Value = Proof> {
        let methods: Vec<_> = Format::ALL.into_iter().map(Method::Of).chain([Method::RecoveryCode]).collect();
        (0_u8..20, prop::sample::select(methods), any::<bool>()).prop_map(|(id, method, verified)| {
            let user_verified = verified && method == Method::Of(Format::Passkey);
            let credential = CredentialId::from_bytes([id; 16]);
            Proof { credential, method, at: Micros::new(0), user_verified, synced: false }
        })
    }

    proptest! {
        /// Forty proofs of whatever kinds: the newest second factor and the newest of each method are still there.
        #[test]
        fn no_proof_pushes_out_the_newest_of_another_method_or_strength(
            given in prop::collection::vec(any_proof(), 1..40)
        ) {
            let mut session = session();
            for (at, proof) in given.iter().enumerate() {
                let proof = Proof { at: Micros::new(i64::try_from(at).unwrap()), ..*proof };
                session.proofs = session.proofs_with(proof);
                prop_assert!(session.proofs.len() <= MAX_PROOFS);
                prop_assert_eq!(session.proofs.last(), Some(&proof));
                prop_assert!(session.proofs.is_sorted_by_key(|p| p.at));
            }
            for (at, proof) in given.iter().enumerate() {
                let later = &given[at + 1..];
                if !later.iter().any(|p| p.method == proof.method && p.strength() == proof.strength()) {
                    let kept = Proof { at: Micros::new(i64::try_from(at).unwrap()), ..*proof };
                    prop_assert!(session.proofs.contains(&kept));
                }
            }
        }
    }
}
