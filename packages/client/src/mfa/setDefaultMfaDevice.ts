import { updateMfaDeviceOperation } from '@stile/api';
import { readyCore } from '../internal/core.js';
import { request } from '../internal/request.js';
import type { StileClient } from '../types.js';

/**
 * Makes a second factor the one that is offered first. An app then also takes the codes that are sent without a device.
 *
 * @param params.deviceId `id` of what {@link getMfaDevices} or {@link getPasskeys} answers
 */
export async function setDefaultMfaDevice(
  { deviceId }: { deviceId: string },
  client?: StileClient,
): Promise<void> {
  await request(await readyCore(client), {
    ...updateMfaDeviceOperation(deviceId),
  });
}
