// @vitest-environment node
import { spawnSync } from 'node:child_process';
import { describe, expect, it } from 'vitest';
import * as api from './index.js';
import { API, ENVIRONMENT, fakeServer, verifyResponse } from './testing/fakeServer.js';

describe('without a browser', () => {
  it('a client is inert: nothing is fetched, calls say why, sync ones answer', async () => {
    const server = fakeServer();
    const client = api.createStileClient({
      environmentId: ENVIRONMENT,
      coreConfig: { apiBaseUrl: API, fetch: server.fetch },
    });
    expect(client).toMatchObject({ initStatus: 'uninitialized', user: null, token: null });
    expect(api.isSignedIn()).toBe(false);
    expect(api.hasElevatedAccessToken('wallet:export')).toBe(false);
    expect(await api.checkStepUpAuth({ scope: 'wallet:export' })).toEqual({
      isRequired: true,
      credentials: [],
    });
    const unavailable = { code: 'unavailable_in_server_side_error' };
    await expect(api.waitForClientInitialized()).rejects.toMatchObject(unavailable);
    await expect(api.initializeClient()).rejects.toMatchObject(unavailable);
    await expect(api.sendEmailOTP({ email: 'a@x.test' })).rejects.toMatchObject(unavailable);
    expect(server.calls).toHaveLength(0);
    api.destroyClient(client);
  });

  it('a client with adapters works, and says where it is from', async () => {
    const server = fakeServer();
    const memory = new Map<string, string>();
    const client = api.createStileClient({
      environmentId: ENVIRONMENT,
      metadata: { universalLink: 'https://app.example.test' },
      coreConfig: {
        apiBaseUrl: API,
        fetch: server.fetch,
        storageAdapter: {
          getItem: async (key) => memory.get(key),
          setItem: async (key, value) => void memory.set(key, value),
          removeItem: async (key) => void memory.delete(key),
        },
        keychain: {
          getPublicKey: async () => '02aa',
          createKey: async () => '02aa',
          sign: async () => 'ff',
          deleteKey: async () => undefined,
        },
      },
    });
    await api.waitForClientInitialized(client);
    expect(server.calls[0]?.headers.origin).toBe('https://app.example.test');
    expect([...memory.keys()]).toContain(`dynamic_${ENVIRONMENT}_session`);
    api.destroyClient(client);
  });

  it('needs no base URL that only a page could complete', () => {
    for (const apiBaseUrl of ['/api/v0', undefined]) {
      const client = api.createStileClient({ environmentId: ENVIRONMENT, coreConfig: { apiBaseUrl } });
      expect(client.initStatus).toBe('uninitialized');
      api.destroyClient(client);
    }
  });

  it('a client that hangs does not block another one of the same process', async () => {
    const server = fakeServer();
    const made = [1, 2].map((number) => {
      const memory = new Map<string, string>();
      return api.createStileClient({
        environmentId: ENVIRONMENT,
        coreConfig: {
          apiBaseUrl: API,
          fetch: (input, init) => {
            const hangs = number === 1 && String(input).endsWith('/refresh');
            return hangs ? new Promise(() => undefined) : server.fetch(input, init);
          },
          storageAdapter: {
            getItem: (key) => memory.get(key),
            setItem: (key, value) => void memory.set(key, value),
            removeItem: (key) => void memory.delete(key),
          },
          keychain: {
            getPublicKey: async () => '02aa',
            createKey: async () => '02aa',
            sign: async () => 'ff',
            deleteKey: async () => undefined,
          },
        },
      });
    });
    server.on('POST /emailVerifications/signin', () => ({ json: verifyResponse() }));
    server.on('POST /refresh', () => ({ json: verifyResponse() }));
    const otpVerification = { email: 'a@example.test', verificationUUID: 'u' };
    for (const client of made) {
      await api.verifyOTP({ otpVerification, verificationToken: '123456' }, client);
    }
    const [hung, other] = made;
    const waiting = api.refreshAuth(hung).catch((error) => error.code);
    await expect(api.refreshAuth(other)).resolves.toHaveProperty('user');
    for (const client of made) api.destroyClient(client);
    expect(await waiting).toBe('client_destroyed_error');
  });

  it('the package can be imported where there are no globals of a browser', () => {
    // Vitest has globals of its own; a bare Node has not. Accessors that throw prove that nothing is touched.
    const trap = [
      'window',
      'document',
      'navigator',
      'localStorage',
      'indexedDB',
      'PublicKeyCredential',
      'location',
    ]
      .map(
        (name) => `Object.defineProperty(globalThis, '${name}', { get() { throw new Error('${name}'); } });`,
      )
      .join('');
    const bundle = spawnSync(process.execPath, ['packages/client/size.mjs', '--print'], { encoding: 'utf8' });
    expect(bundle.stderr).toBe('');
    const code = `${trap}\nconst api = await import('data:text/javascript;base64,${Buffer.from(bundle.stdout).toString('base64')}');\nconsole.log(typeof api.createStileClient);`;
    const run = spawnSync(process.execPath, ['--input-type=module', '-e', code], { encoding: 'utf8' });
    expect(run.stderr).toBe('');
    expect(run.stdout.trim()).toBe('function');
  }, 60_000);
});
