// @vitest-environment happy-dom
import 'fake-indexeddb/auto';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import {
  authenticatePasskeyMFA,
  deletePasskey,
  getMfaMethods,
  getPasskeys,
  hasElevatedAccessToken,
  onEvent,
  registerPasskey,
  renamePasskey,
  signInWithPasskey,
} from '../index.js';
import { elevatedToken, verifyResponse } from '../testing/fakeServer.js';
import { settle, useHarness } from '../testing/setup.js';

const t = useHarness();

const bytes = (text: string) => new TextEncoder().encode(text).buffer;
const b64 = (text: string) => Buffer.from(text).toString('base64url');

/** A credential as a browser of before 2025 gives it: no `toJSON`. */
function credential(response: Record<string, unknown>, results: Record<string, unknown> = {}) {
  return {
    id: b64('cred-1'),
    rawId: bytes('cred-1'),
    type: 'public-key',
    authenticatorAttachment: 'platform',
    getClientExtensionResults: () => results,
    response: { clientDataJSON: bytes('client-data'), ...response },
  };
}

const attested = {
  attestationObject: bytes('attestation'),
  getTransports: () => ['internal'],
  getPublicKey: () => bytes('spki'),
};
const asserted = {
  authenticatorData: bytes('auth-data'),
  signature: bytes('sig'),
  userHandle: bytes('handle'),
};

const create = vi.fn();
const get = vi.fn();
const signalUnknownCredential = vi.fn(async () => undefined);
const signalAllAcceptedCredentials = vi.fn(async () => undefined);

beforeEach(() => {
  vi.stubGlobal('PublicKeyCredential', {
    isConditionalMediationAvailable: async () => true,
    signalUnknownCredential,
    signalAllAcceptedCredentials,
  });
  Object.defineProperty(navigator, 'credentials', { value: { create, get }, configurable: true });
  create.mockImplementation(async () => credential(attested, { credProps: { rk: true } }));
  get.mockImplementation(async () => credential(asserted));
  t.server.on('GET /users/passkeys/register', () => ({
    json: {
      rp: { id: 'example.test', name: 'App' },
      user: { id: b64('handle'), name: 'a', displayName: 'a' },
      challenge: b64('challenge'),
      pubKeyCredParams: [{ type: 'public-key', alg: -7 }],
      excludeCredentials: [{ id: b64('old'), type: 'public-key' }],
      extensions: { credProps: true, prf: { eval: { first: b64('salt') } } },
    },
  }));
  t.server.on('POST /users/passkeys/register', () => ({ json: verifyResponse() }));
  t.server.on('GET /users/passkeys/authenticate', () => ({
    json: { challenge: b64('challenge'), rpId: 'example.test', allowCredentials: [{ id: b64('cred-1') }] },
  }));
  t.server.on('POST /users/mfa/auth/passkey', () => ({ json: verifyResponse() }));
  t.server.on('GET /users/passkeys/signin', () => ({
    json: { challenge: b64('challenge'), rpId: 'example.test' },
  }));
  t.server.on('POST /users/passkeys/signin', () => ({ json: verifyResponse() }));
});

afterEach(() => {
  vi.unstubAllGlobals();
  vi.clearAllMocks();
});

