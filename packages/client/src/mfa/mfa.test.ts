// @vitest-environment happy-dom
import 'fake-indexeddb/auto';
import { describe, expect, it, vi } from 'vitest';
import {
  acknowledgeRecoveryCodes,
  authenticateMfaRecoveryCode,
  authenticateTotpMfaDevice,
  consumeMfaToken,
  createNewMfaRecoveryCodes,
  deleteMfaDevice,
  getMfaDevices,
  getMfaRecoveryCodes,
  hasElevatedAccessToken,
  isMfaRequiredForAction,
  isPendingRecoveryCodesAcknowledgment,
  isUserMissingMfaAuth,
  logout,
  MFAAction,
  MfaInvalidOtpError,
  MfaRateLimitedError,
  onEvent,
  refreshUser,
  registerTotpMfaDevice,
  renameMfaDevice,
  type StileClient,
  type StileEventName,
  setDefaultMfaDevice,
  updateUser,
} from '../index.js';
import { elevatedToken, settings, user, verifyResponse } from '../testing/fakeServer.js';
import { useHarness } from '../testing/setup.js';

const t = useHarness();

async function signedIn(patch: Record<string, unknown> = {}): Promise<StileClient> {
  const client = await t.open();
  await t.signIn(client, verifyResponse(patch));
  t.server.calls.length = 0;
  return client;
}

function record(...events: StileEventName[]): [StileEventName, unknown][] {
  const seen: [StileEventName, unknown][] = [];
  for (const event of events) onEvent({ event, listener: (payload) => seen.push([event, payload]) });
  return seen;
}

const invalid = { status: 422, json: { error: 'wrong', code: 'mfa_invalid_code' } };
const limited = {
  status: 429,
  json: { error: 'slow down', code: 'mfa_rate_limited' },
  headers: { 'retry-after': '30' },
};

describe('registerTotpMfaDevice', () => {
  const registration = { id: 'd1', type: 'totp', secret: 'JBSWY3DPEHPK3PXP', uri: 'otpauth://totp/x' };

  it('spends a held credential:link token', async () => {
    const token = elevatedToken('credential:link');
    await signedIn({ elevatedAccessToken: token });
    t.server.on('GET /users/mfa/register/totp', () => ({ json: registration }));
    expect(await registerTotpMfaDevice()).toEqual(registration);
    expect(t.server.calls[0]?.headers['x-dyn-elevated-access-token']).toBe(token);
    expect(hasElevatedAccessToken('credential:link')).toBe(false);
  });

  it('asks without one too: the server may take the sign-in, or refuse', async () => {
    await signedIn();
    t.server.on('GET /users/mfa/register/totp', () => ({
      status: 403,
      json: { error: 'Elevated access token required', code: 'elevated_token_required' },
    }));
    await expect(registerTotpMfaDevice()).rejects.toMatchObject({
      code: 'elevated_token_required',
      status: 403,
    });
    expect(t.server.calls[0]?.headers).not.toHaveProperty('x-dyn-elevated-access-token');
  });
});

