//! Two verifiers, one answer: this crate and webauthn-rs-core judge the same ceremonies, sound ones and altered ones.
//!
//! Alterations are signed again wherever a signature is due, so that the signature hides no other check. The keys are
//! fixed and the random alterations seeded, so every run does the same.
//!
//! The oracle refuses every EdDSA key. An EdDSA ceremony is therefore judged by us, and its twin, altered in the same
//! way but with an ES256 key, by the oracle; what has no twin (the key itself, the signature) is left to the tests in
//! `keys`, and to Wycheproof.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod attestation;
mod authenticator_data;
mod client_data;
mod cose;
mod explained;
mod oracle;
mod signature;

use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;
use std::thread;

use stile_webauthn::{Algorithm, AssertionResponse, NewCredential, RegistrationResponse, UserVerification};
use webauthn_rs_core::proto::{Credential, UserVerificationPolicy};

use self::explained::{Difference, EXPLAINED};
use self::oracle::Oracle;
use crate::authenticator::*;
use crate::fuzz::mutate::Random;

/// What an alteration may touch. The rest is made from it.
#[derive(Clone)]
struct Parts {
    id: Vec<u8>,
    client_data: Vec<u8>,
    auth_data: Vec<u8>,
    user_handle: Option<Vec<u8>>,
    /// In place of the object made of `auth_data`.
    object: Option<Vec<u8>>,
    /// In place of the signature that is due.
    signature: Option<Vec<u8>>,
}

#[derive(Clone)]
struct Mutation {
    group: &'static str,
    what: String,
    policy: UserVerification,
    change: Rc<dyn Fn(&mut Parts)>,
}

impl Mutation {
    fn new(group: &'static str, what: String, change: impl Fn(&mut Parts) + 'static) -> Self {
        Mutation { group, what, policy: UserVerification::Required, change: Rc::new(change) }
    }
}

/// Every bit flipped, every shorter length.
fn bytewise(bytes: &[u8]) -> Vec<(String, Vec<u8>)> {
    let mut out = Vec::new();
    for at in 0..bytes.len() {
        out.push((format!("cut to {at}"), bytes[..at].to_vec()));
        for bit in 0..8 {
            let mut flipped = bytes.to_vec();
            flipped[at] ^= 1 << bit;
            out.push((format!("bit {bit} of byte {at}"), flipped));
        }
    }
    out
}

/// Each CBOR head in a longer form. What is no head is rewritten as well: garbage, but that is welcome too.
fn rewritten_heads(cbor: &[u8]) -> Vec<(String, Vec<u8>)> {
    let mut out = Vec::new();
    for (at, byte) in cbor.iter().enumerate() {
        let (major, argument) = (byte & 0xe0, byte & 0x1f);
        let forms: &[Vec<u8>] = &match argument {
            0..=23 => [vec![major | 24, argument], vec![major | 25, 0, argument]],
            24 => [vec![major | 25, 0], vec![major | 26, 0, 0, 0]],
            _ => [vec![major | 26, 0, 0], vec![major | 27, 0, 0, 0, 0, 0, 0]],
        };
        for form in forms {
            let bytes = [&cbor[..at], form, &cbor[at + 1..]].concat();
            out.push((format!("head at {at} as {:02x}", form[0]), bytes));
        }
    }
    out
}

/// Some bytes overwritten, put in, taken out or repeated, at places that the seed and the length choose: not for
/// twins, whose lengths differ.
fn random_edits(ceremony: &'static str, count: u64) -> impl Iterator<Item = Mutation> {
    (0..count).map(move |seed| {
        Mutation::new("random edits", format!("of {ceremony} by seed {seed}"), move |parts| {
            let mut random = Random::new(seed);
            let part = if random.below(2) == 0 { &mut parts.client_data } else { &mut parts.auth_data };
            random.edit(part, 9_000);
        })
    })
}

