//! Codes by e-mail: sending them within bounds, and judging answers so that guessing is worth nothing.
//!
//! A short code is judged only while its payer has room for a wrong answer (`flows/payers.rs`), and a right one passes
//! only in a commit that sees room too. A long code cannot be guessed, and is judged as long as it has tries.

use stile_core::guessing::LONG_DIGITS;
use stile_core::{EmailAddress, Event, Principal, SessionId, UserId, VerificationId};
use stile_factors::device::DeviceProof;
use stile_factors::email_code::{self, RightCode};
use stile_keys::p256_key::PublicKeyHex;
use stile_keys::random;
use stile_store::ledger::{self, Kind};
use stile_store::{
    BegunEnrolment, CommitError, Miss, Mutation, Step, Verification, sessions as stored_sessions,
    verifications,
};

use super::Failed;
use super::payers::{Payer, Standing, standing};
use super::postage::Postage;
use super::sessions;
use crate::delivery::{Content, Purpose};
use crate::guard::act::About;
use crate::guard::context::Cx;
use crate::state::error::{ApiError, Code};

/// Who asked for a code: a session, or somebody without one; and the page's session key where one was sent. Only they may
/// answer.
#[derive(Clone, Copy)]
pub struct Creator {
    /// The session.
    pub session: Option<SessionId>,
    user: Option<UserId>,
    hash: [u8; 32],
    /// Whether there is a session or a key: without them everybody is the same nobody.
    told_apart: bool,
}

impl Creator {
    /// The creator of these circumstances.
    pub fn new(cx: &Cx, me: Option<&Principal>, key: Option<&PublicKeyHex>) -> Self {
        let session = me.map(|me| me.session.id);
        let session_bytes = session.as_ref().map_or(&[][..], |sid| sid.as_bytes());
        let told_apart = session.is_some() || key.is_some();
        let key = key.map_or("", PublicKeyHex::as_str);
        let hash = cx.app.keys.counter.tag(&[b"creator", session_bytes, key.as_bytes()]);
        Self { session, user: me.map(|me| me.user.id), hash, told_apart }
    }
}

/// A code that was sent.
pub struct Sent {
    /// The verification.
    pub id: VerificationId,
    /// How many digits the code has, as far as anybody may know: a short code is announced where the address is not
    /// under attack, also when this user or this device gets a long one.
    pub digits: u32,
}

/// Sends a code, within the bounds on mails to its address. Past them whoever asked for a live code is told of it
/// again, and no mail goes out. A code for what was begun comes with the step that begins it or holds it. Nothing here
/// depends on whether the address has an account.
pub async fn send(
    cx: &Cx,
    address: &EmailAddress,
    creator: Creator,
    device: Option<&DeviceProof>,
    begun: Option<(&BegunEnrolment, Step)>,
) -> Result<Sent, ApiError> {
    let (begun, begin) = begun.unzip();
    if cx.env.settings.sdk.block_email_subaddresses && address.is_subaddress() {
        return Err(ApiError::with(Code::InvalidEmail, "Addresses with a + are not accepted here."));
    }
    let keys = &cx.app.keys;
    let hash = email_code::address_hash(keys, cx.env.id, address);
    let stands = standing(cx, &hash, address, device.map(|d| d.key.as_str())).await?;
    // A code for what was begun with a permit lives no longer than that.
    let left = begun.map_or(i64::MAX, |begun| begun.permit.ends_at.seconds_since(cx.now));
    let seconds = email_code::LIFETIME_SECONDS.min(left);
    let id = VerificationId::new(cx.now, random::bytes());
    let digits = stands.digits();
    let code = email_code::new_code(digits);
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
        begun: begun.map(|begun| begun.id),
        device: match &stands.payer {
            Payer::Device { key, .. } => Some(key.clone()),
            Payer::Strangers { .. } => None,
        },
        code: email_code::hash(keys, cx.env.id, id, &code),
        digits,
        tries: 0,
        created_at: cx.now,
        expires_at: cx.now.plus_seconds(seconds),
    };
    let purpose = purpose(creator, &stands, begun.is_some());
    let mail = Content::Code { code, purpose, minutes: minutes(seconds) };
    let mut steps =
        vec![verifications::insert(cx.env.id, &verification), cx.mail(address.as_str(), mail, seconds)?];
    steps.extend(cx.record(About::Nobody, Event::EmailCodeSent { verification: id, in_place: false })?);
    steps.extend(device.map(|d| sessions::nonce_used(cx, d)));
    if let (Some(begun), Some(user)) = (begun, creator.user) {
        steps.push(stored_sessions::hold(cx.env.id, user, begun.session));
    }
    steps.extend(begin);
    let postage = Postage::new(cx, &hash, &stands, creator.user);
    match postage.commit(cx, &steps).await.map_err(uncounted)? {
        Ok(()) => Ok(Sent { id, digits: stands.told_digits }),
        Err(next) => {
            let id = repeated(cx, &verification, creator).await?;
            let wait = u64::try_from(next.seconds_since(cx.now)).unwrap_or(0).saturating_add(1);
            id.map(|id| Sent { id, digits: stands.told_digits }).ok_or_else(|| ApiError::too_many(wait))
        }
    }
}