describe('authenticateTotpMfaDevice', () => {
  it('sends device and scopes, holds the elevated token, tells the listeners', async () => {
    const client = await signedIn({ user: user({ scope: 'requiresAdditionalAuth' }) });
    const seen = record('mfaCompletionSuccess', 'mfaCompletionFailure');
    t.server.on('POST /users/mfa/auth/totp', () => ({
      json: verifyResponse({ elevatedAccessToken: elevatedToken('credential:unlink') }),
    }));
    await authenticateTotpMfaDevice({
      code: '123456',
      deviceId: 'd1',
      requestedScopes: ['credential:unlink'],
    });
    expect(t.server.calls[0]?.body).toEqual({
      id: 'd1',
      code: '123456',
      requestedScopes: ['credential:unlink'],
    });
    expect(client.user?.scope).toBe('user:basic');
    expect(hasElevatedAccessToken('credential:unlink')).toBe(true);
    expect(seen).toEqual([['mfaCompletionSuccess', { deviceId: 'd1' }]]);
  });

  it('sends the code alone when nothing else is asked for', async () => {
    await signedIn();
    t.server.on('POST /users/mfa/auth/totp', () => ({ json: verifyResponse() }));
    await authenticateTotpMfaDevice({ code: '123456' });
    expect(t.server.calls[0]?.body).toEqual({ code: '123456' });
  });

  it('asks for a legacy token, and the client has it', async () => {
    const client = await signedIn();
    const seen = record('mfaTokenChanged', 'mfaCompletionSuccess');
    t.server.on('POST /users/mfa/auth/totp', () => ({ json: verifyResponse({ mfaToken: 'legacy' }) }));
    await authenticateTotpMfaDevice({ code: '123456', createMfaTokenOptions: { singleUse: true } });
    expect(t.server.calls[0]?.body).toEqual({ code: '123456', createMfaToken: { singleUse: true } });
    expect(client.mfaToken).toBe('legacy');
    expect(seen).toEqual([
      ['mfaTokenChanged', { mfaToken: 'legacy' }],
      ['mfaCompletionSuccess', { mfaToken: 'legacy' }],
    ]);
  });

  it('tells a wrong code from too many of them; nothing changes', async () => {
    const client = await signedIn();
    const { token, user: before } = client;
    const seen = record('mfaCompletionFailure', 'userChanged');
    t.server.on('POST /users/mfa/auth/totp', () => invalid);
    await expect(authenticateTotpMfaDevice({ code: '000000', deviceId: 'd1' })).rejects.toBeInstanceOf(
      MfaInvalidOtpError,
    );
    t.server.on('POST /users/mfa/auth/totp', () => limited);
    const error = await authenticateTotpMfaDevice({ code: '000000' }).catch((thrown) => thrown);
    expect(error).toBeInstanceOf(MfaRateLimitedError);
    expect(error.retryAfter).toBe(30);
    expect(seen).toEqual([
      ['mfaCompletionFailure', { deviceId: 'd1', error: expect.any(MfaInvalidOtpError) }],
      ['mfaCompletionFailure', { error }],
    ]);
    expect([client.token, client.user]).toEqual([token, before]);
  });

  it('does not bring back a session that was left in the meantime', async () => {
    const client = await signedIn();
    t.server.on('POST /users/mfa/auth/totp', async () => {
      await logout();
      return { json: verifyResponse({ mfaToken: 'late', elevatedAccessToken: elevatedToken('a:b') }) };
    });
    await expect(authenticateTotpMfaDevice({ code: '123456' })).rejects.toMatchObject({
      code: 'user_not_authenticated_error',
    });
    expect([client.user, client.mfaToken, hasElevatedAccessToken('a:b')]).toEqual([null, null, false]);
  });
});

describe('authenticateMfaRecoveryCode', () => {
  it('sends what was typed, and takes the place of a device', async () => {
    const client = await signedIn();
    const seen = record('mfaCompletionSuccess');
    t.server.on('POST /users/mfa/auth/recovery', () => ({
      json: verifyResponse({ mfaToken: 'legacy', elevatedAccessToken: elevatedToken('credential:unlink') }),
    }));
    await authenticateMfaRecoveryCode({
      code: 'abcd-efgh',
      requestedScopes: ['credential:unlink'],
      createMfaTokenOptions: { singleUse: false },
    });
    expect(t.server.calls[0]?.body).toEqual({
      code: 'abcd-efgh',
      requestedScopes: ['credential:unlink'],
      createMfaToken: { singleUse: false },
    });
    expect(client.mfaToken).toBe('legacy');
    expect(hasElevatedAccessToken('credential:unlink')).toBe(true);
    expect(seen).toEqual([['mfaCompletionSuccess', { mfaToken: 'legacy' }]]);
  });

  it('tells the listeners of a used one', async () => {
    await signedIn();
    const seen = record('mfaCompletionFailure');
    t.server.on('POST /users/mfa/auth/recovery', () => invalid);
    await expect(authenticateMfaRecoveryCode({ code: 'x' })).rejects.toBeInstanceOf(MfaInvalidOtpError);
    expect(seen).toHaveLength(1);
  });
});

