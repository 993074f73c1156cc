import type { SdkUser, VerifyResponse } from '@stile/api';
import { assert, describe, expect, it } from 'vitest';
import {
  type AnswerKind,
  compare,
  EMPTY,
  isLive,
  parseRecord,
  reduce,
  type SessionEvent,
  type SessionRecord,
  sentOf,
} from './record.js';

const NOW = 1_800_000_000_000;

function user(id: string, sessionId: string, scope = 'user:basic'): SdkUser {
  return { id, sessionId, scope, verifiedCredentials: [] } as unknown as SdkUser;
}

function answered(
  record: SessionRecord,
  kind: AnswerKind,
  patch: { user?: SdkUser; token?: string; iat?: number; mfaToken?: string } = {},
): SessionEvent & { type: 'answered' } {
  const answer = {
    user: patch.user ?? user('ann', 's1'),
    minifiedJwt: patch.token ?? 't1',
    jwt: 'id',
    expiresAt: 1_900_000_000,
    ...(patch.mfaToken ? { mfaToken: patch.mfaToken } : undefined),
  } as VerifyResponse;
  return {
    type: 'answered',
    kind,
    sent: sentOf(record),
    answer,
    cookie: false,
    elevated: undefined,
    issuedAt: patch.iat ?? null,
    clockOffset: undefined,
    now: NOW,
  };
}

const signOut = (now = NOW): SessionEvent => ({
  type: 'signed-out',
  reason: 'user-intent',
  owesRevoke: false,
  now,
});
const signedIn = (patch: Parameters<typeof answered>[2] = {}) =>
  reduce(EMPTY, answered(EMPTY, 'sign-in', { iat: 100, ...patch }));

