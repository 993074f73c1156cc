//! Enrols a passkey. Registering counts as proving it.

use axum::Json as Answer;
use axum::http::HeaderMap;
use serde::{Deserialize, Serialize};
use stile_core::{Authenticator, Credential, CredentialId, Event, Facts, Format, Principal, Proof, Scopes};
use stile_factors::passkey::{self, ALGORITHMS, Purpose, Registered, RegistrationAnswer};
use stile_keys::encoding::base64url;
use stile_keys::random;
use stile_store::ledger::{self, Kind};
use stile_store::{Miss, Passkey, passkeys};
use utoipa::ToSchema;

use super::{PasskeyDescriptor, PublicKeyCredentialType, TIMEOUT_MS, hints, noted, party, user_verification};
use crate::flows::proving::{self, Enrolment, Proved, Wanted};
use crate::flows::{Failed, deciding, sessions};
use crate::guard::access::PendingOrFull;
use crate::guard::context::Cx;
use crate::guard::gate::{self, Permit};
use crate::guard::tokens;
use crate::state::error::{ApiError, Code};
use crate::state::limits::Bucket;
use crate::wire::body::{Json, null_is_absent};
use crate::wire::headers::user_agent;
use crate::wire::session::{CreateMfaToken, VerifyResponse};

/// Options for `navigator.credentials.create()` (WebAuthn L3 §5.4), base64url for bytes.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct GetPasskeyRegistrationOptionsResponse {
    /// Always `none`: no attestation is asked for.
    attestation: &'static str,
    authenticator_selection: AuthenticatorSelectionCriteria,
    /// 40 bytes.
    challenge: String,
    /// The user's passkeys, so that none is enrolled twice.
    exclude_credentials: Vec<PasskeyDescriptor>,
    extensions: PasskeyExtension,
    /// What to offer first.
    hints: Vec<&'static str>,
    /// Algorithms, most wanted first.
    pub_key_cred_params: Vec<PublicKeyCredentialParameters>,
    rp: PasskeyRelyingParty,
    /// Milliseconds.
    timeout: u64,
    user: PasskeyUser,
}

/// What kind of authenticator is asked for.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct AuthenticatorSelectionCriteria {
    resident_key: &'static str,
    require_resident_key: bool,
    user_verification: &'static str,
}

/// Extensions that are asked for.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct PasskeyExtension {
    cred_props: bool,
}

/// An algorithm (COSE).
#[derive(Serialize, ToSchema)]
pub struct PublicKeyCredentialParameters {
    alg: i32,
    #[serde(rename = "type")]
    kind: &'static str,
}

/// The relying party.
#[derive(Serialize, ToSchema)]
pub struct PasskeyRelyingParty {
    id: String,
    name: String,
}

/// The user as the authenticator shows and stores it.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct PasskeyUser {
    /// User handle: the user id's 16 bytes, base64url.
    id: String,
    name: String,
    display_name: String,
}

/// Get the options for enrolling a passkey
#[utoipa::path(
    get, path = "/users/passkeys/register", operation_id = "getPasskeyRegistrationOptions", tag = "Passkeys",
    responses((status = 200, body = GetPasskeyRegistrationOptionsResponse)),
    extensions(("x-stile-access" = json!("pending")))
)]
pub async fn options(
    cx: Cx,
    me: PendingOrFull,
) -> Result<Answer<GetPasskeyRegistrationOptionsResponse>, ApiError> {
    let party = party(&cx)?;
    offered(&cx)?;
    let purpose = Purpose::Register(me.session.id, me.user.id);
    let challenge = passkey::new_challenge(&cx.app.keys, cx.env.id, purpose, cx.now);
    let existing = cx.app.store.passkeys(cx.env.id, me.user.id).await?;
    let settings = &cx.env.settings;
    let name = me.email().unwrap_or(&settings.general.display_name).to_owned();
    let display_name = me.user.profile.alias.clone().unwrap_or_else(|| name.clone());
    Ok(Answer(GetPasskeyRegistrationOptionsResponse {
        attestation: "none",
        authenticator_selection: AuthenticatorSelectionCriteria {
            resident_key: "required",
            require_resident_key: true,
            user_verification: user_verification(settings),
        },
        challenge: base64url(&challenge),
        exclude_credentials: existing.iter().map(Into::into).collect(),
        extensions: PasskeyExtension { cred_props: true },
        hints: hints(settings),
        pub_key_cred_params: ALGORITHMS
            .iter()
            .map(|a| PublicKeyCredentialParameters { alg: a.id(), kind: "public-key" })
            .collect(),
        rp: PasskeyRelyingParty { id: party.id.clone(), name: settings.general.display_name.clone() },
        timeout: TIMEOUT_MS,
        user: PasskeyUser { id: base64url(me.user.id.as_bytes()), name, display_name },
    }))
}

