import { renamePasskeyOperation, type UserPasskey, UserPasskeyDates } from '@stile/api';
import { readyCore } from '../internal/core.js';
import { request } from '../internal/request.js';
import type { StileClient } from '../types.js';

/**
 * Gives a passkey another name.
 *
 * @param params.passkeyId `id` of what {@link getPasskeys} answers
 */
export async function renamePasskey(
  { passkeyId, alias }: { passkeyId: string; alias: string },
  client?: StileClient,
): Promise<UserPasskey> {
  return request<UserPasskey>(await readyCore(client), {
    ...renamePasskeyOperation,
    shape: { id: 'string' },
    body: { id: passkeyId, alias },
    dates: UserPasskeyDates,
  });
}
