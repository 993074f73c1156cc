//! The development outbox: what was delivered lately, in memory, for `/dev/outbox`.

use std::collections::VecDeque;
use std::sync::{Mutex, MutexGuard, PoisonError};

use serde::Serialize;

/// How many messages are kept.
pub const CAPACITY: usize = 200;

/// A delivered message as a developer sees it.
#[derive(Clone, PartialEq, Eq, Serialize)]
pub struct DevMail {
    /// The id of its outbox row.
    pub id: String,
    /// The recipient.
    pub to: String,
    /// The subject line.
    pub subject: String,
    /// The plain text.
    pub text: String,
    /// The HTML page.
    pub html: String,
    /// The code in it, without spaces.
    pub code: Option<String>,
    /// When it was delivered, by the server's clock: ISO 8601 in UTC.
    pub at: String,
}

/// The last [`CAPACITY`] messages. Exists in development only: it keeps codes in the clear.
#[derive(Default)]
pub struct DevOutbox {
    mails: Mutex<VecDeque<DevMail>>,
}

impl DevOutbox {
    /// The messages, newest first; those to one address when it is given (letter case aside).
    pub fn list(&self, to: Option<&str>) -> Vec<DevMail> {
        let to = to.map(|to| to.trim().to_lowercase());
        let wanted = |mail: &&DevMail| to.as_ref().is_none_or(|to| mail.to.to_lowercase() == *to);
        self.mails().iter().rev().filter(wanted).cloned().collect()
    }

    /// Adds a message, in the place of the oldest when there are [`CAPACITY`].
    pub fn push(&self, mail: DevMail) {
        let mut mails = self.mails();
        if mails.len() >= CAPACITY {
            mails.pop_front();
        }
        mails.push_back(mail);
    }

    fn mails(&self) -> MutexGuard<'_, VecDeque<DevMail>> {
        self.mails.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    fn push(outbox: &DevOutbox, to: &str, code: &str) {
        outbox.push(DevMail {
            id: "1".into(),
            to: to.into(),
            subject: "Your code".into(),
            text: format!("It is {code}."),
            html: format!("<p>It is {code}.</p>"),
            code: Some(code.into()),
            at: "2025-10-09T08:53:20Z".into(),
        });
    }

    fn codes(outbox: &DevOutbox, to: Option<&str>) -> Vec<String> {
        outbox.list(to).into_iter().filter_map(|mail| mail.code).collect()
    }

    #[test]
    fn the_newest_comes_first() {
        let outbox = DevOutbox::default();
        assert!(outbox.list(None).is_empty());
        push(&outbox, "ann@example.com", "1");
        push(&outbox, "bob@example.com", "2");
        push(&outbox, "ann@example.com", "3");
        assert_eq!(codes(&outbox, None), ["3", "2", "1"]);
        assert_eq!(codes(&outbox, Some(" Ann@Example.com")), ["3", "1"]);
        assert!(codes(&outbox, Some("ann")).is_empty());
    }

    #[test]
    fn the_oldest_make_room() {
        let outbox = DevOutbox::default();
        for i in 0..CAPACITY + 5 {
            push(&outbox, "ann@example.com", &i.to_string());
        }
        let codes = codes(&outbox, None);
        assert_eq!(
            (codes.len(), codes.first().unwrap().as_str(), codes.last().unwrap().as_str()),
            (200, "204", "5")
        );
    }

    #[test]
    fn the_json_has_what_the_design_names() {
        let outbox = DevOutbox::default();
        push(&outbox, "ann@example.com", "123456");
        let json = serde_json::to_value(outbox.list(None)).unwrap();
        assert_eq!(json[0]["to"], "ann@example.com");
        assert_eq!(json[0]["subject"], "Your code");
        assert_eq!(json[0]["code"], "123456");
        assert_eq!(json[0]["at"], "2025-10-09T08:53:20Z");
        assert!(json[0]["text"].as_str().unwrap().contains("123456") && json[0]["html"].is_string());
    }
}
