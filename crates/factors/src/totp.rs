//! Authenticator apps: time-based one-time passwords (RFC 6238), 6 digits, steps of 30 s, HMAC-SHA-1.
//!
//! A code is accepted in its own step and one to either side of it, for clocks that differ (RFC 6238 §5.2, §6), and only
//! in a step later than the last one accepted: no code counts twice (ASVS 6.5.1).

use aws_lc_rs::{constant_time, hmac};
use stile_core::{CredentialId, EnvironmentId, Format, Micros, Proof};
use stile_keys::seal::SealError;
use stile_keys::{Keyring, encoding, random};
use zeroize::Zeroizing;

use crate::spelling::normalise;

/// How long an unverified device waits for its first code, in seconds.
pub const UNVERIFIED_SECONDS: i64 = 600;
/// Bytes of a secret: what RFC 4226 §4 R6 recommends.
const SECRET: usize = 20;
/// Seconds of a step.
const STEP: i64 = 30;
const DIGITS: usize = 6;

/// A device's secret. It has no `Debug`, and is overwritten when it is dropped.
pub struct Secret(Zeroizing<Vec<u8>>);

impl Secret {
    /// A new secret of 160 random bits.
    pub fn generate() -> Self {
        Self(Zeroizing::new(random::bytes::<SECRET>().to_vec()))
    }

    /// The secret sealed for its device.
    ///
    /// # Errors
    /// [`SealError`] when the cipher fails.
    pub fn seal(
        &self,
        keys: &Keyring,
        environment: EnvironmentId,
        device: CredentialId,
    ) -> Result<Vec<u8>, SealError> {
        keys.seal.seal(&place(&environment, &device), &self.0)
    }

    /// The secret of a device.
    ///
    /// # Errors
    /// [`SealError`] when it was sealed for another device, or under a key that is not known here.
    pub fn open(
        keys: &Keyring,
        environment: EnvironmentId,
        device: CredentialId,
        sealed: &[u8],
    ) -> Result<Self, SealError> {
        let plain = keys.seal.open(&place(&environment, &device), sealed)?;
        Ok(Self(Zeroizing::new(plain.to_vec())))
    }

    /// The secret as apps take it when it is typed (RFC 4648 §6 base32, no padding).
    pub fn text(&self) -> Zeroizing<String> {
        Zeroizing::new(encoding::base32(&self.0))
    }

    /// The `otpauth://` URI that a QR code carries. `issuer` and `account` are shown by the app, without the colons in them.
    pub fn uri(&self, issuer: &str, account: &str) -> Zeroizing<String> {
        let (issuer, account) = (name(issuer), name(account));
        let secret = self.text();
        // Without a name that is left there is no issuer at all: an empty one is read as a part of the account.
        let (prefix, parameter) = if issuer.is_empty() {
            (String::new(), String::new())
        } else {
            (format!("{issuer}:"), format!("&issuer={issuer}"))
        };
        Zeroizing::new(format!(
            "otpauth://totp/{prefix}{account}?secret={}{parameter}&algorithm=SHA1&digits={DIGITS}&period={STEP}",
            *secret
        ))
    }

    /// The code of a step (RFC 4226 §5.3, with the step as the counter).
    fn code(&self, step: i64) -> [u8; DIGITS] {
        let key = hmac::Key::new(hmac::HMAC_SHA1_FOR_LEGACY_USE_ONLY, &self.0);
        let tag = hmac::sign(&key, &step.to_be_bytes());
        let tag = tag.as_ref();
        let offset = usize::from(tag.last().copied().unwrap_or(0) & 15);
        let four = tag.iter().skip(offset).take(4);
        let mut number = four.fold(0_u32, |number, byte| number << 8 | u32::from(*byte)) & 0x7fff_ffff;
        let mut digits = [b'0'; DIGITS];
        for digit in digits.iter_mut().rev() {
            *digit = b'0' + u8::try_from(number % 10).unwrap_or(0);
            number /= 10;
        }
        digits
    }
}

/// A right code: it becomes a proof, and its step must be stored.
#[derive(Clone, Copy, Debug)]
pub struct RightCode {
    step: i64,
    at: Micros,
}

impl RightCode {
    /// The step of the code, counted from the Unix epoch: the last one that is accepted.
    pub const fn step(&self) -> i64 {
        self.step
    }

