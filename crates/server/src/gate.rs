//! The gate: evidence in, permit out. Every gated action has one row here, and its use case takes the permit
//! that only the gate can make (invariants 2 and 3).

use std::marker::PhantomData;

use axum::http::HeaderMap;
use serde_json::json;
use stile_core::claims::ElevatedClaims;
use stile_core::policy::{self, Exemption};
use stile_core::{Micros, Principal, Scope, scope};
use stile_store::ledger::{self, Kind};
use stile_store::{CommitError, Miss, Mutation};

use crate::context::{Cx, text};
use crate::error::{ApiError, Code};
use crate::tokens;

/// A scope as a type, so that a permit for one action is none for another.
pub trait GatedScope {
    /// The scope.
    const SCOPE: Scope;
    /// Its text on the wire.
    const SCOPE_TEXT: &'static str;
}

macro_rules! gated {
    ($($(#[$doc:meta])* $name:ident = $text:literal),* $(,)?) => { $(
        $(#[$doc])*
        pub struct $name;
        impl GatedScope for $name {
            const SCOPE: Scope = Scope::$name;
            const SCOPE_TEXT: &'static str = $text;
        }
    )* };
}
gated!(
    /// `credential:link`
    CredentialLink = "credential:link",
    /// `credential:unlink`
    CredentialUnlink = "credential:unlink",
    /// `credential:update`
    CredentialUpdate = "credential:update",
    /// `user:update`
    UserUpdate = "user:update",
    /// `user:delete`
    UserDelete = "user:delete",
);

/// Evidence, accepted and used up, that one action of this scope may happen now.
#[must_use]
pub struct Permit<S: GatedScope> {
    how: How,
    time_bound: Option<ElevatedClaims>,
    scope: PhantomData<S>,
}

/// What the evidence was.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum How {
    /// An elevated access token.
    ElevatedToken,
    /// A proof given moments ago in this session.
    RecentProof,
    /// No rule of the environment protects the action.
    Open,
}

impl<S: GatedScope> Permit<S> {
    /// The token behind it, when that can be used again until it expires.
    pub const fn time_bound(&self) -> Option<&ElevatedClaims> {
        self.time_bound.as_ref()
    }

    /// The scope that is permitted: what a verification remembers when it completes the action later.
    pub const fn scope(&self) -> &'static str {
        S::SCOPE_TEXT
    }

    /// What the evidence was, for the audit trail.
    pub const fn how(&self) -> &'static str {
        match self.how {
            How::ElevatedToken => "elevated_token",
            How::RecentProof => "recent_proof",
            How::Open => "open",
        }
    }
}

/// One gated action: the operation, and when a recent proof stands in for a token.
pub struct Row<S: GatedScope> {
    /// The operation id in the OpenAPI document.
    pub operation: &'static str,
    /// When a recent proof is enough.
    pub exemption: Exemption,
    scope: PhantomData<S>,
}

impl<S: GatedScope> Row<S> {
    const fn new(operation: &'static str, exemption: Exemption) -> Self {
        Self { operation, exemption, scope: PhantomData }
    }

    fn listed(&self) -> Listed {
        Listed { operation: self.operation, scope: S::SCOPE, exemption: self.exemption }
    }
}

/// Enrolling a passkey.
pub const PASSKEY_REGISTER: Row<CredentialLink> = Row::new("registerPasskey", Exemption::FirstFactor);
/// Removing a passkey.
pub const PASSKEY_DELETE: Row<CredentialUnlink> = Row::new("deletePasskey", Exemption::Unlink);
/// Adding an e-mail address.
pub const EMAIL_LINK: Row<CredentialLink> = Row::new("verifyEmail", Exemption::Link);
/// Changing the e-mail address.
pub const EMAIL_CHANGE: Row<CredentialUpdate> = Row::new("updateUser", Exemption::None);
/// Changing profile fields.
pub const PROFILE_CHANGE: Row<UserUpdate> = Row::new("updateUser", Exemption::None);
/// Deleting the user.
pub const USER_DELETE: Row<UserDelete> = Row::new("deleteUser", Exemption::None);

