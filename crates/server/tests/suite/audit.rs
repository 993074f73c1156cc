//! The audit log: whose ids and addresses it holds, how refusals are counted, how long rows stay.

use axum::http::Method;
use serde_json::json;
use stile_core::settings::ClientAddress;
use stile_core::{AuditId, EnvironmentId, EventName};
use stile_server::sweep_once;
use stile_store::ledger::{self, Kind};
use stile_store::{AuditEvent, AuditFilter, AuditRow, Mutation, Source, audit};

use crate::admin_reset::{api_token, call};
use crate::world::{ENVIRONMENT, Page, World, settings};

const ANN: &str = "ann@example.com";

async fn of(world: &World, event: &str) -> Vec<AuditRow> {
    world.audit_rows().await.into_iter().filter(|row| row.event == event).collect()
}

#[tokio::test]
async fn the_client_s_request_id_stands_beside_our_own() {
    let world = World::new().await;
    let page = world.page();
    let body = json!({ "email": ANN }).to_string();
    let path = page.sdk("/emailVerifications/create");
    let sent = [("x-dyn-request-id", "forged"), ("content-type", "application/json")];
    let reply = page.send(Method::POST, &path, Some(body), &sent).await;
    let own = reply.headers["x-request-id"].to_str().unwrap();
    let rows = of(&world, "email_code.sent").await;
    assert_eq!(rows[0].source.request, own);
    assert_eq!(rows[0].source.client_request.as_deref(), Some("forged"));
    assert_ne!(own, "forged");
}

#[tokio::test]
async fn a_row_says_who_acted() {
    let world = World::new().await;
    let (page, _) = world.with_totp(ANN).await;
    let actor = async |event: &str| of(&world, event).await[0].source.actor.clone();
    let user = page.user_id().await;
    assert_eq!(actor("session.opened").await, None, "whoever signs in is nobody yet");
    assert_eq!(actor("totp.added").await, Some(format!("user:{user}")));
    assert_eq!(actor("environment.created").await.as_deref(), Some("command_line"));
    world.reset(&user).await;
    assert_eq!(actor("mfa.reset").await.as_deref(), Some("command_line"));
    let token = api_token(&world, ENVIRONMENT, &["environment.users.write"]).await;
    world.advance(1);
    let path = format!("/api/v0/users/{user}/mfa");
    call(&world, Method::DELETE, &path, Some(&token), None).await.no_content();
    let ids = world.app.store.api_tokens(ENVIRONMENT).await.unwrap();
    let used = ids.iter().find(|stored| token.ends_with(&stored.last_six)).unwrap();
    assert_eq!(actor("mfa.reset").await, Some(format!("api_token:{}", used.id)));
}

#[tokio::test]
async fn settings_say_how_much_of_an_address_is_kept() {
    for (kept, v4, v6) in [
        (ClientAddress::Whole, Some("203.0.113.7"), Some("2001:db8:1:2::3")),
        (ClientAddress::Prefix, Some("203.0.113.0/24"), Some("2001:db8:1::/48")),
        (ClientAddress::None, None, None),
    ] {
        let mut settings = settings();
        settings.audit.client_address = kept;
        let world = World::with(settings).await;
        for (address, shown) in [("203.0.113.7:1", v4), ("[2001:db8:1:2::3]:1", v6)] {
            let page = Page { address: address.parse().unwrap(), ..world.page() };

            page.post("/emailVerifications/create", json!({ "email": ANN })).await.created();
            let rows = of(&world, "email_code.sent").await;
            assert_eq!(rows[0].source.address.as_deref(), shown, "{kept:?}");
        }
    }
    let mut settings = settings();
    settings.audit.client_address = ClientAddress::Hashed;
    let world = World::with(settings).await;
    let mut shown = Vec::new();
    for address in ["203.0.113.7:1", "203.0.113.7:2", "203.0.113.8:1"] {
        let page = Page { address: address.parse().unwrap(), ..world.page() };
        page.post("/emailVerifications/create", json!({ "email": format!("{}@example.com", shown.len()) }))
            .await
            .created();
        shown.push(of(&world, "email_code.sent").await[0].source.address.clone().unwrap());
    }
    assert_eq!(shown[0], shown[1]);
    assert_ne!(shown[0], shown[2]);
    assert!(
        shown.iter().all(|hash| hash.len() == 32 && hash.bytes().all(|b| b.is_ascii_hexdigit())),
        "{shown:?}"
    );
}

#[tokio::test]
async fn refusals_of_strangers_count_in_one_row_a_minute() {
    let world = World::new().await;
    // A minute of its own, whenever the test begins.
    world.advance(60 - world.now().seconds() % 60);
    let answer = json!({ "verificationUUID": uuid(1), "verificationToken": "000000" });
    for n in 0..30_u8 {
        let page = Page { address: format!("203.0.113.{n}:1").parse().unwrap(), ..world.page() };
        let answer = json!({ "verificationUUID": uuid(n), "verificationToken": "000000" });
        page.post("/emailVerifications/signin", answer).await.refused(422, "invalid_email_verification");
    }
    let rows = of(&world, "email_code.refused").await;
    assert_eq!(rows.iter().map(|row| row.count).collect::<Vec<_>>(), [30]);
    world.advance(60);
    world.page().post("/emailVerifications/signin", answer).await;
    let rows = of(&world, "email_code.refused").await;
    assert_eq!(rows.iter().map(|row| row.count).collect::<Vec<_>>(), [1, 30]);
}