    /// The proof, for the device that the code was judged for.
    pub const fn proof(&self, device: CredentialId) -> Proof {
        Proof::code(Format::Totp, device, self.at)
    }
}

/// The newest step of which a code can have been accepted by now: apps may be one ahead.
pub const fn newest_step(now: Micros) -> i64 {
    now.seconds().div_euclid(STEP) + 1
}

/// Judges an answer against every acceptable step, in constant time. `last_step` is the last step that was accepted,
/// `-1` for none. `None` is a wrong code, or one that was used.
pub fn judge(secret: &Secret, last_step: i64, answer: &str, now: Micros) -> Option<RightCode> {
    let answer = normalise(answer);
    let present = now.seconds().div_euclid(STEP);
    let mut right = None;
    for step in (present - 1)..=newest_step(now) {
        let equal = constant_time::verify_slices_are_equal(&secret.code(step), answer.as_bytes()).is_ok();
        if equal && step > last_step {
            right = Some(RightCode { step, at: now });
        }
    }
    right
}

fn place<'a>(environment: &'a EnvironmentId, device: &'a CredentialId) -> [&'a [u8]; 3] {
    [b"totp", environment.as_bytes(), device.as_bytes()]
}

/// A name as it stands in the URI. The format forbids a colon in it, in any encoding: apps decode before they split the label.
fn name(text: &str) -> String {
    let words: Vec<&str> = text.split(|c: char| c == ':' || c.is_whitespace() || c.is_control()).collect();
    let words: Vec<&str> = words.into_iter().filter(|word| !word.is_empty()).collect();
    percent(&words.join(" "))
}

