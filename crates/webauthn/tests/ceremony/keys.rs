//! Attacks by the public key.

use stile_webauthn::{Algorithm, Error};

use crate::authenticator::*;

fn with_key(cose: Vec<u8>) -> Result<Algorithm, Error> {
    let mut ceremony = Ceremony::create(&Authenticator::new(Algorithm::EdDsa));
    ceremony.cose = cose;
    register(&ceremony.registration()).map(|new| new.algorithm)
}

fn pairs(values: &[(i64, Vec<u8>)]) -> Vec<u8> {
    map(&values.iter().map(|(label, value)| (int(*label), value.clone())).collect::<Vec<_>>())
}

const MALFORMED: Result<Algorithm, Error> = Err(Error::MalformedPublicKey);

/// Coordinates of a real point.
fn point() -> (Vec<u8>, Vec<u8>) {
    let cose = Authenticator::new(Algorithm::Es256).cose();
    (cose[10..42].to_vec(), cose[45..77].to_vec())
}

#[test]
fn es256_has_exactly_its_members() {
    let (x, y) = point();
    let base = [(1, int(2)), (3, int(-7)), (-1, int(1)), (-2, bytes(&x)), (-3, bytes(&y))];
    assert_eq!(with_key(pairs(&base)), Ok(Algorithm::Es256));
    let replaced = |at: usize, value: Vec<u8>| {
        let mut pairs_ = base.clone();
        pairs_[at].1 = value;
        with_key(pairs(&pairs_))
    };
    for kty in [0, 1, 3, 4, -2] {
        assert_eq!(replaced(0, int(kty)), MALFORMED);
    }
    for crv in [0, 2, 3, 6, 8, -1] {
        assert_eq!(replaced(2, int(crv)), MALFORMED);
    }
    for alg in [-8, -257] {
        assert_eq!(replaced(1, int(alg)), MALFORMED);
    }
    for alg in [-35, -36, -37, -47, -65535, -9, 0, 7, 5] {
        assert_eq!(replaced(1, int(alg)), Err(Error::UnsupportedAlgorithm));
    }
    assert_eq!(replaced(1, text("ES256")), MALFORMED);
    assert_eq!(replaced(3, bytes(&x[1..])), MALFORMED);
    assert_eq!(replaced(3, bytes(&[&[0], &x[..]].concat())), MALFORMED);
    assert_eq!(replaced(4, bytes(&[])), MALFORMED);
    // compressed point: y as a sign
    assert_eq!(replaced(4, vec![0xf5]), MALFORMED);
    for missing in 0..base.len() {
        let mut fewer = base.to_vec();
        fewer.remove(missing);
        assert!(with_key(pairs(&fewer)).is_err());
    }
    // a private part, a key id, key operations
    for extra in [(-4, bytes(&x)), (2, bytes(b"kid")), (4, array(&[int(1)])), (-70000, int(1))] {
        let mut more = base.to_vec();
        more.push(extra);
        assert_eq!(with_key(pairs(&more)), MALFORMED);
    }
}

#[test]
fn order_and_repetition_are_refused() {
    let (x, y) = point();
    let base = [(1, int(2)), (3, int(-7)), (-1, int(1)), (-2, bytes(&x)), (-3, bytes(&y))];
    for (a, b) in [(0, 1), (1, 2), (3, 4), (0, 4)] {
        let mut swapped = base.clone();
        swapped.swap(a, b);
        assert_eq!(with_key(pairs(&swapped)), MALFORMED);
    }
    let mut twice = base.to_vec();
    twice.insert(1, (1, int(2)));
    assert_eq!(with_key(pairs(&twice)), MALFORMED);
}

#[test]
fn points_off_the_curve_are_refused() {
    let (x, mut y) = point();
    y[31] ^= 1;
    assert_eq!(with_key(es256_cose(&x, &y)), MALFORMED);
    assert_eq!(with_key(es256_cose(&[0; 32], &[0; 32])), MALFORMED);
    assert_eq!(with_key(es256_cose(&[0xff; 32], &[0xff; 32])), MALFORMED);
}

#[test]
fn eddsa_is_ed25519_only() {
    // The base point (RFC 8032 §5.1).
    let mut key = [0x66; 32];
    key[0] = 0x58;
    let with =
        |kty, crv, x: &[u8]| with_key(pairs(&[(1, int(kty)), (3, int(-8)), (-1, int(crv)), (-2, bytes(x))]));
    assert_eq!(with(1, 6, &key), Ok(Algorithm::EdDsa));
    assert_eq!(with(2, 6, &key), MALFORMED);
    assert_eq!(with(1, 7, &[9; 57]), MALFORMED);
    assert_eq!(with(1, 4, &key), MALFORMED);
    assert_eq!(with(1, 6, &key[1..]), MALFORMED);
    assert_eq!(with(1, 6, &[9; 33]), MALFORMED);
    // DER where raw bytes are due
    assert_eq!(with(1, 6, &Authenticator::new(Algorithm::EdDsa).spki()), MALFORMED);
    let private = pairs(&[(1, int(1)), (3, int(-8)), (-1, int(6)), (-2, bytes(&key)), (-4, bytes(&key))]);
    assert_eq!(with_key(private), MALFORMED);
}

