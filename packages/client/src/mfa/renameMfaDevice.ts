import { updateMfaDeviceOperation } from '@stile/api';
import { readyCore } from '../internal/core.js';
import { request } from '../internal/request.js';
import type { StileClient } from '../types.js';

/**
 * Gives an authenticator app another name.
 *
 * @param params.deviceId `id` of what {@link getMfaDevices} answers
 */
export async function renameMfaDevice(
  { deviceId, alias }: { deviceId: string; alias: string },
  client?: StileClient,
): Promise<void> {
  await request(await readyCore(client), {
    ...updateMfaDeviceOperation(deviceId),
    body: { alias },
  });
}
