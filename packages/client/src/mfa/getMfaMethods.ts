import { getMfaMethodsOperation, type MFAMethodsResponse, MFAMethodsResponseDates } from '@stile/api';
import { readyCore } from '../internal/core.js';
import { request } from '../internal/request.js';
import type { StileClient } from '../types.js';

/** The verified second factors of the signed-in user: devices (TOTP) and passkeys, and how many recovery codes are left. */
export async function getMfaMethods(client?: StileClient): Promise<MFAMethodsResponse> {
  return request<MFAMethodsResponse>(await readyCore(client), {
    ...getMfaMethodsOperation,
    shape: { devices: 'array', passkeys: 'array' },
    query: { verifiedOnly: 'true' },
    dates: MFAMethodsResponseDates,
  });
}
