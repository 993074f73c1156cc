// @vitest-environment happy-dom
import 'fake-indexeddb/auto';
import { afterEach, describe, expect, it, vi } from 'vitest';
import {
  checkUserScopes,
  deleteUser,
  getDefaultClient,
  getElevatedAccessToken,
  hasElevatedAccessToken,
  isSignedIn,
  logout,
  onceEvent,
  onEvent,
  refreshAuth,
  refreshUser,
  type StileClient,
  type StileEventName,
  updateUser,
} from '../index.js';
import { elevatedToken, jwt, user, verifyResponse } from '../testing/fakeServer.js';
import { settle, useHarness } from '../testing/setup.js';

const t = useHarness();

afterEach(() => {
  vi.useRealTimers();
});

function record(client: StileClient, ...events: StileEventName[]): [StileEventName, unknown][] {
  const seen: [StileEventName, unknown][] = [];
  for (const event of events) onEvent({ event, listener: (payload) => seen.push([event, payload]) }, client);
  return seen;
}

/** What the browser does for other tabs when one tab writes. */
function tellOtherTabs(): void {
  for (const key of Object.keys(localStorage)) window.dispatchEvent(new StorageEvent('storage', { key }));
}

describe('a session', () => {
  it('begins with a sign-in: user, tokens, expiry, events, dates', async () => {
    const client = await t.open();
    const seen = record(client, 'userChanged', 'tokenChanged', 'sessionExpiresAtChanged');
    await t.signIn(client, verifyResponse({ minifiedJwt: 'access', expiresAt: 4_000_000_000 }));
    expect(client.user?.id).toBe('user-1');
    expect(client.user?.firstVisit).toEqual(new Date('2026-01-02T03:04:05.000Z'));
    expect(client.user?.metadata).toEqual({ createdAt: '2020-01-01T00:00:00.000Z' });
    expect(client.token).toBe('access');
    expect(client.sessionExpiresAt).toEqual(new Date(4_000_000_000_000));
    expect(isSignedIn()).toBe(true);
    expect(seen.map(([event]) => event).sort()).toEqual([
      'sessionExpiresAtChanged',
      'tokenChanged',
      'userChanged',
    ]);
    const [call] = t.server.callsTo('POST /emailVerifications/signin');
    expect(call?.headers).not.toHaveProperty('authorization');
  });

  it('survives a reload', async () => {
    const before = await t.open();
    const multiUse = elevatedToken('credential:link', { singleUse: false });
    await t.signIn(before, verifyResponse({ mfaToken: 'legacy', elevatedAccessToken: multiUse }));
    t.close(before);
    const after = await t.open();
    expect(after.user).toEqual(before.user);
    expect(after.token).toBe(before.token);
    expect(after.mfaToken).toBe('legacy');
    expect(getElevatedAccessToken({ scope: 'credential:link' })).toBe(multiUse);
    t.server.on('GET /users', () => ({ json: user() }));
    await refreshUser();
    const [call] = t.server.callsTo('GET /users');
    expect(call?.headers.authorization).toBe(`Bearer ${before.token}`);
    const signIn = t.server.callsTo('POST /emailVerifications/signin')[0];
    expect(call?.headers['x-dyn-session-public-key']).toBe(signIn?.headers['x-dyn-session-public-key']);
  });

  it('is not restored past its expiry', async () => {
    const before = await t.open();
    await t.signIn(before);
    t.close(before);
    vi.useFakeTimers({ now: Date.now() + 2 * 3600 * 1000, toFake: ['Date'] });
    // Perhaps the clock was set. The server decides; without one nothing is lost.
    t.server.on('GET /users', () => ({ json: user() }));
    const during = await t.open();
    expect(during.token).toBe(before.token);
    t.close(during);
    t.server.on('GET /users', () => ({ status: 503 }));
    const offline = await t.open();
    expect(offline.token).toBe(before.token);
    t.close(offline);
    t.server.on('GET /users', () => ({ status: 401, json: { error: 'expired', code: 'unauthorized' } }));
    const after = await t.open();
    expect(after.user).toBeNull();
    expect(after.token).toBeNull();
    expect(t.server.callsTo('POST /revoke')).toHaveLength(0);
  });

  it('ends when its key has gone from the key store', async () => {
    const before = await t.open();
    await t.signIn(before);
    t.close(before);
    const database =
      [...(await indexedDB.databases())].find(({ name }) => name?.endsWith('keychain'))?.name ?? '';
    await new Promise((resolve) => {
      indexedDB.deleteDatabase(database).onsuccess = resolve;
    });
    const after = await t.open();
    expect(after.user).toBeNull();
    expect(t.server.callsTo('POST /revoke')[0]?.headers).toMatchObject({
      'x-dyn-logout-reason': 'keychain-key-missing',
      authorization: `Bearer ${before.token}`,
    });
  });

  it('ends at its expiry, also when that is past already or weeks away', async () => {
    const client = await t.open();
    const seen = record(client, 'logout');
    t.server.on('GET /users', () => ({ status: 401, json: { error: 'expired', code: 'unauthorized' } }));
    await t.signIn(client, verifyResponse({ expiresAt: Math.floor(Date.now() / 1000) - 10 }));
    await vi.waitFor(() => expect(seen).toEqual([['logout', { reason: 'token-expired' }]]));
    expect(client.user).toBeNull();
    // A session that is over needs no revocation, and one that is not must not get one.
    expect(t.server.callsTo('POST /revoke')).toHaveLength(0);

    vi.useFakeTimers({ toFake: ['Date', 'setTimeout', 'clearTimeout', 'performance'] });
    const now = Math.floor(Date.now() / 1000);
    const month = { iat: now, exp: now + 30 * 24 * 3600 };
    t.server.on('GET /users', () => ({ status: 503 }));
    await t.signIn(client, verifyResponse({ minifiedJwt: jwt(month), expiresAt: month.exp }));
    await vi.advanceTimersByTimeAsync(29 * 24 * 3600 * 1000);
    expect(client.user).not.toBeNull();
    await vi.advanceTimersByTimeAsync(24 * 3600 * 1000 + 1000);
    expect(client.user).toBeNull();
    expect(t.server.callsTo('POST /revoke')).toHaveLength(0);
  });

  it('has no timer without an expiry', async () => {
    const client = await t.open();
    await t.signIn(client, verifyResponse({ expiresAt: undefined }));
    await settle();
    expect(client.user).not.toBeNull();
    expect(client.sessionExpiresAt).toBeNull();
  });

  it('ends with logout: revoked, wiped, a new session key, the same device key', async () => {
    const client = await t.open();
    const signIn = () => t.server.callsTo('POST /emailVerifications/signin').at(-1)?.headers ?? {};
    await t.signIn(client, verifyResponse({ elevatedAccessToken: elevatedToken('wallet:export') }));
    const first = signIn();
    const seen = record(client, 'logout', 'userChanged');
    await logout();
    expect(seen).toEqual([
      ['userChanged', { user: null }],
      ['logout', { reason: 'user-intent' }],
    ]);
    expect(client.token).toBeNull();
    expect(hasElevatedAccessToken('wallet:export')).toBe(false);
    expect(Object.values(localStorage).join()).not.toContain('access-');
    const revoke = t.server.callsTo('POST /revoke')[0];
    expect(revoke?.headers['x-dyn-logout-reason']).toBe('user-intent');
    expect(revoke?.headers['x-dyn-session-public-key']).toBe(first['x-dyn-session-public-key']);
    expect(t.server.callsTo('GET /settings')).toHaveLength(2);
    await t.signIn(client);
    expect(signIn()['x-dyn-session-public-key']).not.toBe(first['x-dyn-session-public-key']);
    expect(signIn()['x-dynamic-device-publickey']).toBe(first['x-dynamic-device-publickey']);
  });

  it('ends locally also when the server does not answer', async () => {
    const client = await t.open();
    await t.signIn(client);
    t.server.on('POST /revoke', () => {
      throw new TypeError('offline');
    });
    await logout();
    expect(client.user).toBeNull();
    expect(
      localStorage.getItem(Object.keys(localStorage).find((key) => key.endsWith('session')) ?? ''),
    ).toContain('"token":null');
  });

  it('is not brought back by an answer that comes too late', async () => {
    const client = await t.open();
    await t.signIn(client);
    let answer: (value: { json: unknown }) => void = () => undefined;
    t.server.on(
      'POST /refresh',
      () =>
        new Promise((resolve) => {
          answer = resolve;
        }),
    );
    const refreshing = refreshAuth();
    await vi.waitFor(() => expect(t.server.callsTo('POST /refresh')).toHaveLength(1));
    await logout();
    answer({ json: verifyResponse() });
    await expect(refreshing).rejects.toMatchObject({ code: 'user_not_authenticated_error' });
    expect(client.user).toBeNull();
    expect(client.token).toBeNull();
  });

  it('stays when an ordinary call answers 401', async () => {
    const client = await t.open();
    await t.signIn(client);
    t.server.on('GET /users', () => ({ status: 401, json: { error: 'no JWT provided' } }));
    await expect(refreshUser()).rejects.toMatchObject({ name: 'APIError', status: 401 });
    expect(client.user).not.toBeNull();
  });

  it('keeps the multi-use tokens of one user from the next one', async () => {
    const client = await t.open();
    await t.signIn(
      client,
      verifyResponse({ elevatedAccessToken: elevatedToken('user:delete', { singleUse: false }) }),
    );
    t.server.on('POST /refresh', () => ({ json: verifyResponse({ user: user({ id: 'user-2' }) }) }));
    await refreshAuth();
    expect(client.user?.id).toBe('user-2');
    expect(hasElevatedAccessToken('user:delete')).toBe(false);
  });
});

