import { authenticateTotpOperation, type Scope, type VerifyResponse } from '@stile/api';
import { proveFactor } from '../internal/mfa.js';
import type { CreateMfaToken, StileClient } from '../types.js';

/**
 * Takes a code of an authenticator app: to complete an enrolment or a sign-in, or, with `requestedScopes`, for an
 * elevated access token, which the client holds and attaches to the call that needs it.
 *
 * Events: `mfaCompletionSuccess`, `mfaCompletionFailure`.
 *
 * @param params.deviceId the device; without it, the default one of the user
 * @param params.createMfaTokenOptions asks for a legacy MFA token; use `requestedScopes` in new code
 * @throws MfaInvalidOtpError for a wrong code, and for one that was used before
 * @throws MfaRateLimitedError after too many wrong ones
 */
export async function authenticateTotpMfaDevice(
  {
    code,
    deviceId,
    createMfaTokenOptions,
    requestedScopes,
  }: {
    code: string;
    deviceId?: string | undefined;
    createMfaTokenOptions?: CreateMfaToken | undefined;
    requestedScopes?: readonly Scope[] | undefined;
  },
  client?: StileClient,
): Promise<VerifyResponse> {
  return proveFactor(client, {
    operation: authenticateTotpOperation,
    code,
    deviceId,
    createMfaToken: createMfaTokenOptions,
    requestedScopes,
  });
}
