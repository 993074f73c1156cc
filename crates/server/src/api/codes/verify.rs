//! Answers a code in a session: re-authentication for a step-up, or a new or changed address.

use axum::Json as Answer;
use axum::http::HeaderMap;
use stile_core::email::EmailAddress;
use stile_core::event::How;
use stile_core::factor::Channel;
use stile_core::policy;
use stile_core::{Credential, CredentialId, Event, Facts, Format, Principal, Scope, Scopes};
use stile_factors::device::DeviceProof;
use stile_keys::random;
use stile_store::{BegunEnrolment, Miss, Step, begun, credentials};

use super::EmailVerificationVerifyRequest;
use crate::api::openapi::DeviceHeaders;
use crate::flows::codes::{self, Answered, Creator};
use crate::flows::proving::{self, Enrolment, Wanted};
use crate::flows::{Failed, deciding, removal, sessions, undo};
use crate::guard::access::Me;
use crate::guard::context::Cx;
use crate::guard::gate::{self, Permit};
use crate::state::error::{ApiError, Code};
use crate::state::limits::Bucket;
use crate::wire::body::Json;
use crate::wire::headers::session_key;
use crate::wire::session::{NextViewEnum, UpdateSelfResponse, VerifyResponse};

/// Verify a code in a session
///
/// With the user's own address and `requestedScopes` this is a step-up. With another address it adds that address,
/// which needs `credential:link`; when `PUT /users` began it, it changes the address and needs nothing more.
#[utoipa::path(
    post, path = "/emailVerifications/verify", operation_id = "verifyEmail", tag = "Codes",
    request_body = EmailVerificationVerifyRequest, params(DeviceHeaders),
    responses((status = 200, body = UpdateSelfResponse)),
    extensions(("x-stile-access" = json!("gated")))
)]
pub async fn handle(
    cx: Cx,
    me: Me,
    headers: HeaderMap,
    Json(body): Json<EmailVerificationVerifyRequest>,
) -> Result<Answer<UpdateSelfResponse>, ApiError> {
    cx.limit(Bucket::SignIn)?;
    let device = cx.device_proof(&headers).await?;
    let key = session_key(&headers, body.session_public_key.as_deref())?;
    let scopes = cx.env.settings.requested(&body.requested_scopes)?;
    let creator = Creator::new(&cx, Some(&me.0), key.as_ref());
    let answered =
        codes::judge(&cx, &body.verification_uuid, &body.verification_token, creator, device.as_ref())
            .await?;
    match proved(&cx, &me, &headers, &scopes, &answered, device.as_ref()).await {
        Ok(session) => Ok(Answer(UpdateSelfResponse {
            session,
            next_view: NextViewEnum::Done,
            email_verification: None,
        })),
        Err(refused) => Err(codes::refusal(&cx, &answered, refused).await),
    }
}

/// What the right answer is for.
async fn proved(
    cx: &Cx,
    me: &Principal,
    headers: &HeaderMap,
    scopes: &Scopes,
    answered: &Answered,
    device: Option<&DeviceProof>,
) -> Result<VerifyResponse, ApiError> {
    match (own(me, &answered.address), answered.verification.begun) {
        (Some(_), _) => deciding!(cx, me = me.clone() => step_up(cx, &me, scopes, answered, device).await),
        (None, _) if !scopes.is_empty() => Err(Code::CredentialNotAccepted.into()),
        (None, Some(begun)) => {
            let begun = cx.app.store.begun(me.session.id, begun, cx.now).await?;
            let begun = begun.filter(|begun| begun.format == Format::Email);
            let begun = begun.ok_or(Code::InvalidEmailVerification)?;
            deciding!(cx, me = me.clone() => change(cx, &me, &begun, answered, device).await)
        }
        (None, None) => {
            // Before the permit is used up, and again when it is known that nobody was faster.
            room_for_one(me)?;
            let permit = gate::pass(cx, me, &gate::EMAIL_LINK, headers).await?;
            deciding!(cx, me = me.clone() => link(cx, &me, &permit, answered, device).await)
        }
    }
}

/// Addresses of one user: each of them gets every notice.
const MAX_EMAILS: usize = 20;

fn room_for_one(me: &Principal) -> Result<(), ApiError> {
    let held = me.emails().count();
    if held < MAX_EMAILS { Ok(()) } else { Err(Code::MaxEmails.into()) }
}

/// The user's credential of this address.
fn own(me: &Principal, address: &EmailAddress) -> Option<CredentialId> {
    let is_it = |c: &&Credential| c.reached_by(Channel::Mail) == Some(address.as_str());
    me.credentials.iter().find(is_it).map(|c| c.id)
}

async fn step_up(
    cx: &Cx,
    me: &Principal,
    scopes: &Scopes,
    answered: &Answered,
    device: Option<&DeviceProof>,
) -> Result<VerifyResponse, Failed> {
    let credential = own(me, &answered.address).ok_or(Code::CredentialNotAccepted)?;
    let wanted = Wanted { scopes: scopes.clone(), mfa_token: None };
    let mut uses_up = codes::use_up(cx, answered);
    uses_up.push(credentials::mark_verified(cx.env.id, me.user.id, credential, cx.now));
    uses_up.extend(device.map(|d| sessions::nonce_used(cx, d)));
    let proved = proving::step_up(cx, me, answered.right.proof(credential), &wanted, uses_up).await;
    proved.map_err(|failed| failed.when(codes::missed))
}

