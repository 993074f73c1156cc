import { createRecoveryCodesOperation, type MFAGetRecoveryCodesResponse } from '@stile/api';
import { readyCore } from '../internal/core.js';
import { sentOf } from '../internal/record.js';
import { request } from '../internal/request.js';
import { fetchUser } from '../internal/session.js';
import type { StileClient } from '../types.js';

/**
 * Replaces the recovery codes of the signed-in user: the old ones end at once, and the new ones wait to be
 * acknowledged. Possible only soon after a second factor was proved in this session.
 */
export async function createNewMfaRecoveryCodes(client?: StileClient): Promise<MFAGetRecoveryCodesResponse> {
  const core = await readyCore(client);
  const since = sentOf(core.record);
  const codes = await request<MFAGetRecoveryCodesResponse>(core, {
    ...createRecoveryCodesOperation,
    shape: { recoveryCodes: 'array' },
    since,
  });
  // The user owes an acknowledgement again. The codes are shown only once, so nothing may keep them from the caller.
  await fetchUser(core, since).catch((error) =>
    core.logger.warn('Stile: the user could not be fetched', error),
  );
  return codes;
}
