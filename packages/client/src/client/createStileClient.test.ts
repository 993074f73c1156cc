// @vitest-environment happy-dom
import 'fake-indexeddb/auto';
import { describe, expect, it, vi } from 'vitest';
import {
  createStileClient,
  fetchProjectSettings,
  getDefaultClient,
  initializeClient,
  isSignedIn,
  onEvent,
  sendEmailOTP,
  waitForClientInitialized,
} from '../index.js';
import { ENVIRONMENT, settings, verifyResponse } from '../testing/fakeServer.js';
import { useHarness } from '../testing/setup.js';

const t = useHarness();

describe('createStileClient', () => {
  it('starts by itself: settings, nonces, session key', async () => {
    const client = t.create();
    expect(client.initStatus).toBe('in-progress');
    await waitForClientInitialized(client);
    expect(client.initStatus).toBe('finished');
    expect(client.projectSettings).toEqual(settings());
    expect(t.server.calls.map(({ path }) => path).sort()).toEqual(['/nonces', '/settings']);
    expect(t.server.callsTo('GET /settings')[0]?.credentials).toBe('omit');
    expect(t.server.callsTo('GET /settings')[0]?.query.get('sdkVersion')).toBe('StileSDK/0.1.0');
  });

  it('sends the headers of the public contract', async () => {
    await t.open({ coreConfig: { getApiHeaders: () => ({ 'x-own': 'yes' }) } });
    t.server.on('POST /emailVerifications/create', () => ({
      status: 201,
      json: { verificationUUID: 'u', email: 'e' },
    }));
    await sendEmailOTP({ email: 'a@example.test' });
    const headers = t.server.callsTo('POST /emailVerifications/create')[0]?.headers ?? {};
    expect(headers).toMatchObject({
      'x-dyn-version': 'StileSDK/0.1.0',
      'x-dyn-api-version': 'API/0.0.1125',
      'x-dynamic-platform': 'web',
      'content-type': 'application/json',
      'x-own': 'yes',
    });
    expect(headers['x-dyn-request-id']).toMatch(/^[A-Za-z0-9]{50}$/);
    expect(headers['x-dyn-session-id']).toMatch(/^[A-Za-z0-9]{32}$/);
    expect(headers['x-dyn-session-public-key']).toMatch(/^0[23][0-9a-f]{64}$/);
  });

  it('tries the settings three times, then fails, and can be started again', async () => {
    t.server.on('GET /settings', () => ({ status: 500, json: { error: 'broken', code: 'internal' } }));
    const client = t.create();
    await expect(waitForClientInitialized(client)).rejects.toMatchObject({ message: 'broken', status: 500 });
    expect(client.initStatus).toBe('failed');
    expect(client.initError).toMatchObject({ code: 'internal' });
    expect(t.server.callsTo('GET /settings')).toHaveLength(3);
    t.server.on('GET /settings', () => ({ json: settings() }));
    await initializeClient(client);
    expect(client.initStatus).toBe('finished');
    expect(client.initError).toBeNull();
  });

  it('starts although there are no nonces', async () => {
    const warn = vi.fn();
    t.server.on('GET /nonces', () => ({ status: 404, json: { error: 'none' } }));
    const client = await t.open({ coreConfig: { logger: { warn, error: warn } } });
    expect(client.initStatus).toBe('finished');
    expect(warn).toHaveBeenCalled();
  });

  it('tells status changes in order', async () => {
    const client = t.create({ autoInitialize: false });
    const seen: string[] = [];
    onEvent({ event: 'initStatusChanged', listener: ({ initStatus }) => seen.push(initStatus) }, client);
    await initializeClient(client);
    expect(seen).toEqual(['in-progress', 'finished']);
    await expect(initializeClient(client)).rejects.toMatchObject({
      code: 'client_already_initialized_error',
    });
  });

  it('uses settings from storage while they are fresh', async () => {
    t.close(await t.open());
    const client = await t.open();
    expect(t.server.callsTo('GET /settings')).toHaveLength(1);
    expect(await fetchProjectSettings(client)).toEqual(settings());
    vi.useFakeTimers({ now: Date.now() + 6 * 60 * 1000, toFake: ['Date'] });
    try {
      await fetchProjectSettings(client);
    } finally {
      vi.useRealTimers();
    }
    expect(t.server.callsTo('GET /settings')).toHaveLength(2);
  });

  it('needs an environment and a server', () => {
    expect(() => createStileClient({ environmentId: '' })).toThrow(
      expect.objectContaining({ code: 'value_must_be_defined_error' }),
    );
    expect(() => createStileClient({ environmentId: 'x' })).toThrow(/coreConfig: \{ apiBaseUrl/);
  });

  it('finds the only client; with none or two it says so', async () => {
    expect(() => getDefaultClient()).toThrow(expect.objectContaining({ code: 'client_not_found_error' }));
    const one = await t.open();
    expect(getDefaultClient()).toBe(one);
    const two = await t.open();
    expect(() => getDefaultClient()).toThrow(
      expect.objectContaining({ code: 'multiple_clients_found_error' }),
    );
    expect(() => isSignedIn()).toThrow(expect.objectContaining({ code: 'multiple_clients_found_error' }));
    expect(isSignedIn(two)).toBe(false);
  });

  it('with cookies, asks the server for the session', async () => {
    t.server.on('GET /settings', () => ({ json: settings({ auth: { storage: ['cookie'] } }) }));
    t.server.on('POST /refresh', () => ({ status: 401, json: { error: 'no session' } }));
    const signedOut = await t.open();
    expect(signedOut.user).toBeNull();
    t.close(signedOut);
    t.server.on('POST /refresh', () => ({
      json: verifyResponse({ minifiedJwt: undefined, jwt: undefined }),
    }));
    const client = await t.open();
    expect(client.user?.id).toBe('user-1');
    expect(client.token).toBeNull();
    const call = t.server.callsTo('POST /refresh').at(-1);
    expect(call?.credentials).toBe('include');
    expect(call?.headers).not.toHaveProperty('x-dynamic-device-nonce');
  });

  it.each([
    ['a later version', { v: 2, user: { id: 'x' }, token: 'later' }],
    ['another SDK', { token: 'other', legacyToken: null, sessionExpiration: 4_000_000_000_000 }],
  ])('leaves what %s stored alone until somebody signs in', async (_who, value) => {
    const key = `dynamic_${ENVIRONMENT}_session`;
    const foreign = JSON.stringify({ value });
    localStorage.setItem(key, foreign);
    const client = await t.open();
    expect(client).toMatchObject({ user: null, token: null });
    expect(localStorage.getItem(key)).toBe(foreign);
    expect(t.server.calls.map(({ path }) => path).sort()).toEqual(['/nonces', '/settings']);
    await t.signIn(client);
    expect(localStorage.getItem(key)).toContain('"v":1');
  });
});
