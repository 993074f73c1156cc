//! Authenticator data: flags, lengths, RP id hash, counter, extension outputs.

use stile_webauthn::{Algorithm, UserVerification};

use super::{Mutation, bytewise};
use crate::authenticator::*;

/// `cose` is the key of a registration; assertions have none.
pub(super) fn mutations(cose: Option<&[u8]>) -> Vec<Mutation> {
    let mut out = Vec::new();
    let mut add = |group, what: String, ceremony: &Ceremony| {
        let data = ceremony.auth_data();
        out.push(Mutation::new(group, what, move |parts| parts.auth_data = data.clone()));
    };
    let sound = || Ceremony {
        flags: UP | UV | BE | BS | if cose.is_some() { AT } else { 0 },
        cose: cose.unwrap_or_default().to_vec(),
        ..Ceremony::get()
    };
    for flags in 0..=u8::MAX {
        add("flags", format!("{flags:08b}"), &Ceremony { flags, ..sound() });
        let tail = map(&[(text("hmac-secret"), vec![0xf5])]);
        add("flags", format!("{flags:08b} and extensions"), &Ceremony { flags, tail, ..sound() });
        if cose.is_none() {
            let key = Authenticator::fixed(Algorithm::Es256).cose();
            add("flags", format!("{flags:08b} and a key"), &Ceremony { flags, cose: key, ..sound() });
        }
    }
    for id in
        ["", "com", "evil.com", "badexample.com", "login.example.com", "EXAMPLE.COM", "https://example.com"]
    {
        add("RP id", id.to_owned(), &Ceremony { rp_id: id.into(), ..sound() });
    }
    for count in [0, 1, 2, 5, 6, 1 << 31, u32::MAX] {
        add("counter", format!("{count}"), &Ceremony { count, ..sound() });
    }
    for (what, tail) in extension_outputs() {
        add(
            "extensions",
            what.clone(),
            &Ceremony { tail: tail.clone(), flags: sound().flags | ED, ..sound() },
        );
        add("tail", what, &Ceremony { tail, ..sound() });
    }
    for length in [1, 2, 7_000, 9_000] {
        add("tail", format!("{length} zeros"), &Ceremony { tail: vec![0; length], ..sound() });
    }
    let data = sound().auth_data();
    if cose.is_some() {
        out.extend(credential_ids(&sound()));
        out.extend(stated_lengths(&data));
    }
    let group = if cose.is_some() { "attested data" } else { "asserted data" };
    // Bits of the key are a matter of `cose`.
    let key = cose.map_or(0, <[u8]>::len);
    let bits = bytewise(&data[..data.len() - key]);
    let cuts =
        (data.len() - key..data.len()).map(|length| (format!("cut to {length}"), data[..length].to_vec()));
    for (what, bytes) in bits.into_iter().chain(cuts) {
        out.push(Mutation::new(group, what, move |parts| parts.auth_data = bytes.clone()));
    }
    let weaker: Vec<_> = out
        .iter()
        .filter(|it| it.group == "flags")
        .map(|it| Mutation { policy: UserVerification::Preferred, ..it.clone() })
        .collect();
    out.extend(weaker);
    out
}

fn credential_ids(sound: &Ceremony) -> Vec<Mutation> {
    let mut out = Vec::new();
    for length in [0, 1, 15, 16, 64, 255, 256, 1022, 1023, 1024, 2000] {
        let ceremony = Ceremony { credential_id: vec![9; length], ..sound.clone() };
        let (data, id) = (ceremony.auth_data(), ceremony.credential_id);
        out.push(Mutation::new("credential id", format!("of {length} bytes"), move |parts| {
            (parts.auth_data, parts.id) = (data.clone(), id.clone());
        }));
    }
    for other in [&b""[..], b"credential-2", b"credential-", b"credential-11"] {
        let what = format!("rawId {}", String::from_utf8_lossy(other));
        out.push(Mutation::new("credential id", what, move |parts| parts.id = other.to_vec()));
    }
    out
}

/// The two bytes before the credential id.
fn stated_lengths(data: &[u8]) -> Vec<Mutation> {
    let with = |length: u16| {
        let mut data = data.to_vec();
        data[53..55].copy_from_slice(&length.to_be_bytes());
        Mutation::new("credential id", format!("stated as {length} bytes"), move |parts| {
            parts.auth_data = data.clone();
        })
    };
    (0..100).chain([255, 256, 1023, 1024, 0x0c00, u16::MAX]).map(with).collect()
}

fn extension_outputs() -> Vec<(String, Vec<u8>)> {
    let one = |key: Vec<u8>, value: Vec<u8>| map(&[(key, value)]);
    let prf = (text("hmac-secret"), bytes(&[5; 48]));
    let protect = (text("credProtect"), int(2));
    let nested = |depth: usize| one(text("x"), [vec![0x81; depth], vec![0]].concat());
    let mut out: Vec<(String, Vec<u8>)> = [
        ("an empty map", map(&[])),
        ("hmac-secret true", one(text("hmac-secret"), vec![0xf5])),
        ("hmac-secret bytes", map(std::slice::from_ref(&prf))),
        ("hmac-secret null", one(text("hmac-secret"), vec![0xf6])),
        ("hmac-secret undefined", one(text("hmac-secret"), vec![0xf7])),
        ("two extensions", map(&[(text("hmac-secret"), vec![0xf5]), protect.clone()])),
        ("out of order", map(&[protect.clone(), (text("hmac-secret"), vec![0xf5])])),
        ("one twice", map(&[protect.clone(), protect.clone()])),
        ("unknown twice", map(&[(text("x"), int(1)), (text("x"), int(2))])),
        ("credProtect as text", one(text("credProtect"), text("2"))),
        ("credProtect of 300", one(text("credProtect"), int(300))),
        ("unknown", one(text("minPinLength"), int(4))),
        ("a number as key", one(int(1), int(2))),
        ("bytes as key", one(bytes(b"x"), int(2))),
        ("a map as key", one(map(&[]), int(2))),
        ("a float", one(text("x"), vec![0xf9, 0x3c, 0])),
        ("a double", one(text("x"), vec![0xfb, 0x3f, 0xf1, 0, 0, 0, 0, 0, 0])),
        ("a tag", one(text("x"), vec![0xc1, 0])),
        ("a simple value", one(text("x"), vec![0xe0])),
        ("bad UTF-8", one(vec![0x61, 0xff], int(2))),
        ("an indefinite map", [&[0xbf][..], &text("x"), &int(1), &[0xff]].concat()),
        ("an indefinite string", one(text("x"), vec![0x7f, 0x61, 0x61, 0xff])),
        ("a longer head", [&[0xb8, 1][..], &text("x"), &int(1)].concat()),
        ("a longer number", one(text("x"), vec![0x18, 1])),
        ("an array", array(&[text("x")])),
        ("a number", int(0)),
        ("a text", text("x")),
        ("null", vec![0xf6]),
        ("nothing", vec![]),
        ("half a map", vec![0xa2, 0x61, 0x61]),
        ("a huge map", vec![0xbb, 255, 255, 255, 255, 255, 255, 255, 255]),
        ("a map and a byte", [map(&[prf]), vec![0]].concat()),
        ("two maps", [map(&[]), map(&[])].concat()),
    ]
    .map(|(what, bytes)| (what.to_owned(), bytes))
    .to_vec();
    for level in [1, 0, 3, 4, 256] {
        out.push((format!("credProtect {level}"), one(text("credProtect"), int(level))));
    }
    for depth in [1, 2, 3, 4, 5, 100, 200] {
        out.push((format!("nested {depth} deep"), nested(depth)));
    }
    out
}
