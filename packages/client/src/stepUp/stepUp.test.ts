// @vitest-environment happy-dom
import 'fake-indexeddb/auto';
import { afterEach, describe, expect, it, vi } from 'vitest';
import {
  checkStepUpAuth,
  deletePasskey,
  getElevatedAccessToken,
  hasElevatedAccessToken,
  refreshAuth,
  StileError,
  TokenScope,
} from '../index.js';
import { elevatedToken, jwt, verifyResponse } from '../testing/fakeServer.js';
import { useHarness } from '../testing/setup.js';

const t = useHarness();

afterEach(() => {
  vi.useRealTimers();
});

/** The server's next answer carries this elevated token. */
async function receive(token: unknown): Promise<void> {
  t.server.on('POST /refresh', () => ({ json: verifyResponse({ elevatedAccessToken: token }) }));
  await refreshAuth();
}

const peek = (scope: `${string}:${string}`) => getElevatedAccessToken({ scope, consume: false });

describe('elevated tokens (tokens.md §5)', () => {
  it('are found by scope; consuming removes a single-use one, peeking does not', async () => {
    await t.signIn(await t.open());
    const token = elevatedToken('wallet:export wallet:sign');
    await receive(token);
    expect(hasElevatedAccessToken(TokenScope.Walletexport)).toBe(true);
    expect(peek('wallet:sign')).toBe(token);
    expect(peek('wallet:sig')).toBeUndefined();
    expect(getElevatedAccessToken({ scope: 'wallet:sign' })).toBe(token);
    expect(getElevatedAccessToken({ scope: 'wallet:export' })).toBeUndefined();
  });

  it('stay when they are for several uses, until they expire', async () => {
    await t.signIn(await t.open());
    await receive(elevatedToken('payments:transfer', { singleUse: undefined }));
    expect(getElevatedAccessToken({ scope: 'payments:transfer' })).toBeDefined();
    expect(getElevatedAccessToken({ scope: 'payments:transfer' })).toBeDefined();
    vi.useFakeTimers({ now: Date.now() + 301_000, toFake: ['Date'] });
    expect(hasElevatedAccessToken('payments:transfer')).toBe(false);
  });

  it('are forgotten when the server refuses them', async () => {
    await t.signIn(await t.open());
    await receive(elevatedToken('credential:unlink', { singleUse: undefined }));
    t.server.on('DELETE /users/passkeys', () => ({
      status: 403,
      json: { error: 'not valid', code: 'elevated_token_invalid' },
    }));
    await expect(deletePasskey({ passkeyId: 'p1' })).rejects.toBeInstanceOf(StileError);
    expect(hasElevatedAccessToken('credential:unlink')).toBe(false);
  });

  it('replace those of the same set of scopes only; the first that fits is taken', async () => {
    await t.signIn(await t.open());
    const [first, newer, other] = [
      elevatedToken('a:b c:d'),
      elevatedToken('c:d a:b a:b'),
      elevatedToken('a:b'),
    ];
    await receive(first);
    await receive(other);
    await receive(newer);
    expect(getElevatedAccessToken({ scope: 'a:b' })).toBe(newer);
    expect(getElevatedAccessToken({ scope: 'a:b' })).toBe(other);
    expect(getElevatedAccessToken({ scope: 'a:b' })).toBeUndefined();
  });

  it('are ignored without scope or expiry, and past it', async () => {
    await t.signIn(await t.open());
    for (const token of [
      null,
      '',
      jwt({ exp: 4_000_000_000 }),
      jwt({ scope: 'a:b' }),
      elevatedToken('a:b', { exp: Math.floor(Date.now() / 1000) - 1 }),
    ]) {
      await receive(token);
      expect(hasElevatedAccessToken('a:b')).toBe(false);
    }
  });

  it.each([['opaque'], ['a.%%%.c'], [jwt({ scope: ['a:b'], exp: 4_000_000_000 })]])(
    'of another form fail the call before anything is stored: %s',
    async (token) => {
      const client = await t.open();
      await t.signIn(client);
      const before = client.token;
      await expect(receive(token)).rejects.toMatchObject({ code: 'invalid_param_error' });
      expect(client.token).toBe(before);
    },
  );

  it('for a single use are in memory only: a reload forgets them', async () => {
    const before = await t.open();
    await t.signIn(before);
    const token = elevatedToken('wallet:export');
    await receive(token);
    expect(Object.values(localStorage).join()).not.toContain(token);
    t.close(before);
    await t.open();
    expect(hasElevatedAccessToken('wallet:export')).toBe(false);
  });

  it('are spent when they are attached, even if the call fails', async () => {
    await t.signIn(await t.open());
    const token = elevatedToken('credential:unlink');
    await receive(token);
    t.server.on('DELETE /users/passkeys', () => ({
      status: 422,
      json: { error: 'no', code: 'passkey_not_found' },
    }));
    await expect(deletePasskey({ passkeyId: 'p' })).rejects.toMatchObject({ code: 'passkey_not_found' });
    await expect(deletePasskey({ passkeyId: 'p' })).rejects.toBeInstanceOf(StileError);
    const sent = t.server
      .callsTo('DELETE /users/passkeys')
      .map(({ headers }) => headers['x-dyn-elevated-access-token']);
    expect(sent).toEqual([token, undefined]);
  });
});

describe('checkStepUpAuth', () => {
  const required = { isRequired: true, credentials: [] };

  it('does not ask the server, nor spend anything, when a token is held', async () => {
    await t.signIn(await t.open());
    await receive(elevatedToken('wallet:export'));
    expect(await checkStepUpAuth({ scope: 'wallet:export' })).toEqual({ isRequired: false, credentials: [] });
    expect(t.server.callsTo('POST /stepUp/check')).toHaveLength(0);
    expect(hasElevatedAccessToken('wallet:export')).toBe(true);
  });

  it('answers what the server says', async () => {
    await t.signIn(await t.open());
    const answer = {
      isRequired: true,
      credentials: [{ id: 'p1', format: 'passkey', type: 'passkey', alias: 'Laptop' }],
      defaultCredentialId: 'p1',
      reason: 'scope',
      satisfiedBy: { strength: 'phishing_resistant', maxAgeSeconds: 300, singleUse: true, tokenSeconds: 300 },
    };
    t.server.on('POST /stepUp/check', () => ({ json: answer }));
    expect(await checkStepUpAuth({ scope: 'payments:transfer' })).toEqual(answer);
    expect(t.server.callsTo('POST /stepUp/check')[0]?.body).toEqual({ scope: 'payments:transfer' });
  });

  it.each([
    ['an error', { status: 500, json: { error: 'x' } }],
    ['no session', { status: 401, json: { error: 'x' } }],
    ['an empty 401', { status: 401 }],
    ['no credentials', { json: { isRequired: false } }],
    ['another type', { json: { isRequired: 'no', credentials: [] } }],
    ['nothing', { status: 204 }],
  ])('takes %s for required, with an empty list', async (_name, answer) => {
    await t.signIn(await t.open());
    t.server.on('POST /stepUp/check', () => answer);
    expect(await checkStepUpAuth({ scope: 'wallet:export' })).toEqual(required);
  });

  it('never throws: offline, without a client, with two', async () => {
    expect(await checkStepUpAuth({ scope: 'wallet:export' })).toEqual(required);
    await t.open();
    t.server.on('POST /stepUp/check', () => {
      throw new TypeError('offline');
    });
    expect(await checkStepUpAuth({ scope: 'wallet:export' })).toEqual(required);
    await t.open();
    expect(await checkStepUpAuth({ scope: 'wallet:export' })).toEqual(required);
  });
});