async fn link(
    cx: &Cx,
    me: &Principal,
    permit: &Permit<gate::CredentialLink>,
    answered: &Answered,
    device: Option<&DeviceProof>,
) -> Result<VerifyResponse, Failed> {
    permit.still_holds(cx, me)?;
    add(cx, me, permit.evidence().map(|by| by.credential), permit.how().into(), answered, device).await
}

/// Adds the address beside the others. `by` is the credential on whose proof.
async fn add(
    cx: &Cx,
    me: &Principal,
    by: Option<CredentialId>,
    permit: How,
    answered: &Answered,
    device: Option<&DeviceProof>,
) -> Result<VerifyResponse, Failed> {
    room_for_one(me)?;
    let several = cx.env.settings.security.auth.allow_multiple_credentials_for_sign_in;
    let wanted = several && me.user.profile.further_emails_sign_in != Some(false);
    let new = new_address(cx, answered, wanted || !me.credentials.iter().any(|c| c.sign_in));
    let mut steps = undo::notices(cx, me, &new, &answered.address)?;
    steps.extend(cx.record(me, Event::EmailLinked { permit })?);
    attach(cx, me, answered, device, enrolment(answered, new, by, steps), None).await
}

/// The permit for this was used up when the change was asked for.
async fn change(
    cx: &Cx,
    me: &Principal,
    begun: &BegunEnrolment,
    answered: &Answered,
    device: Option<&DeviceProof>,
) -> Result<VerifyResponse, Failed> {
    // That was for the factors, the rules and the time of then. What it stood on is judged again: an e-mail code does not
    // change the address of somebody who has enrolled a passkey since (CVE-2023-3597), nor does a proof of long ago.
    let (settings, scope) = (&cx.env.settings, Scope::CredentialUpdate);
    policy::accepts(settings, me, begun.permit.evidence, &scope)?;
    if !policy::may_complete(settings, me, &begun.permit, &scope, cx.now) {
        let code = if me.has_mfa() { Code::MfaRequired } else { Code::ElevatedTokenRequired };
        return Err(ApiError::from(code).for_scope(scope.as_str()).into());
    }
    let Some(old) = me.email_credential() else {
        // With no address that signs in there is none to replace.
        let by = begun.permit.evidence.credential;
        return add(cx, me, Some(by), begun.permit.how.clone().into(), answered, device).await;
    };
    let additions = cx.app.store.additions(me.user.id).await?;
    policy::may_touch(me, &additions, begun.permit.evidence, old, cx.now)?;
    let (young, old) = (policy::is_young_address(old, cx.now), old.id);
    let new = new_address(cx, answered, true);
    let changed =
        Event::EmailChanged { permit: begun.permit.how.clone().into(), masked: answered.address.masked() };
    let told = cx.record(me, changed)?;
    // What undoes an added address also undoes what came in its place.
    let by = young.then_some(old);
    attach(cx, me, answered, device, enrolment(answered, new, by, told), Some(old)).await
}

fn new_address(cx: &Cx, answered: &Answered, sign_in: bool) -> Credential {
    Credential {
        id: answered.verification.begun.unwrap_or_else(|| CredentialId::new(cx.now, random::bytes())),
        facts: Facts::address(Format::Email, answered.address.to_string()),
        sign_in,
        created_at: cx.now,
        verified_at: cx.now,
    }
}

/// The enrolment of the address. `by` is the credential on whose proof it is added.
fn enrolment(
    answered: &Answered,
    credential: Credential,
    by: Option<CredentialId>,
    told: Vec<Step>,
) -> Enrolment<'_> {
    Enrolment { credential, identifier: answered.address.as_str().as_bytes(), keep: None, by, told }
}

/// Gives the user the new address, in place of `old` where one is named.
async fn attach(
    cx: &Cx,
    me: &Principal,
    answered: &Answered,
    device: Option<&DeviceProof>,
    mut enrolment: Enrolment<'_>,
    old: Option<CredentialId>,
) -> Result<VerifyResponse, Failed> {
    let mut after = enrolment.after(me);
    after.session.last_credential = enrolment.credential.id;
    let mut uses_up = Vec::new();
    if let Some(id) = answered.verification.begun {
        // The session before what was begun in it: whoever ends the session locks them in this order.
        let session = stile_store::sessions::hold(cx.env.id, me.user.id, me.session.id);
        uses_up.extend([session, begun::use_up(me.session.id, id)]);
    }
    uses_up.extend(codes::use_up(cx, answered));
    // Links that undo this hold the older credentials, so they come before the session.
    let told = std::mem::take(&mut enrolment.told);
    let nonce = device.map(|d| sessions::nonce_used(cx, d));
    let mut mutation = enrolment.steps(cx, me, uses_up).and(nonce).and_all(told);
    mutation = match old {
        // The code proved the new address, on which the session stands from now on.
        Some(old) => {
            after.session.proofs = after.session.proofs_with(answered.right.proof(enrolment.credential.id));
            mutation.and_all(removal::removed(cx, &mut after, old).await?)
        }
        None => mutation.and(stile_store::sessions::write_proofs(cx.env.id, me.user.id, &after.session)),
    };
    let committed = cx.commit(mutation).await;
    committed.map_err(|error| {
        Failed::from(error).when(|miss| match miss {
            // Only who has proved the address learns that it is in use.
            Miss::Taken => Some(Code::EmailAlreadyExists),
            other => codes::missed(other),
        })
    })?;
    Ok(sessions::answer(cx, &after, false, None)?)
}
