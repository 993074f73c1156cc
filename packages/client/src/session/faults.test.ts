// @vitest-environment happy-dom
import 'fake-indexeddb/auto';
import { afterEach, describe, expect, it, vi } from 'vitest';
import {
  authenticatePasskeyMFA,
  deletePasskey,
  deleteUser,
  fetchProjectSettings,
  getElevatedAccessToken,
  getPasskeys,
  hasElevatedAccessToken,
  isSignedIn,
  isUserMissingMfaAuth,
  logout,
  onEvent,
  refreshAuth,
  refreshUser,
  type StileClient,
  sendEmailOTP,
  updateUser,
  verifyOTP,
  waitForClientInitialized,
} from '../index.js';
import { ENVIRONMENT, elevatedToken, jwt, settings, user, verifyResponse } from '../testing/fakeServer.js';
import { settle, useHarness } from '../testing/setup.js';

const t = useHarness();
const KEY = `dynamic_${ENVIRONMENT}_session`;
const silent = { warn: () => undefined, error: () => undefined };

afterEach(() => {
  vi.useRealTimers();
  vi.unstubAllGlobals();
});

/** A route that answers when the test says so. */
function held(route: Parameters<typeof t.server.on>[0]) {
  const waiting: ((answer: { status?: number; json?: unknown }) => void)[] = [];
  t.server.on(route, () => new Promise((resolve) => waiting.push(resolve)));
  return {
    asked: (count = 1) => vi.waitFor(() => expect(waiting.length).toBeGreaterThanOrEqual(count)),
    answer: (answer: { status?: number; json?: unknown }, at = 0) => waiting[at]?.(answer),
  };
}

const keychain = {
  getPublicKey: async () => '02aa',
  createKey: async () => '02aa',
  sign: async () => 'ff',
  deleteKey: async () => undefined,
};

/** A storage of the client's own, so that its locks are its own, too. */
function ownStorage() {
  const values = new Map<string, string>();
  return {
    getItem: (key: string) => values.get(key),
    setItem: (key: string, value: string) => void values.set(key, value),
    removeItem: (key: string) => void values.delete(key),
  };
}

const stored = () => JSON.parse(localStorage.getItem(KEY) ?? '{}').value;

describe('logout', () => {
  it('is final, whatever runs beside it', async () => {
    for (const order of ['logout first', 'refresh first']) {
      const client = await t.open();
      await t.signIn(client);
      t.server.on('POST /refresh', () => ({ json: verifyResponse() }));
      const calls = [() => logout(client), () => refreshAuth(client)];
      if (order === 'refresh first') calls.reverse();
      await Promise.allSettled(calls.map((call) => call()));
      await settle();
      expect(isSignedIn(client)).toBe(false);
      expect(stored()).toMatchObject({ token: null, user: null });
      t.close(client);
    }
  });

  it('stores the end before anything else, and tells at once', async () => {
    const client = await t.open();
    await t.signIn(client);
    const told: string[] = [];
    onEvent({ event: 'logout', listener: ({ reason }) => told.push(reason) }, client);
    const done = logout(client);
    expect(stored().token).toBeNull();
    expect(client.user).toBeNull();
    expect(told).toEqual(['user-intent']);
    await done;
  });

  it('settles although the settings, the revocation and the key store hang', async () => {
    const client = await t.open({
      coreConfig: {
        storageAdapter: ownStorage(),
        keychain: { ...keychain, deleteKey: () => new Promise(() => undefined) },
      },
    });
    await t.signIn(client);
    held('GET /settings');
    held('POST /revoke');
    await logout(client);
    expect(client.user).toBeNull();
    expect(t.server.callsTo('POST /revoke')).toHaveLength(1);
  });

  it('works while the start hangs', async () => {
    const before = await t.open();
    await t.signIn(before);
    t.close(before);
    localStorage.removeItem(`dynamic_${ENVIRONMENT}_settings`);
    held('GET /settings');
    const client = t.create();
    await logout(client);
    expect(stored().token).toBeNull();
    expect(t.server.callsTo('POST /revoke')[0]?.headers.authorization).toBe(`Bearer ${before.token}`);
  });

  it('reaches a server that is starting anew', async () => {
    const client = await t.open({ coreConfig: { keychain } });
    await t.signIn(client);
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] });
    t.server.on('POST /revoke', () => {
      throw new TypeError('no connection');
    });
    await logout(client);
    t.server.on('POST /revoke', () => undefined);
    await vi.advanceTimersByTimeAsync(1_500);
    expect(t.server.callsTo('POST /revoke')).toHaveLength(2);
    await vi.advanceTimersByTimeAsync(120_000);
    expect(t.server.callsTo('POST /revoke')).toHaveLength(2);
  });

  it('is not undone by a cookie that the server could not be told of', async () => {
    t.server.on('GET /settings', () => ({ json: settings({ auth: { storage: ['cookie'] } }) }));
    t.server.on('POST /refresh', () => ({ json: verifyResponse({ minifiedJwt: undefined }) }));
    const client = await t.open();
    expect(client.user).not.toBeNull();
    t.server.on('POST /revoke', () => ({ status: 503 }));
    await logout(client);
    await expect(refreshAuth(client)).rejects.toMatchObject({ code: 'user_not_authenticated_error' });
    t.close(client);
    t.server.on('POST /revoke', () => undefined);
    const after = await t.open();
    expect(after.user).toBeNull();
    await vi.waitFor(() => expect(stored().owesRevoke).toBe(false));
  });
});

