//! The sender against a real SMTP server on loopback and a real database. No test sleeps: the clock
//! is moved, and rounds are waited for.

use std::collections::HashSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};

use stile_core::settings::{Kind, Settings};
use stile_core::{EnvironmentId, Micros, OutboxId};
use stile_keys::{Keyring, MasterKey, random};
use stile_store::{Environment, Mail, Mutation, Store, environments, outbox};
use tempfile::TempDir;
use tokio::sync::{Notify, watch};

use super::fake_smtp::FakeSmtp;
use super::hello::Hello;
use super::letter::{Content, Letter, Purpose};
use super::sender::{Sender, run};
use super::transport::Transport;
use crate::state::clock::Clock;
use crate::state::dev_outbox::DevOutbox;

const LIFETIME: i64 = 3_600;

struct World {
    _folder: TempDir,
    store: Store,
    keyring: Arc<Keyring>,
    clock: Arc<Clock>,
    dev_outbox: Arc<DevOutbox>,
    environment: EnvironmentId,
    queued: AtomicU8,
}

impl World {
    async fn new() -> Self {
        let folder = TempDir::new().unwrap();
        let clock = Arc::new(Clock::default());
        let store = Store::sqlite(&folder.path().join("stile.db"), clock.now()).unwrap();
        let environment = EnvironmentId::from_bytes([1; 16]);
        let row = Environment::new(environment, Kind::Sandbox, "Acme", &Settings::default(), clock.now());
        store.commit(Mutation::new([environments::insert(&row)])).await.unwrap();
        let master = MasterKey::parse(&"0123456789abcdef".repeat(4)).unwrap();
        let keyring = Arc::new(Keyring::new(&master).unwrap());
        let dev_outbox = Arc::default();
        Self { _folder: folder, store, keyring, clock, dev_outbox, environment, queued: AtomicU8::new(0) }
    }

    fn sender(&self, transport: Transport) -> Sender {
        Sender {
            store: self.store.clone(),
            keyring: Arc::clone(&self.keyring),
            clock: Arc::clone(&self.clock),
            transport,
            dev_outbox: Some(Arc::clone(&self.dev_outbox)),
        }
    }

    fn smtp(&self, server: &FakeSmtp) -> Arc<Sender> {
        Arc::new(
            self.sender(Transport::smtp(&server.url(), "no-reply@stile.example", &Hello::default()).unwrap()),
        )
    }

    fn mail(&self, to: &str) -> Mail {
        let content = Content::Code { code: "123456".into(), purpose: Purpose::SignIn, minutes: 10 };
        let letter = Letter { to: to.into(), app: "Acme".into(), support: None, by: None, content };
        let now = self.clock.now();
        let mut id = random::bytes::<10>();
        id[9] = self.queued.fetch_add(1, Ordering::SeqCst);
        letter.seal(&self.keyring, OutboxId::new(now, id), self.environment, now, LIFETIME).unwrap()
    }

    async fn queue(&self, to: &str) {
        self.insert(&self.mail(to)).await;
    }

    async fn insert(&self, mail: &Mail) {
        self.store.commit(Mutation::new([outbox::insert(mail)])).await.unwrap();
    }

    /// How many rows are left, due or not. Rows that expired do not count.
    async fn waiting(&self) -> usize {
        let soon_over = Micros::new(self.clock.now().plus_seconds(LIFETIME / 2).get());
        self.store.due_mail(soon_over).await.unwrap().len()
    }
}

#[tokio::test]
async fn a_message_is_delivered_once_and_erased() {
    let (world, mut server) = (World::new().await, FakeSmtp::start().await);
    let sender = world.smtp(&server);
    world.queue("ann@example.com").await;
    sender.round().await;
    assert_eq!(world.waiting().await, 0);
    sender.round().await;

    let received = server.all_received();
    assert_eq!(received.len(), 1);
    assert_eq!(received[0].to, "ann@example.com");
    for line in [
        "To: ann@example.com\n",
        "Subject: Your code to sign in to Acme\n",
        "\nYour code to sign in to Acme: 123456\n",
    ] {
        assert!(received[0].data.contains(line), "{line}{}", received[0].data);
    }
    let shown = world.dev_outbox.list(None);
    assert_eq!((shown.len(), shown[0].code.as_deref()), (1, Some("123456")));
}

#[tokio::test]
async fn connections_are_used_again_and_closed_at_rest() {
    let (world, mut server) = (World::new().await, FakeSmtp::start().await);
    let sender = world.smtp(&server);
    for to in ["ann@example.com", "bob@example.com", "eve@example.com"] {
        world.queue(to).await;
        sender.round().await;
    }
    assert_eq!((server.all_received().len(), server.connections()), (3, 1));
    sender.transport.rest().await;
    world.queue("ann@example.com").await;
    sender.round().await;
    assert_eq!((server.all_received().len(), server.connections()), (1, 2));
}

