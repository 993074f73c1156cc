//! Guessing at e-mail codes from everywhere at once, the owner's way in under it, and floods of mail.

use std::sync::Arc;

use axum::http::Method;
use serde_json::{Value, json};
use stile_core::settings::{Rate, Settings};
use stile_server::clock::Clock;

use crate::device::DeviceKey;
use crate::parallel::{successes, together};
use crate::world::{ENVIRONMENT, OTHER_ENVIRONMENT, Page, Reply, World, config, settings};

const ANN: &str = "ann@example.com";
const EVE: &str = "eve@example.com";

const CREATE: &str = "/emailVerifications/create";
const SIGN_IN: &str = "/emailVerifications/signin";
const VERIFY: &str = "/emailVerifications/verify";

const WRONG: (u16, &str) = (422, "wrong_email_verification_token");
const LOCKED: (u16, &str) = (422, "too_many_email_verification_attempts");

/// A code that was asked for and mailed.
struct Asked {
    id: String,
    told: u64,
    code: String,
}

async fn ask(world: &World, page: &Page, email: &str) -> Asked {
    world.deliver().await;
    let sent = page.post(CREATE, json!({ "email": email })).await.created();
    let id = sent["verificationUUID"].as_str().unwrap().to_owned();
    Asked { id, told: sent["codeLength"].as_u64().unwrap(), code: world.code(email).await }
}

fn answer(id: &str, code: &str) -> Value {
    json!({ "verificationUUID": id, "verificationToken": code })
}

/// A code of the same form that is not this one.
fn another(code: &str) -> String {
    let last = if code.ends_with('7') { "8" } else { "7" };
    format!("{}{last}", &code[..code.len() - 1])
}

#[track_caller]
fn refused(reply: Reply, (status, code): (u16, &str)) {
    reply.refused(status, code);
}

/// Somebody in the nth network.
fn stranger(world: &World, n: usize) -> Page {
    Page { address: format!("[2001:db8:{n:x}::1]:1").parse().unwrap(), ..world.page() }
}

async fn guess(page: &Page, asked: &Asked, times: usize) {
    for _ in 0..times {
        refused(page.post(SIGN_IN, answer(&asked.id, &another(&asked.code))).await, WRONG);
    }
}

/// Strangers, each in a network of its own, spend all guesses that strangers have at this address.
async fn exhaust(world: &World, email: &str) {
    for n in 0..18 {
        let page = stranger(world, 0x100 + n);
        let asked = ask(world, &page, email).await;
        guess(&page, &asked, 5).await;
    }
}

/// How many answers to short codes were judged, and how many were refused without being looked at.
async fn judged(world: &World) -> (usize, usize) {
    let rows = world.audit_rows().await;
    let of = |event: &str| {
        let short = rows.iter().filter(|row| row.event == event && row.detail["method"] == "short_code");
        usize::try_from(short.map(|row| row.count).sum::<i64>()).unwrap()
    };
    (of("email_code.wrong"), of("email_code.unjudged"))
}

/// The page with a device proof over a fresh nonce.
async fn shown(page: &Page, device: &DeviceKey) -> Page {
    Page { headers: device.proof(page).await, ..page.clone() }
}

/// Signs in with a code, showing the device with the answer alone, as official clients do.
async fn sign_in(world: &World, page: &Page, device: &DeviceKey, email: &str) -> Page {
    let asked = ask(world, page, email).await;
    let session = shown(page, device).await.post(SIGN_IN, answer(&asked.id, &asked.code)).await.ok();
    Page { bearer: session["minifiedJwt"].as_str().map(str::to_owned), ..page.clone() }
}

