//! `Act`: who acts, where and when. It is what a use case needs to know, whoever calls it; and here alone an event
//! becomes a row of the audit log and notices.

use std::net::{IpAddr, Ipv6Addr};
use std::sync::Arc;

use stile_core::factor::Channel;
use stile_core::settings::ClientAddress;
use stile_core::{Actor, AuditId, Credential, EnvironmentId, Event, Micros, OutboxId, Principal, UserId};
use stile_keys::{Keyring, encoding, random};
use stile_store::{Account, AuditEvent, CommitError, Mutation, Source, Step, Store, audit, outbox};
use tokio::sync::Notify;

use crate::delivery::{By, Content, Letter, NOTICE_SECONDS};
use crate::state::app::App;
use crate::state::environment::{Cache, Environment};
use crate::state::error::ApiError;
use crate::state::refusals::{self, Refusals};

/// The ids of a request.
#[derive(Clone, Default)]
pub struct RequestId {
    /// Ours, which nobody else can choose.
    pub own: String,
    /// The SDK's or else a proxy's, when it is a plain word.
    pub client: Option<String>,
}

/// Who acts, in which environment, at what time.
#[derive(Clone)]
pub struct Act {
    /// Where everything is kept.
    pub store: Store,
    /// Sub-keys of the master key.
    pub keys: Arc<Keyring>,
    /// The environment.
    pub env: Arc<Environment>,
    /// When.
    pub now: Micros,
    /// Who.
    pub actor: Actor,
    /// In which request, for logs and the audit log; `None` for a command.
    pub request: Option<RequestId>,
    /// From where.
    pub from: Option<IpAddr>,
    mail_waiting: Arc<Notify>,
    refusals: Arc<Refusals>,
}

/// Whom an event is about, and in which way they are told of it.
#[derive(Clone, Copy)]
pub enum About<'a> {
    /// Nobody who is known.
    Nobody,
    /// This user, who need not be told.
    User(UserId),
    /// The user of this session: a notice goes to each of their addresses, and names the session.
    Session(&'a Principal),
    /// This user, whoever acts: a notice goes to each of their addresses.
    Account(&'a Account),
}

impl<'a> From<&'a Principal> for About<'a> {
    fn from(me: &'a Principal) -> Self {
        Self::Session(me)
    }
}

impl<'a> From<&'a Account> for About<'a> {
    fn from(account: &'a Account) -> Self {
        Self::Account(account)
    }
}

impl From<UserId> for About<'_> {
    fn from(user: UserId) -> Self {
        Self::User(user)
    }
}

impl<'a> About<'a> {
    const fn user(self) -> Option<UserId> {
        match self {
            Self::Nobody => None,
            Self::User(id) => Some(id),
            Self::Session(me) => Some(me.user.id),
            Self::Account(account) => Some(account.user.id),
        }
    }

    fn addresses(self) -> impl Iterator<Item = &'a str> {
        let credentials: &[Credential] = match self {
            Self::Nobody | Self::User(_) => &[],
            Self::Session(me) => &me.credentials,
            Self::Account(account) => &account.credentials,
        };
        credentials.iter().filter_map(|credential| credential.reached_by(Channel::Mail))
    }

    fn session(self) -> Option<By> {
        let Self::Session(me) = self else { return None };
        Some(By { browser: me.session.user_agent.clone(), opened_at: me.session.created_at })
    }
}

impl Act {
    /// In this server.
    pub fn new(app: &App, env: Arc<Environment>, now: Micros, request: RequestId, from: IpAddr) -> Self {
        Self {
            store: app.store.clone(),
            keys: Arc::clone(&app.keys),
            env,
            now,
            actor: Actor::Stranger,
            request: Some(request),
            from: Some(from),
            mail_waiting: Arc::clone(&app.mail_waiting),
            refusals: Arc::clone(&app.refusals),
        }
    }

    /// A command in this environment.
    pub async fn command(
        store: Store,
        keys: Arc<Keyring>,
        environment: EnvironmentId,
        now: Micros,
    ) -> Result<Self, ApiError> {
        let env = Cache::default().get(&store, &keys, environment, now).await?;
        let (mail_waiting, refusals) = (Arc::default(), Arc::default());
        let actor = Actor::CommandLine;
        Ok(Self { store, keys, env, now, actor, request: None, from: None, mail_waiting, refusals })
    }