describe('answers', () => {
  it.each([
    ['{}', { json: {} }],
    ['a user without an id', { json: verifyResponse({ user: {} }) }],
    ['no token', { json: verifyResponse({ minifiedJwt: undefined }) }],
    ['null', { json: null }],
    ['nothing', { status: 204 }],
  ])('of a sign-in that are something else sign nobody in: %s', async (_name, answer) => {
    const client = await t.open();
    t.server.on('POST /emailVerifications/signin', () => answer);
    const otpVerification = { email: 'a@example.test', verificationUUID: 'uuid-1' };
    await expect(verifyOTP({ otpVerification, verificationToken: '123456' }, client)).rejects.toMatchObject({
      name: 'APIError',
      code: 'unexpected_answer',
    });
    expect(isSignedIn(client)).toBe(false);
    expect(client.user).toBeNull();
  });

  it('of any call are typed errors when they are something else', async () => {
    const client = await t.open({ coreConfig: { logger: silent } });
    await t.signIn(client);
    const page = () => new Response('<!doctype html><title>Log in to the Wi-Fi</title>', { status: 200 });
    const torn = () => new Response('{"user": {"id": "us', { status: 200 });
    const empty = () => new Response(null, { status: 204 });
    const other = () => new Response('{}', { status: 200 });
    const { fetch } = t.server;
    for (const answer of [page, torn, empty, other]) {
      t.server.fetch = async () => answer();
      for (const call of [
        () => refreshAuth(),
        () => refreshUser(),
        () => getPasskeys(),
        () => updateUser({ userFields: {} }),
      ]) {
        await expect(call()).rejects.toMatchObject({ name: 'APIError', code: 'unexpected_answer' });
      }
    }
    t.server.fetch = fetch;
    expect(client.user).not.toBeNull();
  });

  it('that end in the middle are network errors', async () => {
    await t.signIn(await t.open());
    const body = new ReadableStream({ start: (controller) => controller.error(new TypeError('cut off')) });
    t.server.fetch = async () => new Response(body, { status: 200 });
    await expect(refreshUser()).rejects.toMatchObject({ code: 'network_error' });
  });

  it('that never come end in time', async () => {
    await t.signIn(await t.open());
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] });
    t.server.fetch = () => new Promise(() => undefined);
    const refused = expect(refreshUser()).rejects.toMatchObject({ code: 'network_error' });
    await vi.advanceTimersByTimeAsync(30_000);
    await refused;
  });

  it('for a code go out without a proof when nonces hang', async () => {
    const storageAdapter = ownStorage();
    await t.open({ coreConfig: { storageAdapter, keychain, logger: silent } });
    storageAdapter.removeItem(`dynamic_${ENVIRONMENT}_nonce-pool`);
    const nonces = held('GET /nonces');
    t.server.on('POST /emailVerifications/create', () => ({
      status: 201,
      json: { verificationUUID: 'u', email: 'a@x.test' },
    }));
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] });
    const sent = sendEmailOTP({ email: 'a@x.test' }).catch((error) => error);
    await nonces.asked();
    await vi.advanceTimersByTimeAsync(10_000);
    const [call] = t.server.callsTo('POST /emailVerifications/create');
    expect(call?.headers).not.toHaveProperty('x-dynamic-device-nonce');
    expect(await sent).toMatchObject({ verificationUUID: 'u' });
  });

  it('that must prove the device say that nonces hang', async () => {
    const storageAdapter = ownStorage();
    await t.signIn(await t.open({ coreConfig: { storageAdapter, keychain, logger: silent } }));
    storageAdapter.removeItem(`dynamic_${ENVIRONMENT}_nonce-pool`);
    held('GET /nonces');
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] });
    const refused = refreshAuth().catch((error) => error);
    await vi.advanceTimersByTimeAsync(30_000);
    expect(await refused).toMatchObject({
      code: 'network_error',
      message: expect.stringContaining('/nonces'),
    });
    expect(t.server.callsTo('POST /refresh')).toEqual([]);
  });

  it('carry the wait wherever the server names one', async () => {
    await t.signIn(await t.open());
    for (const [header, seconds] of [
      ['7', 7],
      ['0', 0],
      [new Date(Date.now() + 60_000).toUTCString(), 60],
      ['soon', undefined],
    ] as const) {
      for (const answer of [
        { status: 503 },
        { status: 401 },
        { status: 429, json: { error: 'slow', code: 'mfa_rate_limited' } },
        { status: 422, json: { error: 'wrong', code: 'mfa_invalid_code' } },
        { status: 429, json: { error: 'slow', code: 'rate_limited' } },
      ]) {
        t.server.on('GET /users', () => ({ ...answer, headers: { 'retry-after': header } }));
        const error = await refreshUser().catch((cause) => cause);
        if (seconds === undefined) expect(error.retryAfter).toBeUndefined();
        else expect(Math.abs(error.retryAfter - seconds)).toBeLessThanOrEqual(1);
      }
    }
  });
});

