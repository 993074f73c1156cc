//! Sessions: opened by a first proof, raised by later ones.

use axum::http::HeaderMap;
use stile_core::policy::{self, Elevation};
use stile_core::settings::Settings;
use stile_core::{
    Credential, Event, Level, Micros, Principal, Proof, Scope, Scopes, Session, SessionId, UserId,
};
use stile_factors::device::{DeviceProof, NONCE_SECONDS};
use stile_keys::p256_key::PublicKeyHex;
use stile_keys::random;
use stile_store::ledger::{self, Kind};
use stile_store::{Account, Step, known_devices, sessions, users};

use crate::guard::act::Act;
use crate::guard::context::Cx;
use crate::guard::tokens;
use crate::state::error::{ApiError, Code};
use crate::wire::headers;
use crate::wire::session::VerifyResponse;

/// The browser that a session will live in, whatever method opens it.
#[derive(Clone)]
pub struct Browser {
    /// The page's session key.
    pub session_key: Option<PublicKeyHex>,
    /// The device's proof: the session is bound to its key.
    pub device: Option<DeviceProof>,
    /// The browser, as it calls itself.
    pub user_agent: String,
}

impl Browser {
    /// What a request tells of its browser; the session key may stand in the body too.
    pub async fn of(cx: &Cx, headers: &HeaderMap, session_key: Option<&str>) -> Result<Self, ApiError> {
        let device = cx.device_proof(headers).await?;
        let session_key = headers::session_key(headers, session_key)?;
        Ok(Self { session_key, device, user_agent: headers::user_agent(headers) })
    }
}

/// The principal of a new session, and the steps that make it. Whoever calls adds what makes or holds the user.
pub fn open(
    act: &Act,
    mut account: Account,
    proof: Proof,
    browser: Browser,
) -> Result<(Principal, Vec<Step>), ApiError> {
    let Browser { session_key, device, user_agent } = browser;
    account.user.last_visit = act.now;
    verified_now(act, &mut account.credentials, &proof);
    let has_mfa = account.credentials.iter().any(Credential::is_mfa_method);
    let level = policy::level_after(&act.env.settings, has_mfa, &proof);
    let session = Session {
        id: SessionId::new(act.now, random::bytes()),
        level,
        created_at: act.now,
        expires_at: absolute_end(&act.env.settings, level, act.now),
        idle_expires_at: idle_end(&act.env.settings, level, act.now),
        sign_in_credential: proof.credential,
        last_credential: proof.credential,
        session_key: session_key.map(|key| key.as_str().to_owned()),
        user_agent,
        device_key: device.as_ref().map(|d| d.key.as_str().to_owned()),
        proofs: vec![proof],
    };
    let opened = Event::SessionOpened { session: session.id, amr: proof.amr(), level: level.scope() };
    let mut steps = vec![sessions::insert(act.env.id, account.user.id, &session)];
    steps.extend(act.record(account.user.id, opened)?);
    steps.extend(device.map(|d| nonce_used(act, &d)));
    steps.extend(completed(act, account.user.id, &session));
    let me = Principal {
        environment: act.env.id,
        environment_version: act.env.version,
        user: account.user,
        session,
        credentials: account.credentials,
    };
    Ok((me, steps))
}

