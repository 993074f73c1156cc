import {
  getMfaDevicesOperation,
  type MFADevice,
  type MFAListDevicesResponse,
  MFAListDevicesResponseDates,
} from '@stile/api';
import { readyCore } from '../internal/core.js';
import { request } from '../internal/request.js';
import type { StileClient } from '../types.js';

/** The authenticator apps of the signed-in user. Passkeys are listed by {@link getPasskeys}. */
export async function getMfaDevices(client?: StileClient): Promise<MFADevice[]> {
  const { devices } = await request<MFAListDevicesResponse>(await readyCore(client), {
    ...getMfaDevicesOperation,
    shape: { devices: 'array' },
    dates: MFAListDevicesResponseDates,
  });
  return devices;
}
