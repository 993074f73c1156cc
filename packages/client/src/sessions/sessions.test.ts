// @vitest-environment happy-dom
import 'fake-indexeddb/auto';
import { expect, it } from 'vitest';
import { getSessions, revokeOtherSessions, revokeSession } from '../index.js';
import { useHarness } from '../testing/setup.js';

const t = useHarness();
const at = '2026-01-02T03:04:05.000Z';

it('lists the sessions of the user, with dates', async () => {
  await t.signIn(await t.open());
  const session = {
    id: 's1',
    createdAt: at,
    lastUsedAt: at,
    current: true,
    mfa: false,
    userAgent: 'Firefox',
  };
  t.server.on('GET /users/sessions', () => ({ json: { count: 1, sessions: [session] } }));
  expect(await getSessions()).toEqual([{ ...session, createdAt: new Date(at), lastUsedAt: new Date(at) }]);
});

it('ends one, or all others, and this one goes on', async () => {
  const client = await t.open();
  await t.signIn(client);
  t.server.on('DELETE /users/sessions/s2', () => undefined);
  t.server.on('DELETE /users/sessions', () => ({ json: { ended: 3 } }));
  await revokeSession({ sessionId: 's2' });
  expect(await revokeOtherSessions()).toBe(3);
  expect(client.user?.id).toBe('user-1');
});

it('tells when there is no such session; an id is no path', async () => {
  await t.signIn(await t.open());
  await expect(revokeSession({ sessionId: '' })).rejects.toMatchObject({
    code: 'value_must_be_defined_error',
  });
  await expect(revokeSession({ sessionId: 'a/b' })).rejects.toMatchObject({ status: 404 });
  expect(t.server.callsTo('DELETE /users/sessions')).toHaveLength(0);
  expect(t.server.callsTo('DELETE /users/sessions/a%2Fb')).toHaveLength(1);
});
