import { type MFARegisterTotpDeviceGetResponse, registerTotpDeviceOperation } from '@stile/api';
import { readyCore } from '../internal/core.js';
import { request } from '../internal/request.js';
import type { StileClient } from '../types.js';

/**
 * Begins the enrolment of an authenticator app: answers the secret, and the `otpauth://` URI to show as a QR code. The
 * device counts once {@link authenticateTotpMfaDevice} has taken its first code. A held `credential:link` token is sent
 * along.
 *
 * @throws APIError 403 when a step-up is needed first
 */
export async function registerTotpMfaDevice(client?: StileClient): Promise<MFARegisterTotpDeviceGetResponse> {
  return request<MFARegisterTotpDeviceGetResponse>(await readyCore(client), {
    ...registerTotpDeviceOperation,
    shape: { secret: 'string', uri: 'string' },
  });
}
