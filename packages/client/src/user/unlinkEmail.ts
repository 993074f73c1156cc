import { unlinkCredentialOperation, type VerifyResponse } from '@stile/api';
import { readyCore } from '../internal/core.js';
import { authenticate } from '../internal/session.js';
import type { StileClient } from '../types.js';

/**
 * Removes an e-mail address of the signed-in user, with a held `credential:unlink` token. Sessions that the address
 * opened end; this one stays while something else that signs in was proved in it.
 * `getRemovalEffect` tells before whether this session may end, or owe a second factor again.
 *
 * @param params.verifiedCredentialId `id` of the address in `user.verifiedCredentials`
 * @throws APIError 403 when a step-up is needed first, `address_too_new`,
 *   `cannot_delete_last_sign_in_verified_credential`
 */
export async function unlinkEmail(
  { verifiedCredentialId }: { verifiedCredentialId: string },
  client?: StileClient,
): Promise<VerifyResponse> {
  const core = await readyCore(client);
  return authenticate<VerifyResponse>(core, {
    ...unlinkCredentialOperation,
    body: { verifiedCredentialId },
    mfaToken: true,
  });
}