describe('the record', () => {
  it('begins with a sign-in and ends with a sign-out, each in a generation of its own', () => {
    const live = signedIn();
    expect(live).toMatchObject({ gen: NOW, token: 't1', user: { id: 'ann' }, ended: null, sid: 's1' });
    const ended = reduce(live, signOut());
    expect(ended).toMatchObject({ gen: NOW + 1, token: null, user: null, ended: 'user-intent' });
    expect(reduce(ended, signOut()).gen).toBe(NOW + 2);
  });

  it('takes no answer over the end of its session', () => {
    const live = signedIn();
    const late = [
      answered(live, 'refresh', { token: 't2', iat: 200 }),
      answered(live, 'proof', { token: 't2', iat: 200 }),
      answered(live, 'sign-in', { token: 't2', iat: 200 }),
      { type: 'user-fetched', sent: sentOf(live), user: user('ann', 's1') } as const,
    ];
    const ended = reduce(live, signOut());
    for (const event of late) expect(reduce(ended, event)).toBe(ended);
    const next = reduce(ended, answered(ended, 'sign-in', { user: user('bob', 's2'), token: 'b1' }));
    for (const event of late) expect(reduce(next, event)).toBe(next);
  });

  it('gives no new token for a renewal from before a step-up', () => {
    const owing = signedIn({ user: user('ann', 's1', 'requiresAdditionalAuth') });
    const renewal = answered(owing, 'refresh', {
      user: user('ann', 's1', 'requiresAdditionalAuth'),
      token: 't9',
      iat: 300,
    });
    const full = reduce(owing, answered(owing, 'proof', { user: user('ann', 's2'), token: 't2', iat: 200 }));
    expect(full).toMatchObject({ full: true, token: 't2' });
    expect(reduce(full, renewal)).toBe(full);
    // The other way round, the proof is taken although it was sent earlier.
    const renewed = reduce(owing, renewal);
    const proof = answered(owing, 'proof', { user: user('ann', 's2'), token: 't2', iat: 200 });
    expect(reduce(renewed, proof)).toMatchObject({ full: true, token: 't2' });
  });

  it('keeps what an overtaken answer gives beside the session', () => {
    const live = signedIn();
    const slow = answered(live, 'proof', { token: 't2', iat: 150, mfaToken: 'legacy' });
    const renewed = reduce(live, answered(live, 'refresh', { token: 't3', iat: 200 }));
    expect(reduce(renewed, slow)).toMatchObject({ token: 't3', mfaToken: 'legacy' });
  });

  it('fetches no older user over a newer answer', () => {
    const live = signedIn();
    const fetched = { type: 'user-fetched', sent: sentOf(live), user: user('ann', 's1') } as const;
    const renewed = reduce(live, answered(live, 'refresh', { token: 't2', iat: 200 }));
    expect(reduce(renewed, fetched)).toBe(renewed);
    expect(reduce(live, fetched)).toMatchObject({ seq: live.seq + 1, token: 't1' });
  });

  it('ends by a refusal only the session whose token was refused', () => {
    const live = signedIn();
    const refusal = { type: 'refused', reason: 'session-refresh-unauthorized' } as const;
    for (const token of [null, 't0']) {
      expect(reduce(live, { ...refusal, sent: { ...sentOf(live), token } })).toBe(live);
    }
    const renewed = reduce(live, answered(live, 'refresh', { token: 't2', iat: 200 }));
    expect(reduce(renewed, { ...refusal, sent: sentOf(live) })).toBe(renewed);
    const ended = reduce(live, { ...refusal, sent: sentOf(live) });
    expect(ended).toMatchObject({ user: null, token: null, ended: 'session-refresh-unauthorized' });
    // A renewal that the server answered before it ended the session brings nothing back; a proof that had put
    // another session in its place does.
    expect(reduce(ended, answered(live, 'refresh', { token: 't2', iat: 200 }))).toBe(ended);
    expect(reduce(ended, answered(live, 'proof', { token: 't2', user: user('ann', 's2') }))).toMatchObject({
      token: 't2',
    });
    expect(reduce(ended, answered(ended, 'sign-in', { token: 't3' }))).toMatchObject({ token: 't3' });
  });

  it('goes on with a newer token of a session that only expired', () => {
    const live = { ...signedIn(), sessionKey: 'k1' };
    const over = reduce(live, { type: 'refused', reason: 'token-expired', sent: sentOf(live) });
    const renewal = answered(live, 'refresh', { token: 't2', iat: 200 });
    const renewed = reduce(over, renewal);
    expect(renewed).toMatchObject({ token: 't2', gen: live.gen, sessionKey: 'k1', deadKey: null });
    expect(compare(renewed, over)).toBeGreaterThan(0);
    // Its key has been replaced by now.
    const keyed = reduce(over, { type: 'key-made', gen: over.gen, publicKey: 'k2' });
    expect(reduce(keyed, renewal)).toMatchObject({ token: 't2', sessionKey: 'k2', deadKey: 'k1' });
    // This token was issued before the one that expired.
    expect(reduce(over, answered(live, 'refresh', { token: 't0', iat: 50 }))).toBe(over);
    const out = reduce(over, signOut());
    expect(reduce(out, renewal)).toBe(out);
  });

  it('was ended by the server, whether one hears that or the expiry first', () => {
    const live = signedIn();
    const sent = sentOf(live);
    const expired = reduce(live, { type: 'refused', reason: 'token-expired', sent });
    const ended = reduce(live, { type: 'refused', reason: 'session-refresh-unauthorized', sent });
    expect(compare(ended, expired)).toBeGreaterThan(0);
    // Also when the other tab has made a key for the next sign-in.
    const keyed = reduce(expired, { type: 'key-made', gen: expired.gen, publicKey: 'k2' });
    expect(compare(ended, keyed)).toBeGreaterThan(0);
    const told = reduce(keyed, { type: 'refused', reason: 'session-refresh-unauthorized', sent });
    expect(told).toMatchObject({ ended: 'session-refresh-unauthorized', sessionKey: 'k2' });
    expect(reduce(told, answered(live, 'refresh', { token: 't2', iat: 200 }))).toBe(told);
    expect(reduce(ended, { type: 'refused', reason: 'token-expired', sent })).toBe(ended);
    // A refusal from before another change says nothing.
    const early = { ...sent, seq: sent.seq - 1 };
    expect(reduce(expired, { type: 'refused', reason: 'session-refresh-unauthorized', sent: early })).toBe(
      expired,
    );
  });

  it('gives the tokens of one session to no other one', () => {
    const live = signedIn({ mfaToken: 'legacy' });
    const bob = answered(live, 'refresh', { user: user('bob', 's2'), token: 'b' });
    expect(reduce(live, bob)).toMatchObject({ mfaToken: null, user: { id: 'bob' }, gen: NOW + 1 });
    const again = answered(live, 'sign-in', { token: 't2', user: user('ann', 's9') });
    expect(reduce(live, again)).toMatchObject({ mfaToken: null, token: 't2', gen: NOW + 1 });
  });

  it('has one order for all tabs, in which what was ended stays ended', () => {
    const live = signedIn();
    const ended = reduce(live, signOut());
    expect(compare(ended, live)).toBeGreaterThan(0);
    const refused = reduce(live, { type: 'refused', reason: 'token-expired', sent: sentOf(live) });
    const renewed = reduce(live, answered(live, 'refresh', { token: 't2', iat: 200 }));
    expect(compare(refused, live)).toBeGreaterThan(0);
    // A renewal that another tab got is newer than the refusal of the token before it.
    expect(compare(renewed, refused)).toBeGreaterThan(0);
    expect(compare(live, { ...live })).toBe(0);
  });

  it('is read as it was written, and nothing else is', () => {
    const live = signedIn();
    const stored = JSON.parse(JSON.stringify(live));
    expect(compare(parseRecord(stored) ?? EMPTY, live)).toBe(0);
    const date = '2026-01-02T03:04:05.000Z';
    const dated = { ...stored, user: { ...stored.user, firstVisit: date, firstName: `__DATE__${date}` } };
    expect(parseRecord(dated)?.user).toMatchObject({
      firstVisit: new Date(date),
      firstName: `__DATE__${date}`,
    });
    for (const broken of [
      undefined,
      null,
      'text',
      [],
      { ...stored, v: 2 },
      { ...stored, token: null },
      { ...stored, user: null },
      { ...stored, user: { name: 'no id' } },
      { ...stored, gen: 'soon' },
      { ...stored, elevated: null },
    ]) {
      expect(parseRecord(broken)).toBeUndefined();
    }
  });
});