    /// The steps that write an event down and tell its user of it. They belong into the mutation by which it happens.
    pub fn record<'a>(&self, about: impl Into<About<'a>>, event: Event) -> Result<Vec<Step>, ApiError> {
        let about = about.into();
        let mut steps = vec![self.write(about, &event)];
        if let Some(content) = Content::of(event, self.now) {
            for to in about.addresses() {
                steps.push(self.queue(to, content.clone(), about.session(), NOTICE_SECONDS)?);
            }
        }
        Ok(steps)
    }

    /// The step that counts a refusal which has no notice.
    pub fn refused<'a>(&self, about: impl Into<About<'a>>, refusal: &Event) -> Step {
        self.write(about.into(), refusal)
    }

    fn write(&self, about: About<'_>, event: &Event) -> Step {
        let row = self.row(about, event);
        if row.event.is_counted() { audit::count(&row, 1) } else { audit::insert(&row) }
    }

    /// Counts a refusal that changes nothing else. The refusal stands if it cannot be written.
    pub async fn note<'a>(&self, about: impl Into<About<'a>>, refusal: Event) {
        refusals::note(&self.refusals, &self.store, self.row(about.into(), &refusal)).await;
    }

    /// The row of the audit log.
    fn row(&self, about: About<'_>, event: &Event) -> AuditEvent {
        let mut row = row(self.env.id, self.now, self.source(), about.user(), event);
        if row.event.is_counted() {
            row.id = refusals::row_id(&self.keys, &row, self.now);
        }
        row
    }

    fn source(&self) -> Source {
        let Some(request) = &self.request else { return Source::operator() };
        Source {
            actor: self.actor.text(),
            request: request.own.clone(),
            client_request: request.client.clone(),
            address: self.from.and_then(|address| self.shown(address)),
        }
    }

    /// As much of a client's address as the environment's settings keep.
    fn shown(&self, address: IpAddr) -> Option<String> {
        let address = address.to_canonical();
        match self.env.settings.audit.client_address {
            ClientAddress::Whole => Some(address.to_string()),
            ClientAddress::Prefix => Some(prefix(address)),
            ClientAddress::Hashed => {
                let text = address.to_string();
                let tag = self.keys.counter.tag16(&[b"audit", self.env.id.as_bytes(), text.as_bytes()]);
                Some(encoding::hex(&tag))
            }
            ClientAddress::None => None,
        }
    }

    /// A step that queues a mail.
    pub fn mail(&self, to: &str, content: Content, lifetime_seconds: i64) -> Result<Step, ApiError> {
        self.queue(to, content, None, lifetime_seconds)
    }

    /// A step that queues a notice to one address, which names the session in which the thing was done.
    pub fn notice(&self, me: &Principal, to: &str, content: Content) -> Result<Step, ApiError> {
        self.queue(to, content, About::Session(me).session(), NOTICE_SECONDS)
    }

    fn queue(
        &self,
        to: &str,
        content: Content,
        by: Option<By>,
        lifetime_seconds: i64,
    ) -> Result<Step, ApiError> {
        let id = OutboxId::new(self.now, random::bytes());
        let general = &self.env.settings.general;
        let letter = Letter {
            to: to.to_owned(),
            app: general.display_name.clone(),
            support: general.support_email.clone(),
            by,
            content,
        };
        let mail = letter.seal(&self.keys, id, self.env.id, self.now, lifetime_seconds);
        Ok(outbox::insert(&mail.map_err(ApiError::internal)?))
    }

    /// Commits, and wakes the mail sender.
    pub async fn commit(&self, mutation: Mutation) -> Result<(), CommitError> {
        self.store.commit(mutation).await?;
        self.mail_waiting.notify_one();
        Ok(())
    }
}

/// The step that writes down what a command did to an environment as a whole, which may not be there yet or any more.
pub fn record_command(environment: EnvironmentId, now: Micros, event: &Event) -> Step {
    audit::insert(&row(environment, now, Source::operator(), None, event))
}

fn row(
    environment: EnvironmentId,
    now: Micros,
    source: Source,
    subject: Option<UserId>,
    event: &Event,
) -> AuditEvent {
    AuditEvent {
        id: AuditId::new(now, random::bytes()),
        environment,
        subject,
        event: event.name(),
        detail: event.detail(),
        source,
        at: now,
    }
}

/// The network of an address, which says about where somebody is and not who: a /24, or a /48 for IPv6.
fn prefix(address: IpAddr) -> String {
    match address {
        IpAddr::V4(v4) => {
            let [a, b, c, _] = v4.octets();
            format!("{a}.{b}.{c}.0/24")
        }
        IpAddr::V6(v6) => {
            let [a, b, c, ..] = v6.segments();
            format!("{}/48", Ipv6Addr::new(a, b, c, 0, 0, 0, 0, 0))
        }
    }
}
