//! What an action stands on, and why a proof may not do.

use serde::{Deserialize, Serialize};

use crate::id::CredentialId;
use crate::proof::Proof;
use crate::strength::Strength;
use crate::time::Micros;

/// What a token or a begun action stands on: by which credential it was earned, how strong that proof was, and when.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Evidence {
    /// The credential that was proved.
    pub credential: CredentialId,
    /// How strongly.
    pub strength: Strength,
    /// When. Rows of versions that kept no time count as proved long ago.
    #[serde(default)]
    pub at: Micros,
}

/// What an action stands on that a permit began and a later answer completes.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Begun {
    /// The scope that was permitted.
    pub scope: String,
    /// What the evidence was, as the gate names it.
    pub how: String,
    /// What the permit stood on.
    pub evidence: Evidence,
    /// The user's epoch then.
    pub epoch: i64,
    /// Until when it can be completed. Asking for another code does not move it.
    pub ends_at: Micros,
}

impl From<&Proof> for Evidence {
    fn from(proof: &Proof) -> Self {
        Self { credential: proof.credential, strength: proof.strength(), at: proof.at }
    }
}

/// Why a proof does not give what was asked for.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub enum Refusal {
    /// The user has a second factor, and this proof is none.
    #[error("a second factor is needed: use one of the methods that the step-up check lists")]
    SecondFactorNeeded,
    /// A rule demands a stronger proof than this one, and the user has what gives it.
    #[error("a stronger factor is needed: use one of the methods that the step-up check lists")]
    StrongerFactorNeeded,
    /// The credential may not answer for anything: it is not the user's, or cannot sign in.
    #[error("this credential cannot be used to confirm an action")]
    CredentialNotAccepted,
    /// A rule demands a second factor and the user has none.
    #[error("a second factor must be set up first")]
    EnrolmentRequired,
    /// An address that was added a moment ago, or what it enrolled, removes or changes nothing that is older.
    #[error("this way of confirming is too new to remove or change an older one: use an older one")]
    AddressTooNew,
}