describe('late answers', () => {
  it('from before a step-up do not bring the owed factor back', async () => {
    const client = await t.open();
    const owing = user({ scope: 'requiresAdditionalAuth', sessionId: 'pending' });
    await t.signIn(client, verifyResponse({ user: owing }));
    expect(isUserMissingMfaAuth(client)).toBe(true);
    const refresh = held('POST /refresh');
    const late = refreshAuth(client);
    await refresh.asked();
    t.server.on('PUT /users', () => ({ json: verifyResponse({ user: user({ sessionId: 'full' }) }) }));
    await updateUser({ userFields: { firstName: 'A' } }, client);
    const { token } = client;
    refresh.answer({ json: verifyResponse({ user: owing }) });
    await late;
    expect(isUserMissingMfaAuth(client)).toBe(false);
    expect(client.token).toBe(token);
  });

  it('of a deleted account do not sign out whoever came after', async () => {
    const client = await t.open();
    await t.signIn(client);
    const deletion = held('DELETE /users');
    const late = deleteUser(client);
    await deletion.asked();
    await logout(client);
    await t.signIn(client, verifyResponse({ user: user({ id: 'user-2' }) }));
    deletion.answer({ status: 204 });
    await late;
    expect(client.user?.id).toBe('user-2');
    expect(t.server.callsTo('POST /revoke')).toHaveLength(1);
  });

  it('that refuse an older token, or none, end nothing', async () => {
    const client = await t.open();
    await t.signIn(client);
    const refresh = held('POST /refresh');
    const late = refreshAuth(client);
    await refresh.asked();
    t.server.on('PUT /users', () => ({ json: verifyResponse() }));
    await updateUser({ userFields: { firstName: 'A' } }, client);
    refresh.answer({ status: 401, json: { error: 'expired', code: 'unauthorized' } });
    await expect(late).rejects.toMatchObject({ status: 401 });
    expect(isSignedIn(client)).toBe(true);
    expect(t.server.callsTo('POST /revoke')).toHaveLength(0);
  });

  it('of a request go out with the newest token: it is read last', async () => {
    let letGo: () => void = () => undefined;
    const headers = vi.fn(() => ({}) as Record<string, string> | Promise<Record<string, string>>);
    const client = await t.open({ coreConfig: { getApiHeaders: headers } });
    await t.signIn(client);
    headers.mockImplementationOnce(
      () => new Promise<Record<string, string>>((resolve) => (letGo = () => resolve({}))),
    );
    t.server.on('GET /users', () => ({ json: user() }));
    const slow = refreshUser(client);
    await settle();
    t.server.on('POST /refresh', () => ({ json: verifyResponse() }));
    await refreshAuth(client);
    letGo();
    await slow;
    expect(t.server.callsTo('GET /users')[0]?.headers.authorization).toBe(`Bearer ${client.token}`);
  });

  it('are not asked for with the token of the next user', async () => {
    let letGo: () => void = () => undefined;
    const headers = vi.fn(() => ({}) as Record<string, string> | Promise<Record<string, string>>);
    const client = await t.open({ coreConfig: { getApiHeaders: headers } });
    await t.signIn(client);
    headers.mockImplementationOnce(
      () => new Promise<Record<string, string>>((resolve) => (letGo = () => resolve({}))),
    );
    const slow = expect(deletePasskey({ passkeyId: 'p' }, client)).rejects.toMatchObject({
      code: 'user_not_authenticated_error',
    });
    await settle();
    await logout(client);
    await t.signIn(client, verifyResponse({ user: user({ id: 'user-2' }) }));
    letGo();
    await slow;
    expect(t.server.callsTo('DELETE /users/passkeys')).toHaveLength(0);
  });
});

describe('a session that ended elsewhere', () => {
  it('signs out when the server refuses to renew it, and revokes nothing', async () => {
    const client = await t.open();
    await t.signIn(client);
    const told: string[] = [];
    onEvent({ event: 'logout', listener: ({ reason }) => told.push(reason) }, client);
    t.server.on('POST /refresh', () => ({ status: 401, json: { error: 'over', code: 'session_ended' } }));
    await expect(refreshAuth(client)).rejects.toMatchObject({ status: 401 });
    expect(isSignedIn(client)).toBe(false);
    expect(told).toEqual(['session-refresh-unauthorized']);
    expect(t.server.callsTo('POST /revoke')).toHaveLength(0);
  });

  it('stays when only its device could renew it, and when the server is not there', async () => {
    const client = await t.open();
    await t.signIn(client);
    for (const answer of [
      { status: 401, json: { error: 'device', code: 'device_proof_required' } },
      { status: 503 },
      { status: 500, json: { error: 'broken' } },
    ]) {
      t.server.on('POST /refresh', () => answer);
      await expect(refreshAuth(client)).rejects.toMatchObject({ status: answer.status });
      expect(isSignedIn(client)).toBe(true);
    }
  });
});

