//! The crypto floor: the signatures, verifications and authenticator codes of an operation alone, by the calls that
//! the server makes of the library.
//!
//! One thread for each core, as under load: cores that share their units are slower together. CPU time
//! counts, so that another program on the machine does not.

use anyhow::{Context as _, Result, anyhow};
use aws_lc_rs::hmac;
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_ASN1, ECDSA_P256_SHA256_ASN1_SIGNING, ECDSA_P256_SHA256_FIXED,
    ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair as _, ParsedPublicKey,
};

use crate::op::Op;
use crate::proc::thread_nanos;

/// Bytes under a token's signature.
const TOKEN: usize = 900;
/// Bytes under an assertion's signature: authenticator data and a hash.
const ASSERTION: usize = 37 + 32;
/// Calls in one batch, and batches.
const CALLS: u32 = 1_000;
const BATCHES: usize = 9;

/// Microseconds of CPU that the operation's cryptography takes.
pub(crate) fn of(op: Op) -> Result<f64> {
    let crypto = op.crypto();
    let threads = std::thread::available_parallelism()?.get();
    let cost = |count: u32, call: fn() -> Result<f64>| -> Result<f64> {
        if count == 0 {
            return Ok(0.0);
        }
        let at_once: Vec<_> = (0..threads).map(|_| std::thread::spawn(call)).collect();
        let mut micros = Vec::new();
        for thread in at_once {
            micros.push(thread.join().map_err(|_| anyhow!("a thread broke off"))??);
        }
        Ok(micros.iter().sum::<f64>() / micros.len() as f64 * f64::from(count))
    };
    let tokens = cost(crypto.signs, sign)? + cost(crypto.verifies, verify)?;
    Ok(tokens + cost(crypto.assertions, assertion)? + cost(crypto.codes, code)?)
}

fn failed<E>(_: E) -> anyhow::Error {
    anyhow!("the library failed")
}

fn sign() -> Result<f64> {
    let key = EcdsaKeyPair::generate(&ECDSA_P256_SHA256_FIXED_SIGNING).map_err(failed)?;
    let message = vec![b'x'; TOKEN];
    batches(|| key.sign(&SystemRandom::new(), &message).map(drop).map_err(failed))
}

fn verify() -> Result<f64> {
    let key = EcdsaKeyPair::generate(&ECDSA_P256_SHA256_FIXED_SIGNING).map_err(failed)?;
    let message = vec![b'x'; TOKEN];
    let signature = key.sign(&SystemRandom::new(), &message).map_err(failed)?;
    let public = ParsedPublicKey::new(&ECDSA_P256_SHA256_FIXED, key.public_key().as_ref()).map_err(failed)?;
    batches(|| public.verify_sig(&message, signature.as_ref()).map_err(failed))
}

fn assertion() -> Result<f64> {
    let key = EcdsaKeyPair::generate(&ECDSA_P256_SHA256_ASN1_SIGNING).map_err(failed)?;
    let message = vec![b'x'; ASSERTION];
    let signature = key.sign(&SystemRandom::new(), &message).map_err(failed)?;
    let public = ParsedPublicKey::new(&ECDSA_P256_SHA256_ASN1, key.public_key().as_ref()).map_err(failed)?;
    batches(|| public.verify_sig(&message, signature.as_ref()).map_err(failed))
}

fn code() -> Result<f64> {
    batches(|| {
        let key = hmac::Key::new(hmac::HMAC_SHA1_FOR_LEGACY_USE_ONLY, &[7; 20]);
        std::hint::black_box(hmac::sign(&key, &[0; 8]));
        Ok(())
    })
}

/// The median over batches of the microseconds of one call.
fn batches(mut call: impl FnMut() -> Result<()>) -> Result<f64> {
    let mut micros = Vec::with_capacity(BATCHES);
    // The first batch warms up.
    for batch in 0..=BATCHES {
        let before = thread_nanos()?;
        for _ in 0..CALLS {
            call()?;
        }
        let spent = thread_nanos()?.saturating_sub(before);
        if batch > 0 {
            micros.push(spent as f64 / f64::from(CALLS) / 1_000.0);
        }
    }
    micros.sort_by(f64::total_cmp);
    micros.get(BATCHES / 2).copied().context("no batches")
}