describe('devices', () => {
  it('are listed with dates', async () => {
    await signedIn();
    const at = '2026-01-02T03:04:05.000Z';
    const device = { id: 'd1', type: 'totp', verified: true, default: true, createdAt: at, verifiedAt: at };
    t.server.on('GET /users/mfa', () => ({
      json: { count: 2, devices: [device, { ...device, id: 'd2', verifiedAt: null }] },
    }));
    const [one, other] = await getMfaDevices();
    expect(one).toMatchObject({ id: 'd1', default: true, createdAt: new Date(at), verifiedAt: new Date(at) });
    expect(other?.verifiedAt).toBeNull();
  });

  it('are made default by a PUT without a body, and renamed by one with a name', async () => {
    await signedIn();
    t.server.on('PUT /users/mfa/d1', () => undefined);
    await setDefaultMfaDevice({ deviceId: 'd1' });
    await renameMfaDevice({ deviceId: 'd1', alias: 'Phone' });
    expect(t.server.calls.map(({ body }) => body)).toEqual([undefined, { alias: 'Phone' }]);
  });

  it('cannot name another path of the server', async () => {
    await signedIn();
    await expect(setDefaultMfaDevice({ deviceId: '../passkeys?x=' })).rejects.toMatchObject({ status: 404 });
    expect(t.server.calls[0]?.path).toBe('/users/mfa/..%2Fpasskeys%3Fx%3D');
  });
});

describe('deleteMfaDevice', () => {
  it('spends an elevated token, with an empty legacy header', async () => {
    const token = elevatedToken('credential:unlink');
    const client = await signedIn({ elevatedAccessToken: token, mfaToken: 'legacy' });
    t.server.on('DELETE /users/mfa/d1', () => undefined);
    await deleteMfaDevice({ deviceId: 'd1' });
    expect(t.server.calls[0]?.headers).toMatchObject({
      'x-dyn-elevated-access-token': token,
      'x-mfa-auth-token': '',
    });
    expect(hasElevatedAccessToken('credential:unlink')).toBe(false);
    expect(client.mfaToken).toBe('legacy');
  });

  it('sends the legacy token that it is given', async () => {
    const client = await signedIn({ mfaToken: 'legacy' });
    t.server.on('DELETE /users/mfa/d1', () => undefined);
    await deleteMfaDevice({ deviceId: 'd1', mfaAuthToken: client.mfaToken });
    expect(t.server.calls[0]?.headers['x-mfa-auth-token']).toBe('legacy');
    expect(t.server.calls[0]?.headers).not.toHaveProperty('x-dyn-elevated-access-token');
  });

  it.each([[undefined], [null], ['']])(
    'asks nothing of the server with neither (%j)',
    async (mfaAuthToken) => {
      await signedIn({ mfaToken: 'held, not given', elevatedAccessToken: elevatedToken('credential:link') });
      await expect(deleteMfaDevice({ deviceId: 'd1', mfaAuthToken })).rejects.toMatchObject({
        name: 'ValueMustBeDefinedError',
        code: 'value_must_be_defined_error',
      });
      expect(t.server.calls).toHaveLength(0);
    },
  );

  it('tells of a device that is gone', async () => {
    await signedIn({ mfaToken: 'legacy' });
    t.server.on('DELETE /users/mfa/d1', () => ({
      status: 404,
      json: { error: 'no such device', code: 'mfa_device_not_found' },
    }));
    await expect(deleteMfaDevice({ deviceId: 'd1', mfaAuthToken: 'legacy' })).rejects.toMatchObject({
      code: 'mfa_device_not_found',
    });
  });
});