/// Percent-encoding of everything but RFC 3986 §2.3's unreserved characters.
fn percent(text: &str) -> String {
    text.bytes()
        .map(|byte| match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => {
                char::from(byte).to_string()
            }
            _ => format!("%{byte:02X}"),
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use stile_keys::MasterKey;

    const DEVICE: CredentialId = CredentialId::from_bytes([2; 16]);
    const ENVIRONMENT: EnvironmentId = EnvironmentId::from_bytes([1; 16]);

    fn secret(bytes: &[u8]) -> Secret {
        Secret(Zeroizing::new(bytes.to_vec()))
    }

    fn at(seconds: i64) -> Micros {
        Micros::new(seconds * 1_000_000)
    }

    fn text(secret: &Secret, step: i64) -> String {
        secret.code(step).iter().map(|digit| char::from(*digit)).collect()
    }

    /// RFC 4226 appendix D.
    #[test]
    fn hotp_vectors() {
        let secret = secret(b"12345678901234567890");
        let codes = [
            "755224", "287082", "359152", "969429", "338314", "254676", "287922", "162583", "399871",
            "520489",
        ];
        for (counter, code) in (0..).zip(codes) {
            assert_eq!(text(&secret, counter), code);
        }
    }

    /// RFC 6238 appendix B, SHA-1: the last six of its eight digits.
    #[test]
    fn totp_vectors() {
        let secret = secret(b"12345678901234567890");
        let table = [
            (59, "94287082"),
            (1_111_111_109, "07081804"),
            (1_111_111_111, "14050471"),
            (1_234_567_890, "89005924"),
            (2_000_000_000, "69279037"),
            (20_000_000_000, "65353130"),
        ];
        for (seconds, code) in table {
            assert!(judge(&secret, -1, &code[2..], at(seconds)).is_some(), "{seconds}");
        }
    }

    /// Codes of `oathtool`, a real implementation, for a secret in base32.
    #[test]
    fn codes_of_oathtool() {
        let vectors = include_str!("../../../vectors/totp/oathtool.txt");
        let secret = secret(b"Hello, authenticator");
        assert_eq!(*secret.text(), "JBSWY3DPFQQGC5LUNBSW45DJMNQXI33S");
        let lines: Vec<&str> = vectors.lines().filter(|line| !line.starts_with('#')).collect();
        assert!(lines.len() >= 10);
        for line in lines {
            let (seconds, code) = line.split_once(' ').unwrap();
            assert!(judge(&secret, -1, code, at(seconds.parse().unwrap())).is_some(), "{line}");
        }
    }

    #[test]
    fn one_step_of_drift_and_no_more() {
        let secret = Secret::generate();
        let code = text(&secret, 1_000);
        for (seconds, accepted) in
            [(29_969, false), (29_970, true), (30_000, true), (30_029, true), (30_059, true), (30_060, false)]
        {
            assert_eq!(judge(&secret, -1, &code, at(seconds)).is_some(), accepted, "{seconds}");
        }
    }

    /// CVE-2025-6014, CVE-2025-55003: a used code stays used in every spelling.
    #[test]
    fn only_a_later_step_is_accepted_in_any_spelling() {
        let secret = secret(b"12345678901234567890");
        for spelling in
            ["287082", " 287 082 ", "287-082", "２８７０８２", "28708２", "٢٨٧٠٨٢", "۲۸۷۰۸۲", "२८७०८२"]
        {
            assert_eq!(judge(&secret, 0, spelling, at(59)).map(|right| right.step()), Some(1), "{spelling}");
            assert!(judge(&secret, 1, spelling, at(59)).is_none(), "{spelling}");
            assert!(judge(&secret, 2, spelling, at(59)).is_none(), "{spelling}");
        }
        for wrong in ["", "28708", "2870822", "0287082", "287082\u{0}", "+28708", "٢٨٧٠٨"] {
            assert!(judge(&secret, -1, wrong, at(59)).is_none(), "{wrong:?}");
        }
    }

    #[test]
    fn the_uri_says_who_and_where() {
        let secret = secret(b"12345678901234567890");
        assert_eq!(
            *secret.uri("Acme & Söhne: Bank", "ann@example.com"),
            "otpauth://totp/Acme%20%26%20S%C3%B6hne%20Bank:ann%40example.com\
             ?secret=GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ&issuer=Acme%20%26%20S%C3%B6hne%20Bank\
             &algorithm=SHA1&digits=6&period=30"
        );
    }

    /// Reports Aegis#1701 and pyotp#187: an app that splits the label at each colon showed another account, or none.
    #[test]
    fn the_uri_has_one_colon_and_it_ends_the_issuer() {
        let secret = secret(b"12345678901234567890");
        for (issuer, account, label, parameter) in [
            ("Acme: Bank", "ann@example.com", "Acme%20Bank:ann%40example.com", "&issuer=Acme%20Bank&"),
            ("Acme:Bank", "a:nn", "Acme%20Bank:a%20nn", "&issuer=Acme%20Bank&"),
            (" : Acme :: ", ":ann:", "Acme:ann", "&issuer=Acme&"),
            ("Acme\r\n\tBank", "ann", "Acme%20Bank:ann", "&issuer=Acme%20Bank&"),
            ("::", "ann", "ann", "GEZDGNBV&algorithm"),
        ] {
            let uri = secret.uri(issuer, account);
            let rest = uri.strip_prefix("otpauth://totp/").unwrap();
            assert_eq!(rest.split('?').next().unwrap(), label);
            assert!(uri.contains(parameter) || !uri.contains("issuer"), "{}", *uri);
            assert!(!uri.contains("%3A") && !rest.contains("issuer=&"), "{}", *uri);
        }
    }

    #[test]
    fn a_sealed_secret_opens_for_its_device_alone() {
        let keys = Keyring::new(&MasterKey::generate()).unwrap();
        let secret = Secret::generate();
        let sealed = secret.seal(&keys, ENVIRONMENT, DEVICE).unwrap();
        assert!(!sealed.windows(SECRET).any(|window| window == secret.0.as_slice()));
        let opened = Secret::open(&keys, ENVIRONMENT, DEVICE, &sealed).ok().unwrap();
        assert_eq!(*opened.0, *secret.0);
        let other = CredentialId::from_bytes([3; 16]);
        assert!(Secret::open(&keys, ENVIRONMENT, other, &sealed).is_err());
        assert!(Secret::open(&keys, EnvironmentId::from_bytes([3; 16]), DEVICE, &sealed).is_err());
    }

    proptest! {
        /// No answer of any shape passes but the code of an acceptable step, and none passes twice.
        #[test]
        fn nothing_else_passes(answer in ".{0,12}", last in -1_i64..1_003, seconds in 29_900_i64..30_100) {
            let secret = secret(b"12345678901234567890");
            let now = at(seconds);
            if let Some(right) = judge(&secret, last, &answer, now) {
                prop_assert!(right.step() > last);
                prop_assert!((right.step() - seconds.div_euclid(STEP)).abs() <= 1);
                prop_assert_eq!(text(&secret, right.step()), normalise(&answer));
                prop_assert!(judge(&secret, right.step(), &answer, now).is_none());
            }
        }
    }
}
