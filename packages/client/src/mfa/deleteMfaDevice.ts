import { deleteMfaDeviceOperation } from '@stile/api';
import { ValueMustBeDefinedError } from '../errors/ValueMustBeDefinedError.js';
import { readyCore } from '../internal/core.js';
import { findElevatedToken } from '../internal/elevatedTokens.js';
import { request } from '../internal/request.js';
import type { StileClient } from '../types.js';

/**
 * Deletes an authenticator app of the signed-in user, with a held `credential:unlink` token, or, where the
 * environment's API version still takes one, a legacy MFA token.
 * `getRemovalEffect` tells before whether this session may end, or owe a second factor again.
 *
 * @param params.deviceId `id` of what {@link getMfaDevices} answers
 * @param params.mfaAuthToken legacy MFA token; `null` and an empty one count as none
 * @throws ValueMustBeDefinedError with neither token; the server is not asked then
 * @throws APIError `mfa_device_not_found`
 */
export async function deleteMfaDevice(
  { deviceId, mfaAuthToken }: { deviceId: string; mfaAuthToken?: string | null | undefined },
  client?: StileClient,
): Promise<void> {
  const core = await readyCore(client);
  const operation = deleteMfaDeviceOperation(deviceId);
  const [scope] = operation.scopes;
  if (!mfaAuthToken && !findElevatedToken(core, scope)) {
    throw new ValueMustBeDefinedError(
      `Deleting a device needs an elevated token: authenticate with requestedScopes: ['${scope}'] first`,
    );
  }
  await request(core, {
    ...operation,
    // The contract has this header always, empty where there is no such token.
    headers: { 'x-mfa-auth-token': mfaAuthToken ?? '' },
  });
}
