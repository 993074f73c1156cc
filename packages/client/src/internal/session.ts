import {
  getUserOperation,
  type SdkUser,
  SdkUserDates,
  type VerifyResponse,
  VerifyResponseDates,
} from '@stile/api';
import { checkUser, checkVerifyResponse, USER_SHAPE, VERIFY_SHAPE } from './answers.js';
import { learnClock, serverNow } from './clock.js';
import { type Core, checkSince, tooLate, usesCookie } from './core.js';
import { parseElevatedToken } from './elevatedToken.js';
import { holdElevatedToken } from './elevatedTokens.js';
import { armExpiry } from './expiry.js';
import { issuedAtOf } from './jwt.js';
import { type AnswerKind, isLive, isTooLate, type Sent, type Since, sentOf } from './record.js';
import { commit, readStored } from './recordStore.js';
import { type ApiRequest, exchange } from './request.js';
import { ensureSessionKey } from './sessionKey.js';

type Authentication = ApiRequest & { kind?: AnswerKind };

/** A request whose answer replaces the session: sign-in, every proof, refresh. */
export async function authenticate<T extends VerifyResponse>(core: Core, call: Authentication): Promise<T> {
  const renewal = askAndTakeOver<T>(core, call);
  core.renewals.add(renewal);
  try {
    return await renewal;
  } finally {
    core.renewals.delete(renewal);
    // What another tab stored during a renewal that failed.
    await readStored(core);
  }
}

async function askAndTakeOver<T extends VerifyResponse>(
  core: Core,
  { kind = 'proof', ...call }: Authentication,
): Promise<T> {
  const since = call.since ?? sentOf(core.record);
  checkSince(core, since);
  await ensureSessionKey(core);
  const { answer, sent } = await exchange<T>(core, {
    shape: VERIFY_SHAPE,
    dates: VerifyResponseDates,
    ...call,
    since,
  });
  await readStored(core);
  takeOver(core, kind, sent, answer);
  return answer;
}

/** Takes over user, tokens and expiry of an answer, unless it comes too late. */
function takeOver(core: Core, kind: AnswerKind, sent: Sent, answer: VerifyResponse): void {
  core.life.signal.throwIfAborted();
  const cookie = usesCookie(core);
  checkVerifyResponse(answer, !cookie);
  const issuedAt = issuedAtOf(answer.minifiedJwt) ?? issuedAtOf(answer.elevatedAccessToken);
  const arrived = issuedAt ?? serverNow(core);
  const added = answer.elevatedAccessToken
    ? parseElevatedToken(answer.elevatedAccessToken, arrived)
    : undefined;
  if (isTooLate(core.record, sent)) throw tooLate();
  commit(core, {
    type: 'answered',
    kind,
    sent,
    answer,
    cookie,
    elevated: added && !added.singleUse ? added : undefined,
    issuedAt: issuedAtOf(answer.minifiedJwt),
    clockOffset: issuedAt === null ? undefined : issuedAt - Date.now(),
    now: Date.now(),
  });
  if (!isLive(core.record) || core.record.user?.id !== answer.user.id) throw tooLate();
  if (issuedAt !== null) {
    learnClock(core, issuedAt);
    armExpiry(core);
  }
  if (added) holdElevatedToken(core, added);
}

/** Fetches the user anew. Nothing else of the session changes. */
export async function fetchUser(core: Core, since?: Since): Promise<SdkUser> {
  const { answer: user, sent } = await exchange<SdkUser>(core, {
    ...getUserOperation,
    shape: USER_SHAPE,
    dates: SdkUserDates,
    ...(since ? { since } : undefined),
  });
  await readStored(core);
  checkUser(user);
  checkSince(core, sent);
  commit(core, { type: 'user-fetched', sent, user });
  return user;
}
