//! Keys that prove nothing, answers whose two ids differ, and what passkeys become over time.

use axum::http::Method;
use serde_json::{Value, json};
use stile_core::{Credential, CredentialId, Facts, Format};
use stile_keys::encoding::{base64url, unbase64url, unhex};
use stile_server::delivery::Content;
use stile_store::{Mutation, Passkey, credentials, passkeys};

use crate::authenticator::Authenticator;
use crate::elevated::claims;
use crate::world::{ENVIRONMENT, ORIGIN, Page, Reply, World};

const REGISTER: &str = "/users/passkeys/register";
const PROVE: &str = "/users/mfa/auth/passkey";
const SIGN_IN: &str = "/users/passkeys/signin";

/// Where authenticator data begins in the attestation object of the software authenticator, and the bytes of its key.
const DATA: usize = 30;
const KEY: usize = 77;

/// CBOR of a byte string.
fn bytes(value: &[u8]) -> Vec<u8> {
    let [high, low] = u16::try_from(value.len()).unwrap().to_be_bytes();
    let head = match value.len() {
        0..=23 => vec![0x40 | low],
        24..=255 => vec![0x58, low],
        _ => vec![0x59, high, low],
    };
    [head, value.to_vec()].concat()
}

fn authenticator_data(body: &Value) -> Vec<u8> {
    unbase64url(body["response"]["attestationObject"].as_str().unwrap()).unwrap()[DATA..].to_vec()
}

/// The registration with another attestation object around this authenticator data.
fn attested(mut body: Value, format: &str, statement: &[u8], data: &[u8]) -> Value {
    let length = u8::try_from(format.len()).unwrap();
    assert!(length < 24);
    let format = [&[0x60 | length], format.as_bytes()].concat();
    let object =
        [&b"\xa3\x63fmt"[..], &format, b"\x67attStmt", statement, b"\x68authData", &bytes(data)].concat();
    body["response"]["attestationObject"] = base64url(&object).into();
    body
}

/// The registration with another key.
fn with_key(body: Value, cose: &[u8]) -> Value {
    let mut data = authenticator_data(&body);
    data.truncate(data.len() - KEY);
    data.extend(cose);
    attested(body, "none", &[0xa0], &data)
}

fn ed25519(x: &[u8]) -> Vec<u8> {
    [&[0xa4, 1, 1, 3, 0x27, 0x20, 6, 0x21][..], &bytes(x)].concat()
}

fn p256(x: &[u8], y: &[u8]) -> Vec<u8> {
    [&[0xa5, 1, 2, 3, 0x26, 0x20, 1, 0x21][..], &bytes(x), &[0x22], &bytes(y)].concat()
}

fn rsa(n: &[u8], e: &[u8]) -> Vec<u8> {
    [&[0xa4, 1, 3, 3, 0x39, 1, 0, 0x20][..], &bytes(n), &[0x21], &bytes(e)].concat()
}

/// Every key of `vectors/keys` that is of no use, as a COSE key.
fn weak_keys() -> Vec<Vec<u8>> {
    let keys = include_str!("../../../../vectors/keys/public-keys.json");
    let keys: Value = serde_json::from_str(keys).unwrap();
    let weak = |kind: &str| -> Vec<Value> {
        keys[kind].as_array().unwrap().iter().filter(|key| key["sound"] == false).cloned().collect()
    };
    let hex = |value: &Value| unhex(value.as_str().unwrap()).unwrap();
    let mut out: Vec<Vec<u8>> = weak("ed25519").iter().map(|key| ed25519(&hex(&key["x"]))).collect();
    out.extend(weak("p256").iter().map(|key| p256(&hex(&key["x"]), &hex(&key["y"]))));
    let mut n = vec![0xa5; 256];
    out.extend([&[3][..], &[17], &[0xff, 0xff], &[1, 0, 0]].map(|e| rsa(&n, e)));
    out.push(rsa(&n[1..], &[1, 0, 1]));
    n[255] = 0xa4;
    out.push(rsa(&n, &[1, 0, 1]));
    out
}

async fn sign_in(page: &Page, authenticator: &mut Authenticator) -> Reply {
    let options = page.get(SIGN_IN).await.ok();
    page.post(SIGN_IN, authenticator.assert(&options, ORIGIN)).await
}

