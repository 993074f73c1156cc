//! Attacks on answers that can be guessed: codes of authenticator apps and recovery codes.

use std::sync::Arc;

use axum::http::Method;
use serde_json::json;
use stile_core::settings::{Duration, Rate, ScopeRule, Settings, Unit};
use stile_core::{Format, Strength, UserId};
use stile_store::Failures;

use crate::parallel::{successes, together};
use crate::totp_app::TotpApp;
use crate::world::{Page, Reply, World, settings};

const ANN: &str = "ann@example.com";
const BOB: &str = "bob@example.com";

/// What is counted against the user.
async fn failures(world: &World, page: &Page) -> Failures {
    let user: UserId = page.user_id().await.parse().unwrap();
    world.app.store.failures(user, [0; 32]).await.unwrap()
}

async fn judged(world: &World) -> usize {
    world.audit().await.iter().filter(|event| *event == "mfa.wrong").count()
}

async fn wrong(world: &World, page: &Page, app: &TotpApp, times: usize) {
    for _ in 0..times {
        page.totp(None, &app.wrong(world), &[]).await.refused(422, "mfa_invalid_code");
    }
}

/// Five wrong codes: the last of them locks.
async fn lock(world: &World, page: &Page, app: &TotpApp) {
    wrong(world, page, app, 4).await;
    page.totp(None, &app.wrong(world), &[]).await.refused(429, "mfa_rate_limited");
}

fn wait(reply: &Reply) -> i64 {
    assert_eq!((reply.status.as_u16(), reply.code()), (429, "mfa_rate_limited"), "{}", reply.body);
    reply.headers["retry-after"].to_str().unwrap().parse().unwrap()
}

fn at(page: &Page, address: &str) -> Page {
    Page { address: address.parse().unwrap(), ..page.clone() }
}

fn mfa_at_each_sign_in() -> Settings {
    let mut settings = settings();
    settings.security.mfa.enabled = true;
    settings
}

/// CVE-2015-7225, CVE-2021-43177, CVE-2024-0227, CVE-2026-33473, CVE-2025-6014, CVE-2025-6015, CVE-2025-55000,
/// CVE-2025-55003: a code counts once, in every spelling, in every session, and no earlier one counts after it.
#[tokio::test]
async fn a_used_code_stays_used_in_every_spelling_and_session() {
    let world = World::new().await;
    let (page, app) = world.with_totp(ANN).await;
    let other = world.signed_in(ANN).await;
    let (code, earlier) = (app.code(&world), app.code_at(world.now().seconds() - 30));
    page.totp(None, &format!(" {}-{} ", &code[..3], &code[3..]), &[]).await.ok();
    let wide: String =
        code.chars().map(|c| char::from_u32(u32::from('０') + c.to_digit(10).unwrap()).unwrap()).collect();
    page.totp(None, &code, &[]).await.refused(422, "mfa_invalid_code");
    page.totp(Some(&app.id), &wide, &[]).await.refused(422, "mfa_invalid_code");
    other.totp(None, &format!("{code}\u{a0}"), &[]).await.refused(422, "mfa_invalid_code");
    other.totp(None, &earlier, &[]).await.refused(422, "mfa_invalid_code");
    world.advance(30);
    other.totp(None, &app.code(&world), &[]).await.ok();
}

/// CVE-2026-20779 (Gitea), GHSA-7w99-5wm4-3g79, GHSA-392p-2q2v-4372 (better-auth): checked, and only then stored.
#[tokio::test(flavor = "multi_thread")]
async fn two_hundred_uses_of_one_totp_code_give_one_success() {
    let world = World::new().await;
    let (page, app) = world.with_totp(ANN).await;
    let other = world.signed_in(ANN).await;
    let code = app.code(&world);
    let replies = together((0..200).map(|n| {
        let (page, code) = (if n % 2 == 0 { page.clone() } else { other.clone() }, code.clone());
        async move { page.totp(None, &code, &["vault:open"]).await }
    }))
    .await;
    assert_eq!(successes(&replies), 1);
    assert!(replies.iter().all(|r| [200, 422, 429].contains(&r.status.as_u16())));
}

/// GHSA-7w99-5wm4-3g79 (better-auth): the same for recovery codes.
#[tokio::test(flavor = "multi_thread")]
async fn two_hundred_uses_of_one_recovery_code_give_one_success() {
    let world = World::new().await;
    let (page, _) = world.with_totp(ANN).await;
    let code = page.recovery_codes().await[0].clone();
    let replies = together((0..200).map(|_| {
        let (page, code) = (page.clone(), code.clone());
        async move { page.recover(&code, &["vault:open"]).await }
    }))
    .await;
    assert_eq!(successes(&replies), 1);
    assert_eq!(page.get("/users/mfa/methods").await.ok()["recoveryCodesLeft"], 9);
}

