//! What letters say. One function per letter gives its lines; text and HTML are made from the same ones.

use jiff::Timestamp;
use stile_core::Micros;
use zeroize::Zeroize;

use super::layout;
use super::letter::{By, Content, Letter, Purpose};
use super::text::{one_line, unlinked};

/// The longest name of an app, of a passkey, and the longest support line that are shown whole.
const MAX_NAME: usize = 64;
const MAX_SUPPORT: usize = 254;
/// The longest name of a browser that is shown whole.
const MAX_BROWSER: usize = 120;

/// A letter, ready to send. No `Debug`: it holds the code, which is overwritten when it is dropped.
#[derive(Clone, PartialEq, Eq)]
pub struct Rendered {
    /// The subject line. Never the code: subjects are shown on locked screens.
    pub subject: String,
    /// The plain text. Its first line has the code.
    pub text: String,
    /// The HTML page.
    pub html: String,
    /// The code as it is typed, without the space that it is shown with.
    pub code: Option<String>,
}

/// The parts that text and HTML share. Values in it are clean lines, not escaped yet.
pub(super) struct Draft {
    pub(super) subject: String,
    pub(super) heading: String,
    /// The code in the groups that it is shown in.
    pub(super) groups: Vec<String>,
    pub(super) paragraphs: Vec<String>,
    /// A link that undoes what the letter tells of, after the paragraphs.
    pub(super) undo: Option<String>,
}

/// Writes a letter out, as text and as HTML.
pub fn render(letter: &Letter) -> Rendered {
    let app = match one_line(&letter.app, MAX_NAME) {
        name if name.is_empty() => "Stile".to_owned(),
        name => name,
    };
    let mut draft = draft(&letter.content, &app);
    if let Some(by) = &letter.by {
        draft.paragraphs.insert(draft.paragraphs.len().min(1), session(by));
    }
    let support = letter.support.as_deref().map(|support| one_line(support, MAX_SUPPORT));
    if let Some(support) = support.filter(|support| !support.is_empty()) {
        draft.paragraphs.push(format!("Questions? {app} support: {support}"));
    }
    let code = match &letter.content {
        Content::Code { code, .. } => Some(code.clone()),
        _ => None,
    };
    Rendered { text: plain_text(&draft), html: layout::html(&draft), subject: draft.subject, code }
}

impl Drop for Rendered {
    fn drop(&mut self) {
        self.text.zeroize();
        self.html.zeroize();
        self.code.zeroize();
    }
}

