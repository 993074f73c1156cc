//! Passkeys: challenges that need no storage, and WebAuthn answers turned into proofs.

use stile_core::origin::OriginPattern;
use stile_core::settings::{self, Settings};
use stile_core::{CredentialId, EnvironmentId, Format, Method, Micros, Proof, SessionId, UserId};
use stile_keys::sealed_token::{self, SealedTokenError, TokenId};
use stile_keys::{Keyring, encoding};
use stile_webauthn::{
    Algorithm, AllowedOrigin, AssertionExpectation, AssertionResponse, NewCredential,
    RegistrationExpectation, RegistrationResponse, RelyingParty, StoredCredential, UserVerification,
    peek_challenge, verify_assertion, verify_registration,
};

/// How long a ceremony may take, in seconds: the options' `timeout`, and the life of the challenge.
pub const LIFETIME_SECONDS: i64 = 300;
/// What we offer, most wanted first.
pub const ALGORITHMS: [Algorithm; 3] = [Algorithm::Es256, Algorithm::EdDsa, Algorithm::Rs256];

/// What a challenge was made for. An answer to one is never an answer to another.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Purpose {
    /// Enrolling a passkey in a session.
    Register(SessionId, UserId),
    /// Proving a passkey in a session.
    Authenticate(SessionId, UserId),
    /// Opening a session; nobody is known yet.
    SignIn,
}

/// Why an answer is none.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub enum PasskeyError {
    /// `id` and `rawId` differ (WebAuthn L3 §5.1: the one is the base64url of the other).
    #[error("id and rawId of the passkey response differ")]
    Id,
    /// Base64url that is none.
    #[error("a field of the passkey response is not base64url")]
    Encoding,
    /// The challenge is not ours, or was made for something else.
    #[error("the challenge is not one of this ceremony: start again")]
    Challenge,
    /// The challenge is too old.
    #[error("the passkey dialog took too long: start again")]
    Expired,
    /// The environment has no relying-party id.
    #[error("passkeys are not set up for this environment: set passkeys.rpId")]
    NotConfigured,
    /// The response does not verify.
    #[error("the passkey response was refused: {0}")]
    WebAuthn(#[from] stile_webauthn::Error),
}

/// The environment's relying party, parsed.
pub struct Party {
    /// Relying-party id.
    pub id: String,
    origins: Vec<AllowedOrigin>,
    user_verification: UserVerification,
}

impl Party {
    /// The relying party of these settings. Wildcard labels never count for WebAuthn.
    pub fn of(settings: &Settings) -> Result<Self, PasskeyError> {
        let origins: Vec<AllowedOrigin> = settings
            .allowed_origins
            .iter()
            .filter(|o| !matches!(o, OriginPattern::AnyLabel { .. }))
            .filter_map(|o| AllowedOrigin::parse(&o.to_string()).ok())
            .collect();
        let local =
            settings.allowed_origins.iter().any(OriginPattern::is_localhost).then(|| "localhost".to_owned());
        let id = settings.passkeys.rp_id.clone().or(local).ok_or(PasskeyError::NotConfigured)?;
        let user_verification = match settings.passkeys.user_verification {
            settings::UserVerification::Required => UserVerification::Required,
            settings::UserVerification::Preferred => UserVerification::Preferred,
        };
        Ok(Self { id, origins, user_verification })
    }

    fn relying_party(&self) -> RelyingParty<'_> {
        RelyingParty { id: &self.id, origins: &self.origins, allow_cross_origin: false }
    }
}

/// A challenge: 40 bytes, MACed over what it is for.
pub fn new_challenge(keys: &Keyring, environment: EnvironmentId, purpose: Purpose, now: Micros) -> Vec<u8> {
    with_context(environment, purpose, |context| sealed_token::issue(&keys.challenge, context, now.get()))
}

fn with_context<T>(environment: EnvironmentId, purpose: Purpose, f: impl FnOnce(&[&[u8]]) -> T) -> T {
    match purpose {
        Purpose::Register(sid, user) => {
            f(&[b"register", environment.as_bytes(), sid.as_bytes(), user.as_bytes()])
        }
        Purpose::Authenticate(sid, user) => {
            f(&[b"authenticate", environment.as_bytes(), sid.as_bytes(), user.as_bytes()])
        }
        Purpose::SignIn => f(&[b"sign-in", environment.as_bytes()]),
    }
}

fn check_challenge(
    keys: &Keyring,
    environment: EnvironmentId,
    purpose: Purpose,
    challenge: &[u8],
    now: Micros,
) -> Result<TokenId, PasskeyError> {
    let max_age = LIFETIME_SECONDS.saturating_mul(1_000_000);
    with_context(environment, purpose, |context| {
        sealed_token::check(&keys.challenge, context, challenge, now.get(), max_age)
    })
    .map_err(|e| match e {
        SealedTokenError::Expired => PasskeyError::Expired,
        _ => PasskeyError::Challenge,
    })
}

/// A registration as it came over the wire: base64url texts.
#[derive(Clone, Copy, Debug)]
pub struct RegistrationAnswer<'a> {
    /// `id`.
    pub id: &'a str,
    /// `rawId`.
    pub raw_id: &'a str,
    /// `response.clientDataJson`.
    pub client_data_json: &'a str,
    /// `response.attestationObject`.
    pub attestation_object: &'a str,
}