describe('two tabs', () => {
  it('share a sign-in, a refresh and a sign-out', async () => {
    const one = await t.open();
    const two = await t.open();
    const seen = record(two, 'userChanged', 'logout');
    await t.signIn(one);
    tellOtherTabs();
    await vi.waitFor(() => expect(two.user?.id).toBe('user-1'));
    expect(two.token).toBe(one.token);

    t.server.on('POST /refresh', () => ({ json: verifyResponse() }));
    await refreshAuth(one);
    tellOtherTabs();
    await vi.waitFor(() => expect(two.token).toBe(one.token));
    expect(seen).toHaveLength(1); // the same user is no change

    await logout(one);
    tellOtherTabs();
    await vi.waitFor(() => expect(two.user).toBeNull());
    expect(seen.at(-1)).toEqual(['logout', { reason: 'another-tab' }]);
    expect(t.server.callsTo('POST /revoke')).toHaveLength(1);
    // Both use the new session key.
    t.server.on('GET /users', () => ({ json: user() }));
    await refreshUser(one);
    await refreshUser(two);
    const keys = t.server.callsTo('GET /users').map(({ headers }) => headers['x-dyn-session-public-key']);
    expect(new Set(keys).size).toBe(1);
  });

  it('share multi-use elevated tokens, not single-use ones', async () => {
    const one = await t.open();
    const two = await t.open();
    await t.signIn(one);
    t.server.on('POST /refresh', () => ({
      json: verifyResponse({ elevatedAccessToken: elevatedToken('wallet:export') }),
    }));
    await refreshAuth(one);
    t.server.on('POST /refresh', () => ({
      json: verifyResponse({ elevatedAccessToken: elevatedToken('credential:link', { singleUse: false }) }),
    }));
    await refreshAuth(one);
    tellOtherTabs();
    await vi.waitFor(() => expect(hasElevatedAccessToken('credential:link', two)).toBe(true));
    expect(hasElevatedAccessToken('wallet:export', two)).toBe(false);
    expect(hasElevatedAccessToken('wallet:export', one)).toBe(true);
    expect(Object.values(localStorage).join()).not.toContain(
      getElevatedAccessToken({ scope: 'wallet:export' }, one),
    );
  });

  it('refresh at once, one after the other, from the newest token', async () => {
    const one = await t.open();
    await t.signIn(one);
    const two = await t.open();
    let running = 0;
    t.server.on('POST /refresh', async () => {
      expect(++running).toBe(1);
      await settle();
      running--;
      return { json: verifyResponse() };
    });
    await Promise.all([refreshAuth(one), refreshAuth(two)]);
    const [first, second] = t.server.callsTo('POST /refresh');
    expect(first?.headers.authorization).not.toBe(second?.headers.authorization);
    expect(second?.headers.authorization).toBe(`Bearer ${one.token}`);
  });

  it('never use the same nonce', async () => {
    const one = await t.open();
    const two = await t.open();
    await t.signIn(one);
    tellOtherTabs();
    await settle();
    t.server.on('POST /refresh', () => ({ json: verifyResponse() }));
    for (let i = 0; i < 4; i++) await Promise.all([refreshAuth(one), refreshAuth(two)]);
    const nonces = t.server.calls.flatMap(({ headers }) => headers['x-dynamic-device-nonce'] ?? []);
    expect(nonces.length).toBe(10);
    expect(new Set(nonces).size).toBe(10);
    expect(t.server.callsTo('GET /nonces').length).toBeLessThanOrEqual(3);
  });
});