fn draft(content: &Content, app: &str) -> Draft {
    match content {
        Content::Code { code, purpose, minutes } => code_letter(app, code, *purpose, *minutes),
        Content::PasskeyAdded { name, at } => notice(
            format!("A passkey was added to your {app} account"),
            format!("The passkey “{}” was added on {}.", unlinked(name, MAX_NAME), utc(*at)),
            "If this was you, there is nothing to do. If it was not, somebody else can get into your account: \
             sign in, remove this passkey, and check your other ways of signing in.",
        ),
        Content::PasskeyRemoved { name, at } => notice(
            format!("A passkey was removed from your {app} account"),
            format!("The passkey “{}” was removed on {}.", unlinked(name, MAX_NAME), utc(*at)),
            "If this was you, there is nothing to do. If it was not, somebody else can get into your account: \
             sign in, and check your ways of signing in.",
        ),
        Content::PasskeySynced { name, at } => notice(
            format!("A passkey of your {app} account can be synced now"),
            format!(
                "The passkey “{}” was used on {} from a place that copies passkeys between devices.",
                unlinked(name, MAX_NAME),
                utc(*at)
            ),
            "If this was you, as when you moved it or switched syncing on, there is nothing to do. If it was not, somebody \
             else may hold a copy: sign in, remove this passkey, and add a new one.",
        ),
        Content::EmailChanged { new_masked, at } => notice(
            format!("The e-mail address of your {app} account was changed"),
            format!(
                "It was changed to {} on {}. This address no longer belongs to the account.",
                one_line(new_masked, MAX_SUPPORT),
                utc(*at)
            ),
            "If this was you, there is nothing to do. If it was not, somebody else has got into your account: \
             get in touch with support at once.",
        ),
        Content::EmailAdded { masked, at, undo } => Draft {
            undo: undo.clone(),
            ..notice(
                format!("An e-mail address was added to your {app} account"),
                format!("The address {} was added on {}.", one_line(masked, MAX_SUPPORT), utc(*at)),
                match undo {
                    None => {
                        "If this was you, there is nothing to do. If it was not, somebody else can get into your \
                         account: sign in, remove this address, and check your other ways of signing in."
                    }
                    Some(_) => {
                        "If this was you, there is nothing to do. If it was not, somebody else can get into your \
                         account: remove this address with the link below, within seven days, and check your other \
                         ways of signing in."
                    }
                },
            )
        },
        Content::EmailRemoved { masked, at } => notice(
            format!("An e-mail address was removed from your {app} account"),
            format!("The address {} was removed on {}.", one_line(masked, MAX_SUPPORT), utc(*at)),
            "If this was you, there is nothing to do. If it was not, somebody else can get into your account: \
             sign in, and check your ways of signing in.",
        ),
        Content::EmailUndone { masked, at } => notice(
            format!("An added e-mail address was removed from your {app} account"),
            format!(
                "The address {} was removed on {} by the link in the notice of its addition. Whoever signed in with it \
                 is signed out.",
                one_line(masked, MAX_SUPPORT),
                utc(*at)
            ),
            "If this was you, check your other ways of signing in. If it was not, somebody else can read your e-mail.",
        ),
        Content::TotpAdded { at } => notice(
            format!("An authenticator app was added to your {app} account"),
            format!("It was added on {}.", utc(*at)),
            "If this was you, there is nothing to do. If it was not, somebody else can get into your account: \
             sign in, remove the authenticator app, and check your other ways of signing in.",
        ),
        Content::TotpRemoved { name, at } => notice(
            format!("An authenticator app was removed from your {app} account"),
            format!("The authenticator app “{}” was removed on {}.", unlinked(name, MAX_NAME), utc(*at)),
            "If this was you, there is nothing to do. If it was not, somebody else can get into your account: \
             sign in, and check your ways of signing in.",
        ),
        Content::RecoveryCodesMade { at } => notice(
            format!("New recovery codes were made for your {app} account"),
            format!("They were made on {}. The old ones stopped working.", utc(*at)),
            "If this was you, keep the new codes in a safe place. If it was not, somebody else can get into your \
             account: sign in, make new codes, and check your ways of signing in.",
        ),
        Content::RecoveryCodeUsed { left, at } => notice(
            format!("A recovery code was used for your {app} account"),
            format!("It was used on {}. {}", utc(*at), codes_left(*left)),
            "If this was you, there is nothing else to do. If it was not, somebody else has your codes: sign in, make \
             new ones, and check your ways of signing in.",
        ),
        Content::MfaLocked { wrong, at } => notice(
            format!("Wrong codes were entered for your {app} account"),
            format!(
                "By {} there were {wrong} wrong codes in a row. Codes are refused for a while.",
                utc(*at)
            ),
            "If this was you, wait a little and try again, or use another way to confirm. If it was not, somebody has \
             got past the first step of signing in: check who can read your e-mail, and change your passkeys if one \
             was lost.",
        ),
        Content::MfaReset { at } => notice(
            format!("The second factors of your {app} account were reset"),
            format!(
                "Support removed your passkeys, authenticator apps and recovery codes on {}, and signed you out \
                 everywhere.",
                utc(*at)
            ),
            "If you asked for this, sign in and set up new ones. If you did not, get in touch with support at once.",
        ),
        Content::UserDeleted { at } => notice(
            format!("Your {app} account was deleted"),
            format!("It was deleted on {}.", utc(*at)),
            "If this was you, there is nothing to do. If it was not, get in touch with support at once.",
        ),
    }
}

fn session(by: &By) -> String {
    let opened = utc(by.opened_at);
    match unlinked(&by.browser, MAX_BROWSER) {
        browser if browser.is_empty() => format!("It was done in the session that was opened on {opened}."),
        browser => {
            format!("It was done in the session that was opened on {opened} by the browser “{browser}”.")
        }
    }
}

fn codes_left(left: u32) -> String {
    match left {
        0 => "That was the last one: make new codes now, or losing your device will lock you out.".to_owned(),
        1 => "One is left: make new codes soon.".to_owned(),
        2 | 3 => format!("{left} are left: make new codes soon."),
        _ => format!("{left} are left."),
    }
}

