//! Codes by e-mail: sending them within bounds, and judging answers so that guessing is worth nothing.

use serde_json::json;
use stile_core::policy::Begun;
use stile_core::settings::Rate;
use stile_core::{EmailAddress, SessionId, VerificationId};
use stile_factors::email_code::{self, RightCode};
use stile_keys::p256_key::PublicKeyHex;
use stile_keys::random;
use stile_store::ledger::{self, Kind};
use stile_store::{CommitError, Miss, Mutation, Step, Verification, counters, verifications};

use crate::config::address_prefix;
use crate::context::Cx;
use crate::delivery::{Content, Purpose};
use crate::error::{ApiError, Code};

/// Who asked for a code: the session or nobody's, and the page's session key where one was sent. Only the same
/// may answer.
#[derive(Clone, Copy)]
pub struct Creator {
    /// The session.
    pub session: Option<SessionId>,
    hash: [u8; 32],
}

impl Creator {
    /// The creator of these circumstances.
    pub fn new(cx: &Cx, session: Option<SessionId>, key: Option<&PublicKeyHex>) -> Self {
        let session_bytes = session.as_ref().map_or(&[][..], |sid| sid.as_bytes());
        let key = key.map_or("", PublicKeyHex::as_str);
        Self { session, hash: cx.app.keys.counter.tag(&[b"creator", session_bytes, key.as_bytes()]) }
    }
}

struct Counters {
    sent_here: [u8; 32],
    sent: [u8; 32],
    wrong_here: [u8; 32],
    wrong: [u8; 32],
}

/// Counters of an address: for this requester's prefix, and for everybody.
fn counters_of(cx: &Cx, address: &[u8; 32]) -> Counters {
    let prefix = address_prefix(cx.address);
    let key = |what: &[u8], prefix: &[u8]| cx.app.keys.counter.tag(&[what, address, prefix]);
    Counters {
        sent_here: key(b"sent", &prefix),
        sent: key(b"sent", b""),
        wrong_here: key(b"wrong", &prefix),
        wrong: key(b"wrong", b""),
    }
}

/// Sends a code, within the limits of its address. Past them the answer of the live code is repeated, and no mail
/// goes out. Nothing here depends on whether the address has an account.
pub async fn send(
    cx: &Cx,
    address: &EmailAddress,
    creator: Creator,
    purpose: Purpose,
    begun: Option<&Begun>,
) -> Result<VerificationId, ApiError> {
    if cx.env.settings.sdk.block_email_subaddresses && address.is_subaddress() {
        return Err(ApiError::with(Code::InvalidEmail, "Addresses with a + are not accepted here."));
    }
    let keys = &cx.app.keys;
    let hash = email_code::address_hash(keys, cx.env.id, address);
    let counters = counters_of(cx, &hash);
    let limits = &cx.env.settings.limits;
    let (wrong, _) = cx.app.store.count(counters.wrong, cx.now).await?;
    let under_attack = wrong >= i64::from(limits.wrong_codes_total.requests);

    // A code for what was begun with a permit lives no longer than that.
    let left = begun.map_or(i64::MAX, |begun| begun.ends_at.seconds_since(cx.now));
    let seconds = email_code::LIFETIME_SECONDS.min(left);
    let id = VerificationId::new(cx.now, random::bytes());
    let code = email_code::new_code(under_attack);
    let sealed_address = keys
        .seal
        .seal(&address_context(cx, id.as_bytes()), address.as_str().as_bytes())
        .map_err(ApiError::internal)?;
    let verification = Verification {
        id,
        address: hash,
        sealed_address,
        creator: creator.hash,
        session: creator.session,
        begun: begun.cloned(),
        code: email_code::hash(keys, cx.env.id, id, &code),
        created_at: cx.now,
        expires_at: cx.now.plus_seconds(seconds),
    };
    let mail = Content::Code { code, purpose, minutes: minutes(seconds) };
    let sent = [
        verifications::insert(cx.env.id, &verification),
        cx.mail(address.as_str(), mail, seconds)?,
        cx.audit("email_code.sent", None, json!({ "verification": id.to_string() })),
    ];
    let within_limits = Mutation::new([
        counters::admit(counters.sent_here, limits.code_per_address, cx.now),
        counters::admit(counters.sent, limits.code_per_address_total, cx.now),
    ]);
    // Strangers who use up the address's limit keep nobody out: whoever has had no code here still gets one.
    let first_here = Rate { requests: 1, ..limits.code_per_address };
    let past_the_total = Mutation::new([counters::admit(counters.sent_here, first_here, cx.now)]);
    for admission in [within_limits, past_the_total] {
        match cx.commit(admission.and_all(sent.clone())).await {
            Ok(()) => return Ok(id),
            Err(CommitError::Missed(Miss::LockedOut)) => {}
            Err(error) => return Err(error.into()),
        }
    }
    repeat(cx, &verification, &counters).await
}