/// A row without its type.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Listed {
    /// The operation id in the OpenAPI document.
    pub operation: &'static str,
    /// The scope that it needs.
    pub scope: Scope,
    /// When a recent proof is enough.
    pub exemption: Exemption,
}

/// Every row.
pub fn table() -> Vec<Listed> {
    vec![
        PASSKEY_REGISTER.listed(),
        PASSKEY_DELETE.listed(),
        EMAIL_LINK.listed(),
        EMAIL_CHANGE.listed(),
        PROFILE_CHANGE.listed(),
        USER_DELETE.listed(),
    ]
}

/// Lets an action pass, or says what is missing. A single-use token is used up here, in a commit of its own,
/// before the action begins: an action that then fails needs a new one.
pub async fn pass<S: GatedScope>(
    cx: &Cx,
    me: &Principal,
    row: &Row<S>,
    headers: &HeaderMap,
) -> Result<Permit<S>, ApiError> {
    let permit = |how, time_bound| Permit { how, time_bound, scope: PhantomData };
    let requirement = policy::requirement(&cx.env.settings, me, &S::SCOPE, row.exemption, cx.now);
    if !requirement.required {
        let how =
            if requirement.reason == policy::Reason::RecentProof { How::RecentProof } else { How::Open };
        return Ok(permit(how, None));
    }
    match present(cx, me, S::SCOPE_TEXT, headers).await {
        Ok(claims) => Ok(permit(How::ElevatedToken, Some(claims).filter(|claims| !claims.single_use))),
        Err(error) => {
            let detail =
                json!({ "operation": row.operation, "scope": S::SCOPE_TEXT, "code": error.code.as_str() });
            cx.note("gate.refused", Some(me.user.id), detail).await;
            Err(error.for_scope(S::SCOPE_TEXT))
        }
    }
}

async fn present(
    cx: &Cx,
    me: &Principal,
    scope: &str,
    headers: &HeaderMap,
) -> Result<ElevatedClaims, ApiError> {
    let token = text(headers, "x-dyn-elevated-access-token").filter(|t| !t.is_empty());
    let claims = tokens::verify_elevated(cx, token.ok_or(Code::ElevatedTokenRequired)?)?;
    belongs(me, &claims, scope)?;
    match use_up(cx, &claims, None).await {
        Ok(()) => Ok(claims),
        Err(CommitError::Missed(Miss::AlreadyUsed)) => Err(Code::ElevatedTokenUsed.into()),
        Err(error) => Err(error.into()),
    }
}

/// Whether the token is of this session and user, for this scope, and by a credential that could still give it.
/// The credential is looked at as it is now: a token of a removed factor, or one that an e-mail code gave before
/// the user had a factor, is worth nothing.
pub fn belongs(me: &Principal, claims: &ElevatedClaims, wanted: &str) -> Result<(), ApiError> {
    let same = claims.sub == me.user.id.to_string() && claims.sid == me.session.id.to_string();
    let credential = claims.credential_id.parse().ok().and_then(|id| me.credential(id));
    let strong = credential.is_some_and(|c| !me.has_mfa() || c.is_mfa_method());
    if same && strong && scope::contains(&claims.scope, wanted) {
        Ok(())
    } else {
        Err(Code::ElevatedTokenInvalid.into())
    }
}

/// Uses up a single-use token; a time-bound one stays as it is. `note` says by whom.
pub async fn use_up(cx: &Cx, claims: &ElevatedClaims, note: Option<[u8; 32]>) -> Result<(), CommitError> {
    if !claims.single_use {
        return Ok(());
    }
    // A minute longer than the token lives, for nodes whose clocks differ.
    let until = Micros::new(claims.exp.saturating_mul(1_000_000)).plus_seconds(120);
    let step = ledger::consume_noting(Kind::ElevatedToken, &ledger_key(cx, claims), note, cx.now, until);
    cx.app.store.commit(Mutation::new([step])).await
}

/// The token's key in the ledger.
pub fn ledger_key(cx: &Cx, claims: &ElevatedClaims) -> [u8; 32] {
    cx.app.keys.elevated_use.tag(&[cx.env.id.as_bytes(), claims.jti.as_bytes()])
}