/// The attack of the report: a code for each of 301 networks, and 1,500 wrong guesses from all of them. The limits are
/// wider than those of `stile dev`: none of them widens the bound.
#[tokio::test]
async fn guesses_from_hundreds_of_networks_end_at_ninety_and_the_right_code_does_not_pass_then() {
    let world = World::new().await;
    let mut codes = Vec::new();
    for n in 0..301 {
        let page = stranger(&world, n);
        let asked = ask(&world, &page, ANN).await;
        assert_eq!((asked.told, asked.code.len()), (6, 6));
        codes.push((page, asked));
    }
    for (page, asked) in &codes[..300] {
        guess(page, asked, 5).await;
        world.deliver().await;
    }
    // The first answer of each later network is refused unseen, and a long code takes the place of the short one.
    assert_eq!(judged(&world).await, (90, 282));

    // A right short code answers as a wrong one, byte for byte, and a long one is mailed in its place.
    let (page, asked) = codes.last().unwrap();
    let wrong = page.post(SIGN_IN, answer(&asked.id, &another(&asked.code))).await;
    let long = world.code(ANN).await;
    let right = page.post(SIGN_IN, answer(&asked.id, &asked.code)).await;
    assert_eq!((right.status, &right.body), (wrong.status, &wrong.body));
    refused(right, WRONG);
    assert_eq!(world.app.store.count_users(ENVIRONMENT).await.unwrap(), 0);
    assert!(long.len() == 12 && long.bytes().all(|b| b.is_ascii_digit()), "{long}");
    let typed = format!("{} {}-{}", &long[..4], &long[4..8], &long[8..]);
    page.post(SIGN_IN, answer(&asked.id, &typed)).await.ok();

    // Who asks now is told of a long code and gets one; the success has given nothing back.
    let owner = world.page();
    let next = ask(&world, &owner, ANN).await;
    assert_eq!((next.told, next.code.len()), (12, 12));
    refused(owner.post(SIGN_IN, answer(&next.id, &another(&next.code))).await, WRONG);
    owner.post(SIGN_IN, answer(&next.id, &next.code)).await.ok();
    let still = ask(&world, &owner, ANN).await;
    assert_eq!(still.code.len(), 12);

    // Other addresses are not touched, and one guess comes back in ten hours.
    assert_eq!(ask(&world, &owner, EVE).await.code.len(), 6);
    world.advance(36_000);
    let page = stranger(&world, 900);
    let asked = ask(&world, &page, ANN).await;
    assert_eq!(asked.code.len(), 6);
    guess(&page, &asked, 1).await;
    refused(page.post(SIGN_IN, answer(&asked.id, &asked.code)).await, WRONG);
}

/// Whatever else is rotated: the spelling, the session key, the device, the session and what the code is for.
#[tokio::test]
async fn whatever_is_rotated_the_guesses_count_together() {
    let world = World::new().await;
    let eve = world.signed_in(EVE).await;
    let spellings = [ANN, " ANN@Example.COM ", "Ann@example.com", "ann@EXAMPLE.com"];
    for n in 0..30 {
        let mut page = stranger(&world, n);
        match n % 3 {
            0 => page.headers.push(("x-dyn-session-public-key".into(), DeviceKey::new().public())),
            1 => page.bearer.clone_from(&eve.bearer),
            _ => {}
        }
        let sent = page.post(CREATE, json!({ "email": spellings[n % 4] })).await.created();
        let code = world.code(ANN).await;
        world.deliver().await;
        let body = answer(sent["verificationUUID"].as_str().unwrap(), &another(&code));
        for _ in 0..5 {
            let guesser = if n % 3 == 2 { shown(&page, &DeviceKey::new()).await } else { page.clone() };
            refused(guesser.post(if n % 3 == 1 { VERIFY } else { SIGN_IN }, body.clone()).await, WRONG);
        }
    }
    // Codes that were asked for after the ninetieth are long.
    assert_eq!(judged(&world).await, (90, 0));
    assert_eq!(ask(&world, &world.page(), ANN).await.code.len(), 12);
    // Another environment has other users, who are attacked or left alone by themselves.
    let other = Page { environment: OTHER_ENVIRONMENT, ..world.page() };
    assert_eq!(other.post(CREATE, json!({ "email": ANN })).await.created()["codeLength"], 6);
}

/// Five tries for a long code too, and none of them spends what strangers have.
#[tokio::test]
async fn a_long_code_has_five_tries_and_stays_guarded() {
    let world = World::new().await;
    exhaust(&world, ANN).await;
    let page = world.page();
    let asked = ask(&world, &page, ANN).await;
    guess(&page, &asked, 5).await;
    refused(page.post(SIGN_IN, answer(&asked.id, &asked.code)).await, LOCKED);
    refused(page.post(SIGN_IN, answer(&asked.id, &another(&asked.code))).await, LOCKED);
    // The fifth answer to a short code mails no long one: nobody could use it.
    world.advance(36_000);
    let asked = ask(&world, &page, ANN).await;
    guess(&page, &asked, 1).await;
    world.deliver().await;
    guess(&page, &asked, 1).await;
    assert_eq!(world.code(ANN).await.len(), 12);
    world.deliver().await;
    guess(&page, &asked, 3).await;
    assert!(world.mails(ANN).await.is_empty());
    refused(page.post(SIGN_IN, answer(&asked.id, &asked.code)).await, LOCKED);
}

