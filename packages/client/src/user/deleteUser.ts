import { readyCore } from '../internal/core.js';
import { request } from '../internal/request.js';
import { signOut } from '../internal/session.js';
import type { StileClient } from '../types.js';

/**
 * Deletes the account of the signed-in user for good, with a held `user:delete` token, and signs out.
 *
 * @throws APIError 403 when a step-up is needed first
 */
export async function deleteUser(client?: StileClient): Promise<void> {
  const core = await readyCore(client);
  await request(core, { method: 'DELETE', path: '/users', elevated: ['user:delete'], mfaToken: true });
  await signOut(core, 'user-deleted');
}