describe('registerPasskey', () => {
  it('sends the body of the public contract, with a held credential:link token', async () => {
    await t.signIn(await t.open(), verifyResponse({ elevatedAccessToken: elevatedToken('credential:link') }));
    await registerPasskey({ createMfaToken: { singleUse: true } });
    const options = create.mock.calls[0]?.[0].publicKey;
    expect(Buffer.from(options.challenge).toString()).toBe('challenge');
    expect(Buffer.from(options.user.id).toString()).toBe('handle');
    expect(Buffer.from(options.excludeCredentials[0].id).toString()).toBe('old');
    expect(Buffer.from(options.extensions.prf.eval.first).toString()).toBe('salt');
    const [call] = t.server.callsTo('POST /users/passkeys/register');
    expect(call?.body).toEqual({
      id: b64('cred-1'),
      rawId: b64('cred-1'),
      type: 'public-key',
      authenticatorAttachment: 'platform',
      response: {
        attestationObject: b64('attestation'),
        clientDataJson: b64('client-data'),
        transports: ['internal'],
        publicKey: b64('spki'),
      },
      clientExtensionResults: { credProps: { rk: true } },
      createMfaToken: { singleUse: true },
    });
    expect(call?.headers).toHaveProperty('x-dyn-elevated-access-token');
    expect(hasElevatedAccessToken('credential:link')).toBe(false);
    expect(signalUnknownCredential).not.toHaveBeenCalled();
  });

  it('keeps PRF results in the page', async () => {
    await t.signIn(await t.open());
    const results = {
      prf: { enabled: true, results: { first: bytes('secret') } },
      hmacGetSecret: {},
      credProps: {},
    };
    create.mockImplementation(async () => credential(attested, results));
    const { clientExtensionResults } = await registerPasskey({
      extensions: { prf: { eval: { first: bytes('own') } } },
    });
    expect(clientExtensionResults).toEqual(results);
    expect(Buffer.from(create.mock.calls[0]?.[0].publicKey.extensions.prf.eval.first).toString()).toBe('own');
    expect(create.mock.calls[0]?.[0].publicKey.extensions.credProps).toBe(true);
    const [call] = t.server.callsTo('POST /users/passkeys/register');
    expect(call?.body).toHaveProperty('clientExtensionResults', {
      credProps: {},
      prf: { enabled: true },
    });
  });

  it('keeps the token when the user cancels; the error of the browser passes through', async () => {
    await t.signIn(await t.open(), verifyResponse({ elevatedAccessToken: elevatedToken('credential:link') }));
    const cancelled = new DOMException('cancelled', 'NotAllowedError');
    create.mockRejectedValue(cancelled);
    await expect(registerPasskey()).rejects.toBe(cancelled);
    expect(hasElevatedAccessToken('credential:link')).toBe(true);
    expect(signalUnknownCredential).not.toHaveBeenCalled();
  });

  it('has the browser forget a passkey that the server refused, but not one of unknown fate', async () => {
    await t.signIn(await t.open());
    t.server.on('POST /users/passkeys/register', () => ({ status: 503, json: { error: 'later' } }));
    await expect(registerPasskey()).rejects.toMatchObject({ status: 503 });
    expect(signalUnknownCredential).not.toHaveBeenCalled();
    t.server.on('POST /users/passkeys/register', () => ({
      status: 403,
      json: { error: 'Elevated access token required' },
    }));
    await expect(registerPasskey()).rejects.toMatchObject({ status: 403 });
    expect(signalUnknownCredential).toHaveBeenCalledWith({
      rpId: 'example.test',
      credentialId: b64('cred-1'),
    });
  });

  it('needs a browser with passkeys, and asks the server nothing without', async () => {
    await t.signIn(await t.open());
    vi.stubGlobal('PublicKeyCredential', undefined);
    await expect(registerPasskey()).rejects.toMatchObject({ code: 'no_webauthn_support_error' });
    expect(t.server.callsTo('GET /users/passkeys/register')).toHaveLength(0);
  });
});

