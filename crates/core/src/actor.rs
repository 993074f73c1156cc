//! Who acts.

use crate::id::{ApiTokenId, UserId};

/// Who acts, as the request or the process knows them.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Actor {
    /// Somebody without a session: whoever signs in, or holds a mailed link.
    Stranger,
    /// The user of a live session.
    User(UserId),
    /// A backend, by its API token.
    ApiToken(ApiTokenId),
    /// An operator who has signed in.
    Operator(UserId),
    /// A command of the program: whoever may run it on this machine.
    CommandLine,
    /// The server by itself.
    Job,
}

impl Actor {
    /// The text in the audit log; none for a stranger.
    pub fn text(self) -> Option<String> {
        match self {
            Self::Stranger => None,
            Self::User(id) => Some(format!("user:{id}")),
            Self::ApiToken(id) => Some(format!("api_token:{id}")),
            Self::Operator(id) => Some(format!("operator:{id}")),
            Self::CommandLine => Some("command_line".into()),
            Self::Job => Some("job".into()),
        }
    }
}
