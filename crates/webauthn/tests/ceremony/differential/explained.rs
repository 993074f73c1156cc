//! Why the two verifiers differ, class by class.

/// One altered ceremony that one accepts and the other refuses.
#[derive(Debug)]
pub(super) struct Difference {
    pub(super) group: &'static str,
    pub(super) what: String,
    pub(super) ours: Result<(), &'static str>,
    pub(super) theirs: Result<(), String>,
}

/// A class of differences.
pub(super) struct Explained {
    pub(super) class: &'static str,
    /// The code of our refusal; nothing where we accept.
    ours: Option<&'static str>,
    /// What the oracle's error begins with; nothing where it accepts.
    theirs: Option<&'static str>,
    groups: &'static [&'static str],
    /// What an alteration begins with; none named means all. Named one by one in the dangerous direction.
    alterations: &'static [&'static str],
}

impl Explained {
    pub(super) fn ours_accepts(&self) -> bool {
        self.ours.is_none()
    }

    pub(super) fn explains(&self, difference: &Difference) -> bool {
        let theirs = match (self.theirs, &difference.theirs) {
            (Some(expected), Err(error)) => error.starts_with(expected),
            (None, Ok(())) => true,
            _ => false,
        };
        let alteration = |known: &&str| difference.what.starts_with(*known);
        theirs
            && difference.ours.err() == self.ours
            && self.groups.contains(&difference.group)
            && (self.alterations.is_empty() || self.alterations.iter().any(alteration))
    }
}

/// We accept, the oracle refuses.
const fn accepted(
    class: &'static str,
    theirs: &'static str,
    groups: &'static [&'static str],
    alterations: &'static [&'static str],
) -> Explained {
    Explained { class, ours: None, theirs: Some(theirs), groups, alterations }
}

/// We refuse, the oracle accepts.
const fn refused(class: &'static str, ours: &'static str, groups: &'static [&'static str]) -> Explained {
    Explained { class, ours: Some(ours), theirs: None, groups, alterations: &[] }
}

pub(super) const EXPLAINED: &[Explained] = &[
    // The dangerous direction first.
    accepted(
        "RSA keys other than 2048 bits and a three-byte exponent: the oracle cannot store them; we take 2048 to 8192 \
         bits and odd exponents from 65537 (`as bytes` puts a CBOR head in front of the number: another, odd number)",
        "COSEKeyRSANEInvalid",
        &["COSE key"],
        &[
            "n of 2049",
            "n of 2056",
            "n of 3072",
            "n of 4096",
            "n of 4097",
            "n of 8192",
            "e of [255, 255, 255, 255]",
            "-1: as bytes",
            "-2: as bytes",
        ],
    ),
    accepted(
        "a byte order mark: §7.1 step 5 and §7.2 step 8 decode by `UTF-8 decode`, which takes it off",
        "ParseJSONFailure",
        &["client data"],
        &["whole: byte order mark"],
    ),
    accepted(
        "tokenBinding of another form: Level 3 keeps the name reserved and reads nothing from it",
        "ParseJSONFailure",
        &["client data"],
        &[
            "tokenBinding: 7",
            "tokenBinding: \"supported\"",
            "tokenBinding: {}",
            "tokenBinding: {\"status\":7}",
        ],
    ),
    accepted(
        "an unknown member that is JSON but fits no value of the oracle's library (number too large, half a surrogate \
         pair, 200 levels): nothing is read from it, and it is stepped over without recursion",
        "ParseJSONFailure",
        &["client data"],
        &["unknown: 1e400", "unknown: \"\\ud800\"", "unknown: [[[["],
    ),
    accepted(
        "extension outputs of another form: we ask for none whose output matters, so they must be a map \
         but nothing is read from them (§7.1 step 19, §7.2 step 25 leave that to the relying party)",
        "ParseNOMFailure",
        &["extensions"],
        &[
            "a number as key",
            "a map as key",
            "credProtect",
            "hmac-secret bytes",
            "bad UTF-8",
            "a simple value",
        ],
    ),
    accepted(
        "an attestation statement of any form and content: we ask for none, so it must be CBOR but nothing is read from \
         it",
        "",
        &["statement"],
        &[],
    ),
    accepted(
        "an attestation format that nobody knows, or another statement, by one bit",
        "",
        &["attestation object"],
        &["bit "],
    ),
    accepted(
        "a self-signature of a key that was edited afterwards: no attestation was asked for",
        "AttestationStatementSigInvalid",
        &["random edits"],
        &["of a registration"],
    ),
    accepted(
        "the counter 0 of a credential that is eligible for backup: it does not count any more (§7.2 step 22 leaves that \
         to the relying party)",
        "CredentialPossibleCompromise",
        &["counter"],
        &["0"],
    ),
    // We are stricter.
    refused(
        "client data: a member twice, null for a member that may be absent, padding in the challenge, topOrigin that \
         is no text",
        "malformed_client_data",
        &["client data", "random edits"],
    ),
    refused(
        "client data longer than 8 KiB, authenticator data likewise",
        "too_large",
        &["client data", "tail"],
    ),
    refused(
        "an origin that is not its own serialisation (capitals, path, default port, user, repairs by the URL parser)",
        "origin_not_allowed",
        &["client data", "random edits"],
    ),
    refused(
        "cross-origin use: the oracle does not look at it in assertions, nor at topOrigin at all (§7.1 steps 10-11, \
         §7.2 steps 13-14)",
        "cross_origin_refused",
        &["client data", "random edits"],
    ),
    refused(
        "rawId is not the id in the attested data: the oracle goes by the latter",
        "credential_mismatch",
        &["credential id", "attested data", "attestation object", "random edits"],
    ),
    refused(
        "authenticator data: bytes after its parts, attested data in an assertion (§6.3.3), a credential id of 0 or \
         of more than 1023 bytes (§7.1 step 25), extension outputs that are no map",
        "malformed_authenticator_data",
        &["COSE key", "credential id", "extensions", "flags", "tail", "random edits", "asserted data"],
    ),
    refused(
        "CBOR that is not canonical by CTAP 2.1 §8: longer heads, indefinite lengths, tags, floats, a key twice",
        "malformed_cbor",
        &["COSE key", "attestation object", "attested data", "extensions", "statement", "random edits"],
    ),
    refused(
        "a COSE key whose algorithm is named twice, first by another",
        "unsupported_algorithm",
        &["COSE key"],
    ),
    refused(
        "a COSE key with optional members (§6.5.1.1 forbids them), out of order, or with leading zeros in its numbers; \
         RSA below 2048 bits with a full-length first byte",
        "malformed_public_key",
        &["COSE key", "attestation object", "attested data", "random edits"],
    ),
    refused(
        "an attestation object with other members, or out of order",
        "malformed_attestation_object",
        &["attestation object", "statement"],
    ),
    refused(
        "a user handle that is not the owner's (§7.2 step 6): the oracle leaves it to its caller",
        "user_handle_mismatch",
        &["user handle"],
    ),
];
