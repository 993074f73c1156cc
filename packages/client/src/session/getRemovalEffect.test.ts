// @vitest-environment happy-dom
import 'fake-indexeddb/auto';
import { describe, expect, it } from 'vitest';
import { getRemovalEffect, logout, MfaEnrollment, type RemovalEffect } from '../index.js';
import { elevatedToken, jwt, settings, user, verifyResponse } from '../testing/fakeServer.js';
import { useHarness } from '../testing/setup.js';

const t = useHarness();

const CREDENTIALS = {
  mail: { id: 'mail', format: 'email', email: 'a@example.test', signInEnabled: true },
  passkey: { id: 'passkey', format: 'passkey', signInEnabled: true },
  other: { id: 'other', format: 'passkey', signInEnabled: true },
  app: { id: 'app', format: 'totp', signInEnabled: false },
};
type Name = keyof typeof CREDENTIALS;

type Case = {
  mfa?: 'off' | 'enabled' | 'signup' | 'action';
  has: Name[];
  /** What opened the session. It may be gone. */
  opener: Name;
  amr?: string[];
  /** What the held `credential:unlink` token was proved with, and how strong that was. */
  proof?: [Name, string];
  removes: Name;
  effect: RemovalEffect;
};

const MFA = {
  off: { enabled: false, required: false, enrollment: MfaEnrollment.None },
  enabled: { enabled: true, required: false, enrollment: MfaEnrollment.None },
  action: { enabled: false, required: true, enrollment: MfaEnrollment.Action },
  signup: { enabled: true, required: true, enrollment: MfaEnrollment.Signup },
};

async function effectOf({
  mfa = 'off',
  has,
  opener,
  amr = [],
  proof,
  removes,
}: Case): Promise<RemovalEffect> {
  t.server.on('GET /settings', () => ({ json: settings({ mfa: MFA[mfa] }) }));
  const client = await t.open();
  const scope = 'credential:unlink';
  await t.signIn(
    client,
    verifyResponse({
      user: user({ verifiedCredentials: has.map((name) => CREDENTIALS[name]) }),
      minifiedJwt: jwt({ signin_credential_id: opener, amr }),
      ...(proof && {
        elevatedAccessToken: elevatedToken(scope, { credential_id: proof[0], acr: proof[1] }),
      }),
    }),
  );
  return getRemovalEffect({ credentialId: removes });
}

const VERIFIED = 'phishing_resistant_verified';

