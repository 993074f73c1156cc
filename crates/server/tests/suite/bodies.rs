//! Bodies that nobody should send, to every operation of the document: the committed inputs of the fuzz target, and seeded
//! edits of bodies of the right shape.

use entry::{SENT, Site, operations};
use mutate::Random;
use serde_json::{Map, Value, json};

use crate::world::World;

#[path = "../../../../fuzz/src/bodies.rs"]
mod entry;
#[path = "../../../../fuzz/src/mutate.rs"]
#[expect(dead_code, reason = "other targets use more of it")]
mod mutate;

/// Edited bodies for each operation that takes one; the others get a few.
const EDITS: u64 = 40;
const FEW: u64 = 6;

#[tokio::test]
async fn no_body_breaks_a_promise() {
    let world = World::new().await;
    let mut site = Site::new(world.app.clone()).await;
    let corpus = mutate::corpus("body");
    assert!(!corpus.is_empty());
    let mut taken = 0;
    for input in corpus {
        taken += usize::from(site.take(&input).await);
    }
    assert!(taken > 0, "a corpus of nothing but rubbish");
    let mut random = Random::new(11);
    for operation in operations() {
        let plain = operation.example.clone().unwrap_or_else(|| json!({}));
        let edits = if operation.example.is_some() { EDITS } else { FEW };
        for number in 0..edits {
            let body = if number == 0 { plain.to_string().into_bytes() } else { edited(&mut random, &plain) };
            // Mostly as JSON: other ways are refused before the body is looked at.
            let way = if random.below(4) == 0 { random.below(SENT) } else { 0 };
            let input = [format!("{} {way}\n", operation.id).as_bytes(), &body].concat();
            site.take(&input).await;
        }
    }
}

/// A stand-in for what `serde_json` cannot hold or write.
const RAW: [(&str, &str); 12] = [
    ("@surrogate@", r#""\ud800""#),
    ("@pair@", r#""\udc00\ud800""#),
    ("@escape@", r#""\x""#),
    ("@unfinished@", r#""\u12""#),
    ("@huge@", "1e400"),
    ("@tiny@", "1e-400"),
    ("@digits@", "123456789012345678901234567890123456789012345678901234567890"),
    ("@minus@", "-0"),
    ("@zeros@", "007"),
    ("@nan@", "NaN"),
    ("@control@", "\"a\u{1}b\""),
    ("@comment@", "/* */ 1"),
];

/// A body that differs from the plain one in one to three ways of structure, and sometimes in its bytes.
fn edited(random: &mut Random, plain: &Value) -> Vec<u8> {
    let mut value = plain.clone();
    for _ in 0..=random.below(3) {
        bend(random, &mut value);
    }
    let mut text = value.to_string();
    for (stand_in, raw) in RAW {
        text = text.replace(&format!("\"{stand_in}\""), raw);
    }
    if random.below(8) == 0 {
        // A member twice.
        let member = text[1..].split([',', '}']).next().unwrap_or_default().to_owned();
        text.insert_str(1, &format!("{member},"));
    }
    let mut bytes = text.into_bytes();
    match random.below(12) {
        0 => drop(bytes.splice(0..0, *b"\xef\xbb\xbf")),
        1 => bytes.extend(*b"{}"),
        2 => bytes.push(0),
        3 => bytes.extend(*b"  \r\n\t"),
        4 => {
            let at = random.below(bytes.len() + 1);
            bytes.splice(at..at, *b"\xff\xc0\x80");
        }
        5 => random.edit(&mut bytes, 128 * 1024),
        _ => {}
    }
    bytes
}

/// Replaces, removes, renames or adds something, somewhere.
fn bend(random: &mut Random, value: &mut Value) {
    match value {
        Value::Object(members) if !members.is_empty() && random.below(6) > 0 => {
            let at = random.below(members.len());
            let name = members.keys().nth(at).cloned().unwrap_or_default();
            match random.below(8) {
                0 => drop(members.remove(&name)),
                1 => {
                    let value = members.remove(&name).unwrap_or_default();
                    members.insert(name.to_uppercase(), value);
                }
                2 => drop(members.insert("__proto__".into(), json!({ "a": 1 }))),
                3 => *members = Map::from_iter([(name, odd(random))]),
                _ => bend(random, &mut members[&name]),
            }
        }
        Value::Array(items) if !items.is_empty() && random.below(3) > 0 => {
            let at = random.below(items.len());
            match random.below(3) {
                0 => *items = vec![json!("AAAA"); 1 + random.below(2_000)],
                _ => bend(random, &mut items[at]),
            }
        }
        _ => *value = odd(random),
    }
}

fn odd(random: &mut Random) -> Value {
    let nested = |depth: usize, object: bool| {
        (0..depth).fold(json!(0), |inner, _| if object { json!({ "a": inner }) } else { json!([inner]) })
    };
    match random.below(16) {
        0 => Value::Null,
        1 => json!(random.below(2) == 0),
        2 => [json!(0), json!(-1), json!(u64::MAX), json!(i64::MIN), json!(0.5)][random.below(5)].clone(),
        3 => json!(""),
        4 => json!("\0"),
        5 => json!(["a\0b", "\u{202e}", "\u{feff}x", "\u{fffd}", "\u{10ffff}", "e\u{301}"][random.below(6)]),
        6 => json!("x".repeat([65, 201, 300, 4_097, 70_000][random.below(5)])),
        7 => json!([]),
        8 => json!({}),
        // Around the depth at which a reader of JSON gives up, and far beyond it.
        9 => nested([2, 100, 120 + random.below(10), 2_000][random.below(4)], false),
        10 => nested([2, 100, 120 + random.below(10), 2_000][random.below(4)], true),
        11 => json!(["' OR 1=1 --", "${x}", "../../x", "<b>", "a@b@c", "%00"][random.below(6)]),
        12 => json!({ "a\0": "\0", "": [] }),
        _ => json!(RAW[random.below(RAW.len())].0),
    }
}