fn code_letter(app: &str, code: &str, purpose: Purpose, minutes: u32) -> Draft {
    let unit = if minutes == 1 { "minute" } else { "minutes" };
    // Judged by the first letter: "an Acme account", "a Stile account".
    let article = if app.starts_with(['A', 'E', 'I', 'O', 'a', 'e', 'i', 'o']) { "an" } else { "a" };
    let title = match purpose {
        Purpose::SignIn => format!("Your code to sign in to {app}"),
        Purpose::Confirm => format!("Your code to confirm an action at {app}"),
        Purpose::AddEmail => format!("Your code to add this address to {article} {app} account"),
        Purpose::ChangeEmail => format!("Your code to make this the address of {article} {app} account"),
    };
    let unasked = match purpose {
        Purpose::SignIn => {
            "Then somebody may have mistyped their address, or may be trying to get into your account. Do nothing"
        }
        Purpose::Confirm => {
            "Then somebody else is signed in to your account. Sign in, end the other sessions, check your ways of \
             signing in"
        }
        Purpose::AddEmail | Purpose::ChangeEmail => {
            "Then somebody may have mistyped their address. Do nothing: without the code it will not be used"
        }
    };
    Draft {
        subject: title.clone(),
        heading: title,
        groups: groups(&one_line(code, MAX_NAME)),
        paragraphs: vec![
            format!("Enter it where you were asked for it. It works once, within {minutes} {unit}."),
            format!(
                "You did not ask for a code? {unasked}, and give the code to nobody. Nobody from {app} will ever ask \
                 you for it."
            ),
        ],
        undo: None,
    }
}

fn notice(title: String, what: String, what_to_do: &str) -> Draft {
    Draft {
        subject: title.clone(),
        heading: title,
        groups: Vec::new(),
        paragraphs: vec![what, what_to_do.to_owned()],
        undo: None,
    }
}

fn plain_text(draft: &Draft) -> String {
    let mut text = draft.heading.clone();
    text.push_str(if draft.groups.is_empty() { "." } else { ": " });
    text.push_str(&draft.groups.join(" "));
    for paragraph in &draft.paragraphs {
        text.push_str("\n\n");
        text.push_str(paragraph);
    }
    if let Some(link) = &draft.undo {
        text.push_str("\n\nRemove the address: ");
        text.push_str(link);
    }
    text.push('\n');
    text
}

/// Twelve digits are read and typed in three groups of four; shorter codes in one.
pub(super) fn groups(code: &str) -> Vec<String> {
    if code.len() != 12 || !code.is_ascii() {
        return vec![code.to_owned()];
    }
    let (first, rest) = code.split_at(4);
    let (second, third) = rest.split_at(4);
    [first, second, third].map(str::to_owned).into()
}

