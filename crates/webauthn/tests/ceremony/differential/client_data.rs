//! Client data, altered member by member and as a whole.

use base64::Engine;
use base64::engine::general_purpose::{STANDARD, URL_SAFE, URL_SAFE_NO_PAD};

use super::{Mutation, bytewise};
use crate::authenticator::CHALLENGE;

type Members = Vec<(String, String)>;

pub(super) fn mutations(kind: &str) -> Vec<Mutation> {
    let sound = members(kind);
    let mut out = Vec::new();
    let mut add = |what: String, members: &Members| out.push(mutation(what, write(members).into_bytes()));
    for (at, (name, value)) in sound.iter().enumerate() {
        let with = |name: &str, value: &str| {
            let mut members = sound.clone();
            members[at] = (name.to_owned(), value.to_owned());
            members
        };
        let mut absent = sound.clone();
        absent.remove(at);
        add(format!("{name} absent"), &absent);
        for other in ["null", "7", "true", "false", "[]", "{}", "\"\"", "\"x\"", "1e400", "[\"x\"]"] {
            add(format!("{name} = {other}"), &with(name, other));
            // once more, before and after the sound one
            for place in [at, at + 1] {
                let mut twice = sound.clone();
                twice.insert(place, (name.clone(), other.to_owned()));
                add(format!("{name} twice, {other} at {place}"), &twice);
            }
        }
        let mut twice = sound.clone();
        twice.push((name.clone(), value.clone()));
        add(format!("{name} twice"), &twice);
        let escaped = format!("\\u{:04x}{}", u32::from(name.as_bytes()[0]), &name[1..]);
        for spelling in [name.to_uppercase(), format!(" {name}"), format!("{name}\\u0000"), escaped] {
            add(format!("{name} as {spelling}"), &with(&spelling, value));
        }
        for values in [kinds(), challenges(), origins()] {
            for other in values {
                add(format!("{name} = {other}"), &with(name, &other));
            }
        }
    }
    for turn in 1..sound.len() {
        let mut turned = sound.clone();
        turned.rotate_left(turn);
        add(format!("turned by {turn}"), &turned);
    }
    for (name, value) in further() {
        let mut more = sound.clone();
        more.push((name.to_owned(), value.to_owned()));
        add(format!("{name}: {}", value.chars().take(40).collect::<String>()), &more);
        more.push((name.to_owned(), value.to_owned()));
        add(format!("{name} twice: {}", value.chars().take(40).collect::<String>()), &more);
    }
    for (cross, top) in [
        ("true", "\"https://example.com\""),
        ("false", "\"https://example.com\""),
        ("true", "\"https://evil.com\""),
        ("true", "null"),
        ("false", "7"),
    ] {
        let mut framed = sound.clone();
        framed[3].1 = cross.to_owned();
        framed.push(("topOrigin".to_owned(), top.to_owned()));
        add(format!("crossOrigin {cross}, topOrigin {top}"), &framed);
    }
    let text = write(&sound);
    for (what, bytes) in wholes(&text) {
        out.push(mutation(format!("whole: {what}"), bytes));
    }
    for (what, bytes) in bytewise(text.as_bytes()) {
        out.push(mutation(what, bytes));
    }
    out
}

fn mutation(what: String, bytes: Vec<u8>) -> Mutation {
    Mutation::new("client data", what, move |parts| parts.client_data = bytes.clone())
}

fn members(kind: &str) -> Members {
    let challenge = URL_SAFE_NO_PAD.encode(CHALLENGE);
    [
        ("type", format!("\"{kind}\"")),
        ("challenge", format!("\"{challenge}\"")),
        ("origin", "\"https://example.com\"".to_owned()),
        ("crossOrigin", "false".to_owned()),
    ]
    .map(|(name, value)| (name.to_owned(), value))
    .to_vec()
}

fn write(members: &Members) -> String {
    let members: Vec<_> = members.iter().map(|(name, value)| format!("\"{name}\":{value}")).collect();
    format!("{{{}}}", members.join(","))
}

fn quoted(values: &[&str]) -> Vec<String> {
    values.iter().map(|value| format!("\"{value}\"")).collect()
}

fn kinds() -> Vec<String> {
    quoted(&[
        "webauthn.create",
        "webauthn.get",
        "payment.get",
        "WEBAUTHN.GET",
        "webauthn.get ",
        "webauthn.ge\\u0074",
    ])
}

fn challenges() -> Vec<String> {
    let sound = URL_SAFE_NO_PAD.encode(CHALLENGE);
    let half = &sound[..sound.len() / 2];
    let mut longer = CHALLENGE.to_vec();
    longer.push(0);
    quoted(&[
        &URL_SAFE.encode(CHALLENGE),
        &STANDARD.encode(CHALLENGE),
        &format!("{sound}A"),
        &format!("{sound}="),
        &format!("{sound} "),
        &format!(" {sound}"),
        &format!("{half}\\n{}", &sound[half.len()..]),
        &URL_SAFE_NO_PAD.encode(longer),
        &URL_SAFE_NO_PAD.encode(&CHALLENGE[1..]),
        &URL_SAFE_NO_PAD.encode(&CHALLENGE[..16]),
        half,
        &sound.to_lowercase(),
        // the last letter has two bits to spare, set here
        &format!("{}5", &sound[..sound.len() - 1]),
    ])
}

