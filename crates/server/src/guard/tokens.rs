//! Access, identity and elevated tokens: claims made, signed and checked.

use std::collections::BTreeMap;
use std::sync::atomic::Ordering;

use axum::http::HeaderMap;
use stile_core::claims::{ACCESS, ELEVATED, ElevatedClaims, IDENTITY, IdentityClaims, SessionClaims};
use stile_core::policy::Elevation;
use stile_core::{Level, Micros, Principal};
use stile_keys::jws::{self, JwsError};
use stile_keys::{encoding, random};

use crate::guard::context::Cx;
use crate::state::error::{ApiError, Code};
use crate::state::verified::Access;
use crate::wire::headers::bearer;
use crate::wire::session::SessionTokens;
use crate::wire::time::iso;
use crate::wire::user::verified_credentials;

/// Signs access and identity token for a session. `new_user` is true when this sign-in made the user.
pub fn session(cx: &Cx, me: &Principal, new_user: bool) -> Result<SessionTokens, ApiError> {
    let key = cx.env.signing_key(me.session.level, cx.now)?;
    let life = cx.env.settings.security.jwt_duration.seconds();
    let end =
        [cx.now.plus_seconds(life), me.session.expires_at, me.session.idle_expires_at].into_iter().min();
    let exp = end.unwrap_or(cx.now).seconds();
    let last_proof = me.session.proofs.last();
    let claims = SessionClaims {
        kid: key.kid().to_owned(),
        aud: cx.audience(),
        iss: issuer(cx),
        sub: me.user.id,
        sid: me.session.id,
        environment_id: cx.env.id,
        last_verified_credential_id: me.session.last_credential,
        signin_credential_id: me.session.sign_in_credential,
        session_public_key: me.session.session_key.clone(),
        scope: me.session.level.scope().to_owned(),
        email: me.email().map(str::to_owned),
        username: me.user.profile.username.clone(),
        original_sid: me.session.id,
        refresh_exp: me.session.expires_at.seconds(),
        verified_credentials_hashes: credential_hashes(cx, me),
        roles: Vec::new(),
        amr: amr(me),
        auth_time: last_proof.map_or(me.session.created_at, |p| p.at).seconds(),
        iat: cx.now.seconds(),
        exp,
    };
    let access = key.sign(ACCESS, &claims).map_err(ApiError::internal)?;
    let profile = &me.user.profile;
    let identity = IdentityClaims {
        session: claims,
        alias: profile.alias.clone(),
        given_name: profile.first_name.clone(),
        family_name: profile.last_name.clone(),
        country: profile.country.clone(),
        metadata: profile.metadata.clone(),
        missing_fields: Vec::new(),
        verified_credentials: serde_json::to_value(verified_credentials(me)).map_err(ApiError::internal)?,
        first_visit: iso(me.user.first_visit),
        last_visit: iso(me.user.last_visit),
        new_user,
    };
    let signed = match key.sign(IDENTITY, &identity) {
        // Of a record so full that no verifier would take the token, what `GET /users` tells in full stays out: else the
        // user could not sign in any more.
        Err(JwsError::TooLarge) => {
            let last = me.session.last_credential.to_string();
            let proved: Vec<_> = verified_credentials(me).into_iter().filter(|c| c.id == last).collect();
            let verified_credentials = serde_json::to_value(proved).map_err(ApiError::internal)?;
            key.sign(IDENTITY, &IdentityClaims { metadata: None, verified_credentials, ..identity })
        }
        signed => signed,
    };
    let identity = signed.map_err(ApiError::internal)?;
    Ok(SessionTokens { identity, access, expires_at: exp })
}

/// Lets the session's next tokens live no longer than the one that was sent: nothing was proved by the request, least of
/// all by the device that the session may be bound to. `/refresh` prolongs.
pub fn no_longer_than_sent(cx: &Cx, me: &mut Principal, headers: &HeaderMap) -> Result<(), ApiError> {
    let sent = verify_access(cx, bearer(headers).ok_or(Code::Unauthorized)?)?.expires_at;
    let end = Micros::from_seconds(sent);
    me.session.idle_expires_at = me.session.idle_expires_at.min(end);
    Ok(())
}

/// Signs an elevated access token.
pub fn elevated(cx: &Cx, me: &Principal, elevation: &Elevation) -> Result<String, ApiError> {
    let key = cx.env.signing_key(me.session.level, cx.now)?;
    let claims = ElevatedClaims {
        kid: key.kid().to_owned(),
        aud: cx.audience(),
        iss: issuer(cx),
        sub: me.user.id,
        sid: me.session.id,
        environment_id: cx.env.id,
        jti: encoding::base64url(&random::bytes::<16>()),
        scope: elevation.scopes.clone(),
        single_use: elevation.single_use,
        credential_id: elevation.proof.credential,
        amr: elevation.proof.amr().into_iter().map(str::to_owned).collect(),
        acr: elevation.proof.strength(),
        epoch: me.user.epoch,
        auth_time: elevation.proof.at,
        iat: cx.now,
        exp: cx.now.plus_seconds(elevation.seconds),
    };
    let token = key.sign(ELEVATED, &claims).map_err(ApiError::internal)?;
    cx.app.metrics.elevated_issued.fetch_add(1, Ordering::Relaxed);
    Ok(token)
}