/// Invariant 7: guesses at once are worth no more than guesses one by one, whatever address they come from.
#[tokio::test(flavor = "multi_thread")]
async fn parallel_guesses_pass_no_bound() {
    // All of them come at the same moment: one from before the first that counts would find the bucket full earlier.
    let clock = Clock::standing(Clock::default().now());
    let world = World::at(Arc::new(clock), settings(), config()).await;
    let mut codes = Vec::new();
    for n in 0..40 {
        let page = stranger(&world, n);
        let asked = ask(&world, &page, ANN).await;
        codes.push((page, asked.id, another(&asked.code)));
    }
    let guesses = codes.iter().flat_map(|(page, id, code)| (0..5).map(move |_| (page, id, code)));
    let guesses: Vec<_> = guesses.map(|(page, id, code)| (page.clone(), answer(id, code))).collect();
    let replies =
        together(guesses.into_iter().map(|(page, body)| async move { page.post(SIGN_IN, body).await })).await;
    assert_eq!(successes(&replies), 0);
    assert!(replies.iter().all(|reply| reply.code() == WRONG.1), "none tells whether it was judged");
    // Some of the last answers find a long code, which took the place of theirs, and count as answers to that.
    let tries = ["email_code.wrong", "email_code.unjudged"];
    assert_eq!(world.audit().await.iter().filter(|event| tries.contains(&event.as_str())).count(), 200);
    let (counted, _) = judged(&world).await;
    assert_eq!(counted, 90);
}

/// Nobody learns from the answers whether the address has an account, or whether the device is known.
#[tokio::test]
async fn at_the_bound_an_address_without_an_account_answers_alike() {
    let world = World::new().await;
    let device = DeviceKey::new();
    sign_in(&world, &world.page(), &device, ANN).await;
    for email in [ANN, EVE] {
        exhaust(&world, email).await;
        let page = world.page();
        for page in [page.clone(), shown(&page, &device).await] {
            let asked = ask(&world, &page, email).await;
            assert_eq!((asked.told, asked.code.len()), (12, 12), "{email}");
        }
    }
    assert_eq!(judged(&world).await, (180, 0));
}

/// A step-up in a session is guarded like a sign-in, and no scope or foreign address tells which code is right.
#[tokio::test]
async fn in_a_session_no_refusal_tells_which_code_is_right() {
    let world = World::new().await;
    let (ann, _) = world.with_passkey(ANN).await;
    // Each address has guesses of its own, so each case begins with a short code.
    let cases = [(ANN, json!(["vault:open"])), (EVE, json!([])), ("fay@example.com", json!(["vault:open"]))];
    for (email, scopes) in cases {
        let asked = ask(&world, &ann, email).await;
        assert_eq!(asked.told, 6, "{email}");
        exhaust(&world, email).await;
        for code in [another(&asked.code), asked.code.clone()] {
            let mut body = answer(&asked.id, &code);
            body["requestedScopes"] = scopes.clone();
            refused(ann.post(VERIFY, body).await, WRONG);
        }
    }
}

/// Silently the same bound over all addresses of a user: the answer of `create` does not tell that two belong together.
#[tokio::test]
async fn guesses_at_one_address_of_a_user_count_for_all() {
    let world = World::new().await;
    let ann = world.signed_in(ANN).await;
    let asked = ask(&world, &ann, ANN).await;
    let mut body = answer(&asked.id, &asked.code);
    body["requestedScopes"] = json!(["credential:link"]);
    let token = ann.post(VERIFY, body).await.ok()["elevatedAccessToken"].as_str().unwrap().to_owned();
    let asked = ask(&world, &ann, EVE).await;
    let body = Some(answer(&asked.id, &asked.code));
    ann.elevated(Method::POST, VERIFY, body, &token).await.ok();

    let page = world.page();
    let before = ask(&world, &page, EVE).await;
    exhaust(&world, ANN).await;
    refused(page.post(SIGN_IN, answer(&before.id, &before.code)).await, WRONG);
    let next = ask(&world, &page, EVE).await;
    assert_eq!((next.told, next.code.len()), (6, 12));
    page.post(SIGN_IN, answer(&next.id, &next.code)).await.ok();
}