/// A verified registration, with the challenge to use up.
#[derive(Clone, Debug)]
pub struct Registered {
    /// The new credential.
    pub credential: NewCredential,
    /// The challenge's key in the ledger.
    pub challenge: TokenId,
}

impl Registered {
    /// Registering proves the passkey as an assertion would.
    pub const fn proof(&self, credential: CredentialId, now: Micros) -> Proof {
        Proof {
            credential,
            method: Method::Of(Format::Passkey),
            at: now,
            user_verified: self.credential.user_verified,
            synced: self.credential.backup_eligible,
        }
    }
}

/// Verifies a registration (WebAuthn L3 §7.1).
pub fn register(
    keys: &Keyring,
    party: &Party,
    environment: EnvironmentId,
    purpose: Purpose,
    answer: RegistrationAnswer<'_>,
    now: Micros,
) -> Result<Registered, PasskeyError> {
    let response = RegistrationResponse {
        raw_id: credential_id(answer.id, answer.raw_id)?,
        client_data_json: decode(answer.client_data_json)?,
        attestation_object: decode(answer.attestation_object)?,
    };
    let challenge = peek_challenge(&response.client_data_json)?;
    let id = check_challenge(keys, environment, purpose, &challenge, now)?;
    let expected = RegistrationExpectation {
        rp: party.relying_party(),
        challenge: &challenge,
        user_verification: party.user_verification,
        algorithms: &ALGORITHMS,
    };
    Ok(Registered { credential: verify_registration(&response, &expected)?, challenge: id })
}

/// An assertion as it came over the wire: base64url texts.
#[derive(Clone, Copy, Debug)]
pub struct AssertionAnswer<'a> {
    /// `id`.
    pub id: &'a str,
    /// `rawId`.
    pub raw_id: &'a str,
    /// `response.clientDataJSON`.
    pub client_data_json: &'a str,
    /// `response.authenticatorData`.
    pub authenticator_data: &'a str,
    /// `response.signature`.
    pub signature: &'a str,
    /// `response.userHandle`.
    pub user_handle: Option<&'a str>,
}

/// The passkey that an assertion must be of.
#[derive(Clone, Copy, Debug)]
pub struct Known<'a> {
    /// The credential.
    pub credential: CredentialId,
    /// Its owner: the user handle.
    pub owner: UserId,
    /// The WebAuthn credential id.
    pub webauthn_id: &'a [u8],
    /// COSE key.
    pub public_key: &'a [u8],
    /// The last counter.
    pub sign_count: u32,
    /// Backup eligibility at the last use.
    pub backup_eligible: bool,
}

/// A verified assertion, with what is to be stored and used up.
#[derive(Clone, Copy, Debug)]
pub struct Asserted {
    /// The proof.
    pub proof: Proof,
    /// The challenge's key in the ledger.
    pub challenge: TokenId,
    /// The new counter.
    pub sign_count: u32,
    /// The new backup eligibility.
    pub backup_eligible: bool,
    /// The new backup state.
    pub backed_up: bool,
}

impl AssertionAnswer<'_> {
    /// The WebAuthn credential id that the answer names.
    ///
    /// # Errors
    /// [`PasskeyError::Id`], [`PasskeyError::Encoding`].
    pub fn credential_id(&self) -> Result<Vec<u8>, PasskeyError> {
        credential_id(self.id, self.raw_id)
    }
}

fn credential_id(id: &str, raw_id: &str) -> Result<Vec<u8>, PasskeyError> {
    if id == raw_id { decode(raw_id) } else { Err(PasskeyError::Id) }
}

/// Verifies an assertion (WebAuthn L3 §7.2).
pub fn authenticate(
    keys: &Keyring,
    party: &Party,
    environment: EnvironmentId,
    purpose: Purpose,
    known: Known<'_>,
    answer: AssertionAnswer<'_>,
    now: Micros,
) -> Result<Asserted, PasskeyError> {
    let response = AssertionResponse {
        credential_id: answer.credential_id()?,
        client_data_json: decode(answer.client_data_json)?,
        authenticator_data: decode(answer.authenticator_data)?,
        signature: decode(answer.signature)?,
        user_handle: answer.user_handle.filter(|h| !h.is_empty()).map(decode).transpose()?,
    };
    let challenge = peek_challenge(&response.client_data_json)?;
    let id = check_challenge(keys, environment, purpose, &challenge, now)?;
    let expected = AssertionExpectation {
        rp: party.relying_party(),
        challenge: &challenge,
        user_verification: party.user_verification,
        require_user_handle: purpose == Purpose::SignIn,
    };
    let stored = StoredCredential {
        id: known.webauthn_id,
        public_key: known.public_key,
        sign_count: known.sign_count,
        backup_eligible: known.backup_eligible,
        user_handle: known.owner.as_bytes(),
    };
    let verified = verify_assertion(&response, &stored, &expected)?;
    let proof = Proof {
        credential: known.credential,
        method: Method::Of(Format::Passkey),
        at: now,
        user_verified: verified.user_verified,
        synced: verified.backup_eligible,
    };
    Ok(Asserted {
        proof,
        challenge: id,
        sign_count: verified.sign_count,
        backup_eligible: verified.backup_eligible,
        backed_up: verified.backed_up,
    })
}

fn decode(text: &str) -> Result<Vec<u8>, PasskeyError> {
    encoding::unbase64url(text).ok_or(PasskeyError::Encoding)
}