describe('authenticatePasskeyMFA', () => {
  it('asks for scopes and holds the token; tells the listeners', async () => {
    await t.signIn(await t.open());
    const seen: unknown[] = [];
    onEvent({ event: 'mfaCompletionSuccess', listener: (payload) => seen.push(payload) });
    onEvent({ event: 'mfaCompletionFailure', listener: (payload) => seen.push(payload) });
    t.server.on('POST /users/mfa/auth/passkey', () => ({
      json: verifyResponse({ elevatedAccessToken: elevatedToken('wallet:export'), mfaToken: 'legacy' }),
    }));
    await authenticatePasskeyMFA({ requestedScopes: ['wallet:export'], relatedOriginRpId: 'other.test' });
    expect(t.server.callsTo('GET /users/passkeys/authenticate')[0]?.query.get('relatedOriginRpId')).toBe(
      'other.test',
    );
    expect(t.server.callsTo('POST /users/mfa/auth/passkey')[0]?.body).toEqual({
      id: b64('cred-1'),
      rawId: b64('cred-1'),
      type: 'public-key',
      authenticatorAttachment: 'platform',
      response: {
        clientDataJSON: b64('client-data'),
        authenticatorData: b64('auth-data'),
        signature: b64('sig'),
        userHandle: b64('handle'),
      },
      clientExtensionResults: {},
      requestedScopes: ['wallet:export'],
    });
    expect(hasElevatedAccessToken('wallet:export')).toBe(true);
    expect(seen).toEqual([{ mfaToken: 'legacy' }]);
  });

  it('uses what the browser has of its own: options from JSON, credentials to JSON', async () => {
    await t.signIn(await t.open());
    const parsed = { challenge: bytes('native') };
    vi.stubGlobal('PublicKeyCredential', { parseRequestOptionsFromJSON: () => parsed });
    const json = {
      id: 'i',
      rawId: 'i',
      type: 'public-key',
      clientExtensionResults: {},
      response: { signature: 's' },
    };
    get.mockImplementation(async () => ({ ...credential(asserted), toJSON: () => json }));
    await authenticatePasskeyMFA();
    expect(get.mock.calls[0]?.[0].publicKey).toBe(parsed);
    expect(t.server.callsTo('POST /users/mfa/auth/passkey')[0]?.body).toEqual(json);
  });

  it('fails without passkeys, and tells the listeners', async () => {
    await t.signIn(await t.open());
    const failed = vi.fn();
    onEvent({ event: 'mfaCompletionFailure', listener: failed });
    t.server.on('GET /users/passkeys/authenticate', () => ({
      json: { challenge: b64('c'), allowCredentials: [] },
    }));
    await expect(authenticatePasskeyMFA()).rejects.toMatchObject({
      code: 'no_passkey_credentials_found_error',
    });
    expect(failed).toHaveBeenCalledWith({
      error: expect.objectContaining({ code: 'no_passkey_credentials_found_error' }),
    });
    expect(get).not.toHaveBeenCalled();
  });
});