/// The owner's browser has guesses of its own, which strangers neither spend nor get.
#[tokio::test]
async fn a_known_browser_gets_in_under_attack_and_spends_its_own_guesses() {
    let world = World::new().await;
    let (page, device) = (world.page(), DeviceKey::new());
    sign_in(&world, &page, &device, ANN).await;
    let before = ask(&world, &shown(&page, &device).await, ANN).await;
    exhaust(&world, ANN).await;
    assert_eq!(judged(&world).await, (90, 0));
    // Its short code is judged: wrong once, then right. Without the proof, where it was shown when it asked.
    guess(&shown(&page, &device).await, &before, 1).await;
    page.post(SIGN_IN, answer(&before.id, &before.code)).await.ok();
    // An official client shows its device with the answer alone.
    let asked = ask(&world, &page, ANN).await;
    shown(&page, &device).await.post(SIGN_IN, answer(&asked.id, &asked.code)).await.ok();
    // A key that this user never signed in with is a stranger's, whoever else knows it.
    let foreign = DeviceKey::new();
    sign_in(&world, &page, &foreign, EVE).await;
    let asked = ask(&world, &shown(&page, &foreign).await, ANN).await;
    assert_eq!(asked.code.len(), 12);

    // Ten wrong answers of its own, and then its short codes are not judged either.
    world.advance(91 * 36_000);
    for n in 0..10 {
        let asked = ask(&world, &page, ANN).await;
        assert_eq!(asked.code.len(), 6);
        if n < 9 {
            guess(&shown(&page, &device).await, &asked, 1).await;
        } else {
            guess(&shown(&page, &device).await, &asked, 1).await;
            guess(&shown(&page, &device).await, &asked, 1).await;
            let last = shown(&page, &device).await;
            refused(last.post(SIGN_IN, answer(&asked.id, &asked.code)).await, WRONG);
            // The same code from a stranger: they have all of theirs.
            page.post(SIGN_IN, answer(&asked.id, &asked.code)).await.ok();
        }
    }
    let next = ask(&world, &shown(&page, &device).await, ANN).await;
    assert_eq!((next.told, next.code.len()), (6, 12), "silently");
    shown(&page, &device).await.post(SIGN_IN, answer(&next.id, &next.code)).await.ok();
}

/// Whether this device has guesses of its own for Ann while strangers have none: it is known.
async fn is_known(world: &World, device: &DeviceKey) -> bool {
    let key = device.public();
    world.app.store.holder(ENVIRONMENT, ANN, Some(&key), world.now()).await.unwrap().known
}

#[tokio::test]
async fn a_device_is_forgotten_on_revocation_and_reset_and_not_on_signing_out() {
    let world = World::new().await;
    let (page, own, lost) = (world.page(), DeviceKey::new(), DeviceKey::new());
    let ann = sign_in(&world, &page, &own, ANN).await;
    let elsewhere = sign_in(&world, &page, &lost, ANN).await;
    assert!(is_known(&world, &own).await && is_known(&world, &lost).await);
    let sessions = ann.get("/users/sessions").await.ok();
    let other = sessions["sessions"].as_array().unwrap().iter().find(|s| s["current"] == false).unwrap();
    let path = format!("/users/sessions/{}", other["id"].as_str().unwrap());
    ann.send(Method::DELETE, &ann.sdk(&path), None, &[]).await.no_content();
    elsewhere.get("/users").await.refused(401, "session_ended");
    assert!(is_known(&world, &own).await && !is_known(&world, &lost).await);

    let elsewhere = sign_in(&world, &page, &lost, ANN).await;
    ann.send(Method::DELETE, &ann.sdk("/users/sessions"), None, &[]).await.ok();
    assert!(is_known(&world, &own).await && !is_known(&world, &lost).await);
    elsewhere.get("/users").await.refused(401, "session_ended");

    // Signing out is no revocation: it is after it that the browser must be known.
    ann.post("/revoke", json!({})).await.no_content();
    assert!(is_known(&world, &own).await);
    let ann = sign_in(&world, &page, &own, ANN).await;
    world.reset(&ann.user_id().await).await;
    assert!(!is_known(&world, &own).await);
}

