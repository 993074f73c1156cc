import { describe, expect, it } from 'vitest';
import { methodsOf, namedOf } from './methods';

const passkey = (id: string) => ({ id, format: 'passkey' as const, alias: 'Laptop' });
const app = (id: string, alias?: string) => ({
  id,
  format: 'totp' as const,
  ...(alias ? { alias } : undefined),
});
const ids = (methods: { id: string }[]) => methods.map(({ id }) => id);

describe('methodsOf', () => {
  it('takes all passkeys for one way, and names apps', () => {
    const methods = methodsOf([passkey('p1'), app('d1', 'Phone'), passkey('p2'), app('d2')], {
      hasRecoveryCodes: false,
    });
    expect(methods.map(({ name }) => name)).toEqual(['passkey', 'Phone', 'authenticator app']);
  });

  it('puts the default first, also when it is the second passkey', () => {
    expect(ids(methodsOf([passkey('p1'), app('d1')], { defaultId: 'd1', hasRecoveryCodes: false }))).toEqual([
      'd1',
      'p1',
    ]);
    expect(
      ids(methodsOf([app('d1'), passkey('p1'), passkey('p2')], { defaultId: 'p2', hasRecoveryCodes: false })),
    ).toEqual(['p1', 'd1']);
  });

  it('offers recovery codes last, and only in place of a second factor', () => {
    expect(ids(methodsOf([app('d1')], { hasRecoveryCodes: true }))).toEqual(['d1', 'recovery']);
    const email = { id: 'e1', format: 'email' as const };
    expect(ids(methodsOf([email], { hasRecoveryCodes: true }))).toEqual(['e1']);
  });

  it('leaves out what this page cannot do', () => {
    expect(methodsOf([{ id: 'w', format: 'blockchain' }], { hasRecoveryCodes: true })).toEqual([]);
  });
});

it('namedOf has the newest first, and the default device', () => {
  const at = (day: number) => new Date(Date.UTC(2026, 0, day));
  const device = {
    id: 'd1',
    type: 'totp' as const,
    verified: true,
    default: true,
    createdAt: at(1),
    verifiedAt: null,
  };
  const stored = {
    id: 'p1',
    credentialId: 'c',
    createdAt: at(2),
    updatedAt: at(2),
    userAgent: '',
    origin: '',
    synced: true,
  };
  expect(namedOf({ devices: [device], passkeys: [stored], userHasVerifiedMfaMethods: true })).toEqual({
    named: [
      { id: 'p1', format: 'passkey' },
      { id: 'd1', format: 'totp' },
    ],
    defaultId: 'd1',
  });
  const chosen = {
    devices: [{ ...device, default: false }],
    passkeys: [stored],
    userHasVerifiedMfaMethods: true,
  };
  expect(namedOf(chosen).defaultId).toBe('p1');
});