describe('signInWithPasskey', () => {
  it('signs in and shows the device with the answer alone', async () => {
    const client = await t.open();
    await signInWithPasskey();
    expect(client.user?.id).toBe('user-1');
    const [call] = t.server.callsTo('POST /users/passkeys/signin');
    expect(call?.headers).toHaveProperty('x-dynamic-device-signed-nonce');
    expect(call?.headers).toHaveProperty('x-dyn-session-public-key');
    const [options] = t.server.callsTo('GET /users/passkeys/signin');
    expect(options?.headers).not.toHaveProperty('x-dynamic-device-nonce');
  });

  it('waits in the autofill until picked, aborted, or another ceremony begins', async () => {
    const client = await t.open();
    get.mockImplementation(
      ({ signal }: { signal: AbortSignal }) =>
        new Promise((_resolve, reject) => {
          signal.addEventListener('abort', () => reject(signal.reason));
        }),
    );
    const abort = new AbortController();
    const aborted = signInWithPasskey({ mediation: 'conditional', signal: abort.signal });
    await vi.waitFor(() => expect(get).toHaveBeenCalledOnce());
    expect(get.mock.calls[0]?.[0].mediation).toBe('conditional');
    abort.abort();
    await expect(aborted).rejects.toMatchObject({ name: 'AbortError' });

    const waiting = signInWithPasskey({ mediation: 'conditional' });
    await vi.waitFor(() => expect(get).toHaveBeenCalledTimes(2));
    get.mockImplementation(async () => credential(asserted));
    const chosen = signInWithPasskey();
    await expect(waiting).rejects.toMatchObject({ name: 'AbortError' });
    await chosen;
    expect(client.user?.id).toBe('user-1');
    await expect(signInWithPasskey({ signal: AbortSignal.abort() })).rejects.toMatchObject({
      name: 'AbortError',
    });
  });

  it('renews the offer in the autofill before the server forgets it, for as long as it takes', async () => {
    const client = await t.open();
    const waiting: ((picked: unknown) => void)[] = [];
    get.mockImplementation(
      ({ signal }: { signal: AbortSignal }) =>
        new Promise((resolve, reject) => {
          waiting.push(resolve);
          signal.addEventListener('abort', () => reject(signal.reason));
        }),
    );
    let challenges = 0;
    let isDown = false;
    t.server.on('GET /users/passkeys/signin', () =>
      isDown
        ? { status: 503 }
        : { json: { challenge: b64(`challenge-${++challenges}`), rpId: 'example.test', timeout: 300_000 } },
    );
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] });
    try {
      const abort = new AbortController();
      const signedIn = signInWithPasskey({ mediation: 'conditional', signal: abort.signal });
      await vi.advanceTimersByTimeAsync(1);
      expect(get).toHaveBeenCalledTimes(1);
      await vi.advanceTimersByTimeAsync(360_000);
      expect(get).toHaveBeenCalledTimes(2);
      // A server that is not there for a while costs nothing but time.
      isDown = true;
      await vi.advanceTimersByTimeAsync(300_000);
      isDown = false;
      await vi.advanceTimersByTimeAsync(20_000);
      expect(get).toHaveBeenCalledTimes(3);
      expect(Buffer.from(get.mock.calls[2]?.[0].publicKey.challenge).toString()).toBe('challenge-3');

      // The machine slept: what is picked is stale, the offer is made anew, and the promise goes on waiting.
      t.server.on('POST /users/passkeys/signin', () => ({
        status: 422,
        json: { error: 'stale', code: 'invalid_challenge' },
      }));
      waiting[2]?.(credential(asserted));
      await vi.waitFor(() => expect(get).toHaveBeenCalledTimes(4));
      t.server.on('POST /users/passkeys/signin', () => ({ json: verifyResponse() }));
      waiting[3]?.(credential(asserted));
      await vi.waitFor(() => expect(client.user?.id).toBe('user-1'));
      await signedIn;
      expect(client.user?.id).toBe('user-1');
    } finally {
      vi.useRealTimers();
    }
  });

  it('never aborts a ceremony of the user by an offer that comes late', async () => {
    await t.open();
    let letOptionsGo: () => void = () => undefined;
    t.server.on('GET /users/passkeys/signin', async ({ query }) => {
      if (query.get('relatedOriginRpId') === 'late.test') {
        await new Promise<void>((resolve) => {
          letOptionsGo = resolve;
        });
      }
      return { json: { challenge: b64('challenge'), rpId: 'example.test' } };
    });
    const abort = new AbortController();
    const late = signInWithPasskey({
      mediation: 'conditional',
      relatedOriginRpId: 'late.test',
      signal: abort.signal,
    });
    await vi.waitFor(() => expect(t.server.callsTo('GET /users/passkeys/signin')).toHaveLength(1));
    let pick: (picked: unknown) => void = () => undefined;
    const aborted = vi.fn();
    get.mockImplementationOnce(
      ({ signal }: { signal: AbortSignal }) =>
        new Promise((resolve) => {
          pick = resolve;
          signal.addEventListener('abort', aborted);
        }),
    );
    const chosen = signInWithPasskey();
    await vi.waitFor(() => expect(get).toHaveBeenCalledOnce());
    letOptionsGo();
    await settle();
    expect(aborted).not.toHaveBeenCalled();
    expect(get).toHaveBeenCalledOnce();
    const ended = expect(late).rejects.toMatchObject({ name: 'AbortError' });
    abort.abort();
    await ended;
    pick(credential(asserted));
    await chosen;
  });

  it('says when the browser has no autofill of passkeys', async () => {
    await t.open();
    vi.stubGlobal('PublicKeyCredential', {});
    await expect(signInWithPasskey({ mediation: 'conditional' })).rejects.toMatchObject({
      code: 'no_webauthn_support_error',
    });
  });

  it('has the browser forget a passkey that the server knows no more', async () => {
    await t.open();
    t.server.on('POST /users/passkeys/signin', () => ({
      status: 422,
      json: { error: '?', code: 'passkey_not_found' },
    }));
    await expect(signInWithPasskey()).rejects.toMatchObject({ code: 'passkey_not_found' });
    expect(signalUnknownCredential).toHaveBeenCalledWith({
      rpId: 'example.test',
      credentialId: b64('cred-1'),
    });
  });
});