/// Invariant 7, CVE-2025-64102 (Zitadel): a thousand guesses at once are worth the five that a patient guesser has, and
/// the answer does not tell a right one that came too late from a wrong one.
#[tokio::test(flavor = "multi_thread")]
async fn of_a_thousand_parallel_guesses_five_are_judged() {
    let world = World::new().await;
    let (page, app) = world.with_totp(ANN).await;
    let codes = page.recovery_codes().await;
    let guess = app.wrong(&world);
    let began = world.now();
    let replies = together((0..1_000).map(|n| {
        let (page, guess) = (page.clone(), guess.clone());
        async move {
            if n % 2 == 0 { page.totp(None, &guess, &[]).await } else { page.recover(&guess, &[]).await }
        }
    }))
    .await;
    assert_eq!(successes(&replies), 0);
    assert_eq!(judged(&world).await, 5);
    let now = failures(&world, &page).await;
    assert_eq!((now.count, now.by_method.values().sum::<i64>()), (5, 5));
    let told = replies.iter().filter(|r| r.status == 422).count();
    assert_eq!(told, 4, "told to be wrong");

    // Locked: whatever comes now is not looked at.
    let replies = together((0..200).map(|n| {
        let page = page.clone();
        let code = if n % 10 == 0 { app.code(&world) } else { guess.clone() };
        let recovery = codes[0].clone();
        async move {
            if n % 7 == 0 { page.recover(&recovery, &[]).await } else { page.totp(None, &code, &[]).await }
        }
    }))
    .await;
    let first = &replies[0];
    let took = world.now().seconds() - began.seconds();
    assert!((29 - took..=31).contains(&wait(first)), "{} after {took} s", wait(first));
    for reply in &replies {
        assert_eq!((reply.status, &reply.body), (first.status, &first.body));
    }
    assert_eq!(failures(&world, &page).await.count, 5);
    assert_eq!(page.get("/users/mfa/methods").await.ok()["recoveryCodesLeft"], 10);
}

/// Somebody with the first factor guesses beside the owner: below the lock, that makes no right answer miss.
#[tokio::test(flavor = "multi_thread")]
async fn wrong_answers_at_the_same_moment_do_not_make_a_right_one_miss() {
    let world = World::new().await;
    let (page, app) = world.with_totp(ANN).await;
    let other = world.signed_in(ANN).await;
    for _ in 0..10 {
        world.advance(30);
        let (right, wrong) = (app.code(&world), app.wrong(&world));
        let replies = together((0..4).map(|n| {
            let (guesser, code) = if n == 2 { (page.clone(), &right) } else { (other.clone(), &wrong) };
            let code = code.clone();
            async move { guesser.totp(None, &code, &[]).await }
        }))
        .await;
        assert_eq!(successes(&replies), 1);
        world.advance(30);
        page.totp(None, &app.code(&world), &[]).await.ok();
    }
}

/// Invariant 7: an address that reaches its limit while guesses are being judged does not let them go uncounted. Else
/// somebody who fills it with wrong answers of accounts of their own has a thousand guesses at another's for one.
#[tokio::test(flavor = "multi_thread")]
async fn an_address_at_its_limit_lets_no_judged_guess_go_uncounted() {
    let mut tight = settings();
    tight.limits.wrong_factors = Rate { requests: 1, seconds: 900 };
    let world = World::with(tight).await;
    let mut pages = Vec::new();
    for n in 0..20 {
        let (page, app) = world.with_totp(&format!("user{n}@example.com")).await;
        pages.push((page, app.wrong(&world)));
        world.deliver().await;
    }
    let guesses = pages.clone().into_iter().map(|(page, guess)| async move {
        let reply = page.totp(None, &guess, &[]).await;
        // Refused before it was judged: the address is at its limit for a quarter of an hour. Judged: counted.
        if reply.status == 429 {
            assert!(wait(&reply) > 800, "judged, and not counted");
        }
        reply
    });
    let replies = together(guesses).await;
    let told = replies.iter().filter(|r| r.status == 422).count();
    assert!(told >= 1);
    let mut counted = 0;
    for (page, _) in &pages {
        counted += failures(&world, page).await.count;
    }
    assert_eq!(counted, i64::try_from(told).unwrap());
}

