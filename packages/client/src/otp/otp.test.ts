// @vitest-environment happy-dom
import 'fake-indexeddb/auto';
import { describe, expect, it } from 'vitest';
import {
  hasElevatedAccessToken,
  logout,
  refreshAuth,
  type StileClient,
  sendEmailOTP,
  verifyOTP,
} from '../index.js';
import { elevatedToken, user, verifyResponse } from '../testing/fakeServer.js';
import { useHarness } from '../testing/setup.js';

const t = useHarness();

async function signedIn(patch = {}): Promise<StileClient> {
  const client = await t.open();
  await t.signIn(client, verifyResponse(patch));
  t.server.calls.length = 0;
  return client;
}

function answerVerify(patch: Record<string, unknown> = {}): void {
  t.server.on('POST /emailVerifications/verify', () => ({
    json: { ...verifyResponse(patch), nextView: 'done' },
  }));
}

describe('e-mail codes', () => {
  it('sign in, in the explicit form; scopes are dropped, allowNewMFALinking is sent', async () => {
    await t.open();
    t.server.on('POST /emailVerifications/create', () => ({
      status: 201,
      json: { verificationUUID: 'u', email: 'a@x.test' },
    }));
    t.server.on('POST /emailVerifications/signin', () => ({ json: verifyResponse() }));
    const otpVerification = await sendEmailOTP({ email: 'a@x.test' });
    expect(otpVerification).toEqual({ verificationUUID: 'u', email: 'a@x.test' });
    await verifyOTP({
      otpVerification,
      verificationToken: '123456',
      requestedScopes: ['wallet:export'],
      allowNewMFALinking: true,
    });
    const [call] = t.server.callsTo('POST /emailVerifications/signin');
    expect(call?.body).toEqual({
      verificationUUID: 'u',
      verificationToken: '123456',
      allowNewMFALinking: true,
    });
    expect(call?.headers).toHaveProperty('x-dynamic-device-signed-nonce');
    const [asked] = t.server.callsTo('POST /emailVerifications/create');
    expect(asked?.headers).toHaveProperty('x-dynamic-device-signed-nonce');
    expect(asked?.headers['x-dynamic-device-nonce']).not.toBe(call?.headers['x-dynamic-device-nonce']);
  });

  it('prove the address of the user again, in the short form, also over a reload', async () => {
    const before = await signedIn();
    await sendEmailOTP();
    expect(t.server.callsTo('POST /emailVerifications/create')[0]?.body).toEqual({ email: 'a@example.test' });
    t.close(before);
    await t.open();
    answerVerify({ elevatedAccessToken: elevatedToken('credential:link') });
    await verifyOTP({
      type: 'email',
      token: '123456',
      requestedScopes: ['credential:link'],
      allowNewMFALinking: true,
    });
    expect(t.server.callsTo('POST /emailVerifications/verify')[0]?.body).toEqual({
      verificationUUID: 'uuid-1',
      verificationToken: '123456',
      requestedScopes: ['credential:link'],
    });
    expect(hasElevatedAccessToken('credential:link')).toBe(true);
    // The code is used up.
    await expect(verifyOTP({ type: 'email', token: '123456' })).rejects.toMatchObject({
      code: 'value_must_be_defined_error',
    });
  });

  it('can be typed again after a wrong one', async () => {
    await signedIn();
    await sendEmailOTP();
    t.server.on('POST /emailVerifications/verify', () => ({
      status: 422,
      json: { error: 'wrong code', code: 'wrong_email_verification_token' },
    }));
    await expect(verifyOTP({ type: 'email', token: '000000' })).rejects.toMatchObject({
      name: 'APIError',
      code: 'wrong_email_verification_token',
      status: 422,
      docsUrl: 'docs/errors.md#wrong_email_verification_token',
    });
    answerVerify();
    await verifyOTP({ type: 'email', token: '123456' });
  });

  it('spend a credential:link token for a new address only', async () => {
    await signedIn({ elevatedAccessToken: elevatedToken('credential:link') });
    answerVerify();
    await sendEmailOTP();
    await verifyOTP({ type: 'email', token: '1' });
    await sendEmailOTP({ email: 'new@example.test' });
    await verifyOTP({ type: 'email', token: '2' });
    const sent = t.server
      .callsTo('POST /emailVerifications/verify')
      .map(({ headers }) => 'x-dyn-elevated-access-token' in headers);
    expect(sent).toEqual([false, true]);
  });

  it('need an address: given, or that of the user', async () => {
    const client = await t.open();
    await expect(sendEmailOTP()).rejects.toMatchObject({ code: 'user_not_authenticated_error' });
    await t.signIn(client, verifyResponse({ user: user({ email: null, verifiedCredentials: [] }) }));
    await expect(sendEmailOTP()).rejects.toMatchObject({ code: 'value_must_be_defined_error' });
    // The proven address comes before that of the profile.
    t.server.on('POST /refresh', () => ({
      json: verifyResponse({ user: user({ email: 'profile@example.test' }) }),
    }));
    await refreshAuth();
    await sendEmailOTP();
    expect(t.server.callsTo('POST /emailVerifications/create').at(-1)?.body).toEqual({
      email: 'a@example.test',
    });
  });

  it('are forgotten at sign-out', async () => {
    await signedIn();
    await sendEmailOTP();
    await logout();
    await expect(verifyOTP({ type: 'email', token: '1' })).rejects.toMatchObject({
      code: 'value_must_be_defined_error',
    });
  });

  it('sent by SMS go to the routes for SMS', async () => {
    await t.open();
    t.server.on('POST /smsVerifications/signin', () => ({ json: verifyResponse() }));
    const otpVerification = {
      verificationUUID: 'u',
      phoneNumber: '5551234567',
      phoneCountryCode: '1',
      isoCountryCode: 'US',
    };
    await verifyOTP({ otpVerification, verificationToken: '123456' });
    expect(t.server.callsTo('POST /smsVerifications/signin')).toHaveLength(1);
  });
});