/// The principal after one more proof in the session, and the steps that write it down. A pending session that owes
/// nothing more becomes a full one under a new id, and the old id is used up (CVE-2024-28197); otherwise the id stays.
pub fn raise(act: &Act, me: &Principal, proof: Proof) -> Result<(Principal, Vec<Step>), ApiError> {
    let mut raised = me.clone();
    verified_now(act, &mut raised.credentials, &proof);
    raised.session.proofs = me.session.proofs_with(proof);
    raised.session.last_credential = proof.credential;
    raised.session.idle_expires_at = idle_end(&act.env.settings, me.session.level, act.now);
    let becomes_full = me.session.level == Level::Pending
        && policy::level_after(&act.env.settings, me.has_mfa(), &proof) == Level::Full;
    if !becomes_full {
        let step = sessions::write_proofs(act.env.id, me.user.id, &raised.session);
        return Ok((raised, vec![step]));
    }
    raised.session.level = Level::Full;
    raised.session.expires_at = absolute_end(&act.env.settings, Level::Full, me.session.created_at);
    raised.session.idle_expires_at = idle_end(&act.env.settings, Level::Full, act.now);
    raised.session.id = SessionId::new(act.now, random::bytes());
    let event = Event::SessionRaised { session: raised.session.id, from: me.session.id };
    let mut steps = vec![
        sessions::use_up(act.env.id, me.session.id),
        sessions::insert(act.env.id, me.user.id, &raised.session),
    ];
    steps.extend(act.record(me, event)?);
    steps.extend(completed(act, me.user.id, &raised.session));
    Ok((raised, steps))
}

/// A sign-in that is finished makes its device known.
fn completed(act: &Act, owner: UserId, session: &Session) -> Vec<Step> {
    let key = session.device_key.as_deref().filter(|_| session.level == Level::Full);
    key.map(|key| known_devices::remember(owner, key, act.now).into()).unwrap_or_default()
}

/// What is answered is what is committed beside it: the proved credential was verified now.
fn verified_now(act: &Act, credentials: &mut [Credential], proof: &Proof) {
    for credential in credentials.iter_mut().filter(|c| c.id == proof.credential) {
        credential.verified_at = act.now;
    }
}

/// What the proof gives for the scopes that were asked for.
pub fn elevation(
    act: &Act,
    me: &Principal,
    proof: Proof,
    scopes: &Scopes,
) -> Result<Option<Elevation>, ApiError> {
    let settings = &act.env.settings;
    let elevation = policy::grant(settings, me, proof, scopes)?;
    // A session that still owes a factor gets no token but the one that enrols it: no backend that is shown another
    // could tell that the sign-in is not finished (GHSA-xg6x-h9c9-2m83).
    let owes = me.session.level == Level::Pending
        && policy::level_after(settings, me.has_mfa(), &proof) == Level::Pending;
    if owes && scopes.iter().any(|scope| *scope != Scope::CredentialLink) {
        return Err(Code::EnrolmentRequired.into());
    }
    Ok(elevation)
}

/// Writes down an elevation that was granted.
pub fn granted(act: &Act, me: &Principal, elevation: Option<&Elevation>) -> Result<Vec<Step>, ApiError> {
    let Some(elevation) = elevation else { return Ok(Vec::new()) };
    let event = Event::ElevationGranted {
        scopes: elevation.scopes.iter().map(ToString::to_string).collect(),
        single_use: elevation.single_use,
        seconds: elevation.seconds,
        credential: elevation.proof.credential,
        amr: elevation.proof.amr(),
    };
    act.record(me, event)
}

/// When a session of this level ends that is not used any more.
pub fn idle_end(settings: &Settings, level: Level, now: Micros) -> Micros {
    now.plus_seconds(policy::lifetime(settings, level).idle)
}

/// When a session of this level ends whatever happens.
fn absolute_end(settings: &Settings, level: Level, created_at: Micros) -> Micros {
    created_at.plus_seconds(policy::lifetime(settings, level).absolute)
}

/// The session of this principal, with fresh tokens.
pub fn answer(
    cx: &Cx,
    me: &Principal,
    new_user: bool,
    elevated: Option<String>,
) -> Result<VerifyResponse, ApiError> {
    Ok(VerifyResponse::new(me, new_user, tokens::session(cx, me, new_user)?, elevated))
}

/// Uses up the nonce of a device proof.
pub fn nonce_used(act: &Act, device: &DeviceProof) -> Step {
    ledger::consume(Kind::Nonce, &device.nonce, act.now, act.now.plus_seconds(NONCE_SECONDS + 120))
}

/// Holds the user as read, and notes the visit.
pub fn visit(act: &Act, account: &Account) -> Step {
    users::hold_version_and_visit(act.env.id, &account.user, act.now)
}
