// @vitest-environment happy-dom
import 'fake-indexeddb/auto';
import { expect, it } from 'vitest';
import { hasElevatedAccessToken, unlinkEmail } from '../index.js';
import { elevatedToken, verifyResponse } from '../testing/fakeServer.js';
import { useHarness } from '../testing/setup.js';

const t = useHarness();

it('removes an address with a held token, and takes the answer over', async () => {
  const client = await t.open();
  await t.signIn(client, verifyResponse({ elevatedAccessToken: elevatedToken('credential:unlink') }));
  t.server.on('POST /verify/unlink', () => ({ json: verifyResponse({ minifiedJwt: 'next' }) }));
  await unlinkEmail({ verifiedCredentialId: 'c-2' });
  const [call] = t.server.callsTo('POST /verify/unlink');
  expect(call?.body).toEqual({ verifiedCredentialId: 'c-2' });
  expect(call?.headers).toHaveProperty('x-dyn-elevated-access-token');
  expect(client.token).toBe('next');
  expect(hasElevatedAccessToken('credential:unlink')).toBe(false);
});