/// Checks an access token: signature, kind, environment, audience, times (RFC 8725 §3).
pub fn verify_access(cx: &Cx, token: &str) -> Result<Access, ApiError> {
    let access = access_even_expired(cx, token)?;
    if access.expires_at <= cx.now.seconds() {
        return Err(ApiError::with(Code::Unauthorized, "The access token has expired: sign in again."));
    }
    Ok(access)
}

/// As `verify_access`, whether or not the token has expired: for signing out.
pub fn access_even_expired(cx: &Cx, token: &str) -> Result<Access, ApiError> {
    let access = cx.app.verified.access(access_tag(cx, token), || read_access(cx, token))?;
    if is_issued(access.issued_at, cx.now) { Ok(access) } else { Err(Code::Unauthorized.into()) }
}

/// Whether the signature of this access token was verified before: then looking at it costs next to nothing.
pub fn knows_access(cx: &Cx, token: &str) -> bool {
    cx.app.verified.knows(&access_tag(cx, token))
}

/// Forgets that the token was verified.
pub fn forget_access(cx: &Cx, token: &str) {
    cx.app.verified.forget(&access_tag(cx, token));
}

fn access_tag(cx: &Cx, token: &str) -> [u8; 32] {
    // Keys, settings and with them the audiences are those of one loading.
    cx.app.keys.counter.tag(&[b"access-token", &cx.env.loading.to_be_bytes(), token.as_bytes()])
}

fn read_access(cx: &Cx, token: &str) -> Result<Access, ApiError> {
    let signed_for = |level| jws::verify::<SessionClaims>(token, ACCESS, cx.env.verifying_keys(level));
    let (verified, level) = match signed_for(Level::Full) {
        Err(JwsError::UnknownKey) => (signed_for(Level::Pending), Level::Pending),
        verified => (verified, Level::Full),
    };
    let claims = verified.map_err(|_: JwsError| ApiError::from(Code::Unauthorized))?;
    let ours =
        claims.iss == issuer(cx) && claims.environment_id == cx.env.id && audience_is_ours(cx, &claims.aud);
    if !ours {
        return Err(Code::Unauthorized.into());
    }
    Ok(Access { level, session: claims.sid, user: claims.sub, issued_at: claims.iat, expires_at: claims.exp })
}

/// Checks an elevated token's form: signed for sessions of this level, kind, environment, audience, times. Whose it is
/// and whether it was used up is the gate's question.
pub fn verify_elevated(cx: &Cx, token: &str, level: Level) -> Result<ElevatedClaims, ApiError> {
    let claims: ElevatedClaims = jws::verify(token, ELEVATED, cx.env.verifying_keys(level))
        .map_err(|_: JwsError| ApiError::from(Code::ElevatedTokenInvalid))?;
    let ours =
        claims.iss == issuer(cx) && claims.environment_id == cx.env.id && audience_is_ours(cx, &claims.aud);
    if !ours || !is_issued(claims.iat.seconds(), cx.now) {
        return Err(Code::ElevatedTokenInvalid.into());
    }
    if claims.exp.is_past(cx.now) {
        return Err(Code::ElevatedTokenExpired.into());
    }
    Ok(claims)
}

/// `<host>/<environment>`, the form that existing backends compare.
fn issuer(cx: &Cx) -> String {
    format!("{}/{}", cx.app.config.host(), cx.env.id)
}

fn audience_is_ours(cx: &Cx, aud: &str) -> bool {
    aud == cx.app.config.origin() || cx.env.settings.allows_origin(aud)
}

/// Clocks of nodes may differ by a minute.
fn is_issued(iat: i64, now: Micros) -> bool {
    iat <= now.seconds().saturating_add(60)
}

fn amr(me: &Principal) -> Vec<String> {
    let mut amr: Vec<String> = Vec::new();
    for method in me.session.proofs.iter().flat_map(stile_core::Proof::amr) {
        if !amr.iter().any(|known| known == method) {
            amr.push(method.to_owned());
        }
    }
    amr
}

/// A keyed hash over the ids of the user's credentials, for each format: it changes when they do.
fn credential_hashes(cx: &Cx, me: &Principal) -> serde_json::Map<String, serde_json::Value> {
    let mut ids: BTreeMap<&str, Vec<&[u8]>> = BTreeMap::new();
    for credential in &me.credentials {
        ids.entry(credential.format().as_str()).or_default().push(credential.id.as_bytes());
    }
    ids.into_iter()
        .map(|(format, ids)| (format.to_owned(), encoding::hex(&cx.app.keys.counter.tag16(&ids)).into()))
        .collect()
}