describe('recovery codes', () => {
  const codes = { count: 2, recoveryCodes: ['aaaa-bbbb', 'cccc-dddd'] };

  it('are read, acknowledged without spending a token, and not pending any more', async () => {
    const client = await signedIn({
      user: user({ mfaBackupCodeAcknowledgement: 'pending' }),
      elevatedAccessToken: elevatedToken('user:update'),
      mfaToken: 'legacy',
    });
    expect(isPendingRecoveryCodesAcknowledgment()).toBe(true);
    t.server.on('GET /users/mfa/recovery', () => ({ json: codes }));
    expect(await getMfaRecoveryCodes()).toEqual(codes);
    t.server.on('PUT /users', () => ({
      json: verifyResponse({
        user: user({ mfaBackupCodeAcknowledgement: 'complete' }),
        nextView: 'done',
      }),
    }));
    expect(await acknowledgeRecoveryCodes()).toBeUndefined();
    const [call] = t.server.callsTo('PUT /users');
    expect(call?.body).toEqual({ mfaBackupCodeAcknowledgement: 'complete' });
    expect(call?.headers['x-mfa-auth-token']).toBe('legacy');
    expect(call?.headers).not.toHaveProperty('x-dyn-elevated-access-token');
    expect(isPendingRecoveryCodesAcknowledgment(client)).toBe(false);
  });

  it('are replaced, and pending again', async () => {
    await signedIn({ user: user({ mfaBackupCodeAcknowledgement: 'complete' }) });
    t.server.on('POST /users/mfa/recovery', () => ({ json: codes }));
    t.server.on('GET /users', () => ({ json: user({ mfaBackupCodeAcknowledgement: 'pending' }) }));
    expect(await createNewMfaRecoveryCodes()).toEqual(codes);
    expect(t.server.callsTo('POST /users/mfa/recovery')[0]?.body).toBeUndefined();
    expect(isPendingRecoveryCodesAcknowledgment()).toBe(true);
  });

  it('reach the caller also when the user cannot be fetched after them', async () => {
    const warn = vi.fn();
    const client = await t.open({ coreConfig: { logger: { warn, error: warn } } });
    await t.signIn(client);
    t.server.on('POST /users/mfa/recovery', () => ({ json: codes }));
    t.server.on('GET /users', () => ({ status: 503, json: { error: 'later' } }));
    expect(await createNewMfaRecoveryCodes()).toEqual(codes);
    expect(warn).toHaveBeenCalledOnce();
  });

  it('are not pending for nobody', async () => {
    await t.open();
    expect(isPendingRecoveryCodesAcknowledgment()).toBe(false);
  });
});

describe('isUserMissingMfaAuth', () => {
  it('reads the scope of the session, by whole words', async () => {
    await signedIn({ user: user({ scope: 'requiresAdditionalAuth userDataForm' }) });
    expect(isUserMissingMfaAuth()).toBe(true);
    t.server.on('GET /users', () => ({ json: user({ scope: 'user:basic' }) }));
    await refreshUser();
    expect(isUserMissingMfaAuth()).toBe(false);
  });

  it('throws when nobody is signed in', async () => {
    await t.open();
    expect(() => isUserMissingMfaAuth()).toThrow(
      expect.objectContaining({ code: 'user_not_authenticated_error' }),
    );
  });
});

