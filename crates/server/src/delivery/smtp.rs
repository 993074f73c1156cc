//! SMTP: connections that are used again, and one message over one of them.
//!
//! lettre's own pool is not used: it takes a connection back whose sending was cut off by a deadline,
//! in the middle of the dialogue. The late answers would then be read as those of the next message,
//! whose content could go to the recipient of the one before. Here a connection comes back only after a
//! message that went well; in every other case it is closed.

use std::fmt::{self, Display, Formatter};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use lettre::transport::smtp::authentication::DEFAULT_MECHANISMS;
use lettre::transport::smtp::client::AsyncSmtpConnection;
use lettre::transport::smtp::commands::{Data, Mail, Rcpt};
use lettre::transport::smtp::extension::{Extension, MailBodyParameter, MailParameter};
use lettre::{Address, Message};
use tokio::time::timeout;

use super::hello::Hello;
use super::smtp_url::{Endpoint, Security};
use super::transport::SendError;

/// For connecting, encryption and authentication together, and then for each command.
const PATIENCE: Duration = Duration::from_secs(10);
/// For saying goodbye, which nobody waits for.
const FAREWELL: Duration = Duration::from_secs(2);

/// A server with its idle connections. No `Debug`: it holds the password.
pub(super) struct Smtp {
    endpoint: Endpoint,
    hello: Hello,
    idle: Mutex<Vec<AsyncSmtpConnection>>,
}

impl Smtp {
    pub(super) const fn new(endpoint: Endpoint, hello: Hello) -> Self {
        Self { endpoint, hello, idle: Mutex::new(Vec::new()) }
    }

    /// Sends one message. Once this has begun to wait for the answer to the content, a failure does not
    /// mean that the message will not arrive.
    pub(super) async fn send(&self, message: &Message) -> Result<(), SendError> {
        let mut connection = self.connection().await?;
        deliver(&mut connection, message).await?;
        self.idle().push(connection);
        Ok(())
    }

    /// Takes leave of the server on all idle connections.
    pub(super) async fn rest(&self) {
        let idle = std::mem::take(&mut *self.idle());
        let farewells = async {
            for mut connection in idle {
                connection.abort().await;
            }
        };
        // Whoever does not answer is left without a word.
        let _rude = timeout(FAREWELL, farewells).await;
    }

    /// One that is idle and still alive, else a new one.
    async fn connection(&self) -> Result<AsyncSmtpConnection, SendError> {
        loop {
            let Some(mut connection) = self.idle().pop() else { break };
            if timeout(FAREWELL, connection.test_connected()).await == Ok(true) {
                return Ok(connection);
            }
        }
        timeout(PATIENCE, self.connect()).await.unwrap_or(Err(SendError::TimedOut))
    }

    async fn connect(&self) -> Result<AsyncSmtpConnection, SendError> {
        let Endpoint { host, port, security, credentials } = &self.endpoint;
        let hello = self.hello.client();
        let implicit = match security {
            Security::Implicit(tls) => Some(tls.clone()),
            Security::Plain | Security::StartTls(_) => None,
        };
        let server = (host.as_str(), *port);
        let mut connection =
            AsyncSmtpConnection::connect_tokio1(server, Some(PATIENCE), hello, implicit, None)
                .await
                .map_err(about_the_session)?;
        if let Security::StartTls(tls) = security {
            // Fails when the server does not offer it.
            connection.starttls(tls.clone(), hello).await.map_err(about_the_session)?;
        }
        if let Some(credentials) = credentials {
            connection.auth(DEFAULT_MECHANISMS, credentials).await.map_err(about_the_session)?;
        }
        Ok(connection)
    }

    fn idle(&self) -> std::sync::MutexGuard<'_, Vec<AsyncSmtpConnection>> {
        self.idle.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

async fn deliver(connection: &mut AsyncSmtpConnection, message: &Message) -> Result<(), SendError> {
    let envelope = message.envelope();
    let content = message.formatted();
    let mut options = Vec::new();
    let recipients = envelope.to();
    if !recipients.iter().chain(envelope.from()).all(is_ascii) {
        if !connection.server_info().supports_feature(Extension::SmtpUtfEight) {
            return Err(SendError::NeedsUtf8);
        }
        options.push(MailParameter::SmtpUtfEight);
    }
    if !content.is_ascii() {
        // Headers with such an address; bodies are encoded. RFC 6531 §3.1: SMTPUTF8 implies this extension.
        options.push(MailParameter::Body(MailBodyParameter::EightBitMime));
    }
    step(connection.command(Mail::new(envelope.from().cloned(), options)), about_the_session).await?;
    for recipient in recipients {
        step(connection.command(Rcpt::new(recipient.clone(), Vec::new())), about_the_message).await?;
    }
    step(connection.command(Data), about_the_message).await?;
    // lettre writes UTF-8.
    let content = String::from_utf8_lossy(&content);
    step(connection.command(Content(&content)), about_the_message).await
}

/// The content with its end (RFC 5321 §4.5.2), to be written at once: what comes in a second, small piece waits for
/// the acknowledgement of the first, 40 ms long.
struct Content<'a>(&'a str);

