//! What cannot be switched on, in words that say what to do.

use std::collections::BTreeSet;

/// What was found so far.
#[derive(Default)]
pub struct Problems(pub Vec<String>);

impl Problems {
    /// Adds the text where something is wrong.
    pub fn check(&mut self, wrong: bool, text: &str) {
        if wrong {
            self.0.push(text.to_owned());
        }
    }

    /// Adds one text for each name that occurs more than once. Of two rules for one thing only one can hold, and the
    /// stricter might be lost.
    pub fn check_once<'a>(&mut self, list: &str, names: impl Iterator<Item = &'a str>) {
        let mut seen = BTreeSet::new();
        let repeated: BTreeSet<&str> = names.filter(|name| !seen.insert(*name)).collect();
        self.0
            .extend(repeated.iter().map(|name| format!("{list}: `{name}` has more than one rule: keep one")));
    }
}
