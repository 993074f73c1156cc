import { coreOf } from '../internal/core.js';
import type { StileClient } from '../types.js';

/** Whether the user has recovery codes that wait to be shown and acknowledged. `false` when nobody is signed in. */
export function isPendingRecoveryCodesAcknowledgment(client?: StileClient): boolean {
  return coreOf(client).state.user?.mfaBackupCodeAcknowledgement === 'pending';
}