/// CVE-2024-32868 (Zitadel), CVE-2025-25068, CVE-2025-55070 (Mattermost), CVE-2024-21500 (caddy-security): starting
/// again is no way round a lock, and each lock is twice as long as the one before.
#[tokio::test]
async fn a_lock_outlives_the_session_and_grows() {
    let world = World::with(mfa_at_each_sign_in()).await;
    let (_, app) = world.with_totp(ANN).await;
    let pending = world.signed_in(ANN).await;
    lock(&world, &pending, &app).await;
    pending.get("/users").await.refused(401, "session_ended");

    for seconds in [30, 60, 120, 240, 480, 900, 900] {
        let again = world.signed_in(ANN).await;
        let refused = again.totp(None, &app.code(&world), &[]).await;
        let left = wait(&refused);
        assert!((seconds - 3..=seconds + 1).contains(&left), "{left} of {seconds}");
        assert_eq!(again.recover("0000-0000-0000-0000", &[]).await.body, refused.body, "whatever the method");
        world.advance(left);
        // One guess, and locked again. A session that owes a factor may be over by now.
        let later = world.signed_in(ANN).await;
        let next = wait(&later.totp(None, &app.wrong(&world), &[]).await);
        assert_eq!(next, (seconds * 2).min(900));
    }
    world.advance(901);
    let again = world.signed_in(ANN).await;
    let session = again.totp(None, &app.code(&world), &[]).await.ok();
    assert_eq!(session["user"]["scope"], "user:basic");
    wrong(&world, &again.holding(&session), &app, 4).await;
    let mails = world.mails(ANN).await;
    let locks = mails.iter().filter(|m| matches!(m, stile_server::delivery::Content::MfaLocked { .. }));
    assert_eq!(locks.count(), 8, "each lock tells the user");
}

/// CVE-2025-24806 (Authelia), CVE-2025-64102, CVE-2024-32868 (Zitadel): one counter for a user, over methods, sessions
/// and challenges.
#[tokio::test]
async fn failures_of_all_methods_and_sessions_count_together() {
    let world = World::new().await;
    let (page, app) = world.with_totp(ANN).await;
    let other = world.signed_in(ANN).await;
    wrong(&world, &page, &app, 2).await;
    other.recover("0000-0000-0000-0000", &[]).await.refused(422, "mfa_invalid_code");
    other.totp(Some(&app.id), &app.wrong(&world), &[]).await.refused(422, "mfa_invalid_code");
    let third = world.signed_in(ANN).await;
    wait(&third.recover("0000-0000-0000-0001", &[]).await);
    wait(&page.totp(None, &app.code(&world), &[]).await);
    // A full session lives on, and what is no answer is not counted.
    page.get("/users").await.ok();
    third.totp(None, " ", &[]).await.refused(422, "mfa_invalid_request");
    assert_eq!(failures(&world, &page).await.count, 5);
}

/// CVE-2026-35597 (Vikunja): the counter was rolled back together with the request that failed. Nothing but a right
/// answer that gives something begins it anew.
#[tokio::test]
async fn no_request_that_fails_and_no_sign_in_resets_the_counter() {
    let mut ruled = settings();
    let strong = Strength::PhishingResistant;
    ruled.scopes.push(ScopeRule { strength: Some(strong), ..ScopeRule::new("payments:send") });
    let world = World::with(ruled).await;
    let (page, app) = world.with_totp(ANN).await;
    let codes = page.recovery_codes().await;
    wrong(&world, &page, &app, 4).await;
    page.totp(None, &app.code(&world), &["nothing:known"]).await.refused(422, "invalid_scopes");
    page.totp(None, &app.code(&world), &["payments:send"]).await.refused(403, "mfa_enrolment_required");
    page.recover(&codes[0], &["payments:send"]).await.refused(403, "mfa_enrolment_required");
    let again = world.signed_in(ANN).await;
    page.post("/refresh", json!({})).await.ok();
    page.email_step_up(&world, ANN, &[]).await.ok();
    page.put("/users", json!({ "mfaBackupCodeAcknowledgement": "complete" })).await.ok();
    assert_eq!(failures(&world, &page).await.count, 4);
    wait(&again.totp(None, &app.wrong(&world), &[]).await);
    assert_eq!(page.get("/users/mfa/methods").await.ok()["recoveryCodesLeft"], 10);
}

