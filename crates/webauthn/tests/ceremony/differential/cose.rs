//! Credential keys: every member, every form.

use stile_webauthn::Algorithm;

use super::{Mutation, bytewise, rewritten_heads};
use crate::authenticator::*;

type Member = (Vec<u8>, Vec<u8>);
type Members = Vec<Member>;

/// For ES256 and RS256: the oracle takes no EdDSA key at all.
pub(super) fn mutations(algorithm: Algorithm, cose: &[u8]) -> Vec<Mutation> {
    let sound = match algorithm {
        Algorithm::Rs256 => rsa_members(cose),
        _ => p256_members(cose),
    };
    assert_eq!(map(&sound), cose);
    let mut out = Vec::new();
    let mut add = |what: String, key: Vec<u8>| out.push(with_key(what, key));
    for (at, (label, value)) in sound.iter().enumerate() {
        let name = label_name(label);
        let with = |label: &[u8], value: &[u8]| {
            let mut members = sound.clone();
            members[at] = (label.to_vec(), value.to_vec());
            map(&members)
        };
        let mut absent = sound.clone();
        absent.remove(at);
        add(format!("{name} absent"), map(&absent));
        for (what, other) in values() {
            add(format!("{name} = {what}"), with(label, &other));
            for (place, order) in [(at, "before"), (at + 1, "after")] {
                let mut twice = sound.clone();
                twice.insert(place, (label.clone(), other.clone()));
                add(format!("{name} twice, {what} {order}"), map(&twice));
            }
        }
        for (what, label) in [
            ("its name", text("kty")),
            ("text", text("1")),
            ("bytes", bytes(&[1])),
            ("a longer number", longer(label)),
            ("another", int(99)),
        ] {
            add(format!("{name} under {what}"), with(&label, value));
        }
        for (what, value) in altered(value) {
            add(format!("{name}: {what}"), with(label, &value));
        }
        for to in at + 1..sound.len() {
            let mut swapped = sound.clone();
            swapped.swap(at, to);
            add(format!("{name} and {} swapped", label_name(&sound[to].0)), map(&swapped));
        }
    }
    for (what, extra) in extras() {
        for place in [0, 2, sound.len()] {
            let mut more = sound.clone();
            more.insert(place, extra.clone());
            add(format!("{what} at {place}"), map(&more));
        }
    }
    for kty in 0..=4 {
        for alg in [-7, -8, -9, -35, -36, -37, -47, -257, -258, -259, -65535, 0, 7] {
            for crv in 1..=8 {
                let mut other = sound.clone();
                (other[0].1, other[1].1) = (int(kty), int(alg));
                if algorithm == Algorithm::Es256 {
                    other[2].1 = int(crv);
                }
                add(format!("kty {kty}, alg {alg}, crv {crv}"), map(&other));
            }
        }
    }
    for (what, key) in wholes(cose) {
        add(what.to_owned(), key);
    }
    for (what, key) in rewritten_heads(cose) {
        add(what, key);
    }
    if algorithm == Algorithm::Rs256 {
        for (what, n, e) in rsa_numbers(cose) {
            add(what, rs256_cose(&n, &e));
        }
    } else {
        for (what, x, y) in points(cose) {
            add(what.to_owned(), es256_cose(&x, &y));
        }
    }
    for (what, key) in bytewise(cose) {
        add(what, key);
    }
    out
}

fn with_key(what: String, cose: Vec<u8>) -> Mutation {
    let ceremony = Ceremony { flags: UP | UV | BE | BS | AT, cose, ..Ceremony::get() };
    let data = ceremony.auth_data();
    Mutation::new("COSE key", what, move |parts| parts.auth_data = data.clone())
}

fn p256_members(cose: &[u8]) -> Members {
    let (x, y) = (&cose[10..42], &cose[45..]);
    vec![(int(1), int(2)), (int(3), int(-7)), (int(-1), int(1)), (int(-2), bytes(x)), (int(-3), bytes(y))]
}

fn rsa_members(cose: &[u8]) -> Members {
    let (n, e) = rsa_parts(cose);
    vec![(int(1), int(3)), (int(3), int(-257)), (int(-1), bytes(n)), (int(-2), bytes(e))]
}