describe('a token that expires while the session is renewed', () => {
  /** An answer whose token is good for so many seconds from now on. */
  const answerFor = (seconds: number, patch: Record<string, unknown> = {}) => {
    const iat = Math.floor(Date.now() / 1000);
    const exp = iat + seconds;
    return verifyResponse({
      user: user({ sessionId: 's1' }),
      minifiedJwt: jwt({ iat, exp }),
      expiresAt: exp,
      ...patch,
    });
  };
  const pass = (seconds: number) => vi.advanceTimersByTimeAsync(seconds * 1000);

  /** Somebody signed in for ten seconds, nine of which pass until the server has the refresh. */
  async function renewing() {
    const client = await t.open({ coreConfig: { keychain } });
    vi.useFakeTimers({ toFake: ['Date', 'setTimeout', 'clearTimeout', 'performance'] });
    await t.signIn(client, answerFor(10));
    const told: string[] = [];
    onEvent({ event: 'logout', listener: ({ reason }) => told.push(reason) }, client);
    await pass(9);
    const refresh = held('POST /refresh');
    const late = refreshAuth(client).catch((error) => error);
    await refresh.asked();
    const renewed = { json: answerFor(10) };
    return { client, told, refresh, late, renewed };
  }

  it('ends nothing: the answer is waited for', async () => {
    const { client, told, refresh, late, renewed } = await renewing();
    const keys = () =>
      t.server.callsTo('POST /refresh').map((call) => call.headers['x-dyn-session-public-key']);
    await pass(5);
    expect(client.user).not.toBeNull();
    refresh.answer(renewed);
    await late;
    await pass(1);
    expect(client.token).toBe(renewed.json.minifiedJwt);
    expect(told).toEqual([]);
    expect(keys()[0]).toBe(stored().sessionKey);
    await pass(10);
    expect(told).toEqual(['token-expired']);
    expect(client.user).toBeNull();
  });

  it.each([
    ['fails', 0.1, (answer: (reply: { status: number }) => void) => answer({ status: 503 })],
    ['never comes', 20, () => undefined],
  ])('ends the session when the answer %s', async (_name, seconds, reply) => {
    const { client, told, refresh, late } = await renewing();
    await pass(2);
    expect(client.user).not.toBeNull();
    reply(refresh.answer);
    await pass(seconds);
    await late;
    expect(client.user).toBeNull();
    expect(told).toEqual(['token-expired']);
    expect(t.server.callsTo('POST /revoke')).toHaveLength(0);
  });

  it('brings nobody back who has signed out', async () => {
    const { client, told, refresh, late, renewed } = await renewing();
    await pass(2);
    await logout(client);
    refresh.answer(renewed);
    expect(await late).toMatchObject({ code: 'user_not_authenticated_error' });
    await pass(1);
    expect(client.user).toBeNull();
    expect(told).toEqual(['user-intent']);
  });

  it('brings nobody back when another one has signed in', async () => {
    const { client, refresh, late, renewed } = await renewing();
    await pass(2);
    await logout(client);
    await t.signIn(client, answerFor(60, { user: user({ id: 'user-2', sessionId: 's2' }) }));
    refresh.answer(renewed);
    await late;
    await pass(1);
    expect(client.user?.id).toBe('user-2');
  });

  it('and whose refusal overtakes the answer of a change ends nothing', async () => {
    const { client, told, refresh, late } = await renewing();
    const change = held('PUT /users');
    const changing = updateUser({ userFields: { firstName: 'A' } }, client);
    await change.asked();
    const renewed = { json: answerFor(10) };
    await pass(0.9);
    refresh.answer({ status: 401, json: { error: 'expired', code: 'unauthorized' } });
    await pass(1);
    change.answer(renewed);
    await changing;
    expect(await late).toMatchObject({ status: 401 });
    await pass(1);
    expect(client.token).toBe(renewed.json.minifiedJwt);
    expect(told).toEqual([]);
  });

  it('is waited for also when the clock was set back before the page was loaded', async () => {
    const before = await t.open({ coreConfig: { keychain } });
    await t.signIn(before, answerFor(10));
    t.close(before);
    const renewed = { json: answerFor(3_700) };
    vi.useFakeTimers({
      now: Date.now() - 3_600_000,
      toFake: ['Date', 'setTimeout', 'clearTimeout', 'performance'],
    });
    const client = await t.open({ coreConfig: { keychain } });
    const told: string[] = [];
    onEvent({ event: 'logout', listener: ({ reason }) => told.push(reason) }, client);
    const change = held('PUT /users');
    const changing = updateUser({ userFields: { firstName: 'A' } }, client);
    await change.asked();
    t.server.on('POST /refresh', () => ({ status: 401, json: { error: 'expired', code: 'unauthorized' } }));
    const refused = refreshAuth(client).catch((error) => error);
    await pass(1);
    change.answer(renewed);
    await changing;
    expect(await refused).toMatchObject({ status: 401 });
    expect(client.token).toBe(renewed.json.minifiedJwt);
    expect(told).toEqual([]);
  });

  it('is ended at the server by a sign-out that comes after the expiry', async () => {
    const client = await t.open({ coreConfig: { keychain } });
    vi.useFakeTimers({ toFake: ['Date', 'setTimeout', 'clearTimeout', 'performance'] });
    await t.signIn(client, answerFor(10));
    const { token } = client;
    await pass(11);
    expect(client.user).toBeNull();
    expect(t.server.callsTo('POST /revoke')).toHaveLength(0);
    await logout(client);
    await logout(client);
    const told = t.server.callsTo('POST /revoke').map(({ headers }) => headers.authorization);
    expect(told).toEqual([`Bearer ${token}`]);
  });

  it('is over for good when the server then says that the session has ended, and is told of once', async () => {
    const client = await t.open({ coreConfig: { keychain } });
    vi.useFakeTimers({ toFake: ['Date', 'setTimeout', 'clearTimeout', 'performance'] });
    await t.signIn(client, answerFor(10));
    const told: string[] = [];
    onEvent({ event: 'logout', listener: ({ reason }) => told.push(reason) }, client);
    await pass(9);
    const users = held('GET /users');
    const asking = refreshUser(client).catch((error) => error);
    await users.asked();
    await pass(2);
    expect(stored()).toMatchObject({ ended: 'token-expired' });
    users.answer({ status: 401, json: { error: 'over', code: 'session_ended' } });
    expect(await asking).toMatchObject({ code: 'session_ended' });
    expect(stored()).toMatchObject({ ended: 'session-refresh-unauthorized' });
    expect(told).toEqual(['token-expired']);
  });

  const overwrite = (record: unknown) => {
    localStorage.setItem(KEY, JSON.stringify({ value: record }));
    window.dispatchEvent(new StorageEvent('storage', { key: KEY }));
  };

  it('by another tab, whose record comes late, lives on', async () => {
    const client = await t.open({ coreConfig: { keychain } });
    vi.useFakeTimers({ toFake: ['Date', 'setTimeout', 'clearTimeout', 'performance'] });
    await t.signIn(client, answerFor(10));
    const before = stored();
    await pass(11);
    expect(client.user).toBeNull();
    const renewed = { ...before, seq: before.seq + 1, token: 'renewed', expiresAt: Date.now() + 9_000 };
    overwrite(renewed);
    expect(client.token).toBe('renewed');
    expect(stored()).toMatchObject({ token: 'renewed', sessionKey: before.sessionKey });
    // A sign-out is another thing than an expiry.
    await logout(client);
    overwrite({ ...renewed, seq: renewed.seq + 1 });
    expect(client.user).toBeNull();
  });

  it('is not over because another tab, which knows nothing of the renewal, says so', async () => {
    const { client, told, refresh, late, renewed } = await renewing();
    const { v, gen, full, seq, rev, sid, sessionKey } = stored();
    await pass(2);
    const ended = { v, gen, full, seq, rev: rev + 1, sid, deadKey: sessionKey, ended: 'token-expired' };
    const expired = { ...ended, user: null, token: null, elevated: [], clockOffset: 0 };
    overwrite(expired);
    expect(client.user).not.toBeNull();
    refresh.answer(renewed);
    await late;
    await pass(1);
    expect(told).toEqual([]);
    expect(stored().token).toBe(renewed.json.minifiedJwt);

    const second = refreshAuth(client).catch((error) => error);
    await refresh.asked(2);
    await pass(12);
    overwrite({ ...expired, seq: stored().seq });
    refresh.answer({ status: 503 }, 1);
    await second;
    await pass(1);
    expect(client.user).toBeNull();
    expect(told).toHaveLength(1);
  });

  it('takes its single-use tokens along, also one that an unanswered request gives back', async () => {
    const client = await t.open({ coreConfig: { keychain } });
    vi.useFakeTimers({ toFake: ['Date', 'setTimeout', 'clearTimeout', 'performance'] });
    const scopes = ['credential:unlink', 'user:delete'] as const;
    await t.signIn(client, answerFor(10, { elevatedAccessToken: elevatedToken(scopes.join(' ')) }));
    await pass(9);
    expect(hasElevatedAccessToken('user:delete', client)).toBe(true);
    await pass(2);
    expect(client.user).toBeNull();
    for (const scope of scopes) {
      expect(hasElevatedAccessToken(scope, client)).toBe(false);
      expect(getElevatedAccessToken({ scope }, client)).toBeUndefined();
    }

    await t.signIn(client, answerFor(10, { elevatedAccessToken: elevatedToken('credential:unlink') }));
    held('DELETE /users/passkeys');
    const lost = deletePasskey({ passkeyId: 'p' }, client).catch((error) => error);
    await pass(21);
    expect(await lost).toMatchObject({ code: 'network_error' });
    expect(client.user).toBeNull();
    expect(hasElevatedAccessToken('credential:unlink', client)).toBe(false);
  });

  it('has signed out when the refused refresh rejects', async () => {
    const { client, told, refresh, late } = await renewing();
    const shown = late.then(() => client.user);
    await pass(2);
    refresh.answer({ status: 401, json: { error: 'expired', code: 'unauthorized' } });
    await pass(1);
    expect(await shown).toBeNull();
    expect(told).toEqual(['token-expired']);
    expect(await late).toMatchObject({ status: 401 });
  });

  it('before a call is sent ends that call: nothing goes out without a token', async () => {
    let letGo: () => void = () => undefined;
    const headers = vi.fn(() => ({}) as Record<string, string> | Promise<Record<string, string>>);
    const client = await t.open({ coreConfig: { keychain, getApiHeaders: headers } });
    vi.useFakeTimers({ toFake: ['Date', 'setTimeout', 'clearTimeout', 'performance'] });
    await t.signIn(client, answerFor(10));
    headers.mockImplementationOnce(
      () => new Promise<Record<string, string>>((resolve) => (letGo = () => resolve({}))),
    );
    const slow = deletePasskey({ passkeyId: 'p' }, client).catch((error) => error);
    await pass(11);
    letGo();
    expect(await slow).toMatchObject({ code: 'user_not_authenticated_error' });
    expect(t.server.callsTo('DELETE /users/passkeys')).toEqual([]);
  });

  it('while a person confirms a passkey ends that proof, and makes no new key for it', async () => {
    let confirm: () => void = () => undefined;
    const get = () =>
      new Promise((resolve) => {
        const response = { clientDataJSON: new ArrayBuffer(1), authenticatorData: new ArrayBuffer(1) };
        const passkey = { id: 'cA', rawId: new ArrayBuffer(1), type: 'public-key', response };
        confirm = () => resolve({ ...passkey, toJSON: () => passkey, getClientExtensionResults: () => ({}) });
      });
    vi.stubGlobal('PublicKeyCredential', {});
    Object.defineProperty(navigator, 'credentials', { value: { get }, configurable: true });
    t.server.on('GET /users/passkeys/authenticate', () => ({
      json: { challenge: 'cA', rpId: 'example.test', allowCredentials: [{ id: 'cA' }] },
    }));
    const client = await t.open({ coreConfig: { keychain } });
    vi.useFakeTimers({ toFake: ['Date', 'setTimeout', 'clearTimeout', 'performance'] });
    await t.signIn(client, answerFor(10));
    const proof = authenticatePasskeyMFA({}, client).catch((error) => error);
    await pass(11);
    expect(client.user).toBeNull();
    const before = stored();
    confirm();
    expect(await proof).toMatchObject({ code: 'user_not_authenticated_error' });
    expect(t.server.callsTo('POST /users/mfa/auth/passkey')).toEqual([]);
    expect(stored()).toEqual(before);
  });

  it('is not over because another tab fetched the user before it saw the token expire', async () => {
    const { client, told, refresh, late, renewed } = await renewing();
    const { v, gen, full, seq, rev, sid, sessionKey, issuedAt } = stored();
    await pass(2);
    const ended = { v, gen, full, seq: seq + 1, rev: rev + 2, sid, issuedAt, deadKey: sessionKey };
    const expired = {
      ...ended,
      ended: 'token-expired',
      user: null,
      token: null,
      elevated: [],
      clockOffset: 0,
    };
    overwrite(expired);
    refresh.answer(renewed);
    await late;
    // The other tab, which has not heard of the renewal, writes once more.
    overwrite(expired);
    expect(client.token).toBe(renewed.json.minifiedJwt);
    expect(stored().token).toBe(renewed.json.minifiedJwt);
    expect(told).toEqual([]);
  });
});