describe('getRemovalEffect', () => {
  it.each<Case>([
    { has: ['mail', 'passkey'], opener: 'mail', removes: 'passkey', effect: 'stays' },
    { has: ['mail', 'passkey'], opener: 'passkey', removes: 'passkey', effect: 'may-end' },
    { has: ['mail', 'passkey', 'app'], opener: 'passkey', removes: 'app', effect: 'stays' },
    // The sign-in was with something that was removed since.
    { has: ['passkey', 'app'], opener: 'mail', removes: 'app', effect: 'may-end' },
  ])('knows what opened the session: $opener, removing $removes of $has: $effect', async (row) => {
    expect(await effectOf(row)).toBe(row.effect);
  });

  it.each<Case>([
    {
      has: ['mail', 'passkey'],
      opener: 'passkey',
      proof: ['mail', 'reauthentication'],
      removes: 'passkey',
      effect: 'stays',
    },
    {
      has: ['mail', 'passkey'],
      opener: 'passkey',
      proof: ['passkey', VERIFIED],
      removes: 'passkey',
      effect: 'may-end',
    },
    {
      has: ['other', 'passkey'],
      opener: 'passkey',
      proof: ['other', VERIFIED],
      removes: 'passkey',
      effect: 'stays',
    },
    // An app never signs in.
    {
      has: ['passkey', 'app'],
      opener: 'passkey',
      proof: ['app', 'mfa'],
      removes: 'passkey',
      effect: 'may-end',
    },
    {
      has: ['passkey', 'app'],
      opener: 'mail',
      proof: ['passkey', VERIFIED],
      removes: 'app',
      effect: 'stays',
    },
  ])('knows what the removal was proved with: $proof, removing $removes of $has: $effect', async (row) => {
    expect(await effectOf(row)).toBe(row.effect);
  });

  it.each<Case>([
    { mfa: 'enabled', has: ['mail', 'passkey'], opener: 'mail', removes: 'passkey', effect: 'stays' },
    {
      mfa: 'enabled',
      has: ['mail', 'passkey', 'app'],
      opener: 'mail',
      removes: 'passkey',
      effect: 'may-lower',
    },
    {
      mfa: 'enabled',
      has: ['mail', 'passkey', 'app'],
      opener: 'mail',
      proof: ['app', 'mfa'],
      removes: 'passkey',
      effect: 'stays',
    },
    {
      mfa: 'enabled',
      has: ['mail', 'passkey', 'app'],
      opener: 'mail',
      proof: ['passkey', VERIFIED],
      removes: 'passkey',
      effect: 'may-lower',
    },
    {
      mfa: 'enabled',
      has: ['mail', 'passkey', 'other'],
      opener: 'mail',
      proof: ['other', VERIFIED],
      removes: 'passkey',
      effect: 'stays',
    },
    // That one did not verify its user, so it is no second factor.
    {
      mfa: 'enabled',
      has: ['mail', 'passkey', 'other'],
      opener: 'mail',
      proof: ['other', 'phishing_resistant'],
      removes: 'passkey',
      effect: 'may-lower',
    },
    {
      mfa: 'enabled',
      has: ['mail', 'passkey', 'app'],
      opener: 'mail',
      proof: ['mail', 'reauthentication'],
      removes: 'app',
      effect: 'may-lower',
    },
    // Whoever has none must enrol one.
    {
      mfa: 'signup',
      has: ['mail', 'app'],
      opener: 'mail',
      proof: ['app', 'mfa'],
      removes: 'app',
      effect: 'may-lower',
    },
    {
      mfa: 'action',
      has: ['mail', 'app'],
      opener: 'mail',
      proof: ['app', 'mfa'],
      removes: 'app',
      effect: 'stays',
    },
    { mfa: 'off', has: ['mail', 'passkey', 'app'], opener: 'mail', removes: 'app', effect: 'stays' },
    // An address is no second factor, so the one that was proved stays.
    {
      mfa: 'signup',
      has: ['mail', 'passkey'],
      opener: 'passkey',
      amr: ['hwk', 'user', 'mfa'],
      removes: 'mail',
      effect: 'stays',
    },
    {
      mfa: 'signup',
      has: ['mail', 'passkey'],
      opener: 'passkey',
      amr: ['hwk', 'user'],
      removes: 'mail',
      effect: 'may-lower',
    },
  ])('knows the level, MFA $mfa: proof $proof, removing $removes of $has: $effect', async (row) => {
    expect(await effectOf(row)).toBe(row.effect);
  });

  it('warns where the id names none of the credentials, or is written otherwise', async () => {
    const client = await t.open();
    await t.signIn(client, verifyResponse({ minifiedJwt: jwt({ signin_credential_id: 'c1' }) }));
    for (const credentialId of ['C1', 'none', '']) {
      expect(getRemovalEffect({ credentialId }, client)).toBe('may-end');
    }
  });

  it('takes no proof of an elevated token that stands beside a legacy one', async () => {
    t.server.on('GET /settings', () => ({ json: settings({ mfa: MFA.enabled }) }));
    const client = await t.open();
    await t.signIn(
      client,
      verifyResponse({
        user: user({ verifiedCredentials: [CREDENTIALS.mail, CREDENTIALS.passkey, CREDENTIALS.app] }),
        minifiedJwt: jwt({ signin_credential_id: 'mail' }),
        elevatedAccessToken: elevatedToken('credential:unlink', { credential_id: 'passkey', acr: VERIFIED }),
        mfaToken: 'legacy',
      }),
    );
    expect(getRemovalEffect({ credentialId: 'app' }, client)).toBe('may-lower');
  });

  it('warns where the token says nothing', async () => {
    const client = await t.open();
    await t.signIn(client, verifyResponse({ minifiedJwt: 'opaque', jwt: 'opaque' }));
    expect(getRemovalEffect({ credentialId: 'c1' }, client)).toBe('may-end');
  });

  it('is about somebody who is signed in', async () => {
    const client = await t.open();
    await t.signIn(client);
    await logout();
    expect(() => getRemovalEffect({ credentialId: 'c1' }, client)).toThrow('Nobody is signed in');
  });
});
