//! Why a command was not carried out, in words that say what to do.

use std::fmt;

use serde::Serialize;
use stile_server::flows::environments::OperatorError;
use stile_store::StoreError;

/// What is wrong, and how to mend it.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
pub struct Problem {
    /// What is wrong, as a sentence.
    pub what: String,
    /// What to do, as a sentence or a command; may be empty when `what` says it all.
    pub mend: String,
}

/// A command failed.
#[derive(Debug)]
pub enum Failure {
    /// For one reason.
    Problem(Problem),
    /// The command line cannot be understood.
    Usage(Problem),
    /// For several reasons.
    Problems {
        /// What could not be done.
        intro: String,
        /// Why.
        problems: Vec<Problem>,
    },
    /// For reasons that were shown already.
    Shown,
}

impl Problem {
    /// A problem and its remedy.
    pub fn new(what: impl Into<String>, mend: impl Into<String>) -> Self {
        Self { what: what.into(), mend: mend.into() }
    }
}

impl Failure {
    /// A failure for one reason.
    pub fn new(what: impl Into<String>, mend: impl Into<String>) -> Self {
        Self::Problem(Problem::new(what, mend))
    }

    /// A command line that cannot be understood.
    pub fn usage(what: impl Into<String>, mend: impl Into<String>) -> Self {
        Self::Usage(Problem::new(what, mend))
    }

    /// 2 for a wrong command line, as clap has it; 1 for the rest.
    pub const fn exit_code(&self) -> u8 {
        match self {
            Self::Usage(_) => 2,
            Self::Problem(_) | Self::Problems { .. } | Self::Shown => 1,
        }
    }

    /// What is wrong, one by one.
    pub fn problems(&self) -> &[Problem] {
        match self {
            Self::Problem(problem) | Self::Usage(problem) => std::slice::from_ref(problem),
            Self::Problems { problems, .. } => problems,
            Self::Shown => &[],
        }
    }

    /// The one problem, for a list of them.
    pub fn into_problem(self) -> Problem {
        match self {
            Self::Problem(problem) | Self::Usage(problem) => problem,
            several => Problem::new(several.to_string(), ""),
        }
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.what)?;
        if self.mend.is_empty() { Ok(()) } else { write!(f, "\n{}", self.mend) }
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Problem(problem) | Self::Usage(problem) => problem.fmt(f),
            Self::Shown => Ok(()),
            Self::Problems { intro, problems } => {
                f.write_str(intro)?;
                for (i, problem) in problems.iter().enumerate() {
                    let text = problem.to_string().replace('\n', "\n   ");
                    write!(f, "\n\n{}. {text}", i + 1)?;
                }
                Ok(())
            }
        }
    }
}

impl From<Problem> for Failure {
    fn from(problem: Problem) -> Self {
        Self::Problem(problem)
    }
}

impl From<OperatorError> for Failure {
    fn from(error: OperatorError) -> Self {
        match error {
            OperatorError::Settings(problems) => Self::Problems {
                intro: "These settings cannot be used, so nothing was changed:".into(),
                problems: problems.iter().map(|what| Problem::new(full_stop(what), "")).collect(),
            },
            other => Self::new(sentence(&other.to_string()), ""),
        }
    }
}

impl From<StoreError> for Failure {
    fn from(error: StoreError) -> Self {
        Self::new(
            sentence(&error.to_string()),
            "Look at the database and its disk, and try again; if it stays so, restore a backup.",
        )
    }
}

/// The text with a capital letter and a full stop.
pub fn sentence(text: &str) -> String {
    let mut chars = text.chars();
    let first = chars.next().map(char::to_uppercase).into_iter().flatten();
    full_stop(&first.chain(chars).collect::<String>())
}

/// The text with a full stop, unless it ends like a sentence.
pub fn full_stop(text: &str) -> String {
    let end = if text.ends_with(['.', '!', '?']) { "" } else { "." };
    format!("{text}{end}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn several_problems_are_numbered() {
        let problems = vec![Problem::new("A.", "Do b:\n  c"), Problem::new("D.", "")];
        let failure = Failure::Problems { intro: "No:".into(), problems };
        assert_eq!(failure.to_string(), "No:\n\n1. A.\n   Do b:\n     c\n\n2. D.");
    }

    #[test]
    fn messages_become_sentences() {
        assert_eq!(sentence("it failed"), "It failed.");
        assert_eq!(sentence("it ended with `x`"), "It ended with `x`.");
        assert_eq!(full_stop("a.b is empty"), "a.b is empty.");
        assert_eq!(full_stop("Is it?"), "Is it?");
    }
}
