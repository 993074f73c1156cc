//! A mutation is a value: guarded steps that happen together or not at all.

use std::fmt;

use crate::value::Value;

/// Why a mutation did not happen: each guard has its own name for a miss.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Miss {
    /// The single-use thing was used before.
    AlreadyUsed,
    /// The nonce of a device proof was used before.
    NonceUsed,
    /// A use of this id happened before; what for, the ledger's note says.
    UseKnown,
    /// The user's factors or credentials changed since they were read, or the user is gone.
    UserChanged,
    /// The session ended or was replaced since it was read.
    SessionGone,
    /// The verification has no tries left, is over, or is gone.
    TriesSpent,
    /// Too many failures: a guard on a failure counter did not let the success pass.
    LockedOut,
    /// The unique name, address or credential id is taken.
    Taken,
    /// The row to change does not exist.
    NotFound,
    /// The environment changed since it was read.
    EnvironmentChanged,
    /// The stored signature counter moved on since it was read.
    CounterMoved,
}

impl fmt::Display for Miss {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::AlreadyUsed => "it was used before",
            Self::NonceUsed => "its nonce was used before",
            Self::UseKnown => "a use of this id happened before",
            Self::UserChanged => "the user was changed at the same time, or is gone",
            Self::SessionGone => "the session has ended",
            Self::TriesSpent => "no tries are left",
            Self::LockedOut => "there were too many failures",
            Self::Taken => "it is there already",
            Self::NotFound => "it is not there",
            Self::EnvironmentChanged => "the environment was changed at the same time",
            Self::CounterMoved => "the signature counter was changed at the same time",
        })
    }
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Expect {
    Exactly(u64),
    Any,
}

/// One conditional write with the row count that it must reach.
#[derive(Clone, PartialEq, Debug)]
pub struct Step {
    pub(crate) sql: &'static str,
    pub(crate) args: Vec<Value>,
    pub(crate) expect: Expect,
    pub(crate) miss: Miss,
}

impl Step {
    /// A write that must change exactly one row, else the whole mutation misses with this name.
    pub(crate) fn one(sql: &'static str, args: Vec<Value>, miss: Miss) -> Self {
        Self { sql, args, expect: Expect::Exactly(1), miss }
    }

    /// A write that may change any number of rows.
    pub(crate) fn any(sql: &'static str, args: Vec<Value>) -> Self {
        Self { sql, args, expect: Expect::Any, miss: Miss::NotFound }
    }
}

/// Steps that are committed together.
#[derive(Clone, PartialEq, Debug, Default)]
pub struct Mutation {
    pub(crate) steps: Vec<Step>,
}

impl Mutation {
    /// A mutation of these steps, in this order.
    pub fn new(steps: impl IntoIterator<Item = Step>) -> Self {
        Self { steps: steps.into_iter().collect() }
    }

    /// The mutation with one more step.
    #[must_use]
    pub fn and(mut self, step: impl Into<Option<Step>>) -> Self {
        self.steps.extend(step.into());
        self
    }

    /// The mutation with more steps.
    #[must_use]
    pub fn and_all(mut self, steps: impl IntoIterator<Item = Step>) -> Self {
        self.steps.extend(steps);
        self
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::CommitError;

    #[test]
    fn a_miss_is_told_in_words() {
        let told = CommitError::Missed(Miss::NotFound).to_string();
        assert_eq!(told, "nothing was changed: it is not there");
    }
}
