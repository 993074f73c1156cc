//! Mail: what it says, how it waits, how it leaves.
//!
//! ```text
//! use case ─ Letter ─ seal → Mail, one step of the use case's mutation      letter
//! sender   ─ claim an attempt → open → render → send → erase                sender
//!                                        text and HTML                      render, layout
//!                                                 SMTP                      transport, smtp
//! ```
//! A message is delivered at least once. What it says is sealed until then and erased after that; no
//! log line holds an address, a code or a name.
//!
//! lettre's `tracing` feature must stay off: it writes whole messages, and the credentials, to the log.

pub mod dev_page;
#[cfg(test)]
mod fake_smtp;
pub mod hello;
mod layout;
pub mod letter;
pub mod render;
pub mod sender;
#[cfg(test)]
mod sender_tests;
mod smtp;
mod smtp_url;
mod text;
mod traces;
pub mod transport;

pub use hello::Hello;
pub use letter::{By, Content, Letter, NOTICE_SECONDS, OpenError, Purpose};
pub use render::{Rendered, render};
pub use sender::{Sender, run};
pub(crate) use text::escape;
pub use transport::{ConfigError, SendError, Transport};