describe('the clock of the browser', () => {
  const answerAt = (server: number, patch: Record<string, unknown> = {}) => {
    const iat = Math.floor(server / 1000);
    return verifyResponse({
      minifiedJwt: jwt({ sub: 'user-1', iat, exp: iat + 3600 }),
      expiresAt: iat + 3600,
      elevatedAccessToken: elevatedToken('wallet:export', { iat, exp: iat + 300 }),
      ...patch,
    });
  };

  it.each([
    ['6 minutes ahead', 6 * 60_000],
    ['3 hours ahead', 3 * 3600_000],
    ['a day behind', -24 * 3600_000],
  ])('%s: signed in, and the elevated token is held', async (_name, skew) => {
    const server = Date.now();
    vi.useFakeTimers({ now: server + skew, toFake: ['Date'] });
    const client = await t.open();
    await t.signIn(client, answerAt(server));
    await settle();
    expect(client.user).not.toBeNull();
    expect(hasElevatedAccessToken('wallet:export', client)).toBe(true);
    t.close(client);
    // After a reload the difference is known still.
    const reloaded = await t.open();
    await settle();
    expect(reloaded.user).not.toBeNull();
    expect(t.server.callsTo('GET /users')).toHaveLength(0);
    expect(t.server.callsTo('POST /revoke')).toHaveLength(0);
  });

  it('set while the page is open changes nothing', async () => {
    const server = Date.now();
    const client = await t.open();
    await t.signIn(client, answerAt(server));
    vi.useFakeTimers({ now: server + 2 * 24 * 3600_000, toFake: ['Date'] });
    expect(hasElevatedAccessToken('wallet:export', client)).toBe(true);
    t.server.on('GET /users', () => ({ json: user() }));
    window.dispatchEvent(new PageTransitionEvent('pageshow', { persisted: true }));
    await settle();
    expect(client.user).not.toBeNull();
  });

  it('that says 10 seconds too much revokes nothing', async () => {
    const server = Date.now();
    const client = await t.open();
    vi.useFakeTimers({ now: server + 3_610_000, toFake: ['Date'] });
    t.server.on('GET /users', () => ({ json: user() }));
    await t.signIn(client, answerAt(server));
    await settle();
    expect(client.user).not.toBeNull();
    expect(t.server.callsTo('POST /revoke')).toHaveLength(0);
  });
});