/// The moment in the one time zone that is right for everybody, named as such: `9 October 2025, 08:53 UTC`.
fn utc(at: Micros) -> String {
    let at = Timestamp::from_microsecond(at.get()).unwrap_or_default();
    at.strftime("%-d %B %Y, %H:%M UTC").to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    const AT: Micros = Micros::new(1_760_000_000_000_000);

    fn rendered(app: &str, support: Option<&str>, content: Content) -> Rendered {
        render(&Letter {
            to: "ann@example.com".into(),
            app: app.into(),
            support: support.map(Into::into),
            by: None,
            content,
        })
    }

    fn code(code: &str) -> Content {
        Content::Code { code: code.into(), purpose: Purpose::SignIn, minutes: 10 }
    }

    fn contents(value: &str) -> [Content; 15] {
        let value = || value.to_owned();
        [
            Content::Code { code: value(), purpose: Purpose::AddEmail, minutes: 10 },
            Content::PasskeyAdded { name: value(), at: AT },
            Content::PasskeyRemoved { name: value(), at: AT },
            Content::PasskeySynced { name: value(), at: AT },
            Content::EmailChanged { new_masked: value(), at: AT },
            Content::EmailAdded { masked: value(), at: AT, undo: None },
            Content::EmailRemoved { masked: value(), at: AT },
            Content::EmailUndone { masked: value(), at: AT },
            Content::TotpAdded { at: AT },
            Content::TotpRemoved { name: value(), at: AT },
            Content::RecoveryCodesMade { at: AT },
            Content::RecoveryCodeUsed { left: 3, at: AT },
            Content::MfaLocked { wrong: 5, at: AT },
            Content::MfaReset { at: AT },
            Content::UserDeleted { at: AT },
        ]
    }

    #[test]
    fn a_code_is_in_the_first_line_and_not_in_the_subject() {
        let mail = rendered("Acme", Some("help@acme.example"), code("012345"));
        assert_eq!(mail.subject, "Your code to sign in to Acme");
        assert_eq!(mail.text.lines().next(), Some("Your code to sign in to Acme: 012345"));
        assert!(mail.text.contains("within 10 minutes"));
        assert!(mail.text.ends_with("\n\nQuestions? Acme support: help@acme.example\n"));
        assert_eq!(mail.html.matches("012345").count(), 1);
        assert_eq!(mail.code.as_deref(), Some("012345"));
    }

    #[test]
    fn a_code_says_what_it_is_for() {
        let letter =
            |purpose| rendered("Acme", None, Content::Code { code: "012345".into(), purpose, minutes: 10 });
        for (purpose, subject, if_not_you) in [
            (Purpose::SignIn, "Your code to sign in to Acme", "trying to get into your account"),
            (Purpose::Confirm, "Your code to confirm an action at Acme", "is signed in to your account"),
            (Purpose::AddEmail, "Your code to add this address to an Acme account", "without the code"),
            (
                Purpose::ChangeEmail,
                "Your code to make this the address of an Acme account",
                "without the code",
            ),
        ] {
            let mail = letter(purpose);
            assert_eq!(mail.subject, subject);
            assert!(mail.text.starts_with(&format!("{subject}: 012345\n")), "{}", mail.text);
            assert!(mail.text.contains(if_not_you), "{}", mail.text);
        }
    }

    #[test]
    fn long_codes_are_shown_in_three_groups() {
        let mail = rendered("Acme", None, code("012345678901"));
        assert!(mail.text.starts_with("Your code to sign in to Acme: 0123 4567 8901\n"));
        assert!(mail.html.contains(">0123</span>") && mail.html.contains(">8901</span>"));
        assert_eq!(mail.code.as_deref(), Some("012345678901"));
        assert!(!mail.text.contains("Questions?"));
    }

    #[test]
    fn notices_say_what_and_when() {
        let expected = [
            (
                "A passkey was added to your Acme account",
                "The passkey “Phone” was added on 9 October 2025, 08:53 UTC.",
            ),
            (
                "A passkey was removed from your Acme account",
                "The passkey “Phone” was removed on 9 October 2025, 08:53 UTC.",
            ),
            (
                "A passkey of your Acme account can be synced now",
                "The passkey “Phone” was used on 9 October 2025, 08:53 UTC from a place that copies passkeys",
            ),
            (
                "The e-mail address of your Acme account was changed",
                "It was changed to Phone on 9 October 2025, 08:53 UTC.",
            ),
            (
                "An e-mail address was added to your Acme account",
                "The address Phone was added on 9 October 2025, 08:53 UTC.",
            ),
            (
                "An e-mail address was removed from your Acme account",
                "The address Phone was removed on 9 October 2025, 08:53 UTC.",
            ),
            (
                "An added e-mail address was removed from your Acme account",
                "The address Phone was removed on 9 October 2025, 08:53 UTC by the link in the notice of its addition.",
            ),
            (
                "An authenticator app was added to your Acme account",
                "It was added on 9 October 2025, 08:53 UTC.",
            ),
            (
                "An authenticator app was removed from your Acme account",
                "The authenticator app “Phone” was removed on 9 October 2025, 08:53 UTC.",
            ),
            (
                "New recovery codes were made for your Acme account",
                "They were made on 9 October 2025, 08:53 UTC. The old ones stopped working.",
            ),
            (
                "A recovery code was used for your Acme account",
                "It was used on 9 October 2025, 08:53 UTC. 3 are left: make new codes soon.",
            ),
            (
                "Wrong codes were entered for your Acme account",
                "By 9 October 2025, 08:53 UTC there were 5 wrong codes in a row.",
            ),
            (
                "The second factors of your Acme account were reset",
                "Support removed your passkeys, authenticator apps and recovery codes on 9 October 2025, 08:53 UTC,",
            ),
            ("Your Acme account was deleted", "It was deleted on 9 October 2025, 08:53 UTC."),
        ];
        for (content, (subject, sentence)) in contents("Phone").into_iter().skip(1).zip(expected) {
            let mail = rendered("Acme", None, content);
            assert_eq!(mail.subject, subject);
            assert!(mail.text.starts_with(&format!("{subject}.\n\n{sentence}")), "{}", mail.text);
            assert!(mail.html.contains(sentence), "{}", mail.html);
            assert!(mail.text.contains("If this was you") || mail.text.contains("If you asked for this"));
            assert_eq!(mail.code, None);
        }
    }

    #[test]
    fn a_notice_names_the_session_and_holds_no_link_of_it() {
        let by = |browser: &str| {
            let by = By { browser: browser.into(), opened_at: AT };
            let (to, app) = ("ann@example.com".into(), "Acme".into());
            render(&Letter { to, app, support: None, by: Some(by), content: Content::TotpAdded { at: AT } })
                .text
                .clone()
        };
        let opened = "It was done in the session that was opened on 9 October 2025, 08:53 UTC";
        assert_eq!(by("").lines().nth(4), Some(format!("{opened}.").as_str()));
        let firefox = format!("{opened} by the browser “Mozilla 5.0 Firefox 128”.");
        assert_eq!(by("Mozilla/5.0 Firefox/128").lines().nth(4), Some(firefox.as_str()));
        let evil = by("see https://evil.example\r\n\r\nBcc: eve@evil.example");
        assert!(!evil.contains("://") && !evil.contains("eve@") && !evil.contains("evil.example"), "{evil}");
    }

    #[test]
    fn the_link_that_undoes_an_addition_is_in_text_and_page_once() {
        let link = "https://auth.example.com/undo?token=abc";
        let undo = Some(link.to_owned());
        let mail = rendered("Acme", Some("help"), Content::EmailAdded { masked: "x".into(), at: AT, undo });
        assert!(mail.text.ends_with(&format!("\n\nRemove the address: {link}\n")), "{}", mail.text);
        assert_eq!(mail.html.matches(&format!(" href=\"{link}\"")).count(), 1);
        assert_eq!(mail.html.matches("href").count(), 1);
    }

    #[test]
    fn no_value_adds_a_line_or_a_header() {
        let evil = "x\r\nBcc: eve@example.com\r\n\r\nSubject: y\u{2028}z\0";
        for content in contents(evil) {
            let paragraphs = rendered("Acme", Some("help"), content.clone()).text.lines().count();
            let mail = rendered(evil, Some(evil), content);
            assert!(!mail.subject.chars().any(char::is_control), "{:?}", mail.subject);
            assert_eq!(mail.text.lines().count(), paragraphs);
            for part in [&mail.text, &mail.html] {
                assert!(!part.chars().any(|c| (c.is_control() && c != '\n') || c == '\u{2028}'));
            }
        }
    }

    #[test]
    fn every_value_is_escaped() {
        let evil = r#"<img src=x onerror="alert('1')">&"#;
        for content in contents(evil) {
            let html = &rendered(evil, Some(evil), content).html;
            assert!(!html.contains("<img") && !html.contains("('1')"), "{html}");
            assert!(html.contains("&lt;img src=x onerror=&quot;alert"));
        }
    }

    #[test]
    fn names_of_passkeys_are_no_links() {
        let mail =
            rendered("Acme", None, Content::PasskeyAdded { name: "http://evil.example/a".into(), at: AT });
        assert!(mail.text.contains("“http evil example a”"));
    }

    #[test]
    fn the_page_is_complete_and_loads_nothing() {
        for content in contents("x") {
            let html = &rendered("Acme", Some("help"), content).html;
            assert!(html.starts_with("<!doctype html>\n<html lang=\"en\">") && html.ends_with("</html>\n"));
            assert!(html.contains("color-scheme") && html.contains("prefers-color-scheme: dark"));
            for thing in ["http", "src=", "href", "url(", "<img", "<script", "<link"] {
                assert!(!html.contains(thing), "{thing}");
            }
        }
    }

    #[test]
    fn odd_values_have_a_form() {
        assert_eq!(rendered(" \r\n", None, code("1")).subject, "Your code to sign in to Stile");
        let one_minute = Content::Code { code: "1".into(), purpose: Purpose::SignIn, minutes: 1 };
        assert!(rendered("A", None, one_minute).text.contains("within 1 minute."));
        for at in [i64::MIN, i64::MAX] {
            assert!(utc(Micros::new(at)).ends_with(" UTC"));
        }
        assert_eq!(groups("éééééé"), ["éééééé"]);
    }
}
