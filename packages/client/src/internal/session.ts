import { type SdkUser, SdkUserDates, type VerifyResponse, VerifyResponseDates } from '@stile/api';
import type { LogoutReason } from '../types.js';
import { checkUser, checkVerifyResponse, USER_SHAPE, VERIFY_SHAPE } from './answers.js';
import { learnClock, serverNow } from './clock.js';
import { type Core, peersOf, tooLate, usesCookie } from './core.js';
import { parseElevatedToken } from './elevatedToken.js';
import { holdElevatedToken } from './elevatedTokens.js';
import { armExpiry } from './expiry.js';
import { issuedAtOf } from './jwt.js';
import {
  type AnswerKind,
  compare,
  isExpiryOf,
  isLive,
  isTooLate,
  parseRecord,
  reduce,
  type Sent,
  type SessionEvent,
  type SessionRecord,
  sentOf,
} from './record.js';
import { type ApiRequest, exchange } from './request.js';
import { launchRevoke } from './revoke.js';
import { ensureSessionKey } from './sessionKey.js';
import { loadSettings } from './settings.js';
import { emit, setState } from './state.js';
import { andThen, isPromise } from './storage.js';
import { forgetVerifications } from './verifications.js';

/** Storage key of the record. */
const NAME = 'session';

// The record: read it, change it, show it.

/** Takes over what other tabs have stored. At once where the storage answers at once. */
export function readStored(core: Core): Promise<void> | void {
  if (!core.store) return;
  return andThen(core.store.read(NAME), (value) => {
    const stored = parseRecord(value);
    const first = !core.hasRead;
    core.hasRead = true;
    core.isForeign = value !== undefined && !stored;
    if (!stored) return;
    // Somebody signed out before the storage had told of a session: that one was meant.
    if (first && core.record.ended && isLive(stored) && compare(stored, core.record) < 0) {
      launchRevoke(core, stored, core.record.ended);
    }
    takeStored(core, stored);
  });
}

/**
 * Takes over a record that another tab or client has stored, when it is the newer one. When it is not, that other one
 * wrote without knowing ours, which is stored once more.
 */
export function takeStored(core: Core, stored: SessionRecord): void {
  if (core.life.signal.aborted) return;
  const order = compare(stored, core.record);
  if (order < 0) void core.store?.write(NAME, core.record);
  if (order <= 0) return;
  // Another tab saw the token expire, while this one is renewing it.
  if (isExpiryOf(stored, core.record) && core.renewals.size > 0) return;
  const wasLive = isLive(core.record);
  show(core, stored);
  if (wasLive && !isLive(stored)) {
    forgetVerifications(core);
    emit(core, 'logout', { reason: 'another-tab' });
  }
}

/** Somebody removed the record: the page that a person clears, or an app that clears the storage to sign out. */
export function takeRemoval(core: Core): void {
  if (!isLive(core.record)) return;
  show(
    core,
    reduce(core.record, { type: 'signed-out', reason: 'another-tab', owesRevoke: false, now: Date.now() }),
  );
  forgetVerifications(core);
  emit(core, 'logout', { reason: 'another-tab' });
}

/**
 * Changes the record: reads the stored one again, applies the event, stores the result, shows it and tells the other
 * clients of the page. Answers whether anything changed.
 */
export function commit(core: Core, event: SessionEvent): boolean {
  if (core.life.signal.aborted) return false;
  // A storage that answers later has been read by whoever waited for something.
  const read = readStored(core);
  if (isPromise(read)) read.catch(() => undefined);
  const next = reduce(core.record, event);
  if (next === core.record) return false;
  // What another version stored stays until a session begins or ends here.
  if (!core.isForeign || isLive(next) || next.ended) void core.store?.write(NAME, next);
  show(core, next);
  // The other clients of the page hear of it as other tabs do: when the present task has ended.
  for (const peer of peersOf(core)) setTimeout(() => takeStored(peer, next));
  return true;
}

function show(core: Core, next: SessionRecord): void {
  const before = core.record;
  // The same user read anew is no change.
  const same = JSON.stringify(before.user) === JSON.stringify(next.user);
  core.record = same ? { ...next, user: before.user } : next;
  if (before.gen !== next.gen) core.singleUse = [];
  armExpiry(core);
  setState(core, {
    user: core.record.user,
    token: next.token,
    mfaToken: next.mfaToken,
    sessionExpiresAt: next.expiresAt === null ? null : new Date(next.expiresAt),
  });
}

// What changes the session.

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
  const before = core.record;
  if (isTooLate(before, sent)) throw tooLate();
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
export async function fetchUser(core: Core, since?: Pick<Sent, 'gen'>): Promise<SdkUser> {
  const { answer: user, sent } = await exchange<SdkUser>(core, {
    path: '/users',
    shape: USER_SHAPE,
    dates: SdkUserDates,
    ...(since ? { since } : undefined),
  });
  await readStored(core);
  checkUser(user);
  if (isTooLate(core.record, sent)) throw tooLate();
  commit(core, { type: 'user-fetched', sent, user });
  return user;
}

/** The server says that the session for which it was asked has ended. Nothing is left to revoke. */
export function endRefused(core: Core, reason: LogoutReason, sent: Sent): void {
  if (!commit(core, { type: 'refused', reason, sent })) return;
  forgetVerifications(core);
  emit(core, 'logout', { reason });
  // An expired session that another tab is renewing comes back, and its key must be there then.
  prepareNext(core, reason !== 'token-expired');
}

/**
 * Ends the session: stores that first, so that no answer and no other tab brings it back, then tells, then has the
 * server end it in the background. The promise waits, for a moment at most, until that request is on its way: a page
 * that is left after `logout()` must not take it along.
 */
export function signOut(
  core: Core,
  reason: LogoutReason,
  { revoke = true }: { revoke?: boolean } = {},
): Promise<void> {
  const read = readStored(core);
  if (isPromise(read)) read.catch(() => undefined);
  const ended = core.record;
  const isRevoked = revoke && isLive(ended);
  commit(core, { type: 'signed-out', reason, owesRevoke: isRevoked && ended.cookie, now: Date.now() });
  forgetVerifications(core);
  emit(core, 'logout', { reason });
  prepareNext(core, true);
  return isRevoked ? launchRevoke(core, ended, reason) : Promise.resolve();
}

/** What the next sign-in will need. It makes the key itself when there is none. */
function prepareNext(core: Core, withKey: boolean): void {
  const warn = (error: unknown) => core.logger.warn('Stile: the next sign-in could not be prepared', error);
  loadSettings(core, { force: true }).catch(() => undefined);
  if (withKey) ensureSessionKey(core).catch((error) => core.life.signal.aborted || warn(error));
}
