import type { VerifyResponse } from '@stile/api';
import type { Core } from './core.js';
import { emit } from './state.js';

/** Runs a proof of a second factor and tells the listeners how it ended. Errors go on to the caller. */
export async function mfaAttempt<T extends VerifyResponse>(
  core: Core,
  attempt: () => Promise<T>,
  deviceId?: string,
): Promise<T> {
  const device = deviceId === undefined ? undefined : { deviceId };
  try {
    const answer = await attempt();
    emit(core, 'mfaCompletionSuccess', {
      ...device,
      ...(answer.mfaToken ? { mfaToken: answer.mfaToken } : undefined),
    });
    return answer;
  } catch (error) {
    emit(core, 'mfaCompletionFailure', { ...device, error });
    throw error;
  }
}