/// django-allauth's changelog, CVE-2026-45364 (better-auth): a success clears its own user's counter alone, neither
/// another's nor the address's; and an address is a whole /64.
#[tokio::test]
async fn a_success_clears_neither_another_user_nor_the_address() {
    let mut tight = settings();
    tight.limits.wrong_factors = Rate { requests: 8, seconds: 900 };
    let world = World::with(tight).await;
    let (ann, ann_app) = world.with_totp(ANN).await;
    let (bob, bob_app) = world.with_totp(BOB).await;
    let guesser = |host: &str, page: &Page| at(page, &format!("[2001:db8:0:7::{host}]:443"));
    for n in 0..4 {
        let page = guesser(&format!("{n}"), &ann);
        page.totp(None, &ann_app.wrong(&world), &[]).await.refused(422, "mfa_invalid_code");
    }
    guesser("a", &bob).totp(None, &bob_app.code(&world), &[]).await.ok();
    assert_eq!(failures(&world, &ann).await.count, 4);
    for n in 0..3 {
        let page = guesser(&format!("b{n}"), &bob);
        page.totp(None, &bob_app.wrong(&world), &[]).await.refused(422, "mfa_invalid_code");
        if n == 0 {
            world.advance(30);
            page.totp(None, &bob_app.code(&world), &[]).await.ok();
        }
    }
    guesser("c", &ann).totp(None, &ann_app.wrong(&world), &[]).await.refused(429, "mfa_rate_limited");
    // Eight wrong answers of this /64: it is heard no more, whoever it asks for. Elsewhere the owner goes on.
    world.advance(60);
    let back = wait(&guesser("d", &bob).totp(None, &bob_app.code(&world), &[]).await);
    at(&bob, "[2001:db8:0:8::1]:443").totp(None, &bob_app.code(&world), &[]).await.ok();
    // One of the eight comes back every 900 / 8 s: then one answer is judged, and no second wrong one.
    world.advance(back);
    guesser("d", &bob).totp(None, &bob_app.wrong(&world), &[]).await.refused(422, "mfa_invalid_code");
    wait(&guesser("e", &bob).totp(None, &bob_app.code(&world), &[]).await);
    world.advance(900);
    guesser("d", &bob).totp(None, &bob_app.code(&world), &[]).await.ok();
}

/// At the limit of the client address nothing tells which recovery code is right, none is used up, and the trail shows
/// that somebody tried.
#[tokio::test]
async fn at_the_limit_of_an_address_a_right_recovery_code_is_refused_as_a_wrong_one() {
    let mut tight = settings();
    tight.limits.wrong_factors = Rate { requests: 1, seconds: 900 };
    let world = World::with(tight).await;
    let (ann, _) = world.with_totp(ANN).await;
    let codes = ann.recovery_codes().await;
    let (bob, bob_app) = world.with_totp(BOB).await;
    wrong(&world, &bob, &bob_app, 1).await;
    let guess = ann.recover("0000-0000-0000-0000", &[]).await;
    let right = ann.recover(&codes[0], &[]).await;
    wait(&guess);
    assert_eq!((right.status, &right.body), (guess.status, &guess.body));
    assert_eq!(failures(&world, &ann).await, Failures::default(), "neither was judged");
    let rows = world.audit_rows().await;
    let locked: Vec<_> = rows.iter().filter(|row| row.event == "mfa.locked").collect();
    assert!(locked.iter().all(|row| row.detail["method"] == "recovery_code"), "{locked:?}");
    assert_eq!(locked.iter().map(|row| row.count).sum::<i64>(), 2);
    at(&ann, "198.51.100.9:443").recover(&codes[0], &[]).await.ok();
}

/// NIST SP 800-63B-4 §3.2.2, CVE-2025-64102: after a hundred wrong codes in a row no code is judged any more, not even
/// a right one, until another method has passed.
#[tokio::test]
async fn a_hundred_failures_close_a_method_until_another_passes() {
    let mut patient = settings();
    patient.security.session_idle_seconds = 30 * 86_400;
    patient.security.jwt_duration = Duration { amount: 30, unit: Unit::Days };
    let world = World::with(patient).await;
    let (page, app) = world.with_totp(ANN).await;
    let codes = page.recovery_codes().await;
    for n in 1..=100 {
        let reply = page.totp(None, &app.wrong(&world), &[]).await;
        if n < 5 {
            reply.refused(422, "mfa_invalid_code");
        } else {
            world.advance(wait(&reply) + 1);
        }
    }
    assert_eq!(failures(&world, &page).await.of(stile_core::Method::Of(Format::Totp)), 100);
    page.totp(None, &app.code(&world), &[]).await.refused(403, "mfa_method_locked");
    world.advance(86_400);
    let elsewhere = at(&page, "198.51.100.9:443");
    elsewhere.totp(None, &app.code(&world), &[]).await.refused(403, "mfa_method_locked");
    assert_eq!(judged(&world).await, 100);
    page.recover(&codes[0], &[]).await.ok();
    page.totp(None, &app.code(&world), &[]).await.ok();
}