fn user_handles() -> Vec<Mutation> {
    [None, Some(&b""[..]), Some(b"user-1"), Some(b"user-2"), Some(b"user-11"), Some(b"user-")]
        .map(|handle| {
            Mutation::new("user handle", format!("{handle:?}"), move |parts| {
                parts.user_handle = handle.map(<[u8]>::to_vec);
            })
        })
        .to_vec()
}

#[derive(Default)]
struct Tally {
    ceremonies: usize,
    mutations: usize,
    differences: Vec<Difference>,
}

impl Tally {
    fn compare(&mut self, mutation: &Mutation, ours: Result<(), &'static str>, theirs: Result<(), String>) {
        self.mutations += 1;
        if ours.is_ok() != theirs.is_ok() {
            let Mutation { group, what, .. } = mutation;
            self.differences.push(Difference { group, what: what.clone(), ours, theirs });
        }
    }
}

struct Subject {
    algorithm: Algorithm,
    authenticator: Authenticator,
    /// Whose answer stands for this one before the oracle.
    twin: Option<Authenticator>,
}

impl Subject {
    fn new(algorithm: Algorithm) -> Self {
        let twin = (algorithm == Algorithm::EdDsa).then(|| Authenticator::fixed(Algorithm::Es256));
        Subject { algorithm, authenticator: Authenticator::fixed(algorithm), twin }
    }

    fn before_the_oracle(&self) -> (Algorithm, &Authenticator) {
        match &self.twin {
            Some(twin) => (Algorithm::Es256, twin),
            None => (self.algorithm, &self.authenticator),
        }
    }

    /// Each alteration of ours with the one to show the oracle.
    fn pairs(&self, of: impl Fn(Algorithm, &Authenticator) -> Vec<Mutation>) -> Vec<(Mutation, Mutation)> {
        let ours = of(self.algorithm, &self.authenticator);
        let (algorithm, authenticator) = self.before_the_oracle();
        let name = |it: &Mutation| (it.group, it.what.clone(), it.policy == UserVerification::Required);
        let theirs: BTreeMap<_, _> =
            of(algorithm, authenticator).into_iter().map(|it| (name(&it), it)).collect();
        ours.into_iter().filter_map(|it| theirs.get(&name(&it)).cloned().map(|twin| (it, twin))).collect()
    }
}

fn altered(ceremony: &Ceremony, mutation: &Mutation) -> Parts {
    let mut parts = Parts {
        id: ceremony.credential_id.clone(),
        client_data: ceremony.client_data(),
        auth_data: ceremony.auth_data(),
        user_handle: Some(USER_HANDLE.to_vec()),
        object: None,
        signature: None,
    };
    (mutation.change)(&mut parts);
    parts
}

fn signed(parts: &Parts) -> Vec<u8> {
    [&parts.auth_data[..], &sha256(&parts.client_data)].concat()
}

fn registration(
    authenticator: &Authenticator,
    packed: Option<Algorithm>,
    mutation: &Mutation,
) -> RegistrationResponse {
    let parts = altered(&Ceremony::create(authenticator), mutation);
    let attestation_object = match (parts.object.clone(), packed) {
        (Some(object), _) => object,
        (None, None) => attestation_object("none", &map(&[]), &parts.auth_data),
        (None, Some(algorithm)) => {
            let signature = authenticator.sign(&signed(&parts));
            let statement =
                map(&[(text("alg"), int(algorithm.id().into())), (text("sig"), bytes(&signature))]);
            attestation_object("packed", &statement, &parts.auth_data)
        }
    };
    RegistrationResponse { raw_id: parts.id, client_data_json: parts.client_data, attestation_object }
}

fn assertion(authenticator: &Authenticator, mutation: &Mutation) -> AssertionResponse {
    let parts = altered(&Ceremony::get(), mutation);
    let signature = parts.signature.clone().unwrap_or_else(|| authenticator.sign(&signed(&parts)));
    AssertionResponse {
        credential_id: parts.id,
        client_data_json: parts.client_data,
        authenticator_data: parts.auth_data,
        signature,
        user_handle: parts.user_handle,
    }
}