#[tokio::test]
async fn a_dead_idle_connection_is_replaced() {
    let (world, mut server) = (World::new().await, FakeSmtp::start().await);
    let sender = world.smtp(&server);
    world.queue("ann@example.com").await;
    sender.round().await;
    server.answer("NOOP", "421 too long idle");
    world.queue("bob@example.com").await;
    sender.round().await;
    assert_eq!((server.all_received().len(), server.connections()), (2, 2));
}

#[tokio::test]
async fn an_attempt_that_was_cut_off_leaves_no_connection_behind() {
    let (world, mut server) = (World::new().await, FakeSmtp::start().await);
    let sender = world.smtp(&server);
    let release = Arc::new(Notify::new());
    *server.moods.slow.lock().unwrap() = Some(("slow@example.com".into(), Arc::clone(&release)));
    world.queue("slow@example.com").await;
    let cut_off = Arc::clone(&sender);
    let round = tokio::spawn(async move { cut_off.round().await });
    server.moods.thinking.notified().await;
    round.abort();
    assert!(round.await.unwrap_err().is_cancelled());
    release.notify_one();

    world.queue("ann@example.com").await;
    sender.round().await;
    let received = server.all_received();
    assert_eq!(received.iter().map(|mail| mail.to.as_str()).collect::<Vec<_>>(), ["ann@example.com"]);
    assert_eq!((server.connections(), world.waiting().await), (2, 1));
}

#[tokio::test]
async fn a_refusal_for_now_is_tried_again_after_a_pause() {
    for verb in ["CONNECT", "EHLO", "MAIL", "RCPT", "DATA", "CONTENT"] {
        let (world, mut server) = (World::new().await, FakeSmtp::start().await);
        let sender = world.smtp(&server);
        world.queue("ann@example.com").await;
        server.answer(verb, "451 4.7.1 later");
        sender.round().await;
        assert_eq!(world.waiting().await, 1, "{verb}");

        world.clock.advance(3);
        sender.round().await;
        assert_eq!(server.connections(), 1, "{verb}: not before 4 s");

        world.clock.advance(4);
        sender.round().await;
        assert_eq!((server.all_received().len(), world.waiting().await), (1, 0), "{verb}");
    }
}

#[tokio::test]
async fn pauses_grow() {
    let (world, mut server) = (World::new().await, FakeSmtp::start().await);
    let sender = world.smtp(&server);
    world.queue("ann@example.com").await;
    for (tries, (at_least, at_most)) in [(4, 6), (24, 36), (96, 144), (480, 720)].into_iter().enumerate() {
        server.answer("RCPT", "451 later");
        sender.round().await;
        assert_eq!(server.recipients(), tries + 1);
        // A second of slack, as the clock also moves by itself.
        world.clock.advance(at_least - 1);
        sender.round().await;
        assert_eq!(server.recipients(), tries + 1);
        world.clock.advance(at_most - at_least + 1);
    }
    sender.round().await;
    assert_eq!((server.all_received().len(), world.waiting().await), (1, 0));
}

#[tokio::test]
async fn a_refusal_for_good_drops_the_message() {
    for verb in ["RCPT", "DATA", "CONTENT"] {
        let (world, mut server) = (World::new().await, FakeSmtp::start().await);
        let sender = world.smtp(&server);
        world.queue("gone@example.com").await;
        server.answer(verb, "550 5.1.1 no such user");
        sender.round().await;
        assert_eq!(world.waiting().await, 0, "{verb}");
        assert!(server.all_received().is_empty() && world.dev_outbox.list(None).is_empty());
    }
}

#[tokio::test]
async fn a_wrong_setting_costs_no_message() {
    for (verb, reply) in
        [("CONNECT", "554 no"), ("EHLO", "550 no"), ("MAIL", "553 not your address"), ("RCPT", "530 sign in")]
    {
        let (world, server) = (World::new().await, FakeSmtp::start().await);
        world.queue("ann@example.com").await;
        server.answer(verb, reply);
        world.smtp(&server).round().await;
        assert_eq!(world.waiting().await, 1, "{verb}");
    }
}

#[tokio::test]
async fn an_address_beyond_ascii_is_refused_when_the_server_cannot() {
    let (world, mut server) = (World::new().await, FakeSmtp::start().await);
    world.queue("jürgen@example.com").await;
    world.smtp(&server).round().await;
    assert_eq!((world.waiting().await, server.recipients()), (0, 0));

    server.answer("EHLO", "250-fake\r\n250-SMTPUTF8\r\n250 8BITMIME");
    world.queue("jürgen@example.com").await;
    world.smtp(&server).round().await;
    assert_eq!(server.all_received().first().unwrap().to, "jürgen@example.com");
}

#[tokio::test]
async fn an_expired_message_is_not_sent() {
    let (world, mut server) = (World::new().await, FakeSmtp::start().await);
    let sender = world.smtp(&server);
    world.queue("ann@example.com").await;
    server.answer("RCPT", "451 later");
    sender.round().await;
    world.clock.advance(LIFETIME);
    sender.round().await;
    assert!(server.all_received().is_empty());
    assert_eq!(server.recipients(), 1);
}