/// Somebody who signed in with a planted address has devices that the owner's user is known by: they go with the address.
#[tokio::test]
async fn a_removal_forgets_devices() {
    let world = World::new().await;
    let ann = world.signed_in(ANN).await;
    let token = ann.email_token(&world, ANN, &["credential:link"]).await;
    ann.link(&world, EVE, &token).await;
    world.deliver().await;
    let device = DeviceKey::new();
    let eve = sign_in(&world, &world.page(), &device, EVE).await;
    assert!(is_known(&world, &device).await);
    // Signing out first saves nothing.
    eve.post("/revoke", json!({})).await.no_content();
    let token = ann.email_token(&world, ANN, &["credential:unlink"]).await;
    let body = json!({ "verifiedCredentialId": ann.address_id(EVE).await });
    ann.elevated(Method::POST, "/verify/unlink", Some(body), &token).await.ok();
    assert!(!is_known(&world, &device).await);
}

#[tokio::test]
async fn a_recovery_forgets_devices_and_only_a_finished_sign_in_makes_one_known() {
    let mut two = settings();
    two.security.mfa.enabled = true;
    let world = World::with(two).await;
    let (page, old, new) = (world.page(), DeviceKey::new(), DeviceKey::new());
    let ann = sign_in(&world, &page, &old, ANN).await;
    assert!(is_known(&world, &old).await);
    let app = ann.begin_totp().await;
    ann.totp(None, &app.code(&world), &[]).await.ok();
    let codes = ann.recovery_codes().await;
    let pending = sign_in(&world, &page, &new, ANN).await;
    assert!(!is_known(&world, &new).await, "a second factor is owed");
    pending.recover(&codes[0], &[]).await.ok();
    assert!(!is_known(&world, &old).await && is_known(&world, &new).await);
}

/// One opening of a session for all methods: a passkey's is bound to the device that was shown, and makes it known.
#[tokio::test]
async fn a_passkey_sign_in_binds_the_session_to_the_device_that_was_shown() {
    let world = World::new().await;
    let (_, mut passkey) = world.with_passkey(ANN).await;
    let (page, device) = (world.page(), DeviceKey::new());
    let options = page.get("/users/passkeys/signin").await.ok();
    let proof = shown(&page, &device).await;
    let session =
        proof.post("/users/passkeys/signin", passkey.assert(&options, crate::world::ORIGIN)).await.ok();
    let signed_in = Page { bearer: session["minifiedJwt"].as_str().map(str::to_owned), ..page.clone() };
    signed_in.post("/refresh", json!({})).await.refused(401, "device_proof_required");
    shown(&signed_in, &DeviceKey::new())
        .await
        .post("/refresh", json!({}))
        .await
        .refused(401, "device_proof_required");
    shown(&signed_in, &device).await.post("/refresh", json!({})).await.ok();
    assert!(is_known(&world, &device).await);
    // The nonce is used up, and without a proof a sign-in goes on working.
    let options = page.get("/users/passkeys/signin").await.ok();
    let again = proof.post("/users/passkeys/signin", passkey.assert(&options, crate::world::ORIGIN)).await;
    again.refused(422, "invalid_nonce");
    let options = page.get("/users/passkeys/signin").await.ok();
    page.post("/users/passkeys/signin", passkey.assert(&options, crate::world::ORIGIN)).await.ok();
}

/// Settings whose bounds on mails are those of production.
fn bounded() -> Settings {
    let mut settings = settings();
    settings.limits.mails_per_address = Rate { requests: 20, seconds: 72_000 };
    settings.limits.own_mails_per_address = Rate { requests: 5, seconds: 18_000 };
    // The session outlives the hours that pass.
    settings.security.jwt_duration.amount = 48;
    settings
}

async fn wanted(world: &World, page: &Page) -> Reply {
    world.deliver().await;
    page.post(CREATE, json!({ "email": ANN })).await
}