fn uuid(n: u8) -> String {
    format!("5711e000-0000-4000-8000-0000000000{n:02x}")
}

/// Refusals that come at once gather while others are written, and none is lost.
#[tokio::test(flavor = "multi_thread")]
async fn parallel_refusals_are_all_counted() {
    let world = World::new().await;
    world.advance(60 - world.now().seconds() % 60);
    let answer = json!({ "verificationUUID": uuid(1), "verificationToken": "000000" });
    let tasks: Vec<_> = (0..200)
        .map(|_| {
            let (page, answer) = (world.page(), answer.clone());
            tokio::spawn(async move { page.post("/emailVerifications/signin", answer).await })
        })
        .collect();
    for task in tasks {
        task.await.unwrap();
    }
    // Whoever is writing now takes along what gathered; one more refusal waits for its turn.
    loop {
        let rows = of(&world, "email_code.refused").await;
        assert_eq!(rows.len(), 1);
        if rows[0].count == 200 {
            break;
        }
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn twenty_wrong_codes_during_a_lock_leave_one_row_that_counts_them() {
    let world = World::new().await;
    let (page, app) = world.with_totp(ANN).await;
    world.advance(60 - world.now().seconds() % 60);
    for _ in 0..5 {
        page.totp(None, &app.wrong(&world), &[]).await;
    }
    for _ in 0..20 {
        page.totp(None, &app.wrong(&world), &[]).await.refused(429, "mfa_rate_limited");
    }
    let user = page.user_id().await.parse().unwrap();
    let wrong = of(&world, "mfa.wrong").await;
    assert_eq!((wrong.len(), wrong[0].count, wrong[0].subject), (1, 5, Some(user)));
    let locked = of(&world, "mfa.locked").await;
    assert_eq!((locked.len(), locked[0].count, locked[0].subject), (1, 20, Some(user)));
    page.recover("aaaaa-aaaaa", &[]).await.refused(429, "mfa_rate_limited");
    assert_eq!(of(&world, "mfa.locked").await.len(), 2, "each method has a row of its own");
}

#[tokio::test]
async fn rows_stay_as_long_as_the_settings_say() {
    let world = World::new().await;
    let created = async || of(&world, "environment.created").await.len();
    world.advance(364 * 86_400);
    sweep_once(&world.app).await;
    assert_eq!(created().await, 1, "a year is the default");
    world.configure(json!({ "audit": { "retentionDays": 30 } })).await;
    sweep_once(&world.app).await;
    assert_eq!(created().await, 0);
    assert_eq!(of(&world, "environment.configured").await.len(), 1);
}

#[tokio::test]
async fn rows_of_a_deleted_environment_stay_a_year() {
    let world = World::new().await;
    let gone = EnvironmentId::from_bytes([9; 16]);
    let event = AuditEvent {
        id: AuditId::from_bytes([9; 16]),
        environment: gone,
        subject: None,
        event: EventName::EnvironmentCreated,
        detail: json!({}),
        source: Source::operator(),
        at: world.now(),
    };
    world.app.store.commit(Mutation::new([audit::insert(&event)])).await.unwrap();
    let left = async || world.app.store.audit(gone, AuditFilter::newest(10)).await.unwrap().len();
    world.advance(364 * 86_400);
    sweep_once(&world.app).await;
    assert_eq!(left().await, 1);
    world.advance(2 * 86_400);
    sweep_once(&world.app).await;
    assert_eq!(left().await, 0);
}

/// More than one batch, and more than a minute's worth of what a busy server uses up.
#[tokio::test]
async fn one_sweep_deletes_all_that_is_due() {
    let world = World::new().await;
    let old = |n: u16| {
        let mut id = [1; 16];
        id[..2].copy_from_slice(&n.to_be_bytes());
        audit::insert(&AuditEvent {
            id: AuditId::from_bytes(id),
            environment: crate::world::ENVIRONMENT,
            subject: None,
            event: EventName::EmailCodeSent,
            detail: json!({}),
            source: Source::operator(),
            at: world.now(),
        })
    };
    let used = |n: u16| {
        ledger::consume(Kind::Challenge, &n.to_be_bytes(), world.now(), world.now().plus_seconds(60))
    };
    for begin in (0..1_600).step_by(100) {
        let steps = (begin..begin + 100).flat_map(|n| [old(n), used(n)]);
        world.app.store.commit(Mutation::new(steps)).await.unwrap();
    }
    world.advance(366 * 86_400);
    sweep_once(&world.app).await;
    assert!(!world.app.store.sweep(world.now()).await.unwrap(), "nothing has expired");
    assert_eq!(of(&world, "email_code.sent").await.len(), 0);
}