describe('the storage', () => {
  it('never shows a user without a token', async () => {
    localStorage.setItem(
      KEY,
      JSON.stringify({ value: { v: 1, gen: 5, seq: 1, rev: 1, user: user(), token: null } }),
    );
    const client = await t.open();
    expect(isSignedIn(client)).toBe(false);
    expect(t.server.callsTo('POST /revoke')).toHaveLength(0);
  });

  it('has one write for a whole session', async () => {
    const writes: string[] = [];
    const values = new Map<string, string>();
    const storageAdapter = {
      getItem: (key: string) => values.get(key),
      setItem: (key: string, value: string) => {
        if (key === KEY) writes.push(value);
        values.set(key, value);
      },
      removeItem: (key: string) => void values.delete(key),
    };
    const client = await t.open({ coreConfig: { storageAdapter } });
    await t.signIn(client);
    const live = writes.map((text) => JSON.parse(text).value).filter(({ user, token }) => user || token);
    expect(live).toHaveLength(1);
    expect(live[0]).toMatchObject({ user: { id: 'user-1' }, token: client.token });
  });

  it('takes a text that looks like a date for what it is', async () => {
    const text = '__DATE__2026-01-02T03:04:05.000Z';
    const client = await t.open();
    await t.signIn(client, verifyResponse({ user: user({ firstName: text, metadata: { note: text } }) }));
    t.close(client);
    const after = await t.open();
    expect(after.user).toMatchObject({ firstName: text, metadata: { note: text } });
    expect(after.user?.firstVisit).toBeInstanceOf(Date);
  });

  it('may lose everything between two calls: the page goes on from memory', async () => {
    const client = await t.open();
    await t.signIn(client);
    localStorage.clear();
    t.server.on('POST /refresh', () => ({ json: verifyResponse() }));
    await refreshAuth(client);
    expect(client.token).not.toBeNull();
    expect(stored().token).toBe(client.token);
  });

  it('that somebody clears in another tab signs this one out, and revokes nothing', async () => {
    const client = await t.open();
    await t.signIn(client);
    localStorage.clear();
    window.dispatchEvent(new StorageEvent('storage', { key: null }));
    expect(client.user).toBeNull();
    expect(t.server.callsTo('POST /revoke')).toHaveLength(0);
  });

  const failing = (fails: () => boolean, how: () => never) => {
    const values = new Map<string, string>();
    const guard = <T>(run: () => T): T => (fails() ? how() : run());
    return {
      getItem: (key: string) => guard(() => values.get(key) ?? null),
      setItem: (key: string, value: string) => guard(() => void values.set(key, value)),
      removeItem: (key: string) => guard(() => void values.delete(key)),
    };
  };

  it.each([
    ['refuses everything', () => true],
    [
      'fails every other time',
      (() =>
        (
          (count) => () =>
            count++ % 2 === 0
        )(0))(),
    ],
    [
      'fails two times of three',
      (() =>
        (
          (count) => () =>
            count++ % 3 !== 0
        )(0))(),
    ],
  ])('that %s costs one warning and nothing else', async (_name, fails) => {
    const warn = vi.fn();
    const storageAdapter = failing(fails, () => {
      throw new DOMException('no', 'QuotaExceededError');
    });
    const client = await t.open({ coreConfig: { storageAdapter, logger: { warn, error: warn } } });
    await t.signIn(client);
    t.server.on('POST /refresh', () => ({ json: verifyResponse() }));
    for (let i = 0; i < 5; i++) await refreshAuth(client);
    expect(client.token).not.toBeNull();
    await logout(client);
    await settle();
    expect(client.user).toBeNull();
    await t.signIn(client);
    expect(client.user?.id).toBe('user-1');
    expect(warn.mock.calls.filter(([text]) => String(text).includes('storage'))).toHaveLength(1);
  });

  it('that is full keeps no old session instead of the new state', async () => {
    const values = new Map<string, string>();
    let isFull = false;
    const storageAdapter = {
      getItem: (key: string) => values.get(key),
      setItem: (key: string, value: string) => {
        if (isFull) throw new DOMException('full', 'QuotaExceededError');
        values.set(key, value);
      },
      removeItem: (key: string) => void values.delete(key),
    };
    const client = await t.open({ coreConfig: { storageAdapter, logger: silent } });
    await t.signIn(client);
    isFull = true;
    await logout(client);
    expect([...values.values()].join()).not.toContain('access-');
  });

  it('that has no room for a longer session keeps the one before, so that other tabs stay signed in', async () => {
    const values = new Map<string, string>();
    let room = Number.POSITIVE_INFINITY;
    const storageAdapter = {
      getItem: (key: string) => values.get(key),
      setItem: (key: string, value: string) => {
        if (value.length > room) throw new DOMException('full', 'QuotaExceededError');
        values.set(key, value);
      },
      removeItem: (key: string) => void values.delete(key),
    };
    const client = await t.open({ coreConfig: { storageAdapter, logger: silent } });
    await t.signIn(client);
    const record = () => [...values].find(([, value]) => value.includes('access-'));
    room = record()?.[1].length ?? 0;
    t.server.on('POST /refresh', () => ({
      json: verifyResponse({ user: { ...user(), alias: 'a'.repeat(1_000) } }),
    }));
    await refreshAuth(client);
    expect(client.user?.alias).toHaveLength(1_000);
    expect(record()).toBeDefined();
    // A sign-out that another tab stores is heard all the same.
    const [key, stored] = record() ?? ['', '{}'];
    const { value } = JSON.parse(stored);
    const ended = {
      ...value,
      gen: value.gen + 1,
      ended: 'user-intent',
      user: null,
      token: null,
      expiresAt: null,
    };
    values.set(key, JSON.stringify({ value: ended }));
    await refreshAuth(client).catch(() => undefined);
    expect(client.user).toBeNull();
  });

  it('that never answers is waited for once', async () => {
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] });
    const never = () => new Promise<never>(() => undefined);
    const client = t.create({
      coreConfig: {
        storageAdapter: { getItem: never, setItem: never, removeItem: never },
        logger: silent,
      },
    });
    const started = waitForClientInitialized(client);
    await vi.advanceTimersByTimeAsync(3_500);
    vi.useRealTimers();
    await started;
    await t.signIn(client);
    expect(client.user?.id).toBe('user-1');
  });

  it.each([['null'], ['throws']])('of the page that is not there (%s) is memory', async (how) => {
    vi.spyOn(window, 'localStorage', 'get').mockImplementation(() => {
      if (how === 'throws') throw new DOMException('denied', 'SecurityError');
      return null as unknown as Storage;
    });
    const one = await t.open();
    const two = await t.open();
    await t.signIn(one);
    await vi.waitFor(() => expect(two.token).toBe(one.token));
    await logout(one);
    vi.restoreAllMocks();
  });
});

