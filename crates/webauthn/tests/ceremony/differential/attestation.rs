//! Attestation objects, and the statements in them.

use stile_webauthn::Algorithm;

use super::signature;
use super::{Mutation, bytewise, rewritten_heads};
use crate::authenticator::*;

pub(super) fn mutations(authenticator: &Authenticator, algorithm: Algorithm) -> Vec<Mutation> {
    let ceremony = Ceremony::create(authenticator);
    let data = ceremony.auth_data();
    let mut out = Vec::new();
    let mut add = |group, what: String, object: Vec<u8>| {
        out.push(Mutation::new(group, what, move |parts| parts.object = Some(object.clone())));
    };
    for (what, object) in objects(&data) {
        add("attestation object", what, object);
    }
    let sound = attestation_object("none", &map(&[]), &data);
    for (what, object) in rewritten_heads(&sound).into_iter().chain(bytewise(&sound)) {
        add("attestation object", what, object);
    }

    let signed = signature::sign(authenticator, algorithm, &ceremony.signed());
    for (format, what, statement) in statements(algorithm, &signed) {
        add("statement", format!("{format}: {what}"), attestation_object(format, &statement, &data));
    }
    out
}

fn objects(data: &[u8]) -> Vec<(String, Vec<u8>)> {
    let sound = [(text("fmt"), text("none")), (text("attStmt"), map(&[])), (text("authData"), bytes(data))];
    let mut out = Vec::new();
    for (at, (name, value)) in sound.iter().enumerate() {
        let shown = String::from_utf8_lossy(&name[1..]).into_owned();
        let with = |name: &[u8], value: &[u8]| {
            let mut members = sound.to_vec();
            members[at] = (name.to_vec(), value.to_vec());
            map(&members)
        };
        let mut absent = sound.to_vec();
        absent.remove(at);
        out.push((format!("{shown} absent"), map(&absent)));
        let others = [
            ("null", vec![0xf6]),
            ("0", int(0)),
            ("text", text("none")),
            ("bytes", bytes(b"none")),
            ("an array", array(&[])),
            ("a map", map(&[])),
            ("a float", vec![0xf9, 0x3c, 0]),
            ("a member", map(&[(text("x"), int(1))])),
        ];
        for (what, other) in others {
            out.push((format!("{shown} = {what}"), with(name, &other)));
            for place in [at, at + 1] {
                let mut twice = sound.to_vec();
                twice.insert(place, (name.clone(), other.clone()));
                out.push((format!("{shown} twice, {what} at {place}"), map(&twice)));
            }
        }
        for (what, other) in [
            ("its number", int(at as i64)),
            ("bytes", [vec![name[0] ^ 0x20], name[1..].to_vec()].concat()),
            ("capitals", text(&shown.to_uppercase())),
            ("a longer head", [vec![0x78, name[0] & 0x1f], name[1..].to_vec()].concat()),
        ] {
            out.push((format!("{shown} under {what}"), with(&other, value)));
        }
        out.push((format!("{shown} tagged"), with(name, &[&[0xd8, 24], &value[..]].concat())));
        let chunks = [&[value[0] & 0xe0 | 0x1f], &value[..], &[0xff]].concat();
        out.push((format!("{shown} in chunks"), with(name, &chunks)));
        for to in at + 1..sound.len() {
            let mut swapped = sound.to_vec();
            swapped.swap(at, to);
            out.push((format!("{at} and {to} swapped"), map(&swapped)));
        }
    }
    for (name, value) in
        [("epAtt", vec![0xf5]), ("largeBlobKey", bytes(&[7; 32])), ("x", int(1)), ("", int(1))]
    {
        for place in 0..=sound.len() {
            let mut more = sound.to_vec();
            more.insert(place, (text(name), value.clone()));
            out.push((format!("{name} at {place}"), map(&more)));
        }
    }
    let object = map(&sound);
    let values: Vec<_> = sound.iter().map(|(_, value)| value.clone()).collect();
    let none = vec![0xf6];
    out.extend([
        ("nothing".to_owned(), vec![]),
        ("its values in an array".to_owned(), array(&values)),
        (
            "its values and two nulls in an array".to_owned(),
            array(&[&values[..], &[none.clone(), none]].concat()),
        ),
        ("a byte string of it".to_owned(), bytes(&object)),
        ("self-described".to_owned(), [&[0xd9, 0xd9, 0xf7], &object[..]].concat()),
        ("indefinite".to_owned(), [&[0xbf], &object[1..], &[0xff]].concat()),
        ("a byte after".to_owned(), [&object[..], &[0]].concat()),
        ("a break after".to_owned(), [&object[..], &[0xff]].concat()),
        ("twice".to_owned(), object.repeat(2)),
        ("70000 bytes after".to_owned(), [&object[..], &vec![0; 70_000]].concat()),
        ("a huge text".to_owned(), [&object[..1], &text("fmt"), &[0x7b], &[0xff; 8]].concat()),
    ]);
    out
}

fn statements(algorithm: Algorithm, signed: &[u8]) -> Vec<(&'static str, String, Vec<u8>)> {
    let mut out = Vec::new();
    let (alg, sig) = ((text("alg"), int(algorithm.id().into())), (text("sig"), bytes(signed)));
    let x5c = |items: &[Vec<u8>]| (text("x5c"), array(items));
    let formats = [
        "none",
        "packed",
        "fido-u2f",
        "tpm",
        "android-key",
        "android-safetynet",
        "apple",
        "compound",
        "",
        "None",
        "none ",
        "PACKED",
        "x",
    ];
    for format in formats {
        for (what, members) in [
            ("empty", vec![]),
            ("sound", vec![alg.clone(), sig.clone()]),
            ("signature alone", vec![sig.clone()]),
            ("algorithm alone", vec![alg.clone()]),
            ("out of order", vec![sig.clone(), alg.clone()]),
            ("signature twice", vec![alg.clone(), sig.clone(), sig.clone()]),
            ("no certificates", vec![alg.clone(), sig.clone(), x5c(&[])]),
            ("a certificate that is none", vec![alg.clone(), sig.clone(), x5c(&[bytes(b"x")])]),
            ("certificates null", vec![alg.clone(), sig.clone(), (text("x5c"), vec![0xf6])]),
            ("ECDAA", vec![alg.clone(), sig.clone(), (text("ecdaaKeyId"), bytes(b"x"))]),
            ("an unknown member", vec![alg.clone(), sig.clone(), (text("x"), int(1))]),
            ("a number as name", vec![alg.clone(), sig.clone(), (int(1), int(1))]),
        ] {
            out.push((format, what.to_owned(), map(&members)));
        }
        for (what, statement) in [("null", vec![0xf6]), ("an array", array(&[])), ("text", text("x"))] {
            out.push((format, what.to_owned(), statement));
        }
    }
    for other in [-7, -8, -257, -35, -37, -65535, 0, 7] {
        let members = [(text("alg"), int(other)), sig.clone()];
        out.push(("packed", format!("alg {other}"), map(&members)));
    }
    for (what, value) in [("text", text("ES256")), ("null", vec![0xf6]), ("a float", vec![0xf9, 0xc7, 0])] {
        out.push(("packed", format!("alg {what}"), map(&[(text("alg"), value.clone()), sig.clone()])));
        out.push(("packed", format!("sig {what}"), map(&[alg.clone(), (text("sig"), value)])));
    }
    out
}
