//! The mail port: an SMTP server, or nowhere but the development outbox.

use std::time::{Duration, UNIX_EPOCH};

use lettre::address::Envelope;
use lettre::message::header::{HeaderName, HeaderValue};
use lettre::message::{Mailbox, MultiPart};
use lettre::{Address, Message};
use stile_core::{EmailAddress, Micros, OutboxId};

use super::hello::Hello;
use super::render::Rendered;
use super::smtp::Smtp;
use super::smtp_url::Endpoint;
use super::text::one_line;

/// The longest sender name that is shown whole.
const MAX_NAME: usize = 64;

/// How mail leaves. No `Debug`: it holds the server's password.
pub enum Transport {
    /// To an SMTP server.
    Smtp(Box<SmtpTransport>),
    /// Nowhere: the development outbox alone shows it.
    DevOnly,
}

/// An SMTP server and the sender's address.
pub struct SmtpTransport {
    smtp: Smtp,
    from: Mailbox,
}

/// The mail settings cannot be used. The message never repeats the URL, which may hold a password.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum ConfigError {
    /// No URL at all.
    #[error("the mail server must be a URL, such as smtps://user:password@mail.example.com")]
    NotAUrl,
    /// Another scheme.
    #[error("the mail server's URL must begin with smtps:// or smtp://")]
    Scheme,
    /// No host, or none that can be reached.
    #[error("the mail server's URL names no valid host")]
    Host,
    /// A path, query or fragment.
    #[error("the mail server's URL must end after the host and the port")]
    Surplus,
    /// A user without a password, a password without a user, or a wrong percent-encoding.
    #[error("the mail server's URL needs user and password or neither, percent-encoded")]
    Credentials,
    /// TLS cannot be set up.
    #[error("TLS to the mail server cannot be set up: {0}")]
    Tls(String),
    /// The name to be known by is not a full one.
    #[error(
        "the name to greet mail servers with must be a full one, such as mail.example.com, or an address such as [192.0.2.1]"
    )]
    Hello,
    /// The sender is not an address.
    #[error("the sender must be an address, such as no-reply@example.com or Acme <no-reply@example.com>")]
    From,
}

/// A message was not sent, as far as is known.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum SendError {
    /// The recipient's address is none that mail can go to.
    #[error("the message cannot be addressed")]
    Unaddressable,
    /// The address has other letters than ASCII, and the server does not take those.
    #[error("the recipient's address needs SMTPUTF8, which the mail server does not have")]
    NeedsUtf8,
    /// The server refused this message for good.
    #[error("the mail server refused the message for good: {0}")]
    Refused(u16),
    /// The server refused this message for now.
    #[error("the mail server refused the message for now: {0}")]
    Deferred(u16),
    /// The server refused the connection, the credentials or the sender: nothing is wrong with the message.
    #[error("the mail server refused the session: {0}")]
    SessionRefused(u16),
    /// The connection failed.
    #[error("the connection to the mail server failed: {0}")]
    Connection(String),
    /// The server took too long to answer.
    #[error("the mail server did not answer in time")]
    TimedOut,
}

impl SendError {
    /// Whether another attempt is pointless.
    pub const fn is_permanent(&self) -> bool {
        matches!(self, Self::Unaddressable | Self::NeedsUtf8 | Self::Refused(_))
    }

    /// A word for it.
    pub(super) const fn kind(&self) -> &'static str {
        match self {
            Self::Unaddressable => "unaddressable",
            Self::NeedsUtf8 => "needs_utf8",
            Self::Refused(_) => "refused",
            Self::Deferred(_) => "deferred",
            Self::SessionRefused(_) => "session_refused",
            Self::Connection(_) => "connection",
            Self::TimedOut => "timeout",
        }
    }
}

/// A message on its way out.
pub(super) struct Outgoing<'a> {
    pub(super) id: OutboxId,
    pub(super) created_at: Micros,
    pub(super) to: &'a str,
    pub(super) app: &'a str,
    pub(super) rendered: &'a Rendered,
}

impl Transport {
    /// Mail through an SMTP server.
    ///
    /// `smtps://` is TLS from the first byte (port 465 unless named). `smtp://` requires STARTTLS (port
    /// 587), except to this machine itself, where it is in the clear (port 25). User and password are
    /// percent-encoded. `from` is an address, with or without a name; without one, the name of the app
    /// that a message is about is shown. `hello` is what the server is greeted with.
    ///
    /// # Errors
    /// [`ConfigError`] when the settings cannot be used. Nothing is connected yet.
    pub fn smtp(url: &str, from: &str, hello: &Hello) -> Result<Self, ConfigError> {
        let from = from.parse().map_err(|_| ConfigError::From)?;
        Ok(Self::Smtp(Box::new(SmtpTransport {
            smtp: Smtp::new(Endpoint::parse(url)?, hello.clone()),
            from,
        })))
    }

    pub(super) async fn send(&self, outgoing: &Outgoing<'_>) -> Result<(), SendError> {
        match self {
            Self::Smtp(transport) => transport.smtp.send(&compose(&transport.from, outgoing)?).await,
            Self::DevOnly => Ok(()),
        }
    }

    /// Closes connections that nobody uses.
    pub(super) async fn rest(&self) {
        if let Self::Smtp(transport) = self {
            transport.smtp.rest().await;
        }
    }
}

