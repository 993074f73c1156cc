//! Policy: what an action needs, and what a proof gives. Pure functions of values (invariant 4).
//!
//! The step-up check and the gate both ask `requirement`, and a gate accepts as a recent proof only
//! what `accepts` would have turned into a token, so that they cannot disagree.

mod acceptance;
mod demands;
mod evidence;
mod removal;
mod requirement;
mod session;
mod youth;

pub use self::acceptance::{Elevation, accepts, grant, may_complete, still_accepts};
pub use self::demands::{Reason, Terms};
pub use self::evidence::{Begun, Evidence, Refusal};
pub use self::removal::{Standing, left_of};
pub use self::requirement::{Exemption, Needed, Requirement, requirement};
pub use self::session::{
    CODES_PROOF_SECONDS, Lifetime, has_own_level, level_after, level_of, lifetime, may_see_codes,
};
pub use self::youth::{Addition, YOUNG_SECONDS, descendants, is_young_address, may_touch};

#[cfg(test)]
mod table_tests;
#[cfg(test)]
mod tests;