/** Park–Miller: the same numbers in every run. */
function random(seed: number): (below: number) => number {
  let state = seed;
  return (below) => {
    state = (state * 48_271) % 2_147_483_647;
    return state % below;
  };
}

describe('the record, under any events', () => {
  it('never shows half a session, never goes back, and merges alike in any order', () => {
    for (let seed = 1; seed <= 2_000; seed++) {
      const pick = random(seed);
      /** Two tabs that tell each other now and then. */
      const tabs: [SessionRecord, SessionRecord] = [EMPTY, EMPTY];
      const asked: SessionRecord[] = [EMPTY];
      for (let step = 0; step < 12; step++) {
        const at = pick(2) as 0 | 1;
        const record = tabs[at];
        const base = asked[pick(asked.length)] ?? EMPTY;
        const patch = {
          user: user(
            ['ann', 'bob'][pick(2)] ?? '',
            `s${pick(3)}`,
            ['user:basic', 'requiresAdditionalAuth'][pick(2)],
          ),
          token: `t${step}`,
          iat: pick(5),
        };
        const events: SessionEvent[] = [
          { ...answered(base, 'sign-in', patch), now: step },
          { ...answered(base, 'proof', patch), now: step },
          { ...answered(base, 'refresh', patch), now: step },
          { type: 'user-fetched', sent: sentOf(base), user: patch.user },
          signOut(step),
          { type: 'refused', reason: 'token-expired', sent: sentOf(base) },
          { type: 'key-made', gen: base.gen, publicKey: `k${step}` },
        ];
        const next = reduce(record, events[pick(events.length)] as SessionEvent);
        const why = `seed ${seed}, step ${step}`;
        assert(next === record || compare(next, record) > 0, why);
        assert(isLive(next) === (next.token !== null), why);
        tabs[at] = next;
        asked.push(next);
        if (pick(3) === 0) {
          const [one, other] = tabs;
          assert(Math.sign(compare(one, other)) + Math.sign(compare(other, one)) === 0, why);
          const newest = compare(one, other) > 0 ? one : other;
          tabs.fill(newest);
        }
      }
    }
  });
});