#[tokio::test]
async fn a_dead_server_leaves_every_message_for_later() {
    let (world, mut server) = (World::new().await, FakeSmtp::start().await);
    // A port that was free a moment ago, with nobody behind it.
    let closed = tokio::net::TcpListener::bind(("127.0.0.1", 0)).await.unwrap().local_addr().unwrap().port();
    let dead =
        Transport::smtp(&format!("smtp://127.0.0.1:{closed}"), "no-reply@stile.example", &Hello::default())
            .unwrap();
    for to in ["ann@example.com", "bob@example.com", "eve@example.com"] {
        world.queue(to).await;
    }
    Arc::new(world.sender(dead)).round().await;
    assert_eq!(world.waiting().await, 3);
    assert!(world.store.due_mail(world.clock.now()).await.unwrap().is_empty());

    world.clock.advance(7);
    world.smtp(&server).round().await;
    assert_eq!((server.all_received().len(), world.waiting().await), (3, 0));
}

#[tokio::test]
async fn what_cannot_be_read_is_erased_or_left() {
    let (world, mut server) = (World::new().await, FakeSmtp::start().await);
    let mut forged = world.mail("ann@example.com");
    *forged.sealed.last_mut().unwrap() ^= 1;
    world.insert(&forged).await;
    world.insert(&Mail { template: "from_the_future".into(), ..world.mail("bob@example.com") }).await;
    world.queue("eve@example.com").await;
    world.smtp(&server).round().await;
    assert_eq!(server.all_received().len(), 1);
    let left = world.store.due_mail(world.clock.now().plus_seconds(60)).await.unwrap();
    assert_eq!(left.iter().map(|slot| slot.mail.template.as_str()).collect::<Vec<_>>(), ["from_the_future"]);
}

#[tokio::test]
async fn two_senders_deliver_each_message_once() {
    let (world, mut server) = (World::new().await, FakeSmtp::start().await);
    let addresses: HashSet<String> = (0..24).map(|i| format!("user{i}@example.com")).collect();
    for to in &addresses {
        world.queue(to).await;
    }
    let (one, two) = (world.smtp(&server), world.smtp(&server));
    while world.waiting().await > 0 {
        tokio::join!(one.round(), two.round());
    }
    let received = server.all_received();
    assert_eq!(received.len(), addresses.len());
    assert_eq!(received.into_iter().map(|mail| mail.to).collect::<HashSet<_>>(), addresses);
    assert_eq!(world.dev_outbox.list(None).len(), addresses.len());
}

#[tokio::test]
async fn development_needs_no_server() {
    let world = World::new().await;
    world.queue("ann@example.com").await;
    Arc::new(world.sender(Transport::DevOnly)).round().await;
    assert_eq!(world.waiting().await, 0);
    let shown = world.dev_outbox.list(Some("ann@example.com"));
    assert_eq!((shown.len(), shown[0].subject.as_str()), (1, "Your code to sign in to Acme"));
}

#[tokio::test]
async fn runs_when_woken_past_a_slow_recipient_and_finishes_before_it_stops() {
    let (world, mut server) = (World::new().await, FakeSmtp::start().await);
    let release = Arc::new(Notify::new());
    *server.moods.slow.lock().unwrap() = Some(("slow@example.com".into(), Arc::clone(&release)));
    let transport = Transport::smtp(&server.url(), "no-reply@stile.example", &Hello::default()).unwrap();
    world.queue("slow@example.com").await;
    let (stop, stopped) = watch::channel(false);
    let wake = Arc::new(Notify::new());
    let running = tokio::spawn(run(world.sender(transport), Arc::clone(&wake), stopped));

    server.moods.thinking.notified().await;
    world.queue("ann@example.com").await;
    wake.notify_one();
    assert_eq!(server.received.recv().await.unwrap().to, "ann@example.com");

    stop.send(true).unwrap();
    release.notify_one();
    running.await.unwrap();
    assert_eq!(server.received.recv().await.unwrap().to, "slow@example.com");
    assert_eq!(world.waiting().await, 0);
}

#[tokio::test]
async fn two_messages_at_most_are_on_their_way_to_one_address() {
    let (world, mut server) = (World::new().await, FakeSmtp::start().await);
    let (sender, release) = (world.smtp(&server), Arc::new(Notify::new()));
    *server.moods.slow.lock().unwrap() = Some(("slow@example.com".into(), Arc::clone(&release)));
    for _ in 0..3 {
        world.queue("slow@example.com").await;
    }
    assert_eq!(world.waiting().await, 3);
    let round = tokio::spawn(async move { sender.round().await });
    for _ in 0..2 {
        release.notify_one();
        assert_eq!(server.received.recv().await.unwrap().to, "slow@example.com");
    }
    // A third one under way would be waited for here.
    round.await.unwrap();
    assert_eq!((server.recipients(), world.waiting().await), (2, 1));

    release.notify_one();
    world.smtp(&server).round().await;
    assert_eq!((server.all_received().len(), world.waiting().await), (1, 0));
}

#[tokio::test]
async fn ends_when_nobody_can_stop_it_any_more() {
    let world = World::new().await;
    let (stop, stopped) = watch::channel(false);
    drop(stop);
    run(world.sender(Transport::DevOnly), Arc::default(), stopped).await;
}
