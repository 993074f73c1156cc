//! Use cases that more than one endpoint, the command line or a job needs.

pub mod codes;
pub mod environments;
pub mod factors;
pub mod guesses;
pub mod payers;
pub mod postage;
pub mod removal;
pub mod reset;
pub mod sessions;
pub mod undo;

pub use stile_factors::totp::newest_step as newest_totp_step;

/// How often a decision is taken again when somebody changed the same user meanwhile (invariant 6).
pub(crate) const ATTEMPTS: usize = 3;

/// Runs an attempt that reads, decides and commits; again when its commit found the user changed.
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
                Err(error) if error.code == $crate::state::error::Code::Conflict && left > 0 => {
                    $me = $crate::guard::access::reload($cx, &$me).await?;
                }
                done => break done,
            }
        }
    }};
    ($attempt:expr) => {{
        let mut left = $crate::flows::ATTEMPTS;
        loop {
            left -= 1;
            match $attempt {
                Err(error) if error.code == $crate::state::error::Code::Conflict && left > 0 => {}
                done => break done,
            }
        }
    }};
}
pub(crate) use deciding;
