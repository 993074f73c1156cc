//! Changes profile fields, and begins a change of the e-mail address.

use axum::Json as Answer;
use axum::http::HeaderMap;
use serde::Deserialize;
use stile_core::principal::Profile;
use stile_core::{Acknowledgement, EmailAddress, Event, Principal, Username, policy};
use stile_factors::email_code;
use stile_store::{Miss, Mutation, begun, recovery_codes, sessions as stored_sessions, users};
use utoipa::ToSchema;

use crate::api::codes::begun_change;
use crate::flows::codes::{self, Creator};
use crate::flows::{Failed, deciding, sessions};
use crate::guard::access::{Me, Proven};
use crate::guard::context::Cx;
use crate::guard::gate::{self, Permit};
use crate::guard::tokens;
use crate::state::error::{ApiError, Code};
use crate::state::limits::Bucket;
use crate::wire::body::Json;
use crate::wire::headers::session_key;
use crate::wire::session::{EmailVerificationCreateResponse, NextViewEnum, UpdateSelfResponse};

/// Fields to change; absent ones stay.
#[derive(Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
#[derive(Default, PartialEq)]
pub struct UserFields {
    /// A new e-mail address: a code goes there, and `verifyEmail` completes the change.
    email: Option<String>,
    alias: Option<String>,
    first_name: Option<String>,
    last_name: Option<String>,
    job_title: Option<String>,
    /// Not set up in this version.
    phone_number: Option<String>,
    t_shirt_size: Option<String>,
    team: Option<String>,
    policies_consent: Option<bool>,
    country: Option<String>,
    /// Unique in the environment.
    username: Option<String>,
    /// Ignored: captchas are not demanded here.
    captcha_token: Option<String>,
    /// The app's own facts, at most 4 KiB.
    #[schema(value_type = Option<Object>)]
    metadata: Option<serde_json::Map<String, serde_json::Value>>,
    /// Whether addresses that are added later sign in; true unless it was set. Setting it needs a second factor. An
    /// addition to the contract.
    further_emails_sign_in: Option<bool>,
    /// `complete`, alone, when the user has saved the recovery codes.
    mfa_backup_code_acknowledgement: Option<String>,
}

const MAX_FIELD: usize = 200;
const MAX_METADATA: usize = 4096;

/// Update the user
///
/// A new e-mail address needs `credential:update`. Other fields need `user:update` where a rule of the environment
/// protects them, and where the user has a second factor that was not proved in this session.
#[utoipa::path(
    put, path = "/users", operation_id = "updateUser", tag = "Users",
    request_body = UserFields,
    responses((status = 200, body = UpdateSelfResponse)), extensions(("x-stile-access" = json!("gated")))
)]
pub async fn handle(
    cx: Cx,
    me: Me,
    headers: HeaderMap,
    Json(body): Json<UserFields>,
) -> Result<Answer<UpdateSelfResponse>, ApiError> {
    if body.phone_number.is_some() {
        return Err(Code::NoSmsProvider.into());
    }
    if let Some(said) = body.mfa_backup_code_acknowledgement.as_deref() {
        let alone =
            UserFields { mfa_backup_code_acknowledgement: Some(said.to_owned()), ..UserFields::default() };
        if body != alone {
            let text = "mfaBackupCodeAcknowledgement is sent alone.";
            return Err(ApiError::with(Code::InvalidUpdate, text));
        }
        let after =
            deciding!(&cx, present = me.0.clone() => acknowledge(&cx, Proven::of(&present)?, said).await)?;
        return answer(&cx, after, &headers, NextViewEnum::Done, None);
    }
    let address =
        body.email.as_deref().map(EmailAddress::parse).transpose().map_err(|_| Code::InvalidEmail)?;
    let address = address.filter(|a| me.email() != Some(a.as_str()));
    if changed(&me.user.profile, &body)?.further_emails_sign_in != me.user.profile.further_emails_sign_in {
        own_factor(&cx, &me)?;
    }
    // Every gate before the first change: a request that is refused has changed nothing.
    let email_permit = match address {
        None => None,
        Some(address) => {
            cx.limit(Bucket::Code)?;
            let old = me.email_credential();
            Some((address, gate::pass_over(&cx, &me, &gate::EMAIL_CHANGE, &headers, old).await?))
        }
    };
    let mut after = me.0.clone();
    if changed(&me.user.profile, &body)? != me.user.profile {
        let permit = gate::pass(&cx, &me, &gate::PROFILE_CHANGE, &headers).await?;
        after =
            deciding!(&cx, present = me.0.clone() => change_profile(&cx, &present, &permit, &body).await)?;
    }
    let Some((address, permit)) = email_permit else {
        return answer(&cx, after, &headers, NextViewEnum::Done, None);
    };
    let key = session_key(&headers, None)?;
    let creator = Creator::new(&cx, Some(&me.0), key.as_ref());
    // `credential:update` is protected always: there is no permit for it without evidence.
    let ends_at = cx.now.plus_seconds(email_code::LIFETIME_SECONDS);
    let permit = permit.begun(&me, ends_at).ok_or(Code::ElevatedTokenRequired)?;
    let begun = begun_change(&cx, &me, permit);
    let sent = codes::send(&cx, &address, creator, None, Some((&begun, begun::insert(&begun)))).await?;
    let sent = EmailVerificationCreateResponse::new(sent.id, sent.digits, &address);
    answer(&cx, after, &headers, NextViewEnum::VerifyEmail, Some(sent))
}

