//! The endings of a proof. Whatever method verified an answer ends here: it opens a session, adds to one, or enrols a
//! credential. What the answer uses up, what it gives and what is told of it are one commit.
//!
//! Steps come in one order, so that no two commits wait for each other: the user's row, what the answer uses up,
//! credentials, sessions, devices.

use stile_core::policy::{self, Addition};
use stile_core::{Credential, CredentialId, Event, Level, Principal, Proof, Scopes};
use stile_keys::random;
use stile_store::{Account, MfaToken, Mutation, Step, additions, credentials, mfa_tokens, users};
use zeroize::Zeroizing;

use super::Failed;
use super::recovery_codes;
use super::sessions::{self, Browser};
use crate::guard::act::Act;
use crate::guard::context::Cx;
use crate::guard::gate::mfa_token_hash;
use crate::guard::tokens;
use crate::state::error::ApiError;
use crate::wire::session::{CreateMfaToken, VerifyResponse};

/// What a request wants for its proof.
pub struct Wanted<'a> {
    /// Scopes for an elevated access token.
    pub scopes: Scopes,
    /// A legacy MFA token.
    pub mfa_token: Option<&'a CreateMfaToken>,
}

/// Somebody who has proved a credential that signs in.
pub struct Arrival {
    /// The account; its credentials include the one that was proved.
    pub account: Account,
    /// Makes the user's row, or holds it.
    pub hold_user: Step,
    /// Whether this sign-in makes the user.
    pub new_user: bool,
    /// The browser that the session will live in.
    pub browser: Browser,
}

/// Opens a session. `uses_up` is told whose it is.
pub async fn sign_in(
    cx: &Cx,
    arrival: Arrival,
    proof: Proof,
    scopes: &Scopes,
    uses_up: impl FnOnce(&Principal) -> Result<Vec<Step>, ApiError>,
) -> Result<VerifyResponse, Failed> {
    let Arrival { account, hold_user, new_user, browser } = arrival;
    let (me, opened) = sessions::open(cx, account, proof, browser)?;
    let elevation = sessions::elevation(cx, &me, proof, scopes)?;
    let mutation = Mutation::new([hold_user])
        .and_all(uses_up(&me)?)
        .and_all(opened)
        .and_all(sessions::granted(cx, &me, elevation.as_ref())?);
    cx.commit(mutation).await?;
    let elevated = elevation.map(|e| tokens::elevated(cx, &me, &e)).transpose()?;
    Ok(sessions::answer(cx, &me, new_user, elevated)?)
}

/// Adds a proof by a credential that the user has.
pub async fn step_up(
    cx: &Cx,
    me: &Principal,
    proof: Proof,
    wanted: &Wanted<'_>,
    uses_up: Vec<Step>,
) -> Result<VerifyResponse, Failed> {
    let hold = Mutation::new([users::hold_version(cx.env.id, &me.user)]);
    Ok(prove(cx, me, hold.and_all(uses_up), proof, wanted, Vec::new()).await?.answer)
}

/// A credential that is about to be enrolled.
pub struct Enrolment<'a> {
    /// It.
    pub credential: Credential,
    /// What is unique about it in the environment.
    pub identifier: &'a [u8],
    /// Stores its key or its secret, where it has one.
    pub keep: Option<Step>,
    /// The credential on whose proof it is added: for seven days the youth of an address is also that of what it enrolled.
    pub by: Option<CredentialId>,
    /// Records and tells that it was added.
    pub told: Vec<Step>,
}

impl Enrolment<'_> {
    /// The steps that enrol it, after what an answer `uses_up`.
    pub fn steps(&self, cx: &Cx, me: &Principal, uses_up: Vec<Step>) -> Mutation {
        let (owner, until) = (me.user.id, cx.now.plus_seconds(policy::YOUNG_SECONDS));
        let note = |by| additions::insert(owner, Addition { credential: self.credential.id, by }, until);
        Mutation::new([users::bump_version(cx.env.id, &me.user)])
            .and_all(uses_up)
            .and(credentials::insert(cx.env.id, owner, self.identifier, &self.credential))
            .and(self.keep.clone())
            .and(self.by.map(note))
    }

    /// The principal who has it.
    pub fn after(&self, me: &Principal) -> Principal {
        let mut after = me.clone();
        after.credentials.push(self.credential.clone());
        after.user.version += 1;
        after
    }
}

/// Enrols a credential and counts it as proved, with recovery codes beside it where they belong.
pub async fn enrol(
    cx: &Cx,
    me: &Principal,
    enrolment: Enrolment<'_>,
    proof: Proof,
    wanted: &Wanted<'_>,
    uses_up: Vec<Step>,
) -> Result<Proved, Failed> {
    let mut after = enrolment.after(me);
    let codes = recovery_codes::beside(cx, &mut after, enrolment.credential.format())?;
    let before = enrolment.steps(cx, me, uses_up).and_all(codes);
    prove(cx, &after, before, proof, wanted, enrolment.told).await
}

/// A session after a proof.
pub struct Proved {
    /// Its principal.
    pub me: Principal,
    /// The answer.
    pub answer: VerifyResponse,
}

/// Letters of a legacy MFA token: 256 random bits.
const MFA_TOKEN: usize = 43;
const MFA_TOKEN_ONCE_SECONDS: i64 = 600;
const MFA_TOKEN_SECONDS: i64 = 3_600;

/// Adds a proof to the session of `me`, who is the principal after the steps `before`.
pub async fn prove(
    cx: &Cx,
    me: &Principal,
    before: Mutation,
    proof: Proof,
    wanted: &Wanted<'_>,
    told: Vec<Step>,
) -> Result<Proved, Failed> {
    let elevation = sessions::elevation(cx, me, proof, &wanted.scopes)?;
    let (me, raised) = sessions::raise(cx, me, proof)?;
    let (mfa_token, issued) = mfa_token(cx, &me, proof, wanted)?.unzip();
    let mutation = before
        .and_all(raised)
        .and_all(sessions::granted(cx, &me, elevation.as_ref())?)
        .and_all(issued.unwrap_or_default())
        .and_all(told);
    cx.commit(mutation).await?;
    let elevated = elevation.map(|e| tokens::elevated(cx, &me, &e)).transpose()?;
    let answer = sessions::answer(cx, &me, false, elevated)?.with_mfa_token(mfa_token);
    Ok(Proved { me, answer })
}

/// A legacy MFA token, and the steps that store and record it.
type Issued = (Zeroizing<String>, Vec<Step>);

/// A legacy MFA token, where one is wanted and the proof gives one. Asking for one never makes an authentication fail.
fn mfa_token(act: &Act, me: &Principal, proof: Proof, wanted: &Wanted) -> Result<Option<Issued>, ApiError> {
    let wanted = wanted.mfa_token.filter(|_| proof.is_mfa() && me.session.level == Level::Full);
    let Some(asked) = wanted else { return Ok(None) };
    let text = random::alphanumeric(MFA_TOKEN);
    let seconds = if asked.single_use { MFA_TOKEN_ONCE_SECONDS } else { MFA_TOKEN_SECONDS };
    let insert = mfa_tokens::insert(&MfaToken {
        hash: mfa_token_hash(act, &text),
        session: me.session.id,
        proof,
        single_use: asked.single_use,
        epoch: me.user.epoch,
        expires_at: act.now.plus_seconds(seconds),
    });
    let issued =
        act.record(me, Event::MfaTokenIssued { single_use: asked.single_use, method: proof.method })?;
    Ok(Some((text, std::iter::once(insert).chain(issued).collect())))
}