/// What a code is for. Only a change of address uses up a permit before its code is sent.
fn purpose(creator: Creator, stands: &Standing, begun: bool) -> Purpose {
    match (creator.user, begun) {
        (None, _) => Purpose::SignIn,
        (Some(_), true) => Purpose::ChangeEmail,
        (Some(user), false) if stands.holder == Some(user) => Purpose::Confirm,
        (Some(_), false) => Purpose::AddEmail,
    }
}

/// A live code of the one who asks, for the same purpose and as long as one that would be sent now.
async fn repeated(
    cx: &Cx,
    wanted: &Verification,
    creator: Creator,
) -> Result<Option<VerificationId>, ApiError> {
    if !creator.told_apart {
        return Ok(None);
    }
    let live = cx.app.store.live_verification(cx.env.id, wanted.address, wanted.creator, cx.now).await?;
    let same = |live: &Verification| live.begun == wanted.begun && live.digits == wanted.digits;
    Ok(live.filter(same).map(|live| live.id))
}

/// A right answer, with what a mutation must use up for it to count.
pub struct Answered {
    /// The address that the code was sent to.
    pub address: EmailAddress,
    /// The verification.
    pub verification: Verification,
    /// To be turned into a proof.
    pub right: RightCode,
    payer: Option<Payer>,
    device: Option<DeviceProof>,
}

/// Judges an answer. A wrong one is counted in a commit of its own; a right one counts only with `use_up`. Whatever
/// refuses both is looked at before, so that neither the refusal nor its time tells which it was.
pub async fn judge(
    cx: &Cx,
    id: &str,
    answer: &str,
    creator: Creator,
    device: Option<&DeviceProof>,
) -> Result<Answered, ApiError> {
    let id: VerificationId = id.parse().map_err(|_| Code::InvalidEmailVerification)?;
    let found = cx.app.store.verification(cx.env.id, id).await?;
    let theirs = |v: &Verification| {
        v.session == creator.session && v.creator == creator.hash && !v.expires_at.is_past(cx.now)
    };
    let Some(verification) = found.filter(theirs) else {
        cx.note(About::Nobody, Event::EmailCodeRefused { verification: id, reason: None }).await;
        return Err(Code::InvalidEmailVerification.into());
    };
    if verification.tries >= verifications::MAX_TRIES {
        let refused = Event::EmailCodeRefused { verification: id, reason: Some("tries_spent") };
        cx.note(About::Nobody, refused).await;
        return Err(Code::TooManyEmailAttempts.into());
    }
    if let Some(device) = device
        && cx.app.store.is_used(Kind::Nonce, &device.nonce).await?
    {
        return Err(Code::InvalidNonce.into());
    }
    let sealed = &verification.sealed_address;
    let address =
        cx.app.keys.seal.open(&address_context(cx, id.as_bytes()), sealed).map_err(ApiError::internal)?;
    let address = std::str::from_utf8(&address).ok().and_then(|text| EmailAddress::parse(text).ok());
    let address = address.ok_or_else(|| ApiError::internal("a stored address is none"))?;
    // A client that showed its device only when it asked is taken at that.
    let key = device.map(|d| d.key.as_str()).or(verification.device.as_deref());
    let stands = standing(cx, &verification.address, &address, key).await?;
    let short = verification.digits < LONG_DIGITS;
    if short && !stands.has_room {
        return Err(unjudged(cx, &verification, &address, &stands, device, creator).await);
    }
    let judged = email_code::judge(&cx.app.keys, cx.env.id, id, &verification.code, answer, cx.now);
    let payer = short.then_some(stands.payer);
    let Some(right) = judged else {
        return Err(count_wrong(cx, &verification, payer.as_ref(), device).await);
    };
    Ok(Answered { address, verification, right, payer, device: device.cloned() })
}