#[test]
fn rsa_has_2048_to_8192_bits_and_an_odd_exponent_of_at_least_65537() {
    let modulus = |bits: usize| {
        let mut n = vec![0xa5; bits.div_ceil(8)];
        n[0] = match bits % 8 {
            0 => 0x80,
            odd => 1 << (odd - 1),
        };
        n
    };
    let f4 = [1, 0, 1];
    for bits in [2048, 4096, 4097, 8191, 8192] {
        assert_eq!(with_key(rs256_cose(&modulus(bits), &f4)), Ok(Algorithm::Rs256), "{bits}");
    }
    for bits in [8, 512, 1024, 2047, 8193, 8200] {
        assert_eq!(with_key(rs256_cose(&modulus(bits), &f4)), MALFORMED, "{bits}");
    }
    assert_eq!(with_key(rs256_cose(&[], &f4)), MALFORMED);
    assert_eq!(with_key(rs256_cose(&[&[0], &modulus(2048)[..]].concat(), &f4)), MALFORMED);
    let mut even = modulus(2048);
    even[255] = 0xa4;
    assert_eq!(with_key(rs256_cose(&even, &f4)), MALFORMED);
    for e in
        [&[][..], &[0], &[1], &[2], &[3], &[17], &[0xff, 0xff], &[0, 1, 0, 1], &[1, 0, 0], &[1, 0, 0, 0, 1]]
    {
        assert_eq!(with_key(rs256_cose(&modulus(2048), e)), MALFORMED, "{e:?}");
    }
    let huge = with_key(rs256_cose(&modulus(16_384), &f4));
    assert_eq!(huge, Err(Error::TooLarge));
    // a private exponent
    let private = pairs(&[
        (1, int(3)),
        (3, int(-257)),
        (-1, bytes(&modulus(2048))),
        (-2, bytes(&f4)),
        (-3, bytes(&modulus(2048))),
    ]);
    assert_eq!(with_key(private), MALFORMED);
}

#[test]
fn a_key_that_is_no_map_is_refused() {
    for cose in [vec![], int(1), bytes(&[1; 77]), array(&[]), map(&[])] {
        assert!(with_key(cose).is_err());
    }
    let deep = map(&[(int(1), vec![0x81; 500])]);
    assert_eq!(with_key(deep), Err(Error::MalformedCbor));
}

#[test]
fn a_signature_of_one_kind_is_none_of_another() {
    let authenticators = ALL.map(Authenticator::new);
    for (i, signer) in authenticators.iter().enumerate() {
        for (j, holder) in authenticators.iter().enumerate() {
            let result = check(&Ceremony::get().assertion(signer), &record(holder));
            assert_eq!(result.is_ok(), i == j);
            if i != j {
                assert_eq!(result.unwrap_err(), Error::BadSignature);
            }
        }
    }
}

/// Points for which anybody can sign without a private key, in every spelling.
fn small_order_points() -> [[u8; 32]; 8] {
    let spelled = |first, middle, last| {
        let mut point = [middle; 32];
        (point[0], point[31]) = (first, last);
        point
    };
    [
        spelled(1, 0, 0),
        spelled(0, 0, 0),
        spelled(0, 0, 0x80),
        spelled(0xec, 0xff, 0x7f),
        // At or above the field's prime.
        spelled(1, 0, 0x80),
        spelled(0xee, 0xff, 0x7f),
        spelled(0xed, 0xff, 0x7f),
        spelled(0xee, 0xff, 0xff),
    ]
}

fn ed25519_cose(point: &[u8; 32]) -> Vec<u8> {
    pairs(&[(1, int(1)), (3, int(-8)), (-1, int(6)), (-2, bytes(point))])
}

#[test]
fn ed25519_keys_of_small_order_are_refused() {
    for point in small_order_points() {
        assert_eq!(with_key(ed25519_cose(&point)), MALFORMED, "{point:?}");
    }
}

/// A key that an older version let in, and a signature made without any: R is the neutral point, S is 0.
#[test]
fn a_stored_key_of_small_order_opens_nothing() {
    let authenticator = Authenticator::new(Algorithm::EdDsa);
    let mut response = Ceremony::get().assertion(&authenticator);
    response.signature = [&[1][..], &[0; 63]].concat();
    for point in small_order_points() {
        let stored = Record { public_key: ed25519_cose(&point), ..record(&authenticator) };
        assert_eq!(check(&response, &stored), Err(Error::StoredKeyRefused), "{point:?}");
    }
}

/// Keys that an older version took: they are judged by the rules of now, whatever the signature.
#[test]
fn a_stored_key_that_is_too_weak_opens_nothing() {
    let authenticator = Authenticator::new(Algorithm::Rs256);
    let response = Ceremony::get().assertion(&authenticator);
    let good = record(&authenticator);
    assert!(check(&response, &good).is_ok());
    let mut exponent = good.public_key.clone();
    exponent.truncate(exponent.len() - 4);
    exponent.extend(bytes(&[3]));
    let short = rs256_cose(&[0xa5; 128], &[1, 0, 1]);
    let off_the_curve = es256_cose(&[7; 32], &[7; 32]);
    for public_key in [exponent, short, off_the_curve, vec![]] {
        let stored = Record { public_key, ..record(&authenticator) };
        assert_eq!(check(&response, &stored), Err(Error::StoredKeyRefused));
    }
}