describe('two clients of one page', () => {
  it('see one state, without any event of the browser', async () => {
    const one = await t.open();
    const two = await t.open();
    await t.signIn(one);
    await vi.waitFor(() => expect(two.token).toBe(one.token));
    expect(two.user).toEqual(one.user);
    await logout(two);
    await vi.waitFor(() => expect(one.user).toBeNull());
    expect(t.server.callsTo('POST /revoke')).toHaveLength(1);
  });
});

describe('other tabs', () => {
  /** What another tab stored without knowing of ours. */
  const overwrite = (record: unknown) => {
    localStorage.setItem(KEY, JSON.stringify({ value: record }));
    window.dispatchEvent(new StorageEvent('storage', { key: KEY }));
  };

  it('that write without knowing of a sign-out do not undo it', async () => {
    const client = await t.open();
    await t.signIn(client);
    const before = stored();
    await logout(client);
    overwrite({ ...before, seq: before.seq + 1, token: 'late' });
    expect(client.user).toBeNull();
    expect(stored().token).toBeNull();
  });

  it('that hang in a refresh, or in fetching nonces, are waited for a moment only', async () => {
    const storageAdapter = ownStorage();
    const coreConfig = { storageAdapter, keychain };
    const one = await t.open({ coreConfig });
    const two = await t.open({ coreConfig });
    await t.signIn(one);
    await vi.waitFor(() => expect(two.token).toBe(one.token));
    storageAdapter.removeItem(`dynamic_${ENVIRONMENT}_nonce-pool`);
    const nonces = held('GET /nonces');
    t.server.on('POST /refresh', () => ({ json: verifyResponse() }));
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] });
    const hung = expect(refreshAuth(one)).rejects.toMatchObject({ code: 'network_error' });
    const second = refreshAuth(two);
    await vi.advanceTimersByTimeAsync(7_000);
    await nonces.asked(2);
    nonces.answer({ json: { nonces: ['a', 'b', 'c'] } }, 1);
    await second;
    await vi.advanceTimersByTimeAsync(30_000);
    await hung;
  });
});