describe('nonces', () => {
  it('are fetched when there are none; without them nothing is sent but a request for a code', async () => {
    t.server.on('GET /nonces', () => ({ status: 500, json: { error: 'no nonces' } }));
    const client = await t.open({
      coreConfig: { logger: { warn: () => undefined, error: () => undefined } },
    });
    await expect(t.signIn(client)).rejects.toMatchObject({ message: 'no nonces' });
    expect(t.server.callsTo('POST /emailVerifications/signin')).toHaveLength(0);
    const [asked] = t.server.callsTo('POST /emailVerifications/create');
    expect(asked?.headers).not.toHaveProperty('x-dynamic-device-nonce');
    t.server.on('GET /nonces', () => ({ json: { nonces: ['n1', 'n2', 'n3', 'n4', 'n5'] } }));
    await t.signIn(client);
    expect(t.server.callsTo('POST /emailVerifications/signin')[0]?.headers).toMatchObject({
      'x-dynamic-device-nonce': 'n2',
      'x-dynamic-device-publickey': expect.stringMatching(/^0[23][0-9a-f]{64}$/),
      'x-dynamic-device-signed-nonce': expect.stringMatching(/^[0-9a-f]{128}$/),
    });
  });

  it('that the server knows no more are thrown away, and the call is tried once more', async () => {
    const client = await t.open();
    await t.signIn(client, verifyResponse());
    let refusals = 1;
    t.server.on('POST /refresh', () =>
      refusals-- > 0
        ? { status: 422, json: { error: 'fetch a new one', code: 'invalid_nonce' } }
        : { json: verifyResponse() },
    );
    const before = t.server.callsTo('GET /nonces').length;
    await refreshAuth();
    const nonces = t.server.callsTo('POST /refresh').map(({ headers }) => headers['x-dynamic-device-nonce']);
    expect(nonces).toEqual(['nonce-3', 'nonce-6']);
    expect(t.server.callsTo('GET /nonces').length).toBe(before + 1);
    refusals = 9;
    await expect(refreshAuth()).rejects.toMatchObject({ code: 'invalid_nonce' });
    expect(t.server.callsTo('POST /refresh')).toHaveLength(4);
  });

  it('are kept for a day', async () => {
    t.close(await t.open());
    t.close(await t.open());
    expect(t.server.callsTo('GET /nonces')).toHaveLength(1);
    vi.useFakeTimers({ now: Date.now() + 25 * 3600 * 1000, toFake: ['Date'] });
    await t.open();
    expect(t.server.callsTo('GET /nonces')).toHaveLength(2);
  });
});