async fn repeat(cx: &Cx, wanted: &Verification, counters: &Counters) -> Result<VerificationId, ApiError> {
    let (address, creator) = (wanted.address, wanted.creator);
    let live = cx.app.store.live_verification(cx.env.id, address, creator, cx.now).await?;
    if let Some(live) = live.filter(|live| live.begun.is_some() == wanted.begun.is_some()) {
        return Ok(live.id);
    }
    let (_, here) = cx.app.store.count(counters.sent_here, cx.now).await?;
    let (_, everywhere) = cx.app.store.count(counters.sent, cx.now).await?;
    let wait = here.max(everywhere).seconds_since(cx.now);
    Err(ApiError::too_many(u64::try_from(wait).unwrap_or(0).saturating_add(1)))
}

/// A right answer, with what a mutation must use up for it to count.
pub struct Answered {
    /// The address that the code was sent to.
    pub address: EmailAddress,
    /// The verification.
    pub verification: Verification,
    /// To be turned into a proof.
    pub right: RightCode,
}

/// Judges an answer. A wrong one is counted in a commit of its own; a right one counts only with `use_up`.
pub async fn judge(cx: &Cx, id: &str, answer: &str, creator: Creator) -> Result<Answered, ApiError> {
    let id: VerificationId = id.parse().map_err(|_| Code::InvalidEmailVerification)?;
    let found = cx.app.store.verification(cx.env.id, id).await?;
    let theirs = |v: &Verification| {
        v.session == creator.session && v.creator == creator.hash && !v.expires_at.is_past(cx.now)
    };
    let Some(verification) = found.filter(theirs) else {
        cx.note("email_code.refused", None, json!({ "verification": id.to_string() })).await;
        return Err(Code::InvalidEmailVerification.into());
    };
    let Some(right) = email_code::judge(&cx.app.keys, cx.env.id, id, &verification.code, answer, cx.now)
    else {
        return Err(count_wrong(cx, &verification).await);
    };
    let sealed = &verification.sealed_address;
    let address =
        cx.app.keys.seal.open(&address_context(cx, id.as_bytes()), sealed).map_err(ApiError::internal)?;
    let address = std::str::from_utf8(&address).ok().and_then(|text| EmailAddress::parse(text).ok());
    let address = address.ok_or_else(|| ApiError::internal("a stored address is none"))?;
    Ok(Answered { address, verification, right })
}

async fn count_wrong(cx: &Cx, verification: &Verification) -> ApiError {
    let counters = counters_of(cx, &verification.address);
    let limits = &cx.env.settings.limits;
    let mutation = Mutation::new([
        verifications::wrong(cx.env.id, verification.id, cx.now),
        counters::admit(counters.wrong_here, limits.wrong_codes, cx.now),
        counters::bump(counters.wrong, limits.wrong_codes_total, cx.now),
        cx.audit("email_code.wrong", None, json!({ "verification": verification.id.to_string() })),
    ]);
    match cx.app.store.commit(mutation).await {
        Ok(()) => Code::WrongEmailCode.into(),
        Err(error) => error.into(),
    }
}

/// What a right answer uses up: a try that is left, the code itself, and the failures counted against it.
pub fn use_up(cx: &Cx, answered: &Answered) -> [Step; 3] {
    let v = &answered.verification;
    let counters = counters_of(cx, &v.address);
    // The ledger remembers a code as long as the row could be found again.
    let until = v.expires_at.plus_seconds(3_600);
    [
        ledger::consume(Kind::Code, v.id.as_bytes(), cx.now, until),
        verifications::right(cx.env.id, v.id, cx.now),
        counters::clear(counters.wrong_here, cx.env.settings.limits.wrong_codes, cx.now),
    ]
}

/// A refusal of a right answer, as the guesser may know it. Where the answer would not have counted any more, it is
/// refused like a wrong one: else the refusal would tell which code is right, by guesses that nobody counts.
pub async fn refusal(cx: &Cx, answered: &Answered, refused: ApiError) -> ApiError {
    let v = &answered.verification;
    let wrong_here = counters_of(cx, &v.address).wrong_here;
    let guards = Mutation::new([
        verifications::has_tries(cx.env.id, v.id),
        counters::within(wrong_here, cx.env.settings.limits.wrong_codes, cx.now),
    ]);
    cx.app.store.commit(guards).await.map_or_else(Into::into, |()| refused)
}

/// What a failed commit means where a code was used up.
pub fn refused(error: CommitError) -> ApiError {
    match error {
        CommitError::Missed(Miss::AlreadyUsed) => Code::InvalidEmailVerification.into(),
        other => other.into(),
    }
}

fn address_context<'a>(cx: &'a Cx, id: &'a [u8; 16]) -> [&'a [u8]; 3] {
    [b"verification", cx.env.id.as_bytes(), id]
}

/// Whole minutes, at least one.
fn minutes(seconds: i64) -> u32 {
    u32::try_from(seconds / 60).unwrap_or(0).max(1)
}