describe('destroyClient', () => {
  it('settles what waits, and nothing is stored afterwards', async () => {
    const gone = { code: 'client_destroyed_error' };
    held('GET /settings');
    const starting = t.create();
    const waits = [
      expect(waitForClientInitialized(starting)).rejects.toMatchObject(gone),
      expect(fetchProjectSettings(starting)).rejects.toMatchObject(gone),
      expect(refreshUser(starting)).rejects.toMatchObject(gone),
    ];
    await settle();
    t.close(starting);
    await Promise.all(waits);

    t.server.on('GET /settings', () => ({ json: settings() }));
    const client = await t.open();
    await t.signIn(client);
    const refresh = held('POST /refresh');
    const late = expect(refreshAuth(client)).rejects.toMatchObject(gone);
    await refresh.asked();
    const before = { ...localStorage };
    t.close(client);
    refresh.answer({ json: verifyResponse() });
    await late;
    await settle();
    expect({ ...localStorage }).toEqual(before);
    await expect(logout(client)).rejects.toMatchObject(gone);
  });
});

describe('a single-use token', () => {
  const hold = async (client: StileClient) => {
    const token = elevatedToken('credential:unlink');
    await t.signIn(client, verifyResponse({ elevatedAccessToken: token }));
    return token;
  };

  it.each([
    ['the headers fail', { getApiHeaders: () => Promise.reject(new Error('mine')) }],
    ['there is no network', { fetch: () => Promise.reject(new TypeError('offline')) }],
    [
      'fetch is not what it should be',
      {
        fetch: () => {
          throw new Error('mine');
        },
      },
    ],
  ])('is not spent when nothing was sent: %s', async (_name, broken) => {
    let isBroken = false;
    const client = await t.open({
      coreConfig: {
        logger: silent,
        getApiHeaders: () => (isBroken && 'getApiHeaders' in broken ? broken.getApiHeaders() : {}),
        fetch: (...args) => (isBroken && 'fetch' in broken ? broken.fetch() : t.server.fetch(...args)),
      },
    });
    const token = await hold(client);
    isBroken = true;
    await expect(deletePasskey({ passkeyId: 'p' }, client)).rejects.toBeDefined();
    expect(getElevatedAccessToken({ scope: 'credential:unlink' }, client)).toBe(token);
  });
});

describe('listeners', () => {
  it('hear events in order, also when one of them calls the client', async () => {
    const client = await t.open();
    const heard: string[] = [];
    onEvent(
      {
        event: 'userChanged',
        listener: ({ user }) => {
          heard.push(`first ${user?.id ?? null}`);
          if (user) void logout(client);
        },
      },
      client,
    );
    onEvent(
      { event: 'userChanged', listener: ({ user }) => heard.push(`second ${user?.id ?? null}`) },
      client,
    );
    onEvent({ event: 'logout', listener: () => heard.push('logout') }, client);
    await t.signIn(client).catch(() => undefined);
    expect(heard).toEqual(['first user-1', 'second user-1', 'first null', 'second null', 'logout']);
  });
});