/// Nothing was proved, least of all by the device that the session may be bound to: the new tokens say what changed, and
/// live no longer than the one that was sent. `/refresh` prolongs.
fn answer(
    cx: &Cx,
    mut after: Principal,
    headers: &HeaderMap,
    next_view: NextViewEnum,
    email_verification: Option<EmailVerificationCreateResponse>,
) -> Result<Answer<UpdateSelfResponse>, ApiError> {
    tokens::no_longer_than_sent(cx, &mut after, headers)?;
    let session = sessions::answer(cx, &after, false, None)?;
    Ok(Answer(UpdateSelfResponse { session, next_view, email_verification }))
}

/// The user has saved the recovery codes: what was kept to show them is forgotten. Saying it again changes nothing.
async fn acknowledge(cx: &Cx, me: Proven<'_>, said: &str) -> Result<Principal, Failed> {
    let state = me.user.recovery.filter(|_| said == Acknowledgement::Complete.as_str());
    let Some(state) = state else {
        return Err(ApiError::with(
            Code::InvalidUpdate,
            "There are no recovery codes to acknowledge like this.",
        )
        .into());
    };
    let mut after = Principal::clone(&me);
    if state == Acknowledgement::Complete {
        return Ok(after);
    }
    after.user.recovery = Some(Acknowledgement::Complete);
    after.user.version += 1;
    let mutation = Mutation::new([
        users::bump_version(cx.env.id, &me.user),
        users::set_recovery(cx.env.id, me.user.id, after.user.recovery),
        recovery_codes::hide(me.user.id),
        stored_sessions::hold(cx.env.id, me.user.id, me.session.id),
    ])
    .and_all(cx.record(&*me, Event::RecoveryCodesAcknowledged)?);
    cx.commit(mutation).await?;
    Ok(after)
}

async fn change_profile(
    cx: &Cx,
    me: &Principal,
    permit: &Permit<gate::UserUpdate>,
    body: &UserFields,
) -> Result<Principal, Failed> {
    permit.still_holds(cx, me)?;
    let mut after = me.clone();
    after.user.profile = changed(&me.user.profile, body)?;
    if after.user.profile.further_emails_sign_in != me.user.profile.further_emails_sign_in {
        own_factor(cx, me)?;
    }
    after.user.version += 1;
    let mutation = Mutation::new([
        users::bump_version(cx.env.id, &me.user),
        users::set_profile(cx.env.id, me.user.id, &after.user.profile),
        stored_sessions::hold(cx.env.id, me.user.id, me.session.id),
    ])
    .and_all(cx.record(me, Event::UserUpdated { permit: permit.how().into() })?);
    let committed = cx.commit(mutation).await.map_err(Failed::from);
    committed.map_err(|failed| failed.when(|miss| (miss == Miss::Taken).then_some(Code::UsernameTaken)))?;
    Ok(after)
}

/// How further addresses count is for users with a second factor to say, where they have just proved it.
fn own_factor(cx: &Cx, me: &Principal) -> Result<(), ApiError> {
    if !me.has_mfa() {
        let text = "furtherEmailsSignIn is for users with a second factor.";
        return Err(ApiError::with(Code::InvalidUpdate, text));
    }
    if policy::may_see_codes(me, cx.now) { Ok(()) } else { Err(Code::RecentMfaRequired.into()) }
}

/// The profile with the fields of the request.
fn changed(profile: &Profile, body: &UserFields) -> Result<Profile, ApiError> {
    let mut after = profile.clone();
    set(&mut after.alias, body.alias.as_deref())?;
    set(&mut after.first_name, body.first_name.as_deref())?;
    set(&mut after.last_name, body.last_name.as_deref())?;
    set(&mut after.job_title, body.job_title.as_deref())?;
    set(&mut after.t_shirt_size, body.t_shirt_size.as_deref())?;
    set(&mut after.team, body.team.as_deref())?;
    set(&mut after.country, body.country.as_deref())?;
    if let Some(wanted) = &body.username {
        after.username = match wanted.trim() {
            "" => None,
            // A name from before the present rules is kept as long as it is not changed.
            name if profile.username.as_deref() == Some(name) => profile.username.clone(),
            name => Some(Username::parse(name).map_err(|_| Code::InvalidUsername)?.to_string()),
        };
    }
    after.policies_consent = body.policies_consent.or(after.policies_consent);
    after.further_emails_sign_in = body.further_emails_sign_in.or(after.further_emails_sign_in);
    if let Some(metadata) = &body.metadata {
        let size = serde_json::to_string(metadata).map_or(usize::MAX, |text| text.len());
        if size > MAX_METADATA {
            return Err(ApiError::with(Code::InvalidUpdate, "metadata is larger than 4 KiB."));
        }
        after.metadata = Some(metadata.clone());
    }
    Ok(after)
}

/// A text field: trimmed, bounded; empty takes it away.
fn set(field: &mut Option<String>, value: Option<&str>) -> Result<(), ApiError> {
    let Some(value) = value.map(str::trim) else { return Ok(()) };
    if value.chars().count() > MAX_FIELD || value.chars().any(char::is_control) {
        return Err(ApiError::with(
            Code::InvalidUpdate,
            "A field has at most 200 characters without control characters.",
        ));
    }
    *field = (!value.is_empty()).then(|| value.to_owned());
    Ok(())
}