describe('isMfaRequiredForAction', () => {
  const actions = [
    { action: 'wallet.waas.export', required: true },
    { action: 'wallet.waas.sign', required: false },
  ];

  async function withMfa(mfa: unknown, userHasVerifiedMfaMethods: boolean): Promise<void> {
    t.server.on('GET /settings', () => ({ json: settings({ mfa }) }));
    t.server.on('GET /users/mfa/methods', () => ({
      json: { devices: [], passkeys: [], userHasVerifiedMfaMethods },
    }));
    await signedIn();
  }

  it.each([
    ['a protected one, of a user with a method', MFAAction.WalletWaasExport, false, true, true, 1],
    ['a protected one, of a user without', MFAAction.WalletWaasExport, false, false, false, 1],
    ['a protected one where all must have a method', MFAAction.WalletWaasExport, true, false, true, 0],
    ['a rule that is off', MFAAction.WalletWaasSign, true, true, false, 0],
    ['an action without a rule', MFAAction.UserUpdate, true, true, false, 0],
  ])('%s', async (_name, mfaAction, required, has, expected, asked) => {
    await withMfa({ required, actions }, has);
    expect(await isMfaRequiredForAction({ mfaAction })).toBe(expected);
    const calls = t.server.callsTo('GET /users/mfa/methods');
    expect(calls.map(({ query }) => query.get('verifiedOnly'))).toEqual(Array(asked).fill('true'));
  });

  it('is false where the environment says nothing of MFA', async () => {
    await signedIn();
    expect(await isMfaRequiredForAction({ mfaAction: MFAAction.WalletWaasExport })).toBe(false);
  });

  it('throws when the server cannot be asked: a guess would be one of the two wrong ones', async () => {
    await withMfa({ actions }, true);
    t.server.on('GET /users/mfa/methods', () => ({ status: 500, json: { error: 'x' } }));
    await expect(isMfaRequiredForAction({ mfaAction: MFAAction.WalletWaasExport })).rejects.toMatchObject({
      status: 500,
    });
  });
});

describe('the legacy MFA token', () => {
  it('is taken once, and does not come back with a reload', async () => {
    const before = await signedIn({ mfaToken: 'legacy' });
    const seen = record('mfaTokenChanged');
    expect(consumeMfaToken()).toBe('legacy');
    expect(before.mfaToken).toBeNull();
    expect(seen).toEqual([['mfaTokenChanged', { mfaToken: null }]]);
    expect(() => consumeMfaToken()).toThrow(expect.objectContaining({ code: 'value_must_be_defined_error' }));
    await vi.waitFor(() => expect(Object.values(localStorage).join()).not.toContain('"legacy"'));
    t.close(before);
    const after = await t.open();
    expect(after.user?.id).toBe('user-1');
    expect(after.mfaToken).toBeNull();
  });

  it('goes along with a change of the profile, and stays', async () => {
    const client = await signedIn({ mfaToken: 'legacy' });
    t.server.on('PUT /users', () => ({ json: verifyResponse({ nextView: 'done' }) }));
    await updateUser({ userFields: { alias: 'Zoë' } });
    expect(t.server.callsTo('PUT /users')[0]?.headers['x-mfa-auth-token']).toBe('legacy');
    expect(client.mfaToken).toBe('legacy');
  });

  it('is forgotten when the server refuses it, and not when it refuses something else', async () => {
    const client = await signedIn({ mfaToken: 'legacy' });
    const refuse = (code: string) =>
      t.server.on('PUT /users', () => ({ status: 403, json: { error: 'no', code } }));
    refuse('elevated_token_required');
    await expect(updateUser({ userFields: { alias: 'Zoë' } })).rejects.toBeDefined();
    expect(client.mfaToken).toBe('legacy');
    refuse('mfa_token_invalid');
    await expect(updateUser({ userFields: { alias: 'Zoë' } })).rejects.toMatchObject({
      code: 'mfa_token_invalid',
    });
    expect(client.mfaToken).toBeNull();
  });

  it('is nothing to the next user', async () => {
    const client = await signedIn({ mfaToken: 'legacy' });
    t.server.on('POST /users/mfa/auth/totp', () => ({
      json: verifyResponse({ user: user({ id: 'user-2' }) }),
    }));
    await authenticateTotpMfaDevice({ code: '123456' });
    expect(client.mfaToken).toBeNull();
  });
});