async fn records(world: &World, page: &Page) -> Vec<Passkey> {
    let user = page.user_id().await.parse().unwrap();
    world.app.store.passkeys(ENVIRONMENT, user).await.unwrap()
}

async fn events(world: &World, name: &str) -> usize {
    world.audit().await.iter().filter(|event| *event == name).count()
}

// Keys

#[tokio::test]
async fn a_key_that_proves_nothing_is_not_enrolled() {
    let world = World::new().await;
    let page = world.signed_in("ann@example.com").await;
    for cose in weak_keys() {
        let whole = Authenticator::new().register(&page.get(REGISTER).await.ok(), ORIGIN);
        let reply = page.post(REGISTER, with_key(whole, &cose)).await;
        assert_eq!((reply.status.as_u16(), reply.code()), (422, "invalid_passkey_response"), "{cose:x?}");
    }
    assert!(records(&world, &page).await.is_empty());
    // What was changed about these is only the key.
    let whole = Authenticator::new().register(&page.get(REGISTER).await.ok(), ORIGIN);
    let data = authenticator_data(&whole);
    page.post(REGISTER, with_key(whole, &data[data.len() - KEY..])).await.ok();
}

/// An older version enrolled Ed25519 keys of small order. Anybody can sign for them: R is the neutral point, S is 0.
#[tokio::test]
async fn a_stored_key_that_proves_nothing_neither_signs_in_nor_confirms() {
    let world = World::new().await;
    let (page, mut owner) = world.with_passkey("ann@example.com").await;
    let record = records(&world, &page).await.remove(0);
    for (n, cose) in (1..).zip(weak_keys()) {
        let mut thief = Authenticator::new();
        thief.user_handle = owner.user_handle.clone();
        let id = CredentialId::from_bytes([n; 16]);
        let facts =
            Facts::key(Format::Passkey, stile_core::Authenticator { user_verified: true, synced: false });
        let (created_at, verified_at) = (world.now(), world.now());
        let credential = Credential { id, facts, sign_in: true, created_at, verified_at };
        let stored = Passkey {
            credential: id,
            webauthn_id: thief.id.clone(),
            public_key: cose.clone(),
            ..record.clone()
        };
        let steps = [
            credentials::insert(ENVIRONMENT, record.owner, &thief.id, &credential),
            passkeys::insert(&stored),
        ];
        world.app.store.commit(Mutation::new(steps)).await.unwrap();

        let forged = base64url(&[&[1][..], &[0; 63]].concat());
        let stranger = world.page();
        let mut body = thief.assert(&stranger.get(SIGN_IN).await.ok(), ORIGIN);
        body["response"]["signature"] = json!(forged);
        stranger.post(SIGN_IN, body).await.refused(422, "passkey_key_refused");
        let mut body = thief.assert(&page.get("/users/passkeys/authenticate").await.ok(), ORIGIN);
        body["response"]["signature"] = json!(forged);
        body["requestedScopes"] = json!(["vault:open"]);
        page.post(PROVE, body).await.refused(422, "passkey_key_refused");
        assert_eq!(events(&world, "passkey.refused").await, usize::from(n) * 2);
        // The owner can do what the answer says: remove it.
        let token = page.step_up(&mut owner, &["credential:unlink"]).await;
        let body = json!({ "passkeyId": id.to_string() });
        page.elevated(Method::DELETE, "/users/passkeys", Some(body), &token).await.no_content();
    }
    assert_eq!(records(&world, &page).await.len(), 1);
}

// Ids