/// The answer of `navigator.credentials.create()`.
#[derive(Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[expect(dead_code, reason = "the contract's members are all named, so that unknown ones can be refused")]
pub struct PasskeyRegisterRequest {
    /// Same as `rawId`.
    id: String,
    /// WebAuthn credential id, base64url.
    raw_id: String,
    response: PasskeyRegistrationCredentialV2,
    /// Extension outputs; not used by the server.
    #[serde(default)]
    #[schema(value_type = Option<Object>)]
    client_extension_results: Option<serde_json::Map<String, serde_json::Value>>,
    /// `platform` or `cross-platform`.
    #[serde(default)]
    authenticator_attachment: Option<String>,
    /// Always `public-key`.
    #[serde(rename = "type")]
    kind: PublicKeyCredentialType,
    /// Asks for a legacy MFA token.
    #[serde(default)]
    create_mfa_token: Option<CreateMfaToken>,
}

/// What the authenticator made, base64url.
#[derive(Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[expect(dead_code, reason = "the contract's members are all named, so that unknown ones can be refused")]
pub struct PasskeyRegistrationCredentialV2 {
    attestation_object: String,
    /// Spelt like this in the contract; the standard's spelling is taken too.
    #[serde(alias = "clientDataJSON")]
    client_data_json: String,
    #[serde(default, deserialize_with = "null_is_absent")]
    transports: Vec<String>,
    /// SPKI; not used by the server, which reads the key from the attestation object.
    #[serde(default)]
    public_key: Option<String>,
    /// Not used by the server.
    #[serde(default)]
    public_key_algorithm: Option<i64>,
    /// Not used by the server, which reads it from the attestation object.
    #[serde(default)]
    authenticator_data: Option<String>,
}

/// Transports that a record keeps, each once (WebAuthn L3 §5.8.4, and the legacy name for hybrid).
const TRANSPORTS: [&str; 7] = ["usb", "nfc", "ble", "smart-card", "hybrid", "internal", "cable"];

/// Enrol a passkey
///
/// Needs `credential:link`, or, for the first factor, a proof given in this session within
/// `recentProof.firstFactorSeconds`.
#[utoipa::path(
    post, path = "/users/passkeys/register", operation_id = "registerPasskey", tag = "Passkeys",
    request_body = PasskeyRegisterRequest,
    responses((status = 200, body = VerifyResponse)),
    extensions(("x-stile-access" = json!("gated")))
)]
pub async fn handle(
    cx: Cx,
    me: PendingOrFull,
    headers: HeaderMap,
    Json(body): Json<PasskeyRegisterRequest>,
) -> Result<Answer<VerifyResponse>, ApiError> {
    cx.limit(Bucket::SignIn)?;
    offered(&cx)?;
    let permit = gate::pass(&cx, &me, &gate::PASSKEY_REGISTER, &headers).await?;
    let answer = RegistrationAnswer {
        id: &body.id,
        raw_id: &body.raw_id,
        client_data_json: &body.response.client_data_json,
        attestation_object: &body.response.attestation_object,
    };
    let purpose = Purpose::Register(me.session.id, me.user.id);
    let registered = match passkey::register(&cx.app.keys, party(&cx)?, cx.env.id, purpose, answer, cx.now) {
        Ok(registered) => registered,
        Err(error) => {
            cx.note(&*me, Event::PasskeyRefused { reason: error.to_string() }).await;
            return Err(error.into());
        }
    };
    let user_agent = user_agent(&headers);
    deciding!(&cx, me = me.0 => {
        let done = enrol(&cx, &me, &permit, &registered, &body, &user_agent).await;
        noted(&cx, me.user.id, done).await
    })
    .map(Answer)
}