describe('the list of passkeys', () => {
  const stored = (id: string) => ({ id, credentialId: `cred-${id}`, createdAt: '2026-01-01T00:00:00.000Z' });

  beforeEach(() => {
    t.server.on('GET /users/passkeys', () => ({ json: { passkeys: [stored('1'), stored('2')], count: 2 } }));
    t.server.on('DELETE /users/passkeys', () => undefined);
  });

  it('has dates; passkeys can be renamed', async () => {
    await t.signIn(await t.open());
    expect((await getPasskeys())[0]?.createdAt).toEqual(new Date('2026-01-01T00:00:00.000Z'));
    t.server.on('PUT /users/passkeys', () => ({ json: { ...stored('1'), alias: 'Phone' } }));
    expect(await renamePasskey({ passkeyId: '1', alias: 'Phone' })).toMatchObject({
      alias: 'Phone',
      createdAt: expect.any(Date),
    });
    expect(t.server.callsTo('PUT /users/passkeys')[0]?.body).toEqual({ id: '1', alias: 'Phone' });
    t.server.on('GET /users/mfa/methods', () => ({
      json: { devices: [], passkeys: [stored('1')], userHasVerifiedMfaMethods: true },
    }));
    expect((await getMfaMethods()).passkeys[0]?.createdAt).toBeInstanceOf(Date);
    expect(t.server.callsTo('GET /users/mfa/methods')[0]?.query.get('verifiedOnly')).toBe('true');
  });

  it('loses one: with token and legacy token, and the browser is told what remains', async () => {
    await t.open();
    await signInWithPasskey();
    t.server.on('POST /users/mfa/auth/passkey', () => ({
      json: verifyResponse({ elevatedAccessToken: elevatedToken('credential:unlink'), mfaToken: 'legacy' }),
    }));
    await authenticatePasskeyMFA({ requestedScopes: ['credential:unlink'] });
    await deletePasskey({ passkeyId: '1' });
    const [call] = t.server.callsTo('DELETE /users/passkeys');
    expect(call?.body).toEqual({ passkeyId: '1' });
    expect(call?.headers).toHaveProperty('x-dyn-elevated-access-token');
    expect(call?.headers['x-mfa-auth-token']).toBe('legacy');
    expect(signalUnknownCredential).toHaveBeenCalledWith({ rpId: 'example.test', credentialId: 'cred-1' });
    expect(signalAllAcceptedCredentials).toHaveBeenCalledWith({
      rpId: 'example.test',
      userId: b64('handle'),
      allAcceptedCredentialIds: ['cred-2'],
    });
  });

  it('tells the browser nothing of the rest when the handle of the user is not known', async () => {
    await t.signIn(await t.open());
    await deletePasskey({ passkeyId: '1' });
    expect(signalUnknownCredential).toHaveBeenCalledWith({ rpId: location.hostname, credentialId: 'cred-1' });
    expect(signalAllAcceptedCredentials).not.toHaveBeenCalled();
    await settle();
  });
});
