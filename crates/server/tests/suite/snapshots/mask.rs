//! Masks for what differs from run to run. Equal texts of one case have equal masks.

use serde_json::{Map, Value, json};
use stile_core::{Micros, UserId};
use stile_keys::encoding::unbase64url;

use crate::world::{ENVIRONMENT, OTHER_ENVIRONMENT};

/// Members that hold random texts, and of which characters. Other texts of such a member stay as they are.
const RANDOM: [(&str, &str); 20] = [
    ("challenge", "base64url"),
    ("code", "digits"),
    ("credentialId", "base64url"),
    ("credential_id", "base64url"),
    ("devicePublicKey", "hex"),
    ("etag", "tag"),
    ("id", "base64url"),
    ("jti", "base64url"),
    ("kid", "base64url"),
    ("mfaToken", "base64url"),
    ("nonce", "hex"),
    ("nonces", "hex"),
    ("recoveryCodes", "recovery code"),
    ("secret", "base32"),
    ("session_public_key", "hex"),
    ("sessionPublicKey", "hex"),
    ("verifiedCredentialsHashes", "hex"),
    ("verified_credentials_hashes", "hex"),
    ("x", "base64url"),
    ("y", "base64url"),
];
/// Random texts stand after these.
const MARKS: [&str; 2] = ["token=", "'nonce-"];
/// Times lie this close to the present, in seconds.
const NEAR: i64 = 400 * 86_400;

pub struct Mask {
    now: Micros,
    ids: Vec<String>,
    texts: Vec<(String, String)>,
}

impl Mask {
    /// Times are shown as seconds from this one.
    pub const fn at(now: Micros) -> Self {
        Self { now, ids: Vec::new(), texts: Vec::new() }
    }

    /// `name` is that of the member.
    pub fn value(&mut self, name: &str, value: &Value) -> Value {
        match value {
            Value::Object(members) => {
                let mut names: Vec<&String> = members.keys().collect();
                names.sort();
                let hashes = name.to_ascii_lowercase().ends_with("hashes");
                let mut masked = Map::new();
                for inner in names {
                    let known = if hashes { name } else { inner };
                    masked.insert(inner.clone(), self.value(known, &members[inner]));
                }
                Value::Object(masked)
            }
            Value::Array(items) => items.iter().map(|item| self.value(name, item)).collect(),
            Value::String(text) => self.text(name, text),
            Value::Number(number) => number.as_i64().and_then(|n| self.time(n)).unwrap_or(value.clone()),
            Value::Null | Value::Bool(_) => value.clone(),
        }
    }

    pub fn text(&mut self, name: &str, text: &str) -> Value {
        if let Some(token) = self.token(text) {
            return token;
        }
        if let Some(at) = text.parse::<jiff::Timestamp>().ok().and_then(|at| self.time(at.as_microsecond())) {
            return at;
        }
        let class = RANDOM.iter().find(|(known, _)| *known == name).map(|(_, class)| *class);
        if let Some(class) = class.filter(|class| text.parse::<UserId>().is_err() && is_of(class, text)) {
            self.random(class, text);
        }
        for mark in MARKS {
            for (place, _) in text.match_indices(mark) {
                let rest = &text[place + mark.len()..];
                let end = rest.find(|c: char| !is_base64url(c)).unwrap_or(rest.len());
                if is_of("base64url", &rest[..end]) {
                    self.random("base64url", &rest[..end]);
                }
            }
        }
        let mut text = self.ids_in(text);
        for (known, mask) in &self.texts {
            text = text.replace(known, mask);
        }
        text.into()
    }

    fn random(&mut self, class: &str, text: &str) {
        if !self.texts.iter().any(|(known, _)| known == text) {
            let mask = format!("<{class} of {} #{}>", text.len(), self.texts.len() + 1);
            self.texts.push((text.to_owned(), mask));
        }
    }

    /// The text with masks for the ids in it.
    fn ids_in(&mut self, text: &str) -> String {
        let mut masked = String::new();
        let mut rest = text;
        while let Some(next) = rest.chars().next() {
            let id = rest.get(..36).filter(|id| id.parse::<UserId>().is_ok());
            let Some(id) = id else {
                masked.push(next);
                rest = &rest[next.len_utf8()..];
                continue;
            };
            masked.push_str(&self.id(id));
            rest = &rest[36..];
        }
        masked
    }

    fn id(&mut self, id: &str) -> String {
        if id == ENVIRONMENT.to_string() {
            return "<environment>".into();
        }
        if id == OTHER_ENVIRONMENT.to_string() {
            return "<other environment>".into();
        }
        let place = self.ids.iter().position(|known| known == id).unwrap_or_else(|| {
            self.ids.push(id.to_owned());
            self.ids.len() - 1
        });
        format!("<id {}>", place + 1)
    }

    /// Header and claims of a JSON web token.
    fn token(&mut self, text: &str) -> Option<Value> {
        let parts: Vec<&str> = text.split('.').collect();
        let [header, claims, _] = parts.as_slice() else { return None };
        let part = |part: &str| serde_json::from_slice::<Value>(&unbase64url(part)?).ok();
        let (header, claims) = (part(header)?, part(claims)?);
        Some(json!({ "header": self.value("header", &header), "claims": self.value("claims", &claims) }))
    }

    /// A time in seconds, milliseconds or microseconds.
    fn time(&self, number: i64) -> Option<Value> {
        let unit = [1, 1_000, 1_000_000].into_iter().find(|unit| {
            let ahead = (number / unit).abs_diff(self.now.seconds());
            ahead < NEAR.unsigned_abs()
        })?;
        let ahead = number - self.now.get() / (1_000_000 / unit);
        let (seconds, rest) = (ahead.div_euclid(unit), ahead.rem_euclid(unit));
        let rest = if rest == 0 { String::new() } else { format!(".{rest}") };
        Some(match (seconds, rest.as_str()) {
            (0, "") => "<now>".into(),
            _ => format!("<now{seconds:+}{rest}>").into(),
        })
    }
}

fn is_of(class: &str, text: &str) -> bool {
    let all = |is: fn(char) -> bool| text.chars().all(is);
    match class {
        "base32" => text.len() >= 20 && all(|c| matches!(c, 'A'..='Z' | '2'..='7')),
        "base64url" => text.len() >= 20 && all(is_base64url),
        "digits" => matches!(text.len(), 6 | 12) && all(|c| c.is_ascii_digit()),
        "hex" => text.len() >= 20 && all(|c| c.is_ascii_hexdigit()),
        "recovery code" => text.len() == 19 && all(|c| c.is_ascii_alphanumeric() || c == '-'),
        "tag" => text.starts_with('"') && text.ends_with('"'),
        _ => false,
    }
}

const fn is_base64url(c: char) -> bool {
    c.is_ascii_alphanumeric() || matches!(c, '-' | '_')
}