describe('the user', () => {
  it('is updated with the token that the change needs, and gives the verification of a new address', async () => {
    const client = await t.open();
    await t.signIn(
      client,
      verifyResponse({ mfaToken: 'legacy', elevatedAccessToken: elevatedToken('user:update') }),
    );
    t.server.on('PUT /users', ({ body }) => ({
      json: {
        ...verifyResponse(),
        nextView: 'done',
        ...((body as { email?: string }).email
          ? { emailVerification: { verificationUUID: 'v', email: 'b@x.test' } }
          : {}),
      },
    }));
    expect(await updateUser({ userFields: { mfaBackupCodeAcknowledgement: 'complete' } })).toBeUndefined();
    expect(await updateUser({ userFields: { firstName: 'A' } })).toBeUndefined();
    expect(await updateUser({ userFields: { email: 'b@x.test' } })).toEqual({
      verificationUUID: 'v',
      email: 'b@x.test',
    });
    const sent = t.server
      .callsTo('PUT /users')
      .map(({ headers }) => 'x-dyn-elevated-access-token' in headers);
    expect(sent).toEqual([false, true, false]);
    expect(t.server.callsTo('PUT /users')[0]?.headers['x-mfa-auth-token']).toBe('legacy');
  });

  it('is deleted, then signed out', async () => {
    const client = await t.open();
    await t.signIn(client, verifyResponse({ elevatedAccessToken: elevatedToken('user:delete') }));
    t.server.on('DELETE /users', () => undefined);
    const reason = new Promise((resolve) => onceEvent({ event: 'logout', listener: resolve }));
    await deleteUser();
    expect(await reason).toEqual({ reason: 'user-deleted' });
    expect(t.server.callsTo('DELETE /users')[0]?.headers).toHaveProperty('x-dyn-elevated-access-token');
    expect(getDefaultClient().user).toBeNull();
  });

  it('has scopes, compared as whole words', () => {
    const held = { scope: 'user:basic device:register' } as never;
    expect(checkUserScopes({ scopes: ['user:basic'], user: held })).toBe(true);
    expect(checkUserScopes({ scopes: ['user'], user: held })).toBe(false);
    expect(checkUserScopes({ scopes: ['user:basic', 'userDataForm'], user: held })).toBe(false);
  });
});

describe('listeners', () => {
  it('do not disturb each other, nor the call', async () => {
    const error = vi.fn();
    const client = await t.open({ coreConfig: { logger: { warn: error, error } } });
    const seen = vi.fn();
    onEvent({
      event: 'userChanged',
      listener: () => {
        throw new Error('mine');
      },
    });
    const stop = onEvent({ event: 'userChanged', listener: seen });
    await t.signIn(client);
    expect(seen).toHaveBeenCalledOnce();
    expect(error).toHaveBeenCalledOnce();
    stop();
    t.server.on('GET /users', () => ({ json: user() }));
    await refreshUser();
    expect(seen).toHaveBeenCalledOnce();
  });
});
