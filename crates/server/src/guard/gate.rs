//! The gate: evidence in, permit out. Every gated action has one row here, and its use case takes the permit
//! that only the gate can make (invariants 2 and 3).

use std::marker::PhantomData;

use axum::http::HeaderMap;
use stile_core::claims::ElevatedClaims;
use stile_core::policy::{self, Addition, Begun, Evidence, Exemption, Refusal, Requirement};
use stile_core::settings::ApiVersion;
use stile_core::{Credential, Event, Micros, Principal, Scope};
use stile_store::ledger::{self, Kind};
use stile_store::{CommitError, Miss, Mutation, Step, mfa_tokens};

use crate::guard::act::Act;
use crate::guard::context::Cx;
use crate::guard::tokens;
use crate::state::error::{ApiError, Code};
use crate::wire::headers::text;

/// A scope as a type, so that a permit for one action is none for another.
pub trait GatedScope {
    /// The scope.
    const SCOPE: Scope;
    /// Its text on the wire.
    const SCOPE_TEXT: &'static str;
}

/// Scopes as types, the rows of each, and the table of all rows.
macro_rules! gated {
    ($($(#[$meaning:meta])* $scope:ident = $text:literal {
        $($(#[$action:meta])* $row:ident: $operation:literal, $exemption:ident;)*
    })*) => {
        $(
            $(#[$meaning])*
            pub struct $scope;
            impl GatedScope for $scope {
                const SCOPE: Scope = Scope::$scope;
                const SCOPE_TEXT: &'static str = $text;
            }
            $(
                $(#[$action])*
                pub const $row: Row<$scope> = Row::new($operation, Exemption::$exemption);
            )*
        )*

        /// Every row.
        pub fn table() -> Vec<Listed> {
            vec![$($($row.listed(),)*)*]
        }
    };
}
gated! {
    /// `credential:link`
    CredentialLink = "credential:link" {
        /// Enrolling a passkey.
        PASSKEY_REGISTER: "registerPasskey", FirstFactor;
        /// Enrolling an authenticator app.
        TOTP_REGISTER: "registerTotpDevice", FirstFactor;
        /// Adding an e-mail address.
        EMAIL_LINK: "verifyEmail", Link;
    }
    /// `credential:unlink`
    CredentialUnlink = "credential:unlink" {
        /// Removing a passkey.
        PASSKEY_DELETE: "deletePasskey", Unlink;
        /// Removing an authenticator app.
        MFA_DEVICE_DELETE: "deleteMfaDevice", Unlink;
        /// Removing an e-mail address.
        UNLINK: "unlinkCredential", Unlink;
    }
    /// `credential:update`
    CredentialUpdate = "credential:update" {
        /// Changing the e-mail address.
        EMAIL_CHANGE: "updateUser", None;
    }
    /// `user:update`
    UserUpdate = "user:update" {
        /// Changing profile fields.
        PROFILE_CHANGE: "updateUser", None;
    }
    /// `user:delete`
    UserDelete = "user:delete" {
        /// Deleting the user.
        USER_DELETE: "deleteUser", None;
    }
}

/// Evidence, accepted and used up, that one action of this scope may happen now.
#[must_use]
pub struct Permit<S: GatedScope> {
    stands: Stands,
    scope: PhantomData<S>,
}

/// What a permit stands on.
enum Stands {
    /// An elevated access token, with what it was earned by.
    ElevatedToken(Box<ElevatedClaims>, Evidence),
    /// A legacy MFA token.
    MfaToken(Evidence),
    /// A proof given moments ago in this session.
    RecentProof(Evidence),
    /// Nothing: no rule of the environment protects the action.
    Unprotected,
}

impl<S: GatedScope> Permit<S> {
    const fn new(stands: Stands) -> Self {
        Self { stands, scope: PhantomData }
    }

    /// The elevated token behind it.
    pub fn claims(&self) -> Option<&ElevatedClaims> {
        match &self.stands {
            Stands::ElevatedToken(claims, _) => Some(claims),
            Stands::MfaToken(_) | Stands::RecentProof(_) | Stands::Unprotected => None,
        }
    }

    /// By which credential it was earned, and how strongly; `None` where no rule protects the action.
    pub const fn evidence(&self) -> Option<Evidence> {
        match self.stands {
            Stands::ElevatedToken(_, by) | Stands::MfaToken(by) | Stands::RecentProof(by) => Some(by),
            Stands::Unprotected => None,
        }
    }

    /// What the action stands on when a later answer completes it, by `ends_at` at the latest; `None` where no rule
    /// protects it.
    pub fn begun(&self, me: &Principal, ends_at: Micros) -> Option<Begun> {
        let evidence = self.evidence()?;
        Some(Begun {
            scope: S::SCOPE_TEXT.to_owned(),
            how: self.how().to_owned(),
            evidence,
            epoch: me.user.epoch,
            ends_at,
        })
    }

    /// Refuses when the permit would not be given any more. Whoever decides again on the user as stored now asks this
    /// again: a factor that came or went since the permit was given changes what counts (CVE-2023-3597).
    pub fn still_holds(&self, cx: &Cx, me: &Principal) -> Result<(), ApiError> {
        let settings = &cx.env.settings;
        let holds = match self.evidence() {
            Some(by) => policy::still_accepts(settings, me, by, &S::SCOPE, cx.now),
            None => {
                policy::requirement(settings, me, &S::SCOPE, Exemption::None, cx.now) == Requirement::Open
            }
        };
        if holds { Ok(()) } else { Err(ApiError::from(Code::ElevatedTokenRequired).for_scope(S::SCOPE_TEXT)) }
    }

    /// What the evidence was, for the audit trail.
    pub const fn how(&self) -> &'static str {
        match self.stands {
            Stands::ElevatedToken(..) => "elevated_token",
            Stands::MfaToken(_) => "mfa_token",
            Stands::RecentProof(_) => "recent_proof",
            Stands::Unprotected => "open",
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

/// Lets an action pass, or says what is missing. A single-use token is used up here, in a commit of its own,
/// before the action begins: an action that then fails needs a new one.
pub async fn pass<S: GatedScope>(
    cx: &Cx,
    me: &Principal,
    row: &Row<S>,
    headers: &HeaderMap,
) -> Result<Permit<S>, ApiError> {
    judged(cx, me, row, headers, None).await
}

/// As `pass`, for an action that removes or changes this credential: a young address proves nothing against older ones.
pub async fn pass_over<S: GatedScope>(
    cx: &Cx,
    me: &Principal,
    row: &Row<S>,
    headers: &HeaderMap,
    target: Option<&Credential>,
) -> Result<Permit<S>, ApiError> {
    let Some(target) = target else { return judged(cx, me, row, headers, None).await };
    let over = Over { target, additions: cx.app.store.additions(me.user.id).await? };
    judged(cx, me, row, headers, Some(&over)).await
}

/// What an action removes or changes.
struct Over<'a> {
    target: &'a Credential,
    additions: Vec<Addition>,
}

impl Over<'_> {
    fn may(over: Option<&Self>, cx: &Cx, me: &Principal, by: Evidence) -> Result<(), Refusal> {
        over.map_or(Ok(()), |over| policy::may_touch(me, &over.additions, by, over.target, cx.now))
    }
}

async fn judged<S: GatedScope>(
    cx: &Cx,
    me: &Principal,
    row: &Row<S>,
    headers: &HeaderMap,
    over: Option<&Over<'_>>,
) -> Result<Permit<S>, ApiError> {
    let (settings, scope) = (&cx.env.settings, S::SCOPE);
    let missing = match policy::requirement(settings, me, &scope, row.exemption, cx.now) {
        Requirement::Open => return Ok(Permit::new(Stands::Unprotected)),
        Requirement::RecentProof(recent) => {
            // Of several proofs an older one may do where the newest is too young for what is removed.
            let mut recent = recent.iter().map(Evidence::from);
            if let Some(by) = recent.find(|by| Over::may(over, cx, me, *by).is_ok()) {
                return Ok(Permit::new(Stands::RecentProof(by)));
            }
            ApiError::from(Refusal::AddressTooNew)
        }
        Requirement::Token(_) => Code::ElevatedTokenRequired.into(),
    };
    let refused = match present(cx, me, &scope, headers, over).await {
        Some(Ok((evidence, claims))) => {
            return Ok(Permit::new(Stands::ElevatedToken(Box::new(claims), evidence)));
        }
        Some(Err(refused)) => refused,
        None => missing,
    };
    match legacy(cx, me, &scope, headers, over).await {
        Some(Ok(evidence)) => Ok(Permit::new(Stands::MfaToken(evidence))),
        none_or_refused => {
            let error = none_or_refused.and_then(Result::err).unwrap_or(refused);
            let (operation, scope, code) = (row.operation, S::SCOPE_TEXT, error.code.as_str());
            cx.note(me, Event::GateRefused { operation, scope, code }).await;
            Err(error.for_scope(S::SCOPE_TEXT))
        }
    }
}

/// What the elevated token of the request is worth; `None` when there is none. An empty header is none.
async fn present(
    cx: &Cx,
    me: &Principal,
    scope: &Scope,
    headers: &HeaderMap,
    over: Option<&Over<'_>>,
) -> Option<Result<(Evidence, ElevatedClaims), ApiError>> {
    let token = text(headers, "x-dyn-elevated-access-token").filter(|token| !token.is_empty())?;
    Some(spend(cx, me, scope, token, over).await)
}

async fn spend(
    cx: &Cx,
    me: &Principal,
    scope: &Scope,
    token: &str,
    over: Option<&Over<'_>>,
) -> Result<(Evidence, ElevatedClaims), ApiError> {
    let claims = tokens::verify_elevated(cx, token, me.session.level)?;
    let evidence = belongs(cx, me, &claims, scope)?;
    Over::may(over, cx, me, evidence)?;
    match cx.app.store.commit(Mutation::new(use_up(cx, &claims))).await {
        Ok(()) => Ok((evidence, claims)),
        Err(CommitError::Missed(Miss::AlreadyUsed)) => Err(Code::ElevatedTokenUsed.into()),
        Err(error) => Err(error.into()),
    }
}

/// What the token stands on, if it is of this session and user, for this scope, by a credential that could still give
/// it, and as strong and young as the scope demands now. Everything is looked at as it is now: a token of a removed
/// factor, of an epoch before a recovery, or one that an e-mail code gave before the user had a factor, is worth nothing.
pub fn belongs(
    cx: &Cx,
    me: &Principal,
    claims: &ElevatedClaims,
    wanted: &Scope,
) -> Result<Evidence, ApiError> {
    let same = claims.sub == me.user.id
        && claims.sid == me.session.id
        && claims.epoch == me.user.epoch
        && claims.scope.contains(wanted);
    let evidence = Evidence { credential: claims.credential_id, strength: claims.acr, at: claims.auth_time };
    let settings = &cx.env.settings;
    if same && policy::still_accepts(settings, me, evidence, wanted, cx.now) {
        Ok(evidence)
    } else {
        Err(Code::ElevatedTokenInvalid.into())
    }
}

/// What the legacy MFA token of the request is worth; `None` when there is none, or where the environment's API version
/// leaves such tokens behind. An empty header is none: clients send it beside an elevated token.
async fn legacy(
    cx: &Cx,
    me: &Principal,
    scope: &Scope,
    headers: &HeaderMap,
    over: Option<&Over<'_>>,
) -> Option<Result<Evidence, ApiError>> {
    let token = text(headers, "x-mfa-auth-token").filter(|token| !token.is_empty())?;
    match cx.env.settings.sdk.min_api_version {
        ApiVersion::V20260101 => Some(spend_legacy(cx, me, scope, token, over).await),
        ApiVersion::V20260401 => None,
    }
}

async fn spend_legacy(
    cx: &Cx,
    me: &Principal,
    scope: &Scope,
    token: &str,
    over: Option<&Over<'_>>,
) -> Result<Evidence, ApiError> {
    let hash = mfa_token_hash(cx, token);
    let found = cx.app.store.mfa_token(me.session.id, hash, cx.now).await?.ok_or(Code::MfaTokenInvalid)?;
    let (settings, evidence) = (&cx.env.settings, Evidence::from(&found.proof));
    let satisfies = policy::still_accepts(settings, me, evidence, scope, cx.now);
    if found.epoch != me.user.epoch || !satisfies {
        return Err(Code::MfaTokenInvalid.into());
    }
    Over::may(over, cx, me, evidence)?;
    if !found.single_use {
        return Ok(evidence);
    }
    match cx.app.store.commit(Mutation::new([mfa_tokens::use_up(hash)])).await {
        Ok(()) => Ok(evidence),
        Err(CommitError::Missed(Miss::AlreadyUsed)) => Err(Code::MfaTokenInvalid.into()),
        Err(error) => Err(error.into()),
    }
}

/// The hash under which a legacy MFA token is stored.
pub fn mfa_token_hash(act: &Act, token: &str) -> [u8; 32] {
    act.keys.mfa_token.tag(&[act.env.id.as_bytes(), token.as_bytes()])
}

/// Uses up a single-use token; a time-bound one stays as it is.
pub fn use_up(cx: &Cx, claims: &ElevatedClaims) -> Option<Step> {
    // Longer than the token lives, for nodes whose clocks differ.
    let until = claims.exp.plus_seconds(120);
    claims.single_use.then(|| ledger::consume(Kind::ElevatedToken, &ledger_key(cx, claims), cx.now, until))
}

/// The token's key in the ledger.
pub fn ledger_key(cx: &Cx, claims: &ElevatedClaims) -> [u8; 32] {
    cx.app.keys.elevated_use.tag(&[cx.env.id.as_bytes(), claims.jti.as_bytes()])
}