fn origins() -> Vec<String> {
    quoted(&[
        "https://EXAMPLE.com",
        "HTTPS://example.com",
        "https://example.com/",
        "https://example.com/path?q#f",
        "https://example.com:443",
        "https://example.com:0443",
        "https://example.com:444",
        "https://example.com.",
        "http://example.com",
        "http://example.com:443",
        "https://www.example.com",
        "https://badexample.com",
        "https://example.com.evil.com",
        "https://evil.com/https://example.com",
        "https://user@example.com",
        "https://user:pw@example.com",
        "https://example.com@evil.com",
        "https:example.com",
        "https:/example.com",
        "https:\\\\\\\\example.com",
        "https:///example.com",
        " https://example.com",
        "https://example.com\\n",
        "https://exa\\tmple.com",
        "https://ex%61mple.com",
        "https://ｅxample.com",
        "blob:https://example.com/x",
        "wss://example.com",
        "null",
        "example.com",
        "android:apk-key-hash:abc",
    ])
}

/// Members that may be there.
fn further() -> Vec<(&'static str, String)> {
    let mut out: Vec<_> = [
        ("tokenBinding", "null"),
        ("tokenBinding", "7"),
        ("tokenBinding", "\"supported\""),
        ("tokenBinding", "{}"),
        ("tokenBinding", r#"{"status":"supported"}"#),
        ("tokenBinding", r#"{"status":"present","id":"AAAA"}"#),
        ("tokenBinding", r#"{"status":7}"#),
        ("topOrigin", "\"https://example.com\""),
        ("topOrigin", "null"),
        ("unknown", "null"),
        ("unknown", r#"{"a":[1,2,{"b":null}]}"#),
        ("unknown", r#"{"a":1,"a":2}"#),
        ("unknown", "1e400"),
        ("unknown", "-0"),
        ("unknown", r#""\ud800""#),
        ("unknown", r#""\u0000""#),
        ("__proto__", r#"{"type":"webauthn.get"}"#),
        ("", "1"),
    ]
    .map(|(name, value)| (name, value.to_owned()))
    .to_vec();
    out.push(("unknown", format!("{}{}", "[".repeat(100), "]".repeat(100))));
    out.push(("unknown", format!("{}{}", "[".repeat(200), "]".repeat(200))));
    out.push(("unknown", format!("\"{}\"", "a".repeat(7_000))));
    out.push(("unknown", format!("\"{}\"", "a".repeat(9_000))));
    out
}

fn wholes(text: &str) -> Vec<(&'static str, Vec<u8>)> {
    let utf16 = |order: fn(u16) -> [u8; 2]| text.encode_utf16().flat_map(order).collect::<Vec<_>>();
    let pretty = text.replace(',', " ,\r\n\t").replace(':', " : ");
    vec![
        ("empty", Vec::new()),
        ("null", b"null".to_vec()),
        ("an array", format!("[{text}]").into_bytes()),
        ("its values in an array", text.replace('{', "[").replace('}', "]").into_bytes()),
        ("a string of it", format!("\"{}\"", text.replace('"', "\\\"")).into_bytes()),
        ("byte order mark", format!("\u{feff}{text}").into_bytes()),
        ("two byte order marks", format!("\u{feff}\u{feff}{text}").into_bytes()),
        ("white space before", format!(" \n{text}").into_bytes()),
        ("white space after", format!("{text}\n ").into_bytes()),
        ("white space within", pretty.replace("https : //", "https://").into_bytes()),
        ("twice", text.repeat(2).into_bytes()),
        ("garbage after", format!("{text}x").into_bytes()),
        ("zero after", format!("{text}\0").into_bytes()),
        ("comma at the end", text.replace('}', ",}").into_bytes()),
        ("comment", text.replace('{', "{/**/").into_bytes()),
        ("single quotes", text.replace('"', "'").into_bytes()),
        ("UTF-16", utf16(u16::to_le_bytes)),
        ("UTF-16, the other order", utf16(u16::to_be_bytes)),
        ("bad UTF-8 in an unknown member", [b"{\"x\":\"\xff\",", &text.as_bytes()[1..]].concat()),
        ("overlong UTF-8 in an unknown member", [b"{\"x\":\"\xc0\x80\",", &text.as_bytes()[1..]].concat()),
        ("surrogate in UTF-8", [b"{\"x\":\"\xed\xa0\x80\",", &text.as_bytes()[1..]].concat()),
    ]
}
