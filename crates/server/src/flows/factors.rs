//! Second factors: what a proof gives, and what adding the first one brings.

use stile_core::policy::{self, Addition, Elevation};
use stile_core::{Acknowledgement, CredentialId, Event, Format, Level, Principal, Proof, Scopes};
use stile_factors::recovery_code;
use stile_keys::random;
use stile_store::{MfaToken, Step, additions, mfa_tokens, recovery_codes, users};
use zeroize::Zeroizing;

use crate::flows::sessions;
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

/// What a proof gave: steps to commit, and then the answer.
pub struct Given {
    /// The principal after the proof.
    pub raised: Principal,
    elevation: Option<Elevation>,
    mfa_token: Option<Zeroizing<String>>,
    steps: Vec<Step>,
}

/// Letters of a legacy MFA token: 256 random bits.
const MFA_TOKEN: usize = 43;
const MFA_TOKEN_ONCE_SECONDS: i64 = 600;
const MFA_TOKEN_SECONDS: i64 = 3_600;

/// What a proof gives in this session.
pub fn give(act: &Act, me: &Principal, proof: Proof, wanted: &Wanted) -> Result<Given, ApiError> {
    let elevation = sessions::elevation(act, me, proof, &wanted.scopes)?;
    let (raised, mut steps) = sessions::raise(act, me, proof)?;
    steps.extend(sessions::granted(act, &raised, elevation.as_ref())?);
    let mut mfa_token = None;
    // Asking for one never makes an authentication fail: a proof that is no second factor just gives none.
    if let Some(asked) = wanted.mfa_token
        && proof.is_mfa()
        && raised.session.level == Level::Full
    {
        let text = random::alphanumeric(MFA_TOKEN);
        let seconds = if asked.single_use { MFA_TOKEN_ONCE_SECONDS } else { MFA_TOKEN_SECONDS };
        steps.push(mfa_tokens::insert(&MfaToken {
            hash: mfa_token_hash(act, &text),
            session: raised.session.id,
            proof,
            single_use: asked.single_use,
            epoch: raised.user.epoch,
            expires_at: act.now.plus_seconds(seconds),
        }));
        let issued = Event::MfaTokenIssued { single_use: asked.single_use, method: proof.method };
        steps.extend(act.record(me, issued)?);
        mfa_token = Some(text);
    }
    Ok(Given { raised, elevation, mfa_token, steps })
}

impl Given {
    /// The steps, to be committed before the answer is made.
    pub fn steps(&mut self) -> Vec<Step> {
        std::mem::take(&mut self.steps)
    }

    /// The answer.
    pub fn answer(self, cx: &Cx) -> Result<VerifyResponse, ApiError> {
        let elevated = self.elevation.map(|e| tokens::elevated(cx, &self.raised, &e)).transpose()?;
        let answer = sessions::answer(cx, &self.raised, false, elevated)?;
        Ok(answer.with_mfa_token(self.mfa_token))
    }
}

/// How long a set of recovery codes is kept to be seen, in seconds.
const SHOWN_SECONDS: i64 = 86_400;

/// A new set of recovery codes in the place of any other, to be acknowledged.
pub fn new_codes(act: &Act, me: &Principal) -> Result<(Zeroizing<Vec<String>>, Vec<Step>), ApiError> {
    let set = recovery_code::new_set();
    // Texts always serialise.
    let plain = Zeroizing::new(serde_json::to_vec(&*set).map_err(ApiError::internal)?);
    let sealed = act.keys.seal.seal(&codes_context(act, me), &plain).map_err(ApiError::internal)?;
    let owner = me.user.id;
    // The user's row first: it is held even where the version's guard has missed, so that parallel sets wait for one
    // another instead of holding what the other needs.
    let mut steps = vec![
        users::set_recovery(act.env.id, owner, Some(Acknowledgement::Pending)),
        recovery_codes::delete_all(owner),
        recovery_codes::show(owner, &sealed, act.now.plus_seconds(SHOWN_SECONDS)),
    ];
    let hash = |code: &String| recovery_code::hash(&act.keys, act.env.id, owner, code);
    steps.extend(set.iter().map(|code| recovery_codes::insert(owner, hash(code))));
    Ok((set, steps))
}

/// The associated data of a sealed set.
pub fn codes_context<'a>(act: &'a Act, me: &'a Principal) -> [&'a [u8]; 3] {
    [b"recovery_shown", act.env.id.as_bytes(), me.user.id.as_bytes()]
}

/// Recovery codes for a user who gets a factor of this kind and has none yet. `after` is told of them.
pub fn codes_beside(act: &Act, after: &mut Principal, format: Format) -> Result<Vec<Step>, ApiError> {
    let wanted = after.has_mfa() && act.env.settings.security.mfa.allows_recovery_codes(format);
    if !wanted || after.user.recovery.is_some() {
        return Ok(Vec::new());
    }
    let (_, steps) = new_codes(act, after)?;
    after.user.recovery = Some(Acknowledgement::Pending);
    Ok(steps)
}

/// Whether recovery codes may stand beside any factor that the user has.
pub fn codes_allowed(act: &Act, me: &Principal) -> bool {
    let mfa = &act.env.settings.security.mfa;
    me.mfa_methods().any(|c| mfa.allows_recovery_codes(c.format()))
}

/// Notes on whose proof a credential was added: for seven days the youth of an address is also that of what it enrolled.
pub fn noted_addition(act: &Act, me: &Principal, credential: CredentialId, by: CredentialId) -> Step {
    additions::insert(me.user.id, Addition { credential, by }, act.now.plus_seconds(policy::YOUNG_SECONDS))
}
