import { type SdkUser, SdkUserDates, type VerifyResponse } from '@stile/api';
import type { LogoutReason } from '../types.js';
import { reviveDates } from './dates.js';
import { type ElevatedToken, withoutToken, withToken } from './elevatedToken.js';

/**
 * Everything that a browser stores of a session, under one key and written at once, so that no tab ever reads a user
 * without a token. "Signed out" is a record, too: an answer that comes late can tell that its session has ended.
 *
 * Everything here is pure. Times come in as arguments.
 */
export type SessionRecord = {
  /** Version of this layout. Records of other versions are left alone. */
  v: 1;
  /** Grows whenever a session begins or is ended here; at least the time in milliseconds, so that it also outgrows a
   * record that the browser lost. */
  gen: number;
  /** Whether the session owes no second factor any more. */
  full: boolean;
  /** Grows with every user or token that is taken over within one `gen`. */
  seq: number;
  /** Grows with every change within one `gen`. */
  rev: number;
  /** Why nobody is signed in. `null` while somebody is, and before anybody ever was. */
  ended: LogoutReason | null;
  /** Whether the server has not yet heard that a session kept in a cookie has ended. */
  owesRevoke: boolean;
  /** Whether the session is in a cookie, so that there is no token. */
  cookie: boolean;
  /** The server's id of the session; kept when the server has ended it. */
  sid: string | null;
  user: SdkUser | null;
  token: string | null;
  /** The identity token (`jwt`); kept for the app's own code. */
  legacyToken: string | null;
  mfaToken: string | null;
  /** When the session ends, by the server's clock, in milliseconds since 1970. */
  expiresAt: number | null;
  /** When the token was issued, by the server's clock, in milliseconds since 1970. */
  issuedAt: number | null;
  /** Server's clock minus the browser's, in milliseconds, measured when the token came. */
  clockOffset: number;
  /** Elevated tokens for several uses. Those for a single use are in memory only. */
  elevated: ElevatedToken[];
  /** Public key of the session key pair. */
  sessionKey: string | null;
  /** Public key of the pair that died with the session before: it is never used again. */
  deadKey: string | null;
};

export const EMPTY: SessionRecord = {
  v: 1,
  gen: 0,
  full: false,
  seq: 0,
  rev: 0,
  ended: null,
  owesRevoke: false,
  cookie: false,
  sid: null,
  user: null,
  token: null,
  legacyToken: null,
  mfaToken: null,
  expiresAt: null,
  issuedAt: null,
  clockOffset: 0,
  elevated: [],
  sessionKey: null,
  deadKey: null,
};

/** What the state was when a request was sent. Its answer is judged by that. */
export type Sent = Pick<SessionRecord, 'gen' | 'seq' | 'token'> & { live: boolean };

/** The session that a call is about, as it was when the call began. */
export type Since = Pick<Sent, 'gen' | 'live'>;

/** What an answer is: of a sign-in, of a proof or another change, or of a mere renewal. */
export type AnswerKind = 'sign-in' | 'proof' | 'refresh';

export type SessionEvent =
  | {
      type: 'answered';
      kind: AnswerKind;
      sent: Sent;
      answer: VerifyResponse;
      cookie: boolean;
      /** The multi-use token of the answer. */
      elevated: ElevatedToken | undefined;
      issuedAt: number | null;
      /** `undefined` when the answer does not tell. */
      clockOffset: number | undefined;
      now: number;
    }
  | { type: 'user-fetched'; sent: Sent; user: SdkUser }
  /** The user or the app ends the session. */
  | { type: 'signed-out'; reason: LogoutReason; owesRevoke: boolean; now: number }
  /** The server says that the session for which it was asked has ended. */
  | { type: 'refused'; reason: LogoutReason; sent: Sent }
  | { type: 'key-made'; gen: number; publicKey: string }
  | { type: 'elevated-token-gone'; token: string }
  | { type: 'mfa-token-gone'; mfaToken: string }
  | { type: 'revoked'; gen: number };

export function isLive(record: SessionRecord): boolean {
  return record.user !== null;
}