/// A passkey cannot be guessed, so a lock does not touch it, and it clears what others have locked: whoever holds the
/// first factor alone keeps no owner of a passkey out.
#[tokio::test]
async fn a_passkey_passes_a_lock_and_clears_it() {
    let mut two = settings();
    two.security.mfa.enabled = true;
    let world = World::with(two).await;
    let (page, mut passkey) = world.with_passkey(ANN).await;
    let token = page.step_up(&mut passkey, &["credential:link"]).await;
    let begun = page.elevated(Method::GET, "/users/mfa/register/totp", None, &token).await.ok();
    let app = TotpApp::scan(&begun);
    page.totp(None, &app.code(&world), &[]).await.ok();
    let thief = world.signed_in(ANN).await;
    lock(&world, &thief, &app).await;
    let owner = world.signed_in(ANN).await;
    wait(&owner.totp(None, &app.code_at(world.now().seconds() + 30), &[]).await);
    let session = owner.prove(&mut passkey, &["vault:open"]).await.ok();
    assert_eq!(session["user"]["scope"], "user:basic");
    world.advance(30);
    owner.holding(&session).totp(None, &app.code(&world), &[]).await.ok();
}

/// A device that waits for its first code locks nobody out and counts for nothing. It is given up after ten wrong
/// codes, so that a stolen bearer is no ticket for guessing at an enrolment of its owner.
#[tokio::test]
async fn wrong_first_codes_lock_nothing_and_give_the_device_up() {
    let mut two = settings();
    two.security.mfa.max_totp_per_user = 2;
    let world = World::with(two).await;
    let (page, app) = world.with_totp(ANN).await;
    let session = page.totp(None, &app.code(&world), &["credential:link"]).await.ok();
    let token = session["elevatedAccessToken"].as_str().unwrap().to_owned();
    let begin = async || {
        let begun = page.elevated(Method::GET, "/users/mfa/register/totp", None, &token).await.ok();
        TotpApp::scan(&begun)
    };
    let second = begin().await;
    for _ in 0..10 {
        page.totp(Some(&second.id), &second.wrong(&world), &[]).await.refused(422, "mfa_invalid_code");
    }
    page.totp(Some(&second.id), &second.wrong(&world), &[]).await.refused(422, "mfa_device_not_found");
    page.totp(Some(&second.id), &second.code(&world), &[]).await.refused(422, "mfa_device_not_found");
    assert_eq!(failures(&world, &page).await, Failures::default());
    assert_eq!(page.get("/users/mfa").await.ok()["count"], 1);
    world.advance(30);
    page.totp(None, &app.code(&world), &[]).await.ok();
    let third = begin().await;
    assert_ne!(third.id, second.id);
    page.totp(Some(&third.id), &third.code(&world), &[]).await.ok();
}

/// Of a thousand guesses at a first code at once no more are judged than of a patient guesser's.
#[tokio::test(flavor = "multi_thread")]
async fn parallel_first_codes_give_the_device_up_too() {
    let world = World::new().await;
    let page = world.signed_in(ANN).await;
    let app = page.begin_totp().await;
    let guess = app.wrong(&world);
    let replies = together((0..300).map(|_| {
        let (page, id, guess) = (page.clone(), app.id.clone(), guess.clone());
        async move { page.totp(Some(&id), &guess, &[]).await }
    }))
    .await;
    assert_eq!(replies.iter().filter(|r| r.code() == "mfa_invalid_code").count(), 10);
    page.totp(Some(&app.id), &app.code(&world), &[]).await.refused(422, "mfa_device_not_found");
}

/// Twenty first codes at once, from two sessions with a device each: one is enrolled.
#[tokio::test(flavor = "multi_thread")]
async fn of_parallel_first_codes_one_device_is_enrolled() {
    let world = World::new().await;
    let pages = [world.signed_in(ANN).await, world.signed_in(ANN).await];
    let apps = [pages[0].begin_totp().await, pages[1].begin_totp().await];
    let world = Arc::new(world);
    let replies = together((0..20).map(|n| {
        let (page, app, world) = (pages[n % 2].clone(), apps[n % 2].clone(), Arc::clone(&world));
        async move { page.totp(Some(&app.id), &app.code(&world), &[]).await }
    }))
    .await;
    assert_eq!(successes(&replies), 1);
    let methods = pages[0].get("/users/mfa/methods").await.ok();
    assert_eq!(methods["devices"].as_array().unwrap().len(), 1);
    assert_eq!(methods["recoveryCodesLeft"], 10);
}