/// Counts a try of the code, with what it spends, and the nonce that came along. Rows are locked in the order in which
/// [`use_up`] and [`refusal`] lock them: the code, the buckets, the nonce.
fn tried(
    cx: &Cx,
    v: &Verification,
    refusal: &Event,
    spent: Vec<Step>,
    device: Option<&DeviceProof>,
) -> Mutation {
    let refused = cx.refused(About::Nobody, refusal);
    Mutation::new([verifications::count_wrong(cx.env.id, v.id, cx.now), refused])
        .and_all(spent)
        .and(device.map(|d| sessions::nonce_used(cx, d)))
}

/// The code and its kind, as refusals name them.
const fn named(v: &Verification) -> (VerificationId, &'static str) {
    (v.id, if v.digits < LONG_DIGITS { "short_code" } else { "long_code" })
}

/// Counts a wrong answer. An answer that could not be counted is refused as it would be if it were right.
async fn count_wrong(
    cx: &Cx,
    v: &Verification,
    payer: Option<&Payer>,
    device: Option<&DeviceProof>,
) -> ApiError {
    let wrong = |device| {
        let spent = payer.map(|payer| payer.spend(cx)).unwrap_or_default();
        let (verification, method) = named(v);
        tried(cx, v, &Event::EmailCodeWrong { verification, method }, spent, device)
    };
    match cx.app.store.commit(wrong(device)).await {
        Ok(()) => Code::WrongEmailCode.into(),
        Err(CommitError::Missed(Miss::LockedOut)) => count_unjudged(cx, v, device).await,
        // Somebody used the nonce meanwhile: the guess counts all the same.
        Err(CommitError::Missed(Miss::NonceUsed)) => match cx.app.store.commit(wrong(None)).await {
            Ok(()) | Err(CommitError::Missed(Miss::LockedOut)) => Code::InvalidNonce.into(),
            Err(error) => uncounted(error),
        },
        Err(error) => uncounted(error),
    }
}

/// Counts an answer that was not judged, or that came too late to count. It is told to be wrong whatever it was.
async fn count_unjudged(cx: &Cx, v: &Verification, device: Option<&DeviceProof>) -> ApiError {
    let (verification, method) = named(v);
    let unjudged = Event::EmailCodeUnjudged { verification, method };
    match cx.app.store.commit(tried(cx, v, &unjudged, Vec::new(), device)).await {
        Ok(()) => Code::WrongEmailCode.into(),
        Err(error) => uncounted(error),
    }
}

/// Refuses an answer to a short code without looking at it, and where everybody may know that the address is under
/// attack, mails a long code in its place. The user's own bucket and that of a device stay silent: the next code that
/// is asked for is long.
async fn unjudged(
    cx: &Cx,
    v: &Verification,
    address: &EmailAddress,
    stands: &Standing,
    device: Option<&DeviceProof>,
    creator: Creator,
) -> ApiError {
    let refused = count_unjudged(cx, v, device).await;
    let last = v.tries + 1 >= verifications::MAX_TRIES;
    if refused.code == Code::WrongEmailCode && stands.told_digits == LONG_DIGITS && !last {
        // The refusal stands whether or not this succeeds.
        if let Err(error) = lengthen(cx, v, address, stands, creator).await {
            tracing::warn!(
                code = error.code.as_str(),
                "no long code could be sent in the place of a short one"
            );
        }
    }
    refused
}