impl Display for Content<'_> {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        // A lone CR or LF may not be sent (RFC 5321 §2.3.8): some servers take one for the end of a line.
        let text = self.0.replace("\r\n", "\n");
        for line in text.strip_suffix('\n').unwrap_or(&text).split(['\n', '\r']) {
            let stuffing = if line.starts_with('.') { "." } else { "" };
            write!(f, "{stuffing}{line}\r\n")?;
        }
        f.write_str(".\r\n")
    }
}

fn is_ascii(address: &Address) -> bool {
    let text: &str = address.as_ref();
    text.is_ascii()
}

async fn step<T>(
    answer: impl Future<Output = Result<T, lettre::transport::smtp::Error>>,
    judge: fn(lettre::transport::smtp::Error) -> SendError,
) -> Result<(), SendError> {
    match timeout(PATIENCE, answer).await {
        Ok(Ok(_)) => Ok(()),
        Ok(Err(error)) => Err(judge(error)),
        Err(_) => Err(SendError::TimedOut),
    }
}

/// Before a recipient is named, a refusal says nothing about the message, only about the server, the
/// credentials or the sender: an operator's slip must not cost the mail that waits.
fn about_the_session(error: lettre::transport::smtp::Error) -> SendError {
    match error.status() {
        Some(code) => SendError::SessionRefused(code.into()),
        // What the server wrote may name an address; what the network says does not.
        None if error.is_response() => SendError::Connection("the answer cannot be understood".into()),
        None => SendError::Connection(error.to_string()),
    }
}

/// RFC 5321 §4.2.1: 4yz may go well later, 5yz will not. Except for a wrong order of commands, and where
/// the server asks for authentication first (RFC 4954 §6): those are about the session.
fn about_the_message(error: lettre::transport::smtp::Error) -> SendError {
    match error.status().map(u16::from) {
        None | Some(500..=504 | 530 | 534 | 535 | 538) => about_the_session(error),
        Some(code @ 500..) => SendError::Refused(code),
        Some(code) => SendError::Deferred(code),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::delivery::fake_smtp::FakeSmtp;
    use lettre::transport::smtp::authentication::Credentials;
    use lettre::transport::smtp::client::TlsParameters;

    fn smtp(server: &FakeSmtp, security: Security) -> Smtp {
        let credentials = Some(Credentials::new("ann".into(), "secret".into()));
        let endpoint = Endpoint { host: "127.0.0.1".into(), port: server.port, security, credentials };
        Smtp::new(endpoint, Hello::parse("mail.stile.example").unwrap())
    }

    fn message() -> Message {
        let builder = Message::builder().from("a@stile.example".parse().unwrap());
        builder.to("ann@example.com".parse().unwrap()).body("hello\n.\nbye\n".to_owned()).unwrap()
    }

    #[tokio::test]
    async fn signs_in_and_sends() {
        let mut server = FakeSmtp::start().await;
        server.answer("EHLO", "250-fake\r\n250 AUTH PLAIN LOGIN");
        assert_eq!(smtp(&server, Security::Plain).send(&message()).await, Ok(()));
        assert_eq!(*server.moods.greeting.lock().unwrap(), "EHLO mail.stile.example");
        let received = server.all_received();
        assert!(received.first().unwrap().data.ends_with("\nhello\n.\nbye\n"), "{}", received[0].data);
    }

    #[test]
    fn no_line_of_the_content_ends_it() {
        for (content, written) in [
            ("a\r\n.\r\n..b\r\n", "a\r\n..\r\n...b\r\n.\r\n"),
            (".a\n.\r.b", "..a\r\n..\r\n..b\r\n.\r\n"),
            ("", "\r\n.\r\n"),
        ] {
            assert_eq!(Content(content).to_string(), written);
        }
    }

    #[tokio::test]
    async fn wrong_credentials_are_about_the_session() {
        let server = FakeSmtp::start().await;
        server.answer("EHLO", "250-fake\r\n250 AUTH PLAIN");
        server.answer("AUTH", "535 5.7.8 no such user ann");
        let error = smtp(&server, Security::Plain).send(&message()).await.unwrap_err();
        assert_eq!(error, SendError::SessionRefused(535));
        assert!(!error.is_permanent() && !error.to_string().contains("ann"));
    }

    /// Somebody between us and the server can take STARTTLS out of its answer.
    #[tokio::test]
    async fn nothing_goes_to_a_server_without_starttls() {
        let mut server = FakeSmtp::start().await;
        server.answer("EHLO", "250-fake\r\n250 AUTH PLAIN");
        // Would show an attempt to sign in or to send.
        for verb in ["AUTH", "MAIL"] {
            server.answer(verb, "421 told a secret");
        }
        let tls = TlsParameters::new("127.0.0.1".into()).unwrap();
        let error = smtp(&server, Security::StartTls(tls)).send(&message()).await.unwrap_err();
        assert!(matches!(error, SendError::Connection(_)), "{error}");
        assert!(server.all_received().is_empty());
    }

    #[tokio::test]
    async fn an_answer_that_is_none_is_not_repeated() {
        let server = FakeSmtp::start().await;
        server.answer("MAIL", "who is ann@example.com?");
        let endpoint = Endpoint { credentials: None, ..smtp(&server, Security::Plain).endpoint };
        let smtp = Smtp::new(endpoint, Hello::default());
        let error = smtp.send(&message()).await.unwrap_err();
        assert_eq!(error, SendError::Connection("the answer cannot be understood".into()));
    }
}