fn rsa_parts(cose: &[u8]) -> (&[u8], &[u8]) {
    let at = cose.len() - 5;
    (&cose[at - 256..at], &cose[at + 2..])
}

fn label_name(label: &[u8]) -> String {
    match label {
        [byte @ 0..=0x17] => byte.to_string(),
        [byte] => (-1 - i16::from(byte & 0x1f)).to_string(),
        _ => String::from("?"),
    }
}

/// The same number in one byte more.
fn longer(number: &[u8]) -> Vec<u8> {
    vec![number[0] & 0xe0 | 0x18, number[0] & 0x1f]
}

fn values() -> Vec<(&'static str, Vec<u8>)> {
    vec![
        ("null", vec![0xf6]),
        ("undefined", vec![0xf7]),
        ("true", vec![0xf5]),
        ("0", int(0)),
        ("-1", int(-1)),
        ("a float", vec![0xf9, 0x3c, 0]),
        ("a huge number", vec![0x1b, 255, 255, 255, 255, 255, 255, 255, 255]),
        ("text", text("ES256")),
        ("no bytes", bytes(&[])),
        ("a byte", bytes(&[1])),
        ("31 bytes", bytes(&[7; 31])),
        ("32 bytes", bytes(&[7; 32])),
        ("48 bytes", bytes(&[7; 48])),
        ("an array", array(&[])),
        ("a map", map(&[])),
        ("tagged", vec![0xc2, 0x41, 1]),
    ]
}

/// The sound value in other clothes.
fn altered(value: &[u8]) -> Vec<(&'static str, Vec<u8>)> {
    let mut out = vec![
        ("tagged", [&[0xd8, 24], value].concat()),
        ("in an array", array(&[value.to_vec()])),
        ("as bytes", bytes(value)),
    ];
    let start = match value[0] {
        0x58 => 2,
        0x59 => 3,
        0x40..=0x57 => 1,
        number => {
            out.push(("longer", vec![number & 0xe0 | 0x18, number & 0x1f]));
            return out;
        }
    };
    let inner = &value[start..];
    let chunk = bytes(inner);
    out.extend([
        ("a zero before", bytes(&[&[0], inner].concat())),
        ("a zero after", bytes(&[inner, &[0]].concat())),
        ("the first byte off", bytes(&inner[1..])),
        ("the last byte off", bytes(&inner[..inner.len() - 1])),
        ("all zeros", bytes(&vec![0; inner.len()])),
        ("all ones", bytes(&vec![0xff; inner.len()])),
        ("reversed", bytes(&inner.iter().rev().copied().collect::<Vec<_>>())),
        ("in chunks", [&[0x5f][..], &chunk, &[0xff]].concat()),
        ("as text", [vec![value[0] | 0x20], value[1..].to_vec()].concat()),
        ("as numbers", array(&inner.iter().map(|byte| int((*byte).into())).collect::<Vec<_>>())),
    ]);
    out
}

fn extras() -> Vec<(&'static str, Member)> {
    vec![
        ("a key id", (int(2), bytes(b"kid"))),
        ("key operations", (int(4), array(&[int(2)]))),
        ("a base IV", (int(5), bytes(b"iv"))),
        ("a private part", (int(-4), bytes(&[7; 32]))),
        ("an unknown number", (int(-70_000), int(1))),
        ("an unknown text", (text("x"), int(1))),
        ("null under null", (vec![0xf6], vec![0xf6])),
        ("a map as label", (map(&[]), int(1))),
    ]
}

