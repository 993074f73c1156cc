import {
  authenticatePasskeyOperation,
  type GetPasskeyAuthenticationOptionsResponse,
  getPasskeyAuthenticationOptionsOperation,
  type Scope,
  type VerifyResponse,
} from '@stile/api';
import { NoPasskeyCredentialsFoundError } from '../errors/NoPasskeyCredentialsFoundError.js';
import { readyCore } from '../internal/core.js';
import { mfaAttempt } from '../internal/mfa.js';
import { sentOf } from '../internal/record.js';
import { request } from '../internal/request.js';
import { authenticate } from '../internal/session.js';
import { rememberPasskeyUser } from '../internal/signals.js';
import { getCredential, requireWebAuthn } from '../internal/webauthn.js';
import type { CreateMfaToken, StileClient } from '../types.js';
import type { PasskeyResponse } from './types.js';

/**
 * Has the signed-in user prove a passkey: to complete the sign-in, or, with `requestedScopes`, for an elevated access
 * token, which the client holds and attaches to the call that needs it.
 *
 * Events: `mfaCompletionSuccess`, `mfaCompletionFailure`.
 *
 * @param params.relatedOriginRpId relying party id, for a page on a related origin
 * @param params.createMfaToken asks for a legacy MFA token; use `requestedScopes` in new code
 * @param params.extensions more WebAuthn extensions, e.g. PRF inputs, as the browser takes them
 * @throws NoWebAuthNSupportError, NoPasskeyCredentialsFoundError; errors of the browser pass through
 */
export async function authenticatePasskeyMFA(
  params: {
    createMfaToken?: CreateMfaToken | undefined;
    relatedOriginRpId?: string | undefined;
    requestedScopes?: readonly Scope[] | undefined;
    extensions?: AuthenticationExtensionsClientInputs | undefined;
  } = {},
  client?: StileClient,
): Promise<PasskeyResponse> {
  const { createMfaToken, relatedOriginRpId, requestedScopes, extensions } = params;
  const core = await readyCore(client);
  return mfaAttempt(core, async () => {
    requireWebAuthn();
    const since = sentOf(core.record);
    const options = await request<GetPasskeyAuthenticationOptionsResponse>(core, {
      ...getPasskeyAuthenticationOptionsOperation,
      query: { relatedOriginRpId },
      shape: { challenge: 'string' },
      since,
    });
    if (!options.allowCredentials?.length) throw new NoPasskeyCredentialsFoundError();
    const { body, clientExtensionResults } = await getCredential(core, options, { extensions });
    const answer = await authenticate<VerifyResponse>(core, {
      ...authenticatePasskeyOperation,
      since,
      body: {
        ...body,
        ...(createMfaToken ? { createMfaToken } : undefined),
        ...(requestedScopes ? { requestedScopes } : undefined),
      },
    });
    await rememberPasskeyUser(core, {
      ...(typeof body.response.userHandle === 'string'
        ? { userHandle: body.response.userHandle }
        : undefined),
      ...(options.rpId ? { rpId: options.rpId } : undefined),
    });
    return { ...answer, clientExtensionResults };
  });
}
