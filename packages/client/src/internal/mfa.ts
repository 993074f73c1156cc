import type { Scope, VerifyResponse } from '@stile/api';
import type { CreateMfaToken, StileClient } from '../types.js';
import { type Core, readyCore } from './core.js';
import { authenticate } from './session.js';
import { emit } from './state.js';
import type { Call } from './transport.js';

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

/** A proof of a second factor by a code. */
export async function proveFactor(
  client: StileClient | undefined,
  proof: {
    operation: Pick<Call, 'method' | 'path'>;
    code: string;
    deviceId?: string | undefined;
    createMfaToken: CreateMfaToken | undefined;
    requestedScopes: readonly Scope[] | undefined;
  },
): Promise<VerifyResponse> {
  const { operation, code, deviceId, createMfaToken, requestedScopes } = proof;
  const core = await readyCore(client);
  const body = {
    code,
    ...(deviceId === undefined ? undefined : { id: deviceId }),
    ...(createMfaToken ? { createMfaToken } : undefined),
    ...(requestedScopes ? { requestedScopes } : undefined),
  };
  return mfaAttempt(core, () => authenticate<VerifyResponse>(core, { ...operation, body }), deviceId);
}