fn untouched() -> Mutation {
    Mutation::new("sound", String::new(), |_| {})
}

/// Where both accept, they must have read the same.
fn same(ours: &NewCredential, theirs: &Credential) {
    assert_eq!(ours.id, theirs.cred_id);
    assert_eq!(ours.sign_count, theirs.counter);
    assert_eq!(ours.user_verified, theirs.user_verified);
    assert_eq!((ours.backup_eligible, ours.backed_up), (theirs.backup_eligible, theirs.backup_state));
}

fn registrations(oracle: &Oracle, tally: &mut Tally, subject: &Subject, packed: bool) {
    let all = |algorithm: Algorithm, authenticator: &Authenticator| {
        let key = authenticator.cose();
        let mut all = vec![untouched()];
        all.extend(client_data::mutations("webauthn.create"));
        all.extend(authenticator_data::mutations(Some(&key)));
        if subject.twin.is_none() {
            all.extend(random_edits("a registration", 2_000));
        }
        if !packed && subject.twin.is_none() {
            all.extend(cose::mutations(algorithm, &key));
            all.extend(attestation::mutations(authenticator, algorithm));
        }
        // Signatures take time, and what they are over does not depend on the algorithm.
        if packed && subject.algorithm != Algorithm::Es256 {
            all.retain(|it| !it.what.starts_with("bit "));
        }
        all
    };
    tally.ceremonies += 1;
    let (algorithm, before_the_oracle) = subject.before_the_oracle();
    for (mutation, twin) in subject.pairs(all) {
        let response = registration(&subject.authenticator, packed.then_some(subject.algorithm), &mutation);
        let ours = register_when(&response, |it| it.user_verification = mutation.policy);
        let shown = match &subject.twin {
            Some(_) => registration(before_the_oracle, packed.then_some(algorithm), &twin),
            None => response,
        };
        let theirs = oracle.register(&shown, mutation.policy);
        if let (Ok(ours), Ok(theirs)) = (&ours, &theirs) {
            same(ours, theirs);
        }
        let theirs = theirs.map(drop).map_err(|error| format!("{error:?}"));
        tally.compare(&mutation, ours.map(drop).map_err(|error| error.code()), theirs);
    }
}

fn assertions(oracle: &Oracle, tally: &mut Tally, subject: &Subject) {
    let all = |algorithm: Algorithm, authenticator: &Authenticator| {
        let mut all = vec![untouched()];
        all.extend(client_data::mutations("webauthn.get"));
        all.extend(authenticator_data::mutations(None));
        all.extend(user_handles());
        for other in [&b""[..], b"credential-2", b"credential-", b"credential-11"] {
            let what = String::from_utf8_lossy(other).into_owned();
            all.push(Mutation::new("credential", what, move |parts| parts.id = other.to_vec()));
        }
        if subject.twin.is_none() {
            all.extend(random_edits("an assertion", 2_000));
            all.extend(signature::mutations(authenticator, algorithm));
        }
        // An RSA signature takes a millisecond.
        if subject.algorithm == Algorithm::Rs256 {
            all.retain(|it| it.group == "signature" || !it.what.starts_with("bit "));
        }
        all
    };
    tally.ceremonies += 1;
    let (_, before_the_oracle) = subject.before_the_oracle();
    let record = record(&subject.authenticator);
    let sound = registration(before_the_oracle, None, &untouched());
    let credential = oracle.register(&sound, UserVerification::Required).unwrap();
    // Registered by a user who was not verified: the oracle then lets later uses be unverified too.
    let mut unverified = credential.clone();
    (unverified.user_verified, unverified.registration_policy) = (false, UserVerificationPolicy::Preferred);
    for (mutation, twin) in subject.pairs(all) {
        let counts: &[u32] = if mutation.group == "counter" { &[0, 1, 5, 1 << 31, u32::MAX] } else { &[0] };
        for count in counts {
            let response = assertion(&subject.authenticator, &mutation);
            let stored = Record {
                id: record.id.clone(),
                public_key: record.public_key.clone(),
                sign_count: *count,
                ..record
            };
            let ours = check_when(&response, &stored, |it| it.user_verification = mutation.policy);
            let shown = if subject.twin.is_some() { assertion(before_the_oracle, &twin) } else { response };
            let lenient = mutation.policy == UserVerification::Preferred;
            let mut credential = if lenient { unverified.clone() } else { credential.clone() };
            credential.counter = *count;
            let theirs = oracle.authenticate(&shown, &credential, mutation.policy);
            let theirs = theirs.map_err(|error| format!("{error:?}"));
            tally.compare(&mutation, ours.map(drop).map_err(|error| error.code()), theirs);
        }
    }
}

