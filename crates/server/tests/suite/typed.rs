//! What people type: codes in the digits of their keyboard, addresses in their script, and the advice they get.

use serde_json::{Value, json};
use stile_server::delivery::Content;

use crate::world::World;

/// The zeros of scripts that keyboards write codes in: Arabic-Indic, Persian, Devanagari, Bengali, Thai, full-width.
const ZEROS: [char; 6] = ['٠', '۰', '०', '০', '๐', '０'];

/// The code in another script's digits, with what keyboards put around text from right to left.
fn in_digits_of(zero: char, code: &str) -> String {
    let digit =
        |c: char| c.to_digit(10).and_then(|value| char::from_u32(u32::from(zero) + value)).unwrap_or(c);
    format!("\u{200f}{}\u{200e}", code.chars().map(digit).collect::<String>())
}

/// andOTP#359, react-otp-input#440: the right code of a keyboard of another script counted as a wrong guess.
#[tokio::test]
async fn a_mailed_code_is_right_in_the_digits_of_every_script() {
    let world = World::new().await;
    for (n, zero) in ZEROS.into_iter().enumerate() {
        let (page, email) = (world.page(), format!("ann{n}@example.com"));
        let sent = page.post("/emailVerifications/create", json!({ "email": email })).await.created();
        let code = in_digits_of(zero, &world.code(&email).await);
        let body = json!({ "verificationUUID": sent["verificationUUID"], "verificationToken": code });
        page.post("/emailVerifications/signin", body.clone()).await.ok();
        // The same code is used up in every spelling.
        page.post("/emailVerifications/signin", body).await.refused(422, "invalid_email_verification");
        let plain = world.code(&email).await;
        let body = json!({ "verificationUUID": sent["verificationUUID"], "verificationToken": plain });
        page.post("/emailVerifications/signin", body).await.refused(422, "invalid_email_verification");
    }
}

#[tokio::test]
async fn codes_of_apps_and_recovery_codes_are_right_in_the_digits_of_every_script() {
    let world = World::new().await;
    let (page, app) = world.with_totp("ann@example.com").await;
    let codes = page.recovery_codes().await;
    for (zero, recovery) in ZEROS.into_iter().zip(codes) {
        let code = app.code(&world);
        page.totp(None, &in_digits_of(zero, &code), &[]).await.ok();
        for spelling in [code.clone(), in_digits_of(zero, &code), in_digits_of('０', &code)] {
            page.totp(None, &spelling, &[]).await.refused(422, "mfa_invalid_code");
        }
        page.recover(&in_digits_of(zero, &recovery), &[]).await.ok();
        page.recover(&recovery, &[]).await.refused(422, "mfa_invalid_code");
        world.advance(30);
        // A right code lets the next four wrong ones be free again.
        page.totp(None, &app.code(&world), &[]).await.ok();
        world.advance(30);
    }
}

#[tokio::test]
async fn a_wrong_recovery_code_gets_advice_about_recovery_codes() {
    let world = World::new().await;
    let (page, app) = world.with_totp("ann@example.com").await;
    let codes = page.recovery_codes().await;
    page.recover(&codes[0], &[]).await.ok();
    let advice = async |code: &str| {
        let reply = page.recover(code, &[]).await;
        let text = reply.body["error"].as_str().unwrap().to_owned();
        reply.refused(422, "mfa_invalid_code");
        text
    };
    let (wrong, used) = (advice("0000-0000-0000-0000").await, advice(&codes[0]).await);
    assert_eq!(wrong, used, "nothing tells whether it ever was one");
    assert!(wrong.contains("recovery code") && !wrong.contains("present"), "{wrong}");
    let reply = page.totp(None, &app.wrong(&world), &[]).await;
    let text = reply.body["error"].as_str().unwrap().to_owned();
    assert!(!text.contains("recovery"), "{text}");
    reply.refused(422, "mfa_invalid_code");
}

/// jakartaee/mail-api#842: scripts need marks and joiners, not letters alone.
#[tokio::test]
async fn addresses_of_every_script_sign_in() {
    let world = World::new().await;
    for address in [
        "संपर्क@डाटामेल.भारत",
        "ผู้ใช้@example.com",
        "မြန်မာ@example.com",
        "ഉപയോക്താവ്@example.com",
        "علی\u{200c}رضا@example.com",
    ] {
        let page = world.page();
        page.post("/emailVerifications/create", json!({ "email": address })).await.created();
        let stored = stile_core::EmailAddress::parse(address).unwrap();
        let page = world.sign_in_on(page, stored.as_str()).await;
        assert_eq!(page.get("/users").await.ok()["email"], stored.as_str());
    }
    for address in ["an\u{202e}n@example.com", "an\u{200b}n@example.com", "an\u{a0}n@example.com"] {
        let reply = world.page().post("/emailVerifications/create", json!({ "email": address })).await;
        reply.refused(422, "invalid_email");
    }
}

/// Aegis#1701: a colon in the name of the app or of the account made another account of it, or none.
#[tokio::test]
async fn the_name_that_an_authenticator_app_shows_has_no_colon() {
    let world = World::new().await;
    world.configure(json!({ "general": { "displayName": "Acme: Bank" } })).await;
    let page = world.signed_in("ann@example.com").await;
    let answer = page.get("/users/mfa/register/totp").await.ok();
    let uri = answer["uri"].as_str().unwrap();
    assert!(uri.starts_with("otpauth://totp/Acme%20Bank:ann%40example.com?secret="), "{uri}");
    assert!(uri.contains("&issuer=Acme%20Bank&") && !uri.contains("%3A"), "{uri}");
    // Mails go on saying the name as it was given.
    let mails = world.mails("ann@example.com").await;
    assert!(mails.iter().any(|mail| matches!(mail, Content::Code { .. })));
}

/// Clients write `null` where a value is optional.
#[tokio::test]
async fn null_is_as_good_as_absent_beside_a_code() {
    let world = World::new().await;
    let page = world.page();
    let sent = page.post("/emailVerifications/create", json!({ "email": "ann@example.com" })).await.created();
    let body = json!({
        "verificationUUID": sent["verificationUUID"], "verificationToken": world.code("ann@example.com").await,
        "captchaToken": null, "sessionPublicKey": null, "requestedScopes": null, "allowNewMFALinking": null,
    });
    let session = page.post("/emailVerifications/signin", body).await.ok();
    assert_eq!(session.get("elevatedAccessToken"), None);
    let page = page.holding(&session);
    let app = page.begin_totp().await;
    let body =
        json!({ "id": null, "code": app.code(&world), "createMfaToken": null, "requestedScopes": null });
    let session = page.post("/users/mfa/auth/totp", body).await.ok();
    let page = page.holding(&session);
    let codes: Value = page.recovery_codes().await.into();
    let body = json!({ "code": codes[0], "createMfaToken": null, "requestedScopes": null });
    page.post("/users/mfa/auth/recovery", body).await.ok();
}