async fn enrol(
    cx: &Cx,
    me: &Principal,
    permit: &Permit<gate::CredentialLink>,
    registered: &Registered,
    body: &PasskeyRegisterRequest,
    user_agent: &str,
) -> Result<VerifyResponse, Failed> {
    permit.still_holds(cx, me)?;
    let held = me.credentials.iter().filter(|c| c.format() == Format::Passkey).count();
    if held >= usize::try_from(cx.env.settings.passkeys.max_per_user).unwrap_or(usize::MAX) {
        return Err(Code::MaxPasskeys.into());
    }
    let made = &registered.credential;
    let id = CredentialId::new(cx.now, random::bytes());
    let storage = stile_webauthn::aaguid_name(&made.aaguid);
    let several = cx.env.settings.security.auth.allow_multiple_credentials_for_sign_in;
    let authenticator = Authenticator { user_verified: made.user_verified, synced: made.backup_eligible };
    let facts = Facts { alias: storage.map(str::to_owned), ..Facts::key(Format::Passkey, authenticator) };
    let credential = Credential { id, facts, sign_in: several, created_at: cx.now, verified_at: cx.now };
    let record = Passkey {
        credential: id,
        owner: me.user.id,
        webauthn_id: made.id.clone(),
        public_key: made.public_key.clone(),
        sign_count: made.sign_count,
        aaguid: made.aaguid,
        transports: TRANSPORTS
            .into_iter()
            .filter(|t| body.response.transports.iter().any(|sent| sent == t))
            .map(Into::into)
            .collect(),
        backup_eligible: made.backup_eligible,
        backed_up: made.backed_up,
        origin: made.origin.clone(),
        user_agent: user_agent.to_owned(),
        created_at: cx.now,
        updated_at: cx.now,
    };
    let until = cx.now.plus_seconds(passkey::LIFETIME_SECONDS + 120);
    let uses_up = vec![ledger::consume(Kind::Challenge, &registered.challenge, cx.now, until)];
    let added = Event::PasskeyAdded {
        credential: id,
        permit: permit.how().into(),
        user_verified: made.user_verified,
        name: storage.unwrap_or("Passkey").to_owned(),
    };
    let enrolment = Enrolment {
        credential,
        identifier: &made.id,
        keep: Some(passkeys::insert(&record)),
        by: permit.evidence().map(|by| by.credential),
        told: cx.record(me, added)?,
    };
    let proof = registered.proof(id, cx.now);
    let wanted = Wanted { scopes: Scopes::default(), mfa_token: body.create_mfa_token.as_ref() };
    let proved = proving::enrol(cx, me, enrolment, proof, &wanted, uses_up).await;
    let Proved { me, answer } =
        proved.map_err(|failed| failed.when(|miss| (miss == Miss::Taken).then_some(Code::PasskeyExists)))?;
    Ok(answer.or_elevated(renewed(cx, &me, permit, proof)?))
}

/// A token by which a code let the user enrol is worth nothing beside the new factor, and a page would go on sending it.
/// The new passkey has just been proved, so it stands behind a token of the same scopes, for what is left of the time.
fn renewed(
    cx: &Cx,
    me: &Principal,
    permit: &Permit<gate::CredentialLink>,
    proof: Proof,
) -> Result<Option<String>, ApiError> {
    let Some(held) = permit.claims().filter(|claims| !claims.single_use) else { return Ok(None) };
    if !held.scope.iter().all(|scope| cx.env.settings.knows(scope)) {
        return Ok(None);
    }
    let Ok(Some(mut elevation)) = sessions::elevation(cx, me, proof, &held.scope) else { return Ok(None) };
    elevation.seconds = elevation.seconds.min(held.exp.seconds().saturating_sub(cx.now.seconds()));
    tokens::elevated(cx, me, &elevation).map(Some)
}

/// Whether the environment lets users enrol passkeys at all.
fn offered(cx: &Cx) -> Result<(), ApiError> {
    if cx.env.settings.security.mfa.offers(Format::Passkey) {
        Ok(())
    } else {
        Err(Code::PasskeysNotConfigured.into())
    }
}
