import { getRecoveryCodesOperation, type MFAGetRecoveryCodesResponse } from '@stile/api';
import { readyCore } from '../internal/core.js';
import { request } from '../internal/request.js';
import type { StileClient } from '../types.js';

/**
 * The recovery codes of the signed-in user, to be written down. They can be read until they are acknowledged, and only
 * soon after a second factor was proved in this session.
 */
export async function getMfaRecoveryCodes(client?: StileClient): Promise<MFAGetRecoveryCodesResponse> {
  return request<MFAGetRecoveryCodesResponse>(await readyCore(client), {
    ...getRecoveryCodesOperation,
    shape: { recoveryCodes: 'array' },
  });
}
