//! The one error type.

/// Why a response was refused. No variant carries bytes of the input.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// A part of the response is longer than any honest client makes it.
    #[error("a part of the response is too large")]
    TooLarge,
    /// Client data is not the JSON object that §5.8.1 describes.
    #[error("the client data is malformed")]
    MalformedClientData,
    /// Client data of the other ceremony.
    #[error("the client data is of another type")]
    WrongType,
    /// The challenge is not the expected one, or the expected one is shorter than 16 bytes.
    #[error("the challenge does not match")]
    ChallengeMismatch,
    /// The origin is not in the list.
    #[error("the origin is not allowed")]
    OriginNotAllowed,
    /// The top-level origin of a cross-origin ceremony is not in the list.
    #[error("the top-level origin is not allowed")]
    TopOriginNotAllowed,
    /// The ceremony ran in a cross-origin frame and that is not allowed.
    #[error("cross-origin use is refused")]
    CrossOriginRefused,
    /// CBOR that is truncated, too deep, followed by other bytes, or not canonical where it must be.
    #[error("the CBOR is malformed")]
    MalformedCbor,
    /// The CBOR is sound, but it is not an attestation object.
    #[error("the attestation object is malformed")]
    MalformedAttestationObject,
    /// Authenticator data whose length or parts disagree with its flags.
    #[error("the authenticator data is malformed")]
    MalformedAuthenticatorData,
    /// Not a COSE key of the kind that its algorithm needs.
    #[error("the public key is malformed")]
    MalformedPublicKey,
    /// Made for another relying party.
    #[error("the RP id does not match")]
    RpIdMismatch,
    /// The user-present flag is not set.
    #[error("the user was not present")]
    UserNotPresent,
    /// User verification is required and its flag is not set.
    #[error("the user was not verified")]
    UserNotVerified,
    /// Backed up without being eligible.
    #[error("the backup state is invalid")]
    BackupStateInvalid,
    /// The credential was eligible for backup and is not any more, in an assertion that is genuine otherwise.
    #[error("the passkey could be synced before and cannot any more")]
    BackupEligibilityLost,
    /// The stored key is none that is accepted today, such as one of small order.
    #[error("the stored public key is not accepted")]
    StoredKeyRefused,
    /// An algorithm that this crate does not know.
    #[error("the algorithm is not supported")]
    UnsupportedAlgorithm,
    /// A known algorithm that was not offered in this ceremony.
    #[error("the algorithm was not offered")]
    AlgorithmNotOffered,
    /// The assertion signature does not verify.
    #[error("the signature is invalid")]
    BadSignature,
    /// The signature counter did not grow: the authenticator may be cloned (§6.1.1).
    #[error("the signature counter did not grow")]
    CounterRegressed {
        /// The value stored at the last use.
        stored: u32,
        /// The value received, in an assertion that is genuine otherwise.
        received: u32,
    },
    /// The response names another credential than the one it is checked against.
    #[error("the credential does not match")]
    CredentialMismatch,
    /// The user handle is required and absent.
    #[error("the user handle is missing")]
    UserHandleMissing,
    /// The user handle is another user's.
    #[error("the user handle does not match")]
    UserHandleMismatch,
    /// Not an origin that can be allowed (configuration, not a response).
    #[error("not a valid origin")]
    InvalidOrigin,
}

impl Error {
    /// The stable snake_case name, for wire and audit log.
    pub fn code(&self) -> &'static str {
        match self {
            Error::TooLarge => "too_large",
            Error::MalformedClientData => "malformed_client_data",
            Error::WrongType => "wrong_type",
            Error::ChallengeMismatch => "challenge_mismatch",
            Error::OriginNotAllowed => "origin_not_allowed",
            Error::TopOriginNotAllowed => "top_origin_not_allowed",
            Error::CrossOriginRefused => "cross_origin_refused",
            Error::MalformedCbor => "malformed_cbor",
            Error::MalformedAttestationObject => "malformed_attestation_object",
            Error::MalformedAuthenticatorData => "malformed_authenticator_data",
            Error::MalformedPublicKey => "malformed_public_key",
            Error::RpIdMismatch => "rp_id_mismatch",
            Error::UserNotPresent => "user_not_present",
            Error::UserNotVerified => "user_not_verified",
            Error::BackupStateInvalid => "backup_state_invalid",
            Error::BackupEligibilityLost => "backup_eligibility_lost",
            Error::StoredKeyRefused => "stored_key_refused",
            Error::UnsupportedAlgorithm => "unsupported_algorithm",
            Error::AlgorithmNotOffered => "algorithm_not_offered",
            Error::BadSignature => "bad_signature",
            Error::CounterRegressed { .. } => "counter_regressed",
            Error::CredentialMismatch => "credential_mismatch",
            Error::UserHandleMissing => "user_handle_missing",
            Error::UserHandleMismatch => "user_handle_mismatch",
            Error::InvalidOrigin => "invalid_origin",
        }
    }
}
