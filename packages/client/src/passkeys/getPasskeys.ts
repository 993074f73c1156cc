import type { UserPasskey } from '@stile/api';
import { readyCore } from '../internal/core.js';
import { listPasskeys } from '../internal/passkeys.js';
import type { StileClient } from '../types.js';

/** The passkeys of the signed-in user. `id` is that of the record, `credentialId` that of WebAuthn. */
export async function getPasskeys(client?: StileClient): Promise<UserPasskey[]> {
  return listPasskeys(await readyCore(client));
}