fn all_of(algorithm: Algorithm) -> Tally {
    let (oracle, mut tally, subject) = (Oracle::new(), Tally::default(), Subject::new(algorithm));
    for packed in [false, true] {
        registrations(&oracle, &mut tally, &subject, packed);
    }
    assertions(&oracle, &mut tally, &subject);
    tally
}

#[test]
fn both_verifiers_agree_or_the_difference_is_explained() {
    // A thread for each algorithm: the verifying of signatures is what takes the time.
    let tallies = thread::scope(|scope| {
        ALL.map(|algorithm| scope.spawn(move || all_of(algorithm))).map(|thread| thread.join().unwrap())
    });
    let ceremonies: usize = tallies.iter().map(|it| it.ceremonies).sum();
    let mutations: usize = tallies.iter().map(|it| it.mutations).sum();
    let differences: Vec<_> = tallies.into_iter().flat_map(|it| it.differences).collect();
    let mut classes: BTreeMap<&str, usize> = BTreeMap::new();
    let mut unexplained = BTreeSet::new();
    for difference in &differences {
        let mut reasons = EXPLAINED.iter().filter(|it| it.explains(difference));
        match (reasons.next(), reasons.next()) {
            (Some(reason), None) => *classes.entry(reason.class).or_default() += 1,
            (first, _) => {
                let reasons = if first.is_some() { "more than one reason" } else { "no reason" };
                unexplained.insert(format!("{reasons}: {difference:?}"));
            }
        }
    }
    let unexplained: Vec<_> = unexplained.into_iter().collect();
    assert!(unexplained.is_empty(), "{} unexplained:\n{}", unexplained.len(), unexplained.join("\n"));
    for reason in EXPLAINED {
        assert!(classes.contains_key(reason.class), "explained, but not met: {}", reason.class);
    }
    let mut summary =
        format!("{ceremonies} ceremonies, {mutations} mutations, {} differences", differences.len());
    summary.push_str(" (all explained:");
    for reason in EXPLAINED {
        let side = if reason.ours_accepts() { "we accept" } else { "we refuse" };
        summary.push_str(&format!("\n{:6}, {side}: {}", classes[reason.class], reason.class));
    }
    println!("{summary})");
}

/// The tables below are worth something only if they start from ceremonies that both accept.
#[test]
fn sound_ceremonies_are_accepted_by_both() {
    let oracle = Oracle::new();
    for subject in ALL.map(Subject::new) {
        let (algorithm, before_the_oracle) = subject.before_the_oracle();
        for packed in [false, true] {
            let response =
                registration(&subject.authenticator, packed.then_some(subject.algorithm), &untouched());
            assert!(register(&response).is_ok());
            let response = registration(before_the_oracle, packed.then_some(algorithm), &untouched());
            assert!(oracle.register(&response, UserVerification::Required).is_ok());
        }
    }
}

/// If this fails, a new oracle knows EdDSA, and the twins can go.
#[test]
fn the_oracle_takes_no_eddsa() {
    let response = registration(&Authenticator::fixed(Algorithm::EdDsa), None, &untouched());
    assert!(register(&response).is_ok());
    assert!(Oracle::new().register(&response, UserVerification::Required).is_err());
}
