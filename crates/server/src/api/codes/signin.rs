//! Opens a session with a code. The first sign-in with an address makes the user.

use axum::Json as Answer;
use axum::http::HeaderMap;
use stile_core::factor::Channel;
use stile_core::principal::Profile;
use stile_core::{Credential, CredentialId, Event, Facts, Format, Principal, Scope, Scopes, User, UserId};
use stile_keys::random;
use stile_store::{Account, Miss, Step, credentials, users};

use super::EmailVerificationVerifyRequest;
use crate::api::openapi::DeviceHeaders;
use crate::flows::codes::{self, Answered, Creator};
use crate::flows::proving::{self, Arrival};
use crate::flows::sessions::{self, Browser};
use crate::flows::{Failed, deciding};
use crate::guard::context::Cx;
use crate::state::error::{ApiError, Code};
use crate::state::limits::Bucket;
use crate::wire::body::Json;
use crate::wire::session::VerifyResponse;

/// Sign in with a code
///
/// Takes codes that belong to no session, from the page that asked for them.
#[utoipa::path(
    post, path = "/emailVerifications/signin", operation_id = "signInWithEmail", tag = "Codes",
    request_body = EmailVerificationVerifyRequest, params(DeviceHeaders),
    responses((status = 200, body = VerifyResponse)),
    extensions(("x-stile-access" = json!("public")))
)]
pub async fn handle(
    cx: Cx,
    headers: HeaderMap,
    Json(body): Json<EmailVerificationVerifyRequest>,
) -> Result<Answer<VerifyResponse>, ApiError> {
    cx.limit(Bucket::SignIn)?;
    let browser = Browser::of(&cx, &headers, body.session_public_key.as_deref()).await?;
    let scopes = cx.env.settings.requested(&body.requested_scopes)?;
    let creator = Creator::new(&cx, None, browser.session_key.as_ref());
    let device = browser.device.as_ref();
    let answered =
        codes::judge(&cx, &body.verification_uuid, &body.verification_token, creator, device).await?;
    match deciding!(sign_in(&cx, &body, &scopes, &answered, &browser).await) {
        Ok(session) => Ok(Answer(session)),
        Err(refused) => Err(codes::refusal(&cx, &answered, refused).await),
    }
}

async fn sign_in(
    cx: &Cx,
    body: &EmailVerificationVerifyRequest,
    scopes: &Scopes,
    answered: &Answered,
    browser: &Browser,
) -> Result<VerifyResponse, Failed> {
    let address = answered.address.as_str();
    let found = cx.app.store.account_by_identifier(cx.env.id, Format::Email, address.as_bytes()).await?;
    let new_user = found.is_none();
    let Owner { account, credential, hold_user, credential_steps } = match found {
        Some(account) => existing(cx, account, address)?,
        None => new_account(cx, address)?,
    };
    let mut scopes = scopes.clone();
    let has_mfa = account.credentials.iter().any(Credential::is_mfa_method);
    if body.allow_new_mfa_linking && !cx.env.settings.security.mfa.required() && !has_mfa {
        scopes.insert(Scope::CredentialLink).map_err(ApiError::from)?;
    }
    let arrival = Arrival { account, hold_user, new_user, browser: browser.clone() };
    let uses_up =
        |_: &Principal| Ok(codes::use_up(cx, answered).into_iter().chain(credential_steps).collect());
    let signed_in = proving::sign_in(cx, arrival, answered.right.proof(credential), &scopes, uses_up).await;
    signed_in.map_err(|failed| match failed {
        // Somebody else has just made a user of the address: the next attempt finds them.
        Failed::Missed(Miss::Taken) => Failed::Again,
        other => other.when(codes::missed),
    })
}

/// The owner of the address that signs in.
struct Owner {
    account: Account,
    credential: CredentialId,
    /// Makes the user's row, or holds it.
    hold_user: Step,
    /// Steps about the credential, which come after the code is used up.
    credential_steps: Vec<Step>,
}

fn existing(cx: &Cx, account: Account, address: &str) -> Result<Owner, Failed> {
    let is_it = |c: &&Credential| c.reached_by(Channel::Mail) == Some(address);
    let credential = account.credentials.iter().find(is_it).ok_or(Failed::Again)?;
    if !credential.sign_in {
        return Err(Code::CredentialNotEnabledForSignIn.into());
    }
    let credential = credential.id;
    let hold_user = sessions::visit(cx, &account);
    let credential_steps = vec![credentials::mark_verified(cx.env.id, account.user.id, credential, cx.now)];
    Ok(Owner { account, credential, hold_user, credential_steps })
}

fn new_account(cx: &Cx, address: &str) -> Result<Owner, ApiError> {
    let user = User {
        id: UserId::new(cx.now, random::bytes()),
        version: 1,
        profile: Profile::default(),
        default_method: None,
        recovery: None,
        epoch: 0,
        first_visit: cx.now,
        last_visit: cx.now,
    };
    let credential = Credential {
        id: CredentialId::new(cx.now, random::bytes()),
        facts: Facts::address(Format::Email, address.to_owned()),
        sign_in: true,
        created_at: cx.now,
        verified_at: cx.now,
    };
    let mut credential_steps = vec![credentials::insert(cx.env.id, user.id, address.as_bytes(), &credential)];
    credential_steps.extend(cx.record(user.id, Event::UserCreated)?);
    let (id, hold_user) = (credential.id, users::insert(cx.env.id, &user));
    let account = Account { user, credentials: vec![credential] };
    Ok(Owner { account, credential: id, hold_user, credential_steps })
}