fn compose(from: &Mailbox, outgoing: &Outgoing<'_>) -> Result<Message, SendError> {
    // Judged by our own rule: lettre's parser refuses the marks that many scripts need (RFC 6532).
    let to = EmailAddress::parse(outgoing.to).map_err(|_| SendError::Unaddressable)?;
    let (local, domain) = to.as_str().rsplit_once('@').ok_or(SendError::Unaddressable)?;
    let to = Address::new_dangerous(local, domain);
    let envelope = Envelope::new(Some(from.email.clone()), vec![to.clone()]);
    let mut from = from.clone();
    let name = from.name.unwrap_or_else(|| one_line(outgoing.app, MAX_NAME));
    from.name = (!name.is_empty()).then_some(name);
    // The same in every attempt, so that whoever gets a message twice can see that it is one.
    let message_id = format!("<{}@{}>", outgoing.id, from.email.domain());
    let date = UNIX_EPOCH + Duration::from_micros(u64::try_from(outgoing.created_at.get()).unwrap_or(0));
    let rendered = outgoing.rendered;
    Message::builder()
        .envelope(envelope.map_err(|_| SendError::Unaddressable)?)
        .from(from)
        .to(Mailbox::new(None, to))
        .subject(one_line(&rendered.subject, usize::MAX))
        .date(date)
        .message_id(Some(message_id))
        // RFC 3834: programs that answer for absent people do not answer this.
        .raw_header(HeaderValue::new(
            HeaderName::new_from_ascii_str("Auto-Submitted"),
            "auto-generated".into(),
        ))
        .multipart(MultiPart::alternative_plain_html(rendered.text.clone(), rendered.html.clone()))
        .map_err(|_| SendError::Unaddressable)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::delivery::letter::{Content, Letter, Purpose};
    use crate::delivery::render::render;

    fn composed(from: &str, to: &str, app: &str) -> Result<String, SendError> {
        let content = Content::Code { code: "123456".into(), purpose: Purpose::SignIn, minutes: 10 };
        let letter = Letter { to: to.into(), app: app.into(), support: None, by: None, content };
        let rendered = render(&letter);
        let id = OutboxId::from_bytes([7; 16]);
        let created_at = Micros::new(1_760_000_000_000_000);
        let outgoing = Outgoing { id, created_at, to, app, rendered: &rendered };
        let message = compose(&from.parse().unwrap(), &outgoing)?;
        Ok(String::from_utf8(message.formatted()).unwrap())
    }

    fn headers(message: &str) -> &str {
        message.split_once("\r\n\r\n").unwrap().0
    }

    #[test]
    fn headers_are_complete_and_stable() {
        let message = composed("no-reply@stile.example", "ann@example.com", "Acme").unwrap();
        for header in [
            "From: Acme <no-reply@stile.example>",
            "To: ann@example.com",
            "Subject: Your code to sign in to Acme",
            "Date: Thu, 09 Oct 2025 08:53:20 +0000",
            "Message-ID: <07070707-0707-0707-0707-070707070707@stile.example>",
            "Auto-Submitted: auto-generated",
            "MIME-Version: 1.0",
        ] {
            assert!(headers(&message).lines().any(|line| line == header), "{header}\n{message}");
        }
        assert!(message.contains("multipart/alternative"));
        assert!(message.contains("Your code to sign in to Acme: 123456\r\n"));
        assert!(message.is_ascii());
    }

    #[test]
    fn a_sender_with_a_name_keeps_it() {
        let message = composed("Sign-in <a@stile.example>", "ann@example.com", "Acme").unwrap();
        assert!(headers(&message).lines().any(|line| line == "From: Sign-in <a@stile.example>"), "{message}");
    }

    #[test]
    fn no_app_name_adds_a_header() {
        let plain = composed("a@stile.example", "ann@example.com", "Acme").unwrap();
        for evil in
            ["Acme\r\nBcc: eve@example.com", "Acme\nX-A: b", "Acme\r\n\r\nbody", "\"<eve@example.com>,"]
        {
            let message = composed("a@stile.example", "ann@example.com", evil).unwrap();
            let names = |message: &str| -> Vec<String> {
                let lines = headers(message).lines().filter(|line| !line.starts_with(' '));
                lines.map(|line| line.split(':').next().unwrap_or_default().to_owned()).collect()
            };
            assert_eq!(names(&message), names(&plain), "{message}");
        }
    }

    #[test]
    fn addresses_of_every_script_are_addressed() {
        for to in ["संपर्क@example.com", "ผู้ใช้@example.com", "علی\u{200c}رضا@example.com", "用户@example.com"]
        {
            let message = composed("a@stile.example", to, "Acme").unwrap();
            assert!(headers(&message).lines().any(|line| line == format!("To: {to}")), "{message}");
        }
    }

    #[test]
    fn no_address_adds_a_recipient() {
        for evil in [
            "",
            "ann",
            "ann@example.com\r\nRCPT TO:<eve@example.com>",
            "a@b.example,eve@example.com",
            "<a@b.example>",
        ] {
            assert!(composed("a@stile.example", evil, "Acme") == Err(SendError::Unaddressable), "{evil:?}");
        }
    }

    #[test]
    fn settings_are_checked() {
        let hello = Hello::default();
        assert!(matches!(Transport::smtp("smtp://localhost", "nobody", &hello), Err(ConfigError::From)));
        assert!(matches!(
            Transport::smtp("http://localhost", "a@b.example", &hello),
            Err(ConfigError::Scheme)
        ));
        assert!(Transport::smtp("smtps://u:p@mail.example.com", "Acme <a@b.example>", &hello).is_ok());
    }
}