/** Whether the session ended because its token expired, so that a renewal brings it back. */
export function isExpired({ ended }: SessionRecord): boolean {
  return ended === 'token-expired';
}

export function sentOf(record: SessionRecord): Sent {
  const { gen, seq, token } = record;
  return { gen, seq, token, live: isLive(record) };
}

/** The record after an event; the very same one when the event changes nothing or comes too late. */
export function reduce(record: SessionRecord, event: SessionEvent): SessionRecord {
  switch (event.type) {
    case 'answered':
      return answered(record, event);
    case 'user-fetched':
      if (!isLive(record) || event.sent.gen !== record.gen || event.sent.seq !== record.seq) return record;
      if (event.user.id !== record.user?.id) return record;
      return { ...record, user: event.user, seq: record.seq + 1, rev: record.rev + 1 };
    case 'signed-out':
      return {
        ...EMPTY,
        gen: nextGen(record, event.now),
        ended: event.reason,
        owesRevoke: event.owesRevoke,
        clockOffset: record.clockOffset,
        deadKey: record.sessionKey ?? record.deadKey,
      };
    case 'refused':
      return refused(record, event);
    case 'key-made':
      if (record.gen !== event.gen || record.sessionKey) return record;
      return { ...record, sessionKey: event.publicKey, rev: record.rev + 1 };
    case 'elevated-token-gone': {
      const elevated = withoutToken(record.elevated, event.token);
      return elevated.length === record.elevated.length
        ? record
        : { ...record, elevated, rev: record.rev + 1 };
    }
    case 'mfa-token-gone':
      return record.mfaToken === event.mfaToken ? { ...record, mfaToken: null, rev: record.rev + 1 } : record;
    case 'revoked':
      return record.gen === event.gen && record.owesRevoke
        ? { ...record, owesRevoke: false, rev: record.rev + 1 }
        : record;
  }
}

/** Whether the session of a request has ended, or given way to another one, since the request was made. */
export function isTooLate(record: SessionRecord, { gen }: Pick<Sent, 'gen'>): boolean {
  return record.gen !== gen;
}

/** As {@link isTooLate}, or the token has expired: nothing is left in whose name the call could go on. */
export function isGone(record: SessionRecord, since: Since): boolean {
  return isTooLate(record, since) || (since.live && !isLive(record));
}

function answered(record: SessionRecord, event: SessionEvent & { type: 'answered' }): SessionRecord {
  const { kind, sent, answer, issuedAt, now } = event;
  if (isTooLate(record, sent)) return record;
  const sid = answer.user.sessionId ?? null;
  const full = !isPending(answer.user);
  const before = record.user;
  // The session of this answer has ended since. (A proof may have put another one in its place.) What only expired lives
  // on with a newer token; what the server has ended does not.
  const revives = !before && kind !== 'sign-in' && record.sid === (sid ?? '');
  if (revives && !(isExpired(record) && isIssuedLater(record, issuedAt))) return record;
  const sameUser = before?.id === answer.user.id;
  const sameSession = revives || (sameUser && kind !== 'sign-in');
  const overtaken = sent.seq !== record.seq || sent.token !== record.token;
  if (before && sameSession && overtaken && !isNewer(record, { kind, full, issuedAt })) {
    return record.sid === sid ? withTokens(record, event) : record;
  }
  // A session that owes a factor again gives the others no way to bring the higher one back.
  const begins = !sameSession || (record.full && !full);
  return withTokens(
    {
      ...record,
      gen: begins ? nextGen(record, now) : record.gen,
      full,
      seq: record.seq + 1,
      ended: null,
      owesRevoke: false,
      cookie: event.cookie && !answer.minifiedJwt,
      sid,
      user: answer.user,
      token: answer.minifiedJwt ?? null,
      legacyToken: answer.jwt ?? null,
      // Tokens of one session are nothing to the next one.
      mfaToken: sameSession ? record.mfaToken : null,
      elevated: sameSession ? record.elevated : [],
      expiresAt: Number.isFinite(answer.expiresAt) ? answer.expiresAt * 1000 : null,
      issuedAt,
      clockOffset: event.clockOffset ?? record.clockOffset,
      ...(revives && !record.sessionKey ? { sessionKey: record.deadKey, deadKey: null } : undefined),
    },
    event,
  );
}