async fn lengthen(
    cx: &Cx,
    v: &Verification,
    address: &EmailAddress,
    stands: &Standing,
    creator: Creator,
) -> Result<(), ApiError> {
    let code = email_code::new_code(LONG_DIGITS);
    let hash = email_code::hash(&cx.app.keys, cx.env.id, v.id, &code);
    let longer = Verification { code: hash, digits: LONG_DIGITS, ..v.clone() };
    let left = v.expires_at.seconds_since(cx.now).max(1);
    let purpose = purpose(creator, stands, v.begun.is_some());
    let mail = Content::Code { code, purpose, minutes: minutes(left).max(1) };
    let sent = Event::EmailCodeSent { verification: v.id, in_place: true };
    let mut steps =
        vec![verifications::lengthen(cx.env.id, &longer, cx.now), cx.mail(address.as_str(), mail, left)?];
    steps.extend(cx.record(About::Nobody, sent)?);
    // Past the bounds on mails the code stays as it is, and the next answer asks again.
    let sent = Postage::new(cx, &v.address, stands, creator.user).commit(cx, &steps).await;
    match sent {
        Ok(_) | Err(CommitError::Missed(Miss::TriesSpent)) => Ok(()),
        Err(error) => Err(error.into()),
    }
}

/// What a right answer uses up: the code itself, a try that is left, and room among the guesses. The user's row comes
/// before.
pub fn use_up(cx: &Cx, answered: &Answered) -> Vec<Step> {
    let v = &answered.verification;
    // The ledger remembers a code as long as the row could be found again.
    let until = v.expires_at.plus_seconds(3_600);
    let mut steps = vec![
        ledger::consume(Kind::Code, v.id.as_bytes(), cx.now, until),
        // The hash is compared again: the code may have been replaced by a long one since it was judged.
        verifications::use_up(cx.env.id, v, cx.now),
    ];
    steps.extend(answered.payer.as_ref().map(|payer| payer.guard(cx)).unwrap_or_default());
    steps
}

/// A refusal of a right answer, as the guesser may know it. Where the answer would not have counted any more, it is
/// refused like a wrong one, and counted: else the refusal would tell which code is right, by guesses that nobody
/// counts.
pub async fn refusal(cx: &Cx, answered: &Answered, refused: ApiError) -> ApiError {
    if refused.code.status() >= 500 {
        return refused;
    }
    let v = &answered.verification;
    let device = answered.device.as_ref();
    let guards = Mutation::new([verifications::hold_tries(cx.env.id, v)])
        .and_all(answered.payer.as_ref().map(|payer| payer.guard(cx)).unwrap_or_default())
        .and(device.map(|d| sessions::nonce_used(cx, d)));
    match cx.app.store.commit(guards).await {
        Ok(()) => refused,
        Err(CommitError::Missed(Miss::LockedOut)) => count_unjudged(cx, v, device).await,
        Err(CommitError::Missed(Miss::NonceUsed)) => {
            count_wrong(cx, v, answered.payer.as_ref(), device).await
        }
        Err(error) => uncounted(error),
    }
}

/// What a miss means where a code was tried or used up.
pub const fn missed(miss: Miss) -> Option<Code> {
    match miss {
        Miss::AlreadyUsed => Some(Code::InvalidEmailVerification),
        Miss::LockedOut => Some(Code::WrongEmailCode),
        Miss::TriesSpent => Some(Code::TooManyEmailAttempts),
        _ => None,
    }
}

/// Why a code or a try could not be written down.
fn uncounted(error: CommitError) -> ApiError {
    Failed::from(error).when(missed).into()
}

fn address_context<'a>(cx: &'a Cx, id: &'a [u8; 16]) -> [&'a [u8]; 3] {
    [b"verification", cx.env.id.as_bytes(), id]
}

/// Whole minutes, at least one.
fn minutes(seconds: i64) -> u32 {
    u32::try_from(seconds / 60).unwrap_or(0).max(1)
}
