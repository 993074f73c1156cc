import { deleteUserOperation } from '@stile/api';
import { readyCore } from '../internal/core.js';
import { isTooLate } from '../internal/record.js';
import { readStored } from '../internal/recordStore.js';
import { exchange } from '../internal/request.js';
import { signOut } from '../internal/signOut.js';
import type { StileClient } from '../types.js';

/**
 * Deletes the account of the signed-in user for good, with a held `user:delete` token, and signs out.
 *
 * @throws APIError 403 when a step-up is needed first
 */
export async function deleteUser(client?: StileClient): Promise<void> {
  const core = await readyCore(client);
  const { sent } = await exchange(core, {
    ...deleteUserOperation,
    mfaToken: true,
  });
  await readStored(core);
  // Its sessions went with the account. Whoever signed in meanwhile stays.
  if (!isTooLate(core.record, sent)) await signOut(core, 'user-deleted', { revoke: false });
}
