//! An authenticator app, written apart from the server's.

use aws_lc_rs::hmac;
use serde_json::{Value, json};

use crate::world::{Page, Reply, World};

/// An app that holds one secret.
#[derive(Clone)]
pub struct TotpApp {
    pub id: String,
    secret: Vec<u8>,
}

impl TotpApp {
    /// The app that has scanned the QR code of this answer.
    pub fn scan(answer: &Value) -> Self {
        let uri: url::Url = answer["uri"].as_str().unwrap().parse().unwrap();
        assert_eq!((uri.scheme(), uri.host_str()), ("otpauth", Some("totp")));
        let query = |name: &str| uri.query_pairs().find(|(n, _)| n == name).unwrap().1.into_owned();
        assert_eq!(
            (query("algorithm").as_str(), query("digits").as_str(), query("period").as_str()),
            ("SHA1", "6", "30")
        );
        assert_eq!(query("secret"), answer["secret"].as_str().unwrap());
        Self { id: answer["id"].as_str().unwrap().to_owned(), secret: unbase32(&query("secret")) }
    }

    /// The code of a moment, in seconds since the epoch.
    pub fn code_at(&self, seconds: i64) -> String {
        let key = hmac::Key::new(hmac::HMAC_SHA1_FOR_LEGACY_USE_ONLY, &self.secret);
        let step = u64::try_from(seconds / 30).unwrap();
        let tag = hmac::sign(&key, &step.to_be_bytes());
        let bytes = tag.as_ref();
        let at = usize::from(bytes[19] & 15);
        let four = [bytes[at] & 0x7f, bytes[at + 1], bytes[at + 2], bytes[at + 3]];
        format!("{:06}", u32::from_be_bytes(four) % 1_000_000)
    }

    /// The code that the app shows now.
    pub fn code(&self, world: &World) -> String {
        self.code_at(world.now().seconds())
    }

    /// A code that is none of those that could be accepted now.
    pub fn wrong(&self, world: &World) -> String {
        let now = world.now().seconds();
        let near: Vec<String> = (-3..=3).map(|n| self.code_at(now + n * 30)).collect();
        (0..10).map(|n| format!("{n:06}")).find(|code| !near.contains(code)).unwrap()
    }
}

fn unbase32(text: &str) -> Vec<u8> {
    let alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";
    let bits: String = text.chars().map(|c| format!("{:05b}", alphabet.find(c).unwrap())).collect();
    bits.as_bytes()
        .chunks_exact(8)
        .map(|byte| u8::from_str_radix(std::str::from_utf8(byte).unwrap(), 2).unwrap())
        .collect()
}

impl Page {
    /// Begins enrolling an authenticator app.
    pub async fn begin_totp(&self) -> TotpApp {
        TotpApp::scan(&self.get("/users/mfa/register/totp").await.ok())
    }

    /// Answers with a code.
    pub async fn totp(&self, id: Option<&str>, code: &str, scopes: &[&str]) -> Reply {
        let mut body = json!({ "code": code, "requestedScopes": scopes });
        if let Some(id) = id {
            body["id"] = json!(id);
        }
        self.post("/users/mfa/auth/totp", body).await
    }

    /// Answers with a recovery code.
    pub async fn recover(&self, code: &str, scopes: &[&str]) -> Reply {
        self.post("/users/mfa/auth/recovery", json!({ "code": code, "requestedScopes": scopes })).await
    }

    /// The recovery codes as they are shown.
    pub async fn recovery_codes(&self) -> Vec<String> {
        let shown = self.get("/users/mfa/recovery").await.ok();
        let codes: Vec<String> = serde_json::from_value(shown["recoveryCodes"].clone()).unwrap();
        assert_eq!(shown["count"], codes.len());
        codes
    }

    /// The page with the session of this answer.
    pub fn holding(&self, session: &Value) -> Self {
        Self { bearer: session["minifiedJwt"].as_str().map(str::to_owned), ..self.clone() }
    }
}

impl World {
    /// A page on which this user is signed in, with a verified authenticator app. The clock stands in the next step, so
    /// that the app has a fresh code.
    pub async fn with_totp(&self, email: &str) -> (Page, TotpApp) {
        let page = self.signed_in(email).await;
        let app = page.begin_totp().await;
        let session = page.totp(Some(&app.id), &app.code(self), &[]).await.ok();
        self.advance(30);
        (page.holding(&session), app)
    }
}