/** Adds what an answer gives beside user and session. */
function withTokens(record: SessionRecord, event: SessionEvent & { type: 'answered' }): SessionRecord {
  const { answer, elevated } = event;
  return {
    ...record,
    mfaToken: answer.mfaToken || record.mfaToken,
    elevated: elevated ? withToken(record.elevated, elevated) : record.elevated,
    rev: record.rev + 1,
  };
}

/** Whether a token was issued after the latest one of the record, as far as is known. */
function isIssuedLater(record: SessionRecord, issuedAt: number | null): boolean {
  return issuedAt === null || record.issuedAt === null || issuedAt > record.issuedAt;
}

/** Whether an answer that another one has overtaken is the newer one all the same. */
function isNewer(
  record: SessionRecord,
  { kind, full, issuedAt }: { kind: AnswerKind; full: boolean; issuedAt: number | null },
): boolean {
  if (full !== record.full) return full;
  if (issuedAt !== null && record.issuedAt !== null && issuedAt !== record.issuedAt) {
    return issuedAt > record.issuedAt;
  }
  // Both were issued in the same second: a proof or a change says more than a renewal.
  return kind !== 'refresh';
}

function refused(record: SessionRecord, event: SessionEvent & { type: 'refused' }): SessionRecord {
  const { sent, reason } = event;
  if (isTooLate(record, sent)) return record;
  // What had only expired here is over for good when the server says so.
  if (isExpired(record) && reason !== record.ended && sent.seq === record.seq) {
    return { ...record, ended: reason, rev: record.rev + 1 };
  }
  if (!isLive(record) || sent.token !== record.token) return record;
  if (record.cookie && sent.seq !== record.seq) return record;
  return {
    ...EMPTY,
    gen: record.gen,
    full: record.full,
    seq: record.seq,
    rev: record.rev + 1,
    sid: record.sid ?? '',
    issuedAt: record.issuedAt,
    ended: reason,
    clockOffset: record.clockOffset,
    deadKey: record.sessionKey,
  };
}

function nextGen({ gen }: SessionRecord, now: number): number {
  return Math.max(gen + 1, now);
}

function isPending({ scope }: SdkUser): boolean {
  return (scope ?? '').split(' ').includes('requiresAdditionalAuth');
}

/**
 * Which of two records is the newer one: positive when it is `one`, 0 when they are equal. Total, so that tabs that
 * wrote at the same time all end with the same record.
 */
export function compare(one: SessionRecord, other: SessionRecord): number {
  return (
    one.gen - other.gen ||
    Number(one.full) - Number(other.full) ||
    one.seq - other.seq ||
    Number(one.ended !== null) - Number(other.ended !== null) ||
    // What has expired may be renewed; what the server has ended may not.
    Number(isExpired(other)) - Number(isExpired(one)) ||
    (one.issuedAt ?? 0) - (other.issuedAt ?? 0) ||
    one.rev - other.rev ||
    compareTexts(JSON.stringify(one), JSON.stringify(other))
  );
}

function compareTexts(one: string, other: string): number {
  return Number(one > other) - Number(one < other);
}

/** A record as it was stored; `undefined` for anything else, such as one of another version. */
export function parseRecord(value: unknown): SessionRecord | undefined {
  if (!isObject(value) || value.v !== 1) return undefined;
  const record = { ...EMPTY, ...value } as SessionRecord;
  const numbers = [record.gen, record.seq, record.rev, record.clockOffset];
  if (!numbers.every(Number.isFinite) || !Array.isArray(record.elevated)) return undefined;
  // A user without a session, or a session without its user, was written by something else.
  const hasSession = typeof record.token === 'string' || record.cookie === true;
  const hasUser = isObject(record.user) && typeof record.user.id === 'string';
  if (hasSession !== hasUser) return undefined;
  if (record.user) reviveDates(record.user, SdkUserDates);
  return record;
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null;
}
