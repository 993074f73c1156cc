import { checkStepUpOperation, type Scope, type StepUpCheckResponse } from '@stile/api';
import { readyCore } from '../internal/core.js';
import { findElevatedToken } from '../internal/elevatedTokens.js';
import { request } from '../internal/request.js';
import type { StileClient } from '../types.js';

/**
 * Whether the user must prove a factor again before an action of this scope, and with which credentials that can be
 * done. A held token answers without a request, and is not spent. Never throws: when the server cannot be asked, a
 * step-up is required and `credentials` is empty. The server adds which rule asked (`reason`), and what would satisfy
 * it (`satisfiedBy`).
 *
 * One scope can guard several operations of different strictness. `operation`, an operation id of the OpenAPI document
 * such as `registerPasskey`, asks about that one; without it the answer is that of the strictest.
 */
export async function checkStepUpAuth(
  { scope, operation }: { scope: Scope; operation?: string | undefined },
  client?: StileClient,
): Promise<StepUpCheckResponse> {
  try {
    const core = await readyCore(client);
    if (findElevatedToken(core, scope)) return { isRequired: false, credentials: [] };
    const answer = await request<StepUpCheckResponse>(core, {
      ...checkStepUpOperation,
      shape: { isRequired: 'boolean', credentials: 'array' },
      body: { scope, ...(operation ? { operation } : undefined) },
    });
    const { isRequired, credentials, defaultCredentialId, reason, satisfiedBy } = answer;
    return {
      isRequired,
      credentials,
      ...(defaultCredentialId ? { defaultCredentialId } : undefined),
      ...(reason ? { reason } : undefined),
      ...(satisfiedBy ? { satisfiedBy } : undefined),
    };
  } catch {
    return { isRequired: true, credentials: [] };
  }
}
