//! Signatures: every bit, every length, every spelling.

use stile_webauthn::Algorithm;

use super::cose::subtract;
use super::{Mutation, bytewise};
use crate::authenticator::*;

/// Alterations of the signature of an assertion that is sound otherwise.
pub(super) fn mutations(authenticator: &Authenticator, algorithm: Algorithm) -> Vec<Mutation> {
    let message = Ceremony::get().signed();
    let sound = sign(authenticator, algorithm, &message);
    let mut out: Vec<_> = forms(algorithm, &sound)
        .into_iter()
        .map(|(what, signature)| {
            Mutation::new("signature", what, move |parts| parts.signature = Some(signature.clone()))
        })
        .collect();
    for other in ALL {
        for key in [Authenticator::fixed(other), Authenticator::new(other)] {
            let signature = key.sign(&message);
            let own = other == algorithm && key.cose() == authenticator.cose();
            let what = format!("by {} {other:?} key", if own { "its own" } else { "another" });
            out.push(Mutation::new("signature", what, move |parts| {
                parts.signature = Some(signature.clone())
            }));
        }
    }
    let data = Ceremony::get().auth_data();
    for (what, message) in [
        ("over authenticator data alone", data.clone()),
        ("over client data, not hashed", [&data[..], &Ceremony::get().client_data()].concat()),
        ("over the hash of it all", sha256(&message)),
        ("over nothing", vec![]),
        ("over another challenge", Ceremony { challenge: vec![1; 32], ..Ceremony::get() }.signed()),
    ] {
        let signature = authenticator.sign(&message);
        out.push(Mutation::new("signature", what.into(), move |parts| {
            parts.signature = Some(signature.clone())
        }));
    }
    out
}

/// ECDSA signatures are random, and in DER of 70 to 72 bytes or so: taken at one length, every run counts the same.
pub(super) fn sign(authenticator: &Authenticator, algorithm: Algorithm, message: &[u8]) -> Vec<u8> {
    loop {
        let signature = authenticator.sign(message);
        if algorithm != Algorithm::Es256 || signature.len() == 71 {
            return signature;
        }
    }
}

/// The order of P-256 (SEC 2 v2 §2.4.2).
const ORDER: [u8; 32] = [
    0xff, 0xff, 0xff, 0xff, 0, 0, 0, 0, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xbc, 0xe6, 0xfa,
    0xad, 0xa7, 0x17, 0x9e, 0x84, 0xf3, 0xb9, 0xca, 0xc2, 0xfc, 0x63, 0x25, 0x51,
];

fn forms(algorithm: Algorithm, sound: &[u8]) -> Vec<(String, Vec<u8>)> {
    let mut out: Vec<(String, Vec<u8>)> = [
        ("nothing", vec![]),
        ("zeros", vec![0; sound.len()]),
        ("ones", vec![0xff; sound.len()]),
        ("twice", sound.repeat(2)),
        ("a zero before", [&[0], sound].concat()),
        ("a zero after", [sound, &[0]].concat()),
        ("2000 zeros after", [sound, &[0; 2000]].concat()),
        ("reversed", sound.iter().rev().copied().collect()),
        ("64 zeros", vec![0; 64]),
        ("256 zeros", vec![0; 256]),
    ]
    .map(|(what, bytes)| (what.to_owned(), bytes))
    .to_vec();
    if algorithm == Algorithm::Es256 {
        out.extend(der_forms(sound).into_iter().map(|(what, bytes)| (format!("DER: {what}"), bytes)));
    }
    out.extend(bytewise(sound));
    out
}

fn der_forms(sound: &[u8]) -> Vec<(&'static str, Vec<u8>)> {
    let (r, s) = read_der(sound);
    let twin = subtract(&ORDER, &s);
    let integer = |tag: u8, bytes: &[u8]| [&[tag, bytes.len() as u8], bytes].concat();
    // As DER wants it: no zeros in front, but one where the number would be negative.
    let plain = |number: &[u8]| {
        let first = number.iter().position(|byte| *byte != 0).unwrap_or(number.len() - 1);
        let number = &number[first..];
        if number[0] & 0x80 == 0 { number.to_vec() } else { [&[0], number].concat() }
    };
    let sequence = |tag: u8, r: &[u8], s: &[u8]| [&[tag, (r.len() + s.len()) as u8], r, s].concat();
    let (der_r, der_s) = (integer(2, &plain(&r)), integer(2, &plain(&s)));
    let body = [&der_r[..], &der_s].concat();
    let length = body.len() as u8;
    let (zero, one) = (integer(2, &[0]), integer(2, &[1]));
    vec![
        ("as it was", sequence(0x30, &der_r, &der_s)),
        ("the twin, n - s", sequence(0x30, &der_r, &integer(2, &plain(&twin)))),
        ("r and s swapped", sequence(0x30, &der_s, &der_r)),
        ("raw", [&r[..], &s].concat()),
        ("long length", [&[0x30, 0x81, length], &body[..]].concat()),
        ("longer length", [&[0x30, 0x82, 0, length], &body[..]].concat()),
        ("indefinite", [&[0x30, 0x80], &body[..], &[0, 0]].concat()),
        ("a set", sequence(0x31, &der_r, &der_s)),
        ("primitive", sequence(0x10, &der_r, &der_s)),
        ("a zero before r", sequence(0x30, &integer(2, &[&[0, 0], &r[..]].concat()), &der_s)),
        ("a zero before s", sequence(0x30, &der_r, &integer(2, &[&[0, 0], &s[..]].concat()))),
        ("r negative", sequence(0x30, &integer(2, &[&[0x80], &r[1..]].concat()), &der_s)),
        ("r zero", sequence(0x30, &zero, &der_s)),
        ("s zero", sequence(0x30, &der_r, &zero)),
        ("both zero", sequence(0x30, &zero, &zero)),
        ("both one", sequence(0x30, &one, &one)),
        ("r is the order", sequence(0x30, &integer(2, &plain(&ORDER)), &der_s)),
        ("s is the order", sequence(0x30, &der_r, &integer(2, &plain(&ORDER)))),
        ("r as bytes", sequence(0x30, &integer(4, &plain(&r)), &der_s)),
        ("r as an enumeration", sequence(0x30, &integer(10, &plain(&r)), &der_s)),
        ("r of no bytes", sequence(0x30, &integer(2, &[]), &der_s)),
        ("r alone", [&[0x30, der_r.len() as u8], &der_r[..]].concat()),
        ("a third number", [&[0x30, length + 3], &body[..], &one].concat()),
        ("a null within", [&[0x30, length + 2], &body[..], &[5, 0]].concat()),
        ("a null after", [&[0x30, length], &body[..], &[5, 0]].concat()),
        ("no numbers", vec![0x30, 0]),
    ]
}

/// `r` and `s`, of 32 bytes each.
fn read_der(der: &[u8]) -> ([u8; 32], [u8; 32]) {
    let fixed = |number: &[u8]| {
        let mut out = [0; 32];
        let number = &number[number.len().saturating_sub(32)..];
        out[32 - number.len()..].copy_from_slice(number);
        out
    };
    let length = usize::from(der[3]);
    (fixed(&der[4..4 + length]), fixed(&der[6 + length..]))
}