/// WebAuthn L3 §5.1: `id` is the base64url of `rawId`. A page that sends two different ones is wrong somewhere.
#[tokio::test]
async fn id_and_raw_id_are_one() {
    let world = World::new().await;
    let page = world.signed_in("ann@example.com").await;
    let mut authenticator = Authenticator::new();
    let other = base64url(&Authenticator::new().id);
    let wrong =
        |own: &str| [other.clone(), String::new(), format!("{own}="), own.to_uppercase(), format!(" {own}")];
    let whole = authenticator.register(&page.get(REGISTER).await.ok(), ORIGIN);
    for id in wrong(whole["id"].as_str().unwrap()) {
        for member in ["id", "rawId"] {
            let mut body = whole.clone();
            body[member] = json!(id);
            page.post(REGISTER, body).await.refused(422, "invalid_passkey_response");
        }
        let mut both = whole.clone();
        (both["id"], both["rawId"]) = (json!(id), json!(id));
        page.post(REGISTER, both).await.refused(422, "invalid_passkey_response");
    }
    page.enrol(&mut authenticator).await.ok();
    for (path, options) in [(SIGN_IN, SIGN_IN), (PROVE, "/users/passkeys/authenticate")] {
        let whole = authenticator.assert(&page.get(options).await.ok(), ORIGIN);
        for id in wrong(whole["id"].as_str().unwrap()) {
            let mut body = whole.clone();
            body["id"] = json!(id);
            page.post(path, body).await.refused(422, "invalid_passkey_response");
        }
        page.post(path, whole).await.ok();
    }
}

// Attestation

/// w3c/webauthn#1485: what nobody asked for is not judged.
#[tokio::test]
async fn an_attestation_that_nobody_asked_for_is_stepped_over() {
    let world = World::new().await;
    // {"alg": -7, "sig": h'…', "x5c": [h'…']}, and a statement that is not canonical.
    let packed =
        [&b"\xa3\x63alg\x26\x63sig"[..], &bytes(&[7; 70]), b"\x63x5c\x81", &bytes(&[0x30; 700])].concat();
    let indefinite = b"\xbf\x63ver\x632.0\x63sig\x5f\x41a\x41b\xff\xff".to_vec();
    let formats =
        ["packed", "apple", "android-key", "android-safetynet", "fido-u2f", "tpm", "one-that-does-not-exist"];
    for (n, format) in formats.into_iter().enumerate() {
        for statement in [&packed, &indefinite] {
            let email = format!("user{n}-{}@example.com", statement.len());
            let page = world.signed_in(&email).await;
            let mut authenticator = Authenticator::new();
            let whole = authenticator.register(&page.get(REGISTER).await.ok(), ORIGIN);
            let data = authenticator_data(&whole);
            let session = page.post(REGISTER, attested(whole, format, statement, &data)).await;
            assert_eq!(session.status, 200, "{format}: {}", session.body);
            page.step_up(&mut authenticator, &["vault:open"]).await;
        }
    }
}

// Change

/// supabase/auth#2732: managers begin to sync what they hold.
#[tokio::test]
async fn a_passkey_may_become_synced_and_its_owner_is_told_once() {
    let world = World::new().await;
    let (page, mut authenticator) = world.with_passkey("ann@example.com").await;
    let listed = async |page: &Page| page.get("/users/passkeys").await.ok()["passkeys"][0].clone();
    let notices = async || {
        let mails = world.mails("ann@example.com").await;
        mails.iter().filter(|mail| matches!(mail, Content::PasskeySynced { .. })).count()
    };
    let token = page.step_up(&mut authenticator, &["vault:open"]).await;
    assert_eq!(claims(&token)["amr"], json!(["hwk", "user", "mfa"]));
    assert_eq!((listed(&page).await["synced"].clone(), notices().await), (json!(false), 0));

    (authenticator.eligible, authenticator.backed_up) = (true, true);
    let token = page.step_up(&mut authenticator, &["vault:open"]).await;
    assert_eq!(
        claims(&token)["amr"],
        json!(["swk", "user", "mfa"]),
        "the very use that says so counts as synced"
    );
    let record = records(&world, &page).await.remove(0);
    assert!(record.backup_eligible && record.backed_up);
    assert_eq!(listed(&page).await["synced"], true);
    assert_eq!((events(&world, "passkey.became_synced").await, notices().await), (1, 1));
    let me = world
        .app
        .store
        .account_by_identifier(ENVIRONMENT, Format::Passkey, &record.webauthn_id)
        .await
        .unwrap();
    let facts = me.unwrap().credentials.into_iter().find(|c| c.id == record.credential).unwrap().facts;
    assert_eq!(facts.authenticator, Some(stile_core::Authenticator { synced: true, user_verified: true }));

    // Off the other device, and on again: no news.
    for backed_up in [false, true] {
        authenticator.backed_up = backed_up;
        page.prove(&mut authenticator, &[]).await.ok();
        sign_in(&world.page(), &mut authenticator).await.ok();
    }
    assert_eq!((events(&world, "passkey.became_synced").await, notices().await), (1, 1));

    (authenticator.eligible, authenticator.backed_up) = (false, false);
    page.prove(&mut authenticator, &["vault:open"]).await.refused(422, "passkey_no_longer_synced");
    sign_in(&world.page(), &mut authenticator).await.refused(422, "passkey_no_longer_synced");
    assert_eq!(events(&world, "passkey.refused").await, 2);
    assert!(records(&world, &page).await.remove(0).backup_eligible);
}