fn wholes(cose: &[u8]) -> Vec<(&'static str, Vec<u8>)> {
    let members = cose[0] & 0x1f;
    vec![
        ("whole: nothing", vec![]),
        ("whole: null", vec![0xf6]),
        ("whole: an empty map", map(&[])),
        ("whole: an array", [&[cose[0] & 0x1f | 0x80], &cose[1..]].concat()),
        ("whole: a byte string of it", bytes(cose)),
        ("whole: tagged", [&[0xd8, 24], cose].concat()),
        ("whole: self-described", [&[0xd9, 0xd9, 0xf7], cose].concat()),
        ("whole: indefinite", [&[0xbf], &cose[1..], &[0xff]].concat()),
        ("whole: head of 2 bytes", [&[0xb8, members], &cose[1..]].concat()),
        ("whole: head of 9 bytes", [&[0xbb, 0, 0, 0, 0, 0, 0, 0, members], &cose[1..]].concat()),
        ("whole: a member promised", [&[cose[0] + 1], &cose[1..]].concat()),
        ("whole: a member hidden", [&[cose[0] - 1], &cose[1..]].concat()),
        ("whole: twice", cose.repeat(2)),
        ("whole: a byte after", [cose, &[0]].concat()),
        ("whole: a map after", [cose, &map(&[])].concat()),
    ]
}

fn points(cose: &[u8]) -> Vec<(&'static str, Vec<u8>, Vec<u8>)> {
    let (x, y) = (cose[10..42].to_vec(), cose[45..].to_vec());
    let prime = [[0xff; 4], [0, 0, 0, 1], [0; 4], [0; 4], [0; 4], [0xff; 4], [0xff; 4], [0xff; 4]].concat();
    let negated: Vec<u8> = subtract(&prime, &y);
    let zero = vec![0; 32];
    vec![
        ("point: negated", x.clone(), negated),
        ("point: zero", zero.clone(), zero.clone()),
        ("point: x alone", x.clone(), zero.clone()),
        ("point: y alone", zero.clone(), y.clone()),
        ("point: swapped", y.clone(), x.clone()),
        ("point: x is the prime", prime.clone(), y.clone()),
        ("point: y is the prime", x.clone(), prime),
        ("point: short", x[..16].to_vec(), y[..16].to_vec()),
        ("point: of P-384 size", vec![7; 48], vec![9; 48]),
        ("point: split a byte too early", x[..31].to_vec(), [&x[31..], &y].concat()),
        ("point: split a byte too late", [&x[..], &y[..1]].concat(), y[1..].to_vec()),
        ("point: compressed with 2", [&[2], &x[..]].concat(), vec![]),
        ("point: compressed with 3", [&[3], &x[..]].concat(), vec![]),
        ("point: uncompressed in x", [&[4], &x[..], &y].concat(), y),
    ]
}

/// Big-endian numbers of one length.
pub(super) fn subtract(from: &[u8], number: &[u8]) -> Vec<u8> {
    let mut out = from.to_vec();
    let mut borrow = 0;
    for (left, right) in out.iter_mut().zip(number).rev() {
        let difference = i16::from(*left) - i16::from(*right) - borrow;
        borrow = i16::from(difference < 0);
        *left = difference.rem_euclid(256) as u8;
    }
    out
}

fn rsa_numbers(cose: &[u8]) -> Vec<(String, Vec<u8>, Vec<u8>)> {
    let (n, e) = rsa_parts(cose);
    let mut out = Vec::new();
    for bits in [512_usize, 1024, 2040, 2047, 2049, 2056, 3072, 4096, 4097, 8192] {
        let mut n = vec![0xa5; bits.div_ceil(8)];
        n[0] = if bits % 8 == 0 { 0xa5 } else { 1 << (bits % 8 - 1) };
        out.push((format!("n of {bits} bits"), n, e.to_vec()));
    }
    let mut even = n.to_vec();
    even[255] &= 0xfe;
    out.push(("n even".into(), even, e.to_vec()));
    for e in [
        &[][..],
        &[0],
        &[1],
        &[2],
        &[3],
        &[17],
        &[0, 0, 1],
        &[0, 0, 3],
        &[0, 1, 1],
        &[1, 0, 0],
        &[1, 0, 3],
        &[0xff, 0xff, 0xff],
        &[0, 1, 0, 1],
        &[0xff, 0xff, 0xff, 0xff],
        &[1, 0, 0, 0, 1],
        &[0; 3],
    ] {
        out.push((format!("e of {e:?}"), n.to_vec(), e.to_vec()));
    }
    out
}