/// NIST SP 800-63B-4 §3.2.2: nobody's mailbox is flooded, and the owner gets a code all the same.
#[tokio::test]
async fn strangers_cause_twenty_mails_then_one_an_hour_for_who_was_served_least() {
    let world = World::with(bounded()).await;
    let device = DeviceKey::new();
    let ann = sign_in(&world, &world.page(), &device, ANN).await;
    world.advance(20 * 3_600);
    let greedy = stranger(&world, 1);
    let mut sent = 0;
    while wanted(&world, &greedy).await.status == 201 {
        sent += 1;
    }
    assert_eq!(sent, 20);
    let full = wanted(&world, &stranger(&world, 2)).await;
    let wait: i64 = full.headers["retry-after"].to_str().unwrap().parse().unwrap();
    assert!((3_500..=3_601).contains(&wait), "{wait}");
    full.refused(429, "too_many_requests");
    // The next place goes to the network that waits with less than the greedy one had, also by another of its hosts.
    world.advance(wait);
    let next_door = Page { address: "[2001:db8:1:7::9]:1".parse().unwrap(), ..greedy.clone() };
    assert_eq!(wanted(&world, &greedy).await.status, 429);
    assert_eq!(wanted(&world, &next_door).await.status, 429);
    assert_eq!(wanted(&world, &stranger(&world, 2)).await.status, 201);
    assert_eq!(wanted(&world, &stranger(&world, 3)).await.status, 429);
    // A known device has five of its own, and the user's sessions together five.
    let elsewhere = Page { address: "[2001:db8:9::1]:1".parse().unwrap(), ..world.page() };
    let mut own = 0;
    while wanted(&world, &shown(&elsewhere, &device).await).await.status == 201 {
        own += 1;
    }
    assert_eq!(own, 5);
    let mut own = 0;
    let second = Page { address: elsewhere.address, ..ann };
    while wanted(&world, &second).await.status == 201 {
        own += 1;
        assert!(own < 10);
        if world.mails(ANN).await.is_empty() {
            // Told of the live code again.
            own -= 1;
            break;
        }
    }
    assert_eq!(own, 5);
    // Another address is not touched.
    assert_eq!(greedy.post(CREATE, json!({ "email": EVE })).await.status, 201);
}

/// A live code is repeated to the one who asked for it alone, and for the same purpose.
#[tokio::test]
async fn past_the_bound_a_live_code_is_repeated_to_its_own_asker_alone() {
    let mut tight = settings();
    tight.limits.mails_per_address = Rate { requests: 3, seconds: 10_800 };
    let world = World::with(tight).await;
    let with_key =
        |key: &str| Page { headers: vec![("x-dyn-session-public-key".into(), key.into())], ..world.page() };
    let own = with_key(&DeviceKey::new().public());
    let mut ids = Vec::new();
    for _ in 0..5 {
        let sent = own.post(CREATE, json!({ "email": ANN })).await.created();
        ids.push(sent["verificationUUID"].as_str().unwrap().to_owned());
    }
    assert_eq!(world.mails(ANN).await.len(), 3);
    assert_eq!([&ids[3], &ids[4]], [&ids[2], &ids[2]]);
    let foreign = with_key(&DeviceKey::new().public());
    foreign.post(CREATE, json!({ "email": ANN })).await.refused(429, "too_many_requests");
    // Without a key everybody would be the same one.
    let page = world.page();
    for _ in 0..3 {
        page.post(CREATE, json!({ "email": EVE })).await.created();
    }
    page.post(CREATE, json!({ "email": EVE })).await.refused(429, "too_many_requests");
    let retry = json!({ "verificationUUID": ids[2], "email": ANN });
    page.post("/emailVerifications/retry", retry).await.refused(429, "too_many_requests");
}

/// What official clients send: no device proof with `create`, a session key in the header, the proof with the answer.
#[tokio::test]
async fn the_calls_of_official_clients_still_pass() {
    let world = World::new().await;
    let (key, device) = (DeviceKey::new().public(), DeviceKey::new());
    let page = Page { headers: vec![("x-dyn-session-public-key".into(), key.clone())], ..world.page() };
    let asked = ask(&world, &page, ANN).await;
    let mut proved = shown(&page, &device).await;
    proved.headers.push(("x-dyn-session-public-key".into(), key.clone()));
    refused(proved.post(SIGN_IN, answer(&asked.id, &another(&asked.code))).await, WRONG);
    let mut proved = shown(&page, &device).await;
    proved.headers.push(("x-dyn-session-public-key".into(), key));
    proved.post(SIGN_IN, answer(&asked.id, &asked.code)).await.ok();
    let retry = json!({ "verificationUUID": asked.id, "email": ANN });
    page.post("/emailVerifications/retry", retry).await.created();
}