#[tokio::test]
async fn a_passkey_may_become_synced_at_a_sign_in() {
    let world = World::new().await;
    let (page, mut authenticator) = world.with_passkey("ann@example.com").await;
    authenticator.eligible = true;
    sign_in(&world.page(), &mut authenticator).await.ok();
    assert!(records(&world, &page).await.remove(0).backup_eligible);
    assert_eq!(events(&world, "passkey.became_synced").await, 1);
    let mails = world.mails("ann@example.com").await;
    assert!(mails.iter().any(|mail| matches!(mail, Content::PasskeySynced { .. })));
    // Backed up without being eligible is no state at all.
    (authenticator.eligible, authenticator.backed_up) = (false, true);
    sign_in(&world.page(), &mut authenticator).await.refused(422, "invalid_passkey_response");
}

/// AChep/keyguard-app#281: a manager that syncs stops counting.
#[tokio::test]
async fn a_synced_passkey_may_stop_counting_and_a_bound_one_may_not() {
    let world = World::new().await;
    let (page, mut authenticator) = world.with_passkey("ann@example.com").await;
    authenticator.counter = 4;
    page.prove(&mut authenticator, &[]).await.ok();
    authenticator.counts = false;
    page.prove(&mut authenticator, &[]).await.refused(422, "passkey_counter_regressed");
    sign_in(&world.page(), &mut authenticator).await.refused(422, "passkey_counter_regressed");
    assert_eq!(records(&world, &page).await[0].sign_count, 5);

    authenticator.eligible = true;
    page.prove(&mut authenticator, &[]).await.ok();
    assert_eq!(records(&world, &page).await[0].sign_count, 0);
    for _ in 0..2 {
        sign_in(&world.page(), &mut authenticator).await.ok();
    }
    assert_eq!(events(&world, "passkey.counter_stopped").await, 1);
    // Counting again is fine, and then it must go on.
    (authenticator.counts, authenticator.counter) = (true, 8);
    page.prove(&mut authenticator, &[]).await.ok();
    authenticator.counter = 6;
    page.prove(&mut authenticator, &[]).await.refused(422, "passkey_counter_regressed");
}

// Null

#[tokio::test]
async fn null_is_as_good_as_absent() {
    let world = World::new().await;
    for (n, members) in
        [r#","crossOrigin":null"#, r#","topOrigin":null"#, r#","crossOrigin":null,"topOrigin":null"#, ""]
            .into_iter()
            .enumerate()
    {
        let page = world.signed_in(&format!("ann{n}@example.com")).await;
        let mut authenticator = Authenticator::new();
        authenticator.members = members;
        let mut body = authenticator.register(&page.get(REGISTER).await.ok(), ORIGIN);
        for member in ["authenticatorAttachment", "clientExtensionResults", "createMfaToken"] {
            body[member] = Value::Null;
        }
        for member in ["transports", "publicKey", "publicKeyAlgorithm", "authenticatorData"] {
            body["response"][member] = Value::Null;
        }
        page.post(REGISTER, body).await.ok();
        let mut body = authenticator.assert(&page.get("/users/passkeys/authenticate").await.ok(), ORIGIN);
        for member in
            ["authenticatorAttachment", "clientExtensionResults", "createMfaToken", "requestedScopes"]
        {
            body[member] = Value::Null;
        }
        page.post(PROVE, body).await.ok();
    }
}
